"""Texts that were damaged before they came here: read in the wrong encoding once, and saved."""

from __future__ import annotations

import re

_LOST = re.compile("\ufffd|\u951f\u65a4\u62f7|â€[\u0080-\u2fff]|Ã[\u0080-\u00bf]")
_QUESTION_MARKS = re.compile(r"[?\s\d.,:;!，。、！]*\?{6,}[?\s\d.,:;!，。、！]*")


def is_damaged(text: str) -> bool:
    """Whether a text holds signs that could not be decoded, is UTF-8 read as Latin letters, or question marks alone."""
    if text.isascii():
        return bool(_QUESTION_MARKS.fullmatch(text))
    return bool(_LOST.search(text)) or any(_is_misread(text, encoding) for encoding in ("cp1252", "latin-1"))


def _is_misread(text: str, encoding: str) -> bool:
    try:
        return len(text.encode(encoding).decode("utf-8")) < len(text)
    except UnicodeError:
        return False
