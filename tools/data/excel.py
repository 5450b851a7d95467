"""The rows of an Excel workbook's sheet."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, time
from itertools import chain, count, islice, zip_longest
from pathlib import Path
from typing import Any
from xml.parsers import expat

from ...resources.foundation.errors import DataError, DataSourceError, MissingRequirement
from ...resources.foundation.external import all_as_data, as_data
from ...resources.foundation.language import Text, several
from .column_names import LOOKED_AT, find_header, is_filled, may_be_header
from .delimited import (
    Note,
    column_names,
    names_again,
    no_header,
    number_columns,
    repeats_names,
    titles_above,
    unseen_header,
)
from .places import Places
from .reading import LONGEST_ROW
from .rows import Record
from .worksheet import MOST_ROWS, Extras, TooLong, TooMany, TooManyRows, check_measure, extras_of, letters_of

_LARGEST = 1 << 30  # bytes a workbook may unpack to
_HELD = 256 << 20  # … and the part of it that is held in memory: the texts of all cells
_TREES = ("styles.xml", "workbook.xml", ".rels", "[Content_Types].xml")
_HEADER_ROWS = 3
_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"})
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")  # as Excel writes characters that XML cannot hold
_TREE = 32 << 20  # … and any of the parts that are held as a tree: styles, relations
_BOMB, _SMALL = 200, 64 << 20  # no honest workbook larger than that packs so many times smaller


def excel_records(
    path: Path,
    sheet: str | None,
    field: str,
    places: Places | None = None,
    *,
    header: int | None = None,
    private: bool = False,
    note: Note = lambda text: None,
    missed: Note | None = None,
) -> Iterator[Record]:
    """The rows below the header. Merged cells hold their value in each of their rows; formulas give their last result, and
    where none was stored `{"=": …}`, which is no value.

    Arguments:
        sheet: its name; the first visible one that holds anything where it is None.
        places: hears the sheet and each row's number in it.
        header: the number of the row that names the columns; 0 where none does; recognised where it is None.
        private: what rows say is not shown; a `header` that does not look like one may be a row.
        note: hears what a person should know of how the sheet is read.
        missed: hears of sheets with the same columns that are not read; `note` does where it is None.

    Raises:
        DataSourceError: there is no such sheet.
        DataError: the file is no workbook, or names a column twice.
        MissingRequirement: openpyxl is not installed where this runs.
    """
    try:
        import openpyxl  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError as error:
        raise MissingRequirement(
            Text(
                "Reading Excel files needs openpyxl, which this job's environment lacks.",
                "讀取 Excel 檔需要 openpyxl，但執行此工作的環境沒有安裝。",
            ),
            Text(
                "Install it: pip install 'nlp-skills[excel]'; or save the sheet as 'CSV UTF-8'.",
                "請安裝：pip install 'nlp-skills[excel]'；或另存成「CSV UTF-8」。",
            ),
            field=f"{field}.path",
        ) from error
    _check_size(path, field)
    try:
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    except Exception as error:  # openpyxl raises whatever the broken part of the file makes it meet
        raise _no_workbook(path, field) from error
    try:
        chosen = _sheet(workbook, sheet, path, field, note, missed or note)
        extras = _extras(chosen, path, field)
        places = places or Places()
        places.begin(sheet=chosen.title)
        rows = _filled_down(_rows(chosen, path, field), extras)
        beginning = list(islice(rows, max(LOOKED_AT, header or 0)))
        if header and private and header - 1 != find_header(beginning):
            names, below = number_columns(max(map(len, beginning), default=0)), header + 1
            note(unseen_header(header))
        else:
            names, below = _names(beginning, header, extras, path, field, note)
        _note_extras(extras, below, chosen.title, note)
        for number, cells in enumerate(chain(beginning, rows), start=1):
            if number >= below and repeats_names(names, cells):
                note(names_again(number))
            elif number >= below and any(map(is_filled, cells)):
                places.at(number)
                yield _record(names, cells)
    finally:
        workbook.close()


def _sheet(workbook: Any, name: str | None, path: Path, field: str, note: Note, missed: Note) -> Any:
    if name is not None:
        if name not in workbook.sheetnames:
            sheets = all_as_data(workbook.sheetnames[:20])
            raise DataSourceError(
                Text(f"{path} has no sheet {name[:60]!r}.", f"{path} 沒有名為「{name[:60]}」的工作表。"),
                Text("Its sheets are: {sheets}.", "現有工作表：{sheets}。").format(sheets=sheets),
                field=f"{field}.sheet",
            )
        return workbook[name]
    visible = [one for one in workbook.worksheets if one.sheet_state == "visible"] or workbook.worksheets
    filled = [one for one in workbook.worksheets if _holds_rows(one, path, field)]
    chosen = next((one for one in visible if one in filled), visible[0])
    others = [one for one in filled if one is not chosen] if chosen in filled else visible[1:]
    alike = (
        [one for one in others if _header(one, path, field) == _header(chosen, path, field)] if chosen in filled else []
    )
    read = as_data(chosen.title)
    if alike:
        names = all_as_data([one.title for one in alike[:10]])
        missed(
            Text(
                f"Sheet {read.en} is read; {names.en} {'has' if len(alike) == 1 else 'have'} the same columns and "
                f"{'is' if len(alike) == 1 else 'are'} not. To read them too, add a source for each (sheet: …).",
                f"只讀取了工作表{read.zh}；{names.zh}的欄名相同，但沒有讀取。要一起讀，請為每張工作表各加一個來源（用 sheet 指定）。",
            )
        )
    if rest := [one for one in others if one not in alike]:
        names = all_as_data([one.title for one in rest[:10]])
        note(
            Text(
                "Sheet {read} is read; the workbook also has {names} (sheet: … names another).",
                "讀取的是工作表{read}；活頁簿裡還有：{names}（可用 sheet 指定）。",
            ).format(read=read, names=names)
        )
    return chosen


def _header(sheet: Any, path: Path, field: str) -> list[Any]:
    """The cells that name the columns."""
    rows = list(islice(_rows(sheet, path, field), LOOKED_AT))
    place = find_header(rows)
    return [cell for cell in rows[place] if is_filled(cell)] if place is not None else []


def _holds_rows(sheet: Any, path: Path, field: str) -> bool:
    """Whether at least two of the sheet's first rows hold anything: a cover does not."""
    rows = (cells for cells in islice(_rows(sheet, path, field), LOOKED_AT) if any(map(is_filled, cells)))
    return len(list(islice(rows, 2))) == 2


