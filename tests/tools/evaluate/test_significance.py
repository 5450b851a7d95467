from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp_skills.tools.evaluate.intervals import Interval, wilson
from nlp_skills.tools.evaluate.metric import Answered, known_metrics
from nlp_skills.tools.evaluate.significance import Difference, Scores, correct_difference, holm, mcnemar, rows_needed

LABELS = ["a", "b", "c"]


def answers(gold: list[str], accuracy: float, seed: int) -> list[str | None]:
    """Answers right with probability `accuracy`, else another label or no label."""
    source = random.Random(seed)
    return [
        label if source.random() < accuracy else source.choice([*(x for x in LABELS if x != label), None])
        for label in gold
    ]


def rows(count: int, seed: int = 0) -> list[str]:
    source = random.Random(seed)
    return [source.choice(LABELS) for _ in range(count)]


def scores(gold: list[str], models: list[list[str | None]], groups: list[str] | None = None) -> Scores:
    """Of models that answered so."""
    return Scores(
        [[Answered(one, answer, answer or "?") for one, answer in zip(gold, model, strict=True)] for model in models],
        LABELS,
        groups,
    )


def interval(found: Scores, name: str) -> Interval:
    return found.intervals({name: known_metrics()[name]})[name][0]


def difference(found: Scores, name: str) -> Difference:
    return found.differences({name: known_metrics()[name]})[name][0]


def test_a_share_has_wilsons_interval() -> None:
    gold = ["a"] * 30
    found = interval(scores(gold, [[*["a"] * 29, "b"]]), "accuracy")
    assert (found.low, found.high) == pytest.approx((0.8333, 0.9941), abs=1e-4)


@pytest.mark.parametrize("name", ["accuracy", "macro_f1", "weighted_f1", "f1", "precision", "recall"])
def test_thirty_of_thirty_right_is_not_certainty(name: str) -> None:
    gold = LABELS * 10
    found = interval(scores(gold, [list(gold)]), name)
    assert found.value == found.high == 1.0 and 0.6 < found.low < 0.95
    wrong = interval(scores(gold, [[None] * 30]), name)
    assert wrong.value == wrong.low == 0.0 and 0.05 < wrong.high <= 1.0


def test_the_interval_of_macro_f1_is_about_that_of_drawing_the_rows_themselves() -> None:
    gold = rows(150)
    predicted = answers(gold, 0.75, 3)
    ours, source = interval(scores(gold, [predicted]), "macro_f1"), random.Random(0)
    drawn = []
    for _ in range(400):
        places = source.choices(range(len(gold)), k=len(gold))
        again = scores([gold[at] for at in places], [[predicted[at] for at in places]])
        drawn += again.values({"macro_f1": known_metrics()["macro_f1"]})["macro_f1"]
    drawn.sort()
    assert ours.low == pytest.approx(drawn[10], abs=0.025) and ours.high == pytest.approx(drawn[389], abs=0.025)


def test_the_accuracy_interval_covers_the_truth_about_95_times_in_100() -> None:
    """`benchmarks/interval_coverage.py` asks the same of every figure, at many points."""
    covered = 0
    for seed in range(200):
        gold = rows(150, seed)
        found = interval(scores(gold, [answers(gold, 0.8, seed + 1000)]), "accuracy")
        covered += found.low <= 0.8 <= found.high
    assert 180 <= covered <= 199


@pytest.mark.parametrize("name", ["accuracy", "macro_f1"])
def test_rows_of_one_group_widen_the_interval(name: str) -> None:
    gold = rows(40)
    predicted = answers(gold, 0.7, 5)
    groups = [str(number % 40) for number in range(200)]
    blind = interval(scores(gold * 5, [predicted * 5]), name)
    grouped = interval(scores(gold * 5, [predicted * 5], groups), name)
    single = interval(scores(gold, [predicted]), name)
    assert grouped.high - grouped.low > 1.8 * (blind.high - blind.low)
    assert grouped.high - grouped.low == pytest.approx(single.high - single.low, abs=0.03)
    perfect = interval(scores(gold * 5, [list(gold * 5)], groups), name)
    assert perfect.low == pytest.approx(interval(scores(gold, [list(gold)]), name).low, abs=0.03)


def test_a_clearly_better_model_is_better_and_its_mirror_is_worse() -> None:
    gold = rows(200)
    weak, strong = answers(gold, 0.6, 1), answers(gold, 0.9, 2)
    assert difference(scores(gold, [weak, strong]), "macro_f1").verdict == "better"
    mirrored = difference(scores(gold, [strong, weak]), "macro_f1")
    assert mirrored.verdict == "worse" and mirrored.value < 0


def test_equal_answers_differ_by_nothing_and_other_rows_might_still_say_otherwise() -> None:
    gold = rows(50)
    same = answers(gold, 0.8, 1)
    found = difference(scores(gold, [same, same]), "macro_f1")
    assert (found.value, found.p, found.verdict) == (0.0, 1.0, "not_shown") and found.low < 0 < found.high


