from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.files import dump_jsonl, write_yaml
from nlp_skills.resources.foundation.language import speaking
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs.running import RunningJob
from nlp_skills.tools.data.labelling.acting import act
from nlp_skills.tools.data.labelling.answer import LabellingAnswer, LabellingRequest
from nlp_skills.tools.data.regenerate import regenerate
from nlp_skills.tools.evaluate.proposing import start

LABELS = ["complaint", "praise", "question"]
ENDINGS = {
    "complaint": "arrived broken and I want my money back",
    "praise": "is wonderful, thank you",
    "question": "comes in which colours",
}
RULES = [
    {"label": "complaint", "keywords": ["broken"]},
    {"label": "praise", "pattern": r"wonder\w+"},
    {"label": "question", "keywords": ["which"]},
]
Do = Callable[..., LabellingAnswer]


def texts(count: int, begin: int = 0) -> list[dict[str, Any]]:
    """Mails about things nobody else writes about, each of the three kinds in turn."""
    return [{"text": f"The {_thing(number)} {ENDINGS[LABELS[number % 3]]}."} for number in range(begin, begin + count)]


def kind_of(text: str) -> str:
    """The label a careful person gives it."""
    return next(label for label, ending in ENDINGS.items() if ending in text)


def _thing(number: int) -> str:
    return "".join(
        "bcdfghklmnprstvz"[(number * 7919 + at * 104_729) % 16] + "aeiou"[(number + at * 3) % 5] for at in range(5)
    ) + str(number)


@pytest.fixture
def mails(workspace: Workspace) -> TaskFolder:
    """A task about mails, English, none of its 30 rows labelled yet."""
    task = TaskFolder(workspace.root / "mails")
    task.root.mkdir(parents=True)
    write_yaml(task.file, {"name": "mails", "type": "classification", "language": "en", "labels": LABELS})
    make_unlabelled(task, texts(30))
    return task


def make_unlabelled(task: TaskFolder, rows: list[dict[str, Any]]) -> None:
    """Make these the task's rows without a label."""
    (task.root / "mails.jsonl").write_bytes(dump_jsonl(rows))
    write_yaml(task.data_source_file, {"sources": [{"type": "file", "path": "mails.jsonl", "unlabelled": True}]})


@pytest.fixture
def prepared(mails: TaskFolder, job: RunningJob) -> TaskFolder:
    regenerate(mails, job)
    return mails


@pytest.fixture
def do(workspace: Workspace, prepared: TaskFolder) -> Do:
    """An action on the prepared task, in English."""

    def do_action(action: Any, **wish: Any) -> LabellingAnswer:
        with speaking("en"):
            answer = act(workspace, prepared, LabellingRequest(action, **wish), start)
        assert isinstance(answer, LabellingAnswer)
        return answer

    return do_action


def decide_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a careful person decides about the rows shown."""
    return [{"id": row["id"], "label": kind_of(row["text"])} for row in rows]


def write_sheet(path: Path, content: str, encoding: str = "utf-8") -> str:
    path.write_text(content, encoding=encoding)
    return str(path)
