"""A8. Over HTTP only who holds the token is served, by the server's own name, and what was done is written down."""

from __future__ import annotations

import json
import re
import socket
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from nlp_skills.server.app import build_server
from nlp_skills.server.settings import Settings
from tests.attacks.conftest import TASK, Attack, Network, Victim, account, table

STARTING_SECONDS = 20.0
JSON = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "attacker", "version": "1"}},
}


@dataclass
class Served:
    """A server over HTTP: where it is, what it printed, and the token in that (empty where there is none)."""

    port: int
    printed: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    @property
    def said(self) -> str:
        return self.printed.read_text(encoding="utf-8", errors="replace")

    @property
    def token(self) -> str:
        found = re.search(r"Bearer ([A-Za-z0-9_\-.~+/]{16,}=*)", self.said)
        return found[1] if found else ""

    @property
    def allowed(self) -> dict[str, str]:
        return {**JSON, "Authorization": f"Bearer {self.token}"}

    def post(self, message: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        return httpx.post(
            self.url, json=message, headers={**self.allowed, **(headers or {})}, timeout=20, trust_env=False
        )


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Served]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    printed = folder / f"http-{port}-{time.monotonic_ns()}.log"
    command = [sys.executable, "-m", "nlp_skills.server.cli", "serve", "--http", "--port", str(port), *options]
    with (
        printed.open("wb") as log,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process,
    ):
        try:
            deadline = time.monotonic() + STARTING_SECONDS
            while process.poll() is None and time.monotonic() < deadline:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            assert process.poll() is None, printed.read_text(encoding="utf-8", errors="replace")
            yield Served(port, printed)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with pytest.MonkeyPatch.context() as patch:
        yield account(tmp_path_factory.mktemp("http"), patch)


@pytest.fixture(scope="module")
def served(person: Victim) -> Iterator[Served]:
    with serving(person.root) as server:
        yield server


