"""Sources as they really behave: they rename, shrink, promise more than they give, break off; and sheets come back from Excel."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped, import-not-found, unused-ignore]
import pytest

from nlp_skills.tools.data.rows import row_id
from tests.cases.conftest import Office, Rows, Told, dump_lines, invent_words, on_this_machine
from tests.tools.data.misbehaving import Asked, Peer, Said, as_json, as_page

pytestmark = pytest.mark.anyio
LABELS = ["ask", "thank", "warn"]


def rows_of(count: int, begin: int = 0) -> Rows:
    return [
        {"text": f"Note {number} on {invent_words(number, 6)}", "label": LABELS[number % 3]}
        for number in range(begin, begin + count)
    ]


async def prepare_data(office: Office, *sources: dict[str, Any]) -> Told:
    told = await office.connect_to(*sources)
    assert not told.refused, told.message
    return await office.prepare()


# E1: loss is never told as something else


async def test_e1_a_column_renamed_on_page_three_is_no_duplicate(office: Office, server: Peer) -> None:
    rows = rows_of(130)

    def pages(asked: Asked) -> Said:
        page = int(asked.params.get("page", 1))
        part = rows[(page - 1) * 20 : page * 20]
        return as_json(part if page < 3 else [{"body": row["text"], "label": row["label"]} for row in part])

    await office.begin(labels=LABELS)
    told = await prepare_data(
        office,
        on_this_machine(
            "api",
            endpoint=server.serve("/rows", pages),
            pagination={"type": "page", "param": "page", "start": 1, "size_param": "size", "size": 20},
        ),
    )
    if len(office.rows()) == 130:
        return
    start = told.message[:300]
    assert re.search(r"\b90\b", start) and "text" in start and "body" in told.everything
    assert not re.search("duplicate|distinct", start)


@pytest.mark.parametrize(
    "answer",
    [{"total": 130}, {"count": 130}, {"meta": {"total": 130}}, {"total_count": 130}],
    ids=["total", "count", "meta.total", "total_count"],
)
async def test_e1_fewer_rows_than_the_answer_says_there_are_is_in_the_message(
    office: Office, server: Peer, answer: dict[str, Any]
) -> None:
    await office.begin(labels=LABELS)
    told = await prepare_data(
        office, on_this_machine("api", endpoint=server.serve("/rows", as_json({**answer, "items": rows_of(25)})))
    )
    assert re.search(r"\b130\b", told.message) and re.search(r"\b25\b", told.message)


def page(number: int) -> str:
    text = " ".join(invent_words(number * 50 + part, 8) for part in range(6))
    return (
        f"<!doctype html><html><head><title>Page {number}</title></head><body><nav><a href='/'>home</a></nav>"
        f"<article><h1>Page {number}</h1><p>{text}.</p><p>{text[::-1]}.</p></article><footer>footer</footer></body></html>"
    )


EMPTY = "<!doctype html><html><head><title>app</title></head><body><div id=root></div></body></html>"


async def test_e1_pages_without_main_text_are_counted(office: Office, server: Peer) -> None:
    addresses = [
        server.serve(f"/p{number}", as_page(EMPTY if number in (2, 5, 6) else page(number))) for number in range(9)
    ]
    await office.begin()
    told = await prepare_data(office, on_this_machine("web_scrape", urls=addresses, delay_seconds=0, unlabelled=True))
    assert not told.refused, told.message
    assert re.search(r"\b3\b", told.message) and "text" in told.message


async def test_e1_a_source_that_shrinks_sharply_stops_and_asks(office: Office) -> None:
    await office.begin(labels=LABELS)
    path = office.put("notes.jsonl", dump_lines(rows_of(102)))
    await office.prepare_rows(path)
    office.put("notes.jsonl", dump_lines(rows_of(3)))
    told = await office.prepare()
    assert told.refused or told.next_tool == "prepare_data"
    assert re.search(r"\b102\b", told.message) and re.search(r"\b3\b", told.message)
    assert len(office.rows()) == 102


async def test_e1_a_source_that_loses_a_few_rows_goes_on_and_says_so(office: Office) -> None:
    await office.begin(labels=LABELS)
    path = office.put("notes.jsonl", dump_lines(rows_of(102)))
    await office.prepare_rows(path)
    office.put("notes.jsonl", dump_lines(rows_of(98)))
    told = await office.prepare()
    assert not told.refused, told.message


async def test_e1_sharp_loss_within_a_source_stops_the_preparation(office: Office) -> None:
    """Nine rows in ten have no label: that is a wrong column, not a data set."""
    rows = [{**row, "label": row["label"] if number % 10 == 0 else ""} for number, row in enumerate(rows_of(300))]
    await office.begin(labels=LABELS)
    await office.connect(office.put("notes.jsonl", dump_lines(rows)))
    told = await office.prepare()
    assert re.search(r"\b270\b", told.message) and (
        told.refused or told.next_tool in ("prepare_data", "set_data_source")
    )


# E2: the frozen benchmark and the living source


async def test_e2_benchmark_rows_whose_label_changed_or_that_are_gone_are_named_with_the_choice(office: Office) -> None:
    await office.begin(labels=LABELS)
    rows = rows_of(102)
    path = office.put("notes.jsonl", dump_lines(rows))
    await office.prepare_rows(path)
    tested = [row["text"] for row in office.rows("test")]
    changed, gone = tested[:3], tested[3:5]
    after = [
        {**row, "label": LABELS[(LABELS.index(row["label"]) + 1) % 3] if row["text"] in changed else row["label"]}
        for row in rows
        if row["text"] not in gone
    ]
    office.put("notes.jsonl", dump_lines(after))
    told = await office.prepare()
    assert "benchmark" in told.message and re.search(r"\b3\b", told.message) and re.search(r"\b2\b", told.message)
    listed = told.everything + "".join(path.read_text("utf-8") for path in mentioned_files(told, office))
    ids = {row["text"]: row["id"] for row in office.rows()}
    assert all(text in listed or ids.get(text, "-") in listed for text in changed + gone)
    assert re.search("keep", told.everything) and re.search("freeze|new one", told.everything)


def mentioned_files(told: Told, office: Office) -> list[Path]:
    """Files of the task's folder that the answer names."""
    found = {
        Path(name) if name.startswith("/") else office.folder / name
        for name in re.findall(r"[\w./\-]+\.(?:csv|jsonl?|xlsx)", told.everything)
    }
    return [path for path in found if path.is_file() and path.is_relative_to(office.folder) and path.suffix != ".xlsx"]


