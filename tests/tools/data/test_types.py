"""Types of task: what a record must hold, how a row is asked, and how an answer is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_skills.resources.task import TASK_TYPES, TaskType
from nlp_skills.tools.data.prompting import answer_of, gold_of, read_answer
from nlp_skills.tools.data.task_kind import Spelling, Unfit, kind_of, task_kind, task_kinds

SPELLING = Spelling(["公司", "金額"], {})
TEXT = "台積電宣布投資 500 億元。"


def fields(kind: TaskType, **values: Any) -> dict[str, Any]:
    return task_kind(kind).fields(values, SPELLING)


def test_every_type_of_the_format_has_its_file() -> None:
    assert sorted(task_kinds()) == sorted(TASK_TYPES)


@pytest.mark.parametrize("kind", TASK_TYPES)
def test_a_type_speaks_both_languages_and_is_known_by_its_rows(kind: TaskType) -> None:
    found = task_kind(kind)
    assert found.title.en and found.title.zh
    assert set(found.prompts) == {"en", "zh-TW"}
    known = kind_of({"text": "…", "entity": "x" if "entity" in found.roles else "", found.key: []})
    assert type(known) is type(found)


SPANS = [
    {"type": "公司", "text": "台積電", "start": 0, "end": 3},
    {"type": "金額", "text": "500 億元", "start": 8, "end": 14},
]


@pytest.mark.parametrize(
    "written",
    [
        [{"start": 8, "end": 14, "label": "金額"}, {"start": 0, "end": 3, "label": "公司"}],
        [{"type": "公司", "text": "台積電"}, {"entity_group": "金額", "word": "500 億元"}],
        {"公司": ["台積電"], "金額": "500 億元"},
        json.dumps({"公司": ["台積電"], "金額": ["500 億元"]}, ensure_ascii=False),
    ],
)
def test_spans_are_understood_as_people_write_them(written: Any) -> None:
    assert fields("extraction", text=TEXT, spans=written)["spans"] == SPANS


def test_positions_count_in_the_cell_as_it_was() -> None:
    padded = fields("extraction", text=f"  {TEXT}\n", spans=[{"start": 2, "end": 5, "label": "公司"}])
    assert padded["spans"] == SPANS[:1]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"text": TEXT, "spans": ""}, "spans"),
        ({"text": "", "spans": "[]"}, "text"),
        ({"text": TEXT, "spans": "台積電"}, "spans_unreadable"),
        ({"text": TEXT, "spans": ["台積電"]}, "spans_unreadable"),
        ({"text": TEXT, "spans": [{"text": "台積電"}]}, "spans_unreadable"),
        ({"text": TEXT, "spans": {"公司": ["聯發科"]}}, "spans_not_in_text"),
        ({"text": TEXT, "spans": [{"start": 10, "end": 99, "label": "公司"}]}, "spans_not_in_text"),
    ],
)
def test_a_record_with_broken_spans_makes_no_row(values: dict[str, Any], code: str) -> None:
    with pytest.raises(Unfit) as unfit:
        fields("extraction", **values)
    assert unfit.value.code == code


def test_a_text_without_any_part_is_a_row_of_its_own_worth() -> None:
    row = fields("extraction", text=TEXT, spans=[])
    assert not task_kind("extraction").lacking(row)
    assert answer_of(row) == "{}"


@pytest.mark.parametrize(
    ("answer", "same"),
    [
        ('{"公司": ["台積電"], "金額": ["500 億元"]}', True),
        ('```json\n{"金額": ["500  億元"], "公司": ["台積電", "台積電"]}\n```', True),
        ('<think>hm</think>{"公司": "台積電", "金額": ["５００ 億元"]}', True),
        ('{"公司": ["台積電"]}', False),
    ],
)
def test_an_extraction_is_compared_by_its_parts(answer: str, same: bool) -> None:
    row = fields("extraction", text=TEXT, spans=SPANS)
    assert (read_answer(row, answer, []) == gold_of(row)) is same


@pytest.mark.parametrize(
    "answer", ["台積電", "[]", '{"公司": [["台積電"]]}', '{"公司": ["台積電"]', 'Here: {"公司": []}', ""]
)
def test_what_is_no_object_of_lists_is_no_extraction(answer: str) -> None:
    assert read_answer(fields("extraction", text=TEXT, spans=SPANS), answer, []) is None


@given(st.lists(st.tuples(st.sampled_from(["公司", "金額"]), st.text(min_size=1, alphabet="台積電 abＡ１\"'{}\\"))))
def test_the_trained_answer_reads_as_the_gold_one(parts: list[tuple[str, str]]) -> None:
    row = {"text": "…", "spans": [{"type": kind, "text": part} for kind, part in parts]}
    assert read_answer(row, answer_of(row), []) == gold_of(row)


def test_one_input_may_have_several_outputs() -> None:
    kind = task_kind("generation")
    one, other = (kind.id_of(fields("generation", text="翻譯：hello", output=said)) for said in ("你好", "哈囉"))
    assert one != other


def test_a_conversation_is_asked_without_its_last_turn() -> None:
    turns = [
        {"from": "human", "value": "你好"},
        {"from": "gpt", "value": "您好"},
        {"from": "human", "value": "再見"},
        {"from": "gpt", "value": "慢走"},
        {"from": "human", "value": "…"},
    ]
    row = fields("chat", messages=turns)
    kind = task_kind("chat")
    assert kind.answer(row) == "慢走"
    asked = kind.messages(row, kind.prompts["zh-TW"], [])
    assert [turn["role"] for turn in asked] == ["user", "assistant", "user"]
    assert row["text"] == "你好\n您好\n再見"


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        (None, "messages"),
        ("hello", "messages_unreadable"),
        ([{"role": "wizard", "content": "…"}], "messages_unreadable"),
        ([{"role": "user", "content": "…"}], "no_answer"),
        ([{"role": "assistant", "content": "…"}], "no_answer"),
        ([], "no_answer"),
    ],
)
def test_a_conversation_needs_an_answer(messages: Any, code: str) -> None:
    with pytest.raises(Unfit) as unfit:
        fields("chat", messages=messages)
    assert unfit.value.code == code


def test_a_pair_is_two_answers_to_one_text() -> None:
    conversation = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "好"}]
    row = fields("preference", text="q", chosen=conversation, rejected="壞")
    assert row == {"text": "q", "chosen": "好", "rejected": "壞"}
    rendered = task_kind("preference").render_row(row, task_kind("preference").prompts["en"], [])
    assert rendered["chosen"] == [{"role": "assistant", "content": "好"}]
    with pytest.raises(Unfit, match="same_answers"):
        fields("preference", text="q", chosen="好", rejected="好 ")
