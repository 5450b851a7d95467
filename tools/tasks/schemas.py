"""JSON Schemas of the files that people write, so that an editor completes and checks them: made from the models.

    python -m nlp_skills.tools.tasks.schemas

writes them into `resources/schemas/`, from where each task and workspace gets its copies. Kinds that a package or a file
adds are not in them; what such a kind has of its own an editor lets pass.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from ...resources.data_source import DataSource
from ...resources.foundation.kinds import Registry
from ...resources.schemas import SCHEMAS, shipped_schema
from ...resources.task import TASK_TYPES, Task
from ...resources.version_config import VersionConfig
from ..compute.machine import MACHINES
from ..data.source import SOURCES
from ..train.method import METHODS

_DRAFT = "http://json-schema.org/draft-07/schema#"
_PLAN_HEAD = ("format", "name", "created", "parent", "changes", "expects")


def schemas() -> dict[str, dict[str, Any]]:
    """Every schema by the name of its file."""
    made = {"task": _task(), "data_source": _data_source(), "plan": _plan(), "machines": _machines()}
    return {name: {"$schema": _DRAFT, **made[name]} for name in SCHEMAS}


def as_text(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, ensure_ascii=False, indent=1) + "\n"


def _task() -> dict[str, Any]:
    schema = _of(Task)
    schema["properties"]["type"] = {**schema["properties"]["type"], "examples": list(TASK_TYPES)}
    schema.pop("required", None)  # the folder's name stands for a missing one
    return schema


def _data_source() -> dict[str, Any]:
    schema = _of(DataSource)
    kinds, defined = _kinds(SOURCES)
    schema["$defs"] |= {**defined, "Source": _by_kind("type", kinds, {"required": ["type"]})}
    return schema


def _plan() -> dict[str, Any]:
    head = _of(VersionConfig)
    kinds, defined = _kinds(METHODS)
    for method in kinds.values():
        method.pop("additionalProperties", None)  # TRL's own names are taken too
        method.pop("required", None)
    told = {name: head["properties"][name] for name in _PLAN_HEAD}
    return {"title": "Plan", **_by_kind("method", kinds, {"properties": told}), "$defs": defined}


def _machines() -> dict[str, Any]:
    kinds, defined = _kinds(MACHINES)
    for kind in kinds.values():
        kind["properties"]["kind"] = {"type": "string"}
    return {
        "title": "Machines",
        "type": "object",
        "properties": {
            "format": {"type": "integer", "default": 1},
            "machines": {"type": "object", "additionalProperties": _by_kind("kind", kinds, {"required": ["kind"]})},
        },
        "$defs": defined,
    }


def _by_kind(field: str, kinds: Mapping[str, dict[str, Any]], more: Mapping[str, Any]) -> dict[str, Any]:
    """An object whose `field` names a kind: the fields of ours are checked, those of an added one let pass."""
    named = {field: {"type": "string", "examples": list(kinds)}}
    rules = [
        {"if": {"properties": {field: {"const": name}}, "required": [field]}, "then": kind}
        for name, kind in kinds.items()
    ]
    return {"type": "object", **more, "properties": {**more.get("properties", {}), **named}, "allOf": rules}


def _kinds(registry: Registry[Any]) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The schema of each of our own kinds by its name, and what these refer to, each under a name of its own."""
    kinds: dict[str, dict[str, Any]] = {}
    defined: dict[str, Any] = {}
    for name, kind in registry.own().items():
        schema = json.loads(json.dumps(_of(kind)).replace('"#/$defs/', f'"#/$defs/{name}.'))
        defined |= {f"{name}.{part}": content for part, content in schema.pop("$defs", {}).items()}
        kinds[name] = schema
    return kinds, defined


def _of(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a model, without what says nothing to an editor."""
    return dict(_lean(model.model_json_schema()))


def _lean(part: Any) -> Any:
    if isinstance(part, list):
        return [_lean(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        name: {field: _lean(one) for field, one in value.items()}
        if name in ("properties", "$defs") and isinstance(value, dict)
        else _lean(value)
        for name, value in part.items()
        if name != "title" or not isinstance(value, str)
    }


def main(arguments: Iterable[str] = ()) -> int:
    for name, schema in schemas().items():
        path = shipped_schema(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(as_text(schema), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
