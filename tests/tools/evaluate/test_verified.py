"""Results that were edited, or do not belong to their answers, are refused; those of older commits are told apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.evaluation import Evaluation
from nlp_skills.resources.foundation.errors import EvaluationError
from nlp_skills.resources.foundation.files import read_json, write_json
from nlp_skills.resources.task import Task, TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.tools.data.benchmark import freeze
from nlp_skills.tools.evaluate.diagnosis import result_of
from nlp_skills.tools.evaluate.measuring import FORMULA, measure_answers
from nlp_skills.tools.evaluate.record import as_answered, benchmark_reference, commit_evaluation, keep_answers
from nlp_skills.tools.evaluate.verified import latest_results

LABELS = ["late", "broken", "praise"]


@pytest.fixture
def version(tmp_path: Path) -> VersionFolder:
    """v1 of a task of three labels, evaluated on 40 rows of which some are answered wrongly or not at all."""
    task = TaskFolder(tmp_path / "mail")
    task.root.mkdir()
    task.save(Task(name="mail", labels=LABELS))
    rows = [{"id": f"r{number}", "text": f"row {number}", "label": LABELS[min(number % 4, 2)]} for number in range(40)]
    benchmark = freeze(task, rows)
    folder = VersionFolder(task, 1)
    folder.root.mkdir(parents=True)
    write_json(folder.model_info_file, {"format": 1})
    said = [
        None if number == 7 else LABELS[number % 3] if number % 5 == 0 else row["label"]
        for number, row in enumerate(rows)
    ]
    lines = [
        {
            "id": row["id"],
            "text": row["text"],
            "gold": row["label"],
            "predicted": answer,
            "raw": answer or "?",
            "correct": answer == row["label"],
        }
        for row, answer in zip(rows, said, strict=True)
    ]
    commit_evaluation(
        folder,
        Evaluation.model_validate(
            {
                "benchmark": benchmark_reference(benchmark),
                "answers": "label",
                "formula": FORMULA,
                "decoding": "free",
                **measure_answers("label", as_answered(lines), LABELS, None),
                "predictions_hash": keep_answers(folder, lines),
            }
        ),
    )
    return folder


def edit(version: VersionFolder, **changes: Any) -> None:
    content = read_json(version.results_file)
    for name, value in changes.items():
        if name == "score":
            content["evaluations"][-1]["metrics"]["macro_f1"]["value"] = value
        elif name == "recall":
            content["evaluations"][-1]["per_class"]["late"]["recall"] = value
        else:
            content["evaluations"][-1].pop(name)
    write_json(version.results_file, content)


def test_what_was_measured_is_what_its_answers_give(version: VersionFolder) -> None:
    known = latest_results(version)
    assert known and known.unverified is None and known.record == version.latest_evaluation()
    assert result_of(version.task.load(), version) is not None


@pytest.mark.parametrize("change", [{"score": 0.99}, {"recall": 1.0}])
def test_a_figure_that_was_edited_is_refused_with_both_figures(
    version: VersionFolder, change: dict[str, float]
) -> None:
    edit(version, **change)
    with pytest.raises(EvaluationError, match=r"results\.json") as refused:
        latest_results(version)
    assert f"{next(iter(change.values())):.4f}" in refused.value.problem.zh
    with pytest.raises(EvaluationError):
        result_of(version.task.load(), version)


def test_answers_that_were_changed_and_answers_to_other_rows_are_refused(version: VersionFolder) -> None:
    [file] = (version.root / "predictions").glob("*.jsonl")
    content = file.read_text(encoding="utf-8")
    file.write_text(content.replace('"predicted": null', '"predicted": "late"'), encoding="utf-8")
    with pytest.raises(EvaluationError, match="missing or were changed"):
        latest_results(version)
    file.write_text(content, encoding="utf-8")
    assert latest_results(version)

    fewer = [line for line in map(dict, _lines(file)) if line["correct"]]  # the wrong ones left out
    before = version.latest_evaluation()
    assert before
    record = {**before.to_dict(), **measure_answers("label", as_answered(fewer), LABELS, None)}
    commit_evaluation(version, Evaluation.model_validate({**record, "predictions_hash": keep_answers(version, fewer)}))
    with pytest.raises(EvaluationError, match="benchmark main"):
        latest_results(version)


def test_a_record_of_an_older_commit_opens_with_the_figures_of_its_answers(version: VersionFolder) -> None:
    before = latest_results(version)
    edit(version, score=0.99, formula=None)
    known = latest_results(version)
    assert before and known and known.unverified and "could not be verified" in known.unverified.en
    assert known.record.metrics["macro_f1"].value == pytest.approx(before.record.metrics["macro_f1"].value)
    edit(version, predictions_hash=None)
    known = latest_results(version)
    assert known and known.unverified and "無法驗證" in known.unverified.zh


def _lines(file: Path) -> list[dict[str, Any]]:
    from nlp_skills.resources.foundation.files import read_jsonl

    return list(read_jsonl(file))
