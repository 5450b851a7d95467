"""What validation says of the data: `{code, count, message: {en, zh}, examples: [{split, id, text, …}]}`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...resources.language import Text
from .rows import Row

Finding = dict[str, Any]
EXAMPLES = 5
ROW_TEXT = ("text", "entity", "label", "spans", "output", "chosen", "rejected")  # what a finding quotes
_SHOWN = ("id", *ROW_TEXT, "line")
_MOST_IDS = 1000


def finding(code: str, count: int, message: Text, rows: Iterable[tuple[str, Row]] = ()) -> Finding:
    """One thing validation found, with a few of the rows it concerns."""
    examples = [{"split": name, **{key: row[key] for key in _SHOWN if row.get(key) is not None}}
                for name, row in list(rows)[:EXAMPLES]]
    return {"code": code, "count": count, "message": message._asdict(), "examples": examples}


def private_finding(code: str, count: int, message: Text, rows: Iterable[tuple[str, Row]]) -> Finding:
    """A finding that names its rows (`ids`, the first 1,000) and never quotes them."""
    named = [{"split": name, "id": row["id"]} for name, row in rows]
    return {"code": code, "count": count, "message": message._asdict(), "examples": named[:EXAMPLES],
            "ids": [row["id"] for row in named[:_MOST_IDS]]}
