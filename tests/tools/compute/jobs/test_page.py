from __future__ import annotations

import io
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from nlp_skills.resources.foundation.files import append_jsonl, write_json
from nlp_skills.resources.foundation.process import identity
from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.pages.axes import tick_label, ticks
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.compute.jobs.measures import panels
from nlp_skills.tools.compute.jobs.page import refresh_views
from nlp_skills.tools.compute.jobs.view import job_answer
from tests.tools.compute.working import eventually, kill_hard

Start = Callable[..., JobFolder]


class Reader(HTMLParser):
    """Which tags and attributes a page has."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def a_job(root: Path, language: str = "en", alive: bool = True) -> JobFolder:
    import os

    folder = JobFolder(root / "20260101-000000-000-train-abcd")
    folder.root.mkdir(parents=True)
    write_json(
        folder.spec_file,
        {
            "id": folder.id,
            "kind": "train",
            "entry": ["-m", "x"],
            "python": "python",
            "language": language,
            "created": "2026-01-01T00:00:00Z",
        },
    )
    if alive:
        write_json(folder.pid_file, {**identity(os.getpid()), "ready": True})
    for step in range(0, 50, 5):
        measures = {"loss": 2.0 - step / 40, "valid_macro_f1": step / 60, "tokens_per_second": 5000.0}
        append_jsonl(
            folder.events_file,
            {
                "kind": "progress",
                "step": step,
                "total": 50,
                "measures": measures,
                "eta_seconds": 30.0,
                "message": {"en": "training", "zh": "訓練中"},
            },
        )
    return folder


def page(folder: JobFolder) -> str:
    return folder.page_file.read_text("utf-8")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("Training", "running", "training loss", "Time left", "Updated")),
        ("zh-TW", ("訓練", "執行中", "訓練損失", "剩餘時間", "更新時間")),
    ],
)
def test_the_page_speaks_the_job_language_draws_its_curves_and_needs_no_network(
    tmp_path: Path, language: str, words: tuple[str, ...]
) -> None:
    folder = a_job(tmp_path, language)
    refresh_views(folder)
    content = page(folder)
    assert all(word in content for word in words)
    reader = Reader()
    reader.feed(content)
    tags = [tag for tag, _ in reader.tags]
    assert tags.count("svg") == 2 and tags.count("polyline") == 2
    assert ("meta", {"http-equiv": "refresh", "content": "2"}) in reader.tags
    assert any(attributes.get("name") == "viewport" for _, attributes in reader.tags)
    assert "prefers-color-scheme:dark" in content
    assert not [attributes for _, attributes in reader.tags if {"src", "href"} & attributes.keys()]


def test_the_page_of_a_job_that_has_ended_stops_asking_for_itself(start: Start) -> None:
    folder = start("job.progress(1, 2, loss=0.5)\nreturn {}")
    job_control.wait(folder, 30)
    eventually(lambda: "refresh" not in page(folder))
    assert "done" in page(folder)


def test_the_page_of_a_killed_job_is_put_right_by_whoever_asks(start: Start, task: TaskFolder) -> None:
    folder = start("(TASK / 'up').touch()\ntime.sleep(600)")
    eventually((task.root / "up").exists)
    kill_hard(folder)
    assert "refresh" in page(folder)
    job_answer(folder)
    assert "refresh" not in page(folder) and "interrupted" in page(folder)


def test_neither_secrets_nor_markup_reach_the_page(start: Start) -> None:
    folder = start("""
        job.warn(Text("from postgresql://ann:hunter22@db/x <script>alert(1)</script>", "來自"))
        raise RuntimeError("Bearer abcdefghijkl and <b>bold</b>")
    """)
    job_control.wait(folder, 30)
    eventually(lambda: "refresh" not in page(folder))
    content = page(folder)
    assert "hunter22" not in content and "abcdefghijkl" not in content
    assert "<script>alert" not in content and "<b>" not in content


@pytest.mark.parametrize("language", ["en", "zh-TW"])
def test_the_curve_is_a_picture_with_axes_and_one_colour_for_each_measure(tmp_path: Path, language: str) -> None:
    folder = a_job(tmp_path, language)
    refresh_views(folder)
    picture = Image.open(io.BytesIO(folder.curve_file.read_bytes())).convert("RGB")
    assert picture.width == 960 and picture.height > 700
    assert folder.curve_file.stat().st_size < 60_000, "a tool result carries it"
    pixels = picture.tobytes()
    colours = zip(pixels[::3], pixels[1::3], pixels[2::3], strict=True)
    assert sum(blue > 180 and red < 120 and green < 160 for red, green, blue in colours) > 500, "the curves are there"


def test_a_job_without_measures_has_a_page_but_no_curve(tmp_path: Path) -> None:
    folder = a_job(tmp_path)
    folder.events_file.unlink()
    refresh_views(folder)
    assert folder.page_file.exists() and not folder.curve_file.exists()


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0, 2.4, ["0.0", "0.5", "1.0", "1.5", "2.0", "2.5"]),
        (0, 304, ["0", "100", "200", "300", "400"]),
        (0, 0.004, ["0.000", "0.001", "0.002", "0.003", "0.004"]),
    ],
)
def test_ticks_are_round_numbers_that_hold_all_values(low: float, high: float, expected: list[str]) -> None:
    marks = ticks(low, high)
    assert [tick_label(mark, marks) for mark in marks] == expected


@pytest.mark.parametrize("value", [0.0, 1.0, -3.5, 1e-12, 1e12])
def test_a_flat_line_has_axes_too(value: float) -> None:
    (panel,) = panels({"loss": [(1, value), (2, value)]})
    for x, y in (panel.place(1, value), panel.place(2, value)):
        assert 0 <= x <= 1 and 0 <= y <= 1


def test_thousands_of_points_are_thinned_and_the_last_one_stays() -> None:
    (panel,) = panels({"loss": [(step, 1 / (step + 1)) for step in range(10_000)]})
    (series,) = panel.series
    assert len(series.points) <= 400 and series.points[-1][0] == 9_999
