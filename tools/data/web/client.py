"""One way to ask a server over HTTP: checked addresses, bounded answers, retries where a retry can help."""

from __future__ import annotations

import email.utils
import random
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

import httpx

from ....resources.foundation.errors import DataSourceError
from ....resources.foundation.language import Text
from ....resources.foundation.masking import redact, remember_pair
from ...compute.addresses import RefusedAddress
from ..watching import Watch
from .bounded import TooLarge, Truncated, collect_bytes
from .failures import Failure, TimeIsUp, refused_error, status_error
from .guarded import GuardedTransport

AGENT = "nlp-skills"
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_LONGEST_BACKOFF = 60.0
_LONGEST_WAIT = 600.0  # a server that asks for more is asked again another day


@dataclass(frozen=True)
class Limits:
    """What one reading may take."""

    answer_bytes: int = 32 << 20
    answer_seconds: float = 120.0
    connect_seconds: float = 10.0
    total_seconds: float = 3600.0
    retries: int = 4
    retry_seconds: float = 1.0  # before the first retry; doubles each time, unless the server names a time
    between_seconds: float = 0.0  # between two requests to one host


@dataclass(frozen=True)
class Answer:
    """What a server said: the final URL, the status and the unpacked body."""

    url: str
    status: int
    headers: httpx.Headers
    content: bytes

    @property
    def media_type(self) -> str:
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()

    @property
    def charset(self) -> str | None:
        """The encoding the server claims."""
        for part in str(self.headers.get("content-type", "")).split(";")[1:]:
            name, _, value = part.partition("=")
            if name.strip().lower() == "charset":
                return value.strip(" \"'") or None
        return None


