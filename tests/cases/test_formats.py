"""Data sets of the community under the names and layouts they come in; the roles of a conversation stay what they were."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.cases.conftest import Office, Rows, dump_lines, invent_words, on_this_machine
from tests.tools.data.misbehaving import Peer, Said

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


def sentence(number: int) -> tuple[str, int, int]:
    """A text, and where its thing stands."""
    text = (
        f"{invent_words(number, 5)}訂的{THINGS[number % 10]}還沒到。"
        if number % 2
        else f"{invent_words(number, 5)}: the {THINGS[number % 10]} is late."
    )
    return text, (start := text.index(THINGS[number % 10])), start + len(THINGS[number % 10])


def spans(layout: Callable[[str, int, int], Any]) -> Row:
    return lambda number: layout(*sentence(number))


SPANS: dict[str, Row] = {
    "doccano": spans(
        lambda text, start, end: {"id": 1, "text": text, "label": [[start, end, "THING"]], "Comments": []}
    ),
    "doccano, labels": spans(lambda text, start, end: {"text": text, "labels": [[start, end, "THING"]]}),
    "doccano, old": spans(
        lambda text, start, end: {
            "text": text,
            "annotations": [{"label": "THING", "start_offset": start, "end_offset": end, "user": 1}],
            "meta": {},
        }
    ),
    "doccano, relations": spans(
        lambda text, start, end: {
            "text": text,
            "relations": [],
            "entities": [{"id": 3, "label": "THING", "start_offset": start, "end_offset": end}],
        }
    ),
    "label studio": spans(
        lambda text, start, end: {
            "id": 1,
            "data": {"text": text},
            "annotations": [
                {
                    "id": 7,
                    "was_cancelled": False,
                    "result": [
                        {
                            "id": "a",
                            "type": "labels",
                            "from_name": "label",
                            "to_name": "text",
                            "value": {"start": start, "end": end, "text": text[start:end], "labels": ["THING"]},
                        }
                    ],
                }
            ],
            "predictions": [],
        }
    ),
    "label studio, min": spans(
        lambda text, start, end: {
            "id": 1,
            "text": text,
            "label": [{"start": start, "end": end, "text": text[start:end], "labels": ["THING"]}],
            "annotator": 1,
        }
    ),
    "argilla": spans(
        lambda text, start, end: {"text": text, "annotation": [["THING", start, end]], "status": "Validated"}
    ),
    "argilla, columns": spans(
        lambda text, start, end: {
            "text": text,
            "annotation": [{"label": "THING", "start": start, "end": end}],
            "annotation_agent": "ann",
        }
    ),
    "argilla, two": spans(
        lambda text, start, end: {
            "id": "1",
            "status": "completed",
            "fields": {"text": text},
            "suggestions": {},
            "metadata": {},
            "responses": {
                "things": [
                    {"value": [{"label": "THING", "start": start, "end": end}], "user_id": "u", "status": "submitted"}
                ]
            },
        }
    ),
    "our own": spans(
        lambda text, start, end: {
            "text": text,
            "spans": [{"type": "THING", "text": text[start:end], "start": start, "end": end}],
        }
    ),
}


@pytest.mark.parametrize("layout", SPANS)
async def test_spans_stand_where_people_marked_them(office: Office, layout: str) -> None:
    await office.begin("extraction", labels=["THING"])
    rows = await office.prepare_rows(
        office.put("marked.json", json.dumps([SPANS[layout](number) for number in range(COUNT)]))
    )
    assert len(rows) == COUNT
    kept = {row["text"]: row["spans"] for row in rows}
    for number in range(COUNT):
        text, start, end = sentence(number)
        assert [(span["type"], span["text"], span["start"], span["end"]) for span in kept[text]] == [
            ("THING", text[start:end], start, end)
        ]


LABELLED: dict[str, Row] = {
    "label studio": lambda number: {
        "id": number,
        "data": {"text": question(number)},
        "annotations": [
            {
                "result": [
                    {"type": "choices", "from_name": "tone", "to_name": "text", "value": {"choices": [tone(number)]}}
                ]
            }
        ],
    },
    "label studio, min": lambda number: {
        "id": number,
        "text": question(number),
        "tone": tone(number),
        "annotator": 1,
        "lead_time": 2.5,
    },
    "argilla": lambda number: {
        "text": question(number),
        "annotation": tone(number),
        "annotation_agent": "ann",
        "status": "Validated",
    },
    "argilla, two": lambda number: {
        "id": str(number),
        "fields": {"text": question(number)},
        "metadata": {},
        "suggestions": {},
        "responses": {"tone": [{"value": tone(number), "user_id": "u", "status": "submitted"}]},
    },
    "doccano": lambda number: {"id": number, "text": question(number), "label": [tone(number)]},
    "label in a list": lambda number: {"text": question(number), "labels": [tone(number)]},
}


def tone(number: int) -> str:
    return ("calm", "angry")[number % 2]


@pytest.mark.parametrize("layout", LABELLED)
async def test_a_label_is_the_one_that_people_chose(office: Office, layout: str) -> None:
    await office.begin(labels=["calm", "angry"])
    path = office.put("labelled.json", json.dumps([LABELLED[layout](number) for number in range(COUNT)]))
    told = await office.connect(path)
    if not told.refused and told.preview["missing"] == ["label"] and "tone" in told.preview["columns"]:
        told = await office.connect(path, mapping={"label": "tone"})  # its column has a name of their own
    rows = await office.prepare_rows(path, **({"mapping": {"label": "tone"}} if "min" in layout else {}))
    assert {row["text"]: row["label"] for row in rows} == {question(number): tone(number) for number in range(COUNT)}


ROWS: Rows = [{"text": question(number), "label": tone(number)} for number in range(COUNT)]
TABLE = "".join(f"{row['text']}\t{row['label']}\n" for row in ROWS)
QUOTES = [{**row, "text": row["text"].replace("the ", 'the "')} for row in ROWS]
FILES: dict[str, tuple[str, str | bytes, Rows]] = {
    "ndjson": ("rows.ndjson", dump_lines(ROWS), ROWS),
    "lines in .json": ("rows.json", dump_lines(ROWS), ROWS),
    "lines with blank ones": ("rows.jsonl", dump_lines(ROWS).replace("\n", "\n\n") + "\n\n", ROWS),
    "object around the list": ("rows.json", json.dumps({"version": 1, "data": ROWS}), ROWS),
    "gzip": ("rows.jsonl.gz", gzip.compress(dump_lines(ROWS).encode()), ROWS),
    "gzip of a csv": ("rows.csv.gz", gzip.compress(("text\tlabel\n" + TABLE).replace("\t", ",").encode()), ROWS),
    "tsv": ("rows.tsv", "text\tlabel\n" + TABLE, ROWS),
    "tsv, lone quotes": (
        "rows.tsv",
        "text\tlabel\n" + "".join(f"{row['text']}\t{row['label']}\n" for row in QUOTES),
        QUOTES,
    ),
    "tsv, quotes at the start": (
        "rows.tsv",
        "text\tlabel\n" + "".join(f'"{row["text"]}\t{row["label"]}\n' for row in ROWS),
        [{**row, "text": '"' + row["text"]} for row in ROWS],
    ),
    "tsv in .csv": ("rows.csv", "text\tlabel\n" + TABLE, ROWS),
    "sep=;": ("rows.csv", "sep=;\r\ntext;label\r\n" + TABLE.replace("\t", ";").replace("\n", "\r\n"), ROWS),
    "sep=tab": ("rows.csv", "sep=\t\r\ntext\tlabel\r\n" + TABLE.replace("\n", "\r\n"), ROWS),
    "sep=; quoted, with a mark": (
        "rows.csv",
        b"\xef\xbb\xbf" + ('"sep=;"\ntext;label\n' + TABLE.replace("\t", ";")).encode(),
        ROWS,
    ),
    "pipes": ("rows.csv", "text|label\n" + TABLE.replace("\t", "|"), ROWS),
}


@pytest.mark.parametrize("kind", FILES)
async def test_a_file_is_read_whatever_it_is_called(office: Office, kind: str) -> None:
    name, content, expected = FILES[kind]
    await office.begin(labels=["calm", "angry"])
    rows = await office.prepare_rows(office.put(name, content))
    assert {row["text"]: row["label"] for row in rows} == {row["text"]: row["label"] for row in expected}


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv"])
async def test_a_file_without_a_header_loses_no_row(office: Office, name: str) -> None:
    """It is read with all its rows, or the person is asked; the first row is no header."""
    await office.begin(labels=["calm", "angry"])
    path = office.put(name, TABLE if name.endswith("tsv") else TABLE.replace("\t", ","))
    told = await office.connect(path)
    if told.refused or told.preview["missing"]:
        assert "header" in told.everything
        return
    await office.prepare()
    assert {row["text"] for row in office.rows()} == {row["text"] for row in ROWS}


@pytest.mark.parametrize("cell", [{"a": None, "b": True, "city": "Zürich"}, ["x", 1, None], [{"deep": [False]}]])
async def test_a_structured_cell_is_json(office: Office, cell: Any) -> None:
    await office.begin("generation")
    rows = await office.prepare_rows(
        office.put(
            "rows.jsonl",
            dump_lines(
                [{"text": question(number), "output": cell if number else {"first": number}} for number in range(COUNT)]
            ),
        )
    )
    assert len(rows) == COUNT
    assert all(json.loads(row["output"]) == cell for row in rows if row["text"] != question(0))
    assert not any("\\u" in row["output"] for row in rows)


@pytest.mark.parametrize("kind", ["ndjson", "csv", "tsv", "gzip of csv", "gzip of ndjson", "quoted csv"])
async def test_an_address_may_answer_with_a_file(office: Office, server: Peer, kind: str) -> None:
    lines, table = dump_lines(ROWS).encode(), ("text,label\n" + TABLE.replace("\t", ",")).encode()
    body, media = {
        "ndjson": (lines, "application/x-ndjson"),
        "csv": (table, "text/csv"),
        "tsv": (b"text\tlabel\n" + TABLE.encode(), "text/tab-separated-values"),
        "gzip of csv": (gzip.compress(table), "application/x-gzip"),
        "gzip of ndjson": (gzip.compress(lines), "application/octet-stream"),
        "quoted csv": (
            ("text,label\n" + "".join(f'"{row["text"]}","{row["label"]}"\n' for row in ROWS)).encode(),
            "text/csv; charset=utf-8",
        ),
    }[kind]
    ending = {"ndjson": ".ndjson", "tsv": ".tsv", "gzip of csv": ".csv.gz", "gzip of ndjson": ".jsonl.gz"}.get(
        kind, ".csv"
    )
    await office.begin(labels=["calm", "angry"])
    told = await office.connect_to(
        on_this_machine("api", endpoint=server.serve(f"/rows{ending}", Said(body, headers={"Content-Type": media})))
    )
    assert not told.refused, told.message
    told = await office.prepare()
    assert not told.refused, told.message
    assert {row["text"]: row["label"] for row in office.rows()} == {row["text"]: row["label"] for row in ROWS}
