"""JSON Schemas of the files that people write, so that an editor completes and checks them: made from the models.

    python -m nlp_skills.tools.tasks.schemas

writes them into `resources/schemas/`, from where each task and workspace gets its copies.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable

from ...resources.data_source import DataSource
from ...resources.foundation.json_object import JsonObject
from ...resources.schemas import SCHEMAS, shipped_schema
from ...resources.schemas.kinds import as_text, fields_of_kinds, object_by_kind, schema_of
from ...resources.task import TASK_TYPES, Task
from ...resources.version_config import VersionConfig
from ..compute.named_machines import MACHINES
from ..data.source import SOURCES
from ..train.method import METHODS

_DRAFT = "http://json-schema.org/draft-07/schema#"
_PLAN_HEAD = ("format", "name", "created", "parent", "changes", "expects", "base_model_sha256")


def schemas() -> dict[str, JsonObject]:
    """Every schema by the name of its file."""
    made = {"task": _task(), "data_source": _data_source(), "plan": _plan(), "machines": _machines()}
    return {name: {"$schema": _DRAFT, **made[name]} for name in SCHEMAS}


def _task() -> JsonObject:
    schema = schema_of(Task)
    schema["properties"]["type"] = {**schema["properties"]["type"], "examples": list(TASK_TYPES)}
    schema.pop("required", None)  # the folder's name stands for a missing one
    return schema


def _data_source() -> JsonObject:
    schema = schema_of(DataSource)
    kinds, defined = fields_of_kinds("data_source", SOURCES.own())
    schema["$defs"] |= {**defined, "Source": object_by_kind("type", kinds, {"required": ["type"]})}
    return schema


def _plan() -> JsonObject:
    head = schema_of(VersionConfig)
    kinds, defined = fields_of_kinds("plan", METHODS.own())
    told = {name: head["properties"][name] for name in _PLAN_HEAD}
    return {
        "title": "Plan",
        **object_by_kind("method", kinds, {"properties": told}),
        "$defs": {**_referred(told, head), **defined},
    }


def _referred(part: JsonObject, schema: JsonObject) -> JsonObject:
    """What a part of a schema refers to, and what that refers to."""
    found: JsonObject = {}
    for name, content in schema.get("$defs", {}).items():
        if f'"#/$defs/{name}"' in json.dumps(part):
            found |= {name: content, **_referred(content, schema)}
    return found


def _machines() -> JsonObject:
    kinds, defined = fields_of_kinds("machines", MACHINES.own())
    return {
        "title": "Machines",
        "type": "object",
        "properties": {
            "format": {"type": "integer", "default": 1},
            "machines": {
                "type": "object",
                "additionalProperties": object_by_kind("kind", kinds, {"required": ["kind"]}),
            },
        },
        "$defs": defined,
    }


def main(arguments: Iterable[str] = ()) -> int:
    for name, schema in schemas().items():
        path = shipped_schema(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(as_text(schema), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
