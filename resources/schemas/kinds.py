"""The part of a JSON Schema that kinds make: which names there are, and which fields each has; those that are added too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ..foundation.files import write_atomic
from ..foundation.json_object import JsonObject
from ..foundation.kinds import Registry, registry
from ..foundation.plugin_files import runs_plugin_files

# Whose kinds each schema names, and by which field.
NAMED_BY = {
    "task": ("types", "type"),
    "data_source": ("sources", "type"),
    "plan": ("methods", "method"),
    "machines": ("machines", "kind"),
}


def current_schema(shipped: Path) -> str:
    """A shipped schema with the kinds that packages and the workspace's files add."""
    text = shipped.read_text(encoding="utf-8")
    group, field = NAMED_BY[shipped.stem]
    kinds: Registry[Any] = registry(group)
    added = {name: kind for name, kind in kinds.classes().items() if name in kinds.origins()}
    if not added:
        return text
    schema = json.loads(text)
    place = _place_of_kinds(schema)
    place["properties"][field]["examples"] = sorted({*place["properties"][field]["examples"], *added})
    if shipped.stem != "task":
        fields, defined = fields_of_kinds(shipped.stem, added)
        place["allOf"] += rules_by_kind(field, fields)
        schema.setdefault("$defs", {}).update(defined)
    return as_text(schema)


def refresh(copy: Path, shipped: Path) -> None:
    """Write into a task's or workspace's copy what kinds were added; without any it stays as it is."""
    group, _ = NAMED_BY[shipped.stem]
    if runs_plugin_files() or not registry(group).origins():
        return
    text = current_schema(shipped)
    if copy.read_text(encoding="utf-8") != text:
        write_atomic(copy, text)


def as_text(schema: Mapping[str, Any]) -> str:
    """A schema as it is written."""
    return json.dumps(schema, ensure_ascii=False, indent=1) + "\n"


def object_by_kind(field: str, kinds: Mapping[str, JsonObject], more: Mapping[str, Any]) -> JsonObject:
    """An object whose `field` names a kind: the fields of the known ones are checked, those of others let pass."""
    named = {field: {"type": "string", "examples": list(kinds)}}
    properties = {**more.get("properties", {}), **named}
    return {"type": "object", **more, "properties": properties, "allOf": rules_by_kind(field, kinds)}


def rules_by_kind(field: str, kinds: Mapping[str, JsonObject]) -> list[JsonObject]:
    """For each kind what holds where `field` names it."""
    return [
        {"if": {"properties": {field: {"const": name}}, "required": [field]}, "then": kind}
        for name, kind in kinds.items()
    ]


def fields_of_kinds(file: str, classes: Mapping[str, type[BaseModel]]) -> tuple[dict[str, JsonObject], JsonObject]:
    """The schema of each kind by its name, as it stands in that file, and what these refer to, each under a name of its
    own."""
    kinds: dict[str, JsonObject] = {}
    defined: JsonObject = {}
    for name, kind in classes.items():
        schema = json.loads(json.dumps(schema_of(kind)).replace('"#/$defs/', f'"#/$defs/{name}.'))
        defined |= {f"{name}.{part}": content for part, content in schema.pop("$defs", {}).items()}
        if file == "plan":
            schema.pop("additionalProperties", None)  # TRL's own names are taken too
            schema.pop("required", None)
        if file == "machines":
            schema["properties"]["kind"] = {"type": "string"}
        kinds[name] = schema
    return kinds, defined


def schema_of(model: type[BaseModel]) -> JsonObject:
    """The schema of a model, without what says nothing to an editor."""
    return dict(_lean(model.model_json_schema()))


def _place_of_kinds(schema: JsonObject) -> Any:
    """The object in a shipped schema whose field names a kind."""
    if "Source" in schema.get("$defs", {}):
        return schema["$defs"]["Source"]
    machines = schema["properties"].get("machines")
    return machines["additionalProperties"] if machines else schema


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
