"""Bytes of a page or an answer as text, whatever encoding the server claims."""

from __future__ import annotations

import codecs
import re

from ..charset import BOMS, is_weighed, plain_codec, sample_of, weigh

_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,30})""", re.IGNORECASE)
_XML = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9_:.-]{2,30})["']""")
_LOOKED_AT = 4096
_DEFAULTS = ("utf_8", "cp1252")  # what servers claim of pages they never looked at
_WORST = 0.01  # of the characters may be damaged before a page is given up


def page_text(content: bytes, claimed: str | None) -> str | None:
    """The text of an HTML or XML page; None where no encoding reads it.

    What the bytes say comes first: a byte-order mark, then UTF-8, which other encodings do not resemble. Else the most
    plausible reading is taken, what the page or the server claims counting a little more, and deciding in doubt.
    """
    for mark, name in BOMS:
        if content.startswith(mark):
            return content.decode(name, "replace")
    if (text := _strict(content, "utf-8")) is not None:
        return text
    claims = [name for name in (_declared_encoding(content), claimed) if name and _is_known(name)]
    for name in claims:
        if not is_weighed(name) and (text := _strict(content, name)) is not None:
            return text
    verdict = weigh(sample_of(content), [name for name in claims if plain_codec(name) not in _DEFAULTS])
    possible = [reading.encoding for reading in (verdict.readings[:1] if verdict.sure else verdict.doubtful)]
    claimed_ones = [name for name in map(plain_codec, claims) if name in possible]
    for name in dict.fromkeys([*claimed_ones, *possible, *claims, "utf-8"]):
        text = content.decode(name, "replace")
        if text.count("\ufffd") <= _WORST * len(text):
            return text
    return None


def json_text(content: bytes, claimed: str | None) -> str | None:
    """The text of a JSON answer: UTF-8, UTF-16 or UTF-32 as RFC 8259 wants it, else what the server claims.

    None where none of them reads it.
    """
    for mark, name in BOMS:
        if content.startswith(mark):
            return _strict(content, name)
    zeros = content[:4].count(0)
    if zeros >= 2 and len(content) >= 4:
        return _strict(content, "utf-16-le" if content[1] == 0 and content[0] else "utf-16-be")
    if (text := _strict(content, "utf-8")) is not None:
        return text
    return _strict(content, claimed) if claimed and _is_known(claimed) else None


def _declared_encoding(content: bytes) -> str | None:
    found = _META.search(content[:_LOOKED_AT]) or _XML.search(content[:_LOOKED_AT])
    return found[1].decode("ascii") if found else None


def _is_known(name: str) -> bool:
    try:
        return bool(codecs.lookup(name)._is_text_encoding)
    except LookupError:
        return False


def _strict(content: bytes, name: str) -> str | None:
    try:
        return content.decode(name)
    except (UnicodeDecodeError, LookupError):
        return None
