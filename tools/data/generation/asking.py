"""Asking an OpenAI-compatible endpoint, each answer kept by the hash of its request."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ....resources.clock import now
from ....resources.errors import DataSourceError, MissingRequirement
from ....resources.files import read_json, sha256_bytes, write_json
from ....resources.language import Text
from ....resources.secrets import redact, resolve

if TYPE_CHECKING:
    from openai import OpenAI

_BEGINNING = re.compile(r"[\[{]")
_MOST_TRIES = 2000  # an answer of brackets alone must not take for ever
_ROWS = {"type": "json_schema", "json_schema": {"name": "rows", "schema": {
    "type": "object", "required": ["rows"], "properties": {"rows": {"type": "array", "items": {
        "type": "object", "required": ["text", "label"],
        "properties": {name: {"type": "string"} for name in ("text", "entity", "label")}}}}}}}


@dataclass(frozen=True)
class Said:
    """An answer's text, the tokens it took, and whether it was kept from before."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    kept: bool


class Endpoint:
    """One model at one address.

    Arguments:
        folder: where answers are kept, `<request hash>.json` each; never the key.
        field: how errors name the source.
    """

    def __init__(
        self, *, model: str, base_url: str | None, key: str, temperature: float, timeout: float, retries: int,
        folder: Path, field: str,
    ) -> None:
        self._model, self._base_url, self._temperature = model, base_url, temperature
        self._folder, self._field = folder, field
        self._shaped = True
        self._client = _client(base_url, key, timeout, retries)

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, messages: list[dict[str, str]], number: int) -> Said:
        """The answer to `messages`; `number` tells apart requests that say the same.

        Raises:
            DataSourceError: the endpoint cannot be reached, refuses the key or the model, or keeps failing.
        """
        request = {"model": self._model, "base_url": self._base_url, "temperature": self._temperature,
                   "messages": messages, "number": number}
        digest = sha256_bytes(json.dumps(request, sort_keys=True, ensure_ascii=False).encode())[:16]
        file = self._folder / f"{digest}.json"
        if file.is_file():
            kept = read_json(file)
            return Said(kept["answer"], kept["usage"]["prompt_tokens"], kept["usage"]["completion_tokens"], True)
        completion = self._completion(messages)
        text = redact(completion.choices[0].message.content or "") if completion.choices else ""
        usage = {"prompt_tokens": getattr(completion.usage, "prompt_tokens", 0) or 0,
                 "completion_tokens": getattr(completion.usage, "completion_tokens", 0) or 0}
        self._folder.mkdir(parents=True, exist_ok=True)
        write_json(file, {"format": 1, "request": request, "answer": text, "usage": usage,
                          "model": completion.model, "created": now()})
        return Said(text, usage["prompt_tokens"], usage["completion_tokens"], False)

    def _completion(self, messages: list[dict[str, str]]) -> Any:
        import openai

        shape: dict[str, Any] = {"response_format": _ROWS} if self._shaped else {}
        try:
            return self._client.chat.completions.create(
                model=self._model, messages=messages, temperature=self._temperature, **shape)  # type: ignore[arg-type]
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            if self._shaped:  # many servers do not know response_format
                self._shaped = False
                return self._completion(messages)
            raise self._described(error) from None
        except (openai.OpenAIError, ValueError) as error:
            raise self._described(error) from None

    def _described(self, error: Exception) -> DataSourceError:
        import openai

        where, field = self._base_url or "api.openai.com", self._field
        said = redact(str(getattr(error, "message", error)))[:200]
        if isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError)):
            return DataSourceError(
                Text(f"{where} does not accept the key.", f"{where} 不接受這組金鑰。"),
                Text("Store the right one: nlp-skills secret set OPENAI_API_KEY (or the name in api_key). Without a key, "
                     "the model in this chat can write the rows.",
                     "請存入正確的金鑰：nlp-skills secret set OPENAI_API_KEY（或 api_key 裡的名稱）。"
                     "沒有金鑰時，可以請這個對話的模型寫。"), field=f"{field}.api_key")
        if isinstance(error, openai.NotFoundError):
            return DataSourceError(
                Text(f"{where} has no model {self._model!r}, or is not an OpenAI-compatible address.",
                     f"{where} 沒有模型「{self._model}」，或不是 OpenAI 相容的位址。"),
                Text("Check model, and that base_url ends as the server says (often /v1).",
                     "請檢查 model，以及 base_url 的結尾（通常是 /v1）。"), field=f"{field}.model")
        if isinstance(error, openai.RateLimitError):
            return DataSourceError(
                Text(f"{where} says that too much was asked for, or that the credit is used up: {said}",
                     f"{where} 表示請求太多，或額度已用完：{said}"),
                Text("Check the account, then call the same tool again; answers received are kept and not paid again.",
                     "請檢查帳戶，再呼叫同一個工具；已收到的回答會保留，不會重複計費。"), field=f"{field}.base_url")
        if isinstance(error, openai.APITimeoutError):
            return DataSourceError(
                Text(f"{where} did not answer in time.", f"{where} 沒有在時限內回應。"),
                Text("Lower rows_per_request or raise timeout_seconds; answers received are kept.",
                     "請調低 rows_per_request 或調高 timeout_seconds；已收到的回答會保留。"), field=f"{field}.base_url")
        if isinstance(error, openai.APIConnectionError):
            return DataSourceError(
                Text(f"{where} cannot be reached.", f"無法連上 {where}。"),
                Text("Start the server (Ollama: http://localhost:11434/v1) or check base_url; answers received are kept.",
                     "請啟動伺服器（Ollama：http://localhost:11434/v1）或檢查 base_url；已收到的回答會保留。"),
                field=f"{field}.base_url")
        return DataSourceError(
            Text(f"{where} failed: {said}", f"{where} 發生錯誤：{said}"),
            Text("Try again later; answers received are kept and not paid again.",
                 "請稍後再試；已收到的回答會保留，不會重複計費。"), field=f"{field}.model")


def _client(base_url: str | None, key: str, timeout: float, retries: int) -> OpenAI:
    try:
        import openai
    except ImportError as error:
        raise MissingRequirement(
            Text("Having rows written by a model needs the openai client, and the environment of this job lacks it.",
                 "請模型寫資料需要 openai 套件，但執行此工作的環境沒有安裝。"),
            Text("Install it: pip install 'nlp-skills[generate]'.", "請安裝：pip install 'nlp-skills[generate]'。")
        ) from error
    address = resolve(base_url, lambda value: quote(value, safe="")) if base_url else "https://api.openai.com/v1"
    return openai.OpenAI(api_key=key, base_url=address, timeout=timeout, max_retries=retries)


def parsed_rows(text: str) -> list[dict[str, Any]]:
    """The objects of an answer: `{"rows": […]}`, a bare list, one object a line; inside prose or a code fence too."""
    decoder, lines, at = json.JSONDecoder(), list[dict[str, Any]](), 0
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
        if isinstance(value, dict) and "text" in value:
            lines.append(value)
            at = end
    return lines