def _extras(sheet: Any, path: Path, field: str) -> Extras:
    try:
        with sheet._get_source() as source:  # openpyxl tells neither of a sheet that it reads as a stream
            return extras_of(source)
    except TooMany:
        raise DataError(
            Text(
                f"Sheet {sheet.title!r} of {path} holds more merged cells, or formulas without results, than can be read.",
                f"{path} 的工作表「{sheet.title}」合併儲存格或沒有結果的公式太多，無法讀取。",
            ),
            Text("Open it in Excel and save the sheet as 'CSV UTF-8'.", "請用 Excel 開啟，另存成「CSV UTF-8」。"),
            field=f"{field}.path",
        ) from None
    except Exception as error:  # as above
        raise _no_workbook(path, field) from error


def _rows(sheet: Any, path: Path, field: str) -> Iterator[tuple[Any, ...]]:
    """The cells of each row as they stand, whatever size the file claims for the sheet."""
    sheet.reset_dimensions()
    with closing(sheet.iter_rows(values_only=True)) as rows:
        for number in count(1):
            try:
                cells = next(rows, None)
            except Exception as error:  # as above: the parts of the file are read only now
                raise _no_workbook(path, field) from error
            if cells is None:
                return
            if number > MOST_ROWS:  # of which most may be gaps
                raise _too_many_rows(path, field)
            yield tuple(map(_plain, cells))


def _plain(cell: Any) -> Any:
    if isinstance(cell, datetime) and cell.time() == time.min:
        return cell.date()  # a day; Excel knows no dates without a time
    if not isinstance(cell, str):
        return cell
    if cell in _ERRORS:
        return {"=": cell}
    if "_x" in cell:
        cell = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), cell)
    return cell.replace("\r\n", "\n").replace("\r", "\n") if "\r" in cell else cell


def _filled_down(rows: Iterator[tuple[Any, ...]], extras: Extras) -> Iterator[tuple[Any, ...]]:
    """The rows with each merged cell's value in all of its rows, and formulas without a result marked."""
    beginning, running = extras.filled_down(), dict[int, tuple[int, Any]]()  # column → last row, value
    for number, given in enumerate(rows, start=1):
        cells = list(given)
        if extras.formulas:
            for place in range(len(cells)):
                if (number, place + 1) in extras.formulas:
                    cells[place] = {"=": ""}
        if any(map(is_filled, cells)):  # rows that are nothing but merged stay empty
            for column, (last, value) in list(running.items()):
                if number > last:
                    del running[column]
                elif is_filled(value):
                    cells += [None] * (column - len(cells))
                    cells[column - 1] = value
        for column, last in beginning.get(number, ()):
            running[column] = (last, cells[column - 1] if column <= len(cells) else None)
        yield tuple(cells)


def _names(
    rows: Sequence[tuple[Any, ...]], given: int | None, extras: Extras, path: Path, field: str, note: Note
) -> tuple[list[str], int]:
    """The columns' names, and the number of the first row below the header."""
    place = (given - 1 if given else None) if given is not None else find_header(rows)
    width = max(map(len, rows), default=0)
    if place is None:
        if given is None:
            note(no_header(width))
        return number_columns(width), 1
    if titles := [cells for cells in rows[:place] if any(map(is_filled, cells))]:
        note(titles_above(len(titles), place + 1))
    header = list(rows[place]) if place < len(rows) else []
    last = max((last for _, last in extras.filled_down().get(place + 1, ())), default=place + 1)
    if place + 1 < len(rows) and extras.spans_names(place + 1, rows[place + 1]) and may_be_header(rows, place + 1):
        last = max(last, place + 2)
    for lower in rows[place + 1 : min(last, place + _HEADER_ROWS)]:  # names below names that span columns
        header = [under if is_filled(under) else above for above, under in zip_longest(header, lower)]
    last = min(last, place + _HEADER_ROWS)
    return column_names([*header, *[None] * (width - len(header))], path, place + 1, field), last + 1


