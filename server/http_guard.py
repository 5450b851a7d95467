"""What stands before the MCP server over HTTP: own names compared whole, bodies within measure, connections that say nothing
closed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_BODY_BYTES = 16 << 20
PATIENCE_SECONDS = 15.0  # for a whole request to arrive
_HOST = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(?::([0-9]{1,5}))?")
_MOST_PORT = 65535


class RequireOwnName:
    """ASGI middleware: a request whose `Host` or `Origin` is not one of the server's own goes no further.

    Arguments:
        names: hosts this server goes by; any port passes.
        hosts, origins: further values, compared as they stand.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str], hosts: Iterable[str], origins: Iterable[str]) -> None:
        self._app, self._names = app, frozenset(names)
        self._hosts, self._origins = frozenset(hosts), frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            hosts, origins = headers.getlist("host"), headers.getlist("origin")
            if len(hosts) != 1 or not (hosts[0] in self._hosts or self._is_own(hosts[0])):
                await PlainTextResponse("Invalid Host header", status_code=421)(scope, receive, send)
                return
            if len(origins) > 1 or (
                origins and origins[0] not in self._origins and not self._is_own_origin(origins[0])
            ):
                await PlainTextResponse("Invalid Origin header", status_code=403)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_own(self, host: str) -> bool:
        found = _HOST.fullmatch(host)
        return bool(found) and found[1].lower() in self._names and int(found[2] or 0) <= _MOST_PORT  # type: ignore[index]

    def _is_own_origin(self, origin: str) -> bool:
        scheme, separator, host = origin.partition("://")
        return scheme == "http" and bool(separator) and self._is_own(host)


class LimitBody:
    """ASGI middleware: a body larger than `MOST_BODY_BYTES` is answered 413 and not read on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if not announced.isdigit() or int(announced) > MOST_BODY_BYTES:
            await PlainTextResponse("The request is larger than 16 MB", status_code=413)(scope, receive, send)
            return
        received = 0

        async def receive_bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message if received <= MOST_BODY_BYTES else {"type": "http.disconnect"}

        await self._app(scope, receive_bounded, send)


class ImpatientProtocol(H11Protocol):
    """HTTP/1.1 whose connection is closed where a whole request has not arrived within `PATIENCE_SECONDS`."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        cycle = self.cycle
        if cycle and not cycle.more_body and not cycle.response_complete:
            self._stop_waiting()  # the request is whole, and being answered
        elif self._waiting is None:
            self._wait()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._stop_waiting()  # from here on uvicorn's own time for idle connections counts

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(PATIENCE_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        transport: Any = self.transport
        if not transport.is_closing():
            transport.close()
