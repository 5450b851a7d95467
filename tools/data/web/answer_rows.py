"""Where the rows stand in an answer of JSON, and their fields as columns."""

from __future__ import annotations

from typing import Any

from ..source import Record

_DEEPEST_COLUMN = 4
_DEEPEST = 4  # objects within objects in which rows are looked for
_ABOUT_ITSELF = frozenset({"error", "errors", "warning", "warnings"})  # lists a server fills of itself are no rows


def flatten_record(record: Record, path: str = "", depth: int = 0) -> Record:
    """The fields of objects within the record as columns of their own: `fields.body`."""
    flat: Record = {}
    for name, value in record.items():
        if isinstance(value, dict) and value and depth < _DEEPEST_COLUMN:
            flat |= flatten_record(value, f"{path}{name}.", depth + 1)
        else:
            flat[f"{path}{name}"] = value
    return flat


def place_of_rows(content: Any, before: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Where the one list of rows stands: where it stood on the page `before`, else the only full one of the shallowest
    objects that hold any, else the only empty one, unless errors stand beside it; None where there is no telling."""
    complains = isinstance(content, dict) and any(
        value and isinstance(value, list) for key, value in content.items() if key.lower() in _ABOUT_ITSELF
    )
    if before is not None and isinstance(there := value_within(content, before), list) and (there or not complains):
        return before
    level: list[tuple[tuple[str, ...], Any]] = [((), content)] if isinstance(content, dict) else []
    empty: list[tuple[str, ...]] = []
    for _ in range(_DEEPEST):
        values = [
            ((*path, key), value)
            for path, found in level
            for key, value in found.items()
            if key.lower() not in _ABOUT_ITSELF
        ]
        lists = [(path, value) for path, value in values if isinstance(value, list)]
        full = [path for path, value in lists if value]
        if len(full) > 1:
            full = [path for path, value in lists if any(isinstance(row, dict) for row in value)]
        if full:
            return full[0] if len(full) == 1 else None
        empty = empty or [path for path, _ in lists]
        level = [(path, value) for path, value in values if isinstance(value, dict)]
    return empty[0] if len(empty) == 1 and not complains else None


def value_within(content: Any, place: tuple[str, ...]) -> Any:
    for key in place:
        content = content.get(key) if isinstance(content, dict) else None
    return content


def list_places(value: Any, path: str = "", depth: int = 0) -> list[str]:
    """The dotted paths of the lists of objects in `value`."""
    if isinstance(value, list):
        return [path or "(top)"] if value and isinstance(value[0], dict) else []
    if not isinstance(value, dict) or depth > _DEEPEST:
        return []
    return [
        found
        for key, inner in value.items()
        for found in list_places(inner, f"{path}.{key}" if path else str(key), depth + 1)
    ]
