"""What can be measured after the labels changed, and goals that nothing can reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nlp_skills.resources.benchmark import BenchmarkChange
from nlp_skills.resources.foundation.errors import EvaluationError
from nlp_skills.resources.foundation.files import read_json, write_json
from nlp_skills.resources.task import SuccessCriteria, TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.tools.data.benchmark import change_form, freeze, frozen_benchmark
from nlp_skills.tools.evaluate.compare import compare
from nlp_skills.tools.evaluate.measurable import check_labels, check_version, goal_beyond_reach
from tests.tools.evaluate.test_compare import Pair, commit_answers, pair, right

pytestmark = pytest.mark.worker
MakeTask = Callable[..., TaskFolder]
__all__ = ["pair"]
RENAMED = {"negative": ["bad"]}


def rename(task: TaskFolder, labels: list[str]) -> None:
    """The task calls `negative` otherwise, and so does its benchmark."""
    with task.change() as changed:
        changed.labels = labels
    main = frozen_benchmark(task)
    rows = [{**row, "label": RENAMED.get(row["label"], [row["label"]])[0]} for row in main.rows()]
    change_form(main, rows, "s" * 64, BenchmarkChange(by="me", labels=RENAMED, left_out=0))


def test_versions_measured_before_are_still_compared_and_it_is_said_on_what(pair: Pair) -> None:
    a, b = pair
    commit_answers(a, right(0.6))
    commit_answers(b, right(0.9, 1))
    before = compare(a, b).to_dict()
    rename(a.task, ["positive", "neutral", "bad"])
    after = compare(a, b).to_dict()
    assert after["benchmark"] == before["benchmark"] and after["verdict"]["outcome"] == before["verdict"]["outcome"]
    assert "before its labels changed" in after["message"]["en"] and "標籤調整之前" in after["message"]["zh"]
    assert "labels changed" not in before["message"]["en"]


def test_versions_measured_on_two_forms_are_never_compared(pair: Pair) -> None:
    a, b = pair
    commit_answers(a, right(0.6))
    rename(a.task, ["positive", "neutral", "bad"])
    info = read_json(b.model_info_file)
    write_json(b.model_info_file, {**info, "labels": ["positive", "neutral", "bad"]})
    with pytest.raises(EvaluationError) as caught:
        compare(a, b).to_dict()
    assert "negative → bad" in caught.value.problem.en and "evaluate(" not in caught.value.fix.en, (
        "measuring v1 would say nothing"
    )


def test_a_version_that_answers_with_labels_of_before_is_not_measured_on_those_of_today(pair: Pair) -> None:
    a, _ = pair
    check_version(a, frozen_benchmark(a.task), a.task.load())
    rename(a.task, ["positive", "neutral", "bad"])
    with pytest.raises(EvaluationError) as caught:
        check_version(a, frozen_benchmark(a.task), a.task.load())
    assert caught.value.field == "version" and "negative → bad" in caught.value.problem.zh


def test_a_benchmark_with_labels_that_are_gone_says_how_they_come_along(make_task: MakeTask) -> None:
    task = make_task(test=30)
    check_labels(task, frozen_benchmark(task))
    freeze(task, frozen_benchmark(task).rows(), name="other")
    with task.change() as changed:
        changed.labels = ["positive", "neutral"]
    with pytest.raises(EvaluationError) as caught:
        check_labels(task, frozen_benchmark(task))
    assert "negative (" in caught.value.problem.en and "prepare_data" in caught.value.fix.en
    with pytest.raises(EvaluationError) as caught:
        check_labels(task, frozen_benchmark(task, "other"))
    assert "benchmark main" in caught.value.fix.en, "what is not in use does not follow"


@pytest.mark.parametrize(
    ("metric", "labels", "says"),
    [
        ("accuracy", ["positive", "neutral"], "negative ("),
        ("macro_f1", ["positive", "neutral"], "The best possible is 0.67"),
        ("recall.mixed", ["positive", "neutral", "negative", "mixed"], "has the label mixed"),
    ],
)
def test_a_goal_that_the_labels_leave_out_of_reach_is_said(
    make_task: MakeTask, metric: str, labels: list[str], says: str
) -> None:
    task = make_task(test=30, success_criteria=SuccessCriteria(metric=metric, threshold=0.9))
    assert not goal_beyond_reach(task, task.load()) or metric == "recall.mixed"
    with task.change() as changed:
        changed.labels = labels
    [said] = goal_beyond_reach(task, task.load())
    assert says in said.en and "0.9" in said.en and "0.9" in said.zh
    with task.change() as changed:
        changed.success_criteria.threshold = None
    assert not goal_beyond_reach(task, task.load())


def test_inputs_with_two_labels_bound_the_goal(make_task: MakeTask) -> None:
    task = make_task(test=30, success_criteria=SuccessCriteria(metric="accuracy", threshold=0.95))
    [snapshot] = [path for path in task.snapshots.iterdir() if path.is_dir()]
    write_json(task.data / "current.json", {"format": 1, "hash": read_json(snapshot / "manifest.json")["hash"]})
    report: dict[str, Any] = {
        "errors": [],
        "figures": {"rows": 100},
        "accepted": [{"code": "conflicting_labels", "count": 20}],
    }
    write_json(snapshot / "validation.json", report)
    [said] = goal_beyond_reach(task, task.load())
    assert "20 inputs of 100" in said.en and "0.90" in said.en


def test_people_who_do_not_agree_bound_the_goal(make_task: MakeTask, monkeypatch: pytest.MonkeyPatch) -> None:
    from nlp_skills.tools.evaluate import measurable

    class Here:
        def __init__(self, rows: int) -> None:
            self.rows = rows

        def figures(self) -> dict[str, Any]:
            return {"agreement": {"reviewers": {"Ann · Ben": {"rows": self.rows, "agreement": 0.8}}}}

    task = make_task(test=30, success_criteria=SuccessCriteria(metric="accuracy", threshold=0.9))
    monkeypatch.setattr(measurable, "concerns", lambda _: True)
    monkeypatch.setattr(measurable, "load_labelling", lambda _: Here(50))
    [said] = goal_beyond_reach(task, task.load())
    assert "80%" in said.en and "0.80" in said.zh
    monkeypatch.setattr(measurable, "load_labelling", lambda _: Here(10))
    assert not goal_beyond_reach(task, task.load())


def test_a_version_of_no_renamed_label_may_be_measured_again(pair: Pair) -> None:
    a: VersionFolder = pair[0]
    main = frozen_benchmark(a.task)
    change_form(main, main.rows()[:50], "s" * 64, BenchmarkChange(by="me", labels={"negative": []}, left_out=10))
    check_version(a, frozen_benchmark(a.task), a.task.load())
