"""HTML by construction: every text is escaped where it enters an element, and only `Html` passes as it is.

A `Text` becomes both of its languages, of which the style sheet shows the one chosen. Characters that hide or turn
around what stands beside them (U+202E and its like) are shown by their number. htpy and dominate escape as well, but know
neither of the two, and would be one more package in the server's process for a hundred lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, TypeAlias

from ..foundation.language import Text, spoken_language

# Controls, directional marks, invisible spaces, tag characters and lone surrogates; joiners of emoji are left alone.
CONCEALED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_IN_SCRIPT = re.compile("[<>&\u2028\u2029\ud800-\udfff]")
_VOID = {"meta", "input", "br", "col"}


class Html(str):
    """Markup that is safe as it stands."""

    __slots__ = ()


Content: TypeAlias = "Html | Text | str | int | Iterable[Content] | None"
Attribute: TypeAlias = "Text | str | int | float | bool | None"


def tag(name: str, /, *content: Content, **attributes: Attribute) -> Html:
    """The element `name` with `content` inside, each piece escaped unless it is `Html`.

    Arguments:
        attributes: `class_` and `data_row` become `class` and `data-row`; None and False are left out; a `Text` stands
            in the language spoken, with both languages beside it for the page's switch.
    """
    written = (_attribute(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    opened = f"<{name}{''.join(written)}>"
    return Html(opened) if name in _VOID else Html(f"{opened}{html(*content)}</{name}>")


def html(*content: Content) -> Html:
    """The pieces after each other, each escaped unless it is `Html`."""
    return Html("".join(_piece(one) for one in content))


def both(en: Content, zh: Content) -> Html:
    """What an English and what a Chinese reader sees, where a plain `Text` will not do."""
    return html(tag("span", en, class_="en", lang="en"), tag("span", zh, class_="zh", lang="zh-TW"))


def visible(text: str) -> str:
    """`text` with concealed characters shown by their number, for places that hold no elements."""
    return CONCEALED.sub(lambda found: f"[U+{ord(found[0]):04X}]", text.replace("\r\n", "\n"))


def json_script(name: str, value: Any) -> Html:
    """`value` as data for the page's script, under the id `name`; nothing in it can end the element."""
    content = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Html(f'<script type="application/json" id="{escape(name)}">{in_script(content)}</script>')


def in_script(content: str) -> str:
    """JSON text in which no character means anything to an HTML parser."""
    return _IN_SCRIPT.sub(lambda found: f"\\u{ord(found[0]):04x}", content)


def definitions(facts: Mapping[Text, Content] | Mapping[str, Content]) -> Html:
    """A list of terms with what is known of each; those with nothing are left out."""
    return tag(
        "dl", (tag("div", tag("dt", term), tag("dd", said)) for term, said in facts.items() if said not in (None, ""))
    )


def table(head: Iterable[Content], rows: Iterable[Html], label: Text, class_: str | None = None) -> Html:
    """A table that scrolls by itself where it is wider than the page."""
    body = tag("table", tag("thead", tag("tr", head)), tag("tbody", rows), class_=class_)
    return tag("div", body, class_="scroll", tabindex=0, role="region", aria_label=label)


def _piece(content: Content) -> str:
    if content is None:
        return ""
    if isinstance(content, Html):
        return content
    if isinstance(content, Text):
        return _escape_text(content.en) if content.en == content.zh else both(content.en, content.zh)
    if isinstance(content, str):
        return _escape_text(content)
    if isinstance(content, int):
        return str(content)
    return "".join(_piece(one) for one in content)


def _escape_text(text: str) -> str:
    """`text` escaped, concealed characters marked."""
    parts, end = [], 0
    text = text.replace("\r\n", "\n")
    for found in CONCEALED.finditer(text):
        parts += [escape(text[end : found.start()]), f'<span class="concealed">U+{ord(found[0]):04X}</span>']
        end = found.end()
    return "".join([*parts, escape(text[end:])])


def _attribute(name: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    if not isinstance(value, Text):
        return f' {name}="{escape(visible(str(value)))}"'
    spoken = "" if name == "text" else _attribute(name, value.to(spoken_language()))
    return f"{spoken}{_attribute(f'data-en-{name}', value.en)}{_attribute(f'data-zh-{name}', value.zh)}"
