"""Data sets of the community under the names and layouts they come in; the roles of a conversation stay what they were."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.cases.conftest import Office, dump_lines, invent_words

pytestmark = pytest.mark.anyio
COUNT = 30
THINGS = ("kettle", "lantern", "violin", "saddle", "compass", "anchor", "loom", "bicycle", "telescope", "hammock")
Row = Callable[[int], Any]
Turns = list[tuple[str, str]]


def question(number: int) -> str:
    return f"Where is the {THINGS[number % 10]} {invent_words(number, 6)} of week {number}?"


def answer(number: int) -> str:
    return f"Parcel {number} of {invent_words(number + 40, 6)} left."


def worse(number: int) -> str:
    return f"No idea about {invent_words(number + 80, 6)}."


def turns(*, system: bool = False, tool: bool = False) -> Callable[[int], Turns]:
    """What stands in each conversation, whatever the layout: role and a piece of the content."""
    return lambda number: [
        *([("system", "You are the parcel desk.")] if system else []),
        ("user", question(number)),
        *([("assistant", "track_parcel"), ("tool", f"depot {number}")] if tool else []),
        ("assistant", answer(number)),
    ]


def share(
    human: str, model: str, *, key: str = "conversations", role: str = "from", value: str = "value", system: str = ""
) -> Row:
    return lambda number: {
        "id": f"s{number}",
        key: [
            *([{role: system, value: "You are the parcel desk."}] if system else []),
            {role: human, value: question(number)},
            {role: model, value: answer(number)},
        ],
    }


def messages(
    number: int, *, first: str = "", middle: list[Any] | None = None, ask: Any = None, reply: Any = None, **more: Any
) -> dict[str, Any]:
    return {
        "messages": [
            *([{"role": first, "content": "You are the parcel desk."}] if first else []),
            {"role": "user", "content": ask or question(number)},
            *(middle or []),
            {"role": "assistant", "content": reply or answer(number)},
        ],
        **more,
    }


def tool_call(number: int) -> dict[str, Any]:
    return {"name": "track_parcel", "arguments": json.dumps({"week": number})}


CHATS: dict[str, tuple[Row, Callable[[int], Turns]]] = {
    "sharegpt": (share("human", "gpt"), turns()),
    "sharegpt, user and assistant": (share("user", "assistant"), turns()),
    "sharegpt, chatgpt": (share("human", "chatgpt"), turns()),
    "sharegpt, bing": (share("user", "bing"), turns()),
    "sharegpt, role and content": (share("user", "assistant", role="role", value="content"), turns()),
    "sharegpt, conversation": (share("human", "gpt", key="conversation"), turns()),
    "sharegpt, system turn": (share("human", "gpt", system="system"), turns(system=True)),
    "sharegpt, tools of Hermes": (
        lambda number: {
            "conversations": [
                {"from": "system", "value": "You are the parcel desk."},
                {"from": "human", "value": question(number)},
                {"from": "gpt", "value": f"<tool_call>{json.dumps(tool_call(number))}</tool_call>"},
                {"from": "tool", "value": f"depot {number}"},
                {"from": "gpt", "value": answer(number)},
            ]
        },
        turns(system=True, tool=True),
    ),
    "messages": (messages, turns()),
    "messages, system": (lambda number: messages(number, first="system"), turns(system=True)),
    "messages, developer": (lambda number: messages(number, first="developer"), turns(system=True)),
    "messages, parts": (
        lambda number: messages(
            number, ask=[{"type": "text", "text": question(number)}], reply=[{"type": "text", "text": answer(number)}]
        ),
        turns(),
    ),
    "messages, tool calls": (
        lambda number: messages(
            number,
            middle=[
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "c", "type": "function", "function": tool_call(number)}],
                },
                {"role": "tool", "tool_call_id": "c", "content": f"depot {number}"},
            ],
            tools=[],
        ),
        turns(tool=True),
    ),
    "messages, tool calls without content": (
        lambda number: messages(
            number,
            middle=[
                {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": tool_call(number)}]},
                {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": f"depot {number}"}]},
            ],
        ),
        turns(tool=True),
    ),
    "messages, functions": (
        lambda number: messages(
            number,
            middle=[
                {"role": "assistant", "content": None, "function_call": tool_call(number)},
                {"role": "function", "name": "track_parcel", "content": f"depot {number}"},
            ],
        ),
        turns(tool=True),
    ),
    "messages, weight and name": (
        lambda number: {
            "messages": [
                {"role": "user", "name": "ann", "content": question(number)},
                {"role": "assistant", "content": answer(number), "weight": 1},
            ]
        },
        turns(),
    ),
    "messages as text": (lambda number: {"messages": json.dumps(messages(number)["messages"])}, turns()),
}


@pytest.mark.parametrize("layout", CHATS)
async def test_a_conversation_keeps_its_turns_and_their_roles(office: Office, layout: str) -> None:
    row, expected = CHATS[layout]
    await office.begin("chat")
    rows = await office.prepare_rows(office.put("chats.jsonl", dump_lines([row(number) for number in range(COUNT)])))
    assert len(rows) == COUNT
    by_answer = {kept["messages"][-1]["content"]: kept["messages"] for kept in rows}
    for number in range(COUNT):
        kept = by_answer[answer(number)]
        wanted = expected(number)
        assert [roles(turn["role"]) for turn in kept] == [role for role, _ in wanted]
        assert all(
            content in json.dumps(turn, ensure_ascii=False) for turn, (_, content) in zip(kept, wanted, strict=True)
        )


def roles(role: str) -> str:
    """`developer` may stay or be the system, `function` may stay or be a tool."""
    return {"developer": "system", "function": "tool"}.get(role, role)


TEXTS: dict[str, tuple[Row, Callable[[int], list[str]]]] = {
    "alpaca": (
        lambda number: {
            "instruction": "Answer the customer politely.",
            "input": question(number),
            "output": answer(number),
        },
        lambda number: ["Answer the customer politely.", question(number)],
    ),
    "alpaca, some without input": (
        lambda number: {
            "instruction": question(number),
            "input": f"week {number}" if number % 2 else "",
            "output": answer(number),
        },
        lambda number: [question(number), f"week {number}" if number % 2 else ""],
    ),
    "alpaca, no input": (
        lambda number: {"instruction": question(number), "output": answer(number)},
        lambda number: [question(number)],
    ),
    "alpaca, empty inputs as null": (
        lambda number: {"instruction": question(number), "input": None, "output": answer(number)},
        lambda number: [question(number)],
    ),
    "alpaca, response": (
        lambda number: {"instruction": "Answer.", "input": question(number), "response": answer(number)},
        lambda number: ["Answer.", question(number)],
    ),
    "dolly": (
        lambda number: {
            "instruction": question(number),
            "context": f"Depot list {number}",
            "response": answer(number),
            "category": "qa",
        },
        lambda number: [question(number), f"Depot list {number}"],
    ),
    "prompt and completion": (
        lambda number: {"prompt": question(number), "completion": answer(number)},
        lambda number: [question(number)],
    ),
    "question and answer": (
        lambda number: {"question": question(number), "answer": answer(number)},
        lambda number: [question(number)],
    ),
}


@pytest.mark.parametrize("layout", TEXTS)
async def test_an_instruction_is_kept_whole(office: Office, layout: str) -> None:
    row, parts = TEXTS[layout]
    await office.begin("generation")
    rows = await office.prepare_rows(office.put("pairs.json", json.dumps([row(number) for number in range(COUNT)])))
    assert len(rows) == COUNT
    kept = {row["output"]: row["text"] for row in rows}
    for number in range(COUNT):
        assert all(part in kept[answer(number)] for part in parts(number))
        assert "None" not in kept[answer(number)] and "null" not in kept[answer(number)]


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def question_turns(number: int) -> list[dict[str, str]]:
    return [turn("user", question(number))]


def earlier(number: int) -> list[dict[str, str]]:
    return [
        turn("system", "You are the parcel desk."),
        turn("user", f"Hello from {invent_words(number, 7)}"),
        turn("assistant", "Which city?"),
        turn("user", f"Oslo {number}"),
    ]


PAIRS: dict[str, tuple[Row, Callable[[int], list[str]]]] = {
    "explicit": (
        lambda number: {"prompt": question(number), "chosen": answer(number), "rejected": worse(number)},
        lambda number: [question(number)],
    ),
    "explicit, conversation": (
        lambda number: {
            "prompt": question_turns(number),
            "chosen": [turn("assistant", answer(number))],
            "rejected": [turn("assistant", worse(number))],
        },
        lambda number: [question(number)],
    ),
    "explicit, long conversation": (
        lambda number: {
            "prompt": earlier(number),
            "chosen": [turn("assistant", answer(number))],
            "rejected": [turn("assistant", worse(number))],
        },
        lambda number: [piece["content"] for piece in earlier(number)],
    ),
    "implicit, conversation": (
        lambda number: {
            "chosen": [*question_turns(number), turn("assistant", answer(number))],
            "rejected": [*question_turns(number), turn("assistant", worse(number))],
        },
        lambda number: [question(number)],
    ),
    "implicit, long conversation": (
        lambda number: {
            "chosen": [*earlier(number), turn("assistant", answer(number))],
            "rejected": [*earlier(number), turn("assistant", worse(number))],
        },
        lambda number: [piece["content"] for piece in earlier(number)],
    ),
    "hh": (
        lambda number: {
            "chosen": f"\n\nHuman: {question(number)}\n\nAssistant: {answer(number)}",
            "rejected": f"\n\nHuman: {question(number)}\n\nAssistant: {worse(number)}",
        },
        lambda number: [question(number)],
    ),
    "hh, long": (
        lambda number: {
            "chosen": f"\n\nHuman: Hello from {invent_words(number, 7)}\n\nAssistant: Which city?\n\nHuman: Oslo {number}\n\nAssistant: {answer(number)}",
            "rejected": f"\n\nHuman: Hello from {invent_words(number, 7)}\n\nAssistant: Which city?\n\nHuman: Oslo {number}\n\nAssistant: {worse(number)}",
        },
        lambda number: [f"Hello from {invent_words(number, 7)}", "Which city?", f"Oslo {number}"],
    ),
    "ultrafeedback": (
        lambda number: {
            "prompt": question(number),
            "prompt_id": f"p{number}",
            "chosen": [*question_turns(number), turn("assistant", answer(number))],
            "rejected": [*question_turns(number), turn("assistant", worse(number))],
            "score_chosen": 8.5,
            "score_rejected": 3.0,
            "messages": [*question_turns(number), turn("assistant", answer(number))],
        },
        lambda number: [question(number)],
    ),
    "sharegpt": (
        lambda number: {
            "conversations": [{"from": "human", "value": question(number)}],
            "chosen": {"from": "gpt", "value": answer(number)},
            "rejected": {"from": "gpt", "value": worse(number)},
        },
        lambda number: [question(number)],
    ),
}


@pytest.mark.parametrize("layout", PAIRS)
async def test_a_preference_keeps_what_was_said_before_both_answers(office: Office, layout: str) -> None:
    row, before = PAIRS[layout]
    await office.begin("preference")
    rows = await office.prepare_rows(office.put("pairs.jsonl", dump_lines([row(number) for number in range(COUNT)])))
    assert len(rows) == COUNT
    kept = {row["chosen"]: row for row in rows}
    for number in range(COUNT):
        pair = kept[answer(number)]
        assert pair["rejected"] == worse(number)
        said = json.dumps(
            {key: cell for key, cell in pair.items() if key not in ("chosen", "rejected")}, ensure_ascii=False
        )
        assert all(part in said for part in before(number)) and answer(number) not in said
