"""An input is cut from its middle: beginning, end, roles and answer stay."""

from __future__ import annotations

from typing import Any

import pytest

from nlp_skills.tools.data.shortening import MARK, fit_row, turns_without_middle, without_middle
from nlp_skills.tools.data.task_kind import kind_of, task_kind


@pytest.mark.parametrize(
    ("text", "characters", "kept"),
    [
        ("abcdefghij", 10, "abcdefghij"),
        ("abcdefghij", 4, f"ab {MARK} ij"),
        ("abcdefghij", 5, f"abc {MARK} ij"),
        ("abcdefghij", 0, MARK),
        ("一二三四五六", 2, f"一 {MARK} 六"),
    ],
)
def test_a_text_keeps_its_beginning_and_its_end(text: str, characters: int, kept: str) -> None:
    assert without_middle(text, characters) == kept


def turn(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "content": content}


def conversation(exchanges: int, size: int) -> list[dict[str, Any]]:
    said = [turn("system", "Be kind.")]
    for number in range(exchanges):
        said += [turn("user", f"q{number} " + "x" * size), turn("assistant", f"a{number} " + "y" * size)]
    return [*said, turn("user", "the last question")]


@pytest.mark.parametrize("characters", range(0, 900, 37))
def test_a_conversation_keeps_its_system_its_question_and_turns_in_order(characters: int) -> None:
    cut = turns_without_middle(conversation(6, 60), characters)
    roles = [one["role"] for one in cut]
    assert roles[0] == "system" and cut[0]["content"] == "Be kind."
    assert roles[1:] == ["user" if place % 2 == 0 else "assistant" for place in range(len(roles) - 1)]
    assert roles[-1] == "user"
    said = sum(len(one["content"].replace(MARK, "").strip()) for one in cut[1:])
    assert said <= max(characters, 0)


def test_one_turn_that_fills_a_conversation_is_cut_and_the_others_stay() -> None:
    turns = [turn("user", "hello"), turn("assistant", "hi, what is it?"), turn("user", "see: " + "z" * 5000 + " end")]
    cut = turns_without_middle(turns, 200)
    assert cut[:2] == turns[:2]
    assert (
        cut[2]["content"].startswith("see: zz") and cut[2]["content"].endswith("zz end") and MARK in cut[2]["content"]
    )


@pytest.mark.parametrize(
    "row",
    [
        {"id": "a", "text": "x" * 500, "label": "good"},
        {"id": "b", "text": "x" * 500, "output": "an answer"},
        {"id": "c", "text": "x" * 500, "chosen": "better", "rejected": "worse"},
        {"id": "d", "text": "x" * 500, "messages": [turn("user", "x" * 500), turn("assistant", "an answer")]},
        {"id": "e", "text": "x" * 500, "turns": [turn("user", "x" * 500)], "chosen": "better", "rejected": "worse"},
        {"id": "f", "text": "Acme " + "x" * 500, "spans": [{"type": "firm", "text": "Acme", "start": 0, "end": 4}]},
    ],
)
def test_every_kind_of_row_is_cut_with_its_answer_whole(row: dict[str, Any]) -> None:
    kind = kind_of(row)
    labels: list[str] = []

    def characters(one: dict[str, Any]) -> int:
        prompt = task_kind("generation").prompts["en"]
        return sum(len(message["content"]) for message in kind.messages(one, prompt, labels))

    whole = characters(row)
    found = fit_row(row, kind_of(row).shorten_row, lambda one: characters(one) <= whole - 200)
    assert found is not None
    kept, short = found
    assert whole - 240 <= characters(short) <= whole - 200 and 0 < kept < 500
    assert kind.answer(short) == kind.answer(row) and short["id"] == row["id"] and kind.shorten_row(row, kept) == short


def test_what_cannot_be_made_short_enough_is_said() -> None:
    plain = {"id": "a", "text": "x" * 50, "label": "good"}
    assert fit_row(plain, kind_of(plain).shorten_row, lambda _: False) is None


def test_an_answer_that_quotes_what_was_cut_away_is_seen() -> None:
    row = {
        "id": "f",
        "text": "x" * 200 + " Acme " + "x" * 200,
        "spans": [{"type": "firm", "text": "Acme", "start": 201, "end": 205}],
    }
    extraction = task_kind("extraction")
    assert extraction.answerable(row) and not extraction.answerable(extraction.shorten_row(row, 100))
    about = {"id": "g", "text": "x" * 200 + " Acme " + "x" * 200, "entity": "ACME", "label": "good"}
    entity = task_kind("entity-classification")
    assert entity.answerable(about) and not entity.answerable(entity.shorten_row(about, 100))
