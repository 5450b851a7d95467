from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlp_skills.tools.evaluate.baseline import baselines_for, cached_answers, known_baselines
from nlp_skills.tools.evaluate.metric import Answered

pytestmark = pytest.mark.worker
Row = dict[str, Any]


def answers(name: str, train: list[Row], valid: list[Row], asked: list[Row], language: str = "en") -> list[str | None]:
    return [one.answer for one in known_baselines()[name].answers(train, valid, asked, language)]


def row(text: str, label: str, entity: str | None = None) -> Row:
    return {"text": text, "label": label, **({"entity": entity} if entity else {})}


def test_the_majority_class_is_that_of_the_training_rows() -> None:
    train = [row("a", "x"), row("b", "y"), row("c", "y")]
    assert answers("majority", train, [], [row("d", "x")] * 3) == ["y"] * 3
    assert answers("majority", train[:2], [], [row("d", "x")]) == ["x"], (
        "of equally frequent labels the first in the alphabet"
    )


@pytest.mark.parametrize(
    ("language", "good", "bad"), [("en", "profit rose", "profit fell"), ("zh-TW", "獲利成長", "獲利衰退")]
)
def test_tfidf_learns_what_the_words_give_away(language: str, good: str, bad: str) -> None:
    train = [row(f"{text} {number}", label) for number in range(20) for text, label in ((good, "good"), (bad, "bad"))]
    asked = [row(f"{good} 99", "good"), row(f"{bad} 98", "bad")]
    assert answers("tfidf", train, train[:6], asked, language) == ["good", "bad"]


def test_two_entities_of_one_sentence_are_told_apart_by_their_marks() -> None:
    train = []
    for number in range(60):
        up, down = f"A{number}co", f"B{number}co"
        for entity, label in ((up, "good"), (down, "bad")):
            train.append(row(f"{up} rose while {down} fell", label, entity))
    asked = [
        row("Xenon rose while Yttrium fell", label, entity) for entity, label in (("Xenon", "good"), ("Yttrium", "bad"))
    ]
    assert answers("tfidf", train, train[:10], asked, "en") == ["good", "bad"]


def test_training_rows_of_one_label_still_give_an_answer() -> None:
    train = [row("a", "x"), row("b", "x")]
    assert answers("tfidf", train, [], [row("c", "y")], "en") == ["x"]


def test_answers_are_computed_once_for_what_they_depend_on(tmp_path: Path) -> None:
    asked, rows = [], [row("a", "x"), row("b", "y")]

    def answer() -> list[Answered]:
        asked.append(1)
        return [Answered("x", "x", "x"), Answered("y", None, "what?")]

    for key in ({"rows": "1"}, {"rows": "1"}, {"rows": "2"}):
        found = cached_answers(tmp_path, "tfidf", key, rows, answer)
        assert [(one.gold, one.answer, one.raw) for one in found] == [("x", "x", "x"), ("y", None, "what?")]
    assert len(asked) == 2


def spans(text: str, **parts: str) -> Row:
    return {
        "text": text,
        "spans": [{"type": kind, "text": part, "start": text.find(part), "end": 0} for kind, part in parts.items()],
    }


def test_the_dictionary_finds_the_longest_part_it_has_seen_and_no_piece_of_a_word() -> None:
    train = [
        spans("Ann met Acme", PER="Ann", ORG="Acme"),
        spans("Acme Corp hired Bo", ORG="Acme Corp", PER="Bo"),
        spans("台積電在新竹", ORG="台積電", LOC="新竹"),
    ]
    asked = [spans("Annette and Ann left Acme Corp"), spans("新竹的台積電"), spans("nobody")]
    assert answers("dictionary", train, [], asked) == [
        '{"ORG": ["Acme Corp"], "PER": ["Ann"]}',
        '{"LOC": ["新竹"], "ORG": ["台積電"]}',
        "{}",
    ]


def test_the_nearest_training_row_lends_its_answer() -> None:
    train = [
        {"text": "how do I return a shirt", "output": "Within 30 days."},
        {"text": "when do you open", "output": "At nine."},
    ]
    asked = [{"text": "when do you open on Sunday", "output": "?"}, {"text": "return a shirt", "output": "?"}]
    assert answers("nearest", train, [], asked) == ["At nine.", "Within 30 days."]
    assert answers("copied", train, [], asked) == [one["text"] for one in asked]


def test_the_longer_answer_wins_and_writes_nothing() -> None:
    pairs = [
        {"text": "a", "chosen": "long answer", "rejected": "short"},
        {"text": "b", "chosen": "a", "rejected": "bb"},
    ]
    found = known_baselines()["longer"].answers([], [], pairs, "en")
    assert [one.margin for one in found] == [6.0, -1.0] and {one.raw for one in found} == {None}


def test_each_kind_of_answer_has_its_simple_methods_and_nobody_repeats_a_conversation() -> None:
    chat = {"text": "hi", "messages": []}
    assert set(baselines_for("label", [row("a", "x")])) == {"majority", "tfidf"}
    assert set(baselines_for("spans", [spans("a")])) == {"dictionary"}
    assert set(baselines_for("text", [{"text": "a", "output": "b"}])) == {"nearest", "copied"}
    assert set(baselines_for("text", [chat])) == {"nearest"} and not baselines_for("text", [])
    assert set(baselines_for("pair", [{"text": "a", "chosen": "b", "rejected": "c"}])) == {"longer"}
