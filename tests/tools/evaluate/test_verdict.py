"""What is said of a version beside the simplest method."""

from __future__ import annotations

import pytest

from nlp_skills.resources.evaluation import Evaluation
from nlp_skills.resources.task import Task
from nlp_skills.tools.evaluate.significance import Difference
from nlp_skills.tools.evaluate.verdict import verdict


@pytest.mark.parametrize(
    ("ahead", "en", "zh"),
    [
        (Difference(0.0, 0.0, 0.0, 0.0), "does as well", "一樣好"),
        (Difference(-0.1, -0.2, 0.0, 0.05), "wins", "勝出"),
        (Difference(0.02, -0.1, 0.1, 0.05), "not shown to beat", "未能證明"),
        (Difference(0.3, 0.1, 0.4, 0.05), "beats", "它優於"),
    ],
)
def test_a_method_as_good_is_told_from_a_better_and_a_worse_one(ahead: Difference, en: str, zh: str) -> None:
    record = {
        "metrics": {"macro_f1": {"value": 0.9, "low": 0.8, "high": 1.0}, "invalid_rate": {"value": 0.0}},
        "benchmark": {"name": "main", "count": 40},
        "baselines": {"tfidf": {"macro_f1": 0.9 - ahead.value}},
    }
    found = verdict(Evaluation.model_validate(record), Task(name="mails", labels=["a", "b"]), {"tfidf": ahead})
    assert en in found.text.en and zh in found.text.zh
    assert found.simplest_wins is (ahead.value <= 0)
