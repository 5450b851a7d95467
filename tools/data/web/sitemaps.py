"""The pages a sitemap names (sitemaps.org), packed or plain, indexes followed."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from ....resources.foundation.errors import DataSourceError
from ....resources.foundation.language import Text
from .bounded import TooLarge, Truncated, collect_bytes
from .client import Ask, Web, hide_url_secrets
from .decoding import page_text
from .pages import missing

_GZIP = b"\x1f\x8b"
_DEEPEST = 3
_MOST = 500  # sitemaps of one site


def sitemap_pages(web: Web, url: str) -> Iterator[str]:
    """The addresses of pages, in the sitemap's order; those of an index follow each other.

    Raises:
        DataSourceError: it cannot be read, is not a sitemap, or never ends.
    """
    yield from _Reading(web).pages(url)


class _Reading:
    """One sitemap with all it points to; each is read once."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._read: set[str] = set()

    def pages(self, url: str, deep: int = 0) -> Iterator[str]:
        if url in self._read:
            return
        self._read.add(url)
        if len(self._read) > _MOST:
            raise _endless(self._web, url)
        answer = self._web.ask(Ask(url))
        content = answer.content
        if content.startswith(_GZIP):
            try:
                content = collect_bytes([content], "gzip", self._web.limits.answer_bytes)
            except (TooLarge, Truncated):
                raise _no_sitemap(self._web, url) from None
        name, places = _places(content, answer.charset)
        if name == "sitemapindex":
            if deep >= _DEEPEST:
                raise _endless(self._web, url)
            for place in places:
                yield from self.pages(place, deep + 1)
        elif name == "urlset":
            yield from places
        else:
            raise _no_sitemap(self._web, url)


def _places(content: bytes, claimed: str | None) -> tuple[str, list[str]]:
    """The name of the outermost element, and what its `loc` elements say; a text file lists one address a line."""
    try:
        from lxml import etree  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError as error:
        raise missing("lxml") from error
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, recover=True)
    try:
        tree = etree.fromstring(content, parser=parser)
    except (etree.XMLSyntaxError, ValueError):
        tree = None
    if tree is None:
        lines = [line.strip() for line in (page_text(content, claimed) or "").splitlines()]
        found = [line for line in lines if line.startswith(("http://", "https://"))]
        return ("urlset" if found and len(found) == len([line for line in lines if line]) else ""), found
    return etree.QName(tree).localname, [
        element.text.strip()
        for element in tree.iterfind(".//{*}loc")
        if element.text and etree.QName(element.getparent()).localname in ("url", "sitemap")
    ]


def _endless(web: Web, url: str) -> DataSourceError:
    host = urlsplit(url).netloc.rpartition("@")[2]
    return DataSourceError(
        Text(
            f"The sitemap of {host} does not end: it points to more than {_MOST} further sitemaps, or to sitemaps of "
            "sitemaps of sitemaps.",
            f"{host} 的網站地圖沒有盡頭：指向超過 {_MOST} 個子地圖，或一層又一層。",
        ),
        Text(
            "Name the one that lists the pages you want, or list the pages in urls.",
            "請指定真正列出所需頁面的那一個，或直接把頁面列在 urls。",
        ),
        field=web.source,
    )


def _no_sitemap(web: Web, url: str) -> DataSourceError:
    return DataSourceError(
        Text(f"{hide_url_secrets(url)} is not a sitemap.", f"{hide_url_secrets(url)} 不是網站地圖（sitemap）。"),
        Text(
            "Look for a Sitemap line in the site's /robots.txt, or list the pages in urls.",
            "請在網站的 /robots.txt 找 Sitemap 那一行，或直接把頁面列在 urls。",
        ),
        field=web.source,
    )
