"""JSON changed in one place: everything a person wrote around it stays as it was."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp_skills.server.json_text import JsonProblem, mask_values, parse, position, value_of, with_member, without_member

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def add_entry(text: str, value: Any = 1, comments: bool = True) -> str:
    return with_member(text, parse(text, comments=comments), "new", value)


def remove_entry(text: str, comments: bool = True) -> str:
    return without_member(text, parse(text, comments=comments), "new")


@settings(deadline=None, max_examples=60)
@given(
    value=st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=4), indent=st.sampled_from([None, 1, 2, 4, "\t"])
)
def test_any_json_reads_as_the_standard_reader_reads_it_and_takes_a_member_in_and_out(
    value: dict[str, Any], indent: Any
) -> None:
    value.pop("new", None)
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    assert value_of(text, parse(text, comments=False)) == value
    longer = add_entry(text, {"a": [1, "二"]}, comments=False)
    assert json.loads(longer) == {**value, "new": {"a": [1, "二"]}}
    assert json.loads(remove_entry(longer, comments=False)) == value
    if value:
        assert remove_entry(longer, comments=False) == text


@pytest.mark.parametrize(
    "text",
    [
        '{\n  "a": 1\n}\n',
        '{\n  "a": 1, // why one\n}\n',
        '{\n  "a": 1 // why one\n  // and nothing after it\n}\n',
        '{\r\n\t"a": {\r\n\t\t"b": 2\r\n\t} /* b */\r\n}',
        '// for us all\n{"a": 1, "b": [2, 3,],}',
        '{"a": 1}',
        '{\n    "a": "//no comment", "b": "/*"\n}\n\n',
    ],
)
def test_what_was_added_comes_out_again_to_the_byte(text: str) -> None:
    longer = add_entry(text, {"x": 1})
    assert value_of(longer, parse(longer, comments=True))["new"] == {"x": 1}
    assert all(comment in longer for comment in re.findall(r"//[^\n]*|/\*.*?\*/", text))
    assert remove_entry(longer) == text


def test_a_member_is_added_in_the_style_of_the_file() -> None:
    assert add_entry('{\r\n\t"a": 1\r\n}', {"x": 1}) == '{\r\n\t"a": 1,\r\n\t"new": {\r\n\t\t"x": 1\r\n\t}\r\n}'
    assert add_entry('{"a": 1}', {"x": 1}) == '{"a": 1, "new": {"x": 1}}'
    assert add_entry('{\n    "a": {}\n}', {"x": 1}) == '{\n    "a": {},\n    "new": {\n        "x": 1\n    }\n}'


def test_replacing_a_value_leaves_its_neighbours_alone() -> None:
    text = '{\n  "a": 1, // one\n  "new": {"x": 1}, // ours\n  "b": 1.50\n}'
    assert add_entry(text, {"x": 2}) == text.replace('{"x": 1}', '{"x": 2}')


def test_the_last_of_two_members_of_one_name_counts_as_it_does_for_readers() -> None:
    assert json.loads(add_entry('{"new": 1, "new": 2}', 3)) == {"new": 3}


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ('{\n  "a": 1\n  "b": 2\n}', 3, 3, "not expected"),
        ('{\n  "a": {\n', 3, 1, "ends too early"),
        ("{'a': 1}", 1, 2, "not expected"),
        ('{"a": 1,}', 1, 8, "extra comma"),
        ('{"a": 1} // x', 1, 10, "comment"),
        ('{"a": 1}}', 1, 9, "not expected"),
        ('{"a": 01}', 1, 8, "not expected"),
        ('{"a": "tab\there"}', 1, 7, "not expected"),
        ("[" * 10_000, 1, 202, "nested too deeply"),
        ("", 1, 1, "ends too early"),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(text: str, line: int, column: int, says: str) -> None:
    with pytest.raises(JsonProblem) as refused:
        parse(text, comments=False)
    assert position(text, refused.value.offset) == (line, column)
    assert says in refused.value.problem.en and refused.value.problem.zh


def test_values_of_others_are_masked_and_ours_shown() -> None:
    text = (
        '{"servers": {"github": {"env": {"TOKEN": "hunter2"}, "args": ["--key", "s3cret"]}, "ours": {"command": "x"}}}'
    )
    shown = mask_values(text, comments=False, shown=("servers", "ours"))
    assert "hunter2" not in shown and "s3cret" not in shown
    assert '"ours": {"command": "x"}' in shown and '"TOKEN": "…"' in shown
