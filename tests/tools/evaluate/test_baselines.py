from __future__ import annotations

from pathlib import Path

import pytest

from nlp_skills.tools.evaluate.baselines import cached_answers, majority_answers, tfidf_answers

pytestmark = pytest.mark.worker


def row(text: str, label: str, entity: str | None = None) -> dict[str, str]:
    return {"text": text, "label": label, **({"entity": entity} if entity else {})}


def test_the_majority_class_is_that_of_the_training_rows() -> None:
    train = [row("a", "x"), row("b", "y"), row("c", "y")]
    assert majority_answers(train, [row("d", "x")] * 3) == ["y"] * 3
    assert majority_answers(train[:2], [row("d", "x")]) == ["x"], "of equally frequent labels the first in the alphabet"


@pytest.mark.parametrize(("language", "good", "bad"), [
    ("en", "profit rose", "profit fell"), ("zh-TW", "獲利成長", "獲利衰退"),
])
def test_tfidf_learns_what_the_words_give_away(language: str, good: str, bad: str) -> None:
    train = [row(f"{text} {number}", label) for number in range(20) for text, label in ((good, "good"), (bad, "bad"))]
    asked = [row(f"{good} 99", "good"), row(f"{bad} 98", "bad")]
    assert tfidf_answers(train, train[:6], asked, language) == ["good", "bad"]


def test_two_entities_of_one_sentence_are_told_apart_by_their_marks() -> None:
    train = []
    for number in range(60):
        up, down = f"A{number}co", f"B{number}co"
        for entity, label in ((up, "good"), (down, "bad")):
            train.append(row(f"{up} rose while {down} fell", label, entity))
    asked = [row("Xenon rose while Yttrium fell", label, entity) for entity, label in (("Xenon", "good"),
                                                                                       ("Yttrium", "bad"))]
    assert tfidf_answers(train, train[:10], asked, "en") == ["good", "bad"]


def test_training_rows_of_one_label_still_give_an_answer() -> None:
    train = [row("a", "x"), row("b", "x")]
    assert tfidf_answers(train, [], [row("c", "y")], "en") == ["x"]


def test_answers_are_computed_once_for_what_they_depend_on(tmp_path: Path) -> None:
    asked = []

    def answer() -> list[str | None]:
        asked.append(1)
        return ["x", None]

    for key in ({"rows": "1"}, {"rows": "1"}, {"rows": "2"}):
        assert cached_answers(tmp_path, "tfidf", key, answer) == ["x", None]
    assert len(asked) == 2
