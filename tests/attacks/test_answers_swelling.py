"""Workbooks and Parquet files made to swell, and full disks, are told in words."""

from __future__ import annotations

import io
import re
import resource
import sys
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.conftest import TASK, Victim
from tests.attacks.test_answers import INTERNAL, person, servers, wire
from tests.attacks.wire import Wire, start_wire

__all__ = ["person", "servers", "wire"]


def excel(sheet: Iterator[bytes] | bytes, name: str = "S") -> bytes:
    """An Excel file with one sheet of that content, packed as tightly as can be."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        types = "http://schemas.openxmlformats.org/package/2006"
        office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
        main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        book.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{types}/content-types"><Default Extension="xml" ContentType="application/'
            'xml"/><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.'
            'spreadsheetml.sheet.main+xml"/></Types>',
        )
        book.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{types}/relationships"><Relationship Id="r1" Type="{office}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        book.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="{name}" sheetId="1" r:id="r1"/>'
            "</sheets></workbook>",
        )
        book.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{types}/relationships"><Relationship Id="r1" '
            f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        with book.open("xl/worksheets/sheet1.xml", "w") as part:
            for block in [sheet] if isinstance(sheet, bytes) else sheet:
                part.write(block)
    return made.getvalue()


def _sheet(inner: str) -> bytes:
    return (
        f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{inner}</worksheet>'
    ).encode()


_HEAD = (
    '<row r="1"><c r="A1" t="inlineStr"><is><t>text</t></is></c><c r="B1" t="inlineStr"><is><t>label</t></is></c></row>'
)


def _swelling() -> Iterator[bytes]:
    begin, end = _sheet(f"<sheetData>{_HEAD}@</sheetData>").split(b"@")
    yield begin + b'<row r="2"><c r="A2" t="inlineStr"><is><t>'
    for _ in range(300):
        yield b"x" * (1 << 20)
    yield b"</t></is></c></row>" + end


def _rows_without_end() -> Iterator[bytes]:
    begin, end = _sheet(f"<sheetData>{_HEAD}@</sheetData>").split(b"@")
    yield begin
    for _ in range(150):
        yield b'<row><c t="inlineStr"><is><t>a</t></is></c></row>' * 20_000
    yield end


BOOKS: dict[str, Any] = {
    "one cell of 300 MB": lambda: excel(_swelling()),
    "three million rows": lambda: excel(_rows_without_end()),
    "a cell in the last corner": lambda: excel(
        _sheet(
            f'<dimension ref="A1:XFD1048576"/><sheetData>{_HEAD}<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
        )
    ),
    "a cell beyond every corner": lambda: excel(
        _sheet(f'<sheetData>{_HEAD}<row r="999999999999"><c r="ZZZZZZZZ999999999999"><v>1</v></c></row></sheetData>')
    ),
    "merged without end": lambda: excel(
        _sheet(
            f'<sheetData>{_HEAD}<row r="2"><c r="A2" t="inlineStr"><is><t>x</t></is></c></row></sheetData>'
            '<mergeCells><mergeCell ref="A2:XFD1048576"/></mergeCells>'
        )
    ),
    "entities": lambda: excel(
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
        + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
        + b"]>"
        + _sheet(f'<sheetData>{_HEAD}<row r="2"><c r="A2" t="inlineStr"><is><t>&j;</t></is></c></row></sheetData>')
    ),
    "an outer entity": lambda: excel(
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
        + _sheet(f'<sheetData>{_HEAD}<row r="2"><c r="A2" t="inlineStr"><is><t>&a;</t></is></c></row></sheetData>')
    ),
    "shared strings beyond the table": lambda: excel(
        _sheet(
            f'<sheetData>{_HEAD}<row r="2"><c r="A2" t="s"><v>99999999</v></c><c r="B2" t="s"><v>-1</v></c></row></sheetData>'
        )
    ),
    "deep": lambda: excel(_sheet("<a>" * 50_000 + "</a>" * 50_000)),
    "no sheet": lambda: excel(b""),
    "half": lambda: excel(_sheet(f"<sheetData>{_HEAD}</sheetData>"))[:700],
    "no ZIP": lambda: b"PK\x03\x04" + b"\0" * 500,
}


@pytest.mark.parametrize("book", BOOKS)
def test_an_excel_file_made_to_swell_is_refused_in_words(wire: Wire, person: Victim, book: str) -> None:
    place = person.inbox / "book.xlsx"
    place.write_bytes(BOOKS[book]())
    said = wire.call("set_data_source", 20, task=TASK, sources=[{"type": "file", "path": str(place)}])
    job = re.search(r'"id": "(\d{8}-[^"]+)", "kind"', said.replace('\\"', '"'))
    assert said != '""' and not INTERNAL.search(said), said[:800]
    assert (
        book in ("a cell in the last corner", "merged without end", "shared strings beyond the table", "no sheet")
        or '"isError": true' in said
    ), said[:800]
    assert wire.ping(5) is not None
    if job:
        log = person.task / "jobs" / job[1] / "output.log"
        assert not log.is_file() or "MemoryError" not in log.read_text("utf-8")


def _parquet(pages: int) -> bytes:
    """A Parquet file whose only page says that it unpacks to `pages` bytes (in Thrift's compact protocol, by hand)."""

    def number(value: int) -> bytes:
        value, out = value << 1, b""
        while value > 127:
            out, value = out + bytes([value & 127 | 128]), value >> 7
        return out + bytes([value])

    def text(value: str) -> bytes:
        return bytes([len(value)]) + value.encode()

    content = zlib.compress(b"\0" * 1000, wbits=31)
    page = (
        b"\x15"
        + number(0)
        + b"\x15"
        + number(pages)
        + b"\x15"
        + number(len(content))
        + b"\x2c\x15"
        + number(10**6)
        + b"\x15\x00\x15\x06\x15\x06\x00\x00"
    )
    column = (
        b"\x15\x0c\x19\x15\x00\x19\x18"
        + text("text")
        + b"\x15"
        + number(2)
        + b"\x16"
        + number(10**6)
        + b"\x16"
        + number(pages)
        + b"\x16"
        + number(len(content) + len(page))
        + b"\x26"
        + number(4)
        + b"\x00"
    )
    group = (
        b"\x19\x1c\x26" + number(4) + b"\x1c" + column + b"\x00\x16" + number(pages) + b"\x16" + number(10**6) + b"\x00"
    )
    schema = b"\x19\x2c\x48" + text("schema") + b"\x15\x02\x00\x15\x0c\x25\x00\x18" + text("text") + b"\x25\x00\x00"
    footer = b"\x15\x02" + schema + b"\x16" + number(10**6) + b"\x19\x1c" + group[2:] + b"\x00"
    return b"PAR1" + page + content + footer + len(footer).to_bytes(4, "little") + b"PAR1"


@pytest.mark.parametrize(
    "kind", ["page of 2 GB", "page of 2**62 bytes", "footer beyond the file", "no footer", "cut", "nothing"]
)
def test_a_parquet_file_made_to_swell_is_refused_in_words(wire: Wire, person: Victim, kind: str) -> None:
    whole = _parquet(2**31 - 1)
    place = person.inbox / "rows.parquet"
    place.write_bytes(
        {
            "page of 2 GB": whole,
            "page of 2**62 bytes": _parquet(2**62),
            "no footer": whole[:-12],
            "footer beyond the file": b"PAR1" + b"\xff\xff\xff\x7fPAR1",
            "cut": whole[:40],
            "nothing": b"",
        }[kind]
    )
    said = wire.call("set_data_source", 20, task=TASK, sources=[{"type": "file", "path": str(place)}])
    assert '"isError": true' in said and not INTERNAL.search(said), said[:800]
    assert wire.ping(5) is not None


@pytest.mark.skipif(sys.platform == "win32", reason="limits of files are POSIX's")
@pytest.mark.parametrize("most", [0, 200, 600, 1500, 4000])
def test_a_full_disk_is_told_in_words_and_a_started_job_is_not_denied(person: Victim, most: int) -> None:
    """Files cannot grow beyond so many bytes: what a full disk is to whoever writes."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    before = {path.parent for path in person.task.rglob("jobs/*/*")}
    with start_wire(person.root, preexec_fn=partial(limit)) as wire:
        for tool, arguments in (
            ("set_data_source", {"task": TASK, "sources": [{"type": "file", "path": str(person.inbox / "rows.csv")}]}),
            ("prepare_data", {"task": TASK}),
            ("update_task", {"task": TASK, "note": "x" * 50}),
            ("create_task", {"title": "x", "name": f"full{most}", "type": "chat", "language": "en"}),
        ):
            said = wire.call(tool, 20, **arguments)
            assert said != '""' and not INTERNAL.search(said), (tool, said[:800])
            started = {path.parent for path in person.task.rglob("jobs/*/pid")} - before
            if '"isError": true' in said and tool in ("set_data_source", "prepare_data"):
                assert all(path.name in said or _has_ended(path) for path in started), (tool, said[:800])
            before |= started


def _has_ended(job: Path) -> bool:
    """Whether no process of the job is left."""
    for word in (job / "pid").read_text("utf-8").replace("{", " ").replace(",", " ").replace(":", " ").split():
        if word.isdigit() and Path(f"/proc/{word}").exists():
            return False
    return True
