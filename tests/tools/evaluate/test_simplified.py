"""Answers of a Traditional Chinese task are looked through for Simplified characters."""

from __future__ import annotations

import pytest

from nlp_skills.resources.foundation.chinese import is_simplified
from nlp_skills.tools.evaluate.simplified import simplified_leak


def test_the_share_of_leaking_answers_is_told_with_the_characters() -> None:
    found = simplified_leak(["正面", "负面", "中立", "这个应该是正面"], "zh-TW", ["正面", "負面", "中立"])
    assert found == {"rate": 0.5, "answers": 2, "characters": "负这个应该"}


def test_characters_of_the_labels_are_meant() -> None:
    assert simplified_leak(["负面"], "zh-TW", ["正面", "负面"]) == {"rate": 0.0, "answers": 0, "characters": ""}


@pytest.mark.parametrize(("answers", "language"), [(["负面"], "en"), ([], "zh-TW")])
def test_nothing_is_said_where_there_is_nothing_to_look_at(answers: list[str], language: str) -> None:
    assert simplified_leak(answers, language, []) is None  # type: ignore[arg-type]


def test_characters_of_both_scripts_are_let_pass() -> None:
    assert not any(map(is_simplified, "后里台只了云志a1，"))
