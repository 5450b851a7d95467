"""Texts that nearly repeat another, in whichever script: exact, by shared three-character pieces."""

from __future__ import annotations

import math
import re

from ...resources.foundation.chinese import in_simplified
from .rows import normalise

_NOT_WORDS = re.compile(r"[\W_]+")
_PIECE = 3


class NearCopies:
    """Finds which known text a text nearly repeats.

    Arguments:
        threshold: Jaccard similarity of the sets of three-character pieces from which two texts count as copies.
    """

    def __init__(self, threshold: float = 0.8) -> None:
        self._threshold = threshold
        self._pieces: list[frozenset[str]] = []
        self._where: dict[str, list[int]] = {}

    def add(self, text: str) -> int:
        """Know `text`; its number, counted from 0."""
        pieces, number = pieces_of(in_simplified(text)), len(self._pieces)
        self._pieces.append(pieces)
        for piece in pieces:
            self._where.setdefault(piece, []).append(number)
        return number

    def like(self, text: str) -> list[int]:
        """The numbers of the known texts that `text` nearly repeats.

        A copy shares at least threshold × n of the n pieces, so one of any n - ⌈threshold × n⌉ + 1 of them: looking
        at the rarest so many misses none.
        """
        pieces = pieces_of(in_simplified(text))
        needed = len(pieces) - math.ceil(self._threshold * len(pieces)) + 1
        rarest = sorted(pieces, key=lambda piece: len(self._where.get(piece, ())))[:needed]
        candidates = {number for piece in rarest for number in self._where.get(piece, ())}
        return sorted(number for number in candidates if similarity(pieces, self._pieces[number]) >= self._threshold)


def pieces_of(text: str) -> frozenset[str]:
    """The three-character pieces of `text` without spaces and punctuation; a shorter text is one piece."""
    return frozenset(pieces_in_order(text))


def pieces_in_order(text: str) -> list[str]:
    """The same as they stand in the text, each as often as it does."""
    plain = _NOT_WORDS.sub("", normalise(text).casefold())
    return [plain[at : at + _PIECE] for at in range(max(1, len(plain) - _PIECE + 1))]


def similarity(one: frozenset[str], other: frozenset[str]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)
