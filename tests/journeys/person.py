"""A person at an ordinary client: it says what the person says, answers what is asked, and obeys `next_step`.

It knows no tool and no order of tools. What to call next it takes from the last answer: `next_step`, or, where a call
was refused, the call that the error names; where neither names one, it asks `coach`.
"""

from __future__ import annotations

import ast
import itertools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp.client import Client

MOST_CALLS = 25
_OPEN = re.compile(r"<[^<>]+>")
_NAMED_CALL = re.compile(r"\b([a-z_]+)(\([^()]*\))")
_SECRET = re.compile(r"nlp-skills secret set ([A-Z_][A-Z0-9_]*)")


@dataclass(frozen=True)
class Call:
    """One call, and what came back: the structured answer, or the text of the error."""

    tool: str
    arguments: dict[str, Any]
    content: dict[str, Any]
    error: str = ""

    @property
    def step(self) -> dict[str, Any]:
        return dict(self.content.get("next_step") or {})

    @property
    def job_state(self) -> str:
        return str((self.content.get("job") or {}).get("state", ""))


@dataclass
class Person:
    """What somebody wants, knows, and says when.

    Arguments:
        wish: the first thing they say.
        knows: their answers, by the name of what is asked for (`pain_point`, `threshold`, `path`, …).
        replies: what they say of their own accord, each once, as soon as its condition holds for the last answer.
        secrets: what `nlp-skills secret set NAME` would be given in a terminal.
        finished: whether they have what they came for.
    """

    wish: str
    knows: dict[str, Any]
    finished: Callable[[Call], bool]
    replies: list[tuple[Callable[[Call], bool], str]] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)


async def lead_person(
    client: Client, person: Person, store_secret: Callable[[str, str], object] | None = None
) -> list[Call]:
    """Everything that was called until the person has what they came for.

    Raises:
        AssertionError: a dead end: an answer that names no call, one that is asked for and not known, the same call
            with the same answer again, or more than `MOST_CALLS` calls (waiting for one job counts as one).
    """
    calls: list[Call] = []
    replies = list(person.replies)
    tool, arguments = "coach", {"message": person.wish}
    while True:
        call = await _call(client, tool, arguments)
        if not (tool == "job_status" and calls and calls[-1].tool == "job_status"):
            assert call not in calls, f"going in circles: {transcript([*calls, call])}"
        calls.append(call)
        assert _count_questions(calls) <= MOST_CALLS, f"too many calls: {transcript(calls)}"
        if call.error:
            tool, arguments = _after_error(call, calls, person, store_secret)
            continue
        if person.finished(call):
            return calls
        said = next((reply for reply in replies if reply[0](call)), None)
        if said:
            replies.remove(said)
            tool, arguments = "coach", {"message": said[1], **_task(calls)}
            continue
        assert call.step.get("tool"), f"a dead end: {transcript(calls)}"
        tool = call.step["tool"]
        arguments = _answer_slots(call.step["arguments"], person.knows, _default(call), call.step, calls)


async def _call(client: Client, tool: str, arguments: dict[str, Any]) -> Call:
    answer = await client.call_tool(tool, arguments)
    if answer.is_error:
        return Call(tool, arguments, {}, "".join(getattr(part, "text", "") for part in answer.content))
    content = dict(answer.structured_content or {})
    assert content["message"] and content["next_step"]["say"], (tool, content)
    return Call(tool, arguments, content)


def _after_error(
    call: Call, calls: list[Call], person: Person, store_secret: Callable[[str, str], object] | None
) -> tuple[str, dict[str, Any]]:
    """What the error's own words lead to."""
    if (wanted := _SECRET.search(call.error)) and store_secret and wanted[1] in person.secrets:
        store_secret(wanted[1], person.secrets[wanted[1]])
        return call.tool, call.arguments
    for name, arguments in _NAMED_CALL.findall(call.error):
        try:
            tree = ast.parse(f"{name}{arguments}", mode="eval").body
            assert isinstance(tree, ast.Call)
            given = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in tree.keywords}
        except (SyntaxError, ValueError, AssertionError):
            continue
        return name, given
    return "coach", {"message": call.error[:500], **_task(calls)}


def _answer_slots(
    value: Any, knows: Mapping[str, Any], default: Any, step: Mapping[str, Any], calls: list[Call], key: str = ""
) -> Any:
    """The arguments with every `<…>` filled in by the person, by the name of the field it stands in."""
    if isinstance(value, dict):
        return {
            name: _answer_slots(inner, knows, default, step, calls, name.rpartition(".")[2])
            for name, inner in value.items()
        }
    if isinstance(value, list):
        if any(isinstance(item, str) and _OPEN.search(item) for item in value):
            return _answer_by_name(key, knows, default, calls)
        return [_answer_slots(item, knows, default, step, calls, key) for item in value]
    return _answer_by_name(key, knows, default, calls) if isinstance(value, str) and _OPEN.search(value) else value


def _answer_by_name(key: str, knows: Mapping[str, Any], default: Any, calls: list[Call]) -> Any:
    answer = knows.get(key, default)
    assert answer is not None, f"asked for {key!r}, which nobody could know: {transcript(calls)}"
    return answer


def _default(call: Call) -> Any:
    return (call.content.get("question") or {}).get("default")


def _task(calls: list[Call]) -> dict[str, Any]:
    """The task the conversation is about, as the client has seen it named."""
    for call in reversed(calls):
        for arguments in (call.step.get("arguments") or {}, call.arguments):
            if isinstance(arguments.get("task"), str) and not _OPEN.search(arguments["task"]):
                return {"task": arguments["task"]}
    return {}


def _count_questions(calls: list[Call]) -> int:
    waits = sum(
        1
        for before, after in itertools.pairwise(calls)
        if after.tool == before.tool == "job_status"
        and after.arguments.get("job_id") is not None
        and after.arguments.get("job_id") == before.arguments.get("job_id")
    )
    return len(calls) - waits


def transcript(calls: list[Call]) -> str:
    """The conversation, for whoever has to fix it."""
    lines = []
    for call in calls[-12:]:
        lines.append(f"\n→ {call.tool}({json.dumps(call.arguments, ensure_ascii=False)[:300]})")
        lines.append(f"  {(call.error or call.content.get('message', ''))[:400]}")
        if question := call.content.get("question"):
            lines.append(f"  ? {question['field']}: {question['ask']}")
        lines.append(f"  next: {json.dumps(call.step, ensure_ascii=False)[:400]}")
    return "\n".join(lines)
