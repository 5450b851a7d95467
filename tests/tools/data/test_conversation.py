"""Conversations with tools, parts and other names for the roles; and the words they are trained in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nlp_skills.tools.data.task_kind import Spelling, Unfit, task_kind

CHAT = task_kind("chat")
CALL = {"name": "track", "arguments": {"box": 1}}
ANSWERED = {"role": "assistant", "content": "It is in the depot."}


def fields(messages: Any, **values: Any) -> dict[str, Any]:
    return CHAT.fields({"messages": messages, **values}, Spelling((), {}))


@pytest.mark.parametrize(
    "called",
    [
        [
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "track", "arguments": json.dumps({"box": 1})}}
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "depot"},
        ],
        [
            {"role": "assistant", "content": None, "function_call": {"name": "track", "arguments": '{"box": 1}'}},
            {"role": "function", "name": "track", "content": "depot"},
        ],
        [{"from": "function_call", "value": json.dumps(CALL)}, {"from": "observation", "value": "depot"}],
        [
            {"role": "assistant", "tool_calls": [{"name": "track", "parameters": {"box": 1}}]},
            {"role": "tool", "content": [{"type": "text", "text": "depot"}]},
        ],
    ],
)
def test_a_called_tool_and_its_answer_are_trained_as_words(called: list[dict[str, Any]]) -> None:
    row = fields(
        [
            {"role": "developer", "content": "You look up parcels."},
            {"role": "user", "content": [{"type": "text", "text": "Where"}, {"type": "text", "text": "is it?"}]},
            *called,
            ANSWERED,
        ],
        tools=[{"type": "function", "function": {"name": "track"}}],
    )
    asked = CHAT.messages(row, CHAT.prompts["en"], [])

    assert [turn["role"] for turn in row["messages"]] == ["system", "user", "assistant", "tool", "assistant"]
    assert row["messages"][2]["tool_calls"][0]["function"] == CALL
    assert [turn["role"] for turn in asked] == ["system", "user", "assistant", "user"]
    assert (
        asked[0]["content"].startswith("You look up parcels.\n\n# Tools") and '"name": "track"' in asked[0]["content"]
    )
    assert asked[1]["content"] == "Where\nis it?"
    assert asked[2]["content"] == f"<tool_call>\n{json.dumps(CALL)}\n</tool_call>"
    assert asked[3]["content"] == "<tool_response>\ndepot\n</tool_response>"
    assert fields(row["messages"], tools=row["tools"]) == row
    assert [code for code, _, _ in CHAT.remarks([row])] == ["tools_in_words"]


def test_a_call_may_be_the_answer_itself() -> None:
    row = fields([{"role": "user", "content": "Where?"}, {"from": "function_call", "value": json.dumps(CALL)}])
    assert CHAT.answer(row) == f"<tool_call>\n{json.dumps(CALL)}\n</tool_call>"


def test_the_answers_of_two_tools_are_one_turn() -> None:
    calls = {"role": "assistant", "content": "", "tool_calls": [CALL, CALL]}
    row = fields(
        [
            {"role": "user", "content": "Both?"},
            calls,
            {"role": "tool", "content": "a"},
            {"role": "tool", "content": "b"},
            ANSWERED,
        ]
    )
    assert [turn["role"] for turn in CHAT.messages(row, CHAT.prompts["en"], [])] == ["user", "assistant", "user"]


@pytest.mark.parametrize(
    ("content", "why"), [([{"type": "image_url", "image_url": {"url": "x"}}], "not_text"), (7, "messages_unreadable")]
)
def test_what_a_text_model_cannot_read_is_told(content: Any, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        fields([{"role": "user", "content": content}, ANSWERED])
