"""Times as people and programs write them, read where they can mean one moment only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal

from .cells import as_text

First = Literal["day", "month"]
_REST = r"(?P<rest>(?:[T\s,].*)?)"
_DATE = re.compile(
    r"(?P<year>\d{4}|\d{3}|\d{2}(?=\s*年))\s*[-/.年]\s*(?P<month>\d{1,2})\s*月?"
    rf"(?:\s*(?:[-/.]|(?<=月))\s*(?P<day>\d{{1,2}})\s*日?)?{_REST}"
)
_COMPACT = re.compile(r"(?P<year>(?:19|20)\d\d)(?P<month>\d\d)(?P<day>\d\d)(?P<rest>)")
_YEAR_LAST = re.compile(rf"(?P<one>\d{{1,2}})(?P<mark>[./-])\s?(?P<two>\d{{1,2}})(?P=mark)\s?(?P<year>\d{{4}}){_REST}")
_WEEKDAY = r"(?:[A-Za-z]{3,9}\.?,?\s+)?"
_DAY_BEFORE_NAME = re.compile(
    rf"{_WEEKDAY}(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)?[\s-]+(?P<name>[A-Za-z]{{3,9}})\.?,?[\s-]+"
    rf"(?P<year>\d{{4}}){_REST}"
)
_NAME_BEFORE_DAY = re.compile(
    rf"{_WEEKDAY}(?P<name>[A-Za-z]{{3,9}})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+"
    rf"(?P<year>\d{{4}}){_REST}"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK = re.compile(
    r"[T\s,]*(?P<before>上午|下午)?\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?:\.\d+)?"
    r"\s*(?P<after>[AaPp]\.?[Mm])?"
)
_REPUBLIC = 1911  # 民國 1 is 1912
_SECONDS = re.compile(r"\d{9,10}(?:\.\d+)?|\d{13}")
_LONGEST = 80  # characters


def moment_of(value: Any, first: First | None = None) -> datetime | None:
    """The time that a cell says, in UTC where it names no zone; None where it says none.

    ISO 8601, dates whose year comes first (2026/1/3, 2026年1月, 20260103, years of the Republic such as 115/1/3), months by
    their English name, days with dots (3.1.2026), and seconds or milliseconds since 1970.

    Arguments:
        first: what stands first where the year comes last (3/1/2026); such a date is none where it is not known.
    """
    text = as_text(value)
    if len(text) > _LONGEST:
        return None
    if _SECONDS.fullmatch(text):
        seconds = float(text)
        return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return _parse_written(text, first)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def first_of(values: Iterable[Any]) -> First | None:
    """What stands first in those dates of a column whose year comes last; None where nothing says it, or they differ.

    A number above 12 is no month; with dots the day comes first unless that forbids it.
    """
    found = [dated for value in values if (dated := _YEAR_LAST.fullmatch(as_text(value)[:_LONGEST]))]
    days = {place for dated in found for place in ("one", "two") if int(dated[place]) > 12}
    if len(days) == 1:
        return "day" if days == {"one"} else "month"
    return "day" if found and not days and all(dated["mark"] == "." for dated in found) else None


def may_be_read_in_two_ways(value: Any) -> bool:
    """Whether it is a date whose year comes last, such as 3/1/2026."""
    return _YEAR_LAST.fullmatch(as_text(value)[:_LONGEST]) is not None


def _parse_written(text: str, first: First | None) -> datetime | None:
    if found := _COMPACT.fullmatch(text) or _DATE.fullmatch(text.removeprefix("民國").strip()):
        year = int(found["year"])
        return _moment(
            year + _REPUBLIC if year < 1000 else year, int(found["month"]), int(found["day"] or 1), found["rest"]
        )
    if found := _YEAR_LAST.fullmatch(text):
        if first is None and found["mark"] != ".":
            return None
        month, day = ("one", "two") if first == "month" else ("two", "one")
        return _moment(int(found["year"]), int(found[month]), int(found[day]), found["rest"])
    if found := _DAY_BEFORE_NAME.fullmatch(text) or _NAME_BEFORE_DAY.fullmatch(text):
        name = found["name"][:3].casefold()
        return (
            _moment(int(found["year"]), _MONTHS.index(name) + 1, int(found["day"]), found["rest"])
            if name in _MONTHS
            else None
        )
    return None


def _moment(year: int, month: int, day: int, rest: str) -> datetime | None:
    clock = _CLOCK.match(rest)
    hour, minute, second = (int(clock[part] or 0) for part in ("hour", "minute", "second")) if clock else (0, 0, 0)
    half = (clock["before"] or clock["after"] or "") if clock else ""
    if half and hour <= 12:
        hour = hour % 12 + (12 if half in ("下午",) or half[0] in "Pp" else 0)
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
