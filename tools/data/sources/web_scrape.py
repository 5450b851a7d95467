"""Rows from web pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from ....resources.foundation.access import AccessError, Need
from ....resources.foundation.errors import DataSourceError
from ....resources.foundation.language import Text, several
from ....resources.foundation.secrets import redact, references, resolve_address
from ..rows import normalise
from ..source import Record, SourceKind
from ..watching import Watch
from ..web.client import Answer, Ask, Limits, Web, hide_url_secrets
from ..web.decoding import page_text
from ..web.failures import Outage, TimeIsUp
from ..web.kept import KeptPages
from ..web.needs import needs_of
from ..web.pages import main_text, select_records
from ..web.robots import Robots
from ..web.sitemaps import sitemap_pages

_PAGES = ("text/html", "application/xhtml+xml", "text/plain", "application/xml", "text/xml", "")
_LOOKED_UP = 20  # hosts, one after the other, before anything is read
_OUTAGE = 5  # pages of one host in a row without an answer


class _Forbidden(DataSourceError):
    """The site's robots.txt does not allow the page."""


class WebScrapeSource(SourceKind):
    """The main text of web pages, or what CSS selectors pick out of them.

    `robots.txt` is obeyed, its crawl delay too, and every host gets a pause between two pages. Big5 and GBK pages are
    read right whatever they claim. Dead and forbidden pages are left out and counted; a site that no longer answers stops
    the reading, and the next one asks only for the pages that are missing. A host of a private network is read only where
    a person has allowed it in a terminal or in a form. Pages rarely carry labels: rows without one are kept apart, in
    `data/unlabelled/`. Ask whether the site's terms allow it.
    """

    urls: list[str] = Field(default_factory=list, description="Pages to read.")
    sitemaps: list[str] = Field(default_factory=list, description="Sitemaps (.xml, .xml.gz, .txt) that name pages.")
    keywords: list[str] = Field(default_factory=list, description="Keep rows that contain at least one of these.")
    selectors: dict[str, str] = Field(
        default_factory=dict,
        description="column: CSS selector, instead of the main text; row: what repeats on the page.",
    )
    per: Literal["page", "paragraph"] = Field("page", description="One row for each page, or for each paragraph.")
    max_pages: int = Field(1000, gt=0)
    delay_seconds: float = Field(1.0, ge=0, description="Between two pages of one host; more where robots.txt says.")
    max_answer_mb: float = Field(10, gt=0)
    max_seconds: float = Field(6 * 3600, gt=0)
    timeout_seconds: float = Field(30, gt=0)
    retries: int = Field(2, ge=0, le=20)
    retry_seconds: float = Field(1.0, gt=0, description="Before the first retry; doubles.")
    unlabelled: bool = Field(True, description="Keep rows without a label apart, to be labelled later.")

    previewed: ClassVar[int] = 5  # each page takes its time

    @model_validator(mode="after")
    def _names_pages(self) -> WebScrapeSource:
        if not self.urls and not self.sitemaps:
            raise ValueError(Text("urls or sitemaps must name at least one page", "urls 或 sitemaps 至少要有一頁"))
        return self

    def batches(self, folder: Path, field: str, watch: Watch | None = None) -> Generator[list[Record], None, None]:
        watch = watch or Watch()
        limits = Limits(
            answer_bytes=int(self.max_answer_mb * (1 << 20)),
            answer_seconds=self.timeout_seconds,
            total_seconds=self.max_seconds,
            retries=self.retries,
            retry_seconds=self.retry_seconds,
            between_seconds=self.delay_seconds,
        )
        asked = self.model_dump(include={"urls", "sitemaps", "selectors", "per"})
        with Web(limits, f"{field}.urls", watch) as web:
            yield from self._pages(web, Robots(web), field, watch, KeptPages(watch.keep, asked))

    def needs(self, folder: Path, field: str) -> list[Need]:
        named, first = [*self.urls, *self.sitemaps], dict[str, str]()
        for url in named:
            first.setdefault(url.partition("//")[2].partition("/")[0], url)
        secret = [url for url in named if references(url)]
        looked = dict.fromkeys([*islice(first.values(), _LOOKED_UP), *secret])  # every connection is guarded besides
        return [need for url in looked for need in needs_of(url, f"{field}.urls")]

    def origin(self, folder: Path) -> str:
        named = [*self.urls, *self.sitemaps]
        return hide_url_secrets(named[0]) + (f" (+{len(named) - 1})" if len(named) > 1 else "")

    def _pages(
        self, web: Web, robots: Robots, field: str, watch: Watch, before: KeptPages
    ) -> Generator[list[Record], None, None]:
        failed: list[DataSourceError | AccessError] = []
        silent = Counter[str]()  # pages without an answer since the last answer, by host
        read = kept = answered = 0
        for number, url in enumerate(self._addresses(web, failed)):
            if number >= self.max_pages:
                watch.incomplete(
                    Text(
                        f"Stopped at max_pages ({self.max_pages}); there are more pages.",
                        f"到 max_pages（{self.max_pages}）為止，後面還有頁面。",
                    )
                )
                break
            try:
                rows = self._rows(web, robots, url, field, watch, before)
            except (DataSourceError, AccessError) as error:
                if not (error.field or "").endswith(".urls"):
                    raise  # the definition is wrong, not the page
                failed.append(error)
                watch.warn(error.problem)
                if isinstance(error, Outage):
                    silent[urlsplit(url).netloc] += 1
                elif not isinstance(error, _Forbidden):  # of which the site was not asked
                    silent.clear()
                if max(silent.values(), default=0) >= _OUTAGE:
                    raise self._stopped_error(error, read, answered) from None
                if isinstance(error, TimeIsUp):
                    if read:
                        self._notice_end(error, read, watch)
                    break
                answered = answered if isinstance(error, Outage | _Forbidden) else number + 1
            else:
                silent.clear()
                answered = number + 1
                read, kept = read + 1, kept + len(rows)
                yield rows
        before.clear()
        if failed:
            watch.count("failed", len(failed))
        if failed and not read:
            raise failed[-1] if isinstance(failed[-1], TimeIsUp) else failed[0]
        self._notice_lost(read, failed, watch)
        if read and not kept:
            raise self._nothing_found(read, field)

    def _stopped_error(
        self, error: DataSourceError | AccessError, read: int, answered: int
    ) -> DataSourceError | AccessError:
        """The error of a site that no longer answers, with what became of the pages that were read.

        Arguments:
            answered: how many of the addresses came before the first one without an answer.
        """
        if not read:
            return error
        return type(error)(
            Text(
                f"The site no longer answers: {error.problem.en} {several(read, 'page')} had been read.",
                f"網站不再回應：{error.problem.zh}在那之前讀了 {read} 頁。",
            ),
            Text(
                f"{error.fix.en} They are kept: call prepare_data again and only the others are asked for. Or take what was "
                f"read and leave the rest: max_pages: {answered} on the source.",
                f"{error.fix.zh}讀到的都保留：再呼叫一次 prepare_data，只會讀其餘的頁面。也可以只用已讀到的：在來源設 max_pages: {answered}。",
            ),
            field=error.field,
            details=error.details,
        )

    def _notice_end(self, error: DataSourceError | AccessError, read: int, watch: Watch) -> None:
        """Say that the reading ended before its pages did, and why."""
        watch.incomplete(
            Text(
                f"Reading ended early: {error.problem.en} The rows of {several(read, 'page')} read until then are "
                f"kept; later pages were not requested. {error.fix.en}",
                f"讀取提早結束：{error.problem.zh}在那之前讀到的 {read} 頁已保留，後面的頁面沒有再讀。{error.fix.zh}",
            )
        )

    def _notice_lost(self, read: int, failed: list[DataSourceError | AccessError], watch: Watch) -> None:
        """Say how many pages gave nothing: they could not be read, must not be, or hold no text."""
        empty, forbidden = (
            watch.provenance.get("without_text", 0),
            sum(isinstance(error, _Forbidden) for error in failed),
        )
        what = [
            Text(
                f"{several(len(failed) - forbidden, 'page')} could not be read", f"{len(failed) - forbidden} 頁無法讀取"
            ),
            Text(f"{several(forbidden, 'page')} robots.txt forbids", f"{forbidden} 頁 robots.txt 不允許讀取"),
            Text(f"{several(empty, 'page')} had no main text", f"{empty} 頁找不到內文"),
        ]
        lost = [said for said, count in zip(what, (len(failed) - forbidden, forbidden, empty), strict=True) if count]
        if lost and read > empty:
            whole = read + len(failed)
            watch.incomplete(
                Text(
                    f"Of {several(whole, 'page')}, {' and '.join(said.en for said in lost)}.",
                    f"{whole} 頁裡，{'、'.join(said.zh for said in lost)}。",
                )
            )

    def _nothing_found(self, pages: int, field: str) -> DataSourceError:
        """The error of pages that were read and left nothing: which field let nothing through."""
        if self.keywords:
            return DataSourceError(
                Text(
                    f"None of the pages read ({pages}) holds one of the keywords: {', '.join(self.keywords[:10])}.",
                    f"讀了 {pages} 頁，沒有一頁含有關鍵字：{'、'.join(self.keywords[:10])}。",
                ),
                Text("Use other keywords, or leave them out.", "請換關鍵字，或不設 keywords。"),
                field=f"{field}.keywords",
            )
        if self.selectors:
            looked = ", ".join(f"{column}: {css}" for column, css in self.selectors.items())
            return DataSourceError(
                Text(
                    f"The selectors ({looked}) find nothing on the pages read ({pages}).",
                    f"讀了 {pages} 頁，選擇器（{looked}）都找不到內容。",
                ),
                Text(
                    "Look the element up in a browser's inspector; what a script writes into the page is not there. "
                    "Without selectors the main text is taken.",
                    "請用瀏覽器的檢查工具確認元素；由指令碼產生的內容讀不到。不設 selectors 就取主要文字。",
                ),
                field=f"{field}.selectors",
            )
        return DataSourceError(
            Text(f"The pages read ({pages}) have no main text.", f"讀了 {pages} 頁，都找不到主要文字。"),
            Text(
                "Say where it is with selectors: {text: 'article p'}; what a script writes into the page cannot be "
                "read.",
                "請用 selectors 指出位置，例如 {text: 'article p'}；由指令碼產生的內容讀不到。",
            ),
            field=f"{field}.selectors",
        )

    def _addresses(self, web: Web, failed: list[DataSourceError | AccessError]) -> Iterator[str]:
        """The pages, each once; a sitemap that cannot be read is among the `failed`."""
        seen: set[str] = set()
        for url in map(resolve_address, self.urls):
            if url not in seen:
                seen.add(url)
                yield url
        for sitemap in self.sitemaps:
            try:
                for url in sitemap_pages(web, resolve_address(sitemap)):
                    if url not in seen:
                        seen.add(url)
                        yield url
            except (DataSourceError, AccessError) as error:
                failed.append(error)
                web.watch.incomplete(
                    Text(
                        f"A sitemap was not read completely: {error.problem.en}",
                        f"有網站地圖沒有讀完：{error.problem.zh}",
                    )
                )

    def _rows(self, web: Web, robots: Robots, url: str, field: str, watch: Watch, before: KeptPages) -> list[Record]:
        web.check(url)
        rows = before.get(url)
        if rows is None:
            rows = self._fetch_rows(web, robots, url, field, watch)
            before.keep(url, rows)
        else:
            watch.count("kept_pages")
        watch.count("pages")
        if not rows:
            watch.count("without_text")
        kept = [row for row in rows if self._is_wanted(row)]
        watch.count("without_keyword", len(rows) - len(kept))
        return kept

    def _fetch_rows(self, web: Web, robots: Robots, url: str, field: str, watch: Watch) -> list[Record]:
        """The rows of the page, as the site has it now."""
        self._keep_to(robots, url, field, watch)
        answer = web.ask(Ask(url, headers={"Accept": "text/html,application/xhtml+xml,text/plain;q=0.8"}))
        if urlsplit(answer.url).netloc != urlsplit(url).netloc:
            self._keep_to(robots, answer.url, field, watch)
        return self._records(answer, field)

    def _keep_to(self, robots: Robots, url: str, field: str, watch: Watch) -> None:
        """Raise `_Forbidden` where the site does not let robots read `url`."""
        if robots.allow(url):
            return
        watch.count("forbidden")
        raise _Forbidden(
            Text(
                f"The robots.txt of {urlsplit(url).netloc} forbids reading {hide_url_secrets(url)}; it was not read.",
                f"{urlsplit(url).netloc} 的 robots.txt 不允許讀取 {hide_url_secrets(url)}，因此沒有讀。",
            ),
            Text("Leave the page out, or ask the site's owner for the data.", "請移除該頁，或向網站管理者索取資料。"),
            field=f"{field}.urls",
        )

    def _records(self, answer: Answer, field: str) -> list[Record]:
        if answer.media_type not in _PAGES:
            raise DataSourceError(
                Text(
                    f"{hide_url_secrets(answer.url)} is not a page but {answer.media_type}.",
                    f"{hide_url_secrets(answer.url)} 不是網頁，而是 {answer.media_type}。",
                ),
                Text("Download it and add it as a source of type file.", "請下載後以 file 類型加入。"),
                field=f"{field}.urls",
            )
        text = page_text(answer.content, answer.charset)
        if text is None:
            raise DataSourceError(
                Text(
                    f"{hide_url_secrets(answer.url)} has no recognisable encoding.",
                    f"無法判斷 {hide_url_secrets(answer.url)} 的文字編碼。",
                ),
                Text("Save the page as a UTF-8 file and add that.", "請把網頁另存成 UTF-8 檔案再加入。"),
                field=f"{field}.urls",
            )
        url = redact(answer.url)
        if self.selectors:
            rows = select_records(text, url, self.selectors, field)
        elif answer.media_type == "text/plain":
            rows = [{"url": url, "text": text.strip()}] if text.strip() else []
        else:
            found = main_text(text, url)
            rows = [found] if found else []
        return [each for row in rows for each in self._cut_row(row)]

    def _cut_row(self, row: Record) -> list[Record]:
        text = row.get("text")
        if self.per == "page" or not isinstance(text, str):
            return [row]
        return [{**row, "text": line.strip()} for line in text.splitlines() if line.strip()]

    def _is_wanted(self, row: Record) -> bool:
        if not self.keywords:
            return True
        whole = normalise(" ".join(str(value) for column, value in row.items() if value and column != "url")).casefold()
        return any(normalise(keyword).casefold() in whole for keyword in self.keywords)
