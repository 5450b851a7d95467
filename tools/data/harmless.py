"""Row text in a spreadsheet: shown, never computed."""

from __future__ import annotations

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def harmless(text: str) -> str:
    """`text` so that a spreadsheet shows it and does not compute it."""
    return f"'{text}" if text.startswith((*_FORMULAS, "'")) else text


def unharmed(text: str) -> str:
    """The text that `harmless` was given."""
    return text[1:] if text.startswith("'") and harmless(text[1:]) == text else text