@pytest.fixture(scope="module", autouse=True)
def idle(served: Served) -> Iterator[list[tuple[str, socket.socket, float]]]:
    """Connections that say nothing, half a request, or nothing more; opened first, looked at last."""
    opened = []
    for kind, words in (
        ("silent", b""),
        ("half a line", b"POST /mcp HT"),
        ("half a head", b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nX:"),
        ("half a body", b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 1000\r\n\r\n{" % served.port),
        ("kept alive", b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % served.port),
    ):
        connection = socket.create_connection(("127.0.0.1", served.port))
        connection.sendall(words)
        opened.append((kind, connection, time.monotonic()))
    yield opened
    for _, connection, _ in opened:
        connection.close()


@pytest.mark.parametrize(
    ("message", "headers"),
    [
        ("hello", {}),
        ("ping", {}),
        ("call", {}),
        ("hello", {"Authorization": "Bearer wrong"}),
        ("hello", {"Authorization": "Bearer"}),
        ("hello", {"Authorization": "Basic bWU6eA=="}),
        ("hello", {"Authorization": "bearer"}),
        ("hello", {"Cookie": "token=x"}),
    ],
    ids=range(8),
)
def test_nobody_without_the_token_is_served_on_this_machine_either(
    served: Served, headers: dict[str, str], message: str
) -> None:
    sent = {
        "hello": HELLO,
        "ping": PING,
        "call": {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_tasks", "arguments": {}}},
    }[message]
    answer = httpx.post(served.url, json=sent, headers={**JSON, **headers}, timeout=20, trust_env=False)
    assert answer.status_code == 401 and str(served.token or "no token") not in answer.text


@pytest.mark.parametrize("where", ["?token=", "?access_token=", "/"])
def test_the_token_does_not_travel_in_an_address(served: Served, where: str) -> None:
    answer = httpx.post(f"{served.url}{where}{served.token}", json=HELLO, headers=JSON, timeout=20, trust_env=False)
    assert answer.status_code in (401, 404)


def test_who_holds_the_printed_token_is_served(served: Served) -> None:
    assert len(served.token) >= 32
    assert served.post(HELLO).status_code == 200


def test_a_block_to_paste_is_printed(served: Served) -> None:
    decoder = json.JSONDecoder()
    blocks = []
    for place in (found.start() for found in re.finditer(r"\{", served.said)):
        try:
            blocks.append(json.dumps(decoder.raw_decode(served.said[place:])[0]))
        except ValueError:
            continue
    assert any(served.url in block and served.token in block for block in blocks)


def test_the_token_is_kept_across_restarts_for_its_owner_alone_until_it_is_renewed(
    person: Victim, served: Served
) -> None:
    with serving(person.root) as again:
        assert again.token == served.token != ""
    holding = [path for path in person.home.rglob("*") if path.is_file() and served.token.encode() in path.read_bytes()]
    assert holding and all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in holding)
    assert all(person.workspace not in path.parents for path in holding)
    with serving(person.root, "--rotate-token") as renewed:
        assert renewed.token and renewed.token != served.token
        answer = httpx.post(
            renewed.url, json=HELLO, headers={**JSON, "Authorization": f"Bearer {served.token}"}, trust_env=False
        )
        assert answer.status_code == 401
        assert renewed.post(HELLO).status_code == 200
    with serving(person.root) as later:
        assert later.token == renewed.token


HOSTS = [
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "localhost:80@evil.example",
    "evil.example:80",
    "127.0.0.1:80@evil.example",
    "127.0.0.1:x",
    "localhost:99999999",
    "xlocalhost",
    "localhost.",
    "0.0.0.0",
    "",
    "127.0.0.1, evil.example",
    "127.0.0.1 evil.example",
    "[::1].evil.example",
    "127.0.0.1#evil",
    "localhost:1:2",
    "localhost:80.evil.example",
    "127.0.0.1:8765.evil.example",
    "localhost:*",
    "*",
]


@pytest.mark.parametrize("host", HOSTS)
def test_hosts_are_compared_whole(served: Served, host: str) -> None:
    assert _status_of_greeting(served, f"Host: {host}") in (400, 421, 403)


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://localhost:80@evil.example",
        "http://localhost:80.evil.example",
        "https://localhost.evil.example:80",
        "file://",
        "http://localhost:x",
        "http://localhost:1/evil",
        "chrome-extension://localhost",
        "http://xlocalhost",
        "http://127.0.0.1:80, http://evil.example",
        "*",
    ],
)
def test_origins_are_compared_whole(served: Served, origin: str) -> None:
    assert _status_of_greeting(served, f"Host: 127.0.0.1:{served.port}", f"Origin: {origin}") in (400, 403)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_servers_own_names_are_served(served: Served, host: str) -> None:
    assert _status_of_greeting(served, f"Host: {host}:{served.port}") == 200
    assert _status_of_greeting(served, f"Host: {host}:{served.port}", f"Origin: http://{host}:{served.port}") == 200


def _status_of_greeting(served: Served, *headers: str) -> int:
    """The status of an answer to a greeting with exactly these headers beside the token."""
    body = json.dumps(HELLO).encode()
    head = [
        "POST /mcp HTTP/1.1",
        *headers,
        *(f"{name}: {value}" for name, value in served.allowed.items()),
        f"Content-Length: {len(body)}",
        "Connection: close",
        "",
        "",
    ]
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
        connection.sendall("\r\n".join(head).encode() + body)
        return int([*connection.recv(65536).split(b" ", 2), b"0"][1])


@pytest.mark.parametrize(
    "wrong",
    [
        b"\xff\xfe\xfa\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    ],
    ids=range(6),
)
def test_what_is_no_request_ends_nothing(served: Served, wrong: bytes) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(wrong)
        connection.settimeout(5)
        try:
            said = connection.recv(65536)
        except OSError:
            said = b""
    assert b"Traceback" not in said
    assert httpx.post(served.url, json=PING, headers=JSON, timeout=20, trust_env=False).status_code in (200, 401, 400)


def test_a_body_without_measure_is_refused(served: Served) -> None:
    answer = httpx.post(
        served.url,
        content=b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "x": "' + b"x" * 80_000_000 + b'"}',
        headers=served.allowed,
        timeout=20,
        trust_env=False,
    )
    assert answer.status_code in (400, 401, 413)


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["no-such-flow", "", "../coach", "x" * 5_000], ids=["plain", "empty", "path", "long"])
async def test_an_unknown_prompt_is_answered_as_such(victim: Victim, name: str) -> None:
    async with Client(build_server(Settings(workspace=victim.workspace))) as client:
        known = [prompt.name for prompt in (await client.list_prompts()).prompts]
        with pytest.raises(MCPError) as refused:
            await client.get_prompt(name)
    assert refused.value.error.code == -32602
    assert "internal error" not in str(refused.value) and any(each in str(refused.value) for each in known)
    assert len(str(refused.value)) < 3_000


