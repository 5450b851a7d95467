"""The gates before a deployment: goals over all labels, of one label, and such as are better lower."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from nlp_skills.resources.evaluation import Evaluation
from nlp_skills.resources.foundation.errors import DeploymentError
from nlp_skills.resources.task import SuccessCriteria, Task, TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.tools.deploy.gates import criteria_gate, parity_gate
from nlp_skills.tools.deploy.overrides import Override, opened_gate
from nlp_skills.tools.deploy.parity import Disagreement, Parity

EVALUATION: dict[str, Any] = {
    "metrics": {
        "macro_f1": {"value": 0.79996, "low": 0.7, "high": 0.9},
        "invalid_rate": {"value": 0.02, "low": 0.0, "high": 0.05},
    },
    "per_class": {
        label: {"recall": recall, "f1": 0.8, "intervals": {"recall": [0.6, 0.95], "f1": [0.7, 0.9]}}
        for label, recall in (("正面", 0.9), ("負面", 0.7))
    },
}


def version(evaluation: dict[str, Any] | None = EVALUATION) -> VersionFolder:
    measured = Evaluation.model_validate(evaluation) if evaluation else None
    return cast(VersionFolder, SimpleNamespace(name="v1", latest_evaluation=lambda *_: measured))


def task(metric: str, threshold: float, **more: Any) -> Task:
    return Task(
        name="news",
        labels=["正面", "負面"],
        success_criteria=SuccessCriteria(metric=metric, threshold=threshold),
        **more,
    )


@pytest.fixture
def folder(tmp_path: Path) -> VersionFolder:
    return VersionFolder(TaskFolder(tmp_path / "news"), 1)


@pytest.mark.parametrize(
    ("metric", "threshold"), [("macro_f1", 0.79), ("recall.正面", 0.9), ("invalid_rate", 0.02), ("invalid_rate", 0.05)]
)
def test_a_version_that_reaches_its_goal_passes(metric: str, threshold: float) -> None:
    assert criteria_gate(task(metric, threshold), version()) == []


@pytest.mark.parametrize(
    ("metric", "threshold", "said"),
    [
        ("macro_f1", 0.8, "macro-F1 0.8000 < 0.8"),
        ("recall.負面", 0.8, "recall of 負面 0.7000 < 0.8"),
        ("invalid_rate", 0.01, "invalid answers 0.0200 > 0.01"),
    ],
)
def test_a_version_that_misses_its_goal_needs_a_recorded_reason(
    metric: str, threshold: float, said: str, folder: VersionFolder
) -> None:
    with pytest.raises(DeploymentError) as refused:
        criteria_gate(task(metric, threshold), version())
    assert said in refused.value.problem.en and "成功標準" in refused.value.problem.zh
    [override] = criteria_gate(
        task(metric, threshold), version(), Override(folder, "local", "for a demonstration", "success_criteria")
    )
    assert override["gate"] == "success_criteria" and override["reason"] == "for a demonstration"


def test_a_goal_that_was_not_measured_and_a_version_that_was_not_are_refused() -> None:
    with pytest.raises(DeploymentError) as unknown:
        criteria_gate(task("recall.中立", 0.8), version())
    assert unknown.value.field == "success_criteria.metric"
    with pytest.raises(DeploymentError):
        criteria_gate(task("macro_f1", 0.8), version(None))


def test_rows_an_endpoint_answers_differently_are_shown_but_never_those_of_an_on_premise_task() -> None:
    differing = Disagreement(id="1", text="secret row", evaluated="正面", deployed="負面")
    parity = Parity(raw=0.9, label=0.9, count=10, disagreements=[differing])
    with pytest.raises(DeploymentError) as shown:
        parity_gate(task("macro_f1", 0.8), version(), parity, 0.99)
    assert shown.value.details["disagreements"][0]["text"] == "secret row"
    assert "「secret row」，評估時回答「正面」，部署後回答「負面」" in shown.value.problem.zh
    with pytest.raises(DeploymentError) as hidden:
        parity_gate(task("macro_f1", 0.8, constraints={"privacy": "on-premise"}), version(), parity, 0.99)
    assert "secret row" not in str(hidden.value.details) + str(hidden.value)


def test_a_reason_opens_the_gate_whose_figure_was_told_and_no_other(folder: VersionFolder) -> None:
    goal, differs = task("macro_f1", 0.9), Parity(raw=0.9, label=0.9, count=10)

    def make_override(reason: str) -> Override:
        return Override(folder, "local", reason, opened_gate(folder, "local"))

    first = make_override("good enough for a trial")
    assert [one["gate"] for one in criteria_gate(goal, version(), first)] == ["success_criteria"]
    with pytest.raises(DeploymentError, match="new to the person"):
        parity_gate(goal, version(), differs, 0.99, first)

    second = make_override("the differing rows do not matter")
    assert [one["reason"] for one in criteria_gate(goal, version(), second)] == ["good enough for a trial"]
    [opened] = parity_gate(goal, version(), differs, 0.99, second)
    assert opened["reason"] == "the differing rows do not matter" and opened["gate"] == "parity"

    with pytest.raises(DeploymentError):  # worse than what was accepted
        parity_gate(goal, version(), Parity(raw=0.5, label=0.5, count=10), 0.99, second)
    with pytest.raises(DeploymentError):  # another target's endpoint is another figure
        parity_gate(goal, version(), differs, 0.99, Override(folder, "gguf", "fine", opened_gate(folder, "gguf")))
    with pytest.raises(DeploymentError):
        criteria_gate(goal, version(), Override(folder, "local", "", opened_gate(folder, "local")))
