"""Formats of the community by their columns: what each role of a row is made of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nlp_skills.resources.data_source import Source
from nlp_skills.resources.task import Task, TaskType
from nlp_skills.tools.data.mapping import Conversion, find_columns
from nlp_skills.tools.data.rows import Row
from nlp_skills.tools.data.source import source_kind
from nlp_skills.tools.data.task_kind import task_kind

ASKED, SAID = {"role": "user", "content": "where is box 1"}, {"role": "assistant", "content": "in the depot"}
STUDIO = {
    "data": {"text": "Acme called"},
    "annotations": [
        {"was_cancelled": True, "result": []},
        {
            "result": [
                {"type": "labels", "value": {"start": 0, "end": 4, "text": "Acme", "labels": ["ORG"]}},
                {"type": "choices", "value": {"choices": ["pos"]}},
            ]
        },
    ],
}
ARGILLA = {
    "fields": {"text": "Acme called"},
    "responses": {
        "spans": [
            {"status": "discarded", "value": []},
            {"status": "submitted", "value": [{"start": 0, "end": 4, "label": "ORG"}]},
        ]
    },
}


def make_conversion(kind: TaskType, record: dict[str, Any], **mapping: str) -> Conversion:
    task = Task(name="t", type=kind, labels=["ORG", "pos", "neg"] if task_kind(kind).needs_labels else [])
    source = source_kind(Source.model_validate({"type": "file", "path": "x", "mapping": mapping}), 0)
    columns = find_columns(list(record), source, task)
    assert not columns.missing, columns
    conversion = Conversion(task)
    conversion.add([record], columns, source, "s")
    return conversion


def row(kind: TaskType, record: dict[str, Any], **mapping: str) -> Row:
    conversion = make_conversion(kind, record, **mapping)
    assert not conversion.left_out
    return {key: value for key, value in conversion.rows[0].items() if key not in ("id", "source")}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"instruction": "Sum up", "input": "a b c", "output": "abc"}, {"text": "Sum up\n\na b c", "output": "abc"}),
        ({"instruction": "Greet", "input": "", "output": "Hi", "text": "Greet Hi"}, {"text": "Greet", "output": "Hi"}),
        (
            {"instruction": "Sum up", "context": "a b", "response": "ab", "category": "x"},
            {"text": "Sum up\n\na b", "output": "ab"},
        ),
        ({"prompt": "Greet", "completion": "Hi"}, {"text": "Greet", "output": "Hi"}),
        ({"prompt": [ASKED], "completion": [SAID]}, {"text": ASKED["content"], "output": SAID["content"]}),
        (
            {"instruction": "Greet", "input": "", "output": {"hi": None}, "system": "Be kind."},
            {"text": "Greet", "system": "Be kind.", "output": '{"hi": null}'},
        ),
    ],
)
def test_instructions(record: dict[str, Any], expected: Row) -> None:
    assert row("generation", record) == expected


def test_what_the_system_is_told_in_a_row_stands_for_the_tasks_own() -> None:
    kind = task_kind("generation")
    given = row("generation", {"instruction": "Greet", "input": "", "output": "Hi", "system": "Be kind."})
    assert kind.messages(given, kind.prompts["en"], [])[0] == {"role": "system", "content": "Be kind."}


def test_earlier_turns_are_not_dropped_without_a_word() -> None:
    record = {"instruction": "And then?", "input": "", "output": "Nothing", "history": [["First?", "This"]]}
    assert make_conversion("generation", record).left_out == {"history": 1}
    assert [turn["content"] for turn in row("chat", record)["messages"]] == ["First?", "This", "And then?", "Nothing"]


@pytest.mark.parametrize(
    "record",
    [
        {"text": "Acme called", "label": [[0, 4, "ORG"]]},
        {"text": "Acme called", "labels": [[0, 4, "ORG"]]},
        {
            "text": "Acme called",
            "entities": [{"id": 9, "label": "ORG", "start_offset": 0, "end_offset": 4}],
            "relations": [],
        },
        {"text": "Acme called", "annotation": "x", "spans": [["ORG", 0, 4]]},
        {"text": "Acme called", "spans": "[{'start': 0, 'end': 4, 'label': 'ORG'}]"},
        {"text": "Acme called", "label": [{"start": 0, "end": 4, "text": "Acme", "labels": ["ORG"]}]},
        {"id": 1, **STUDIO},
        {"id": "a", "status": "completed", **ARGILLA},
        {
            "text": "Acme called",
            "ner.responses": [[{"start": 0, "end": 4, "label": "ORG"}]],
            "ner.responses.users": ["u"],
        },
    ],
)
def test_spans_of_annotation_tools(record: dict[str, Any]) -> None:
    assert row("extraction", record) == {
        "text": "Acme called",
        "spans": [{"type": "ORG", "text": "Acme", "start": 0, "end": 4}],
    }


@pytest.mark.parametrize(
    "record",
    [
        {"text": "Acme called", "label": ["pos"]},
        {"text": "Acme called", "label": '["pos"]'},
        STUDIO,
        {"fields": {"text": "Acme called"}, "responses": {"mood": [{"value": "pos"}]}},
    ],
)
def test_labels_of_annotation_tools(record: dict[str, Any]) -> None:
    assert row("classification", record) == {"text": "Acme called", "label": "pos"}


def test_several_labels_of_one_row_are_told_as_that() -> None:
    assert make_conversion("classification", {"text": "x", "label": ["pos", "neg"]}).left_out == {"several_labels": 1}


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": [ASKED], "chosen": [SAID], "rejected": [{"role": "assistant", "content": "no idea"}]},
        {"chosen": [ASKED, SAID], "rejected": [ASKED, {"role": "assistant", "content": "no idea"}]},
        {
            "prompt": ASKED["content"],
            "chosen": [ASKED, SAID],
            "rejected": [ASKED, {"role": "assistant", "content": "no idea"}],
        },
        {"instruction": ASKED["content"], "input": "", "chosen": SAID["content"], "rejected": "no idea"},
        {
            "conversations": [{"from": "human", "value": ASKED["content"]}],
            "chosen": {"from": "gpt", "value": SAID["content"]},
            "rejected": {"from": "gpt", "value": "no idea"},
        },
        {
            "input": {"messages": [ASKED]},
            "preferred_output": [SAID],
            "non_preferred_output": [{"role": "assistant", "content": "no idea"}],
        },
        {
            "chosen": f"\n\nHuman: {ASKED['content']}\n\nAssistant: {SAID['content']}",
            "rejected": f"\n\nHuman: {ASKED['content']}\n\nAssistant: no idea",
        },
    ],
)
def test_pairs(record: dict[str, Any]) -> None:
    assert row("preference", record) == {"text": ASKED["content"], "chosen": SAID["content"], "rejected": "no idea"}


def test_pairs_that_part_early_or_answer_nothing_are_told() -> None:
    other = {"role": "user", "content": "where is box 2"}
    assert make_conversion("preference", {"chosen": [ASKED, SAID], "rejected": [other, SAID]}).left_out == {
        "pairs_diverge": 1
    }
    assert make_conversion("preference", {"chosen": "yes", "rejected": "no"}).left_out == {"no_prompt": 1}


def test_a_pair_keeps_its_system_and_earlier_turns_also_when_it_is_read_again() -> None:
    turns = [
        {"role": "user", "content": "late"},
        {"role": "assistant", "content": "Which city?"},
        {"role": "user", "content": "Oslo"},
    ]
    given = row(
        "preference", {"prompt": turns, "chosen": "a", "rejected": "b", "system": "You are a desk."}, text="prompt"
    )
    kind = task_kind("preference")
    assert [turn["role"] for turn in given["turns"]] == ["system", "user", "assistant", "user"]
    assert kind.messages(given, kind.prompts["en"], [])[0]["content"] == "You are a desk."
    assert kind.fields(json.loads(json.dumps(given)), None) == given  # type: ignore[arg-type]


@pytest.mark.parametrize(("cell", "why"), [({"=": "#N/A"}, "formula"), ({"base64": "/w=="}, "binary")])
def test_what_cannot_be_read_is_no_text(cell: Any, why: str) -> None:
    assert make_conversion("classification", {"text": "x", "label": cell}).left_out == {why: 1}


def studio(*choices: str, **more: Any) -> dict[str, Any]:
    return {
        "data": {"text": "Acme called"},
        "annotations": [
            {
                "result": [{"type": "choices", "value": {"choices": [choice]}}] if choice else [],
                **(more if place == 0 else {}),
            }
            for place, choice in enumerate(choices)
        ],
    }


@pytest.mark.parametrize(
    "record",
    [
        studio("pos", "neg"),
        {"fields": {"text": "a"}, "responses": {"q": [{"value": "pos"}, {"value": "neg"}]}},
        {"text": "a", "q.responses": ["pos", "neg"], "q.responses.status": ["submitted", "submitted"]},
    ],
)
def test_annotators_who_do_not_agree_make_no_row(record: dict[str, Any]) -> None:
    assert make_conversion("classification", record).left_out == {"annotators_differ": 1}


@pytest.mark.parametrize(
    "record",
    [
        studio("pos", "pos"),
        studio("pos", ""),
        studio("pos", "neg", ground_truth=True),
        {"fields": {"text": "a"}, "responses": {"q": [{"value": "pos"}, {"value": "neg", "status": "draft"}]}},
        {"text": "a", "q.responses": ["neg", "pos"], "q.responses.status": ["discarded", "submitted"]},
    ],
)
def test_annotators_who_agree_or_of_whom_one_is_the_truth_make_one(record: dict[str, Any]) -> None:
    assert row("classification", record)["label"] == "pos"


def test_annotators_of_spans_who_do_not_agree_make_no_row() -> None:
    spans = [
        [{"type": "labels", "value": {"start": 0, "end": end, "text": "Acme"[:end], "labels": ["ORG"]}}]
        for end in (4, 3)
    ]
    record = {"data": {"text": "Acme called"}, "annotations": [{"result": result} for result in spans]}
    assert make_conversion("extraction", record).left_out == {"annotators_differ": 1}


@pytest.mark.parametrize("kind", ["generation", "chat"])
@pytest.mark.parametrize("label", [False, "False"])
def test_an_answer_that_is_marked_as_bad_is_not_learnt(kind: TaskType, label: Any) -> None:
    assert make_conversion(kind, {"prompt": "Greet", "completion": "Go away", "label": label}).left_out == {
        "disliked": 1
    }
    assert len(make_conversion(kind, {"prompt": "Greet", "completion": "Hi", "label": True}).rows) == 1
    assert len(make_conversion(kind, {"prompt": "Greet", "completion": "Hi", "label": "smalltalk"}).rows) == 1


def test_a_format_is_named_in_chinese_where_its_name_is_words() -> None:
    said = make_conversion(
        "preference", {"chosen": [ASKED, SAID], "rejected": [ASKED, {**SAID, "content": "no"}]}
    ).recognised[0]
    assert "begin" in said.en and "共同的開頭" in said.zh and "begin" not in said.zh
