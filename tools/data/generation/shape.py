"""What a model that writes rows is shown and held to: a row of the task's type as JSON, and its JSON schema."""

from __future__ import annotations

import json
from typing import Any

from ....resources.foundation.json_object import JsonObject
from ..rows import Record, Row
from ..task_kind import TaskKind


def shape(kind: TaskKind) -> str:
    """The answer that is asked for, as JSON with its values left open."""
    return json.dumps({"rows": [kind.sample]}, ensure_ascii=False)


def response_format(kind: TaskKind) -> JsonObject:
    """The answer that is asked for, as endpoints take it that can be held to a JSON schema."""
    return {"type": "json_schema", "json_schema": {"name": "rows", "schema": _schema({"rows": [kind.sample]})}}


def record_of(kind: TaskKind, row: Row) -> Record:
    """The row as a source gives it."""
    return {role: row[role] for role in (*kind.roles, *kind.optional) if row.get(role) is not None}


def columns(kind: TaskKind) -> str:
    """`{text, label, entity?}`."""
    return f"{{{', '.join([*kind.roles, *(f'{role}?' for role in kind.optional)])}}}"


def _schema(sample: Any) -> JsonObject:
    if isinstance(sample, dict):
        return {
            "type": "object",
            "required": list(sample),
            "properties": {name: _schema(value) for name, value in sample.items()},
        }
    return {"type": "array", "items": _schema(sample[0])} if isinstance(sample, list) else {"type": "string"}
