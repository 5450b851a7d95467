"""A web page as records: its main text, or what CSS selectors pick out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....resources.foundation.errors import DataSourceError, MissingRequirement
from ....resources.foundation.language import Text
from ..rows import Record


def main_text(html: str, url: str) -> Record | None:
    """The page's `url`, `title`, `date` and main `text`, as trafilatura finds them; None where there is none.

    Raises:
        MissingRequirement: trafilatura is not installed where this runs.
    """
    try:
        import trafilatura
    except ImportError as error:
        raise missing("trafilatura") from error
    found = trafilatura.bare_extraction(html, url=url, include_comments=False, with_metadata=True, favor_precision=True)
    if found is None or not (text := str(_of(found, "text") or "").strip()):
        return None
    return {"url": url, "title": _of(found, "title"), "date": _of(found, "date"), "text": text}


def select_records(html: str, url: str, selectors: Mapping[str, str], field: str) -> list[Record]:
    """One record for each element that `selectors["row"]` picks (the page, if left out).

    Arguments:
        selectors: column → CSS selector, looked for within the row; the texts of several hits are joined by lines.

    Raises:
        DataSourceError: a selector is not CSS.
        MissingRequirement: lxml or cssselect is not installed where this runs.
    """
    try:
        import lxml.html  # type: ignore[import-untyped, import-not-found, unused-ignore]
        from cssselect import SelectorError
    except ImportError as error:
        raise missing("cssselect") from error
    try:
        page = lxml.html.document_fromstring(
            html.encode("utf-8", "replace"), parser=lxml.html.HTMLParser(encoding="utf-8", huge_tree=False)
        )
    except (lxml.etree.ParserError, lxml.etree.XMLSyntaxError, ValueError):
        return []
    for hidden in page.xpath("//script|//style|//noscript|//template"):
        hidden.drop_tree()
    try:
        rows = page.cssselect(selectors["row"]) if "row" in selectors else [page]
        return [
            {"url": url, **record}
            for row in rows
            if any(
                (
                    record := {
                        column: _join_texts(row.cssselect(css)) for column, css in selectors.items() if column != "row"
                    }
                ).values()
            )
        ]
    except SelectorError as error:
        raise DataSourceError(
            Text(f"A selector is not CSS: {str(error)[:120]}", f"有選擇器不是有效的 CSS：{str(error)[:120]}"),
            Text(
                "Write it as in a browser's inspector: article p, .headline, #content.",
                "請照瀏覽器檢查工具的寫法：article p、.headline、#content。",
            ),
            field=f"{field}.selectors",
        ) from None


def missing(library: str) -> MissingRequirement:
    return MissingRequirement(
        Text(
            f"Reading web pages needs {library}, which this job's environment lacks.",
            f"讀取網頁需要 {library}，但執行此工作的環境沒有安裝。",
        ),
        Text("Install it: pip install 'nlp-skills[web]'.", "請安裝：pip install 'nlp-skills[web]'。"),
    )


def _of(found: Any, name: str) -> Any:
    return found.get(name) if isinstance(found, dict) else getattr(found, name, None)


def _join_texts(elements: list[Any]) -> str | None:
    texts = (" ".join(element.text_content().split()) for element in elements)
    return "\n".join(text for text in texts if text) or None
