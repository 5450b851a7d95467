"""An OpenAI-compatible endpoint, asked as a user's client asks: what is served somewhere becomes a predictor."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from urllib.request import getproxies, proxy_bypass

from pydantic import BaseModel, ConfigDict

from ...resources.foundation.errors import DeploymentError
from ...resources.foundation.external import all_as_data, as_data
from ...resources.foundation.language import SENTENCES, Text
from ...resources.foundation.masking import redact, remember_pair
from ...resources.foundation.reasons import reason_of
from ...resources.foundation.secrets import OWN_PREFIX, references, resolve, resolve_address
from ...resources.foundation.wording import nearest
from ..compute.addresses import address_parts, check_host
from ..compute.own_servers import is_own_server
from ..data.reach import is_near

if TYPE_CHECKING:
    import httpx

REQUEST_SECONDS = 120.0
_LIST_SECONDS = 10.0
_MOST_BYTES = 8 << 20  # no answer that is waited for here comes near


class Endpoint(BaseModel):
    """Where a model answers.

    Arguments:
        url: its base, `http://127.0.0.1:8000`; a trailing `/v1` is taken off.
        model: the name requests carry.
        api_key: a reference such as `${OPENAI_API_KEY}`, resolved when it is asked; never the key itself.
        served_here: this very process serves it.
    """

    model_config = ConfigDict(frozen=True)

    url: str
    model: str
    api_key: str | None = None
    served_here: bool = False

    @property
    def base(self) -> str:
        return base_url(self.url)

    def client(self, seconds: float = REQUEST_SECONDS) -> httpx.Client:
        """A client of it. A server on this machine is asked directly, whatever proxy is set.

        Raises:
            AccessError: nobody has allowed reaching a private host, or sending the key there.
            SecretError: the key is not known.
        """
        import httpx

        from ..data.web.guarded import GuardedTransport

        address = resolve_address(self.base)
        found = httpx.URL(address)
        if found.userinfo:
            remember_pair(found.username, found.password)
        own = self.served_here or is_own_server(found.host, found.port or 443)
        headers = {}
        if self.api_key:
            ours = own and all(name.startswith(OWN_PREFIX) for name in references(self.api_key))
            headers["Authorization"] = f"Bearer {resolve(self.api_key, host=None if ours else found.host)}"
        if own:
            return httpx.Client(base_url=address, timeout=seconds, headers=headers, trust_env=False)
        check_host(address, "url")
        if not is_near(address) and found.scheme in getproxies() and not proxy_bypass(found.host):
            return httpx.Client(base_url=address, timeout=seconds, headers=headers)  # the person's proxy connects
        return httpx.Client(
            base_url=address, timeout=seconds, headers=headers, transport=GuardedTransport(), trust_env=False
        )


def base_url(url: str) -> str:
    """The address without `/v1`.

    Raises:
        DeploymentError: it is no http(s) address.
    """
    base = url.strip().rstrip("/").removesuffix("/v1")
    parts = address_parts(base)
    if parts is None or parts.scheme not in ("http", "https"):
        raise DeploymentError(
            Text(
                f"{redact(url)[:100]!r} is not the address of an endpoint.", f"「{redact(url)[:100]}」不是端點的網址。"
            ),
            Text("Give it in full, such as http://127.0.0.1:8000.", "請寫完整的網址，例如 http://127.0.0.1:8000。"),
            field="url",
        )
    return base


def whole(client: httpx.Client, method: str, path: str, content: Any = None) -> httpx.Response:
    """The whole response to one request, the body sent as JSON.

    Raises:
        httpx.HTTPError: it does not come, has no end within the client's own time, or is larger than any answer here.
    """
    import httpx

    with client.stream(method, path, json=content) as answer:
        data = b"".join(read_bounded(answer, client.timeout.read or REQUEST_SECONDS, _MOST_BYTES))
    headers = {name: answer.headers[name] for name in ("content-type",) if name in answer.headers}
    return httpx.Response(answer.status_code, headers=headers, content=data, request=answer.request)


def read_bounded(answer: httpx.Response, seconds: float, most: int) -> Iterator[bytes]:
    """The pieces of a body as they come, given up after so many seconds or bytes: some servers never stop.

    Raises:
        httpx.TransportError: it had no end by then.
    """
    import httpx

    deadline, received = time.monotonic() + seconds, 0
    for piece in answer.iter_bytes():
        received += len(piece)
        if received > most:
            raise httpx.ReadError(
                Text(
                    f"its answer does not end: more than {most >> 20} MB of it arrived",  # type: ignore[arg-type]
                    f"回應沒有結尾：已經收到超過 {most >> 20} MB",
                )
            )
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout(
                Text(
                    f"its answer had no end after {seconds:.0f} s",  # type: ignore[arg-type]
                    f"過了 {seconds:.0f} 秒回應還沒結束",
                )
            )
        yield piece


def ask(client: httpx.Client, model: str, messages: list[dict[str, str]], **options: Any) -> str:
    """One stock chat request: the model's name and the messages; `options` for what else a client may send.

    Raises:
        DeploymentError: the endpoint does not answer as the OpenAI protocol says.
    """
    import httpx

    where = redact(str(client.base_url))
    try:
        response = whole(client, "POST", "/v1/chat/completions", {"model": model, "messages": messages, **options})
        response.raise_for_status()
    except httpx.HTTPStatusError as error:
        raise _refused_error(where, model, error) from error
    except httpx.HTTPError as error:
        raise _unanswered_error(client, reason_of(error)) from error
    try:
        said = str(response.json()["choices"][0]["message"]["content"] or "")
    except (KeyError, IndexError, ValueError, TypeError, RecursionError) as error:
        raise _unanswered_error(
            client, Text("what it sent is not a chat completion.", "回傳的不是對話回答。")
        ) from error
    return said.encode("utf-8", "replace").decode("utf-8")  # half a character escaped as \ud83d is no text


def check_listed(endpoint: Endpoint) -> None:
    """Raise `DeploymentError` where nobody answers, or the endpoint lists its models and this is none of them."""
    import httpx

    try:
        with endpoint.client(_LIST_SECONDS) as client:
            listed = whole(client, "GET", "/v1/models")
            names = [str(entry["id"]) for entry in listed.json()["data"]] if listed.status_code == 200 else []
            known = bool(names) and knows(client, endpoint.model, names)
    except httpx.HTTPError as error:
        raise DeploymentError(
            Text(f"Nothing answers at {endpoint.base}.", f"{endpoint.base} 沒有回應。"),
            Text(
                "Start the server (for Ollama: ollama serve), or correct the address.",
                "請啟動伺服器（Ollama：ollama serve），或更正位址。",
            ),
            field="url",
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError):  # it does not list them: the first question tells
        return
    if names and not known:
        raise missing_model(names, endpoint.model)


def knows(client: httpx.Client, model: str, listed: Sequence[str]) -> bool:
    """Whether an endpoint that lists those names has the model: under its own name, or under one that it answers to and
    does not list."""
    if {model, f"{model}:latest"} & set(listed):
        return True
    found = whole(client, "GET", f"/v1/models/{quote(model, safe='')}")
    with contextlib.suppress(ValueError, AttributeError, RecursionError):
        return found.status_code == 200 and found.json().get("object") == "model"
    return False


def missing_model(known: Sequence[str], model: str) -> DeploymentError:
    """The error for a name that an endpoint does not list."""
    plain = {name.removesuffix(":latest"): name for name in known}  # a tag that nobody types would hide what is near
    near = [plain[name] for name in nearest(model.removesuffix(":latest"), plain)]
    has, meant = all_as_data(list(known[:8])), as_data("".join(near))
    return DeploymentError(
        Text(f"The endpoint has no model {model[:80]!r}.", f"端點沒有「{model[:80]}」這個模型。"),
        SENTENCES.join(
            [
                Text("Did you mean {meant}?", "你是指{meant}嗎？").format(meant=meant) if near else None,
                Text("It has: {has}.", "現有的模型：{has}。").format(has=has),
            ]
        ),
        field="model",
    )


def _unanswered_error(client: httpx.Client, why: Text) -> DeploymentError:
    said, where = Text(redact(why.en)[:200], redact(why.zh)[:200]), redact(str(client.base_url))
    return DeploymentError(
        Text(
            "The endpoint {where} did not answer a chat request: {said}", "端點 {where} 沒有正確回應對話請求：{said}"
        ).format(where=where, said=said),
        Text(
            "Check that it is running and speaks the OpenAI protocol; a serve job's log is shown by job_status.",
            "請確認它正在執行並支援 OpenAI 協定；serve 工作的紀錄可用 job_status 查看。",
        ),
        field="url",
    )


def _refused_error(url: str, model: str, error: httpx.HTTPStatusError) -> DeploymentError:
    status = error.response.status_code  # its body stays unsaid: anybody may have written it
    fix = Text(
        "Read that server's own log; the model's name and the address must fit.",
        "請看那台伺服器的紀錄；模型名稱與網址要正確。",
    )
    if status in (401, 403):
        fix = Text(
            "It needs another key: store it with nlp-skills secret set NAME and pass api_key='${NAME}'.",
            "它要另一把金鑰：請用 nlp-skills secret set NAME 存入，並傳入 api_key='${NAME}'。",
        )
    elif status == 404:
        fix = Text(
            "Check the model's name; for Ollama `ollama list` shows them.",
            "請檢查模型名稱；Ollama 可用 `ollama list` 查看。",
        )
    elif status == 429 or status >= 500:
        fix = Text(
            "Wait a little and call again; answers already given are kept.", "請稍候再呼叫一次；已得到的回答會保留。"
        )
    return DeploymentError(
        Text(
            f"The endpoint {url} refused a request for {model} (HTTP {status}).",
            f"端點 {url} 拒絕了對 {model} 的請求（HTTP {status}）。",
        ),
        fix,
        field="api_key" if status in (401, 403) else "model",
    )
