"""An OpenAI-compatible endpoint, asked as a user's client asks: what is served somewhere becomes a predictor."""

from __future__ import annotations

import difflib
import ipaddress
import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict

from ...resources.errors import DeploymentError
from ...resources.language import Text
from ...resources.masking import redact, remember_pair
from ...resources.secrets import resolve
from ...resources.task import Task

if TYPE_CHECKING:
    import httpx

REQUEST_SECONDS = 120.0
OLLAMA_VARIABLE = "OLLAMA_HOST"
_OLLAMA_PORT = 11434


class Endpoint(BaseModel):
    """Where a model answers.

    Arguments:
        url: its base, `http://127.0.0.1:8000`; a trailing `/v1` is taken off.
        model: the name requests carry.
        api_key: a reference such as `${OPENAI_API_KEY}`, resolved when it is asked; never the key itself.
    """

    model_config = ConfigDict(frozen=True)

    url: str
    model: str
    api_key: str | None = None

    @property
    def base(self) -> str:
        return base_url(self.url)

    def client(self, seconds: float = REQUEST_SECONDS) -> httpx.Client:
        """A client of it. A server on this machine is asked directly, whatever proxy is set."""
        import httpx

        headers = {"Authorization": f"Bearer {resolve(self.api_key)}"} if self.api_key else {}
        address = resolve(self.base, lambda value: quote(value, safe=""))
        found = httpx.URL(address)
        if found.userinfo:
            remember_pair(found.username, found.password)
        return httpx.Client(base_url=address, timeout=seconds, headers=headers, trust_env=not is_near(address))


def base_url(url: str) -> str:
    """The address without `/v1`.

    Raises:
        DeploymentError: it is no http(s) address.
    """
    base = url.strip().rstrip("/").removesuffix("/v1")
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DeploymentError(
            Text(f"{redact(url)[:100]!r} is not the address of an endpoint.", f"「{redact(url)[:100]}」不是端點的網址。"),
            Text("Give it whole, such as http://127.0.0.1:8000.", "請寫完整的網址，例如 http://127.0.0.1:8000。"),
            field="url",
        )
    return base


def ollama_url() -> str:
    """Where Ollama listens: `OLLAMA_HOST`, else this machine."""
    named = (os.environ.get(OLLAMA_VARIABLE) or "").strip().rstrip("/")
    if not named or named.startswith("0.0.0.0"):
        named = named.replace("0.0.0.0", "127.0.0.1") or "127.0.0.1"
    if "://" not in named:
        named = f"http://{named}"
    return named if urlsplit(named).port or named.startswith("https") else f"{named}:{_OLLAMA_PORT}"


def ask(client: httpx.Client, model: str, messages: list[dict[str, str]], **options: Any) -> str:
    """One stock chat request: the model's name and the messages; `options` for what else a client may send.

    Raises:
        DeploymentError: the endpoint does not answer as the OpenAI protocol says.
    """
    import httpx

    where = redact(str(client.base_url))
    try:
        response = client.post("/v1/chat/completions", json={"model": model, "messages": messages, **options})
        response.raise_for_status()
        return str(response.json()["choices"][0]["message"]["content"] or "")
    except httpx.HTTPStatusError as error:
        raise _refused(where, model, error) from error
    except (httpx.HTTPError, KeyError, IndexError, ValueError, TypeError) as error:
        said = redact(str(error) or type(error).__name__)[:200]
        raise DeploymentError(
            Text(f"The endpoint {where} did not answer a chat request: {said}", f"端點 {where} 沒有正確回應對話請求：{said}"),
            Text("Check that it runs and speaks the OpenAI protocol; a serve job's log is shown by job_status.",
                 "請確認它正在執行並支援 OpenAI 協定；serve 工作的紀錄可用 job_status 查看。"),
            field="url",
        ) from error


def check_reach(task: Task, url: str, allowed: bool) -> None:
    """Nothing, where rows of the task may be sent to that address.

    Raises:
        DeploymentError: the task is on-premise and the address is neither on this machine nor in its own network.
    """
    if task.constraints.privacy != "on-premise" or allowed or is_near(url):
        return
    host = urlsplit(url).hostname or url
    raise DeploymentError(
        Text(f"This task's data stays on-premise, and {host} is outside this machine and its network.",
             f"這個任務的資料不得離開內部環境，而 {host} 不在這台機器或內部網路。"),
        Text("Use an endpoint inside, or set allow_remote to true if the person says so.",
             "請改用內部的端點；若對方明確同意，再把 allow_remote 設為 true。"),
        field="allow_remote",
    )


def is_near(url: str) -> bool:
    """Whether every address of that host is this machine's or a private network's."""
    host = urlsplit(url).hostname or ""
    try:
        found = {str(entry[4][0]).partition("%")[0] for entry in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(_is_private(address) for address in found)


def missing_model(known: Sequence[str], model: str) -> DeploymentError:
    """The error for a name that an endpoint does not list."""
    near = difflib.get_close_matches(model, known, n=1)
    shown = ", ".join(known[:8]) or "–"
    return DeploymentError(
        Text(f"The endpoint has no model {model[:80]!r}.", f"端點沒有「{model[:80]}」這個模型。"),
        Text((f"Did you mean {near[0]!r}? " if near else "") + f"It has: {shown}.",
             (f"你是指「{near[0]}」嗎？" if near else "") + f"現有的模型：{shown}。"),
        field="model",
    )


def _is_private(address: str) -> bool:
    found = ipaddress.ip_address(address)
    return found.is_loopback or found.is_private or found.is_link_local


def _refused(url: str, model: str, error: httpx.HTTPStatusError) -> DeploymentError:
    status, body = error.response.status_code, redact(error.response.text)[:200]
    fix = Text("Read what it says; the model's name and the address must fit.", "請看它的說明；模型名稱與網址要正確。")
    if status in (401, 403):
        fix = Text("It wants another key: store it with nlp-skills secret set NAME and pass api_key='${NAME}'.",
                   "它要另一把金鑰：請用 nlp-skills secret set NAME 存入，並傳入 api_key='${NAME}'。")
    elif status == 404:
        fix = Text("Check the model's name; for Ollama `ollama list` shows them.",
                   "請檢查模型名稱；Ollama 可用 `ollama list` 查看。")
    elif status == 429 or status >= 500:
        fix = Text("Wait a little and call again; answers already given are kept.", "請稍候再呼叫一次；已得到的回答會保留。")
    return DeploymentError(
        Text(f"The endpoint {url} refused a request for {model} (HTTP {status}): {body}",
             f"端點 {url} 拒絕了對 {model} 的請求（HTTP {status}）：{body}"),
        fix, field="api_key" if status in (401, 403) else "model",
    )
