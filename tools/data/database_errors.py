"""What went wrong with a database, said once per cause, without the address's password."""

from __future__ import annotations

import socket
import ssl

from ...resources.foundation.errors import DataSourceError
from ...resources.foundation.language import Text
from ...resources.foundation.reasons import reason_of
from ...resources.foundation.secrets import redact
from .retrying import TransientError


def describe_database_error(error: BaseException, where: str, field: str, shown: str = "") -> DataSourceError:
    """The error a person gets for `error`.

    Arguments:
        where: host and database, free of secrets.
        field: the field that is wrong, such as `sources[0].connection`.
        shown: what to say in place of the server's own words, which may quote a row.
    """
    import asyncpg

    said = shown or redact(str(error)).strip()[:300]
    reason = reason_of(error)
    causes: list[tuple[type[BaseException] | tuple[type[BaseException], ...], Text, Text]] = [
        (
            (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError),
            Text(f"{where} does not accept this user and password.", f"{where} 拒絕了這組帳號密碼。"),
            Text(
                "Store the right password with nlp-skills secret set NAME (the name after `user:` in connection), "
                "and check the user's name.",
                "請用 nlp-skills secret set 名稱（connection 裡 `user:` 後面的名稱）存入正確的密碼，並確認帳號。",
            ),
        ),
        (
            asyncpg.InvalidCatalogNameError,
            Text(f"There is no such database: {where}.", f"資料庫不存在：{where}。"),
            Text("Correct the name at the end of connection.", "請修正 connection 結尾的資料庫名稱。"),
        ),
        (
            asyncpg.ReadOnlySQLTransactionError,
            Text(
                "The query writes to the database; data is only ever read, so it was refused and nothing was changed.",
                "這個查詢會寫入資料庫；這裡只允許讀取，因此已拒絕，資料庫沒有任何變動。",
            ),
            Text("Use a SELECT.", "請改用 SELECT。"),
        ),
        (
            asyncpg.InsufficientPrivilegeError,
            Text(f"This user may not read that: {said}", f"這個帳號沒有讀取權限：{said}"),
            Text("Ask for SELECT on the table, or use another user.", "請申請該表的 SELECT 權限，或改用別的帳號。"),
        ),
        (
            (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.PostgresSyntaxError),
            Text(f"PostgreSQL does not accept the query: {said}", f"PostgreSQL 不接受這個查詢：{said}"),
            Text("Correct the query; try it in psql first.", "請修正查詢，可以先在 psql 試。"),
        ),
        (
            asyncpg.CharacterNotInRepertoireError,
            Text(
                "A text is in another encoding than the database says (PostgreSQL error 22021).",
                "有文字的編碼和資料庫宣告的不同（PostgreSQL 錯誤 22021）。",
            ),
            Text(
                "Select that column as bytes (convert_to(column, 'SQL_ASCII') AS text) and set encoding on the source, such as "
                "cp1252 or big5.",
                "請在查詢裡以位元組讀取該欄（convert_to(欄位, 'SQL_ASCII') AS text），並在來源設 encoding，例如 cp1252 或 big5。",
            ),
        ),
        (
            asyncpg.DataError,  # its own words quote the value, which is row text
            Text(
                f"The query hits a value it cannot convert or compute with (PostgreSQL error {_state(error)}).",
                f"查詢遇到無法轉換或計算的值（PostgreSQL 錯誤 {_state(error)}）。",
            ),
            Text(
                "Correct the cast or filter those rows; psql shows the value.",
                "請修正型別轉換或濾掉那些列；在 psql 執行可看到是哪個值。",
            ),
        ),
        (
            asyncpg.QueryCanceledError,
            Text("The query ran into the server's time limit.", "查詢超過了伺服器的時間限制。"),
            Text("Narrow it (a date range, a LIMIT) or raise the limit.", "請縮小範圍（日期區間、LIMIT）或提高上限。"),
        ),
        (
            asyncpg.TooManyConnectionsError,
            Text(f"{where} has no free connection.", f"{where} 的連線數已滿。"),
            Text("Try again later.", "請稍後再試。"),
        ),
        (
            asyncpg.CannotConnectNowError,
            Text(f"{where} is starting up or shutting down.", f"{where} 正在啟動或關閉。"),
            Text("Try again in a minute.", "請一分鐘後再試。"),
        ),
        (
            ssl.SSLError,
            Text(f"The TLS connection to {where} failed: {said}", f"與 {where} 的 TLS 連線失敗：{said}"),
            Text(
                "Check the certificate, or sslmode at the end of connection.",
                "請檢查憑證，或 connection 結尾的 sslmode。",
            ),
        ),
        (
            socket.gaierror,
            Text(f"The host of {where} is not known.", f"找不到主機：{where}。"),
            Text(
                "Check its spelling, and that you are on the right network or VPN.",
                "請檢查拼字，以及網路或 VPN 是否正確。",
            ),
        ),
        (
            TimeoutError,
            Text(f"{where} did not answer in time.", f"{where} 沒有在時限內回應。"),
            Text(
                "Check host, port, firewall and VPN; connect_timeout_seconds can be raised.",
                "請檢查主機、連接埠、防火牆與 VPN；也可以調高 connect_timeout_seconds。",
            ),
        ),
        (
            asyncpg.PostgresConnectionError,
            Text(f"{where} closed the connection: {said}", f"{where} 中斷了連線：{said}"),
            Text(
                "Call the same tool again; the earlier data is untouched.", "請再呼叫同一個工具；先前的資料沒有變動。"
            ),
        ),
        (
            OSError,
            Text("{where} cannot be reached: {reason}.", "無法連上 {where}：{reason}。").format(
                where=where, reason=reason
            ),
            Text(
                "Check that the server is running, and host, port and firewall.",
                "請確認伺服器已啟動，並檢查主機、連接埠與防火牆。",
            ),
        ),
    ]
    for kinds, problem, fix in causes:
        if isinstance(error, kinds):
            return (TransientError if _passes(error, field) else DataSourceError)(problem, fix, field=field)
    return DataSourceError(
        Text(
            f"Reading {where} failed: {said or type(error).__name__}",
            f"讀取 {where} 失敗：{said or type(error).__name__}",
        ),
        Text("Correct connection or query.", "請修正 connection 或 query。"),
        field=field,
    )


def _passes(error: BaseException, field: str) -> bool:
    """Whether asking again may help; a query that took too long would only take as long once more."""
    import asyncpg

    if isinstance(error, ssl.SSLError | socket.gaierror) or (
        isinstance(error, TimeoutError) and field.endswith(".query")
    ):
        return False
    return isinstance(
        error,
        (asyncpg.TooManyConnectionsError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError, OSError),
    )


def _state(error: BaseException) -> str:
    return str(getattr(error, "sqlstate", None) or type(error).__name__)
