"""What the coach says stands in `texts/`: in both languages, used, and given what it asks for."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import nlp_skills
from nlp_skills.resources.foundation.language import Text
from nlp_skills.tools.coach.texts.reading import Texts, read_texts

COACH = Path(nlp_skills.__file__).resolve().parent / "tools" / "coach"
FILES = sorted(path.stem for path in (COACH / "texts").glob("*.yaml"))
_QUESTION = ("ask", "why", "default", "examples.[0-9]+")


class Use(NamedTuple):
    """A look-up: the keys it can mean, as a pattern, and the names of the values it gives."""

    keys: re.Pattern[str]
    given: set[str]


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def uses(module: str) -> Iterator[Use]:
    """Every `_text(…)`, `_text.listed(…)` and `_text.question(…)` of a module."""
    for call in ast.walk(ast.parse((COACH / f"{module}.py").read_text(encoding="utf-8"))):
        if not isinstance(call, ast.Call):
            continue
        how = ast.unparse(call.func)
        if how not in ("_text", "_text.listed", "_text.question"):
            continue
        ends = {"_text": "", "_text.listed": "[.][0-9]+", "_text.question": f"[.]({'|'.join(_QUESTION)})"}[how]
        key = call.args[0]
        parts = key.values if isinstance(key, ast.JoinedStr) else [key]
        written = "".join(re.escape(str(part.value)) if isinstance(part, ast.Constant) else "[^.]+" for part in parts)
        given = {str(keyword.arg) for keyword in call.keywords}
        yield Use(re.compile(written + ends), given - {"field"} if how == "_text.question" else given)


@pytest.mark.parametrize("name", FILES)
def test_every_sentence_exists_in_both_languages_with_the_same_placeholders(name: str) -> None:
    for key, text in read_texts(name).items():
        assert text.en and text.zh, key
        assert placeholders(text.en) == placeholders(text.zh), key


@pytest.mark.parametrize("name", FILES)
def test_every_sentence_is_said_and_every_one_said_is_there_with_what_it_asks_for(name: str) -> None:
    texts, said = read_texts(name), list(uses(name))
    for use in said:
        found = [text for key, text in texts.items() if use.keys.fullmatch(key)]
        assert found, use.keys.pattern
        assert set().union(*(placeholders(text.en) for text in found)) == use.given, use.keys.pattern
    assert [key for key in texts if not any(use.keys.fullmatch(key) for use in said)] == []


def test_no_sentence_stands_in_the_coachs_code() -> None:
    ends = re.compile(r"[A-Za-z]{2}.*[.?!:]\W*$")
    found = [
        f"{path.name}:{call.lineno}"
        for path in sorted(COACH.glob("*.py"))
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "Text"
        for side in call.args[:1]
        if isinstance(side, ast.Constant) and ends.search(re.sub(r"\{.*?\}", "", str(side.value)))
    ]
    assert found == []


def test_what_is_filled_in_is_said_in_the_language_around_it() -> None:
    said = Texts("states")("clarifying.task_stands_missing", root="/w/mail", things=Text("one thing is", "還有 1 件事"))
    assert "/w/mail; one thing is" in said.en and "還有 1 件事要" in said.zh
