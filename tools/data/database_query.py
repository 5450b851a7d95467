"""The database systems a source can read: one module for each, named in an address's scheme."""

from __future__ import annotations

import datetime as dates
import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from ...resources.answer import HIDDEN
from ...resources.foundation.errors import DataSourceError
from ...resources.foundation.language import Text
from ..compute.addresses import RefusedAddress, check_address
from .rows import Record

BATCH = 1000


@dataclass(frozen=True)
class Query:
    """One reading of a database.

    `address` has its secrets in place; `where` is host and database for people; `field` names the source in errors.
    """

    address: str
    text: str
    snapshot_date: str | None
    connect_seconds: float
    batch_seconds: float
    where: str
    field: str
    folder: Path
    encoding: str | None = None  # of texts that are not UTF-8, where a person named it
    private: bool = False  # what the database says while it reads rows may quote them, and is not shown

    def hide_values(self, said: str) -> str:
        """The database's words fit for a tool result."""
        return str(HIDDEN) if self.private else said


def checked_addresses(host: str, port: int, query: Query) -> list[str]:
    """The addresses to connect to.

    Raises:
        OSError: nobody knows the host.
        AccessError: one of them must not be reached.
    """
    try:
        return check_address(host, port)
    except RefusedAddress as refused:
        raise refused.to_access_error(f"{query.field}.connection") from None


Reader = Callable[[Query], Generator[list[Record], None, None]]


# What stands in quotes or comments is left alone; what is never closed goes to the end.
QUOTED = (
    r"'(?:[^'\\]|\\.|'')*+(?:'|\\?\Z)|\"(?:[^\"\\]|\\.|\"\")*+(?:\"|\\?\Z)|`[^`]*(?:`|\Z)"
    r"|/\*.*?(?:\*/|\Z)"
)
_DATE = re.compile(
    rf"{QUOTED}|--[^\n]*"
    r"|(?P<date>(?<![:\w]):snapshot_date\b|\$1\b)",
    re.DOTALL,
)


def uses_date(query: Query) -> bool:
    """Whether the query names the snapshot date."""
    return any(found["date"] for found in _DATE.finditer(query.text))


def with_date(text: str, placeholder: str) -> str:
    """`text` with `placeholder` where the snapshot date stands."""
    return _DATE.sub(lambda found: placeholder if found["date"] else found[0], text)


def moment_of(query: Query) -> dates.datetime:
    """`snapshot_date` as a time; raises `DataSourceError` where it is none."""
    value = query.snapshot_date or ""
    try:
        return dates.datetime.fromisoformat(value)
    except ValueError as error:
        raise DataSourceError(
            Text(f"snapshot_date is not a date: {value[:40]!r}.", f"snapshot_date 不是日期：「{value[:40]}」。"),
            Text("Write it as 2026-01-06.", "請寫成 2026-01-06。"),
            field=f"{query.field}.snapshot_date",
        ) from error


def date_text(query: Query) -> str:
    """`snapshot_date` as it is bound to a query, checked to be a date."""
    moment_of(query)
    return str(query.snapshot_date)


def without_date(query: Query) -> DataSourceError:
    """The error of a query that asks for a date nobody gave."""
    return DataSourceError(
        Text(
            "The query has parameters without a value: only snapshot_date is known.",
            "查詢裡有無法代入的參數：只支援 snapshot_date。",
        ),
        Text(
            "Add snapshot_date: 2026-01-06, or write the values into the query.",
            "請加上 snapshot_date: 2026-01-06，或把值直接寫進查詢。",
        ),
        field=f"{query.field}.snapshot_date",
    )


def writes(field: str) -> DataSourceError:
    """The error of a query that would change the database."""
    return DataSourceError(
        Text(
            "The query writes to the database; data is only ever read, so it was refused and nothing was changed.",
            "這個查詢會寫入資料庫；這裡只允許讀取，因此已拒絕，資料庫沒有任何變動。",
        ),
        Text("Use a SELECT.", "請改用 SELECT。"),
        field=f"{field}.query",
    )
