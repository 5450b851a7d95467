"""Streamable HTTP: who may call. Loopback by default, always with a bearer token, host and origin checked on every request."""

from __future__ import annotations

import secrets
import sys
from dataclasses import replace
from typing import Any

import anyio
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ..resources.foundation.language import Text
from .http_guard import ImpatientProtocol, LimitBody, RequireOwnName
from .http_token import client_block
from .settings import HttpSettings, SettingsError

PATH = "/mcp"
SHORTEST_TOKEN = 16
_MAKES_A_TOKEN = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EVERYWHERE = ("0.0.0.0", "::")
_IDLE_SECONDS = 10  # between two requests of one connection


class RequireToken:
    """ASGI middleware: a request without the right `Authorization: Bearer …` is answered 401 and goes no further."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = Headers(scope=scope).get("authorization", "").encode("utf-8", "surrogateescape")
            if not secrets.compare_digest(given, self._expected):
                refusal = JSONResponse(
                    {"error": "invalid_token", "error_description": str(_refusal_text())},
                    status_code=401,
                    headers={"WWW-Authenticate": 'Bearer realm="nlp-skills"'},
                )
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def http_app(server: MCPServer[Any], settings: HttpSettings) -> Starlette:
    """The guarded ASGI application that serves `server` at `/mcp`.

    Raises:
        SettingsError: the token is too short to be one.
    """
    if len(settings.token) < SHORTEST_TOKEN:
        raise SettingsError(
            Text(f"The token has fewer than {SHORTEST_TOKEN} characters.", f"權杖少於 {SHORTEST_TOKEN} 個字元。"),
            Text(f"Make one with {_MAKES_A_TOKEN}.", f"請用 {_MAKES_A_TOKEN} 產生一個。"),
            field="NLP_SKILLS_HTTP_TOKEN",
        )
    names = [f"[{name}]" if ":" in name else name for name in (settings.host, *_LOOPBACK) if name not in _EVERYWHERE]
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        host=settings.host,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )  # it compares beginnings alone
    app.add_middleware(LimitBody)
    app.add_middleware(RequireToken, token=settings.token)
    app.add_middleware(RequireOwnName, names=names, hosts=settings.hosts, origins=settings.origins)
    return app


def serve_http(server: MCPServer[Any], settings: HttpSettings) -> None:
    """Serve until interrupted."""
    import uvicorn

    config = uvicorn.Config(
        http_app(server, settings),
        host=settings.host,
        port=settings.port,
        log_level="info",
        access_log=False,
        http=ImpatientProtocol,
        timeout_keep_alive=_IDLE_SECONDS,
        log_config=None,  # uvicorn's own would write to standard output
    )
    listening = config.bind_socket()  # before anything is said: port 0 is whichever is free
    listening.set_inheritable(False)
    settings = replace(settings, port=listening.getsockname()[1])
    address = f"http://{settings.host}:{settings.port}{PATH}"
    print(
        Text(f"Serving MCP at {address} (end with Ctrl+C)", f"正在 {address} 提供 MCP 服務（按 Ctrl+C 結束）"),
        file=sys.stderr,
        flush=True,
    )
    print(
        Text(
            "Client configuration (the token is kept; --rotate-token makes a new one):",
            "用戶端設定如下（權杖會保留；--rotate-token 可換新）：",
        ),
        file=sys.stderr,
    )
    print(client_block(address, settings.token), file=sys.stderr, flush=True)
    anyio.run(uvicorn.Server(config).serve, [listening])


def _refusal_text() -> Text:
    return Text(
        "A bearer token is required: the one the server was started with.", "需要伺服器啟動時設定的 Bearer 權杖。"
    )
