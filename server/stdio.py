"""Standard input and output as MCP's wire: every line that asks something gets an answer, also one that is no request."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, BinaryIO

import anyio
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp_types import INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError, jsonrpc_message_adapter
from pydantic import ValidationError

from ..resources.foundation.language import Text

MOST_LINE_BYTES = 16 << 20
DEEPEST = 64  # levels of lists and objects; no call of ours needs ten
_LONGEST_ID = 200
_MOST_COMMAS = 100_000  # of a message that is worth parsing
_ID = re.compile(r'"id"\s*:\s*("(?:[^"\\]|\\.){0,200}"|-?[0-9]{1,18})\s*[,}]')
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Unreadable(Exception):
    """A line that is no message: its code, why, and the id it is answered under where it tells one."""

    def __init__(self, code: int, why: Text, number: str | int | None = None) -> None:
        super().__init__(why.en)
        self.code, self.why, self.number = code, why, number

    def answer(self) -> SessionMessage:
        return SessionMessage(
            JSONRPCError(jsonrpc="2.0", id=self.number, error=ErrorData(code=self.code, message=str(self.why)))
        )


class CheckedLines:
    """The lines of a binary stream that are messages; the others are answered with their error.

    Arguments:
        file: where they come from; read in a thread, a line at a time and never more than `MOST_LINE_BYTES` of it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sent: Any = None

    def __aiter__(self) -> CheckedLines:
        return self

    async def __anext__(self) -> str:
        while True:
            line = await anyio.to_thread.run_sync(self._line, abandon_on_cancel=True)
            if line is None:
                raise StopAsyncIteration
            if isinstance(line, str):
                return line
            await self.sent.send(line.answer())

    def _line(self) -> str | Unreadable | None:
        """The next line that is not blank, checked; None at the end."""
        while line := self._file.readline(MOST_LINE_BYTES + 1):
            if len(line) > MOST_LINE_BYTES and not line.endswith(b"\n"):
                while (rest := self._file.readline(MOST_LINE_BYTES)) and not rest.endswith(b"\n"):
                    pass
            if line.strip():
                try:
                    return check_line(line)
                except Unreadable as error:
                    return error
        return None


def check_line(line: bytes) -> str:
    """The line as text, if it is one JSON-RPC message.

    Raises:
        Unreadable: it is too long, no JSON, nested too deep, holds half a character, or is no message.
    """
    text = line.decode("utf-8", "replace")
    number = _told_id(text)
    if len(line) > MOST_LINE_BYTES:
        raise Unreadable(
            INVALID_REQUEST,
            Text("The message is longer than 16 MB; send less at once.", "訊息超過 16 MB，請一次少送一點。"),
            number,
        )
    if line.count(b",") > _MOST_COMMAS:
        raise Unreadable(
            INVALID_REQUEST,
            Text(
                "The message holds too many values; put rows into a file and name it as a source.",
                "訊息的內容太多，請把資料列存成檔案，再指定為資料來源。",
            ),
            number,
        )
    try:
        message = json.loads(text)
    except RecursionError:
        raise _too_deep(number) from None
    except ValueError:
        raise Unreadable(
            PARSE_ERROR, Text("The line is not one valid JSON message.", "這一行不是有效的 JSON 訊息。"), number
        ) from None
    if not isinstance(message, dict):
        raise Unreadable(
            INVALID_REQUEST,
            Text(
                "A message is one JSON object per line; lists of messages are not accepted.",
                "一行必須是一個 JSON 物件；不接受成批的訊息。",
            ),
        )
    given = message.get("id")
    if "id" in message and (
        isinstance(given, bool)
        or not isinstance(given, (str, int))
        or len(str(given)) > _LONGEST_ID
        or _SURROGATE.search(str(given))
    ):
        raise Unreadable(
            INVALID_REQUEST, Text("The id must be a short text or a whole number.", "id 必須是簡短的文字或整數。")
        )
    number = given
    if _is_deep(message):
        raise _too_deep(number)
    if "\\u" in text and _SURROGATE.search(json.dumps(message, ensure_ascii=False)):
        raise Unreadable(
            INVALID_PARAMS,
            Text(
                "The message contains an incomplete character (a lone surrogate); send complete text.",
                "訊息裡有不完整的字元（單獨的 surrogate），請送完整的文字。",
            ),
            number,
        )
    answers = "result" in message or "error" in message
    if message.get("jsonrpc") != "2.0" or not (answers or isinstance(message.get("method"), str)):
        raise Unreadable(
            INVALID_REQUEST,
            Text(
                'A message needs "jsonrpc": "2.0" and the name of a method.',
                '訊息必須有 "jsonrpc": "2.0" 與方法名稱 method。',
            ),
            number,
        )
    if not isinstance(message.get("params", {}), dict):
        raise Unreadable(INVALID_REQUEST, Text("params must be an object.", "params 必須是物件。"), number)
    try:
        jsonrpc_message_adapter.validate_json(text, by_name=False)
    except (ValidationError, ValueError):
        raise Unreadable(
            INVALID_REQUEST,
            Text(
                "The message is not a request, notification or response of JSON-RPC 2.0.",
                "訊息不是 JSON-RPC 2.0 的請求、通知或回應。",
            ),
            number,
        ) from None
    return text


@asynccontextmanager
async def checked_stdio() -> AsyncIterator[tuple[Any, Any]]:
    """The wire over this process's standard streams, for as long as the block runs."""
    wire = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # what is started meanwhile must not read from the wire
    os.close(nothing)
    lines = CheckedLines(os.fdopen(wire, "rb", closefd=False))
    try:
        async with stdio_server(stdin=lines) as (received, sent):  # type: ignore[arg-type]
            lines.sent = sent
            yield received, sent
    except* (BrokenPipeError, ConnectionResetError):  # the client is gone: nobody is left to answer
        # What is still buffered would fail once more when Python flushes it at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _told_id(text: str) -> str | int | None:
    """The id that a line tells, read without understanding the line."""
    found = _ID.search(text[:2000]) or _ID.search(text[-2000:])
    if not found:
        return None
    value: str | int = json.loads(found[1])
    return None if isinstance(value, str) and _SURROGATE.search(value) else value


def _too_deep(number: str | int | None) -> Unreadable:
    return Unreadable(
        INVALID_REQUEST,
        Text(f"Lists and objects may be nested {DEEPEST} deep at most.", f"清單與物件最多只能有 {DEEPEST} 層。"),
        number,
    )


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for one in level
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True
