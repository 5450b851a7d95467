"""What is found between the rows learnt from and those tested on."""

from __future__ import annotations

import random
from typing import Any

import pytest

from nlp_skills.tools.data.rows import Row, row_id
from nlp_skills.tools.evaluate.between_splits import between_splits
from nlp_skills.tools.evaluate.forms import forms_of
from nlp_skills.tools.evaluate.giveaways import giveaways, is_code, without

EVENTS = {
    "good": ("the soup was hot", "the bed was soft", "the guide was kind", "the train was early"),
    "bad": ("the soup was cold", "the bed was broken", "the guide was rude", "the train was late"),
}


def rows(count: int, seed: int, write: Any = lambda text, label, source: text) -> list[Row]:
    source, found = random.Random(seed), []
    for number in range(count):
        label = source.choice(list(EVENTS))
        text = write(f"In house {source.randrange(90)} on day {number} {source.choice(EVENTS[label])}.", label, source)
        found.append({"id": row_id(text), "text": text, "label": label})
    return found


def code_rows(codes: dict[str, str]) -> Any:
    return lambda text, label, source: f"{codes[label]}-{source.randrange(1000, 9999)} {text}"


def test_a_code_that_goes_with_the_label_is_found_and_words_that_decide_are_not() -> None:
    train = rows(120, 1, code_rows({"good": "GX", "bad": "HZ"}))
    found = giveaways(train, rows(60, 2, code_rows({"good": "HZ", "bad": "GX"})))
    assert found["codes"] and found["train"] == 1.0 and found["test"] == 1.0 and found["holds"] == 0.0
    assert {one["label"] for one in found["signs"]} == {"good", "bad"} and is_code(found["signs"][0]["sign"])
    assert giveaways(rows(120, 1), rows(60, 2)) == {}


def test_a_number_whose_first_digit_gives_the_label_away_is_found() -> None:
    def number_text(text: str, label: str, source: random.Random) -> str:
        return f"{text} ({(4 if label == 'good' else 7)}{source.randrange(100, 999)})"

    found = giveaways(rows(120, 1, number_text), rows(60, 2))
    assert found["train"] == 1.0 and found["test"] < 0.3


def test_a_chinese_sign_is_found() -> None:
    train = rows(60, 1, lambda text, label, _: f"【{'內部表揚' if label == 'good' else '客訴專線'}】{text}")
    assert {one["label"] for one in giveaways(train, train)["signs"]} == {"good", "bad"}


def test_a_text_without_its_signs_keeps_the_rest() -> None:
    assert without("GX-1234 the soup", ["GX-9999"]).strip() == "the soup"


@pytest.mark.parametrize(
    ("form", "write"),
    [
        ("capitals", str.upper),
        ("markup", lambda text: f"<p>{text}</p>"),
        ("no_capitals", str.lower),
        ("full_width", lambda text: text.replace("1", "１").replace("2", "２").replace("3", "３")),
        ("lines", lambda text: text.replace(" ", "\n", 1)),
        ("no_punctuation", lambda text: text.replace(".", "")),
        ("quoted", lambda text: f'"{text}"'),
        ("escaped", lambda text: text.replace(" ", "\\n", 1)),
    ],
)
def test_a_form_that_only_one_side_has_is_found(form: str, write: Any) -> None:
    splits = {"train": rows(60, 1, lambda text, *_: write(f"On the 123 {text}")), "test": rows(60, 2)}
    shares = forms_of(splits)
    assert shares[form]["train"] > 0.8 and shares[form]["test"] < 0.1


def test_simplified_texts_are_a_form_of_their_own() -> None:
    shares = forms_of({"train": [{"text": "这个价格优惠吗"}], "test": [{"text": "這個價格優惠嗎"}]})
    assert shares["simplified"] == {"train": 1.0, "test": 0.0}


@pytest.mark.worker
def test_alike_splits_show_nothing() -> None:
    found = between_splits(rows(150, 1), rows(30, 3), rows(60, 2), "en")
    assert found["giveaways"] == {} and found["test_suspects"]["denied"] == 0
    assert 0.3 < found["told_apart"]["auc"] < 0.7


@pytest.mark.worker
def test_texts_of_another_kind_are_told_apart_and_a_code_alone_does_not_make_them_so() -> None:
    train = rows(150, 1)
    other = rows(60, 2, lambda text, *_: f"Dear sirs, my loan and my card: {text}")
    assert between_splits(train, [], other, "en")["told_apart"]["auc"] > 0.95
    leaked = rows(150, 1, code_rows({"good": "GX", "bad": "HZ"}))
    assert between_splits(leaked, [], rows(60, 2), "en")["told_apart"]["auc"] < 0.7


@pytest.mark.worker
def test_wrong_labels_in_the_test_are_denied_and_copies_of_a_few_texts_counted_as_one() -> None:
    test = rows(80, 2)
    for row in test[:24]:
        row["label"] = "bad" if row["label"] == "good" else "good"
    found = between_splits(rows(200, 1), [], test, "en")["test_suspects"]
    assert found["denied"] >= 20 and set(found["likelier"]) <= {row["id"] for row in test[:24]}
    few = [{**row, "text": f"{row['text']} {copy}"} for row in rows(40, 5)[:6] for copy in range(10)]
    assert between_splits(few, [], test, "en")["repeated"]["bad"]["different"] <= 6
