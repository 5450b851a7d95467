"""How long work takes and has taken: by its own steps, over all its runs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from nlp_skills.resources.foundation.language import Text
from nlp_skills.resources.job import JobFolder
from nlp_skills.tools.compute.jobs import running, stopwatch
from nlp_skills.tools.compute.jobs.events import JobEvents, worked_seconds
from nlp_skills.tools.compute.jobs.running import RunningJob
from nlp_skills.tools.compute.jobs.stopwatch import Stopwatch


class Time:
    """Seconds that pass when the test says so."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    moved = Time()
    for module in (running, stopwatch):
        monkeypatch.setattr(module.time, "monotonic", moved.monotonic)
    return moved


@pytest.fixture
def job(tmp_path: Path) -> RunningJob:
    folder = JobFolder(tmp_path / "job")
    folder.root.mkdir()
    return RunningJob(folder, None, by_hand=False)


def time_left(job: RunningJob) -> float | None:
    return JobEvents(job.folder).progress().eta_seconds


def test_waiting_loading_and_what_an_earlier_run_did_are_no_steps_of_this_run(job: RunningJob, time: Time) -> None:
    job.progress(0, None, Text("checking", "檢查"))
    time.now += 1800
    job.say_message(Text("waiting in line", "排隊"))
    time.now += 60
    job.progress(50, None, Text("loading", "載入"))
    time.now += 30
    job.progress(51, 100, loss=1.0)
    assert time_left(job) is None, "one look tells no pace"
    time.now += 2
    job.progress(52, 100, loss=0.9)
    assert time_left(job) == pytest.approx(96.0)
    time.now += 600
    job.say_message(Text("waiting again", "再排隊"))
    time.now += 5
    job.progress(53, 100, loss=0.8)
    time.now += 2
    job.progress(54, 100, loss=0.7)
    assert time_left(job) == pytest.approx(92.0)


def test_a_stopwatch_goes_on_where_the_run_before_was_killed(tmp_path: Path, time: Time) -> None:
    file = tmp_path / "checkpoints" / "clock.json"
    first = Stopwatch(file)
    time.now += 30  # loading
    with first.running():
        time.now += 487
        first.count(tokens=4870, step_seconds=480)  # kept; then killed
        killed = file.read_text()
    file.write_text(killed)
    second = Stopwatch(file)
    with second.running():
        time.now += 296
        second.count(tokens=2960, step_seconds=290)
    assert second.seconds == pytest.approx(783)
    assert second.total("tokens") == 7830 and second.total("step_seconds") == 770
    assert Stopwatch(file).seconds == pytest.approx(783)
    file.write_text("torn{")
    assert Stopwatch(file).seconds == 0


def test_a_jobs_time_is_neither_that_in_line_nor_that_between_two_runs(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    at = [
        ("started", 0),
        ("progress", 10),
        ("queued", 20),
        ("progress", 500),
        ("turn", 600),
        ("progress", 650),
        ("resumed", 9000),
        ("started", 9010),
        ("progress", 9030),
        ("ended", 9040),
    ]
    folder.events_file.write_text(
        "".join(
            f'{{"time": "{datetime.fromtimestamp(seconds, UTC).isoformat()}", "kind": "{kind}"}}\n'
            for kind, seconds in at
        )
    )
    assert worked_seconds(folder) == 20 + 50 + 30
