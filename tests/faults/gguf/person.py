"""Someone who brings a GGUF file as the base model, and what such a person may be told."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from mcp import Client

from nlp_skills.resources.foundation.language import Language
from nlp_skills.resources.task import TaskFolder
from nlp_skills.server.app import build_server
from nlp_skills.server.settings import Settings

ROWS = 60
NAMED = "inbox/model.gguf"
SETTINGS = {"base_model": NAMED, "lora_r": 8, "epochs": 2, "learning_rate": 1e-3, "threads": 1}
# What a person must never read, whichever library said it.
NOT_FOR_PEOPLE = re.compile(
    r'Traceback|File "|\w(?:Error|Exception)\b|ignore_mismatched|torch\.|NoneType|object at 0x|<class|report!'
)


class Person:
    """Someone who speaks to the server in one language; each job is followed to its end."""

    def __init__(self, root: Path, language: Language = "en") -> None:
        self.root, self.language = root, language
        self.inbox = root / "inbox"
        self.cache = root.parent / "cache"
        self.inbox.mkdir(parents=True, exist_ok=True)

    def speaking(self, language: Language) -> Person:
        return Person(self.root, language)

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        async with Client(build_server(Settings(workspace=self.root, language=self.language))) as client:
            result = await client.call_tool(tool, arguments)
            while not result.is_error and _runs(result.structured_content):
                job = dict(result.structured_content or {})["job"]["id"]
                result = await client.call_tool("job_status", {"job_id": job})
        if result.is_error:
            return {"error": "".join(getattr(part, "text", "") for part in result.content)}
        answer = dict(result.structured_content or {})
        if (answer.get("job") or {}).get("state") == "failed":
            return {"error": f"{answer['message']}\n→ {answer['next_step']['say']}"}
        return answer

    async def done(self, tool: str, **arguments: Any) -> dict[str, Any]:
        answer = await self.call(tool, **arguments)
        assert "error" not in answer, (tool, answer)
        return answer

    async def refusal(self, tool: str, **arguments: Any) -> str:
        answer = await self.call(tool, **arguments)
        assert "error" in answer, f"{tool} went through: {answer['message']}"
        return str(answer["error"])

    async def set_up(self, name: str = NAMED) -> dict[str, Any]:
        return await self.done("set_up", what="base_model", name=name, confirm=True)

    async def prepare(self) -> None:
        rows = self.inbox / "rows.csv"
        rows.write_text(
            "text,label\n"
            + "".join(f"{'rose' if n % 2 else 'fell'} by {n},{'good' if n % 2 else 'bad'}\n" for n in range(ROWS)),
            encoding="utf-8",
        )
        await self.done(
            "create_task",
            title="Mood",
            name="mood",
            type="classification",
            language=self.language,
            labels=["good", "bad"],
        )
        await self.done("set_data_source", task="mood", sources=[{"type": "file", "path": str(rows)}])
        await self.done("prepare_data", task="mood")

    def models(self) -> list[Path]:
        """What lies in the cache, half made or whole, hidden or not."""
        place = self.cache / "gguf"
        return sorted(place.iterdir()) if place.is_dir() else []


def _runs(answer: Any) -> bool:
    return bool(answer and answer.get("job") and answer["job"]["state"] in ("queued", "running"))


def version_of(person: Person, name: str = "v1") -> Path:
    return TaskFolder(person.root / "mood").root / "versions" / name


def folder_size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def run_python(command: list[Any], environment: dict[str, str]) -> str:
    done = subprocess.run(
        list(map(str, command)), env=environment, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def check_words(said: str, language: Language, words: list[str], file: Path) -> None:
    """One clear error: which file, what is wrong with it, what next, in the language of the person."""
    assert not (found := NOT_FOR_PEOPLE.search(said)), f"{found}: {said}"
    assert file.name in said, said
    assert any(word.lower() in said.lower() for word in words), f"none of {words}: {said}"
    problem, _, fix = said.partition("→")
    assert problem.strip() and len(fix.strip()) > 10, f"no next step: {said}"
    assert len(said) < 900 and said.count("→") == 1, said
    if language == "zh-TW":
        assert all(re.search(r"[\u4e00-\u9fff]{3}", part) for part in (problem, fix)), said