def _record(names: Sequence[str], cells: Sequence[Any]) -> Record:
    beyond = {f"column_{place + 1}": cells[place] for place in range(len(names), len(cells)) if is_filled(cells[place])}
    return {name: cell if is_filled(cell) else None for name, cell in zip_longest(names, cells[: len(names)])} | beyond


def _note_extras(extras: Extras, below: int, title: str, note: Note) -> None:
    if hidden := sum(row >= below for row in extras.hidden):
        note(
            Text(
                f"Sheet {title!r} hides {several(hidden, 'row')} (by a filter or by hand); {'it is' if hidden == 1 else 'they are'} "
                "read too. Delete what is not meant.",
                f"工作表「{title}」有 {hidden} 列被隱藏（篩選或手動），也一起讀入了；不要的請刪除。",
            )
        )
    merged = [(row, column) for row, column, last, _ in extras.merged if last > row and row >= below]
    if merged:
        note(
            Text(
                f"Sheet {title!r} has {several(len(merged), 'merged cell')} over several rows: each counts for all of its "
                "rows.",
                f"工作表「{title}」有 {len(merged)} 個跨列的合併儲存格，每一列都填入了同樣的內容。",
            )
        )
    if formulas := sorted(place for place in extras.formulas if place[0] >= below):
        row, column = formulas[0]
        first = f"{letters_of(column)}{row}"
        note(
            Text(
                f"Sheet {title!r} has {several(len(formulas), 'formula')} whose results are not stored in the file (the first "
                f"in {first}): they have no value here. Open it in Excel and save it; a text that begins with = is a formula "
                "to Excel, unless a ' precedes it.",
                f"工作表「{title}」有 {len(formulas)} 個公式沒有存下計算結果（第一個在 {first}），這裡讀不到值。請用 Excel 開啟後存檔；"
                "以 = 開頭的文字會被 Excel 當成公式，除非前面加上 '。",
            )
        )


def _check_size(path: Path, field: str) -> None:
    try:
        with zipfile.ZipFile(path) as parts:
            size = sum(part.file_size for part in parts.infolist())
            if (
                size > _LARGEST
                or _largest(parts, "sharedStrings.xml") > _HELD
                or _largest(parts, *_TREES) > _TREE
                or (size > _SMALL and size > _BOMB * path.stat().st_size)
            ):
                raise _too_much(path, Text(f"unpacks to {size >> 20} MB", f"解壓後有 {size >> 20} MB"), field)
            for part in parts.infolist():
                if part.file_size > LONGEST_ROW and part.filename.startswith("xl/worksheets/"):
                    with parts.open(part) as sheet:
                        check_measure(sheet, LONGEST_ROW)
    except TooManyRows:
        raise _too_many_rows(path, field) from None
    except TooLong as long:
        raise _too_much(
            path,
            Text(
                f"has a row of more than {LONGEST_ROW >> 20} MB (row {long.row} of a sheet)",
                f"有一列超過 {LONGEST_ROW >> 20} MB（工作表的第 {long.row} 列）",
            ),
            field,
        ) from None
    except (
        zipfile.BadZipFile,
        expat.ExpatError,
        zlib.error,
        OSError,
        EOFError,
        RuntimeError,
        NotImplementedError,
    ) as error:
        raise _no_workbook(path, field) from error


def _largest(parts: zipfile.ZipFile, *endings: str) -> int:
    return max((part.file_size for part in parts.infolist() if part.filename.endswith(endings)), default=0)


def _too_many_rows(path: Path, field: str) -> DataError:
    return _too_much(
        path,
        Text(
            f"has a sheet of more than {MOST_ROWS:,} rows, which is Excel's limit",
            f"有工作表超過 {MOST_ROWS:,} 列，這是 Excel 的上限",
        ),
        field,
    )


def _too_much(path: Path, what: Text, field: str) -> DataError:
    return DataError(
        Text("{path} {what}; it cannot be read as it is.", "{path} {what}，無法直接讀取。").format(
            path=path, what=what
        ),
        Text(
            "Open it in Excel, or the program it comes from, and save the sheet as 'CSV UTF-8'.",
            "請用 Excel 或產生它的程式開啟，另存成「CSV UTF-8」。",
        ),
        field=f"{field}.path",
    )


def _no_workbook(path: Path, field: str) -> DataError:
    return DataError(
        Text(
            f"{path} is not an .xlsx workbook that can be read; an old .xls or one with a password looks like this.",
            f"{path} 不是可讀取的 .xlsx 活頁簿；舊的 .xls 或有密碼的檔案也會這樣。",
        ),
        Text(
            "Open it in Excel and save it as .xlsx without a password, or as 'CSV UTF-8'.",
            "請用 Excel 開啟，另存成沒有密碼的 .xlsx 或「CSV UTF-8」。",
        ),
        field=f"{field}.path",
    )
