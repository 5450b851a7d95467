"""Telling Simplified from Traditional characters by the two national character sets."""

from __future__ import annotations

from functools import cache

# Simplified forms that Big5 happens to hold as rare characters of their own.
_ALSO_SIMPLIFIED = frozenset("\u4e2a\u4eec\u8fd9\u4f53\u4e0e\u65e0\u5c14")


@cache
def is_simplified(character: str) -> bool:
    """Whether a character is written so in Simplified Chinese only: GB 2312 knows it and Big5 (code page 950) does not.

    Characters that both scripts use (后, 里, 台) are not counted, so what is found is certain and some is missed.
    """
    if not "\u4e00" <= character <= "\u9fff":
        return False
    return character in _ALSO_SIMPLIFIED or (_in("gb2312", character) and not _in("cp950", character))


def simplified_characters(text: str) -> list[str]:
    """The Simplified characters of `text`, each once, in their order."""
    return list(dict.fromkeys(character for character in text if is_simplified(character)))


def _in(encoding: str, character: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
