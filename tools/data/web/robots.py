"""What a site allows robots to read (RFC 9309), asked once for each host."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ....resources.foundation.errors import DataSourceError
from ....resources.foundation.language import Text
from .client import AGENT, Ask, Web
from .decoding import page_text
from .pages import missing

if TYPE_CHECKING:
    from protego import Protego

_LONGEST_DELAY = 120.0
_MOST_BYTES = 512 << 10
_NO_RULES = frozenset(range(400, 500)) - {429}  # a site without robots.txt allows everything


class Robots:
    """The rules of every site met, and the pause each wants."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._rules: dict[str, Protego] = {}
        self._closed: dict[str, DataSourceError] = {}  # sites whose pause nobody would keep

    def allow(self, url: str) -> bool:
        """Whether the site lets us read `url`; the pause it asks for is kept from now on.

        Raises:
            DataSourceError: its robots.txt cannot be asked for, so that nobody knows.
        """
        return bool(self._of(url).can_fetch(url, AGENT))

    def sitemaps(self, url: str) -> list[str]:
        """The sitemaps its robots.txt names."""
        return list(self._of(url).sitemaps)

    def _of(self, url: str) -> Protego:
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc}"
        if site in self._closed:
            raise self._closed[site]
        if site not in self._rules:
            self._rules[site] = self._read(site)
            self._keep_pause(site, parts.netloc)
        return self._rules[site]

    def _read(self, site: str) -> Protego:
        try:
            from protego import Protego
        except ImportError as error:
            raise missing("protego") from error
        answer = self._web.ask(Ask(f"{site}/robots.txt"), accepted=_NO_RULES)
        if answer.status >= 300:
            return Protego.parse("")
        return Protego.parse(page_text(answer.content[:_MOST_BYTES], answer.charset) or "")

    def _keep_pause(self, site: str, host: str) -> None:
        rules = self._rules[site]
        delay = float(rules.crawl_delay(AGENT) or 0.0)
        rate = rules.request_rate(AGENT)
        if rate is not None and rate.requests:
            delay = max(delay, rate.seconds / rate.requests)
        if delay > _LONGEST_DELAY:
            self._closed[site] = DataSourceError(
                Text(
                    f"{site} asks robots to wait {delay:.0f} seconds between pages.",
                    f"{site} 要求機器人每頁之間等待 {delay:.0f} 秒。",
                ),
                Text("Ask its owner for the data, or for permission.", "請向網站管理者索取資料或取得同意。"),
                field=self._web.source,
            )
            raise self._closed[site]
        self._web.slow_down(host, delay)
