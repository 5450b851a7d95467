"""Files into records, streaming, with memory bounded whatever the file holds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ...resources.foundation.errors import DataError
from ...resources.foundation.language import Text
from .compression import opened_text
from .places import Places
from .rows import Record

LONGEST_ROW = 8 << 20  # characters: a longer one is a broken file, not a text to classify
_CHUNK = 1 << 20
_ARRAY = re.compile(r"\s*\[\s*(\{|\]|\Z)")
_SPLITS = frozenset({"train", "training", "valid", "validation", "val", "dev", "test"})
_ELEMENT = Text("Element", "個元素")
_LINE = Text("Line", "行")
ROW = Text("Row", "列")


def jsonl_records(path: Path, encoding: str, field: str, places: Places | None = None) -> Iterator[Record]:
    """The objects of a JSON-lines file, or of the array it turns out to be; `places` hears their lines."""
    places = places or Places()
    if _ARRAY.match(_beginning(path, encoding, field)):
        yield from _array(path, encoding, field, places)
        return
    with opened_text(path, encoding, field, newline="\n") as file:
        for number, line in enumerate(lines_of(file, path, field), start=1):
            if line.strip():
                record = _object(_decode_json(line, path, number, field), path, number, field)
                places.at(number)
                yield record


def json_records(path: Path, encoding: str, field: str, places: Places | None = None) -> Iterator[Record]:
    """The objects of a JSON file: of an array, one at a time; of lines that are an object each; of the one array an object
    holds (`{"data": […]}`), or of the arrays it names by their split; of its columns (`{"text": […], "label": […]}`).

    Arguments:
        places: hears their order, or the lines they stand on.
    """
    places = places or Places()
    start = _beginning(path, encoding, field)
    if start.lstrip().startswith("["):
        yield from _array(path, encoding, field, places)
        return
    if _is_lines(start):
        yield from jsonl_records(path, encoding, field, places)
        return
    with opened_text(path, encoding, field) as file:
        text = file.read(LONGEST_ROW + 1)
    if len(text) > LONGEST_ROW:
        raise _too_long(path, 1, field)
    for number, value in enumerate(_rows_within(_decode_json(text, path, 1, field), path, field), start=1):
        record = _object(value, path, number, field, unit=_ELEMENT)
        places.at(number)
        yield record


def _beginning(path: Path, encoding: str, field: str) -> str:
    with opened_text(path, encoding, field) as file:
        return file.read(_CHUNK)


def _is_lines(start: str) -> bool:
    """Whether the first line is an object of its own, and something follows."""
    first, _, more = start.lstrip().partition("\n")
    if not more.strip():
        return False
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def _rows_within(content: Any, path: Path, field: str) -> list[Any]:
    """The rows that a JSON file other than an array holds.

    Raises:
        DataError: it holds none, or nobody can tell which of its arrays they are.
    """
    values = content if isinstance(content, dict) else {}
    arrays = {
        name: value
        for name, value in values.items()
        if isinstance(value, list) and value and isinstance(value[0], dict)
    }
    if len(arrays) > 1 and {name.lower() for name in arrays} <= _SPLITS:
        return [
            {"split": name, **row} if isinstance(row, dict) else row for name, rows in arrays.items() for row in rows
        ]
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    if not arrays and (rows := _of_columns(values)):
        return rows
    if not arrays and any(isinstance(value, str) for value in values.values()):
        return [values]
    which = f" ({', '.join(list(arrays)[:5])})" if arrays else ""
    raise broken_file_error(
        path,
        1,
        Text(
            f"is not an array of objects{f' but holds several{which}' if which else ''}",
            f"不是由物件組成的陣列{f'，裡面有好幾個{which}' if which else ''}",
        ),
        Text(
            'Write the rows as [{"text": "…", "label": "…"}, …], or one object per line in a .jsonl file.',
            '請寫成 [{"text": "…", "label": "…"}, …]，或改用每行一個物件的 .jsonl。',
        ),
        field,
    )


def _of_columns(values: Record) -> list[Record]:
    """The rows of a table that was written column by column, as data frames are."""
    columns = list(values.values())
    if len(columns) > 1 and all(isinstance(column, dict) for column in columns):
        keys = list(columns[0])
        if keys and all(list(column) == keys for column in columns):
            return [{name: column[key] for name, column in values.items()} for key in keys]
    if len(columns) > 1 and all(isinstance(column, list) for column in columns):
        length = len(columns[0])
        if length and all(len(column) == length for column in columns):
            return [dict(zip(values, cells, strict=True)) for cells in zip(*columns, strict=True)]
    return []


def _array(path: Path, encoding: str, field: str, places: Places) -> Iterator[Record]:
    with opened_text(path, encoding, field) as file:
        for number, record in enumerate(_array_elements(file, path, field), start=1):
            places.at(number)
            yield record


def _array_elements(file: IO[str], path: Path, field: str) -> Iterator[Record]:
    decoder, buffer, at, number, ended = json.JSONDecoder(), "", 0, 0, False
    opened = False
    while True:
        while at < len(buffer) and (
            buffer[at].isspace() or (buffer[at] == "," and number) or (buffer[at] == "[" and not opened)
        ):
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
                raise _too_long(path, number + 1, field, unit=_ELEMENT) from error
            more = "" if ended else file.read(_CHUNK)
            ended = not more
            if ended:
                raise broken_file_error(
                    path,
                    number + 1,
                    Text("is not valid JSON, or the array is never closed", "不是有效的 JSON，或陣列沒有結束"),
                    Text("Write the file again with a JSON library.", "請用 JSON 函式庫重新輸出檔案。"),
                    field,
                    unit=_ELEMENT,
                ) from error
            buffer, at = buffer[at:] + more, 0
            continue
        at, number = end, number + 1
        yield _object(value, path, number, field, unit=_ELEMENT)


def lines_of(file: IO[str], path: Path, field: str) -> Iterator[str]:
    """The lines of a text file.

    Raises:
        DataError: one is longer than any row, or holds a zero byte.
    """
    number = 0
    while line := file.readline(LONGEST_ROW + 1):
        number += 1
        if len(line) > LONGEST_ROW:
            raise _too_long(path, number, field)
        if "\0" in line:
            raise broken_file_error(
                path,
                number,
                Text("holds a zero byte", "有值為零的位元組"),
                Text(
                    "The export broke there: export the file again, or take that line out.",
                    "匯出時在這裡出錯：請重新匯出，或刪除這一行。",
                ),
                field,
            )
        yield line


def _decode_json(text: str, path: Path, number: int, field: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise broken_file_error(
            path,
            number,
            Text("is not valid JSON", "不是有效的 JSON"),
            Text("Correct it, or write the file again with a JSON library.", "請修正，或用 JSON 函式庫重新輸出檔案。"),
            field,
        ) from error


def _object(value: Any, path: Path, number: int, field: str, unit: Text = _LINE) -> Record:
    if isinstance(value, dict):
        return value
    raise broken_file_error(
        path,
        number,
        Text("is not an object with named fields", "不是有欄位名稱的物件"),
        Text(
            'Each row is an object such as {"text": "…", "label": "…"}.',
            '每一列都是物件，例如 {"text": "…", "label": "…"}。',
        ),
        field,
        unit=unit,
    )


def broken_file_error(path: Path, number: int, what: Text, fix: Text, field: str, unit: Text = _LINE) -> DataError:
    """The error of a file that is broken at a line or element."""
    return DataError(
        Text("{unit} {number} of {path} {what}.", "{path} 第 {number} {unit}{what}。").format(
            unit=unit, number=number, path=path, what=what
        ),
        fix,
        field=f"{field}.path",
        details={"line": number},
    )


def _too_long(path: Path, number: int, field: str, unit: Text = _LINE) -> DataError:
    megabytes = LONGEST_ROW >> 20
    return broken_file_error(
        path,
        number,
        Text(f"is longer than {megabytes} million characters", f"超過 {megabytes} 百萬個字元"),
        Text(
            "Check that the file has line breaks between its rows and is of the format its name says.",
            "請確認每列之間有換行，而且檔案格式與副檔名相符。",
        ),
        field,
        unit=unit,
    )
