"""What is wrong with the arguments of a call, in words, before the tool sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ..resources.foundation.errors import NlpSkillsError
from ..resources.foundation.json_object import JsonObject
from ..resources.foundation.language import Text
from ..resources.foundation.masking import mask_secrets, throughout
from ..resources.foundation.wording import problem_in_words, suggest

_MOST_VALUES, _MOST_CHARACTERS = 20_000, 2_000_000
_SHOWN_PROBLEMS = 5
# What a person says in words of their own: kept in files, so what looks like a secret is left out of it.
_OWN_WORDS = frozenset(
    {
        "title",
        "goal",
        "pain_point",
        "current_method",
        "impact",
        "more",
        "changes",
        "decision",
        "reason",
        "note",
        "accept",
        "override_reason",
    }
)


def describe_oversize(arguments: Mapping[str, Any]) -> str | None:
    """Why these arguments are more than one call takes; None where they are not."""
    values, characters = 0, 0
    level: list[Any] = [arguments]
    while level:
        inner = [one for value in level for one in (value.values() if isinstance(value, Mapping) else value)]
        names = [name for value in level if isinstance(value, Mapping) for name in value]
        values += len(inner)
        characters += sum(len(one) for one in (*inner, *names) if isinstance(one, str))
        if values > _MOST_VALUES or characters > _MOST_CHARACTERS:
            return str(
                Text(
                    f"One call takes at most {_MOST_VALUES:,} values and {_MOST_CHARACTERS:,} characters.\n→ Put rows into a file in "
                    "the workspace's inbox and name it as a source, or call several times.\n(arguments)",
                    f"一次呼叫最多 {_MOST_VALUES:,} 個值、{_MOST_CHARACTERS:,} 個字元。\n→ 請把資料列存成檔案放進工作區的 inbox，"
                    "再指定為資料來源，或分成幾次呼叫。\n(arguments)",
                )
            )
        level = [one for one in inner if isinstance(one, (Mapping, list))]
    return None


def without_pasted_secrets(arguments: JsonObject) -> JsonObject:
    """The arguments with what looks like a secret left out of the person's own words."""
    return {name: throughout(value, mask_secrets) if name in _OWN_WORDS else value for name, value in arguments.items()}


def invalid_arguments(error: ValidationError, name: str) -> str:
    """What to say of arguments that do not fit the tool's schema; the rejected values are not repeated."""
    problems = error.errors(include_url=False, include_context=True)
    fields = ", ".join(dict.fromkeys(map(_field, problems)))
    return "\n".join(
        [
            str(
                Text(
                    f"{name} was called with arguments it cannot take [{fields}]:",
                    f"{name} 收到無法使用的參數 [{fields}]：",
                )
            ),
            *map(_describe_problem, problems[:_SHOWN_PROBLEMS]),
            str(Text("→ Correct them and call again.", "→ 請更正後再呼叫一次。")),
            "(arguments)",
        ]
    )


def unknown_argument(name: str, given: str, known: list[str]) -> str:
    """What to say of an argument that the tool does not have."""
    meant = suggest(given, known)
    return str(
        Text(
            "{name} has no argument {given!r} [{given}].\n→ {meant}\n(arguments)",
            "{name} 沒有「{given}」這個參數 [{given}]。\n→ {meant}\n(arguments)",
        ).format(name=name, given=given[:60], meant=meant or Text("It takes none.", "它不需要參數。"))
    )


def _field(problem: Any) -> str:
    return ".".join(str(part) for part in problem["loc"]) or "arguments"


def _describe_problem(problem: Any) -> str:
    raised = problem.get("ctx", {}).get("error")
    if isinstance(raised, NlpSkillsError):
        return f"- {raised}"
    said = problem_in_words(problem, in_yaml=False)
    return str(Text("- {field}: {said}.", "- {field}：{said}。").format(field=_field(problem), said=said))
