"""Files into records, streaming, with memory bounded whatever the file holds."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ...resources.errors import DataError, MissingRequirement
from ...resources.language import Text, several
from .compression import opened_text
from .places import Places

Record = dict[str, Any]
LONGEST_ROW = 8 << 20  # characters: a longer one is a broken file, not a text to classify
_CHUNK = 1 << 20
_PARQUET_BATCH = 1000


def delimited_records(
    path: Path, encoding: str, delimiter: str | None, field: str, places: Places | None = None
) -> Iterator[Record]:
    """The rows of a CSV or TSV file whose first line names the columns.

    Arguments:
        places: hears each row's number, as a spreadsheet counts: the header is row 1.
    """
    places = places or Places()
    csv.field_size_limit(LONGEST_ROW)
    with opened_text(path, encoding, field, newline="") as file:
        first = next(_lines(file, path, field), "")
    with opened_text(path, encoding, field, newline="") as file:
        reader = csv.reader(_lines(file, path, field), delimiter=delimiter or _guess_delimiter(first), strict=True)
        try:
            header = _checked_header(next(reader, []), path, field)
            for number, cells in enumerate(reader, start=2):
                if any(cells):
                    places.at(number)
                    yield _record(header, cells, path, reader.line_num, field)
        except csv.Error as error:
            raise _broken(path, reader.line_num, _not_csv(error), Text(
                "Look for a quote that is never closed or is not doubled inside a quoted cell.",
                "請檢查是否有未關閉的引號，或引號內的引號沒有重複兩次。"), field) from error


def _not_csv(error: csv.Error) -> Text:
    return Text(f"is not valid CSV ({error})", f"不是有效的 CSV（{error}）")


def _guess_delimiter(header: str) -> str:
    return max((",", ";", "\t"), key=header.count) if header else ","


def _checked_header(cells: list[str], path: Path, field: str) -> list[str]:
    header = [cell.strip() or f"column_{number}" for number, cell in enumerate(cells, start=1)]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise _broken(path, 1, Text(f"names the column {twice[0]!r} twice", f"重複了欄名「{twice[0]}」"),
                      Text("Give every column its own name.", "請讓每一欄有自己的名稱。"), field)
    return header


def _record(header: list[str], cells: list[str], path: Path, line: int, field: str) -> Record:
    extra = cells[len(header):]
    if any(extra):
        raise _broken(path, line, Text(f"has {several(len(cells), 'cell')} where the header has {len(header)}",
                                       f"有 {len(cells)} 格，但欄名只有 {len(header)} 個"),
                      Text("A text that contains the separator must stand in quotes.",
                           "內容含有分隔符號時，必須用引號括起來。"), field)
    return dict(zip(header, [cell or None for cell in cells], strict=False))


def jsonl_records(path: Path, encoding: str, field: str, places: Places | None = None) -> Iterator[Record]:
    """The objects of a JSON-lines file; `places` hears their lines."""
    places = places or Places()
    with opened_text(path, encoding, field, newline="\n") as file:
        for number, line in enumerate(_lines(file, path, field), start=1):
            if line.strip():
                record = _object(_decoded(line, path, number, field), path, number, field)
                places.at(number)
                yield record


def json_records(path: Path, encoding: str, field: str) -> Iterator[Record]:
    """The objects of a JSON array, one at a time; or of the one array an object holds (`{"data": […]}`)."""
    with opened_text(path, encoding, field) as file:
        start = file.read(_CHUNK)
    with opened_text(path, encoding, field) as file:
        if start.lstrip().startswith("["):
            yield from _array_elements(file, path, field)
            return
        text = file.read(LONGEST_ROW + 1)
        if len(text) > LONGEST_ROW:
            raise _too_long(path, 1, field)
    content = _decoded(text, path, 1, field)
    arrays = [value for value in content.values() if isinstance(value, list)] if isinstance(content, dict) else []
    if len(arrays) != 1:
        raise _broken(path, 1, Text("is not an array of objects", "不是由物件組成的陣列"), Text(
            'Write the rows as [{"text": "…", "label": "…"}, …], or one object per line in a .jsonl file.',
            '請寫成 [{"text": "…", "label": "…"}, …]，或改用每行一個物件的 .jsonl。'), field)
    for number, value in enumerate(arrays[0], start=1):
        yield _object(value, path, number, field)


def _array_elements(file: IO[str], path: Path, field: str) -> Iterator[Record]:
    decoder, buffer, at, number, ended = json.JSONDecoder(), "", 0, 0, False
    opened = False
    while True:
        while at < len(buffer) and (buffer[at].isspace() or (buffer[at] == "," and number) or (
                buffer[at] == "[" and not opened)):
            opened = opened or buffer[at] == "["
            at += 1
        if at < len(buffer) and buffer[at] == "]":
            return
        try:
            if at == len(buffer):
                raise ValueError
            value, end = decoder.raw_decode(buffer, at)
        except (ValueError, RecursionError) as error:
            if len(buffer) - at > LONGEST_ROW:
                raise _too_long(path, number + 1, field, unit=Text("Element", "個元素")) from error
            more = "" if ended else file.read(_CHUNK)
            ended = not more
            if ended:
                raise _broken(path, number + 1, Text("is not valid JSON, or the array is never closed",
                                                     "不是有效的 JSON，或陣列沒有結束"),
                              Text("Write the file again with a JSON library.", "請用 JSON 函式庫重新輸出檔案。"),
                              field, unit=Text("Element", "個元素")) from error
            buffer, at = buffer[at:] + more, 0
            continue
        at, number = end, number + 1
        yield _object(value, path, number, field, unit=Text("Element", "個元素"))


def parquet_records(path: Path, field: str) -> Iterator[Record]:
    """The rows of a Parquet file, batch by batch.

    Raises:
        MissingRequirement: pyarrow is not installed where this runs.
    """
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise MissingRequirement(
            Text("Reading Parquet needs pyarrow, and the environment of this job lacks it.",
                 "讀取 Parquet 需要 pyarrow，但執行此工作的環境沒有安裝。"),
            Text("Build the worker environment with set_up(what='environment'), or save the data as CSV or JSONL.",
                 "請用 set_up(what='environment') 建立工作環境，或把資料另存成 CSV 或 JSONL。"),
            field=f"{field}.path",
        ) from error
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_PARQUET_BATCH):
                yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        raise DataError(
            Text(f"{path} cannot be read as Parquet: {str(error)[:200]}",
                 f"{path} 無法當成 Parquet 讀取：{str(error)[:200]}"),
            Text("Write the file again, or name its real format (format: csv).",
                 "請重新輸出檔案，或指定實際的格式（例如 format: csv）。"),
            field=f"{field}.path",
        ) from error


def _lines(file: IO[str], path: Path, field: str) -> Iterator[str]:
    number = 0
    while line := file.readline(LONGEST_ROW + 1):
        number += 1
        if len(line) > LONGEST_ROW:
            raise _too_long(path, number, field)
        if "\0" in line:
            raise _broken(path, number, Text("holds a zero byte", "有值為零的位元組"), Text(
                "The export broke there: export the file again, or take that line out.",
                "匯出時在這裡出錯：請重新匯出，或刪除這一行。"), field)
        yield line


def _decoded(text: str, path: Path, number: int, field: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _broken(path, number, Text("is not valid JSON", "不是有效的 JSON"), Text(
            "Correct it, or write the file again with a JSON library.", "請修正，或用 JSON 函式庫重新輸出檔案。"),
            field) from error


_LINE = Text("Line", "行")


def _object(value: Any, path: Path, number: int, field: str, unit: Text = _LINE) -> Record:
    if isinstance(value, dict):
        return value
    raise _broken(path, number, Text("is not an object with named fields", "不是有欄位名稱的物件"), Text(
        'Each row is an object such as {"text": "…", "label": "…"}.',
        '每一列都是物件，例如 {"text": "…", "label": "…"}。'), field, unit=unit)


def _broken(path: Path, number: int, what: Text, fix: Text, field: str, unit: Text = _LINE) -> DataError:
    return DataError(Text(f"{unit.en} {number} of {path} {what.en}.", f"{path} 第 {number} {unit.zh}{what.zh}。"),
                     fix, field=f"{field}.path", details={"line": number})


def _too_long(path: Path, number: int, field: str, unit: Text = _LINE) -> DataError:
    megabytes = LONGEST_ROW >> 20
    return _broken(path, number, Text(f"is longer than {megabytes} million characters",
                                      f"超過 {megabytes} 百萬個字元"),
                   Text("Check that the file has line breaks between its rows and is of the format its name says.",
                        "請確認每列之間有換行，而且檔案格式與副檔名相符。"), field, unit=unit)
