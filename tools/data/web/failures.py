"""What went wrong with a server, said once per cause."""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import httpx

from ....resources.foundation.errors import DataSourceError
from ....resources.foundation.language import Text
from ....resources.foundation.secrets import redact
from .bounded import Truncated

if TYPE_CHECKING:
    from .client import Answer

_UNTOUCHED = Text("the earlier data is untouched", "先前的資料沒有變動")


class Outage(DataSourceError):
    """The server does not answer, or only with failures: it is not about this one address."""


class TimeIsUp(DataSourceError):
    """The reading has taken all the time it may."""


class Failure(Exception):
    """A request failed; `after` is how many seconds the server asks to wait, where it does."""

    def __init__(self, error: DataSourceError, after: float | None = None, worth_retrying: bool = True) -> None:
        super().__init__(error.problem.en)
        self.error, self.after, self.worth_retrying = error, after, worth_retrying

    def final(self) -> DataSourceError:
        """What is told of it where it is not tried again."""
        return asked_to_wait(self.error, self.after) if self.after else self.error

    @classmethod
    def of(cls, error: httpx.TransportError | Truncated, where: str, field: str) -> Failure:
        """The failure a broken or missing answer is."""
        said = redact(str(error))[:200]
        if isinstance(error, httpx.TimeoutException):
            return cls(
                Outage(
                    Text(f"{where} did not answer in time.", f"{where} 沒有在時限內回應。"),
                    Text(
                        "Try again later, or ask for less at once; {untouched}.",
                        "請稍後再試，或一次要少一點；{untouched}。",
                    ).format(untouched=_UNTOUCHED),
                    field=field,
                )
            )
        if "is not known" in said or "Name or service" in said:
            return cls(
                Outage(
                    Text(f"The host of {where} is not known.", f"找不到主機：{where}。"),
                    Text(
                        "Check its spelling, and that you are on the right network or VPN.",
                        "請檢查拼字，以及網路或 VPN 是否正確。",
                    ),
                    field=field,
                ),
                worth_retrying=False,
            )
        if isinstance(error.__context__, ssl.SSLError) or "CERTIFICATE" in said.upper() or "SSL" in said:
            return cls(
                Outage(
                    Text(f"The secure connection to {where} failed: {said}", f"與 {where} 的加密連線失敗：{said}"),
                    Text(
                        "Check the address (https or http) and the server's certificate.",
                        "請檢查網址（https 或 http）與伺服器憑證。",
                    ),
                    field=field,
                ),
                worth_retrying=False,
            )
        if isinstance(error, httpx.ConnectError):
            return cls(
                Outage(
                    Text(f"{where} cannot be reached.", f"無法連上 {where}。"),
                    Text(
                        "Check that the server is running, and host, port and firewall.",
                        "請確認伺服器已啟動，並檢查主機、連接埠與防火牆。",
                    ),
                    field=field,
                )
            )
        return cls(
            Outage(
                Text(f"{where} broke the connection in the middle of an answer.", f"{where} 在回應途中斷線。"),
                Text("Call the same tool again; {untouched}.", "請再呼叫同一個工具；{untouched}。").format(
                    untouched=_UNTOUCHED
                ),
                field=field,
            )
        )


def refused_error(where: str, field: str) -> DataSourceError:
    return DataSourceError(
        Text(f"{where or 'This'} is not a web address.", f"「{where}」不是網址。"),
        Text("Write https://host/path.", "請寫成 https://host/path。"),
        field=field,
    )


def status_error(answer: Answer, where: str, field: str) -> DataSourceError:
    """The error a status other than success is."""
    status = answer.status
    if status in (401, 407):
        problem = Text(f"{where} does not accept the key ({status}).", f"{where} 不接受這組金鑰（{status}）。")
        fix = Text(
            "Store the right one with nlp-skills secret set NAME and refer to it in auth as ${NAME}.",
            "請用 nlp-skills secret set 名稱 存入正確的金鑰，並在 auth 寫成 ${名稱}。",
        )
    elif status == 403:
        problem = Text(f"{where} forbids this request (403).", f"{where} 拒絕這個請求（403）。")
        fix = Text(
            "Ask whoever runs it for permission, or check the key's rights.", "請向管理者申請權限，或檢查金鑰的權限。"
        )
    elif status in (404, 410):
        problem = Text(f"There is nothing at {where} ({status}).", f"{where} 沒有內容（{status}）。")
        fix = Text("Check the address.", "請檢查網址。")
    elif status == 429:
        problem = Text(
            f"{where} keeps answering that there are too many requests (429).", f"{where} 一直回應請求太頻繁（429）。"
        )
        fix = Text(
            "Set a lower requests_per_second or try later; {untouched}.",
            "請調低 requests_per_second，或稍後再試；{untouched}。",
        ).format(untouched=_UNTOUCHED)
    elif status >= 500:
        problem = Text(f"{where} keeps failing ({status}).", f"{where} 持續發生錯誤（{status}）。")
        fix = Text("Try again later; {untouched}.", "請稍後再試；{untouched}。").format(untouched=_UNTOUCHED)
    else:
        problem = Text(f"{where} does not accept the request ({status}).", f"{where} 不接受這個請求（{status}）。")
        fix = Text(
            "Check method, params, headers and body against its documentation.",
            "請對照它的文件檢查 method、params、headers 與 body。",
        )
    kind = Outage if status == 429 or status >= 500 else DataSourceError
    return kind(problem, fix, field=field, details={"status": status})


def asked_to_wait(error: DataSourceError, seconds: float) -> DataSourceError:
    """The error of a server that names when it wants to be asked again: with the hour, in this machine's time."""
    try:
        then = (datetime.now() + timedelta(seconds=seconds + 59)).astimezone()  # the whole minute after
    except (OverflowError, ValueError):
        return error
    hour = f"{then:%Y-%m-%d %H:%M} ({then:%Z})"
    return type(error)(
        error.problem,
        Text(
            "It asks to wait until {hour}: call the same tool again then; {untouched}.",
            "對方要求 {hour} 之後再試：請到時再呼叫同一個工具；{untouched}。",
        ).format(hour=hour, untouched=_UNTOUCHED),
        field=error.field,
        details={**error.details, "again": then.isoformat(timespec="minutes")},
    )
