"""Rows from a PostgreSQL database."""

from __future__ import annotations

import asyncio
import datetime as dates
import re
import ssl
from collections.abc import AsyncIterator, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlsplit

from pydantic import Field

from ....resources.errors import DataSourceError
from ....resources.language import Text
from ....resources.secrets import redact, resolve
from ..database_errors import described
from ..watching import Watch
from . import Record, SourceKind

if TYPE_CHECKING:
    from asyncpg import Connection
    from asyncpg.prepared_stmt import PreparedStatement

_SCHEMES = ("postgresql", "postgres")
_WHOLE_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_PREFETCH = 1000
_GOODBYE_SECONDS = 5.0


class DatabaseSource(SourceKind):
    """The rows of a query on PostgreSQL, streamed through a server-side cursor in a read-only transaction.

    The password belongs into the store of secrets: `postgresql://user:${DB_PASSWORD}@host/db`. TLS is asked for in
    the address, as libpq does (`?sslmode=require`, `verify-full`).
    """

    connection: str = Field(min_length=1, description="postgresql://user:${DB_PASSWORD}@host:5432/database")
    query: str = Field(min_length=1, description="One SELECT. `$1` stands for snapshot_date.")
    snapshot_date: str | None = Field(None, description="The day the rows are taken as of; bound to $1 where used.")
    connect_timeout_seconds: float = Field(10, gt=0)
    batch_timeout_seconds: float = Field(300, gt=0)

    secret_fields: ClassVar[tuple[str, ...]] = ("connection",)

    def batches(self, folder: Path, field: str, watch: Watch | None = None) -> Generator[list[Record], None, None]:
        stream = self._stream(field)
        with asyncio.Runner() as runner:
            try:
                while True:
                    try:
                        yield runner.run(anext(stream))  # type: ignore[arg-type]
                    except StopAsyncIteration:
                        return
            finally:
                runner.run(stream.aclose())  # type: ignore[attr-defined]

    def origin(self, folder: Path) -> str:
        """Host and database, without user and password."""
        try:
            address = urlsplit(redact(self.connection))
            port = f":{address.port}" if address.port else ""
        except ValueError:  # the port is a reference or not a number
            return "postgresql"
        return f"{address.hostname or 'localhost'}{port}{address.path}"

    async def _stream(self, field: str) -> AsyncIterator[list[Record]]:
        import asyncpg

        address = self._address(field)
        where = self.origin(Path())
        try:
            connection = await asyncpg.connect(
                address, timeout=self.connect_timeout_seconds, command_timeout=self.batch_timeout_seconds,
                server_settings={"default_transaction_read_only": "on", "application_name": "nlp-skills"},
            )
        except (OSError, ssl.SSLError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            raise described(error, where, f"{field}.connection") from None  # its text may hold the address
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                async for batch in self._batches_of(connection, field):
                    yield batch
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise described(error, where, f"{field}.query") from None
        finally:
            await _close(connection)

    async def _batches_of(self, connection: Connection, field: str) -> AsyncIterator[list[Record]]:
        await connection.execute("SELECT 1")  # after a first statement the transaction cannot be made writable again
        statement = await connection.prepare(self.query.strip().rstrip(";"))
        cursor = await statement.cursor(*self._arguments(statement, field))
        while rows := await cursor.fetch(_PREFETCH):
            yield [dict(row) for row in rows]

    def _address(self, field: str) -> str:
        if _WHOLE_REFERENCE.fullmatch(self.connection.strip()):
            address = resolve(self.connection.strip())
        else:
            address = resolve(self.connection.strip(), lambda value: quote(value, safe=""))
        if urlsplit(address).scheme not in _SCHEMES:
            raise DataSourceError(
                Text("The connection is not a PostgreSQL address.", "connection 不是 PostgreSQL 的連線位址。"),
                Text("Write postgresql://user:${DB_PASSWORD}@host:5432/database.",
                     "請寫成 postgresql://user:${DB_PASSWORD}@host:5432/database。"),
                field=f"{field}.connection",
            )
        return address

    def _arguments(self, statement: PreparedStatement[Any], field: str) -> list[Any]:
        """What the query's `$1` is bound to, in the type PostgreSQL expects there."""
        parameters = statement.get_parameters()
        if not parameters:
            return []
        if len(parameters) > 1 or self.snapshot_date is None:
            raise DataSourceError(
                Text("The query has parameters that nothing fills: only $1 is known, as snapshot_date.",
                     "查詢裡有無法代入的參數：只支援 $1，代表 snapshot_date。"),
                Text("Add snapshot_date: 2026-01-06, or write the values into the query.",
                     "請加上 snapshot_date: 2026-01-06，或把值直接寫進查詢。"),
                field=f"{field}.snapshot_date",
            )
        return [_as_parameter(self.snapshot_date, parameters[0].name, field)]


async def _close(connection: Connection) -> None:
    """Say goodbye to the server; let go of it where it does not answer."""
    import asyncpg

    try:
        await connection.close(timeout=_GOODBYE_SECONDS)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()


def _as_parameter(value: str, kind: str, field: str) -> Any:
    if not kind.startswith(("date", "timestamp")):
        return value
    try:
        moment = dates.datetime.fromisoformat(value)
    except ValueError as error:
        raise DataSourceError(
            Text(f"snapshot_date is not a date: {value[:40]!r}.", f"snapshot_date 不是日期：「{value[:40]}」。"),
            Text("Write it as 2026-01-06.", "請寫成 2026-01-06。"), field=f"{field}.snapshot_date") from error
    if kind == "date":
        return moment.date()
    return moment.replace(tzinfo=moment.tzinfo or dates.UTC) if kind == "timestamptz" else moment.replace(tzinfo=None)
