"""How many rows an API says it has, in its answer or its headers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_FILTERED = ("recordsfiltered", "totalfiltered", "filteredcount")  # of what was asked for, beside a total of everything
_TOTALS = (
    "total",
    "totalcount",
    "totalresults",
    "totalitems",
    "totalrecords",
    "totalrows",
    "totalelements",
    "totalhits",
    "totalsize",
    "numfound",
    "recordstotal",
    "recordcount",
    "rowcount",
    "odatacount",
    "總筆數",
    "總數",
)
_COUNTS = ("count",)  # of the page in some APIs: it says something only where it is more than was given
_HEADERS = ("x-total-count", "x-total", "total-count", "x-total-results", "x-wp-total")
_RANGE = re.compile(r"[^/]*/\s*(\d+)\s*")  # Content-Range: items 0-24/130
_DEEPEST = 3
_LETTERS = re.compile(r"[\W_]")


def announced_total(answer: Any, headers: Mapping[str, str]) -> int | None:
    """The number of rows in all; None where none is said."""
    said = [value for name in _HEADERS if (value := _number(headers.get(name))) is not None]
    if found := _RANGE.fullmatch(headers.get("content-range") or ""):
        said.append(int(found[1]))
    numbers = list(_numbers(answer, _DEEPEST))
    for names in (_FILTERED, _TOTALS, _COUNTS):
        said += [number for name, number in numbers if name in names]
        if said:
            return max(said)
    return None


def _numbers(value: Any, depth: int) -> Iterator[tuple[str, int]]:
    """The numbers of an answer by their plain names, outside of its lists."""
    if not isinstance(value, Mapping) or not depth:
        return
    for name, inner in value.items():
        plain = _LETTERS.sub("", str(name)).casefold()
        number = _number(inner.get("value") if isinstance(inner, Mapping) and plain in _TOTALS else inner)
        if number is not None:
            yield plain, number
        yield from _numbers(inner, depth - 1)


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
