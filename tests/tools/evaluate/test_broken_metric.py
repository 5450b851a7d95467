"""A metric of a person's own that does not work: its value is missing, with the reason, and everything else is measured."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nlp_skills.resources.task import SuccessCriteria, TaskFolder
from nlp_skills.resources.version import VersionFolder
from tests.permissions import agree_to_script
from tests.tools.evaluate.test_tool import call

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.minutes,
    pytest.mark.skipif("NLP_SKILLS_WORKER" not in os.environ, reason="NLP_SKILLS_WORKER names no worker environment"),
]
MakeTask = Callable[..., TaskFolder]
MakeVersion = Callable[..., VersionFolder]
METRIC = """
from nlp_skills.resources.foundation.language import Text
from nlp_skills.tools.evaluate.metric import ShareMetric


class Mine(ShareMetric):
    '''Mine.'''

    title = Text("mine", "我的")
    answers = ("label",)

    def holds(self, row):
        return row.answer == row.gold
"""
BAD = {
    "raises": METRIC.replace("return row", "return row.gone or row"),
    "nowhere": METRIC + "\n    def curve(self, share):\n        return float('nan')\n",
    "truthy": METRIC.replace("return row.answer == row.gold", "return float('nan')"),
    "leaves": METRIC.replace("return row.answer == row.gold", "raise SystemExit(3)"),
    "wordy": METRIC + "\n    def curve(self, share):\n        return 'high'\n",
}


def put(task: TaskFolder, files: dict[str, str]) -> None:
    """Write files into the workspace's plugins/, agreed to as a person agrees."""
    plugins = task.root.parent / "plugins"
    plugins.mkdir()
    for name, content in files.items():
        (plugins / f"{name}.py").write_text(content, encoding="utf-8")
        agree_to_script(plugins / f"{name}.py")


async def test_metrics_that_raise_or_give_no_number_are_named_and_all_others_stand(
    make_task: MakeTask, versions: MakeVersion, tiny: Path
) -> None:
    task = make_task()
    put(task, {**BAD, "fine": METRIC})
    folder = versions(task, tiny)
    answer = await call(task, "evaluate", task="news")
    assert answer["job"]["state"] == "succeeded", answer
    [record] = folder.evaluations()
    assert set(record.not_measured) == set(BAD) and not set(BAD) & set(record.metrics)
    reasons = {"raises": "AttributeError", "nowhere": "nan is not a number", "wordy": "str is not a number"}
    reasons |= {"truthy": "not True or False", "leaves": "ends the program"}
    for name, why in reasons.items():
        said = record.not_measured[name]
        assert why in said.en and f"{name}.py" in said.en and f"{name}.py" in said.zh
        assert said.en in answer["message"]
        assert f"{name}.py" in folder.report_file.read_text(encoding="utf-8")
    assert record.metrics["fine"].value == record.metrics["accuracy"].value
    assert record.verdict.metric == "macro_f1" and record.verdict.met is False
    assert set(answer["job"]["result"]["not_measured"]) == set(BAD)
    versions(task, tiny, parent="v1")
    await call(task, "evaluate", task="news", version="v2")
    compared = await call(task, "compare_versions", task="news", a="v1", b="v2")
    metrics = compared["job"]["result"]["metrics"]
    assert not set(BAD) & set(metrics) and {"fine", "macro_f1"} <= set(metrics)
    assert set(record.baselines["majority"].to_dict()) >= {"accuracy", "macro_f1", "fine"}


async def test_a_goal_whose_metric_fails_is_never_said_to_be_met(
    make_task: MakeTask, versions: MakeVersion, tiny: Path
) -> None:
    task = make_task(success_criteria=SuccessCriteria(metric="raises", threshold=0.0))
    put(task, BAD)
    folder = versions(task, tiny)
    answer = await call(task, "evaluate", task="news")
    assert answer["job"]["state"] == "succeeded", answer
    result = answer["job"]["result"]
    assert result["met"] is None and "could not be computed" in answer["message"] and "raises.py" in answer["message"]
    assert "accuracy" in result["metrics"] and "raises" not in result["metrics"]
    told = await call(task, "diagnose", task="news")  # the usual metric's value is no answer to a goal in another
    assert "0.000 is met" not in told["message"] and "raises, was not measured" in told["message"], told["message"]
    report = folder.report_file.read_text(encoding="utf-8")
    assert "could not be computed" in report and "無法計算" in report and "Goal met" not in report
    [listed] = (await call(task, "list_tasks"))["tasks"]
    assert listed["best_score"] is None and not listed["met"]
    refused = await call(task, "deploy", task="news", version="v1", target="local")
    assert "raises" in (refused.get("error") or refused["message"])
