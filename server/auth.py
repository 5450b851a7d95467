"""Streamable HTTP: who may call. Loopback by default; a bearer token; host and origin checked on every request."""

from __future__ import annotations

import secrets
import sys
from typing import Any

import anyio
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ..resources.language import Text
from .settings import HttpSettings, SettingsError

PATH = "/mcp"
SHORTEST_TOKEN = 16
_MAKES_A_TOKEN = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


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
                    {"error": "invalid_token", "error_description": str(_refused())}, status_code=401,
                    headers={"WWW-Authenticate": 'Bearer realm="nlp-skills"'},
                )
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def http_app(server: MCPServer[Any], settings: HttpSettings) -> Starlette:
    """The guarded ASGI application that serves `server` at `/mcp`.

    Raises:
        SettingsError: it would be reachable from other machines without a token, or the token is too short to be one.
    """
    if settings.token is None and settings.host not in _LOOPBACK:
        raise SettingsError(
            Text(f"Serving on {settings.host} lets other machines in, and no token is set.",
                 f"在 {settings.host} 上提供服務會讓其他機器連進來，但沒有設定權杖（token）。"),
            Text(f"Set NLP_SKILLS_HTTP_TOKEN ({_MAKES_A_TOKEN} makes one), or serve on 127.0.0.1.",
                 f"請設定 NLP_SKILLS_HTTP_TOKEN（可用 {_MAKES_A_TOKEN} 產生），或改在 127.0.0.1 上提供服務。"),
            field="NLP_SKILLS_HTTP_TOKEN",
        )
    if settings.token is not None and len(settings.token) < SHORTEST_TOKEN:
        raise SettingsError(
            Text(f"The token has fewer than {SHORTEST_TOKEN} characters.", f"權杖少於 {SHORTEST_TOKEN} 個字元。"),
            Text(f"Make one with {_MAKES_A_TOKEN}.", f"請用 {_MAKES_A_TOKEN} 產生一個。"),
            field="NLP_SKILLS_HTTP_TOKEN",
        )
    app = server.streamable_http_app(streamable_http_path=PATH, host=settings.host, transport_security=_guard(settings))
    if settings.token is not None:
        app.add_middleware(RequireToken, token=settings.token)
    return app


def serve_http(server: MCPServer[Any], settings: HttpSettings) -> None:
    """Serve until interrupted."""
    import uvicorn

    address = f"http://{settings.host}:{settings.port}{PATH}"
    print(Text(f"Serving MCP at {address} (end with Ctrl+C)", f"正在 {address} 提供 MCP 服務（按 Ctrl+C 結束）"),
          file=sys.stderr, flush=True)
    running = uvicorn.Server(uvicorn.Config(
        http_app(server, settings), host=settings.host, port=settings.port, log_level="info", access_log=False,
        log_config=None,  # uvicorn's own would write to standard output
    ))
    anyio.run(running.serve)


def _guard(settings: HttpSettings) -> TransportSecuritySettings:
    names = list(dict.fromkeys((settings.host, *_LOOPBACK)))
    bracketed = [f"[{name}]" if ":" in name else name for name in names if name not in ("0.0.0.0", "::")]
    return TransportSecuritySettings(
        allowed_hosts=[*(f"{name}:*" for name in bracketed), *bracketed, *settings.hosts],
        allowed_origins=[*(f"http://{name}:*" for name in bracketed), *settings.origins],
    )


def _refused() -> Text:
    return Text("A bearer token is needed: the one the server was started with.",
                "需要伺服器啟動時設定的 Bearer 權杖。")
