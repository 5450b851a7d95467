"""An input with its middle left out, for rows that are longer than a model is to read. Its beginning and its end stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .conversation import Turn, said_in
from .rows import Row

MARK = "[…]"


def without_middle(text: str, characters: int) -> str:
    """`text` with its first and last characters, `characters` together, and a mark for what is left out."""
    if len(text) <= characters:
        return text
    head, tail = text[: (characters + 1) // 2], text[len(text) - characters // 2 :]
    return f"{head.rstrip()} {MARK} {tail.lstrip()}".strip()


def turns_without_middle(turns: Sequence[Turn], characters: int) -> list[Turn]:
    """The turns with the first and last characters of all that is said; a system's part stays whole.

    Exchanges (from one user's turn to the next) that lie in the middle are left out whole, so that the roles still
    alternate; a turn that lies there in part keeps the rest. The last exchange, which holds the question, stays.
    """
    system = [turn for turn in turns[:1] if turn["role"] == "system"]
    said = list(turns[len(system) :])
    lengths = [len(said_in(turn)) for turn in said]
    total = sum(lengths)
    if total <= characters:
        return list(turns)
    begin, end = (characters + 1) // 2, total - characters // 2
    kept: list[list[tuple[Turn, bool]]] = []
    at = 0
    for turn, length in zip(said, lengths, strict=True):
        head, tail = max(0, min(length, begin - at)), max(0, min(length, at + length - end))
        at += length
        whole = head + tail >= length and length > 0
        if not kept or turn["role"] == "user":
            kept.append([])
        kept[-1].append(
            (turn if whole else {**turn, "content": _ends(turn["content"], head, tail)}, bool(head or tail))
        )
    stay = [exchange for exchange in kept[:-1] if any(seen for _, seen in exchange)] + kept[-1:]
    return [*system, *(turn for exchange in stay for turn, _ in exchange)]


def _ends(text: str, head: int, tail: int) -> str:
    if not text:
        return text
    return f"{text[:head].rstrip()} {MARK} {text[max(head, len(text) - tail) :].lstrip()}".strip()


def fit_row(
    row: Mapping[str, Any], shorten: Callable[[Mapping[str, Any], int], Row], fits: Callable[[Row], bool]
) -> tuple[int, Row] | None:
    """Of a row that is too long as much of its input as fits, and how many characters that are; None where none would do.

    Arguments:
        shorten: gives the row with so many characters of its input, as its type of task does it.
        fits: whether a row is short enough.
    """
    turns = row.get("messages") or row.get("turns") or ()
    low, high = 0, max(len(str(row["text"])), sum(len(said_in(turn)) + 1 for turn in turns))
    found = shorten(row, low)
    if not fits(found):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        tried = shorten(row, middle)
        if fits(tried):
            low, found = middle, tried
        else:
            high = middle
    return low, found
