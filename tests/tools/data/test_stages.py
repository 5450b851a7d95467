"""The time left of preparing data: it moves, within a stage too, and rests on what the stages took before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.language import Text
from nlp_skills.resources.job import JobFolder
from nlp_skills.tools.compute.jobs.running import RunningJob
from nlp_skills.tools.data.expense import Allowance
from nlp_skills.tools.data.stages import Stages

KEYS = ["fetch reviews", "convert", "split", "validate", "commit"]


class Told(RunningJob):
    """Keeps each time left that was told."""

    def __init__(self, folder: JobFolder) -> None:
        super().__init__(folder, None, by_hand=False)
        self.left: list[float | None] = []

    def event(self, kind: str, **fields: Any) -> None:
        self.left.append(fields.get("eta_seconds"))

    def draw(self) -> None:
        pass


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    moment = [1000.0]
    monkeypatch.setattr("nlp_skills.tools.data.stages.time.monotonic", lambda: moment[0])
    return moment


@pytest.fixture
def job(tmp_path: Path) -> Told:
    return Told(JobFolder(tmp_path))


def prepare(job: Told, kept: Path, now: list[float], expected: int | None = None) -> list[float | None]:
    """A fetch of 1,000 rows in 100 s, then 20 s of validation."""
    job.left.clear()
    run = Stages(job, KEYS, kept, Allowance(0.0))
    run.begin(Text("fetching", "擷取"))
    run.watch.expected = expected
    for rows in (250, 500, 1000):
        now[0] += 25 if rows < 1000 else 50
        run.within(Text("fetching", "擷取"), rows)
    for key in KEYS[1:]:
        run.begin(Text(key, key))
        if key == "validate":
            for _ in range(4):
                now[0] += 5
                run.tick()
    run.finish()
    return list(job.left)


def test_the_first_time_it_is_told_by_what_the_source_says_it_will_give(
    job: Told, tmp_path: Path, now: list[float]
) -> None:
    first, quarter, half, whole, *rest = prepare(job, tmp_path / "preparing.json", now, expected=1000)
    assert first is None and quarter and half and whole is not None
    assert quarter == pytest.approx(75, abs=3) and half == pytest.approx(50, abs=3) and whole < 3
    assert None not in rest


def test_later_it_is_told_by_what_it_took_before_and_moves_within_every_stage(
    job: Told, tmp_path: Path, now: list[float]
) -> None:
    prepare(job, tmp_path / "preparing.json", now)
    now[0] += 1
    told = prepare(job, tmp_path / "preparing.json", now)
    known = [one for one in told if one is not None]
    assert len(known) == len(told) and known[0] == pytest.approx(120, abs=3)
    assert known == sorted(known, reverse=True) and known[-1] < 1
    assert len(set(known)) >= 8, "it moves"


def test_a_note_of_the_past_that_cannot_be_read_is_none(job: Told, tmp_path: Path, now: list[float]) -> None:
    (tmp_path / "preparing.json").write_text("[]")
    assert prepare(job, tmp_path / "preparing.json", now)[0] is None
