"""Streamable HTTP through a real socket: only who holds the token, and only by a name this server goes by."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from nlp_skills.resources.workspace import Workspace
from nlp_skills.server.auth import http_app
from nlp_skills.server.boundary import GuardedServer
from nlp_skills.server.settings import HttpSettings, SettingsError

TOKEN = "a-token-made-for-this-test-only"
DEADLINE_SECONDS = 30.0
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
JSON = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
ALLOWED = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    workspace = tmp_path_factory.mktemp("http")
    environment = {**os.environ, "NLP_SKILLS_HTTP_TOKEN": TOKEN, "NLP_SKILLS_WORKSPACE": str(workspace)}
    command = [sys.executable, "-m", "nlp_skills.server.cli", "serve", "--http", "--port", "0"]
    with (workspace / "log").open("wb") as log:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=environment
        )
        try:
            yield _address_told(server, workspace / "log")
        finally:
            server.terminate()
            printed, _ = server.communicate(timeout=DEADLINE_SECONDS)
    assert printed == b""


def _address_told(server: subprocess.Popen[bytes], log: Path) -> str:
    """The address that the server says it answers at, once it does: with port 0 whichever was free."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if told := re.search(r"Serving MCP at http://127\.0\.0\.1:([1-9]\d*)/mcp", log.read_text(encoding="utf-8")):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(told[1]))) == 0:
                    return f"http://127.0.0.1:{told[1]}/mcp"
        time.sleep(0.05)
    raise AssertionError(log.read_text(encoding="utf-8"))


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_with_the_token_is_served_in_both_eras(address: str, mode: str) -> None:
    async with (
        httpx2.AsyncClient(headers=ALLOWED, timeout=DEADLINE_SECONDS) as http,
        Client(streamable_http_client(address, http_client=http), mode=mode) as client,
    ):
        assert client.server_info is not None and client.server_info.name == "nlp-skills"
        assert (await client.list_tools()).tools


@pytest.mark.parametrize("authorization", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}])
def test_a_request_without_the_token_is_refused(address: str, authorization: dict[str, str]) -> None:
    answer = httpx.post(address, json=PING, headers={**JSON, **authorization})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert TOKEN not in answer.text


@pytest.mark.parametrize(
    ("header", "status"), [({"Host": "evil.example"}, 421), ({"Origin": "https://evil.example"}, 403)]
)
def test_a_web_page_elsewhere_cannot_reach_it_by_another_name(
    address: str, header: dict[str, str], status: int
) -> None:
    assert httpx.post(address, json=PING, headers={**JSON, **ALLOWED, **header}).status_code == status


@pytest.mark.parametrize("http", [HttpSettings(host="0.0.0.0", token=""), HttpSettings(token="short")])
def test_it_does_not_open_without_a_real_token(tmp_path: Path, http: HttpSettings) -> None:
    server = GuardedServer(workspace=Workspace(tmp_path), language=None, name="under-test")
    with pytest.raises(SettingsError) as refused:
        http_app(server, http)
    assert refused.value.field == "NLP_SKILLS_HTTP_TOKEN"
    assert "token_urlsafe" in refused.value.fix.zh


def test_the_token_is_not_shown_when_settings_are_printed() -> None:
    assert TOKEN not in repr(HttpSettings(token=TOKEN))
