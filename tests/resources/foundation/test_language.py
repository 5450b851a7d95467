from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import nlp_skills
from nlp_skills.resources.foundation.language import CLAUSES, COMMAS, SENTENCES, Text, number_of, several, speaking

PACKAGE = Path(nlp_skills.__file__).resolve().parent


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (several(1, "row"), "1 row"),
        (several(0, "row"), "0 rows"),
        (several(2, "row"), "2 rows"),
        (several(1, "text holds", "texts hold"), "1 text holds"),
        (several(3, "text holds", "texts hold"), "3 texts hold"),
        (several(1200, "row", form=","), "1,200 rows"),
    ],
)
def test_what_is_counted_agrees_with_its_number(said: str, sentence: str) -> None:
    assert said == sentence


def test_texts_add_themselves_in_both_languages() -> None:
    assert Text("one", "一") + Text(" two", "二") == Text("one two", "一二")
    assert Text("line", "行") + "\n" == Text("line\n", "行\n") and "v3: " + Text("done", "完成") == Text(
        "v3: done", "v3: 完成"
    )


def test_sentences_stand_apart_by_a_space_in_english_and_by_nothing_in_chinese() -> None:
    parts = [Text("One.", "一。"), None, Text("", ""), Text("Two.", "二。")]

    assert SENTENCES.join(parts) == Text("One. Two.", "一。二。")
    assert COMMAS.join(["a", Text("b", "乙")]) == Text("a, b", "a、乙") and CLAUSES.join("ab") == Text("a; b", "a；b")


def test_what_one_language_does_not_say_leaves_no_gap() -> None:
    assert SENTENCES.join([Text("One.", "一。"), Text("Two.", ""), Text("Three.", "三。")]) == Text(
        "One. Two. Three.", "一。三。"
    )
    assert SENTENCES.join([]) == Text("", "") and not SENTENCES.join([]) and Text("", "字")


def test_a_text_put_into_another_is_said_in_the_language_around_it() -> None:
    whole = Text("{count:,} rows: {why}.", "{why}：{count:,} 列。")

    with speaking("zh-TW"):
        filled = whole.format(count=1200, why=Text("no label", "沒有標籤"))
    assert filled == Text("1,200 rows: no label.", "沒有標籤：1,200 列。")
    assert Text("{} of {}", "{1} 之 {0}").format(1, Text("two", "二")) == Text("1 of two", "二 之 1")


def test_braces_in_what_is_put_in_stay_as_they_are() -> None:
    assert Text("{said}", "{said}").format(said='{"label": 1}').en == '{"label": 1}'


def _filled_in() -> Iterator[tuple[str, ast.Call, ast.Call]]:
    """Every `Text(…).format(…)` of the package: where, the text, the call."""
    for folder in ("resources", "tools", "prompts", "server"):
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "format":
                    text = call.func.value
                    if isinstance(text, ast.Call) and isinstance(text.func, ast.Name) and text.func.id == "Text":
                        yield f"{path.relative_to(PACKAGE)}:{call.lineno}", text, call


def test_what_is_filled_in_stands_in_the_code_and_both_languages_find_what_they_ask_for() -> None:
    """A text that already held somebody's words would have their braces taken for placeholders."""
    wrong = []
    for place, text, call in _filled_in():
        written = [side.value if isinstance(side, ast.Constant) else None for side in text.args]
        given = {keyword.arg for keyword in call.keywords}
        asked: set[str] = set()
        for side in written:
            if not isinstance(side, str):
                wrong.append(f"{place}: not written out")
                continue
            fields = {name for _, name, _, _ in string.Formatter().parse(side) if name is not None}
            asked |= {field.split(".")[0].split("[")[0] for field in fields}
        if not call.args and asked != given:
            wrong.append(f"{place}: asks for {sorted(asked)}, is given {sorted(map(str, given))}")
    assert wrong == []


def test_a_count_is_a_number_with_its_noun_in_english_and_the_bare_number_in_chinese() -> None:
    said = Text("{rows} left out.", "略過 {rows} 列。")

    assert said.format(rows=number_of(1, "row")) == Text("1 row left out.", "略過 1 列。")
    assert said.format(rows=number_of(1200, "row", form=",")) == Text("1,200 rows left out.", "略過 1,200 列。")
