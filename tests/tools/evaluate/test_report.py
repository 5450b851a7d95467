from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.files import append_jsonl
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.tools.data.benchmark import freeze, frozen_benchmark
from nlp_skills.tools.evaluate.predict import Prediction
from nlp_skills.tools.evaluate.record import (
    answer_rows,
    benchmark_reference,
    commit_evaluation,
    keep_answers,
    measured,
)
from nlp_skills.tools.evaluate.report import write_report

pytestmark = pytest.mark.worker
LABELS = ["positive", "neutral", "negative"]
_VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """Checks that tags close in order, and collects what would reach for a network or run by surprise."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.scripts = 0
        self.reaches: list[str] = []
        self.rows = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.rows += tag == "tr" and any(name == "data-gold" for name, _ in attrs)
        self.reaches += [f"{tag}.{name}" for name, _ in attrs if name in ("src", "href") or name.startswith("on")]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def reported(folder: VersionFolder, wrong: Callable[[dict[str, Any]], str | None]) -> tuple[str, Page]:
    """The report of an evaluation in which every third row is answered with `wrong`."""
    frozen = frozen_benchmark(folder.task, "hostile")
    rows = frozen.rows()
    said = [wrong(row) if number % 3 == 0 else row["label"] for number, row in enumerate(rows)]
    lines = answer_rows(rows, [Prediction(row["id"], row["label"], one or "<i>no label</i>", one)
                               for row, one in zip(rows, said, strict=True)])
    figures = measured([row["label"] for row in rows], said, LABELS, None)
    record = commit_evaluation(folder, {
        "benchmark": benchmark_reference(frozen), "decoding": "free", "predictions_hash": keep_answers(folder, lines),
        **figures, "other_decoding": {"decoding": "constrained", "metrics": figures["metrics"]},
        "baselines": {"majority": {"macro_f1": 0.2, "accuracy": 0.4}},
        "verdict": {"met": None, "threshold": 0.8, "metric": "macro_f1",
                    "value": figures["metrics"]["macro_f1"]["value"],
                    "text": {"en": "In <words>.", "zh": "用<話>說。"}},
    })
    text = write_report(folder, record).read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.open == []
    return text, page


@pytest.fixture
def folder(make_task: Callable[..., TaskFolder], versions: Callable[..., VersionFolder], tiny: Path) -> VersionFolder:
    task = make_task(test=9)
    hostile = [{**row, "text": f"</td><script>alert(1)</script> {row['entity']} \"quoted\""}
               for row in frozen_benchmark(task).rows()]
    freeze(task, hostile, name="hostile")
    found = versions(task, tiny)
    for step, loss in ((1, 2.0), (2, 1.0), (3, 0.5)):
        append_jsonl(found.events_file, {"kind": "progress", "step": step, "total": 3, "measures": {"loss": loss}})
    return found


def test_the_report_stands_alone_and_row_text_stays_text(folder: VersionFolder) -> None:
    text, page = reported(folder, lambda _: None)
    assert page.reaches == [] and "http" not in text
    assert page.scripts == 1 and "<script>alert" not in text and "&lt;script&gt;alert(1)" in text
    assert "&lt;i&gt;no label&lt;/i&gt;" in text and "In &lt;words&gt;." in text


def test_every_error_can_be_browsed_with_its_entity_marked(folder: VersionFolder) -> None:
    text, page = reported(folder, lambda row: "positive" if row["label"] != "positive" else "negative")
    assert page.rows == 3 and text.count("<mark>Company") == 3
    assert 'id="gold"' in text and 'type="search"' in text


def test_the_training_curve_is_drawn_from_the_versions_own_events(folder: VersionFolder) -> None:
    text, _ = reported(folder, lambda _: None)
    assert "<svg" in text and "training loss" in text


def test_the_report_speaks_the_tasks_language(folder: VersionFolder) -> None:
    with folder.task.change() as task:
        task.language = "zh-TW"
    text, _ = reported(folder, lambda _: None)
    assert 'lang="zh-TW"' in text and "混淆矩陣" in text and "用&lt;話&gt;說。" in text
    assert "Confusion matrix" not in text


def test_a_flawless_version_has_no_errors_to_show(folder: VersionFolder) -> None:
    text, page = reported(folder, lambda row: str(row["label"]))
    assert page.rows == 0 and "Nothing on this benchmark." in text
