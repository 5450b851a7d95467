"""Reading a split that a person may have edited by hand."""

from __future__ import annotations

import json
from pathlib import Path

from ...resources.foundation.errors import DataError
from ...resources.foundation.language import Text
from .cells import as_text
from .reading import LONGEST_ROW
from .rows import Row, row_id
from .task_kind import Spelling, Unfit, kind_of


def read_split(file: Path) -> list[Row]:
    """The rows of `file` in canonical form, ordered by id, each with the `line` it stands on; none where it is missing.

    Raises:
        DataError: a line is not UTF-8, not JSON or not an object; names file and line.
    """
    if not file.is_file():
        return []
    rows = []
    with file.open("rb") as lines:
        number = 0
        while line := lines.readline(LONGEST_ROW + 1):
            number += 1
            if len(line) > LONGEST_ROW:
                raise _unreadable(
                    file, number, Text(f"is longer than {LONGEST_ROW >> 20} MB", f"超過 {LONGEST_ROW >> 20} MB")
                )
            if line.strip(b"\xef\xbb\xbf \t\r\n"):
                rows.append(_canonical(_parse_line(line, file, number), file, number))
    return sorted(rows, key=lambda row: str(row["id"]))


def _parse_line(line: bytes, file: Path, number: int) -> Row:
    try:
        value = json.loads(line.decode("utf-8-sig"))
    except ValueError as error:
        raise _unreadable(
            file,
            number,
            Text(
                "is not UTF-8" if isinstance(error, UnicodeDecodeError) else "is not valid JSON",
                "不是 UTF-8" if isinstance(error, UnicodeDecodeError) else "不是有效的 JSON",
            ),
        ) from error
    if not isinstance(value, dict):
        raise _unreadable(file, number, Text("is not a JSON object", "不是 JSON 物件"))
    return value


def _unreadable(file: Path, number: int, what: Text) -> DataError:
    return DataError(
        Text("Line {number} of {file} {what}.", "{file} 第 {number} 行{what}。").format(
            number=number, file=file, what=what
        ),
        Text(
            'Each line is one row such as {"text": "…", "label": "…"}. Correct the line; nothing was overwritten.',
            '每一行是一列，例如 {"text": "…", "label": "…"}。請修正該行；沒有任何內容被覆寫。',
        ),
        field=f"{file.name}:{number}",
    )


def _canonical(row: Row, file: Path, line: int) -> Row:
    """`row` with its texts trimmed and its id recomputed: whoever changes the text changes the identity.

    What is empty stays empty, for validation to name.
    """
    kind = kind_of(row)
    try:
        fields = kind.fields(row, Spelling((), {}))
        identity = kind.id_of(fields)
    except Unfit as unfit:
        if problem := kind.problems.get(unfit.code):
            raise _unreadable(
                file, line, Text("cannot be used: {problem}", "不能使用：{problem}").format(problem=problem)
            ) from unfit
        fields = {name: as_text(row.get(name)) for name in (*kind.roles, *(n for n in kind.optional if row.get(n)))}
        identity = row_id(as_text(row.get("text")), as_text(row.get("entity")))
    rest = {key: value for key, value in row.items() if key not in (*fields, "id", "line")}
    return {"id": identity, **fields, **rest, "line": line}
