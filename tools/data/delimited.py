"""CSV and TSV as programs write them: with `sep=`, with quotes or without, with a header, titles above it, or neither."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

from ...resources.foundation.language import Text, several
from .column_names import LOOKED_AT, find_header, is_filled
from .compression import opened_text
from .places import Places
from .reading import LONGEST_ROW, ROW, broken_file_error, lines_of
from .rows import Record
from .worksheet import letters_of

Note = Callable[[Text], None]
_DELIMITERS = (",", ";", "\t", "|")
_SEP = re.compile(r"\A\ufeff?\"?sep=(?P<delimiter>[^\"\r\n])\"?\r?\n?\Z", re.IGNORECASE)
_WHOLE = re.compile(r'"(?:[^"]|"")*"\Z')
_SWALLOWED = 5  # lines that look like rows, within one pair of quotes: a quote that nobody meant
_REMEMBERED = 1000
_HELD = 1 << 20  # characters of the rows that are looked at first
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Form:
    """How a file is written; `skipped` lines come before its first row."""

    delimiter: str
    quoted: bool = True
    skipped: int = 0


def delimited_records(
    path: Path,
    encoding: str,
    delimiter: str | None,
    field: str,
    places: Places | None = None,
    *,
    header: int | None = None,
    quotes: bool | None = None,
    private: bool = False,
    note: Note = lambda text: None,
) -> Iterator[Record]:
    """The rows of a CSV or TSV file, by the names its header gives the columns, else `column_1`, `column_2` …

    Arguments:
        delimiter: recognised where it is None.
        places: hears each row's number, as a spreadsheet counts.
        header: the row that names the columns, counted from 1; 0 where none does; recognised where it is None.
        quotes: whether cells may stand in quotes; recognised where it is None.
        private: what rows say is not shown; a `header` that does not look like one may be a row.
        note: hears what a person should know of how the file is read.
    """
    places = places or Places()
    csv.field_size_limit(LONGEST_ROW)
    form = _form_of(path, encoding, delimiter, quotes, field)
    rows = _rows(path, encoding, form, field)
    beginning = _first(rows, max(LOOKED_AT, header or 0), lambda row: sum(map(len, row[1])))
    place = _header_of(beginning, header, note)
    if header and private and place != find_header([row for _, row in beginning]):
        names = number_columns(max((len(row) for _, row in beginning), default=0))
        note(unseen_header(header))
    else:
        names = _names(beginning, place, path, field)
    for number, (line, cells) in enumerate(chain(beginning, rows), start=1 + form.skipped):
        if repeats_names(names, cells):
            if place is not None and number - form.skipped > place + 1:
                note(names_again(number))
        elif (place is None or number - form.skipped > place + 1) and any(cells):
            places.at(number)
            yield _record(names, cells, path, line, field)


def _first(items: Iterator[_Item], most: int, size: Callable[[_Item], int]) -> list[_Item]:
    """The first of them, fewer where they are large."""
    found: list[_Item] = []
    held = 0
    while len(found) < most and held < _HELD and (item := next(items, None)) is not None:
        found.append(item)
        held += size(item)
    return found


def _header_of(rows: Sequence[tuple[int, list[str]]], given: int | None, note: Note) -> int | None:
    """The place of the header among the rows; what is not plain about it is noted."""
    if given is not None:
        return given - 1 if given else None
    cells = [row for _, row in rows]
    place = find_header(cells)
    if place is None:
        note(no_header(max(map(len, cells))))
    elif titles := [" ".join(filter(None, row)) for row in cells[:place] if any(row)]:
        note(titles_above(len(titles), place + 1))
    return place


def no_header(columns: int) -> Text:
    """What to say of a table without a row that names its columns."""
    return Text(
        f"No row names the columns, so they are called column_1 to column_{columns}; if the first row does, set "
        "header: 1.",
        f"沒有欄名列，所以欄位依序稱為 column_1 到 column_{columns}；如果第一列就是欄名，請設 header: 1。",
    )


def unseen_header(row: int) -> Text:
    """What to say where the row that is named as the header may as well be one of the data."""
    return Text(
        f"Row {row} does not look like the names of the columns, and what rows say is not shown: the columns are called "
        "column_1, column_2 and so on.",
        f"第 {row} 列看起來不像欄名，而這個任務不顯示資料內容，所以欄位依序稱為 column_1、column_2……。",
    )


def number_columns(width: int) -> list[str]:
    """Names for columns that have none."""
    return [f"column_{number}" for number in range(1, width + 1)]


def titles_above(count: int, row: int) -> Text:
    """What to say of rows above the header."""
    return Text(
        f"The header was found in row {row}; {several(count, 'title row')} above it {'was' if count == 1 else 'were'} "
        "left out. If that is wrong, set header.",
        f"在第 {row} 列找到欄名，上面 {count} 列標題沒有讀入。如果不對，請設 header。",
    )


def repeats_names(names: Sequence[str], cells: Sequence[Any]) -> bool:
    """Whether a row is the header once more, as where tables were put one below the other."""
    return (
        len(names) > 1
        and len(cells) >= len(names)
        and all(isinstance(cell, str) and cell.strip() == name for name, cell in zip(names, cells, strict=False))
    )


def names_again(row: int) -> Text:
    """What to say of a header that stands once more among the rows."""
    return Text(
        f"Row {row} repeats the column names; it is not read as data.", f"第 {row} 列又是欄名，沒有當成資料讀入。"
    )


def _names(rows: Sequence[tuple[int, list[str]]], place: int | None, path: Path, field: str) -> list[str]:
    if place is None:
        return number_columns(max((len(cells) for _, cells in rows), default=0))
    return column_names(rows[place][1] if place < len(rows) else [], path, place + 1, field)


def column_names(cells: Sequence[Any], path: Path, row: int, field: str) -> list[str]:
    """The names of the columns; `column_3` where a cell is empty.

    Raises:
        DataError: two have the same.
    """
    names = [
        str(cell).strip() if is_filled(cell) and str(cell).strip() else f"column_{number}"
        for number, cell in enumerate(cells, start=1)
    ]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        where = [letters_of(number) for number, name in enumerate(names, start=1) if name == twice[0]]
        raise broken_file_error(
            path,
            row,
            Text(
                f"names the column {twice[0]!r} twice ({' and '.join(where)})",
                f"重複了欄名「{twice[0]}」（{'、'.join(where)} 欄）",
            ),
            Text(
                "Give every column its own name; what is beside the table, such as a legend, belongs on a sheet of its "
                "own.",
                "請讓每一欄有自己的名稱；表格旁邊的說明（例如代號表）請移到別的工作表。",
            ),
            field,
            unit=ROW,
        )
    return names


def _record(names: list[str], cells: list[str], path: Path, line: int, field: str) -> Record:
    if any(cells[len(names) :]):
        raise broken_file_error(
            path,
            line,
            Text(
                f"has {several(len(cells), 'cell')} where the header has {len(names)}",
                f"有 {len(cells)} 格，但欄名只有 {len(names)} 個",
            ),
            Text("A text that contains the separator must be in quotes.", "內容含有分隔符號時，必須用引號括起來。"),
            field,
        )
    return dict(zip(names, [cell or None for cell in cells], strict=False))


def _rows(path: Path, encoding: str, form: Form, field: str) -> Iterator[tuple[int, list[str]]]:
    """The cells of each row, and the line on which it ends."""
    with opened_text(path, encoding, field, newline="") as file:
        taken: list[str] = []  # the lines of the row at hand

        def lines() -> Iterator[str]:
            for line in islice(lines_of(file, path, field), form.skipped, None):
                taken.append(line)
                yield line

        reader, last_cells = _reader(lines(), form), set[str]()
        try:
            for cells in reader:
                if len(taken) > 1 and _look_like_rows(taken, form, len(cells), last_cells):
                    raise _open_quote(path, reader.line_num - len(taken) + 1 + form.skipped, len(taken), field)
                taken.clear()
                if cells and len(last_cells) < _REMEMBERED:
                    last_cells.add(cells[-1])
                yield reader.line_num + form.skipped, cells
        except csv.Error as error:
            raise broken_file_error(
                path, reader.line_num + form.skipped, _no_csv(error), _QUOTES_TO_MEND, field
            ) from error


def _no_csv(error: csv.Error) -> Text:
    said = str(error)
    if "expected after" in said:
        return Text(
            "is not valid CSV: there is something between a closing quote and the separator",
            "不是有效的 CSV：結束的引號和分隔符號之間還有別的字",
        )
    if "unexpected end" in said:
        return Text("is not valid CSV: the file ends within a quote", "不是有效的 CSV：引號還沒關閉，檔案就結束了")
    return Text(f"is not valid CSV ({said})", f"不是有效的 CSV（{said}）")


_QUOTES_TO_MEND = Text(
    "Look for a quote that is never closed or is not doubled inside a quoted cell; or set quotes: false on the source, if its "
    "quotes are part of the texts.",
    "請檢查是否有未關閉的引號，或引號內的引號沒有重複兩次；如果引號就是內容的一部分，請在來源設 quotes: false。",
)


def _open_quote(path: Path, line: int, lines: int, field: str) -> Exception:
    return broken_file_error(
        path,
        line,
        Text(
            f"opens a quote that is closed only {several(lines - 1, 'line')} later, and what is between looks like rows",
            f"開了引號，卻到 {lines - 1} 行之後才關閉，中間看起來都是資料列",
        ),
        _QUOTES_TO_MEND,
        field,
    )


def _reader(lines: Iterator[str], form: Form) -> Any:
    if form.quoted:
        return csv.reader(lines, delimiter=form.delimiter, strict=True)
    return csv.reader(lines, delimiter=form.delimiter, quoting=csv.QUOTE_NONE)


def _form_of(path: Path, encoding: str, delimiter: str | None, quotes: bool | None, field: str) -> Form:
    with opened_text(path, encoding, field, newline="") as file:
        lines = _first(lines_of(file, path, field), LOOKED_AT, len)
    skipped = 0
    if lines and (named := _SEP.match(lines[0])):
        delimiter, skipped = delimiter or named["delimiter"], 1
    delimiter = delimiter or guess_delimiter(lines[skipped:])
    if quotes is None:
        quotes = _has_quotes(path, encoding, Form(delimiter, skipped=skipped), field)
    return Form(delimiter, quotes, skipped)


def guess_delimiter(lines: Sequence[str]) -> str:
    """The sign that stands equally often in most of the lines, outside of quotes; a comma where none does."""
    outside = [re.sub(r'"[^"]*"', "", line) for line in lines if line.strip()]
    best, most = ",", (0.0, 0)
    for delimiter in _DELIMITERS:
        counts = Counter(line.count(delimiter) for line in outside)
        counts.pop(0, None)
        if counts:
            number, often = counts.most_common(1)[0]
            in_first = outside[0].count(delimiter) > 0
            if (rank := (round(often / len(outside), 1) + 0.3 * in_first, number)) > most:
                best, most = delimiter, rank
    return best


def _has_quotes(path: Path, encoding: str, form: Form, field: str) -> bool:
    """Whether quotes enclose cells, or are part of the texts.

    In a CSV they enclose. Between tabs many programs know no quotes: they are part of the texts where every line has as
    many cells as the first without them, and one of them is not closed in its cell.
    """
    if form.delimiter != "\t":
        return True
    open_cell = False
    expected: int | None = None
    with opened_text(path, encoding, field, newline="") as file:
        for line in islice(lines_of(file, path, field), form.skipped, None):
            bare = line.rstrip("\r\n")
            if not bare:
                continue
            expected = bare.count(form.delimiter) if expected is None else expected
            if bare.count(form.delimiter) != expected or not expected:
                return True
            open_cell = open_cell or ('"' in bare and not _quotes_closed(bare.split(form.delimiter)))
    return not open_cell


def _quotes_closed(cells: Sequence[str]) -> bool:
    return all(_WHOLE.match(cell) for cell in cells if cell.startswith('"'))


def _look_like_rows(lines: Sequence[str], form: Form, cells: int, last_cells: set[str]) -> bool:
    """Whether the lines of one quoted row are rows themselves: so many of them, or of ends that other rows have."""
    if cells < 2 or any(line.count(form.delimiter) != cells - 1 for line in lines):
        return False
    ends = [line.rstrip("\r\n").rpartition(form.delimiter)[2] for line in lines]
    return len(lines) > _SWALLOWED or all(end in last_cells for end in ends[:-1])
