from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from nlp_skills.resources.evaluation import Evaluation
from nlp_skills.resources.foundation.errors import EvaluationError
from nlp_skills.resources.task import Constraints, TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.tools.data.benchmark import frozen_benchmark
from nlp_skills.tools.evaluate.compare import compare
from nlp_skills.tools.evaluate.measuring import measure_answers
from nlp_skills.tools.evaluate.predict import Prediction
from nlp_skills.tools.evaluate.record import (
    AnswerLine,
    answer_rows,
    as_answered,
    benchmark_reference,
    commit_evaluation,
    keep_answers,
)

pytestmark = pytest.mark.worker
MakeTask = Callable[..., TaskFolder]
MakeVersion = Callable[..., VersionFolder]
LABELS = ["positive", "neutral", "negative"]


def right(accuracy: float, seed: int = 0) -> Callable[[int, str], str | None]:
    """Answers rightly with that probability, else with another label."""
    source = random.Random(seed)
    return lambda _, gold: gold if source.random() < accuracy else LABELS[(LABELS.index(gold) + 1) % 3]


def commit_answers(
    folder: VersionFolder,
    answer: Callable[[int, str], str | None],
    benchmark: str | None = None,
    *,
    decoding: str = "free",
    other: Callable[[int, str], str | None] | None = None,
    met: bool = False,
) -> None:
    """Commit an evaluation in which the version answered so."""
    frozen = frozen_benchmark(folder.task, benchmark)
    rows = frozen.rows()

    def lines(said: Callable[[int, str], str | None]) -> list[AnswerLine]:
        given = [said(number, row["label"]) for number, row in enumerate(rows)]
        return answer_rows(
            rows, [Prediction(row["id"], row["label"], one or "?", one) for row, one in zip(rows, given, strict=True)]
        )

    kept = lines(answer)
    beside = lines(other or answer)
    commit_evaluation(
        folder,
        Evaluation.model_validate(
            {
                "benchmark": benchmark_reference(frozen),
                "decoding": decoding,
                "predictions_hash": keep_answers(folder, kept),
                **measure_answers("label", as_answered(kept), LABELS, None),
                "other_decoding": {
                    "decoding": "constrained" if decoding == "free" else "free",
                    "predictions_hash": keep_answers(folder, beside),
                },
                "verdict": {"met": met, "simplest_wins": False},
            }
        ),
    )


@pytest.fixture
def pair(make_task: MakeTask, versions: MakeVersion, tiny: Path) -> tuple[VersionFolder, VersionFolder]:
    task = make_task(test=150)
    return versions(task, tiny, lora_r=32), versions(task, tiny, parent="v1", lora_r=64)


Pair = tuple[VersionFolder, VersionFolder]


def test_a_clear_gain_is_called_better_and_its_mirror_worse(pair: Pair) -> None:
    a, b = pair
    commit_answers(a, right(0.6))
    commit_answers(b, right(0.95, 1), met=True)
    found = compare(a, b).to_dict()
    assert found["verdict"]["outcome"] == "better" and found["verdict"]["difference"]["low"] > 0
    assert found["verdict"]["text"]["en"].startswith("v2 is better than v1.")
    assert found["verdict"]["text"]["zh"].startswith("v2 優於 v1。")
    assert found["next_step"]["tool"] == "deploy"
    assert found["next_step"]["arguments"] == {"task": "news", "version": "v2"}
    assert found["verdict"]["difference"]["p"] < 0.001 and found["verdict"]["tests"] == 1
    assert [change["path"] for change in found["changes"]] == ["lora_r"]
    assert "LoRA rank 32 → 64" in found["message"]["en"]
    mirrored = compare(b, a).to_dict()
    assert mirrored["verdict"]["outcome"] == "worse"
    assert mirrored["verdict"]["difference"]["value"] == -found["verdict"]["difference"]["value"]


def test_a_small_gain_is_not_shown_and_the_rows_it_would_need_are_named(pair: Pair) -> None:
    a, b = pair
    commit_answers(a, right(0.80))
    same = right(0.80)
    commit_answers(b, lambda number, gold: (same(number, gold), gold)[number in (3, 50, 90)])
    found = compare(a, b).to_dict()
    assert found["verdict"]["outcome"] == "not_shown" and found["verdict"]["difference"]["value"] >= 0
    assert found["verdict"]["rows_needed"]["low"] > 150
    assert "is not shown" in found["message"]["en"] and "rows would be needed" in found["message"]["en"]
    assert "未能證明" in found["message"]["zh"]


def test_equal_answers_are_alike(pair: Pair) -> None:
    a, b = pair
    for folder in pair:
        commit_answers(folder, right(0.8))
    found = compare(a, b).to_dict()
    assert found["verdict"]["rows_needed"] is None and "They answer alike." in found["message"]["en"]
    assert found["examples"] == {"fixed": [], "broken": []}