SECRET = "kestrelSecret4711"


@asynccontextmanager
async def open_attack(victim: Victim) -> AsyncIterator[Attack]:
    """A client with the token at a server of its own."""
    with serving(victim.root) as server:
        async with (
            httpx2.AsyncClient(
                headers={"Authorization": f"Bearer {server.token or 'none'}"}, timeout=20, trust_env=False
            ) as http,
            Client(streamable_http_client(server.url, http_client=http)) as client,
        ):
            yield Attack(victim, client)


def _logs(victim: Victim) -> list[Path]:
    return [
        path
        for path in victim.home.rglob("*")
        if path.is_file() and "audit" in path.name.lower() + path.parent.name.lower()
    ]


@pytest.mark.anyio
async def test_what_was_done_is_written_down_without_secrets(victim: Victim, network: Network) -> None:
    assert network.web.port
    victim.run("secret", "set", "NEWS_KEY", "--host", "good.example", typed=f"{SECRET}\n")
    (victim.inbox / "rows.csv").write_text(table("harmless"), encoding="utf-8")
    refused = victim.plant(victim.home / ".ssh" / "id_rsa")
    async with open_attack(victim) as attack:
        await attack.create()
        await attack.file(victim.inbox / "rows.csv")
        await attack.file(refused)
        await attack.api("http://good.example/rows", headers={"X-Key": "${NEWS_KEY}", "X-Typed": f"Bearer {SECRET}"})
        await attack("manage_task", action="export", task=TASK, path=str(victim.inbox / "x.zip"))
    logs = _logs(victim)
    assert logs, "there is an audit log, and its name says so"
    written = "".join(path.read_text(encoding="utf-8") for path in logs)
    for word in (
        "set_data_source",
        "good.example",
        str(victim.inbox / "rows.csv"),
        ".ssh/id_rsa",
        "manage_task",
        "x.zip",
    ):
        assert word in written, word
    assert re.search(r"20\d\d-\d\d-\d\dT\d\d:\d\d", written)
    assert SECRET not in written and "harmless letter" not in written
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in logs)


@pytest.mark.anyio
async def test_the_record_of_what_was_done_is_only_added_to(victim: Victim) -> None:
    async with open_attack(victim) as attack:
        await attack.create()
        await attack.file(victim.home / ".ssh" / "id_rsa")
        logs = _logs(victim)
        assert logs
        before = logs[0].read_bytes()
        await attack("update_task", task=TASK, note='line\nbreak\r\n{"when": "1999-01-01T00:00:00Z", "tool": "forged"}')
        await attack('no-such-tool\n{"tool": "forged"}')
        assert logs[0].read_bytes().startswith(before)
    for line in logs[0].read_text(encoding="utf-8").splitlines():
        assert json.loads(line).get("tool") != "forged"


@pytest.mark.parametrize("kind", ["silent", "half a line", "half a head", "half a body", "kept alive"])
def test_idle_connections_are_closed(idle: list[tuple[str, socket.socket, float]], kind: str) -> None:
    ((_, connection, since),) = [each for each in idle if each[0] == kind]
    connection.settimeout(max(0.1, 25 - (time.monotonic() - since)))
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        pytest.fail("it is still open")
    except OSError:  # closed hard
        pass
