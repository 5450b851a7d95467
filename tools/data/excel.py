"""The rows of an Excel workbook's sheet."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...resources.errors import DataError, DataSourceError, MissingRequirement
from ...resources.language import Text
from .places import Places

Record = dict[str, Any]
_LARGEST = 1 << 30  # bytes a workbook may unpack to
_HELD = 256 << 20  # … and the part of it that is held in memory: the texts of all cells
_WIDEST = 1000
_BOMB, _SMALL = 200, 64 << 20  # no honest workbook larger than that packs so many times smaller


def excel_records(path: Path, sheet: str | None, field: str, places: Places | None = None) -> Iterator[Record]:
    """The rows below the first row that has any cell; that row names the columns. Formulas give their last result.

    Arguments:
        sheet: its name; the first one where it is None.
        places: hears the sheet and each row's number in it.

    Raises:
        DataSourceError: there is no such sheet.
        DataError: the file is no workbook, or names a column twice.
        MissingRequirement: openpyxl is not installed where this runs.
    """
    try:
        import openpyxl  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError as error:
        raise MissingRequirement(
            Text("Reading Excel files needs openpyxl, and the environment of this job lacks it.",
                 "讀取 Excel 檔需要 openpyxl，但執行此工作的環境沒有安裝。"),
            Text("Install it: pip install 'nlp-skills[excel]'; or save the sheet as 'CSV UTF-8'.",
                 "請安裝：pip install 'nlp-skills[excel]'；或另存成「CSV UTF-8」。"), field=f"{field}.path") from error
    _check_size(path, field)
    try:
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # openpyxl raises whatever the broken part of the file makes it meet
        raise _no_workbook(path, field) from error
    try:
        if sheet is not None and sheet not in workbook.sheetnames:
            raise DataSourceError(
                Text(f"{path} has no sheet {sheet[:60]!r}.", f"{path} 沒有名為「{sheet[:60]}」的工作表。"),
                Text(f"Its sheets are: {', '.join(workbook.sheetnames[:20])}.",
                     f"現有工作表：{'、'.join(workbook.sheetnames[:20])}。"), field=f"{field}.sheet")
        chosen = workbook[sheet] if sheet else workbook.worksheets[0]
        if (chosen.max_column or 0) > _WIDEST:  # claimed only: every row would come with thousands of empty cells
            chosen.reset_dimensions()
        places = places or Places()
        places.begin(sheet=chosen.title)
        header: list[str] = []
        for number, cells in enumerate(_rows(chosen, path, field), start=1):
            if not any(_filled(cell) for cell in cells):
                continue
            if not header:
                header = _header(cells, path, field)
                continue
            places.at(number)
            yield {name: cell if _filled(cell) else None for name, cell in zip(header, cells, strict=False)}
    finally:
        workbook.close()


def _rows(sheet: Any, path: Path, field: str) -> Iterator[tuple[Any, ...]]:
    rows = sheet.iter_rows(values_only=True)
    while True:
        try:
            cells = next(rows, None)
        except Exception as error:  # as above: the parts of the file are read only now
            raise _no_workbook(path, field) from error
        if cells is None:
            return
        yield cells


def _filled(cell: Any) -> bool:
    return cell is not None and cell != ""


def _header(cells: tuple[Any, ...], path: Path, field: str) -> list[str]:
    names = [str(cell).strip() if _filled(cell) else f"column_{number}" for number, cell in enumerate(cells, start=1)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            Text(f"{path} names the column {twice[0]!r} twice.", f"{path} 重複了欄名「{twice[0]}」。"),
            Text("Give every column its own name.", "請讓每一欄有自己的名稱。"), field=f"{field}.path")
    return names


def _check_size(path: Path, field: str) -> None:
    try:
        with zipfile.ZipFile(path) as parts:
            size = sum(part.file_size for part in parts.infolist())
            held = max((part.file_size for part in parts.infolist() if part.filename.endswith("sharedStrings.xml")),
                       default=0)
    except (zipfile.BadZipFile, OSError) as error:
        raise _no_workbook(path, field) from error
    if size > _LARGEST or held > _HELD or (size > _SMALL and size > _BOMB * path.stat().st_size):
        raise DataError(
            Text(f"{path} unpacks to {size >> 20} MB.", f"{path} 解壓後有 {size >> 20} MB。"),
            Text("Save the sheet as 'CSV UTF-8'.", "請另存成「CSV UTF-8」。"), field=f"{field}.path")


def _no_workbook(path: Path, field: str) -> DataError:
    return DataError(
        Text(f"{path} is not an .xlsx workbook that can be read; an old .xls or one with a password looks so.",
             f"{path} 不是可讀取的 .xlsx 活頁簿；舊的 .xls 或有密碼的檔案也會這樣。"),
        Text("Open it in Excel and save it as .xlsx without a password, or as 'CSV UTF-8'.",
             "請用 Excel 開啟，另存成沒有密碼的 .xlsx 或「CSV UTF-8」。"), field=f"{field}.path")
