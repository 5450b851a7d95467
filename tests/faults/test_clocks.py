"""Time left and time taken are of the work itself: not of the queue, and all of it when it was resumed.

Real trainings of the tiny model; what they told is held against what their own events show afterwards.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.files import read_jsonl, write_atomic
from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs import job_control
from tests.permissions import agree_to_script
from tests.tools.compute.working import eventually, kill_hard
from tests.tools.train.conftest import SCRIPT, workspace_in, write_task
from tests.tools.train.trained import Trainings

pytestmark = pytest.mark.minutes
SETTINGS = {"epochs": 4, "batch_size": 8, "gradient_accumulation": 1, "save_every": 5, "lora_r": 8}
SECONDS = 120.0
# Slow for twelve steps, then all but still, where the file `slow` says so.
SLOW = SCRIPT.replace(
    'point = os.environ.get("KILL_AT", "")', 'point = "pause" if (task_of_script(__file__) / "slow").exists() else ""'
)
Told = list[tuple[datetime.datetime, dict[str, Any]]]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_jobs: None) -> Iterator[Workspace]:
    monkeypatch.setenv("NLP_SKILLS_QUEUE_DIR", str(tmp_path / "queue"))
    yield from workspace_in(tmp_path, monkeypatch)


@pytest.fixture
def task(workspace: Workspace) -> TaskFolder:
    task = write_task(workspace.root / "news")
    write_atomic(task.scripts / "04_train.py", SLOW)
    agree_to_script(task.scripts / "04_train.py")
    return task


def slow(task: TaskFolder, on: bool) -> None:
    (task.root / "slow").touch() if on else (task.root / "slow").unlink()


def read_steps(job: JobFolder, after: int = 0) -> Told:
    """What the training said of its steps, from that line of its events on."""
    return [
        (datetime.datetime.fromisoformat(event["time"]), event)
        for event in list(read_jsonl(job.events_file))[after:]
        if event["kind"] == "progress" and event.get("step") and "loss" in (event.get("measures") or {})
    ]


def span(steps: Told) -> float:
    return (steps[-1][0] - steps[0][0]).total_seconds()


def find_overstated(steps: Told) -> Sequence[tuple[int, float, float]]:
    """Where the time left that was told is more than twice what it then took, and seconds more."""
    wrong = []
    for moment, event in steps[2:-1]:
        left, took = event.get("eta_seconds"), (steps[-1][0] - moment).total_seconds()
        if left is not None and left > 2 * took + 4:
            wrong.append((event["step"], left, took))
    return wrong


def test_a_training_that_stood_in_line_counts_from_its_own_first_step(
    workspace: Workspace, task: TaskFolder, tiny_model: Path, worker: Path
) -> None:
    trainings = Trainings(workspace, worker)
    slow(task, True)
    first = trainings.start(task, {"base_model": str(tiny_model), **SETTINGS})
    eventually(lambda: job_control.progress(first).step >= 12 or first.state() != "running", SECONDS)
    slow(task, False)
    second = trainings.start(task, {"base_model": str(tiny_model), **SETTINGS, "epochs": 3})
    eventually(lambda: second.place() is not None, SECONDS)
    eventually(lambda: job_control.progress(first).step >= 14, SECONDS)  # it waits for ten seconds
    job_control.cancel(first)
    eventually(lambda: second.place() is None and second.state() != "queued", SECONDS)
    released = time.monotonic()
    assert trainings.run_to_end(second) == "succeeded", job_control.failure(second)
    at_work, steps = time.monotonic() - released, read_steps(second)
    training = VersionFolder(task, 2).model_info().training
    assert not find_overstated(steps)
    assert span(steps) - 1 <= (training.seconds or 0) <= at_work + 2, (training, span(steps), at_work)
    assert (training.tokens_per_second or 0) > (training.tokens or 0) / (at_work + 2), training


def test_a_training_killed_and_resumed_records_the_seconds_of_both_runs_and_tells_the_time_left_of_the_second(
    workspace: Workspace, task: TaskFolder, tiny_model: Path, worker: Path
) -> None:
    trainings = Trainings(workspace, worker)
    slow(task, True)
    began = time.monotonic()
    job = trainings.start(task, {"base_model": str(tiny_model), **SETTINGS})
    eventually(lambda: job_control.progress(job).step >= 14 or job.state() != "running", SECONDS)
    kill_hard(job)
    before, killed = read_steps(job), time.monotonic() - began
    lines = len(list(read_jsonl(job.events_file)))
    slow(task, False)
    began = time.monotonic()
    trainings.resume_job(job)
    resumed, after = time.monotonic() - began, read_steps(job, lines)
    training = VersionFolder(task, 1).model_info().training
    assert span(before) > 5, "the first run took its time"
    assert not find_overstated(after)
    # A checkpoint was taken at step 10 of 14: what was done before it counts, what was lost may.
    kept = span([one for one in before if one[1]["step"] <= 10])
    assert kept + span(after) - 1 <= (training.seconds or 0) <= killed + resumed, (
        training,
        kept,
        span(after),
        killed,
        resumed,
    )
