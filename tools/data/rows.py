"""A canonical row, `{id, text, …, source?}` (the rest is its task type's), and what makes two rows the same or alike."""

from __future__ import annotations

import contextlib
import gc
import re
import unicodedata
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

Row = dict[str, Any]  # its fields are its task type's
Record = dict[str, Any]  # a row as a source gave it: the columns are the source's
SPLITS = ("train", "valid", "test")

_NUMBER = re.compile(r"[0-9]+(?:[.,:/][0-9]+)*|[〇零一二兩三四五六七八九十百千萬億]+(?:點[〇零一二三四五六七八九]+)?")
_ENTITY_MASK, _NUMBER_MASK = "⟦entity⟧", "0"


# What most text is made of: characters that NFKC leaves as they are or narrows, whatever stands beside them.
WIDE = {wide: chr(ord(wide) - 0xFEE0) for wide in "！％（），－．／０１２３４５６７８９：；？"}
USUAL = f"[ -~一-鿿、。「」『』《》{''.join(WIDE)}]*"
_WIDE_ONES = re.compile(f"[{''.join(WIDE)}]")
_USUAL = re.compile(USUAL)
_NARROW = re.compile("[ -~\n\r\t一-鿿，。、；：！？「」『』《》]*")


def normalise(text: str) -> str:
    """`text` as it counts for identity: NFKC, runs of white space as one space."""
    if _USUAL.fullmatch(text):  # the same, seven times as fast
        if not text.isascii():
            for wide in _WIDE_ONES.findall(text):
                text = text.replace(wide, WIDE[wide])
        return " ".join(text.split()) if " " in text else text
    return " ".join(unicodedata.normalize("NFKC", text).split())


def narrow(text: str) -> str:
    """`text` in NFKC, but that punctuation may stay wide: what is told by its form is looked for in it."""
    return text if _NARROW.fullmatch(text) else unicodedata.normalize("NFKC", text)


@contextlib.contextmanager
def many_rows() -> Iterator[None]:
    """While rows are made by the million: they are in no cycles, and looking for some takes a third of the time."""
    sought = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if sought:
            gc.enable()


def plain_name(name: str) -> str:
    """A column's or label's name as it counts for matching: NFKC, trimmed, case-folded."""
    return unicodedata.normalize("NFKC", str(name)).strip().casefold()


def row_id(text: str, *more: str | None) -> str:
    """The identity of a row: 16 hex digits of the SHA-256 of its normalised text, and of what else tells it apart."""
    key = normalise(text)
    for part in more:
        if part:
            key = f"{key}\x1f{normalise(part)}"
    return sha256(key.encode("utf-8", "replace")).hexdigest()[:16]


class Skeletons:
    """Texts with entities and numbers masked, so that sentences made of one pattern look the same.

    Arguments:
        entities: every entity the data knows; all of them are masked in every text.
    """

    def __init__(self, entities: Iterable[str]) -> None:
        self._known = {normalise(entity).casefold() for entity in entities if entity and entity.strip()}
        lengths: dict[str, set[int]] = {}
        for entity in self._known:
            lengths.setdefault(entity[0], set()).add(len(entity))
        self._lengths = {first: sorted(sizes, reverse=True) for first, sizes in lengths.items()}
        self._beginning = re.compile("|".join(re.escape(first) for first in sorted(lengths))) if lengths else None
        self._cache: dict[str, str] = {}

    def of(self, text: str) -> str:
        """The skeleton of `text`: case-folded, the longest known entity at each place and every number masked."""
        if text not in self._cache:
            self._cache[text] = _NUMBER.sub(_NUMBER_MASK, self._without_entities(normalise(text).casefold()))
        return self._cache[text]

    def _without_entities(self, text: str) -> str:
        parts: list[str] = []
        at = kept = 0
        while self._beginning and (begun := self._beginning.search(text, at)):
            at = begun.start()
            if end := self._entity_end(text, at):
                parts += (text[kept:at], _ENTITY_MASK)
                at = kept = end
            else:
                at += 1
        return "".join(parts) + text[kept:]

    def _entity_end(self, text: str, at: int) -> int:
        for length in self._lengths.get(text[at], ()):
            end = at + length
            if text[at:end] in self._known and not _inside_word(text, at) and not _inside_word(text, end):
                return end
        return 0


def _inside_word(text: str, at: int) -> bool:
    """Whether the place before character `at` lies inside a word of Latin letters or digits."""
    return 0 < at < len(text) and all(c.isascii() and c.isalnum() for c in text[at - 1 : at + 1])
