"""A person's machine with what an attacker wants planted on it, and a hostile client at its server.

Every test asserts an effect: the planted word is nowhere, the marker was never written, nothing arrived.
"""

from __future__ import annotations

import base64
import json
import os
import re
import runpy
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitRequestParams, ElicitResult

import nlp_skills
from nlp_skills.resources.foundation.files import write_yaml
from nlp_skills.server.app import build_server
from nlp_skills.server.settings import Settings
from tests.tools.data.misbehaving import Peer, as_json, peer

LONGEST_SECONDS = 20.0
WORD = "kestrelmoorland"  # plain, so that no masking hides a leak
TASK = "mails"
_NETWORK = Path(__file__).with_name("network")


@dataclass
class Said:
    """One answer: whole as text, its structure, and whether it was an error."""

    text: str
    content: dict[str, Any] = field(default_factory=dict)
    is_error: bool = False

    @property
    def state(self) -> str:
        """How the job that answered ended, where one did."""
        return str((self.content.get("job") or {}).get("state") or "")


@dataclass
class Victim:
    """A person's account: a home, a workspace with its inbox, and a colleague's folder elsewhere."""

    root: Path
    answers: list[str] = field(default_factory=list)
    planted: set[Path] = field(default_factory=set)

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def elsewhere(self) -> Path:
        return self.root / "elsewhere"

    @property
    def workspace(self) -> Path:
        return self.home / "nlp-skills"

    @property
    def inbox(self) -> Path:
        return self.workspace / "inbox"

    @property
    def task(self) -> Path:
        return self.workspace / TASK

    def plant(self, place: Path, content: str | bytes | None = None) -> Path:
        """A file that holds the word in each of its lines, as a table that any reader takes."""
        place.parent.mkdir(parents=True, exist_ok=True)
        content = table() if content is None else content
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        self.planted.add(place)
        return place

    def run(self, *arguments: str, typed: str = "y\n") -> subprocess.CompletedProcess[str]:
        """The command `nlp-skills`, as the person types it."""
        done = subprocess.run(
            [sys.executable, "-m", "nlp_skills.server.cli", *arguments],
            input=typed,
            text=True,
            encoding="utf-8",
            capture_output=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
        self.answers += [done.stdout, done.stderr]
        return done

    def allow(self, folder: Path) -> int:
        return self.run("allow", str(folder)).returncode

    def leaks(self, word: str = WORD) -> list[str]:
        """Where the word stands now: answers, and every file the server wrote."""
        found = [
            f"answer {number}: …{text[max(0, text.find(word) - 80) :][:200]}"
            for number, text in enumerate(self.answers)
            if word in text
        ]
        for folder, _, names in os.walk(self.workspace):
            for path in (Path(folder, name) for name in names):
                if path in self.planted or path.is_symlink() or not path.is_file():
                    continue
                if word.encode() in path.read_bytes():
                    found.append(str(path.relative_to(self.root)))
        return found

    @asynccontextmanager
    async def attack(self, **client: Any) -> AsyncIterator[Attack]:
        """A session of a hostile client with a server of this account."""
        try:
            async with Client(build_server(Settings(workspace=self.workspace)), **client) as connected:
                yield Attack(self, connected)
        except BaseExceptionGroup as group:
            raise _only(group) from None


def _only(error: BaseException) -> BaseException:
    """What really failed, out of the groups that a session wraps it in."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


@dataclass
class Attack:
    """Calls tools, follows their jobs to the end, and keeps all that was said."""

    victim: Victim
    client: Client

    async def __call__(self, tool: str, **arguments: Any) -> Said:
        with anyio.fail_after(LONGEST_SECONDS):
            said = await self._call_tool(tool, arguments)
            while said.state in ("queued", "running"):
                said = await self._call_tool("job_status", {"job_id": said.content["job"]["id"], "wait_seconds": 5})
            for job in {path.parent.name for path in self.victim.workspace.rglob("jobs/*/spec.json")}:
                await self._call_tool("job_status", {"job_id": job, "wait_seconds": 0, "log_lines": 200})
        return said

    async def _call_tool(self, tool: str, arguments: dict[str, Any]) -> Said:
        try:
            result = await self.client.call_tool(tool, arguments)
        except MCPError as error:
            said = Said(str(error), is_error=True)
        else:
            words = "\n".join(getattr(part, "text", "") for part in result.content)
            content = dict(result.structured_content or {})
            said = Said(words + json.dumps(content, ensure_ascii=False), content, bool(result.is_error))
        self.victim.answers.append(said.text)
        return said

    async def create(self, name: str = TASK, **changes: Any) -> None:
        """A task to attack through (written as it stands on disk: quicker than the tool)."""
        write_yaml(
            self.victim.workspace / name / "task.yaml",
            {
                "format": 1,
                "name": name,
                "title": "Mails",
                "type": "classification",
                "language": "en",
                "labels": ["a", "b"],
                "created": "2026-01-01T00:00:00Z",
                **changes,
            },
        )

    async def source(self, **fields: Any) -> Said:
        return await self("set_data_source", task=TASK, sources=[fields])

    async def file(self, path: str | Path, **fields: Any) -> Said:
        return await self.source(type="file", path=str(path), **{"format": "csv", **fields})

    async def api(self, endpoint: str, **fields: Any) -> Said:
        return await self.source(type="api", endpoint=endpoint, retries=0, timeout_seconds=5, **fields)


def table(word: str = WORD, rows: int = 40) -> str:
    """Rows of a classification task; the heading names the word too."""
    about = (
        "parcels",
        "invoices",
        "a broken lamp",
        "opening hours",
        "the colour of a chair",
        "a lost key",
        "two tickets",
    )
    return f"text,label,{word}\n" + "".join(
        f"The {word} letter from day {number * number} asks {number} times about {about[number % 7]},{'ab'[number % 2]},x\n"
        for number in range(rows)
    )


def answering(choice: str, seen: list[str] | None = None) -> Any:
    """A person at a client with forms who chooses the option that reads like `choice` (a pattern), or declines."""

    async def fills(_context: Any, asked: ElicitRequestParams) -> ElicitResult:
        if seen is not None:
            seen.append(asked.model_dump_json())
        if not choice:
            return ElicitResult(action="decline")
        content: dict[str, Any] = {}
        for name, kind in (getattr(asked, "requested_schema", None) or {}).get("properties", {}).items():
            options = [
                (str(each.get("const")), str(each.get("title", each.get("const"))))
                for each in kind.get("oneOf") or kind.get("anyOf") or ()
                if "const" in each
            ]
            options += list(zip(kind.get("enum") or (), kind.get("enumNames") or kind.get("enum") or (), strict=False))
            fitting = [value for value, title in options if re.search(choice, f"{value} {title}", re.IGNORECASE)]
            if options and not fitting:
                return ElicitResult(action="decline")
            content[name] = fitting[0] if options else True if kind.get("type") == "boolean" else "yes"
        return ElicitResult(action="accept", content=content)

    return fills


def account(root: Path, monkeypatch: pytest.MonkeyPatch) -> Victim:
    """A person's account below `root`; the environment is theirs."""
    account = Victim(root)
    for name in list(os.environ):
        if name.startswith(("NLP_SKILLS_", "HF_", "AWS_", "OPENAI_", "OLLAMA_")) and name != "NLP_SKILLS_WORKER":
            monkeypatch.delenv(name)
    for folder in (account.home, account.elsewhere, account.workspace, account.inbox):
        folder.mkdir(parents=True, exist_ok=True)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(account.home))
    monkeypatch.setenv("USERPROFILE", str(account.home))
    monkeypatch.setenv("NLP_SKILLS_WORKSPACE", str(account.workspace))
    monkeypatch.setenv("NLP_SKILLS_SECRETS_DIR", str(account.home / ".config" / "nlp-skills"))
    monkeypatch.setenv("NLP_SKILLS_QUEUE_DIR", str(account.home / ".config" / "nlp-skills" / "queue"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    package = str(Path(nlp_skills.__path__[0]).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([package, os.environ.get("PYTHONPATH", "")]))
    return account


@pytest.fixture
def victim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Victim:
    return account(tmp_path, monkeypatch)


# Hosts of the played network. The first two are public; what they resolve to is nobody's business here.
NAMES = {
    "good.example": ["8.8.8.8"],
    "x.good.example": ["8.8.4.4"],
    "evil.example": ["1.1.1.1"],
    "hub.example": ["9.9.9.9"],
    "good.example.evil.example": ["1.1.1.1"],
    "evilgood.example": ["1.1.1.1"],
    "xn--gd-emca.example": ["1.1.1.1"],
    "intranet.example": ["10.0.0.5"],
    "metadata.google.internal": ["169.254.169.254"],
    "metadata": ["169.254.169.254"],
    "cloud.example": ["169.254.169.254"],
    "cloud6.example": ["fd00:ec2::254"],
    "mapped.example": ["::ffff:169.254.169.254"],
    "nat64.example": ["64:ff9b::a9fe:a9fe"],
    "rebinding.example": ["8.8.8.8", "169.254.169.254"],
}


@dataclass
class Network:
    """What lies outside: one web server that goes by every name, and one that only listens, for databases."""

    web: Peer
    raw: Raw
    log: Path

    @property
    def reached(self) -> list[str]:
        """Every address a process of the server connected to."""
        return self.log.read_text(encoding="utf-8").split() if self.log.is_file() else []

    def requests_carrying(self, value: str, at: str = "") -> list[str]:
        """The requests (to host `at`; to any) that carried the value, in whatever writing."""
        encoded = [base64.b64encode(each.encode()).decode().rstrip("=") for each in (value, f"me:{value}", f":{value}")]
        written = (value, quote(value, safe=""), quote(value), *encoded)
        said = {
            f"{asked.headers.get('Host', '')} {asked.method} {asked.path} {asked.params} {asked.headers} {asked.body!r}"
            for asked in self.web.asked
        }
        said |= {f"raw {data!r}" for data in self.raw.received}
        return [each for each in said if each.lower().startswith(at.lower()) and any(form in each for form in written)]


@dataclass
class Raw:
    """A server that keeps what it is sent, and declines PostgreSQL's offer of TLS."""

    port: int = 0
    received: list[bytes] = field(default_factory=list)


@contextmanager
def _listening() -> Iterator[Raw]:
    here = Raw()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.settimeout(2)
            with suppress(OSError):
                while data := self.request.recv(65536):
                    here.received.append(data)
                    if data != b"\0\0\0\x08\x04\xd2\x16\x2f":
                        break
                    self.request.sendall(b"N")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        here.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield here
        server.shutdown()
        thread.join(5)


@pytest.fixture
def network(victim: Victim, monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    """The played network, for the server in this process and for each process it starts."""
    with peer() as web, _listening() as raw:
        rows = [
            {"text": line, "label": "ab"[number % 2]} for number, line in enumerate(table("harmless").splitlines()[1:])
        ]
        web.serve("/rows", as_json(rows))
        ports = {"": web.port, **{str(port): raw.port for port in (5432, 3306)}}
        log = victim.root / "connections.log"
        monkeypatch.setenv("ATTACKED_NAMES", json.dumps(NAMES))
        monkeypatch.setenv("ATTACKED_PORTS", json.dumps(ports))
        monkeypatch.setenv("ATTACKED_LOG", str(log))
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(_NETWORK), os.environ["PYTHONPATH"]]))
        monkeypatch.setattr(socket.socket, "connect", socket.socket.connect)
        monkeypatch.setattr(socket, "getaddrinfo", socket.getaddrinfo)
        runpy.run_path(str(_NETWORK / "sitecustomize.py"))
        yield Network(web, raw, log)
