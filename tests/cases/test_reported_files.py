"""Files made after public bug reports, each with what its owner expects of it. The numbers are those of the reports."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest

from tests.cases.conftest import FILES, Office, Rows, on_this_machine, texts
from tests.cases.writers import write_rows
from tests.tools.data.misbehaving import Peer, Said

pytestmark = pytest.mark.anyio
POLAR = ["pos", "neg"]


def lines_of(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FILES / name).read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    ("name", "sign"), [("curly.csv", "It’s not what I’d call fine"), ("de.csv", "ist schön und größer geworden")]
)
async def test_01_a_western_file_is_not_read_as_big5(office: Office, name: str, sign: str) -> None:
    await office.begin(labels=POLAR)
    told = await office.connect(office.copy(f"01-cp1252-as-big5/{name}"))
    if not told.goes_on:
        assert sign in told.everything
        return
    prepared = await office.prepare()
    rows = office.rows()
    # Sentences that nearly repeat each other may be kept out of train, away from those that are tested.
    assert prepared.result["fetched"] == 60 and len(rows) >= 40 and all(sign in row["text"] for row in rows)


@pytest.mark.parametrize("name", ["q0.tsv", "q1.tsv"])
async def test_03_a_lone_quote_in_a_tsv_is_a_character(office: Office, name: str) -> None:
    await office.begin(labels=POLAR)
    rows = await office.prepare_rows(office.copy(f"03-tsv-lone-quotes/{name}"))
    lines = (FILES / "03-tsv-lone-quotes" / name).read_text("utf-8").splitlines()[1:]
    assert len(rows) == 60 and texts(rows) == {line.split("\t")[0] for line in lines}


async def test_04_merged_label_cells_hold_for_all_their_rows(office: Office) -> None:
    await office.begin(labels=POLAR)
    told = await office.connect(office.copy("04-xlsx-merged-labels/merged.xlsx", to="mails.xlsx"))
    prepared = await office.prepare()
    rows = office.rows()
    assert "merged" in told.message + prepared.message
    assert len(rows) == 60
    assert all(row["label"] == POLAR[int(row["text"].split("box ")[1].split()[0]) // 5 % 2] for row in rows)


@pytest.mark.parametrize("name", ["formula.xlsx", "equals.xlsx"])
async def test_05_formulas_without_a_value_are_called_formulas(office: Office, name: str) -> None:
    await office.begin(labels=POLAR)
    told = await office.connect(office.copy(f"05-xlsx-formulas/{name}", to="mails.xlsx"))
    prepared = await office.prepare()
    kept_as_text = sum(row["text"].startswith("=) ") for row in office.rows())
    assert "formula" in told.message + prepared.message or kept_as_text == 10


async def test_07_an_escaped_carriage_return_is_a_line_break(office: Office) -> None:
    await office.begin(labels=POLAR)
    rows = await office.prepare_rows(office.copy("07-xlsx-x000d/x000d.xlsx"))
    assert len(rows) == 60
    assert all(re.fullmatch(r"The .*\r?\nSecond line", row["text"]) for row in rows)


@pytest.mark.parametrize(("name", "format"), [("train.json", "jsonl"), ("arr.jsonl", "json")])
async def test_08_json_lines_and_json_lists_under_each_others_name(office: Office, name: str, format: str) -> None:
    await office.begin(labels=POLAR)
    told = await office.connect(office.copy(f"08-jsonl-named-json/{name}"))
    if told.refused:
        assert f"format: {format}" in told.message
        return
    await office.prepare()
    assert len(office.rows()) == 60


async def test_09_alpaca_rows_keep_their_instruction_and_their_input(office: Office) -> None:
    await office.begin("generation")
    rows = await office.prepare_rows(office.copy("09-alpaca/alpaca.json"))
    given = {row["output"]: row for row in json.loads((FILES / "09-alpaca/alpaca.json").read_text("utf-8"))}
    assert len(rows) == 60
    for row in rows:
        assert given[row["output"]]["instruction"] in row["text"] and given[row["output"]]["input"] in row["text"]


async def test_10_an_object_as_output_is_written_as_json(office: Office) -> None:
    await office.begin("generation")
    rows = await office.prepare_rows(office.copy("10-structured-cells/outdict.jsonl"))
    given = {row["text"]: row["output"] for row in lines_of("10-structured-cells/outdict.jsonl")}
    assert len(rows) == 60 and all(json.loads(row["output"]) == given[row["text"]] for row in rows)
    assert any("Zürich" in row["output"] for row in rows)  # not \u00fc


async def test_10_a_list_as_text_is_written_as_json(office: Office) -> None:
    await office.begin(labels=POLAR)
    rows = await office.prepare_rows(office.copy("10-structured-cells/tok.jsonl"))
    given = [row["text"] for row in lines_of("10-structured-cells/tok.jsonl")]
    assert len(rows) == 60 and all(json.loads(row["text"]) in given for row in rows)


async def test_12_turns_of_tools_keep_their_roles(office: Office) -> None:
    await office.begin("chat")
    rows = await office.prepare_rows(office.copy("12-tool-turns/tools.jsonl"))
    assert len(rows) == 60
    called = [row["messages"] for row in rows if len(row["messages"]) > 3]
    assert len(called) == 30
    for messages in called:
        assert [turn["role"] for turn in messages] == ["system", "user", "assistant", "tool", "assistant"]
        assert "track" in json.dumps(messages[2]) and "in depot" in messages[3]["content"]


@pytest.mark.parametrize("mapping", [{}, {"messages": "conversations"}], ids=["unmapped", "mapped"])
async def test_12_sharegpt_keeps_its_tools_and_its_system_column(office: Office, mapping: dict[str, str]) -> None:
    await office.begin("chat")
    rows = await office.prepare_rows(office.copy("12-tool-turns/sg.jsonl"), mapping=mapping)
    assert len(rows) == 60
    assert all(
        row["messages"][0]["role"] == "system" and row["messages"][0]["content"].startswith("You are the parcel desk")
        for row in rows
    )
    called = [row["messages"] for row in rows if len(row["messages"]) > 3]
    assert len(called) == 30
    for messages in called:
        assert messages[1]["role"] == "user" and [turn["role"] for turn in messages[-3:]] == [
            "assistant",
            "tool",
            "assistant",
        ]
        assert "track" in json.dumps(messages[2]) and "depot" in messages[3]["content"]


async def test_14_a_preference_keeps_the_conversation_before_it(office: Office) -> None:
    await office.begin("preference")
    rows = await office.prepare_rows(office.copy("14-preference-context/pm.jsonl"), mapping={"text": "prompt"})
    given = {row["chosen"][0]["content"]: row["prompt"] for row in lines_of("14-preference-context/pm.jsonl")}
    assert len(rows) == 60
    for row in rows:
        kept = json.dumps(row, ensure_ascii=False)
        assert all(turn["content"] in kept for turn in given[row["chosen"]])
    assert len(office.rows("train")) > len(office.rows("test"))


@pytest.mark.parametrize("name", ["hh.jsonl", "pi.jsonl"])
async def test_15_a_prompt_that_both_answers_share_is_found(office: Office, name: str) -> None:
    await office.begin("preference")
    rows = await office.prepare_rows(office.copy(f"15-preference-implicit-prompt/{name}"))
    assert len(rows) == 60
    for row in rows:
        box = row["text"].split("box ")[1].split()[0]
        assert row["chosen"].startswith(f"We resend box {box}") and row["rejected"] == f"No idea {box}."
        assert "Human:" not in row["text"] and "resend" not in row["text"]


@pytest.mark.parametrize("name", ["dc.jsonl", "dc2.jsonl"])
async def test_16_doccano_spans_are_spans(office: Office, name: str) -> None:
    await office.begin("extraction", labels=["ITEM"])
    rows = await office.prepare_rows(office.copy(f"16-doccano-spans/{name}"))
    assert len(rows) == 60
    for row in rows:
        [span] = row["spans"]
        assert (span["type"], span["text"], span["start"]) == ("ITEM", row["text"].split()[1], 4)


async def test_18_bytes_that_are_utf8_are_text(office: Office) -> None:
    await office.begin(labels=POLAR)
    database = office.copy("18-bytes-as-base64/blob.db")
    told = await office.connect_to(
        {"type": "database", "connection": f"sqlite:///{database}", "query": "select text,label from t"}
    )
    assert not told.refused
    await office.prepare()
    rows = office.rows()
    assert len(rows) == 60 and all(row["text"].startswith("The ") and " arrived from " in row["text"] for row in rows)


async def test_20_an_encoding_is_named_and_no_row_is_shown(office: Office) -> None:
    await office.begin(labels=POLAR, constraints={"privacy": "on-premise"})
    database = office.copy("20-sqlite-latin1/latin.db")
    told = await office.connect_to(
        {"type": "database", "connection": f"sqlite:///{database}", "query": "select text,label from t"}
    )
    prepared = await office.prepare()
    assert not re.search(r"arrived|battery|caf", told.everything + prepared.everything)
    assert re.search("encod|UTF-8", told.message + prepared.message)
    if rows := office.rows():
        assert all("café" in row["text"] for row in rows)


@pytest.mark.parametrize("name", ["own", "sc.jsonl"])
async def test_21_rows_that_are_test_rows_already_stay_test_rows(office: Office, name: str) -> None:
    await office.begin(labels=POLAR)
    told = await office.connect(office.copy(f"21-own-split/{name}"))
    if not told.goes_on:
        assert "test" in told.message
        return
    prepared = await office.prepare()
    assert not prepared.refused
    assert texts(office.rows("test")) == _official_tests(name)
    assert not _official_tests(name) & texts(office.rows("train", "valid"))


def _official_tests(name: str) -> set[str]:
    if name == "sc.jsonl":
        return {row["text"] for row in lines_of("21-own-split/sc.jsonl") if row["split"] == "test"}
    return {
        line.rpartition(",")[0] for line in (FILES / "21-own-split/own/test.csv").read_text("utf-8").splitlines()[1:]
    }


async def test_26_labels_of_four_rows_are_tested(office: Office) -> None:
    await office.begin(labels=[f"c{number}" for number in range(100)])
    await office.prepare_rows(office.copy("26-rare-labels/rare4.jsonl"))
    test = office.rows("test")
    assert 50 <= len(test) <= 110 and len({row["label"] for row in test}) >= 50
    assert len({row["label"] for row in office.rows("train")}) == 100


@pytest.mark.parametrize("language", ["en", "zh-TW"])
@pytest.mark.parametrize("part", ["task.part.yaml", "data_source.part.yaml"])
async def test_28_what_yaml_made_of_a_word_is_explained_by_quotes(office: Office, language: str, part: str) -> None:
    await office.begin(language=language, labels=["yes", "no"])
    file = office.folder / part.replace(".part", "")
    if part.startswith("task"):
        lines = [line for line in file.read_text("utf-8").splitlines() if not re.match(r"labels:|- ", line)]
        file.write_text("\n".join([*lines, (FILES / "28-yaml-norway" / part).read_text("utf-8")]), "utf-8")
    else:
        file.write_text(
            "format: 1\nsources:\n  - type: file\n    path: rows.csv\n"
            + (FILES / "28-yaml-norway" / part).read_text("utf-8"),
            "utf-8",
        )
    told = await office.prepare()
    assert told.refused and re.search("quot" if language == "en" else "引號", told.message)


def api_answer(kind: str) -> Said:
    """An answer of a web API, 60 rows of it, in one of the ways such answers come."""
    rows: Rows = [
        {"text": row["text"].replace(",", ";"), "label": POLAR[number % 2]}
        for number, row in enumerate(write_rows("en", 60))
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    return {
        "gzip": Said(gzip.compress(json.dumps(rows).encode()), headers={"Content-Type": "application/json"}),
        "gzip file": Said(gzip.compress(lines.encode()), headers={"Content-Type": "application/gzip"}),
        "ndjson": Said(lines.encode(), headers={"Content-Type": "application/x-ndjson"}),
        "jsonl": Said(lines.encode(), headers={"Content-Type": "application/jsonl"}),
        "csv": Said(
            ("text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in rows)).encode(),
            headers={"Content-Type": "text/csv; charset=utf-8"},
        ),
        "null": Said(json.dumps({"items": [*rows, None]}).encode(), headers={"Content-Type": "application/json"}),
    }[kind]


@pytest.mark.parametrize("kind", ["gzip", "gzip file", "ndjson", "jsonl", "csv", "null"])
async def test_29_answers_of_web_apis_are_read(office: Office, server: Peer, kind: str) -> None:
    await office.begin(labels=POLAR)
    address = server.serve("/x", api_answer(kind))
    told = await office.connect_to(on_this_machine("api", endpoint=address))
    assert not told.refused, told.message
    prepared = await office.prepare()
    assert not prepared.refused, prepared.message
    assert len(office.rows()) == 60
    if kind == "null":
        assert "61" in told.message + prepared.message or re.search(r"\b1 ", told.message + prepared.message)


async def test_29_a_page_written_by_scripts_is_said_to_be_one(office: Office, server: Peer) -> None:
    await office.begin(labels=POLAR)
    page = b"<!doctype html><html><head><title>Shop</title></head><body><div id=root></div><script src=/app.js></script></body></html>"
    address = server.serve("/x", Said(page, headers={"Content-Type": "text/html"}))
    told = await office.connect_to(on_this_machine("web_scrape", urls=[address], delay_seconds=0, unlabelled=True))
    prepared = await office.prepare()
    assert "script" in told.message + prepared.message
