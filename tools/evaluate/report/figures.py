"""How the report writes moments, differences and paragraphs."""

from __future__ import annotations

from collections.abc import Iterable

from ....resources.comparison import Gap
from ....resources.foundation.language import Text
from ....resources.pages.markup import Content, Html, html, tag


def day(moment: str) -> str:
    """A moment as files record it, for people: `2026-11-22T18:49:31Z` → `2026-11-22 18:49 UTC`."""
    return f"{moment[:10]} {moment[11:16]} UTC" if moment[10:11] == "T" and moment.endswith("Z") else moment


def format_signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def difference(found: Gap) -> Text:
    """A paired difference in words and figures."""
    value, low, high = (format_signed(edge) for edge in (found.value, found.low, found.high))
    return Text(f"{value} (95 % interval {low} to {high})", f"{value}（95% 信賴區間 {low} 到 {high}）")


def paragraphs(texts: Iterable[Content], class_: str | None = None) -> Html:
    return html([tag("p", text, class_=class_) for text in texts])
