"""Rows in a spreadsheet: their text is shown and never computed, their ids come back as they went."""

from __future__ import annotations

import re
from typing import Any

from .cells import as_text

_ID = re.compile(r"r(?P<id>[0-9a-f]{16})", re.IGNORECASE)

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def harmless(text: str) -> str:
    """`text` so that a spreadsheet shows it and does not compute it."""
    return f"'{text}" if text.startswith((*_FORMULAS, "'")) else text


def restore_text(text: str) -> str:
    """The text that `harmless` was given."""
    return text[1:] if text.startswith("'") and harmless(text[1:]) == text else text


def sheet_id(number: str) -> str:
    """A row's id with a letter before it: a spreadsheet takes 16 digits, or digits around an e, for a number."""
    return f"r{number}"


def row_id_in(cell: Any) -> str:
    """The row's id in a cell; sheets of older tasks have it without the letter."""
    text = as_text(cell)
    found = _ID.fullmatch(text)
    return found["id"].lower() if found else text