# E3: one reader for every sheet that comes back

Save = Callable[[list[list[str]], Path], Path]


def as_excel_shows(cell: str) -> str:
    """A cell that looks like a number is shown with three digits, and saved so."""
    return f"{float(cell):.2E}" if re.fullmatch(r"\d{12,}|\d+[eE]\d+", cell) else cell


def dump_table(table: list[list[str]], delimiter: str) -> str:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator="\r\n").writerows(
        [[as_excel_shows(cell) for cell in row] for row in table]
    )
    return file.getvalue()


def save_as(delimiter: str, codec: str) -> Save:
    def save(table: list[list[str]], path: Path) -> Path:
        path.write_bytes(dump_table(table, delimiter).encode(codec))
        return path

    return save


def saved_as_workbook(table: list[list[str]], path: Path) -> Path:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    for row in table:
        sheet.append([float(cell) if re.fullmatch(r"\d{12,}|\d+[eE]\d+", cell) else cell for cell in row])
    workbook.save(path.with_suffix(".xlsx"))
    return path.with_suffix(".xlsx")


SAVED: dict[str, Save] = {
    "semicolons": save_as(";", "utf-8-sig"),
    "semicolons in Windows' code": save_as(";", "cp950"),
    "UTF-16 tabs": save_as("\t", "utf-16"),
    "Big5": save_as(",", "cp950"),
    "tabs": save_as("\t", "utf-8"),
    "UTF-8 without a mark": save_as(",", "utf-8"),
    "a workbook": saved_as_workbook,
}


