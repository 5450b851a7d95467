"""An office as seen from outside: files that people have, a client of the whole server, and what it answers."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

import nlp_skills
from nlp_skills.server.app import build_server
from nlp_skills.server.settings import Settings
from tests.permissions import allow_for_tests
from tests.tools.data.misbehaving import Peer, peer

FILES = Path(__file__).with_name("files")
Rows = list[dict[str, Any]]


class Told:
    """One answer, whatever it is: a result, a question or a refusal."""

    def __init__(self, answer: Any) -> None:
        self.refused = bool(answer.is_error)
        self.content: dict[str, Any] = dict(answer.structured_content or {})
        self.everything = answer.content[0].text if self.refused else json.dumps(self.content, ensure_ascii=False)
        # What a person reads: the message, or what went wrong.
        self.message: str = self.everything if self.refused else str(self.content.get("message", ""))

    @property
    def job(self) -> dict[str, Any]:
        return dict(self.content.get("job") or {})

    @property
    def result(self) -> dict[str, Any]:
        return dict(self.job.get("result") or {})

    @property
    def next_tool(self) -> str:
        return str((self.content.get("next_step") or {}).get("tool"))

    @property
    def goes_on(self) -> bool:
        """Whether nothing was asked or refused: the next step is the usual one."""
        return not self.refused and self.next_tool != "set_data_source"

    @property
    def preview(self) -> dict[str, Any]:
        """What the preview of the first source shows."""
        return dict(self.result["sources"][0])


class Office:
    """One person at a client, with one task at a time and an inbox for their files."""

    def __init__(self, client: Client, workspace: Path) -> None:
        self.client, self.workspace = client, workspace
        self.inbox = workspace / "inbox"
        self.inbox.mkdir(parents=True, exist_ok=True)
        self.name = ""

    async def __call__(self, tool: str, **arguments: Any) -> Told:
        answer = await self.client.call_tool(tool, arguments)
        told = Told(answer)
        while told.job.get("state") in ("queued", "running"):
            told = Told(await self.client.call_tool("job_status", {"job_id": told.job["id"]}))
        if told.job.get("state") == "failed":
            told.refused = True
        return told

    async def begin(self, kind: str = "classification", *, language: str = "en", **more: Any) -> Told:
        """Create the task all later calls are about."""
        self.name = f"task-{len(list(self.workspace.iterdir()))}"
        told = await self("create_task", title=self.name, name=self.name, type=kind, language=language, **more)
        assert not told.refused, told.message
        return told

    async def connect(self, path: Path | str, *, split: dict[str, Any] | None = None, **fields: Any) -> Told:
        """Name one file as the source and see the preview."""
        more = {"split": split} if split else {}
        return await self.connect_to({"type": "file", "path": str(path), **fields}, **more)

    async def connect_to(self, *sources: dict[str, Any], **more: Any) -> Told:
        return await self("set_data_source", task=self.name, sources=list(sources), **more)

    async def prepare(self, **arguments: Any) -> Told:
        return await self("prepare_data", task=self.name, **arguments)

    async def follow(self, told: Told) -> Told:
        """Take the columns that the preview suggests, where it asks for some."""
        if told.refused or not any(source.get("missing") for source in told.result.get("sources", [])):
            return told
        return await self.connect_to(
            *[
                {**source, "mapping": {**source.get("mapping", {}), **shown.get("suggestions", {})}}
                for source, shown in zip(told.content["data_source"]["sources"], told.result["sources"], strict=True)
            ]
        )

    async def prepare_rows(self, path: Path | str, **fields: Any) -> Rows:
        """The rows in use after the file was connected, a proposal followed, and prepared; nothing may be refused."""
        told = await self.follow(await self.connect(path, **fields))
        assert not told.refused, told.message
        told = await self.prepare()
        assert not told.refused, told.message
        return self.rows()

    @property
    def folder(self) -> Path:
        return self.workspace / self.name

    def rows(self, *splits: str) -> Rows:
        """The rows of those splits (all where none is named) as they stand in the task's folder."""
        return [
            json.loads(line)
            for split in splits or ("train", "valid", "test")
            for line in self._lines(self.folder / "data" / f"{split}.jsonl")
        ]

    @staticmethod
    def _lines(path: Path) -> list[str]:
        return path.read_text("utf-8").split("\n")[:-1] if path.exists() else []

    def put(self, name: str, content: bytes | str) -> Path:
        """A file in the inbox."""
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def copy(self, name: str, to: str = "") -> Path:
        """A file or folder of `files/` in the inbox, under its own name or another."""
        source, target = FILES / name, self.inbox / (to or Path(name).name)
        return Path(shutil.copytree(source, target) if source.is_dir() else shutil.copyfile(source, target))


def on_this_machine(kind: str, **fields: Any) -> dict[str, Any]:
    """A source served by `server`, which a person has allowed."""
    return {"type": kind, **fields}


def texts(rows: Rows) -> set[str]:
    return {row["text"] for row in rows}


def invent_words(number: int, count: int = 4) -> str:
    """Words that no other row has, so that none nearly repeats another one."""
    letters = hashlib.sha256(str(number).encode()).hexdigest().translate(str.maketrans("0123456789", "ghklmnprst"))
    return " ".join(
        f"{letters[3 * place : 3 * place + 3]}{'aeiou'[(number + place) % 5]}{letters[-1 - place]}"
        for place in range(count)
    )


def dump_csv(rows: Rows, delimiter: str = ",") -> str:
    """Plain CSV of cells that need no quotes."""
    columns = list(rows[0])
    return "".join(
        delimiter.join(map(str, cells)) + "\n"
        for cells in [columns, *([row[column] for column in columns] for row in rows)]
    )


def dump_lines(rows: list[Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = str(Path(nlp_skills.__path__[0]).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([package, os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("NLP_SKILLS_SECRETS_DIR", str(tmp_path / "secrets"))
    allow_for_tests(tmp_path / "secrets")


@pytest.fixture
async def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    """A client of the whole server, in the language of the task; what it may read is its inbox."""
    workspace = tmp_path / "workspace"
    monkeypatch.setenv("NLP_SKILLS_WORKSPACE", str(workspace))
    async with Client(build_server(Settings(workspace=workspace))) as client:
        yield Office(client, workspace)


@pytest.fixture
def server() -> Iterator[Peer]:
    """A web server of this machine that misbehaves where it is told to."""
    with peer() as here:
        yield here