@dataclass(frozen=True)
class Ask:
    """A request: `private` headers and the body go to this host only, never along a redirect to another."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    private: Mapping[str, str] = field(default_factory=dict)
    json: Any = None


class Web:
    """Asks servers on behalf of one source.

    Arguments:
        source: how errors name the source's field, such as `sources[0].endpoint`.
        watch: hears of waits, and is told when to stop.
    """

    def __init__(self, limits: Limits, source: str, watch: Watch) -> None:
        self._transport = GuardedTransport()
        self.limits, self.source, self.watch = limits, source, watch
        self._ends = time.monotonic() + limits.total_seconds
        self._delays: dict[str, float] = {}
        self._next: dict[str, float] = {}

    def __enter__(self) -> Web:
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    def slow_down(self, host: str, seconds: float) -> None:
        """Leave at least so long between two requests to `host`."""
        self._delays[host] = max(seconds, self._delays.get(host, 0.0))
        self._next[host] = max(time.monotonic() + seconds, self._next.get(host, 0.0))

    def ask(self, ask: Ask, accepted: frozenset[int] = frozenset()) -> Answer:
        """The final answer, redirects followed.

        Arguments:
            accepted: statuses other than 200…299 that are an answer too.

        Raises:
            DataSourceError: refused, not found, too large, or still failing after the retries.
            Cancelled: the person asked to stop.
        """
        current = ask
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._ask_with_retries(current, accepted)
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTS or not location:
                return answer
            current = self._follow_redirect(current, answer, location)
        raise DataSourceError(
            Text(
                f"{hide_url_secrets(ask.url)} redirects in a loop.", f"{hide_url_secrets(ask.url)} 一直轉址，沒有盡頭。"
            ),
            Text(
                "Open it in a browser and use the address it ends at; it may want a login.",
                "請用瀏覽器開啟，改用最後停下來的網址；可能需要登入。",
            ),
            field=self.source,
        )

    def _follow_redirect(self, ask: Ask, answer: Answer, location: str) -> Ask:
        target = self._join_location(answer.url, location)
        method = "GET" if answer.status == 303 or (answer.status in (301, 302) and ask.method == "POST") else ask.method
        same = _origin(str(target)) == _origin(answer.url)
        if same and not target.userinfo:
            target = target.copy_with(userinfo=httpx.URL(answer.url).userinfo)
        if not same and method != "GET":
            raise DataSourceError(
                Text(
                    f"{hide_url_secrets(ask.url)} wants the request body forwarded to {target.host}; it was not sent.",
                    f"{hide_url_secrets(ask.url)} 要把請求內容轉送到 {target.host}；沒有送出。",
                ),
                Text("If that host is right, name it as the endpoint.", "如果那個主機才對，請直接寫成 endpoint。"),
                field=self.source,
            )
        return Ask(str(target), method, ask.headers, ask.private if same else {}, ask.json if method != "GET" else None)

    def _join_location(self, url: str, location: str) -> httpx.URL:
        try:
            return self.check(urljoin(url, location))
        except ValueError:
            raise refused_error(hide_url_secrets(location), self.source) from None

    def _ask_with_retries(self, ask: Ask, accepted: frozenset[int]) -> Answer:
        attempt = 0
        while True:
            failure: Failure | None = None
            try:
                answer = self._once(ask)
            except Failure as failed:
                failure = failed
            else:
                if answer.status < 300 or answer.status in _REDIRECTS or answer.status in accepted:
                    return answer
                error = status_error(answer, hide_url_secrets(ask.url), self.source)
                if answer.status not in _RETRIED:
                    raise error
                failure = Failure(error, retry_after(answer.headers))
            if attempt >= self.limits.retries or not failure.worth_retrying:
                raise failure.final()
            wait = (
                failure.after
                if failure.after is not None
                else min(self.limits.retry_seconds * 2**attempt * random.uniform(0.75, 1.25), _LONGEST_BACKOFF)
            )
            if wait > _LONGEST_WAIT or time.monotonic() + wait > self._ends:
                raise failure.final()
            attempt += 1
            self.watch.count("retries")
            self.watch.pause(wait)

    def _once(self, ask: Ask) -> Answer:
        where, limits, url = hide_url_secrets(ask.url), self.limits, self.check(ask.url)
        self._take_turn(url.netloc.decode("ascii"))
        self.watch.count("requests")
        headers = {"User-Agent": AGENT, "Accept-Encoding": "gzip, deflate", **_login(url), **ask.headers, **ask.private}
        try:
            request = httpx.Request(
                ask.method,
                ask.url,
                headers=headers,
                json=ask.json,
                extensions={
                    "timeout": {
                        "connect": limits.connect_seconds,
                        "read": limits.answer_seconds,
                        "write": limits.answer_seconds,
                        "pool": limits.connect_seconds,
                    }
                },
            )
            with closing(self._transport.handle_request(request)) as response:
                content = self._content(response, where)
        except RefusedAddress as error:
            raise error.to_access_error(self.source) from None
        except (httpx.TransportError, Truncated) as error:
            raise Failure.of(error, where, self.source) from None  # its text may hold a secret of the URL
        return Answer(ask.url, response.status_code, response.headers, content)

    def _content(self, response: httpx.Response, where: str) -> bytes:
        began = time.monotonic()

        def timely() -> Any:
            for chunk in response.iter_raw():
                self.watch.check()
                if time.monotonic() > min(began + self.limits.answer_seconds, self._ends):
                    raise httpx.ReadTimeout("the answer drips")
                yield chunk

        try:
            return collect_bytes(timely(), response.headers.get("content-encoding", ""), self.limits.answer_bytes)
        except TooLarge:
            raise DataSourceError(
                Text(
                    f"One answer of {where} is larger than {self.limits.answer_bytes >> 20 or 1} MB unpacked; reading "
                    f"stopped there.",
                    f"{where} 的一次回應解壓後超過 {self.limits.answer_bytes >> 20 or 1} MB，已停止讀取。",
                ),
                Text(
                    "Ask for smaller pages (limit), or raise max_answer_mb if the size is right.",
                    "請縮小每頁筆數（limit）；若大小正常，可調高 max_answer_mb。",
                ),
                field=self.source,
            ) from None
        except ValueError as error:
            raise DataSourceError(
                Text(
                    f"{where} answers compressed as {str(error)[:20]!r}, which was not asked for.",
                    f"{where} 用沒有要求的方式「{str(error)[:20]}」壓縮回應。",
                ),
                Text("Ask whoever runs it for gzip or plain answers.", "請管理者改用 gzip 或不壓縮。"),
                field=self.source,
            ) from None

    def check(self, url: str) -> httpx.URL:
        """`url` as a web address; raises `DataSourceError` where it is none."""
        try:
            parsed = httpx.URL(url)
        except (httpx.InvalidURL, ValueError):
            raise refused_error(hide_url_secrets(url), self.source) from None
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise refused_error(hide_url_secrets(url), self.source)
        return parsed

    def _take_turn(self, host: str) -> None:
        if time.monotonic() > self._ends:
            raise TimeIsUp(
                Text(
                    f"Reading took longer than {self.limits.total_seconds:g} seconds.",
                    f"讀取超過 {self.limits.total_seconds:g} 秒。",
                ),
                Text("Narrow what is asked for, or raise max_seconds.", "請縮小範圍，或調高 max_seconds。"),
                field=self.source,
            )
        self.watch.pause(max(0.0, self._next.get(host, 0.0) - time.monotonic()))
        between = max(self.limits.between_seconds, self._delays.get(host, 0.0))
        self._next[host] = time.monotonic() + between


def hide_url_secrets(url: str) -> str:
    """A URL fit for people: no user, no password, no query."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return redact(urlunsplit((parts.scheme, host, parts.path, "", "")))[:200]
    except ValueError:
        return redact(url)[:200]


def _login(url: httpx.URL) -> dict[str, str]:
    """The header of `https://user:password@host/`."""
    return {"Authorization": f"Basic {remember_pair(url.username, url.password)}"} if url.userinfo else {}


def _origin(url: str) -> tuple[str, str, int | None]:
    parsed = httpx.URL(url)
    return parsed.scheme, parsed.host, parsed.port


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the server asks to wait (RFC 9110, 10.2.3): a number or a date."""
    said = (headers.get("retry-after") or "").strip()
    if said.isdigit():
        return float(said)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(said).timestamp() - time.time()) if said else None
    except (TypeError, ValueError):
        return None
