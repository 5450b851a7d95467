from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp_skills.tools.evaluate import significance
from nlp_skills.tools.evaluate.metric import Answered, known_metrics
from nlp_skills.tools.evaluate.significance import Difference, Interval, Resampler, mcnemar, rows_needed

pytestmark = pytest.mark.worker

LABELS = ["a", "b", "c"]


def answers(gold: list[str], accuracy: float, seed: int) -> list[str | None]:
    """Answers right with probability `accuracy`, else another label or no label."""
    source = random.Random(seed)
    return [label if source.random() < accuracy else source.choice([*(x for x in LABELS if x != label), None])
            for label in gold]


def rows(count: int, seed: int = 0) -> list[str]:
    source = random.Random(seed)
    return [source.choice(LABELS) for _ in range(count)]


def resampler(gold: list[str], models: list[list[str | None]], *more: Any, **options: Any) -> Resampler:
    """Of models that answered so."""
    return Resampler([[Answered(one, answer, answer or "?") for one, answer in zip(gold, model, strict=True)]
                      for model in models], LABELS, *more, **options)


def interval(resampler: Resampler, name: str) -> Interval:
    found = resampler.intervals({name: known_metrics()[name]})[name]
    assert isinstance(found, Interval)
    return found


def difference(resampler: Resampler, name: str) -> Difference:
    found = resampler.differences({name: known_metrics()[name]})[name]
    assert isinstance(found, Difference)
    return found


def test_the_same_seed_gives_the_same_interval_and_another_seed_another_one() -> None:
    gold = rows(100)
    given_answers = [answers(gold, 0.8, 1)]
    first = interval(resampler(gold, given_answers), "macro_f1")
    assert first == interval(resampler(gold, given_answers), "macro_f1")
    assert first != interval(resampler(gold, given_answers, seed=1), "macro_f1")


def test_drawing_in_chunks_does_not_change_the_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    gold = rows(60)
    given_answers = [answers(gold, 0.7, 1)]
    whole = interval(resampler(gold, given_answers, resamples=999), "macro_f1")
    monkeypatch.setattr(significance, "_CHUNK_CELLS", 700)
    assert interval(resampler(gold, given_answers, resamples=999), "macro_f1") == whole


def test_the_interval_is_that_of_drawing_the_rows_themselves() -> None:
    import numpy as np
    from sklearn.metrics import f1_score

    gold = rows(80)
    predicted = answers(gold, 0.75, 3)
    ours = interval(resampler(gold, [predicted]), "macro_f1")
    generator = np.random.default_rng(0)
    shown = np.array([a or "?" for a in predicted])
    labels = np.array(gold)
    naive = []
    for _ in range(400):
        drawn = generator.integers(0, len(gold), len(gold))
        naive.append(f1_score(labels[drawn], shown[drawn], labels=LABELS, average="macro", zero_division=math.nan))
    low, high = np.percentile(naive, [2.5, 97.5])
    assert ours.low == pytest.approx(low, abs=0.025) and ours.high == pytest.approx(high, abs=0.025)


def test_the_accuracy_interval_covers_the_truth_about_95_times_in_100() -> None:
    covered = 0
    for seed in range(200):
        gold = rows(150, seed)
        found = interval(resampler(gold, [answers(gold, 0.8, seed + 1000)], resamples=1000), "accuracy")
        covered += found.low <= 0.8 <= found.high
    assert 180 <= covered <= 199


def test_rows_of_one_group_widen_the_interval() -> None:
    gold = rows(40)
    predicted = answers(gold, 0.7, 5)
    repeated_gold, repeated = gold * 5, predicted * 5
    groups = [str(number % 40) for number in range(200)]
    blind = interval(resampler(repeated_gold, [repeated]), "accuracy")
    grouped = interval(resampler(repeated_gold, [repeated], groups), "accuracy")
    single = interval(resampler(gold, [predicted]), "accuracy")
    assert grouped.high - grouped.low > 1.8 * (blind.high - blind.low)
    assert grouped.high - grouped.low == pytest.approx(single.high - single.low, abs=0.03)


def test_a_clearly_better_model_is_better_and_its_mirror_is_worse() -> None:
    gold = rows(200)
    weak, strong = answers(gold, 0.6, 1), answers(gold, 0.9, 2)
    assert difference(resampler(gold, [weak, strong]), "macro_f1").verdict == "better"
    mirrored = difference(resampler(gold, [strong, weak]), "macro_f1")
    assert mirrored.verdict == "worse" and mirrored.value < 0


def test_equal_answers_differ_by_nothing() -> None:
    gold = rows(50)
    same = answers(gold, 0.8, 1)
    found = difference(resampler(gold, [same, same]), "macro_f1")
    assert (found.value, found.low, found.high, found.verdict) == (0.0, 0.0, 0.0, "not_shown")


def test_a_difference_is_seldom_claimed_between_equally_good_models() -> None:
    claimed = 0
    for seed in range(150):
        gold = rows(150, seed)
        pair = [answers(gold, 0.8, seed + 1000), answers(gold, 0.8, seed + 2000)]
        claimed += difference(resampler(gold, pair, resamples=1000), "accuracy").verdict != "not_shown"
    assert claimed <= 15


def test_per_class_metrics_give_one_figure_for_each_label() -> None:
    gold = rows(60)
    found = resampler(gold, [answers(gold, 0.8, 1)], resamples=500).intervals({"f1": known_metrics()["f1"]})
    by_label = found["f1"]
    assert isinstance(by_label, list) and len(by_label) == 3
    assert all(one.low <= one.value <= one.high for one in by_label)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=0, max_size=60))
def test_mcnemar_agrees_with_the_exact_binomial_test(pairs: list[tuple[bool, bool]]) -> None:
    from scipy.stats import binomtest

    found = mcnemar([a for a, _ in pairs], [b for _, b in pairs])
    discordant = found.only_a + found.only_b
    expected = binomtest(found.only_a, discordant, 0.5).pvalue if discordant else 1.0
    assert found.p == pytest.approx(expected)


def test_mcnemar_holds_for_thousands_of_rows() -> None:
    found = mcnemar([True] * 1200 + [False] * 1000, [False] * 1200 + [True] * 1000)
    assert 0 < found.p < 0.001


@pytest.mark.parametrize(("gap", "discordance", "expected"), [(0.03, 0.10, 870), (0.05, 0.15, 470)])
def test_rows_needed_agrees_with_the_published_examples(gap: float, discordance: float, expected: int) -> None:
    rows_at_hand = 300
    error = math.sqrt((discordance - gap**2) / rows_at_hand)
    assert rows_needed(rows_at_hand, gap, error) == pytest.approx(expected, rel=0.02)


def test_no_gap_needs_no_rows() -> None:
    assert rows_needed(100, 0.0, 0.1) is None
