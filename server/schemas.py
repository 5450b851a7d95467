"""The JSON schemas of a tool list, short: a client pays for every byte of them at each start."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from ..resources.foundation.json_object import JsonObject
from ..resources.task import TASK_TYPES, task_types

_DESCRIBED_LEVELS = 2  # the answer's own fields and those of the groups in it; what stands deeper is left open
_SAYS_NOTHING_OF_A_RESULT = {"default", "description", "additionalProperties"}
_FORM_OF_A_GROUP = {"properties", "required", "items", "prefixItems", "minItems", "maxItems"}


def lean(schema: Any) -> Any:
    """A JSON schema without what only costs a client tokens: the titles pydantic makes out of every field's name, and that
    an object may have more fields, which it may anyway."""
    if isinstance(schema, list):
        return [lean(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: lean(part) for name, part in value.items()}
        if key in ("properties", "$defs")
        else value
        if key in ("default", "const", "enum", "examples")
        else lean(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str)) and (key, value) != ("additionalProperties", True)
    }


def without_empty_defaults(schema: JsonObject) -> JsonObject:
    """Arguments that may be left out, without saying that leaving them out means nothing, null or no."""

    def plain(argument: JsonObject) -> JsonObject:
        kept = {key: value for key, value in argument.items() if key != "default" or value not in (None, "", False)}
        kinds = [kind for kind in kept.get("anyOf", ()) if kind != {"type": "null"}]
        return (
            {**kinds[0], **{key: value for key, value in kept.items() if key != "anyOf"}} if len(kinds) == 1 else kept
        )

    properties = {name: plain(argument) for name, argument in schema.get("properties", {}).items()}
    return {**schema, "properties": properties}


def with_added_types(schema: JsonObject) -> JsonObject:
    """Arguments with the types of task that packages and files of the workspace add, where they name types of task; no
    module of these is loaded."""
    types = task_types()
    properties = {
        name: {**argument, "enum": types} if argument.get("enum") == [*TASK_TYPES] else argument
        for name, argument in schema.get("properties", {}).items()
    }
    return {**schema, "properties": properties}


def answer_type(fn: Callable[..., Any]) -> type[BaseModel] | None:
    """The model a tool answers with, if it is one: what it returns, or what it says its `CallToolResult` holds."""
    returned = get_type_hints(fn, include_extras=True)["return"]
    answer = get_args(returned)[1] if get_origin(returned) is Annotated else returned
    return answer if isinstance(answer, type) and issubclass(answer, BaseModel) else None


@functools.cache
def answer_schema(answer: type[BaseModel]) -> JsonObject:
    """What a client can rely on in an answer: its fields and those of the groups in it, with their types. Everything else
    may be there too, as a JSON schema leaves open what it does not name."""
    schema = lean(answer.model_json_schema())
    return _outline_schema(schema, schema.get("$defs", {}), _DESCRIBED_LEVELS)


def _outline_schema(schema: Mapping[str, Any], groups: Mapping[str, Any], levels: int) -> JsonObject:
    """`schema` down to `levels` of fields, in one piece."""
    if "$ref" in schema:
        schema = groups[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return _either([_outline_schema(part, groups, levels) for part in schema["anyOf"]])
    if "enum" in schema or "const" in schema:
        return {"enum": list(schema["enum"])} if "enum" in schema else {"const": schema["const"]}
    outline = {
        key: value
        for key, value in schema.items()
        if key not in _SAYS_NOTHING_OF_A_RESULT | _FORM_OF_A_GROUP | {"$defs"}
    }
    if levels and "properties" in schema:
        outline["properties"] = {
            name: _outline_schema(part, groups, levels - 1) for name, part in schema["properties"].items()
        }
        outline |= {"required": schema["required"]} if "required" in schema else {}
    if (
        levels
        and "items" in schema
        and (items := _outline_schema(schema["items"], groups, levels)) != {"type": "object"}
    ):
        outline["items"] = items
    return outline


def _either(parts: list[JsonObject]) -> JsonObject:
    """One of `parts`: of a field that may be null, or that is one kind of number or another, without saying it twice."""
    if any("enum" in part for part in parts):
        values = [value for part in parts for value in part.get("enum", [None])]
        return {"enum": list(dict.fromkeys(values))}
    if all(isinstance(part.get("type"), str) for part in parts):
        kinds = list(dict.fromkeys(part["type"] for part in parts))
        merged = {key: value for part in parts for key, value in part.items()}
        return {**merged, "type": kinds if len(kinds) > 1 else kinds[0]}
    return {"anyOf": parts}
