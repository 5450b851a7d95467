"""A figure names the rows it stands on: a baseline that was fitted on other rows is another figure, and says so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.data_source import SplitPolicy
from nlp_skills.resources.foundation.files import write_json
from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.validation import ValidationReport
from nlp_skills.resources.version import VersionFolder
from nlp_skills.tools.compute.jobs.running import RunningJob
from nlp_skills.tools.data.store import commit_snapshot
from nlp_skills.tools.evaluate import predicting, run
from nlp_skills.tools.evaluate.predict import Prediction
from nlp_skills.tools.evaluate.results import EvaluatedVersion
from tests.tools.evaluate.conftest import rows_of
from tests.tools.evaluate.report.reporting import Page

pytestmark = pytest.mark.worker
FIRST, LATER = 90, 30
FITTED_EN = re.compile(
    r"(fitted|trained|learn\w*)[^.;]{0,30}\b(\d+) (training )?rows|\b(\d+) (training )?rows[^.;]{0,30}(fitted|trained|learn)",
    re.I,
)
FITTED_ZH = re.compile(r"\d+\s*筆[^。；]{0,16}(訓練|學|擬合)|(訓練|學|擬合)[^。；]{0,16}\d+\s*筆")


def evaluate(folder: VersionFolder, name: str) -> EvaluatedVersion:
    job = JobFolder(folder.task.jobs / name)
    job.root.mkdir(parents=True, exist_ok=True)
    write_json(
        job.spec_file,
        {"id": name, "kind": "evaluate", "entry": run.ENTRY, "python": "python", "created": "2026-01-06T14:00:00Z"},
    )
    return run.evaluate_version(RunningJob(job, folder.task, by_hand=False), folder)


@pytest.fixture
def two(
    make_task: Callable[..., TaskFolder],
    versions: Callable[..., VersionFolder],
    tiny: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[VersionFolder, VersionFolder]:
    """v1 on ninety training rows, v2 on thirty, measured on one benchmark; all answers are right."""

    def predict(
        _loaded: Any, rows: list[dict[str, Any]], *_: Any, report: Callable[[int, int], None], **__: Any
    ) -> Any:
        report(len(rows), len(rows))
        return [Prediction(row["id"], row["label"], row["label"], row["label"]) for row in rows]

    monkeypatch.setattr(predicting, "predict", predict)
    monkeypatch.setattr(predicting, "load_for_inference", lambda *_: None)
    task = make_task(test=60)
    first = versions(task, tiny)
    other = commit_snapshot(
        task,
        {"train": rows_of(LATER, 7), "valid": rows_of(20, 2), "test": rows_of(60, 3)},
        ValidationReport(errors=[]),
        kind="generated",
        parent=None,
        raw=[],
        source_hash="cd" * 32,
        policy=SplitPolicy(),
    )
    second = VersionFolder(task, 2)
    for path in (first.config_file, first.environment_file, first.model_info_file):
        target = second.root / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    other.summary().write(second.data_snapshot_file)
    return first, second


def test_a_baseline_says_on_how_many_rows_it_was_fitted_wherever_it_is_told(
    two: tuple[VersionFolder, VersionFolder],
) -> None:
    for folder, rows in zip(two, (FIRST, LATER), strict=True):
        answer = evaluate(folder, f"evaluate-{folder.name}")
        record = folder.evaluations()[-1]
        assert str(rows) in re.findall(r"\d+", json.dumps(record.baselines["tfidf"].to_dict())), record
        page = Page(folder.report_file.read_text("utf-8"))
        for words, said in (
            (FITTED_EN, page.english),
            (FITTED_ZH, page.chinese),
            (FITTED_EN, answer["message"]["en"]),
            (FITTED_ZH, answer["message"]["zh"]),
        ):
            assert any(str(rows) in found.group(0) for found in words.finditer(said)), said


def test_two_baselines_fitted_on_different_rows_are_not_shown_as_one(two: tuple[VersionFolder, VersionFolder]) -> None:
    from nlp_skills.tools.evaluate.compare import compare

    for folder in two:
        evaluate(folder, f"evaluate-{folder.name}")
    found = json.dumps(compare(*two).to_dict(), ensure_ascii=False)
    page = Page(two[1].report_file.read_text("utf-8"))
    assert "tfidf" not in found or (str(FIRST) in found and str(LATER) in found)
    assert re.search(rf"\b{LATER} (training )?rows", page.english)
