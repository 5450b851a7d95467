"""Conversations as people's files hold them: OpenAI's and ShareGPT's names, tool calls and their answers, content parts.

A turn is `{role, content, tool_calls?, name?, tool_call_id?}` with OpenAI's roles `system`, `user`, `assistant` and `tool`.
A chat template need not know tools: for training and asking they are written as text, in the form that the templates of
Qwen and Hermes give them, so that every base takes them and answers in the same form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .cells import as_structure, as_text

Turn = dict[str, Any]
_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    **dict.fromkeys(
        ("gpt", "chatgpt", "bing", "bard", "claude", "gemini", "bot", "chatbot", "model", "llm", "ai"), "assistant"
    ),
    "function_call": "call",
    "tool_call": "call",
    "function-call": "call",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "tool_response": "tool",
    "function_response": "tool",
    "function-response": "tool",
    "ipython": "tool",
}
_MARKED = re.compile(r"(?:\A|\n\n)(Human|Assistant): ?")  # as the first preference data sets were published
_TOOLS_BEFORE = (
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>"
)
_TOOLS_AFTER = (
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
    '<tool_call></tool_call> XML tags:\n<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n'
    "</tool_call>"
)


class NoConversation(Exception):
    """What should be a conversation is none: `unreadable`, or `not_text` where a part is a picture or sound."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def turns_in(value: Any) -> list[Turn] | None:
    """The turns a cell holds; None where it is no list of turns.

    Raises:
        NoConversation: it is one, but a turn of it cannot be read.
    """
    found = as_structure(value)
    if isinstance(found, dict):
        found = found.get("messages") or found.get("conversations") or ([found] if _is_turn(found) else None)
    if not isinstance(found, list) or not found or not all(map(_is_turn, found)):
        return None
    return [turn for given in found for turn in _turns(given)]


def marked_turns(value: Any) -> list[Turn] | None:
    """The turns of a text that marks them with `Human:` and `Assistant:`; None where it does not."""
    text = value if isinstance(value, str) else ""
    parts = _MARKED.split(text)
    if len(parts) < 3 or parts[0].strip():
        return None
    return [
        {"role": _ROLES[role.lower()], "content": said.strip()}
        for role, said in zip(parts[1::2], parts[2::2], strict=True)
    ]


def _is_turn(given: Any) -> bool:
    return isinstance(given, dict) and ("role" in given or "from" in given)


def _turns(given: Mapping[str, Any]) -> list[Turn]:
    role = _ROLES.get(as_text(given.get("role") or given.get("from")).lower())
    if role is None:
        raise NoConversation("unreadable")
    raw = given.get("content") if "content" in given else given.get("value")
    if role == "call":
        calls = _calls(as_structure(raw))
        return [
            {"role": "assistant", "content": "" if calls else _content(raw), **({"tool_calls": calls} if calls else {})}
        ]
    turn: Turn = {"role": role, "content": _content(raw if raw is not None else given.get("refusal"))}
    calls = _calls(as_structure(given.get("tool_calls")) or as_structure(given.get("function_call")))
    if calls:
        turn["tool_calls"] = calls
    elif raw is None and "content" not in given and "value" not in given:
        raise NoConversation("unreadable")
    if role == "tool":
        turn |= {name: as_text(given[name]) for name in ("name", "tool_call_id") if given.get(name)}
    return [turn]


def _content(raw: Any) -> str:
    """The text of a turn: itself, or its parts one after the other."""
    if raw is None or isinstance(raw, str):
        return as_text(raw)
    if isinstance(raw, list) and all(isinstance(part, dict | str) for part in raw):
        if any(isinstance(part, dict) and not isinstance(part.get("text"), str) for part in raw):
            raise NoConversation("not_text")
        return as_text("\n".join(part if isinstance(part, str) else part["text"] for part in raw))
    if isinstance(raw, dict):  # what a tool gave back
        return as_text(raw)
    raise NoConversation("unreadable")


def _calls(raw: Any) -> list[dict[str, Any]]:
    """Tool calls in OpenAI's form, arguments as the object they are."""
    found = []
    for one in raw if isinstance(raw, list) else [raw] if isinstance(raw, dict) else []:
        called = one.get("function") if isinstance(one, dict) and isinstance(one.get("function"), dict) else one
        if not isinstance(called, dict) or not as_text(called.get("name")):
            return []
        arguments = called.get("arguments", called.get("parameters", {}))
        parsed = as_structure(arguments)
        found.append(
            {
                **({"id": one["id"]} if isinstance(one.get("id"), str) else {}),
                "type": "function",
                "function": {
                    "name": as_text(called["name"]),
                    "arguments": parsed if parsed is not None else as_text(arguments) or {},
                },
            }
        )
    return found


def tools_in(value: Any) -> list[Any]:
    """The tools that a conversation may call; none where the cell holds none."""
    found = as_structure(value)
    return found if isinstance(found, list) else [found] if isinstance(found, dict) and found else []


def has_tools(turns: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a tool is called, or answers."""
    return any(turn["role"] == "tool" or turn.get("tool_calls") for turn in turns)


def with_system(turns: Sequence[Turn], system: Any) -> list[Turn]:
    """The turns, `system` before them where they have none of their own."""
    own = bool(turns) and turns[0]["role"] == "system"
    said = as_text(system)
    return list(turns) if own or not said else [{"role": "system", "content": said}, *turns]


def said_in(turn: Mapping[str, Any]) -> str:
    """A turn as text, tool calls after what was said."""
    calls = [
        f"<tool_call>\n{json.dumps(call['function'], ensure_ascii=False)}\n</tool_call>"
        for call in turn.get("tool_calls") or ()
    ]
    return "\n".join(filter(None, [turn["content"], *calls]))


def text_of(turns: Iterable[Mapping[str, Any]]) -> str:
    """What was said, without the system's part."""
    return "\n".join(said for turn in turns if turn["role"] != "system" and (said := said_in(turn)))


def as_messages(turns: Sequence[Mapping[str, Any]], tools: Sequence[Any] = ()) -> list[dict[str, str]]:
    """The turns as every chat template takes them: system, user and assistant, tools and their answers in words."""
    messages: list[dict[str, str]] = []
    answers_before = False
    for turn in turns:
        answers = turn["role"] == "tool"
        said = f"<tool_response>\n{turn['content']}\n</tool_response>" if answers else said_in(turn)
        role = "user" if answers else turn["role"]
        before = messages[-1]["role"] if messages else ""
        # a template may insist on one system turn, and on the others to alternate
        if role == before and (role == "system" or answers_before):
            messages[-1]["content"] += f"\n{said}"
        else:
            messages.append({"role": role, "content": said})
        answers_before = answers
    return _with_tools(messages, tools) if tools else messages


def _with_tools(messages: list[dict[str, str]], tools: Sequence[Any]) -> list[dict[str, str]]:
    listed = "".join(f"\n{json.dumps(tool, ensure_ascii=False)}" for tool in tools)
    block = f"{_TOOLS_BEFORE}{listed}{_TOOLS_AFTER}"
    if messages and messages[0]["role"] == "system":
        return [{"role": "system", "content": f"{messages[0]['content']}\n\n{block}".strip()}, *messages[1:]]
    return [{"role": "system", "content": block}, *messages]
