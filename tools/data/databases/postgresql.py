"""PostgreSQL: a server-side cursor in a read-only transaction."""

from __future__ import annotations

import asyncio
import datetime as dates
import getpass
import ssl
from collections.abc import AsyncIterator, Generator
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ....resources.answer import HIDDEN
from ....resources.foundation.json_object import JsonObject
from ..database_errors import describe_database_error
from ..database_query import BATCH, Query, checked_addresses, moment_of, with_date, without_date
from ..rows import Record

if TYPE_CHECKING:
    from asyncpg import Connection
    from asyncpg.prepared_stmt import PreparedStatement

_GOODBYE_SECONDS = 5.0


def read(query: Query) -> Generator[list[Record], None, None]:
    """The rows of the query; `:snapshot_date` or `$1` in it stands for the snapshot date."""
    stream = _stream(query)
    with asyncio.Runner(loop_factory=lambda: _guarded_loop(query)) as runner:
        try:
            while True:
                try:
                    yield runner.run(anext(stream))  # type: ignore[arg-type]
                except StopAsyncIteration:
                    return
        finally:
            runner.run(stream.aclose())  # type: ignore[attr-defined]


def _guarded_loop(query: Query) -> asyncio.AbstractEventLoop:
    """A loop whose connections go to addresses that were checked."""
    loop = asyncio.new_event_loop()
    look_up = loop.getaddrinfo

    async def checked_first(host: Any, port: Any, **how: Any) -> Any:
        found = await look_up(host, port, **how)
        allowed = {*checked_addresses(str(host), int(port), query)}
        return [entry for entry in found if str(entry[4][0]) in allowed]

    loop.getaddrinfo = checked_first  # type: ignore[method-assign]
    return loop


async def _stream(query: Query) -> AsyncIterator[list[Record]]:
    import asyncpg

    try:
        connection = await asyncpg.connect(
            **_place(query.address),
            timeout=query.connect_seconds,
            command_timeout=query.batch_seconds,
            server_settings={"default_transaction_read_only": "on", "application_name": "nlp-skills"},
        )
    except (OSError, ssl.SSLError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise describe_database_error(
            error, query.where, f"{query.field}.connection"
        ) from None  # its text may hold the address
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            async for batch in _batches(connection, query):
                yield batch
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        first = error.__context__  # on a connection that was cut, leaving the transaction fails too and says less
        told = first if isinstance(first, OSError | asyncpg.PostgresError) else error
        raise describe_database_error(told, query.where, f"{query.field}.query") from None
    finally:
        await _close(connection)


def _place(address: str) -> JsonObject:
    """Where the address leads, read as the guard of addresses reads it; nothing is taken from the environment or from files
    of passwords, which nobody allowed to be sent there."""
    parts = urlsplit(address)
    user = unquote(parts.username or "") or getpass.getuser()
    return {
        "host": parts.hostname or "localhost",
        "port": parts.port or 5432,
        "user": user,
        "password": unquote(parts.password or ""),
        "database": unquote(parts.path.strip("/")) or user,
        "dsn": "postgresql://" + (f"?{parts.query}" if parts.query else ""),
    }  # for its options alone


async def _batches(connection: Connection, query: Query) -> AsyncIterator[list[Record]]:
    import asyncpg

    await connection.execute("SELECT 1")  # after a first statement the transaction cannot be made writable again
    statement = await connection.prepare(with_date(query.text, "$1"))
    arguments = _arguments(statement, query)
    try:
        cursor = await statement.cursor(*arguments)
        while rows := await cursor.fetch(BATCH):
            yield [dict(row) for row in rows]
    except asyncpg.PostgresError as error:
        if not query.private:
            raise
        raise describe_database_error(error, query.where, f"{query.field}.query", str(HIDDEN)) from None


def _arguments(statement: PreparedStatement[Any], query: Query) -> list[Any]:
    """What the query's `$1` is bound to, in the type PostgreSQL expects there."""
    parameters = statement.get_parameters()
    if not parameters:
        return []
    if len(parameters) > 1 or query.snapshot_date is None:
        raise without_date(query)
    kind = parameters[0].name
    if not kind.startswith(("date", "timestamp")):
        return [query.snapshot_date]
    moment = moment_of(query)
    if kind == "date":
        return [moment.date()]
    return [moment.replace(tzinfo=moment.tzinfo or dates.UTC) if kind == "timestamptz" else moment.replace(tzinfo=None)]


async def _close(connection: Connection) -> None:
    """Say goodbye to the server; let go of it where it does not answer."""
    import asyncpg

    try:
        await connection.close(timeout=_GOODBYE_SECONDS)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()
