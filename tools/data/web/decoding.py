"""Bytes of a page or an answer as text, whatever encoding the server claims."""

from __future__ import annotations

import codecs
import re

_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,30})""", re.IGNORECASE)
_XML = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9_:.-]{2,30})["']""")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
         (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_LOOKED_AT = 4096
# The lead bytes of the characters each standard calls frequently used: Big5 level 1, GB 2312 level 1.
_FREQUENT = {"cp950": (0xA4, 0xC6), "big5hkscs": (0xA4, 0xC6), "gb18030": (0xB0, 0xD7)}
_FAMILY = {"big5": "cp950", "big5-hkscs": "big5hkscs", "cp950": "cp950", "gb2312": "gb18030", "gbk": "gb18030",
           "gb18030": "gb18030"}
_CLAIM_COUNTS = 0.1
_LIKELY = 0.7
_DEFAULTS = ("utf-8", "iso8859-1", "cp1252", "ascii")  # what servers claim of pages they never looked at
_WORST = 0.01  # of the characters may be damaged before a page is given up


def page_text(content: bytes, claimed: str | None) -> str | None:
    """The text of an HTML or XML page; None where no encoding reads it.

    What the bytes say comes first: a byte-order mark, then UTF-8, which other encodings do not resemble. Between
    Big5 and GBK the one decides in which the frequent characters are frequent, what the page or the server claims
    counting a little more.
    """
    for mark, name in _BOMS:
        if content.startswith(mark):
            return content.decode(name, "replace")
    claims = [name for name in (_named(content), claimed) if name and _known(name)]
    if (text := _strict(content, "utf-8")) is not None:
        return text
    others = [name for name in claims if _FAMILY.get(_plain(name)) is None and _plain(name) not in _DEFAULTS]
    for name in others:
        if (text := _strict(content, name)) is not None:
            return text
    wanted = {_FAMILY[_plain(name)] for name in claims if _plain(name) in _FAMILY}
    scored = [(_plausible(text, name) + (_CLAIM_COUNTS if name in wanted else 0.0), text)
              for name in _FREQUENT if (text := _strict(content, name)) is not None]
    if scored and (best := max(scored, key=lambda pair: pair[0]))[0] > _LIKELY:
        return best[1]
    for name in dict.fromkeys([*wanted, *claims, "utf-8"]):
        text = content.decode(name, "replace")
        if text.count("\ufffd") <= _WORST * len(text):
            return text
    return None


def json_text(content: bytes, claimed: str | None) -> str | None:
    """The text of a JSON answer: UTF-8, UTF-16 or UTF-32 as RFC 8259 wants it, else what the server claims.

    None where none of them reads it.
    """
    for mark, name in _BOMS:
        if content.startswith(mark):
            return _strict(content, name)
    zeros = content[:4].count(0)
    if zeros >= 2 and len(content) >= 4:
        return _strict(content, "utf-16-le" if content[1] == 0 and content[0] else "utf-16-be")
    if (text := _strict(content, "utf-8")) is not None:
        return text
    return _strict(content, claimed) if claimed and _known(claimed) else None


def _named(content: bytes) -> str | None:
    found = _META.search(content[:_LOOKED_AT]) or _XML.search(content[:_LOOKED_AT])
    return found[1].decode("ascii") if found else None


def _plain(name: str) -> str:
    return codecs.lookup(name).name.replace("_", "-")


def _known(name: str) -> bool:
    try:
        return bool(codecs.lookup(name)._is_text_encoding)
    except LookupError:
        return False


def _strict(content: bytes, name: str) -> str | None:
    try:
        return content.decode(name)
    except (UnicodeDecodeError, LookupError):
        return None


def _plausible(text: str, name: str) -> float:
    """The share of the ideographs in `text` that are frequently used ones in encoding `name`."""
    first, last = _FREQUENT[name]
    frequent = total = 0
    for character in text:
        if character < "\u2e80":
            continue
        total += 1
        encoded = character.encode(name)
        frequent += len(encoded) == 2 and (first <= encoded[0] <= last or encoded[0] in (0xA1, 0xA3))
    return frequent / total if total else 1.0