@pytest.mark.parametrize(("only_b", "verdict"), [(5, "not_shown"), (6, "better")])
def test_the_decision_on_a_share_is_that_of_exact_mcnemar(only_b: int, verdict: str) -> None:
    gold = ["a"] * 40
    one: list[str | None] = [*["b"] * only_b, *["a"] * (40 - only_b)]
    found = difference(scores(gold, [one, list(gold)]), "accuracy")
    assert found.p == pytest.approx(mcnemar([True] * (40 - only_b) + [False] * only_b, [True] * 40).p)
    assert found.verdict == verdict and found.low <= found.value <= found.high


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["accuracy", "macro_f1", "weighted_f1"]))
def test_the_interval_leaves_out_0_just_where_the_test_shows_a_difference(seed: int, name: str) -> None:
    gold = rows(40, seed)
    found = difference(scores(gold, [answers(gold, 0.6, seed + 1), answers(gold, 0.8, seed + 2)]), name)
    assert (found.verdict != "not_shown") == (found.p < 0.05) and found.low <= found.value <= found.high


@pytest.mark.parametrize("name", ["accuracy", "macro_f1"])
def test_a_difference_is_seldom_claimed_between_equally_good_models(name: str) -> None:
    claimed = 0
    for seed in range(150):
        gold = rows(60, seed)
        pair = [answers(gold, 0.8, seed + 1000), answers(gold, 0.8, seed + 2000)]
        claimed += difference(scores(gold, pair), name).verdict != "not_shown"
    assert claimed <= 15


def test_per_class_metrics_give_one_figure_for_each_label() -> None:
    gold = rows(60)
    found = scores(gold, [answers(gold, 0.8, 1)]).intervals({"f1": known_metrics()["f1"]})
    assert len(found["f1"]) == 3 and all(one.low <= one.value <= one.high for one in found["f1"])


def test_holm_corrects_the_smallest_most_and_keeps_the_order() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5]) == [0.5] and holm([]) == []


def test_a_difference_that_is_not_shown_once_looks_are_counted_holds_0() -> None:
    alone = Difference(0.1, 0.02, 0.18, 0.04, 0.02)
    found = correct_difference(alone, 0.06)
    assert alone.verdict == "better" and found.verdict == "not_shown" and found.low <= 0 < found.high
    assert correct_difference(alone, 0.04).verdict == "better"


def test_the_best_of_many_equal_models_is_told_to_look_too_good() -> None:
    gold = rows(100)
    models = [answers(gold, 0.8, seed) for seed in range(6)]
    several, metric = scores(gold, models), known_metrics()["accuracy"]
    best = max(several.values({"it": metric}, model)["it"][0] for model in range(6))
    less = several.chosen_best(metric)
    assert 0.01 < less < 0.06 and best - less < best
    assert scores(gold, [models[0]] * 4).chosen_best(metric) < 0.005
    clear = scores(gold, [list(gold), answers(gold, 0.3, 1)])
    assert clear.chosen_best(metric) < 0.001


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=0, max_size=60))
def test_mcnemar_is_the_exact_binomial_test(pairs: list[tuple[bool, bool]]) -> None:
    found = mcnemar([a for a, _ in pairs], [b for _, b in pairs])
    mirrored = mcnemar([b for _, b in pairs], [a for a, _ in pairs])
    assert found.p == mirrored.p and 0 < found.p <= 1
    if found.only_a == found.only_b:
        assert found.p == 1.0


@pytest.mark.parametrize(("a", "b", "p"), [(6, 0, 0.03125), (5, 0, 0.0625), (8, 2, 0.109375)])
def test_mcnemar_of_known_counts(a: int, b: int, p: float) -> None:
    assert mcnemar([True] * a + [False] * b, [False] * a + [True] * b).p == pytest.approx(p)


def test_mcnemar_holds_for_thousands_of_rows() -> None:
    found = mcnemar([True] * 1200 + [False] * 1000, [False] * 1200 + [True] * 1000)
    assert 0 < found.p < 0.001


@pytest.mark.parametrize(("gap", "discordance", "expected"), [(0.03, 0.10, 870), (0.05, 0.15, 470)])
def test_the_range_of_rows_needed_holds_the_published_examples(gap: float, discordance: float, expected: int) -> None:
    rows_at_hand = 300
    error = ((discordance - gap**2) / rows_at_hand) ** 0.5
    found = rows_needed(rows_at_hand, gap, error)
    assert found and found.low < expected < found.high and not found.doubtful


def test_no_gap_needs_no_rows_and_a_doubtful_one_is_called_so() -> None:
    assert rows_needed(100, 0.0, 0.1) is None
    found = rows_needed(100, 0.02, 0.1)
    assert found and found.doubtful and 100 < found.low < found.high


def test_wilson_of_nothing_says_nothing() -> None:
    assert wilson(0.0, 0) == (0.0, 1.0)
