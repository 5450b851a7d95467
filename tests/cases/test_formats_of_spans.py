"""Spans, labels and files as people have them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.cases.conftest import Office, Rows, dump_lines, invent_words, on_this_machine
from tests.cases.test_formats import COUNT, THINGS, Row, question
from tests.tools.data.misbehaving import Peer, Said

pytestmark = pytest.mark.anyio


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
