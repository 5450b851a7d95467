"""Asking an OpenAI-compatible endpoint; for rows, each answer is kept by the hash of its request."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....resources.foundation.access import Need
from ....resources.foundation.clock import now
from ....resources.foundation.errors import DataSourceError, MissingRequirement
from ....resources.foundation.files import read_json, sha256_bytes, write_json
from ....resources.foundation.json_object import JsonObject
from ....resources.foundation.language import Text
from ....resources.foundation.secrets import host_of, redact, resolve, resolve_address
from ...compute.addresses import check_host
from ..expense import tokens_of
from ..rows import Record
from ..web.client import retry_after
from ..web.failures import asked_to_wait
from ..web.guarded import guarded_httpx2_transport
from ..web.needs import needs_of

if TYPE_CHECKING:
    from openai import OpenAI

OPENAI_URL = "https://api.openai.com/v1"
_BEGINNING = re.compile(r"[\[{]")
_TIGHT_TOKENS = 16_384  # a limit above what models write at all is not sent: servers refuse one above their own
_MOST_TRIES = 2000  # an answer of brackets alone must not take for ever


@dataclass(frozen=True)
class Said:
    """An answer's text, the tokens it took, whether it was kept from before, how sure the model was where it says so."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    kept: bool = False
    confidence: float | None = None
    model: str | None = None


class Endpoint:
    """One model at one address.

    Arguments:
        wishes: what is asked for besides (`response_format`, `logprobs`, …); left out where the server refuses it.
        field: how errors name what the person set.
    """

    def __init__(
        self,
        *,
        model: str,
        base_url: str | None,
        key: str,
        temperature: float,
        timeout: float,
        retries: int,
        wishes: JsonObject,
        field: str,
    ) -> None:
        self.model, self.base_url = model, base_url
        self._temperature, self._field, self._wishes = temperature, field, wishes
        self._limits: tuple[str | None, ...] = ("max_tokens", "max_completion_tokens", None)
        self._client = _client(base_url, key, timeout, retries)

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, messages: list[dict[str, str]], most_tokens: int | None = None) -> Said:
        """The answer to `messages`; its tokens are estimated where the server does not count them.

        Arguments:
            most_tokens: more must not be written.

        Raises:
            DataSourceError: the endpoint cannot be reached, refuses the key or the model, or keeps failing.
        """
        completion = self._completion(messages, most_tokens)
        choices = getattr(completion, "choices", None)
        if not isinstance(choices, list):  # a page, or JSON of something else
            raise self._describe_error(ValueError("its answer is not a chat completion"))
        usage, written = completion.usage, choices[0].message.content or "" if choices else ""
        return Said(
            redact(written),
            getattr(usage, "prompt_tokens", None) or sum(tokens_of(message["content"]) for message in messages),
            getattr(usage, "completion_tokens", None) or tokens_of(written),
            confidence=_confidence(choices[0]) if choices else None,
            model=completion.model,
        )

    def _completion(self, messages: list[dict[str, str]], most_tokens: int | None) -> Any:
        import openai

        wishes, limit = self._wishes, self._limits[0] if most_tokens and most_tokens <= _TIGHT_TOKENS else None
        asked: JsonObject = {"model": self.model, "messages": messages, "temperature": self._temperature, **wishes}
        if limit:
            asked[limit] = most_tokens
        try:
            return self._client.chat.completions.create(**asked)
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            if limit and limit in str(error):  # named otherwise, or not known
                self._limits = self._limits[1:]
                return self._completion(messages, most_tokens)
            if wishes:  # many servers do not know them
                self._wishes = {}
                return self._completion(messages, most_tokens)
            raise self._describe_error(error) from None
        except (openai.OpenAIError, ValueError) as error:
            raise self._describe_error(error) from None

    def _describe_error(self, error: Exception) -> DataSourceError:
        import openai

        where, field = self.base_url or "api.openai.com", self._field
        status = getattr(error, "status_code", None)  # the answer's body stays unsaid: anybody may have written it
        said = (
            f"HTTP {status}"
            if status
            else redact(str(error))[:200]
            if isinstance(error, ValueError)
            else type(error).__name__
        )
        if isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError)):
            return DataSourceError(
                Text(f"{where} does not accept the key.", f"{where} 不接受這組金鑰。"),
                Text(
                    "Store the right one: nlp-skills secret set OPENAI_API_KEY (or the name in api_key). Without a key, "
                    "the model in this chat can write the rows.",
                    "請存入正確的金鑰：nlp-skills secret set OPENAI_API_KEY（或 api_key 裡的名稱）。"
                    "沒有金鑰時，可以請這個對話的模型寫。",
                ),
                field=f"{field}.api_key",
            )
        if isinstance(error, openai.NotFoundError):
            return DataSourceError(
                Text(
                    f"{where} has no model {self.model!r}, or is not an OpenAI-compatible address.",
                    f"{where} 沒有模型「{self.model}」，或不是 OpenAI 相容的位址。",
                ),
                Text(
                    "Check model, and that base_url ends as the server says (often /v1).",
                    "請檢查 model，以及 base_url 的結尾（通常是 /v1）。",
                ),
                field=f"{field}.model",
            )
        if isinstance(error, openai.RateLimitError):
            refused = DataSourceError(
                Text(
                    f"{where} says that there were too many requests, or that the credit is used up: {said}",
                    f"{where} 表示請求太多，或額度已用完：{said}",
                ),
                Text(
                    "Check the account, then call the same tool again; answers received are kept and not paid for "
                    "again.",
                    "請檢查帳戶，再呼叫同一個工具；已收到的回答會保留，不會重複計費。",
                ),
                field=f"{field}.base_url",
            )
            wait = retry_after(error.response.headers)
            return asked_to_wait(refused, wait) if wait else refused
        if isinstance(error, openai.APITimeoutError):
            return DataSourceError(
                Text(f"{where} did not answer in time.", f"{where} 沒有在時限內回應。"),
                Text(
                    "Lower rows_per_request or raise timeout_seconds; answers received are kept.",
                    "請調低 rows_per_request 或調高 timeout_seconds；已收到的回答會保留。",
                ),
                field=f"{field}.base_url",
            )
        if isinstance(error, openai.APIConnectionError):
            return DataSourceError(
                Text(f"{where} cannot be reached.", f"無法連上 {where}。"),
                Text(
                    "Start the server (Ollama: http://localhost:11434/v1) or check base_url; answers received are kept.",
                    "請啟動伺服器（Ollama：http://localhost:11434/v1）或檢查 base_url；已收到的回答會保留。",
                ),
                field=f"{field}.base_url",
            )
        return DataSourceError(
            Text(f"{where} failed: {said}", f"{where} 發生錯誤：{said}"),
            Text(
                "Try again later; answers received are kept and not paid for again.",
                "請稍後再試；已收到的回答會保留，不會重複計費。",
            ),
            field=f"{field}.model",
        )


