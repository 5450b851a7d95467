"""A cell as a source has it: as text, as JSON can hold it, or as the structure that was written into it."""

from __future__ import annotations

import ast
import base64
import json
from collections.abc import Mapping
from typing import Any

_AS_THEY_ARE = (str, int, bool)
_MOST_LITERAL = 100_000  # characters of a structure as Python writes it
_MARKS = {"=": "formula", "base64": "binary"}
_CONTROLS = frozenset(range(32)) - {9, 10, 13}


def as_text(value: Any) -> str:
    """A cell as text: trimmed, booleans and structures as JSON writes them, lone surrogates replaced, zero characters left
    out, empty for null and for what cannot be read."""
    if isinstance(value, str):
        return _whole(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return "" if unreadable(value) else _whole(json.dumps(value, ensure_ascii=False))
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
    """The list or object in a cell, also where a CSV or a database holds it as JSON text, or as Python wrote it; None where
    it is neither."""
    if isinstance(value, list | dict):
        return value
    if not isinstance(value, str):
        return None
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = _literal(value.strip())
    return found if isinstance(found, list | dict) else None


def _literal(text: str) -> Any:
    """What `str()` of a list or dict was made of, as data frames leave it in a CSV."""
    if text[:1] not in ("[", "{") or len(text) > _MOST_LITERAL:
        return None
    try:
        return plain_value(ast.literal_eval(text))
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None


def unreadable(value: Any) -> str | None:
    """Why a cell has no value: `formula` (its result was not stored), `binary` (its bytes are no text); else None."""
    return _MARKS.get(next(iter(value))) if isinstance(value, dict) and len(value) == 1 else None


def plain_value(value: Any) -> Any:
    """A database's or Parquet's value as JSON can hold it; bytes that are UTF-8 are text."""
    if value is None or isinstance(value, _AS_THEY_ARE):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, Mapping):
        return {str(key): plain_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(inner) for inner in value]
    if isinstance(value, set | frozenset):
        return sorted((plain_value(inner) for inner in value), key=str)
    if isinstance(value, bytes | bytearray | memoryview):
        return _text_or_mark(bytes(value))
    if callable(items := getattr(value, "items", None)):  # a row within a row, as PostgreSQL has them
        return {str(key): plain_value(inner) for key, inner in items()}
    if callable(as_list := getattr(value, "tolist", None)):
        return plain_value(as_list())
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if callable(isoformat) else str(value)


def _text_or_mark(content: bytes) -> Any:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = None
    if text is None or not _CONTROLS.isdisjoint(content):
        return {"base64": base64.b64encode(content).decode("ascii")}
    return text
