"""The review page: one HTML file that asks nothing of the network and saves what was decided as a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....resources.pages.markup import Html, json_script, tag
from ....resources.pages.page import document, read_asset

_HERE = Path(__file__).parent


def page(content: Mapping[str, Any]) -> str:
    """The page with its rows inside; a row's text can neither end the script nor become markup."""
    return document(
        tag("header", tag("h1", id="title"), tag("p", id="how"), _controls()),
        tag("main", id="rows"),
        tag(
            "noscript",
            "This page needs JavaScript; the CSV beside it does not. 這個頁面需要 JavaScript；旁邊的 CSV 不需要。",
        ),
        json_script("content", content),
        title="Review · 審閱",
        language="en",  # the page's script sets the one it opens in
        style=read_asset(_HERE / "page.css"),
        script=read_asset(_HERE / "page.js"),
    )


def _controls() -> Html:
    name = tag("input", id="reviewer", autocomplete="off", maxlength=60)
    return tag(
        "div",
        tag("label", tag("span", data_say="who"), " ", name),
        tag("span", id="progress", role="status"),
        tag("button", id="csv", type="button"),
        tag("button", id="json", type="button"),
        tag("button", id="language", type="button", class_="plain"),
        class_="bar",
    )
