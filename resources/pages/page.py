"""The shell of a page: one file with its style and script inside, which may ask nothing of a network."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ..foundation.language import Language
from .markup import Content, Html, tag, visible

# Nothing is fetched from anywhere: a row that became markup after all could not report home.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_HERE = Path(__file__).parent


def document(
    *body: Content, title: str, language: Language, style: str, script: str = "", refresh_seconds: int | None = None
) -> str:
    """A whole page of the given pieces.

    Arguments:
        language: the one it opens in.
        style: what comes on top of `base.css`, as `read_asset` read it.
        script: the same; neither ever holds somebody else's words.
        refresh_seconds: after how many seconds it asks for itself again.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width,initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        refreshing(refresh_seconds) if refresh_seconds else None,
        tag("title", visible(title)),
        Html(f"<style>{read_asset(_HERE / 'base.css')}{style}</style>"),
    )
    whole = tag(
        "html", head, "\n", tag("body", body, Html(f"<script>{script}</script>") if script else None), lang=language
    )
    return f"<!doctype html>\n{whole}\n"


def refreshing(seconds: int) -> Html:
    """The element that makes a page ask for itself again."""
    return tag("meta", http_equiv="refresh", content=seconds)


@cache
def read_asset(file: Path) -> str:
    """A style or a script that stands beside the code."""
    return file.read_text(encoding="utf-8")


def chart_style() -> str:
    """The style of what `charts.py` and `intervals.py` draw; it takes the page's `--rule`, `--soft`, `--ink` and `--blue`."""
    return read_asset(_HERE / "charts.css")
