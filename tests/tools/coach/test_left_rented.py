"""A machine that is still rented is told at every turn, from the records on disk alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.files import write_json
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.coach.coach import about, coach
from nlp_skills.tools.compute.jobs.rented import Record

Make = Callable[..., Any]


@pytest.fixture(autouse=True)
def _no_program_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.Popen", None)


@pytest.mark.parametrize(
    ("message", "said", "again", "ends"),
    [
        (
            "What comes next?",
            "Still rented, as far as is known here: cloud (nlps-1).",
            "fetches what it made",
            "gives it back",
        ),
        ("接下來呢？", "仍在租用：cloud (nlps-1)", "取回成果", "退租"),
    ],
)
@pytest.mark.parametrize("asked", ["the task", "another task", "nothing in particular", "a new goal"])
def test_a_machine_left_rented_is_said_first_whatever_is_asked_with_the_call_that_gives_it_back(
    workspace: Workspace, a_task: Make, asked: str, message: str, said: str, again: str, ends: str
) -> None:
    job = a_task().source().data().plan().rent_machine("train", "interrupted")
    a_task("other")
    answered = {
        "the task": lambda: coach(workspace, message, "mail"),
        "another task": lambda: coach(workspace, message, "other"),
        "nothing in particular": lambda: coach(workspace, message),
        "a new goal": lambda: coach(workspace, message, answers={"pain_point": "x"}),
    }[asked]()
    first = answered.message.partition("\n")[0]
    assert said in first and again in first and ends in first and f"manage_job(job_id='{job.id}'" in first
    assert first.index(said) < 20, "it is said before anything else"


def test_a_prompt_opens_with_it_too(workspace: Workspace, a_task: Make) -> None:
    a_task().source().data().rent_machine("train", "failed")
    assert about(workspace, "results", "mail").message.startswith("Still rented")


def test_nothing_is_said_while_the_job_runs_once_it_is_given_back_and_while_that_is_under_way(
    workspace: Workspace, a_task: Make
) -> None:
    task = a_task().source().data().plan()
    job = task.rent_machine("train", "running")
    assert "Still rented" not in coach(workspace, "", "mail").message
    task.rent_machine("train", "cancelled")
    (job.root / "pid").unlink()
    assert "Still rented" in coach(workspace, "", "mail").message
    task.job("give_back", "running")
    spec = next(task.folder.jobs.glob("*-give_back-*")) / "spec.json"
    write_json(spec, {**json.loads(spec.read_text()), "arguments": ["--give-back", job.id]})
    assert "Still rented" not in coach(workspace, "", "mail").message
    write_json(spec, {**json.loads(spec.read_text()), "arguments": ["--give-back", "that of another job"]})
    assert "Still rented" in coach(workspace, "", "mail").message
    record = Record.read(job)
    assert record
    record.back(job)
    assert "Still rented" not in coach(workspace, "", "mail").message
    assert not list(workspace.rented.iterdir()), "nothing is looked at any more"


def test_a_task_that_was_removed_or_a_file_that_was_spoilt_does_not_silence_the_coach(
    workspace: Workspace, a_task: Make, tmp_path: Path
) -> None:
    task = a_task("old").source().data()
    task.rent_machine("train", "failed")
    task.folder.root.rename(tmp_path / "away")
    (workspace.rented / "spoilt.json").write_text("{")
    a_task()
    assert "Still rented" not in coach(workspace, "").message
    a_task("third").source().data().rent_machine("train", "failed")
    assert "Still rented" in coach(workspace, "", "mail").message
