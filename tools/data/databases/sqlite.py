"""SQLite: the file opened for reading alone."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Generator
from contextlib import closing
from itertools import islice
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from ....resources.foundation.errors import DataSourceError
from ....resources.foundation.language import Text
from ....resources.paths import expand_home, readable, resolved_path
from ..database_query import BATCH, Query, date_text, without_date, writes
from ..encoding import likely_encodings, possible
from ..reading import LONGEST_ROW
from ..rows import Record

SUFFIXES = (".db", ".db3", ".sqlite", ".sqlite3")
_LOOKED_AT = 2000  # rows, for what encoding they are in
_HELD = 64 << 20  # characters of one batch, about
_STEPS = 10_000  # of SQLite's machine, between two looks at the clock


def file_of(address: str, folder: Path) -> Path:
    """`sqlite:///relative.db` from the task's folder, `sqlite:////absolute.db`, `sqlite:///~/home.db`."""
    named = expand_home(unquote(urlsplit(address).path.removeprefix("/")))
    return resolved_path(folder / named)


def read(query: Query) -> Generator[list[Record], None, None]:
    """The rows of the query; `:snapshot_date` in it stands for the snapshot date."""
    file = readable(
        file_of(query.address, query.folder), f"{query.field}.connection", task=query.folder, suffixes=SUFFIXES
    )
    if not file.is_file():
        raise DataSourceError(
            Text(f"There is no SQLite file {file}.", f"找不到 SQLite 檔案 {file}。"),
            Text(
                "Write sqlite:////absolute/path.db, or sqlite:///path.db from the task's folder.",
                "請寫成 sqlite:////絕對路徑.db，或從任務資料夾起算的 sqlite:///路徑.db。",
            ),
            field=f"{query.field}.connection",
        )
    try:
        connection = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=query.connect_seconds)
    except sqlite3.Error as error:
        raise _describe_error(error, file, query) from error
    with closing(connection):
        try:
            connection.execute("PRAGMA query_only = ON")
            connection.set_authorizer(_no_other_file)
            connection.row_factory = sqlite3.Row
            ends = [time.monotonic() + query.batch_seconds]
            connection.set_progress_handler(lambda: time.monotonic() > ends[0], _STEPS)
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_ROW)
            connection.text_factory = lambda content: _decode_text(content, query.encoding)
            if query.private:  # what is wrong with the query itself quotes no row
                _compile(connection, file, query)
            cursor = connection.execute(query.text, _arguments(query))
            if cursor.description is None:
                raise writes(query.field)
            while rows := _batch(cursor):
                yield rows
                ends[0] = time.monotonic() + query.batch_seconds
        except UnicodeDecodeError:
            ends = [time.monotonic() + query.batch_seconds]
            raise _not_utf8(connection, file, query) from None  # its text holds the row's
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise _describe_error(error, file, query, query.hide_values(str(error))) from None


def _batch(cursor: sqlite3.Cursor) -> list[Record]:
    """The next rows, fewer where they are large."""
    rows: list[Record] = []
    held = 0
    while len(rows) < BATCH and held < _HELD and (row := cursor.fetchone()) is not None:
        rows.append(dict(row))
        held += sum(len(value) for value in row if isinstance(value, str | bytes))
    return rows


def _compile(connection: sqlite3.Connection, file: Path, query: Query) -> None:
    """Raise `DataSourceError` where SQLite does not take the query, before it meets a row."""
    try:
        connection.execute(f"EXPLAIN {query.text}", _arguments(query)).close()
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise _describe_error(error, file, query) from error


def _decode_text(content: bytes, encoding: str | None) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        if encoding is None:
            raise
        return content.decode(encoding)


def _not_utf8(connection: sqlite3.Connection, file: Path, query: Query) -> DataSourceError:
    """The error of texts in another encoding: names the column and what they look like, never what they say."""
    connection.text_factory = bytes
    odd: list[bytes] = []
    columns: dict[str, None] = {}
    for row in islice(connection.execute(query.text, _arguments(query)), _LOOKED_AT):
        for name in row.keys():  # noqa: SIM118 (a row of SQLite iterates over its values)
            if isinstance(content := row[name], bytes) and not _is_utf8(content):
                columns[name.decode("utf-8", "replace") if isinstance(name, bytes) else name] = None
                odd.append(content)
    names = ", ".join(list(columns)[:5]) or "-"
    where = Text(f"The texts in column {names} of {file} are not UTF-8", f"{file} 的「{names}」欄不是 UTF-8")
    if query.encoding:
        return DataSourceError(
            Text("{where}, and not all of them are {encoding} either.", "{where}，也不全是 {encoding}。").format(
                where=where, encoding=query.encoding
            ),
            Text(
                "Name another encoding, or leave it out to see what they look like.",
                "請改用別的 encoding，或不填以查看可能的編碼。",
            ),
            field=f"{query.field}.encoding",
        )
    likely, first = likely_encodings(odd), possible(odd)[0]
    return DataSourceError(
        Text("{where}; they look like {likely}.", "{where}，看起來是 {likely}。").format(where=where, likely=likely),
        Text(
            f"If that is right, set encoding: {first} on the source, and look at the preview with the person; or have the "
            "database's texts converted to UTF-8.",
            f"如果正確，請在來源設 encoding: {first}，再和使用者看預覽；或請管理者把資料庫的文字轉成 UTF-8。",
        ),
        field=f"{query.field}.encoding",
    )


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _no_other_file(action: int, *_: object) -> int:
    return sqlite3.SQLITE_DENY if action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH) else sqlite3.SQLITE_OK


def _arguments(query: Query) -> dict[str, str]:
    return {} if query.snapshot_date is None else {"snapshot_date": date_text(query)}


def _describe_error(
    error: sqlite3.Error | sqlite3.Warning, file: Path, query: Query, shown: str = ""
) -> DataSourceError:
    """The error in the person's terms; `shown`: what to say in place of SQLite's own words."""
    said, field = str(error), f"{query.field}.query"
    shown = shown or said
    if "binding" in said or "did not supply" in said:
        return without_date(query)
    if "readonly" in said or "read-only" in said or "not authorized" in said or "prohibited" in said:
        return writes(query.field)
    if "not a database" in said or "malformed" in said:
        return DataSourceError(
            Text(f"{file} is not an intact SQLite database: {shown}.", f"{file} 不是完好的 SQLite 資料庫：{shown}。"),
            Text("Check the path, or restore the file from a backup.", "請檢查路徑，或從備份還原。"),
            field=f"{query.field}.connection",
        )
    if "locked" in said:
        return DataSourceError(
            Text(f"{file} is being written by another program.", f"{file} 正被其他程式寫入。"),
            Text(
                "Try again when it has finished; the earlier data is untouched.", "等它完成後再試；先前的資料沒有變動。"
            ),
            field=f"{query.field}.connection",
        )
    if "interrupted" in said:
        return DataSourceError(
            Text(
                f"The query took longer than {query.batch_seconds:g} seconds.", f"查詢超過 {query.batch_seconds:g} 秒。"
            ),
            Text("Narrow it, or raise batch_timeout_seconds.", "請縮小範圍，或調高 batch_timeout_seconds。"),
            field=field,
        )
    return DataSourceError(
        Text(f"SQLite does not accept the query: {shown[:300]}", f"SQLite 不接受這個查詢：{shown[:300]}"),
        Text(
            "Correct the query; try it in sqlite3 first. One statement only.",
            "請修正查詢，可以先在 sqlite3 試；只能有一句。",
        ),
        field=field,
    )