class KeptAnswers:
    """The answers of one model at one address, kept as `<request hash>.json`, so that none is paid for twice; never the
    key."""

    def __init__(self, folder: Path, model: str, base_url: str | None, temperature: float) -> None:
        self._folder = folder
        self._asked = {"model": model, "base_url": base_url, "temperature": temperature}

    def find_answer(self, messages: list[dict[str, str]], number: int) -> Said | None:
        """The answer to `messages` where it was given before; `number` tells apart requests that say the same."""
        file = self._file(self._request(messages, number))
        if not file.is_file():
            return None
        kept = read_json(file)
        return Said(kept["answer"], kept["usage"]["prompt_tokens"], kept["usage"]["completion_tokens"], kept=True)

    def ask(
        self, endpoint: Endpoint, messages: list[dict[str, str]], number: int, most_tokens: int | None = None
    ) -> Said:
        """The endpoint's answer, kept from now on.

        Raises:
            DataSourceError: as `Endpoint.ask`.
        """
        said, request = endpoint.ask(messages, most_tokens), self._request(messages, number)
        self._folder.mkdir(parents=True, exist_ok=True)
        write_json(
            self._file(request),
            {
                "format": 1,
                "request": request,
                "answer": said.text,
                "usage": {"prompt_tokens": said.prompt_tokens, "completion_tokens": said.completion_tokens},
                "model": said.model,
                "created": now(),
            },
        )
        return said

    def _request(self, messages: list[dict[str, str]], number: int) -> JsonObject:
        return {**self._asked, "messages": messages, "number": number}

    def _file(self, request: JsonObject) -> Path:
        digest = sha256_bytes(json.dumps(request, sort_keys=True, ensure_ascii=False).encode())[:16]
        return self._folder / f"{digest}.json"


def _confidence(choice: Any) -> float | None:
    """How likely the model thought its whole answer; None where the server does not say."""
    tokens = getattr(getattr(choice, "logprobs", None), "content", None) or []
    if not tokens:
        return None
    return round(math.exp(min(0.0, sum(float(token.logprob) for token in tokens))), 4)


def _client(base_url: str | None, key: str, timeout: float, retries: int) -> OpenAI:
    try:
        import openai
    except ImportError as error:
        raise MissingRequirement(
            Text(
                "Having rows written by a model needs the openai client, which this job's environment lacks.",
                "請模型寫資料需要 openai 套件，但執行此工作的環境沒有安裝。",
            ),
            Text("Install it: pip install 'nlp-skills[generate]'.", "請安裝：pip install 'nlp-skills[generate]'。"),
        ) from error
    address = resolve_address(base_url) if base_url else OPENAI_URL
    check_host(address, "base_url")
    return openai.OpenAI(
        api_key=key,
        base_url=address,
        timeout=timeout,
        max_retries=retries,
        http_client=openai.DefaultHttpxClient(transport=guarded_httpx2_transport()),
    )


def missing_permissions(base_url: str | None, api_key: str | None, field: str) -> list[Need]:
    """What the person has to allow before that endpoint is asked with that key."""
    return needs_of(base_url or OPENAI_URL, f"{field}.base_url", (api_key,))


def key_for(base_url: str | None, api_key: str | None) -> str:
    """The key itself: the one named, else OpenAI's own where nothing else is asked.

    Raises:
        SecretError: it is not known.
        AccessError: the person has not allowed sending it to that host.
    """
    if api_key is None and base_url is not None:
        return "none"
    return resolve(api_key or "${OPENAI_API_KEY}", host=host_of(base_url or OPENAI_URL))


def parsed_rows(text: str, fields: Collection[str] = ("text",)) -> list[Record]:
    """The objects of an answer: `{"rows": […]}`, a bare list, one object a line; inside prose or a code fence too.

    Arguments:
        fields: an object of its own is a row where it has one of them.
    """
    decoder, lines, at = json.JSONDecoder(), list[Record](), 0
    for _ in range(_MOST_TRIES):
        begun = _BEGINNING.search(text, at)
        if begun is None:
            break
        at = begun.start() + 1
        try:
            value, end = decoder.raw_decode(text, begun.start())
        except (ValueError, RecursionError):
            continue
        rows = value.get("rows") if isinstance(value, dict) else value
        if isinstance(rows, list) and any(isinstance(row, dict) for row in rows):
            return [row for row in rows if isinstance(row, dict)]
        if isinstance(value, dict) and any(field in value for field in fields):
            lines.append(value)
            at = end
    return lines
