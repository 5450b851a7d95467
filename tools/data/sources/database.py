"""Rows from a database: PostgreSQL, MySQL, MariaDB, SQLite."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path
from typing import ClassVar
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import Field

from ....resources.foundation.access import Need
from ....resources.foundation.errors import DataSourceError
from ....resources.foundation.language import Text
from ....resources.foundation.secrets import redact, resolve_address
from ....resources.paths import is_on_premise, unmet_need
from ...compute.addresses import check_host
from ..database_query import Query, Reader, uses_date
from ..databases import mysql, postgresql, sqlite
from ..encoding import known_encoding
from ..retrying import retry
from ..source import Record, SourceKind
from ..watching import Watch
from ..web.needs import needs_of

_READERS: dict[str, Reader] = {
    "postgresql": postgresql.read,
    "postgres": postgresql.read,
    "mysql": mysql.read,
    "mariadb": mysql.read,
    "sqlite": sqlite.read,
}
_HERE = "localhost"  # where an address without a host leads
_OPTIONS = frozenset({"sslmode", "sslrootcert", "ssl-mode", "ssl-ca", "application_name", "connect_timeout", "charset"})


class DatabaseSource(SourceKind):
    """The rows of one query on PostgreSQL, MySQL, MariaDB or SQLite, streamed; the connection itself forbids writing.

    The password belongs into the store of secrets: `postgresql://user:${DB_PASSWORD}@host/db`. TLS is asked for in
    the address: `?sslmode=require` (PostgreSQL), `?ssl-mode=REQUIRED` (MySQL), `verify-full` or `VERIFY_IDENTITY` to
    check the certificate too.
    """

    connection: str = Field(
        min_length=1, description="postgresql://user:${DB_PASSWORD}@host:5432/database, mysql://…, sqlite:////path.db"
    )
    query: str = Field(min_length=1, description="One SELECT. `:snapshot_date` in it stands for snapshot_date.")
    snapshot_date: str | None = Field(
        None, description="The day the rows are taken as of; bound where the query uses it."
    )
    encoding: str | None = Field(None, description="Of bytes, and of SQLite's texts, that are not UTF-8: cp1252, big5.")
    connect_timeout_seconds: float = Field(10, gt=0)
    batch_timeout_seconds: float = Field(300, gt=0)
    retries: int = Field(3, ge=0, le=20, description="Where the server is full, restarts or is out of reach.")
    retry_seconds: float = Field(0.5, gt=0, description="Before the first retry; doubles.")

    secret_fields: ClassVar[tuple[str, ...]] = ("connection",)

    def batches(self, folder: Path, field: str, watch: Watch | None = None) -> Generator[list[Record], None, None]:
        watch = watch or Watch()
        address = self._address(field)
        query = Query(
            address=address,
            text=self.query.strip().rstrip(";"),
            snapshot_date=self.snapshot_date,
            connect_seconds=self.connect_timeout_seconds,
            batch_seconds=self.batch_timeout_seconds,
            where=self.origin(folder),
            field=field,
            folder=folder,
            encoding=known_encoding(self.encoding, field) if self.encoding else None,
            private=is_on_premise(folder),
        )
        if urlsplit(address).scheme != "sqlite":
            check_host(address, f"{field}.connection", _HERE)
        read = _READERS[urlsplit(address).scheme]

        def begin_query() -> tuple[list[Record], Generator[list[Record], None, None]]:
            rows = read(query)
            return next(rows, []), rows

        # Once rows have come nothing is asked again: they could come twice.
        first, rest = retry(begin_query, self.retries, self.retry_seconds, watch)
        with closing(rest):
            self._note_date(query, watch)
            for rows in chain([first], rest):
                yield [_decode_row(row, query.encoding) for row in rows] if query.encoding else rows

    def _note_date(self, query: Query, watch: Watch) -> None:
        if self.snapshot_date is None:
            return
        if uses_date(query):
            watch.provenance["snapshot_date"] = self.snapshot_date
        else:
            watch.warn(
                Text(
                    f"The query does not use snapshot_date: the rows are as of now, not as of {self.snapshot_date}. Write "
                    ":snapshot_date where the day counts.",
                    f"查詢沒有用到 snapshot_date：讀到的是目前的資料，不是 {self.snapshot_date} 當天的。"
                    "請在需要日期的地方寫 :snapshot_date。",
                )
            )

    def origin(self, folder: Path) -> str:
        """Host and database, without user and password."""
        try:
            address = urlsplit(redact(self.connection))
            if address.scheme == "sqlite":
                return str(sqlite.file_of(self.connection, folder))
            port = f":{address.port}" if address.port else ""
        except ValueError:  # the port is a reference or not a number
            return "database"
        return f"{address.hostname or 'localhost'}{port}{address.path}"

    def needs(self, folder: Path, field: str) -> list[Need]:
        if not self.connection.strip().lower().startswith("sqlite:"):
            return needs_of(self.connection, f"{field}.connection", default_host=_HERE)
        need = unmet_need(
            sqlite.file_of(self.connection, folder), f"{field}.connection", task=folder, suffixes=sqlite.SUFFIXES
        )
        return [need] if need else []

    def _address(self, field: str) -> str:
        address = resolve_address(self.connection, default_host=_HERE)
        try:
            parts = urlsplit(address)
            known = parts.scheme in _READERS
            _check_options(parts, field)
        except ValueError:
            known = False
        if not known:
            raise DataSourceError(
                Text(
                    "The connection is not the address of a PostgreSQL, MySQL, MariaDB or SQLite database.",
                    "connection 不是 PostgreSQL、MySQL、MariaDB 或 SQLite 的連線位址。",
                ),
                Text(
                    "Write postgresql://user:${DB_PASSWORD}@host:5432/database, mysql://… likewise, or "
                    "sqlite:////path/to/file.db.",
                    "請寫成 postgresql://user:${DB_PASSWORD}@host:5432/database，mysql:// 同理，"
                    "或 sqlite:////路徑/檔案.db。",
                ),
                field=f"{field}.connection",
            )
        return address


def _check_options(address: SplitResult, field: str) -> None:
    """Raise `DataSourceError` for what would lead a driver to another server, or to files, than the address says."""
    strange = [name for name, _ in parse_qsl(address.query, keep_blank_values=True) if name not in _OPTIONS]
    if address.scheme == "sqlite" or not (strange or "," in address.netloc.rpartition("@")[2]):
        return
    raise DataSourceError(
        Text(
            f"The connection's option {strange[0][:40]} is not accepted."
            if strange
            else "The connection names several hosts.",
            f"connection 不接受選項 {strange[0][:40]}。" if strange else "connection 寫了好幾個主機。",
        ),
        Text(
            f"Write one host before the database's name; options may be: {', '.join(sorted(_OPTIONS))}.",
            f"請在資料庫名稱前寫一個主機；可用的選項：{'、'.join(sorted(_OPTIONS))}。",
        ),
        field=f"{field}.connection",
    )


def _decode_row(row: Record, encoding: str) -> Record:
    """The row with its bytes as text, where that encoding reads them and UTF-8 does not."""
    return {name: _text(value, encoding) if isinstance(value, bytes) else value for name, value in row.items()}


def _text(content: bytes, encoding: str) -> str | bytes:
    for name in ("utf-8", encoding):
        with suppress(UnicodeDecodeError):
            return content.decode(name)
    return content
