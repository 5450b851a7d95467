"""Whether what was deployed still answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...resources.foundation.errors import NlpSkillsError
from ...resources.foundation.language import Text
from ..evaluate.endpoint import Endpoint, knows, whole

if TYPE_CHECKING:
    import httpx

    from .target import Live

SECONDS = 2.0


def answers_at(live: Live) -> Text | None:
    """None where the endpoint is alive at this moment and lists the model, else what is wrong."""
    import httpx  # with the sixty modules it brings, only where something is asked

    if live.url is None:
        return None
    try:
        with Endpoint(url=live.url, model=live.model, api_key=live.api_key).client(SECONDS) as client:
            if live.job and _is_up(client):
                return None  # our own process, which serves this one model
            found = whole(client, "GET", "/v1/models")
            if found.status_code == 404 and _is_up(client):
                return None  # it lists nothing
            if found.status_code != 200:
                return Text(
                    f"{live.url} answers with HTTP {found.status_code}.", f"{live.url} 回應 HTTP {found.status_code}。"
                )
            names = [str(entry.get("id")) for entry in found.json().get("data", [])]
            if knows(client, live.model, names):
                return None
    except NlpSkillsError as error:
        return error.problem
    except (httpx.HTTPError, ValueError, AttributeError, TypeError, RecursionError):
        return Text(f"{live.url} does not answer.", f"{live.url} 沒有回應。")
    return Text(f"{live.url} no longer has {live.model}.", f"{live.url} 已經沒有 {live.model}。")


def _is_up(client: httpx.Client) -> bool:
    return whole(client, "GET", "/health").status_code == 200