def test_per_class_differences_say_where_the_gain_lies(pair: Pair) -> None:
    a, b = pair
    commit_answers(a, lambda _, gold: "positive" if gold == "negative" else gold)
    commit_answers(b, lambda _, gold: gold)
    by_label = {one["label"]: one for one in compare(a, b).to_dict()["per_class"]}
    assert by_label["negative"]["outcome"] == "better" and by_label["negative"]["a"] == 0.0
    assert by_label["neutral"] == {**by_label["neutral"], "a": 1.0, "b": 1.0, "outcome": "not_shown"}


def test_rows_put_right_and_broken_are_shown_unless_the_data_stays_on_premise(pair: Pair) -> None:
    a, b = pair
    commit_answers(a, lambda number, gold: gold if number else None)
    commit_answers(b, lambda number, gold: None if number == 1 else gold)
    examples = compare(a, b).to_dict()["examples"]
    assert len(examples["fixed"]) == len(examples["broken"]) == 1
    assert examples["fixed"][0]["a"] is None and "Company" in examples["fixed"][0]["text"]
    with a.task.change() as task:
        task.constraints = Constraints(privacy="on-premise")
    assert "Company" not in json.dumps(compare(a, b).to_dict(), ensure_ascii=False)


def test_different_benchmarks_are_never_compared(pair: Pair) -> None:
    from nlp_skills.tools.data.benchmark import freeze

    a, b = pair
    freeze(a.task, frozen_benchmark(a.task).rows()[:40], name="later")
    commit_answers(a, right(0.8))
    commit_answers(b, right(0.9), "later")
    with pytest.raises(EvaluationError) as caught:
        compare(a, b).to_dict()
    assert "evaluate(task='news', version='v1', benchmark='later')" in caught.value.fix.en
    commit_answers(a, right(0.8), "later")
    assert compare(a, b).to_dict()["benchmark"]["name"] == "later"


def test_the_main_benchmark_is_preferred_where_both_have_several(pair: Pair) -> None:
    from nlp_skills.tools.data.benchmark import freeze

    a, b = pair
    freeze(a.task, frozen_benchmark(a.task).rows()[:40], name="later")
    for folder in pair:
        commit_answers(folder, right(0.8))
        commit_answers(folder, right(0.8), "later")
    assert compare(a, b).to_dict()["benchmark"]["name"] == "main"


def test_a_version_without_evaluation_names_the_call_that_makes_one(pair: Pair) -> None:
    a, b = pair
    commit_answers(a, right(0.8))
    with pytest.raises(EvaluationError) as caught:
        compare(a, b)
    assert "evaluate(task='news', version='v2', benchmark='main')" in caught.value.fix.en
    assert "version='v1'" not in caught.value.fix.en


def test_a_version_is_not_compared_with_itself(pair: Pair) -> None:
    commit_answers(pair[0], right(0.8))
    with pytest.raises(EvaluationError, match="with itself"):
        compare(pair[0], pair[0]).to_dict()


def test_the_same_decoding_is_compared_when_the_headlines_differ(pair: Pair) -> None:
    a, b = pair
    commit_answers(a, lambda *_: None, decoding="free", other=lambda _, gold: gold)
    commit_answers(b, lambda _, gold: gold, decoding="constrained")
    found = compare(a, b).to_dict()
    assert found["decoding"] == "constrained" and found["metrics"]["accuracy"]["a"] == 1.0


def test_answers_changed_by_hand_are_refused(pair: Pair) -> None:
    a, b = pair
    for folder in pair:
        commit_answers(folder, right(0.8))
    for kept in (a.root / "predictions").iterdir():
        kept.write_bytes(kept.read_bytes().replace(b'"correct": false', b'"correct": true'))
    with pytest.raises(EvaluationError, match="missing or were changed"):
        compare(a, b).to_dict()


def test_looking_often_is_counted(make_task: MakeTask, versions: MakeVersion, tiny: Path) -> None:
    task = make_task(test=150)
    first, second, *more = [versions(task, tiny) for _ in range(5)]
    commit_answers(first, right(0.80))
    flipped = right(0.80)
    # A handful of rows put right: a difference between two, hardly one once four were tried.
    commit_answers(second, lambda number, gold: (flipped(number, gold), gold)[number < 27])
    alone = compare(first, second).to_dict()["verdict"]
    assert alone["tests"] == 1 and alone["outcome"] == "better" and 0.0125 < alone["difference"]["p"] < 0.05
    for place, folder in enumerate(more):
        commit_answers(folder, right(0.75, place + 1))
    counted = compare(first, second).to_dict()
    assert counted["verdict"]["tests"] == 4 and counted["verdict"]["p_alone"] == alone["difference"]["p"]
    assert counted["verdict"]["difference"]["p"] == pytest.approx(4 * alone["difference"]["p"], abs=1e-5)
    assert counted["verdict"]["outcome"] == "not_shown" and counted["verdict"]["difference"]["low"] <= 0
    assert "5 versions" in counted["message"]["en"]
    assert "best of 5 versions" in counted["message"]["en"]
    assert "5 個版本裡挑出來" in counted["message"]["zh"]
    mirrored = compare(second, first).to_dict()["verdict"]
    assert mirrored["outcome"] == "not_shown" and mirrored["difference"]["p"] == counted["verdict"]["difference"]["p"]