def table_of(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text("utf-8-sig"))))


def hard_ids() -> list[str]:
    """Texts whose id is of digits alone, or with an e among them: what Excel takes for a number."""
    texts = (f"{invent_words(number, 3)} 送來時就壞了" for number in range(60_000))
    return list(islice((text for text in texts if re.fullmatch(r"\d+e?\d+", row_id(text))), 2))


@pytest.mark.parametrize("save", SAVED)
async def test_e3_a_labelling_sheet_comes_back_from_excel(office: Office, save: str) -> None:
    await office.begin(language="zh-TW", labels=["壞了", "很好"])
    hard = hard_ids()
    assert hard
    rows = [{"text": text} for text in [*hard, *(f"{invent_words(number, 5)} 用起來很好" for number in range(20))]]
    await office.connect(office.put("mails.jsonl", dump_lines(rows)), unlabelled=True)
    await office.prepare()
    told = await office("add_examples", task=office.name, action="sheet", count=len(rows))
    assert not told.refused, told.message
    sheet = Path(told.content["files"]["csv"])
    head, *body = table_of(sheet)
    decision, text = head.index("decision"), head.index("text")
    for row in body:
        row[decision] = "壞了" if "壞了" in row[text] else "很好"
    back = SAVED[save]([head, *body], sheet.with_name("back.csv"))
    told = await office("add_examples", task=office.name, action="import", path=str(back), by="小美")
    assert not told.refused, told.message
    assert not (told.content["figures"] or {}).get("open"), told.message
    told = await office.prepare()
    assert Counter(row["label"] for row in office.rows()) == {"壞了": len(hard), "很好": 20}, told.message


# E4: a scrape keeps what it has


@pytest.mark.parametrize("dead", ["not found", "gone", "forbidden by robots.txt"])
async def test_e4_five_dead_pages_in_a_row_are_skipped_and_counted(office: Office, server: Peer, dead: str) -> None:
    addresses = []
    for number in range(14):
        path = f"/old/p{number}" if 4 <= number < 9 else f"/p{number}"
        answer = (
            as_page(page(number))
            if dead.startswith("forbidden") or not 4 <= number < 9
            else Said(status=410 if dead == "gone" else 404)
        )
        addresses.append(server.serve(path, answer))
    if dead.startswith("forbidden"):
        server.serve("/robots.txt", Said(b"User-agent: *\nDisallow: /old/\n", headers={"Content-Type": "text/plain"}))
    await office.begin(labels=LABELS)
    told = await prepare_data(
        office, on_this_machine("web_scrape", urls=addresses, delay_seconds=0, retries=0, unlabelled=True)
    )
    assert not told.refused, told.message
    assert told.result.get("to_label") == 9, told.everything
    assert re.search(r"\b5\b", told.message)


async def test_e4_an_outage_stops_and_what_was_read_is_not_read_again(office: Office, server: Peer) -> None:
    out = True

    def answer(asked: Asked) -> Said:
        number = int(asked.path.removeprefix("/p"))
        return Said(status=503) if out and number > 5 else as_page(page(number))

    addresses = [server.serve(f"/p{number}", answer) for number in range(20)]
    await office.begin(labels=LABELS)
    source = on_this_machine(
        "web_scrape", urls=addresses, delay_seconds=0, retries=0, retry_seconds=0.01, unlabelled=True
    )
    told = await office.connect_to(source)
    told = await office.prepare()
    assert told.refused and not any("/p19" in path for path in server.paths()[:-1])
    out = False
    asked = Counter(server.paths())
    told = await office.prepare()
    assert not told.refused, told.message
    assert told.result.get("to_label") == 20, told.everything
    assert Counter(server.paths())["/p3"] == asked["/p3"]


# E5: the price agreed to is the price
