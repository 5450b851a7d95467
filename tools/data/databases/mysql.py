"""MySQL and MariaDB: rows streamed in a read-only transaction of a read-only session."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from collections.abc import Generator
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from ....resources.foundation.errors import DataSourceError, MissingRequirement
from ....resources.foundation.json_object import JsonObject
from ....resources.foundation.language import Text
from ....resources.foundation.secrets import redact
from ..database_query import BATCH, QUOTED, Query, checked_addresses, date_text, without_date, writes
from ..retrying import TransientError
from ..rows import Record

if TYPE_CHECKING:
    from pymysql.connections import Connection  # type: ignore[import-untyped, import-not-found, unused-ignore]

# Quoted text and comments are left alone.
_DATE = re.compile(rf"{QUOTED}|--\s[^\n]*|(?<![:\w])(:snapshot_date)\b", re.DOTALL)
_DATE_VARIABLE = "@snapshot_date"
_WRITES = (1792, 1290, 1787, 1568)
_LOGIN, _NO_DATABASE, _UNREACHABLE = (1044, 1045, 1698), 1049, (2002, 2003)
_RIGHTS, _QUERY, _LOST = (1142, 1143, 1370, 1227), (1054, 1064, 1146, 1052, 1305), (2006, 2013, 1927, 1317)
_TIMES, _FULL = (1969, 3024, 1205), (1040, 1203)


def read(query: Query) -> Generator[list[Record], None, None]:
    """The rows of the query; `:snapshot_date` in it stands for the snapshot date.

    Raises:
        MissingRequirement: PyMySQL is not installed where this runs.
    """
    try:
        import pymysql  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError as error:
        raise MissingRequirement(
            Text(
                "Reading MySQL or MariaDB needs PyMySQL, which this job's environment lacks.",
                "讀取 MySQL 或 MariaDB 需要 PyMySQL，但執行此工作的環境沒有安裝。",
            ),
            Text("Install it: pip install 'nlp-skills[mysql]'.", "請安裝：pip install 'nlp-skills[mysql]'。"),
        ) from error
    from pymysql.cursors import SSDictCursor  # type: ignore[import-untyped, import-not-found, unused-ignore]

    text = _with_date(query)
    try:
        connection = _open_connection(query)
    except (pymysql.Error, OSError, RuntimeError, ValueError) as error:
        raise _describe_error(error, query, "connection") from None  # its text may hold the address
    cursor, whole = connection.cursor(SSDictCursor), False
    try:
        with connection.cursor() as setting:
            setting.execute("SET SESSION TRANSACTION READ ONLY")
            setting.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            if query.snapshot_date is not None:
                setting.execute(f"SET {_DATE_VARIABLE} = %s", (date_text(query),))
        cursor.execute(text)
        if cursor.description is None:
            whole = True
            raise writes(query.field)
        while rows := cursor.fetchmany(BATCH):
            yield [dict(row) for row in rows]
        whole = True
    except (pymysql.Error, OSError) as error:
        whole = True
        if (result := getattr(cursor, "_result", None)) is not None:
            result.unbuffered_active = False  # PyMySQL would read on from a wire that was cut
        raise _describe_error(error, query, "query") from None
    finally:
        if not whole:
            _stop(connection, query)
        with contextlib.suppress(pymysql.Error, OSError):
            cursor.close()
        with contextlib.suppress(pymysql.Error, OSError):
            connection.close()


def _open_connection(query: Query) -> Connection[Any]:
    import pymysql

    parts = urlsplit(query.address)
    options = {name.lower().replace("_", "-"): value for name, value in parse_qsl(parts.query)}
    connection = pymysql.connect(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or "").encode(),
        database=unquote(parts.path.strip("/")) or None,
        charset="utf8mb4",
        connect_timeout=max(1, round(query.connect_seconds)),
        read_timeout=max(1, round(query.batch_seconds)),
        autocommit=False,
        local_infile=False,
        program_name="nlp-skills",
        defer_connect=True,
        **_tls(options),
    )
    connection.connect(_socket(parts.hostname or "127.0.0.1", parts.port or 3306, query))
    return connection


def _socket(host: str, port: int, query: Query) -> socket.socket:
    """A connection to an address that was checked."""
    failure: OSError | None = None
    for address in checked_addresses(host, port, query):
        try:
            connected = socket.create_connection((address, port), max(1, round(query.connect_seconds)))
        except OSError as error:
            failure = error
        else:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return connected
    raise failure or OSError(f"{host} has no address")


def _tls(options: dict[str, str]) -> JsonObject:
    """`?ssl-mode=REQUIRED` (encrypted), `VERIFY_CA`, `VERIFY_IDENTITY`, `DISABLED`; `ssl-ca` names a certificate."""
    mode = options.get("ssl-mode", "").upper()
    if mode in ("", "PREFERRED"):
        return {}
    if mode == "DISABLED":
        return {"ssl_disabled": True}
    context = ssl.create_default_context(cafile=options.get("ssl-ca"))
    context.check_hostname = mode == "VERIFY_IDENTITY"
    if mode == "REQUIRED":
        context.verify_mode = ssl.CERT_NONE
    return {"ssl": context}


def _stop(connection: Connection[Any], query: Query) -> None:
    """End a query that is read no further; else closing would first take in all of its rows."""
    import pymysql

    with contextlib.suppress(pymysql.Error, OSError, RuntimeError), _open_connection(query) as other:
        other.cursor().execute(f"KILL QUERY {int(connection.thread_id())}")


def _with_date(query: Query) -> str:
    wanted = False

    def bind_date(found: re.Match[str]) -> str:
        nonlocal wanted
        wanted = wanted or found[1] is not None
        return _DATE_VARIABLE if found[1] else found[0]

    text = _DATE.sub(bind_date, query.text)
    if wanted and query.snapshot_date is None:
        raise without_date(query)
    return text


def _describe_error(error: Exception, query: Query, part: str) -> DataSourceError:
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    said, where = redact(str(error.args[-1] if error.args else error))[:300], query.where
    field = f"{query.field}.{part}"
    if code in _WRITES:
        return writes(query.field)
    told = {
        _LOGIN: (
            Text(f"{where} does not accept this user and password.", f"{where} 拒絕了這組帳號密碼。"),
            Text(
                "Store the right password with nlp-skills secret set NAME (the name after `user:` in "
                "connection), and check the user's name.",
                "請用 nlp-skills secret set 名稱（connection 裡 `user:` 後面的名稱）存入正確的密碼，並確認帳號。",
            ),
        ),
        (_NO_DATABASE,): (
            Text(f"There is no such database: {where}.", f"資料庫不存在：{where}。"),
            Text("Correct the name at the end of connection.", "請修正 connection 結尾的資料庫名稱。"),
        ),
        _UNREACHABLE: (
            Text(f"{where} cannot be reached.", f"無法連上 {where}。"),
            Text(
                "Check that the server is running, and host, port, firewall and VPN.",
                "請確認伺服器已啟動，並檢查主機、連接埠、防火牆與 VPN。",
            ),
        ),
        _RIGHTS: (
            Text(f"This user may not read that: {said}", f"這個帳號沒有讀取權限：{said}"),
            Text("Ask for SELECT on the table, or use another user.", "請申請該表的 SELECT 權限，或改用別的帳號。"),
        ),
        _QUERY: (
            Text(f"The server does not accept the query: {said}", f"伺服器不接受這個查詢：{said}"),
            Text("Correct the query; try it in the mysql client first.", "請修正查詢，可以先在 mysql 用戶端試。"),
        ),
        _LOST: (
            Text(
                f"{where} closed the connection, or did not answer in time.",
                f"{where} 中斷了連線，或沒有在時限內回應。",
            ),
            Text(
                "Call the same tool again; the earlier data is untouched.", "請再呼叫同一個工具；先前的資料沒有變動。"
            ),
        ),
        _TIMES: (
            Text("The query ran into the server's time limit.", "查詢超過了伺服器的時間限制。"),
            Text("Narrow it (a date range, a LIMIT).", "請縮小範圍（日期區間、LIMIT）。"),
        ),
        _FULL: (
            Text(f"{where} has no free connection.", f"{where} 的連線數已滿。"),
            Text("Try again later.", "請稍後再試。"),
        ),
    }
    for codes, (problem, fix) in told.items():
        if code in codes:
            passes = codes in (_UNREACHABLE, _FULL) or (codes == _LOST and part == "connection")
            return (TransientError if passes else DataSourceError)(problem, fix, field=field)
    return DataSourceError(
        Text(
            f"Reading {where} failed (MySQL error {code or type(error).__name__}).",
            f"讀取 {where} 失敗（MySQL 錯誤 {code or type(error).__name__}）。",
        ),
        Text(
            "Correct connection or query; try them in the mysql client.",
            "請修正 connection 或 query，可以先在 mysql 用戶端試。",
        ),
        field=field,
    )
