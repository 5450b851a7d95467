"""Rows from an HTTP API that answers with JSON, or with a file of rows."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import Field

from ....resources.foundation.access import Need
from ....resources.foundation.errors import DataSourceError
from ....resources.foundation.files import sha256_bytes
from ....resources.foundation.json_object import JsonObject
from ....resources.foundation.language import Text
from ..cells import plain_value
from ..source import Record, SourceKind
from ..watching import Watch
from ..web.answer_rows import flatten_record, list_places, place_of_rows, value_within
from ..web.client import Answer, Ask, Limits, Web, hide_url_secrets
from ..web.decoding import json_text
from ..web.failures import refused_error
from ..web.needs import needs_of
from ..web.paging import Pagination, at_path
from ..web.request import Auth, RequestAddress, with_params
from ..web.tables import table_format, table_rows, unpack_body
from ..web.totals import announced_total

_FRUITLESS = 3  # pages in a row without a new row end the reading
_MORE = ("next", "next_page", "next_cursor", "nextPageToken", "next_page_token", "has_more", "hasMore")


class _Seen:
    """What guards against pages without end: the rows met so far."""

    def __init__(self) -> None:
        self._rows: set[str] = set()

    def add(self, rows: list[Record]) -> bool:
        """Whether any of `rows` is new."""
        before = len(self._rows)
        self._rows.update(sha256_bytes(json.dumps(row, sort_keys=True, default=str).encode())[:16] for row in rows)
        return len(self._rows) > before


class ApiSource(SourceKind):
    """Rows of an HTTP API: pages of JSON (or lines of JSON, CSV, Excel, Parquet, packed or not), read until the last one.

    Keys belong in the store of secrets: `auth: {type: bearer, token: ${API_TOKEN}}`. Busy servers (429, 5xx) are
    asked again, as `Retry-After` says. A host of a private network is asked only where a person has allowed it in a
    terminal or in a form; proxies are not used. `Link: rel="next"` headers are followed without being asked; other APIs need `pagination`. Fields of
    objects within a row are columns named `fields.body`.
    """

    endpoint: str = Field(min_length=1, description="https://host/path")
    method: Literal["GET", "POST"] = "GET"
    params: JsonObject = Field(default_factory=dict, description="Parameters in the address.")
    headers: dict[str, str] = Field(default_factory=dict, description="Sent to this host only.")
    body: Any = Field(None, description="JSON body of a POST.")
    auth: Auth | None = Field(None, description="bearer, basic or key; values as ${NAME}.")
    encoding: str | None = Field(None, description="Of an answer that is text; recognised if left out.")
    records: str | None = Field(None, description="Where the rows are: data.items. Found alone where unmistakable.")
    pagination: Pagination = Field(
        default_factory=Pagination, description="{type: page | offset | cursor | link | none, …}"
    )
    max_rows: int = Field(1_000_000, gt=0)
    max_pages: int = Field(10_000, gt=0)
    max_answer_mb: float = Field(32, gt=0)
    max_seconds: float = Field(3600, gt=0)
    timeout_seconds: float = Field(60, gt=0)
    requests_per_second: float | None = Field(None, gt=0)
    retries: int = Field(4, ge=0, le=20)
    retry_seconds: float = Field(1.0, gt=0, description="Before the first retry; doubles.")

    secret_fields: ClassVar[tuple[str, ...]] = ("endpoint", "params", "headers", "body", "auth")
    previewed: ClassVar[int] = 50

    def batches(self, folder: Path, field: str, watch: Watch | None = None) -> Generator[list[Record], None, None]:
        watch = watch or Watch()
        limits = Limits(
            answer_bytes=int(self.max_answer_mb * (1 << 20)),
            answer_seconds=self.timeout_seconds,
            total_seconds=self.max_seconds,
            retries=self.retries,
            retry_seconds=self.retry_seconds,
            between_seconds=1 / self.requests_per_second if self.requests_per_second else 0.0,
        )
        with Web(limits, f"{field}.endpoint", watch) as web:
            yield from self._pages(web, field, watch)

    def origin(self, folder: Path) -> str:
        return hide_url_secrets(self.endpoint)

    def needs(self, folder: Path, field: str) -> list[Need]:
        sent = (self.params, self.headers, self.body, self.auth.model_dump() if self.auth else None)
        return needs_of(self.endpoint, f"{field}.endpoint", sent)

    def _pages(self, web: Web, field: str, watch: Watch) -> Generator[list[Record], None, None]:
        address, seen, rows = (
            RequestAddress.of(self.endpoint, self.params, self.headers, self.body, self.auth),
            _Seen(),
            0,
        )
        place: tuple[str, ...] | None = None  # where the first page's rows stood
        held: list[_Standing] = []  # rows all met before: kept only if new ones follow
        fruitless = total = 0
        paged: JsonObject = self.pagination.first()
        link: str | None = None
        for page in range(1, self.max_pages + 1):
            answer = web.ask(self._ask(address, paged, link))
            content = self._parse_answer(answer, field, watch)
            place = place_of_rows(content, place)
            records = self._records(content, place, field, watch)
            watch.provenance["pages"] = page
            total = max(total, announced_total(content, answer.headers) or 0)
            fruitless = fruitless + 1 if records and not seen.add(records) else 0
            if fruitless == _FRUITLESS:
                self._same_again(page - fruitless + 1, field, watch)
                self._notice_total(total, rows, watch)
                return
            held += [_Standing(page, number, record) for number, record in enumerate(records, start=1)]
            kept: list[Record] = []
            if not fruitless:
                kept, held = _collect_records(held[: self.max_rows - rows], watch), []
                rows += len(kept)
            yield kept
            try:
                following = self.pagination.following(paged, len(records), content, answer.headers, answer.url)
            except ValueError:  # the address of the next page is none
                raise refused_error(hide_url_secrets(self.endpoint), f"{field}.pagination") from None
            if rows >= self.max_rows and (following or (not fruitless and len(kept) < len(records))):
                watch.incomplete(
                    Text(
                        f"{hide_url_secrets(self.endpoint)}: stopped at max_rows ({self.max_rows}); there may be more.",
                        f"{hide_url_secrets(self.endpoint)}：到 max_rows（{self.max_rows}）為止，後面可能還有資料。",
                    )
                )
                return
            if following is None:
                last = _collect_records(held[: self.max_rows - rows], watch)
                if not self._notice_total(total, rows + len(last), watch):
                    self._notice_more(content, page, watch)
                yield last
                return
            if isinstance(following, str):
                link = following
            else:
                paged, link = following, None
        raise DataSourceError(
            Text(
                f"{hide_url_secrets(self.endpoint)} has more than {self.max_pages} pages.",
                f"{hide_url_secrets(self.endpoint)} 超過 {self.max_pages} 頁。",
            ),
            Text(
                "Ask for larger pages, or raise max_pages if that is right.",
                "請加大每頁筆數；若頁數正常，可調高 max_pages。",
            ),
            field=f"{field}.max_pages",
        )

    def _ask(self, address: RequestAddress, paged: Mapping[str, Any], link: str | None) -> Ask:
        in_body = self.pagination.place == "body"
        body = address.body
        if in_body and paged:
            body = {**(body if isinstance(body, dict) else {}), **paged}
        private = dict(address.private)
        if link is not None:
            same = urlsplit(link)[:2] == urlsplit(address.url)[:2]  # scheme and host
            url = with_params(link, address.auth_params) if same else link
            return Ask(
                url,
                self.method if same else "GET",
                address.headers,
                private if same else {},
                body if self.method == "POST" and same else None,
            )
        params = {**address.params, **({} if in_body else paged), **address.auth_params}
        return Ask(
            with_params(address.url, params),
            self.method,
            address.headers,
            private,
            (body if body is not None else {}) if self.method == "POST" else None,
        )

    def _parse_answer(self, answer: Answer, field: str, watch: Watch) -> Any:
        content = unpack_body(answer, int(self.max_answer_mb * (1 << 20)), field)
        if format := table_format(answer, content):
            return table_rows(answer, content, format, self.encoding, field, watch)
        text = json_text(content, self.encoding or answer.charset)
        where = hide_url_secrets(answer.url)
        if text is None:
            raise DataSourceError(
                Text(
                    f"{where} answers in a different encoding than it declares ({answer.charset or 'none named'}).",
                    f"{where} 的回應編碼與宣告的不符（{answer.charset or '未宣告'}）。",
                ),
                Text(
                    "JSON is UTF-8: ask whoever runs the API to fix it, or save the data as a file and name its "
                    "encoding there.",
                    "JSON 應為 UTF-8：請管理者修正，或把資料存成檔案並指定 encoding。",
                ),
                field=f"{field}.endpoint",
            )
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            html = "html" in answer.media_type or text.lstrip()[:1] == "<"
            raise DataSourceError(
                Text(
                    f"{where} answers with {'a web page' if html else answer.media_type or 'text'} instead of JSON.",
                    f"{where} 回應的是{'網頁' if html else f'「{answer.media_type or chr(32)}」'}，不是 JSON。",
                ),
                Text(
                    "It may want a login or another address: look at it in a browser; pages are read by type "
                    "web_scrape."
                    if html
                    else "Check the address, and ask for JSON (headers: {Accept: application/json}).",
                    "可能需要登入或換網址：請用瀏覽器看看；若要抓網頁請用 web_scrape。"
                    if html
                    else "請檢查網址，並要求 JSON（headers: {Accept: application/json}）。",
                ),
                field=f"{field}.endpoint",
            ) from None

    def _records(self, content: Any, place: tuple[str, ...] | None, field: str, watch: Watch) -> list[Record]:
        if self.records is not None:
            found = at_path(content, self.records)
            if found is None and not self.records:
                found = content
        elif isinstance(content, dict):
            found = None if place is None else value_within(content, place)
        else:
            found = content
        if isinstance(found, list) and (nulls := sum(row is None for row in found)):
            watch.incomplete(
                Text(
                    f"{hide_url_secrets(self.endpoint)}: of {len(found):,} rows in its answer {nulls:,} {'is' if nulls == 1 else 'are'} null and "
                    "left out.",
                    f"{hide_url_secrets(self.endpoint)}：回應的 {len(found):,} 列裡有 {nulls:,} 列是 null，已略過。",
                )
            )
            found = [row for row in found if row is not None]
        if isinstance(found, list) and all(isinstance(row, dict) for row in found):
            return [flatten_record(plain_value(row)) for row in found]
        there = ", ".join(list_places(content)[:10])
        raise DataSourceError(
            Text(
                f"No rows {f'at {self.records!r}' if self.records else 'were found'} in the answer of "
                f"{hide_url_secrets(self.endpoint)}.",
                f"{hide_url_secrets(self.endpoint)} 的回應裡{f'，「{self.records}」' if self.records else ''}找不到資料列。",
            ),
            Text(
                f"Set records to where the list of rows is; lists in the answer: {there or 'none'}.",
                f"請把 records 設成資料列所在的位置；回應裡的清單有：{there or '沒有'}。",
            ),
            field=f"{field}.records",
        )

    def _same_again(self, page: int, field: str, watch: Watch) -> None:
        """A page without anything new: the parameter is ignored by the server, or it repeats its last page."""
        if page == 2 and self.pagination.type in ("page", "offset", "cursor"):
            raise DataSourceError(
                Text(
                    f"{hide_url_secrets(self.endpoint)} gives the same rows for every page.",
                    f"{hide_url_secrets(self.endpoint)} 每一頁都給相同的資料。",
                ),
                Text(
                    "The server does not know that parameter: correct pagination (type, param), or set "
                    "{type: none} for one page.",
                    "伺服器不認得這個參數：請修正 pagination（type、param），或設成 {type: none} 只讀一頁。",
                ),
                field=f"{field}.pagination",
            )
        watch.warn(
            Text(
                f"{hide_url_secrets(self.endpoint)}: page {page} repeats earlier rows; reading ended there.",
                f"{hide_url_secrets(self.endpoint)}：第 {page} 頁都是先前的資料，讀取到此為止。",
            )
        )

    def _notice_total(self, total: int, rows: int, watch: Watch) -> bool:
        """Whether the API says that it has more rows than it gave, and the person was told."""
        if total <= rows:
            return False
        watch.incomplete(
            Text(
                f"{hide_url_secrets(self.endpoint)} says it has {total:,} rows and gave {rows:,}: {total - rows:,} are missing. Set pagination "
                "as its documentation says, such as {type: page, param: page}, {type: offset} or {type: cursor, next: …}.",
                f"{hide_url_secrets(self.endpoint)} 自稱有 {total:,} 筆，只給了 {rows:,} 筆：少了 {total - rows:,} 筆。"
                "請依它的文件設定 pagination，例如 {type: page, param: page}、{type: offset} 或 {type: cursor, next: …}。",
            )
        )
        return True

    def _notice_more(self, content: Any, page: int, watch: Watch) -> None:
        if page > 1 or self.pagination != Pagination() or not isinstance(content, dict):
            return
        hints = [
            f"{place}{name}"
            for place, inner in [
                ("", content),
                *((f"{key}.", value) for key, value in content.items() if isinstance(value, dict)),
            ]
            for name in _MORE
            if inner.get(name)
        ]
        if hints:
            watch.incomplete(
                Text(
                    f"{hide_url_secrets(self.endpoint)}: only the first page was read; the answer points to more ({hints[0]}). "
                    f"Set pagination, perhaps {{type: cursor, param: …, next: {hints[0]}}}.",
                    f"{hide_url_secrets(self.endpoint)}：只讀了第一頁，但回應顯示還有更多（{hints[0]}）。"
                    f"請設定 pagination，例如 {{type: cursor, param: …, next: {hints[0]}}}。",
                )
            )


class _Standing(NamedTuple):
    """A record, and where it stood."""

    page: int
    row: int
    record: Record


def _collect_records(standing: list[_Standing], watch: Watch) -> list[Record]:
    """The records, their places noted."""
    page = None
    for each in standing:
        if each.page != page:
            page = each.page
            watch.places.begin(page=page)
        watch.places.at(each.row)
    return [each.record for each in standing]
