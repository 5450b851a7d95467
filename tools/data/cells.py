"""A cell as a source has it: as text, as JSON can hold it, or as the structure that was written into it."""

from __future__ import annotations

import base64
import json
from typing import Any

_AS_THEY_ARE = (str, int, bool)


def as_text(value: Any) -> str:
    """A cell as text: trimmed, booleans as JSON writes them, lone surrogates replaced, zero characters left out, empty
    for null."""
    if isinstance(value, str):
        return _whole(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _whole(str(value))


def _whole(text: str) -> str:
    text = (text.replace("\0", "") if "\0" in text else text).strip()
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text


def as_scalar(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int) else as_text(value)


def as_structure(value: Any) -> Any:
    """The list or object in a cell, also where a CSV or a database holds it as JSON text; None where it is neither."""
    if isinstance(value, list | dict):
        return value
    try:
        found = json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if isinstance(found, list | dict) else None


def plain_value(value: Any) -> Any:
    """A database's or Parquet's value as JSON can hold it."""
    if value is None or isinstance(value, _AS_THEY_ARE):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {str(key): plain_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(inner) for inner in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode("ascii")
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if callable(isoformat) else str(value)
