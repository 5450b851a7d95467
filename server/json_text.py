"""JSON as a person wrote it: read with positions, changed in one place, everything else kept to the byte.

Comments and trailing commas (JSONC) are read where the client that owns the file reads them too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from ..resources.foundation.language import Text

_STRICT_SPACE = re.compile(r"[ \t\r\n]*")
_SPACE = re.compile(r"(?:[ \t\r\n]|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_LINE_COMMENT = re.compile(r"(?:[ \t]*(?://[^\r\n]*|/\*[^\r\n]*?\*/))*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_SCALAR = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_DEEPEST = 200


class JsonProblem(ValueError):
    """What is wrong in the text, and at which offset."""

    def __init__(self, problem: Text, offset: int) -> None:
        super().__init__(problem.en)
        self.problem = problem
        self.offset = offset


@dataclass(frozen=True)
class Node:
    """One value and the part of the text it stands in: `text[start:end]`."""

    kind: Literal["object", "array", "scalar"]
    start: int
    end: int
    members: list[Member] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)

    def member(self, key: str) -> Member | None:
        """The member of that key; the last one, as readers of JSON take it."""
        return next((member for member in reversed(self.members) if member.key == key), None)


@dataclass(frozen=True)
class Member:
    """One `"key": value` of an object, and where the comma after it stands, if one does."""

    key: str
    start: int
    value: Node
    comma: int | None


def position(text: str, offset: int) -> tuple[int, int]:
    """The line and the column of an offset, both counted from 1."""
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1


@lru_cache(maxsize=8)
def parse(text: str, *, comments: bool) -> Node:
    """The whole text as one value; remembered, because one change looks at the same text several times.

    Raises:
        JsonProblem: it is not JSON (JSONC, where `comments` are allowed).
    """
    return _Parser(text, comments).document()


def value_of(text: str, node: Node) -> Any:
    """The Python value of a node."""
    if node.kind == "object":
        return {member.key: value_of(text, member.value) for member in node.members}
    if node.kind == "array":
        return [value_of(text, item) for item in node.items]
    return json.loads(text[node.start : node.end])


def with_member(text: str, node: Node, key: str, value: Any) -> str:
    """`text` with `key` of the object `node` set to `value`, in the style the text is written in."""
    if standing := node.member(key):
        shown = _render_value(text, value, standing.value, _indentation(text, standing.start))
        return text[: standing.value.start] + shown + text[standing.value.end :]
    line = _newline(text)
    if not node.members:
        outer = _indentation(text, node.start)
        inner = outer + _unit(text)
        kept = text[node.start + 1 : node.end - 1].rstrip()  # a comment, where there is one
        shown = _block(value, inner, _unit(text), line)
        member = f"{json.dumps(key, ensure_ascii=False)}: {shown}"
        return f"{text[: node.start]}{{{kept}{line}{inner}{member}{line}{outer}}}{text[node.end :]}"
    last = node.members[-1]
    own = _own_line(text, last)
    shown = _block(value, own, _unit(text), line) if own is not None else json.dumps(value, ensure_ascii=False)
    member = f"{json.dumps(key, ensure_ascii=False)}: {shown}"
    before = f"{line}{own}" if own is not None else " "
    if last.comma is not None:  # a trailing comma: keep the habit
        at = _after_comments(text, last.comma + 1)
        return f"{text[:at]}{before}{member},{text[at:]}"
    at = _after_comments(text, last.value.end)
    return f"{text[: last.value.end]},{text[last.value.end : at]}{before}{member}{text[at:]}"


def without_member(text: str, node: Node, key: str) -> str:
    """`text` without `key` of the object `node`; comments around it stay."""
    member = node.member(key)
    if member is None:
        return text
    index = node.members.index(member)
    start = len(text[: member.start].rstrip())
    if member.comma is not None:
        return text[:start] + text[member.comma + 1 :]
    if index == 0:
        inside = text[node.start + 1 : start] + text[member.value.end : node.end - 1]
        return text[: node.start + 1] + (inside if inside.strip() else "") + text[node.end - 1 :]
    comma = node.members[index - 1].comma
    assert comma is not None
    return text[:comma] + text[comma + 1 : start] + text[member.value.end :]


def fresh(value: Mapping[str, Any]) -> str:
    """A new file."""
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def mask_values(text: str, *, comments: bool, shown: tuple[str, ...]) -> str:
    """`text` with every string value hidden but those below the path `shown`, to be shown on a terminal: what other
    servers are started with may hold keys."""
    hidden: list[tuple[int, int]] = []

    def look(node: Node, path: tuple[str, ...]) -> None:
        for member in node.members:
            look(member.value, (*path, member.key))
        for item in node.items:
            look(item, path)
        if node.kind == "scalar" and text[node.start] == '"' and path[: len(shown)] != shown:
            hidden.append((node.start, node.end))

    look(parse(text, comments=comments), ())
    edges = [0, *(edge for place in hidden for edge in place), len(text)]
    return '"…"'.join(text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))


def _render_value(text: str, value: Any, old: Node, indentation: str) -> str:
    if "\n" not in text[old.start : old.end] and old.members:
        return json.dumps(value, ensure_ascii=False)
    return _block(value, indentation, _unit(text), _newline(text))


def _block(value: Any, indentation: str, unit: str, newline: str) -> str:
    return json.dumps(value, ensure_ascii=False, indent=unit).replace("\n", newline + indentation)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _unit(text: str) -> str:
    """One step of indentation: that of the first indented line."""
    found = re.search(r"\n([ \t]+)\S", text)
    return found[1] if found else "  "


def _indentation(text: str, offset: int) -> str:
    """The white space the line of `offset` begins with."""
    line = text[text.rfind("\n", 0, offset) + 1 : offset]
    return line[: len(line) - len(line.lstrip())]


def _own_line(text: str, member: Member) -> str | None:
    """The indentation of a member that begins its line; None where it stands behind something else."""
    line = text[text.rfind("\n", 0, member.start) + 1 : member.start]
    return line if not line.strip() and "\n" in text[: member.start] else None


def _after_comments(text: str, offset: int) -> int:
    found = _LINE_COMMENT.match(text, offset)
    return found.end() if found else offset


class _Parser:
    """A recursive-descent reader of JSON (RFC 8259), with comments and trailing commas where they are allowed."""

    def __init__(self, text: str, comments: bool) -> None:
        self.text, self.at = text, 0
        self.comments = comments
        self.space = _SPACE if comments else _STRICT_SPACE

    def document(self) -> Node:
        self.skip()
        node = self.value(0)
        self.skip()
        if self.at < len(self.text):
            raise self.unexpected_character()
        return node

    def skip(self) -> None:
        found = self.space.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def value(self, depth: int) -> Node:
        if depth > _DEEPEST:
            raise JsonProblem(Text("it is nested too deeply", "巢狀層數過多"), self.at)
        start = self.at
        if self.takes("{"):
            members = self.members(depth)
            return Node("object", start, self.at, members=members)
        if self.takes("["):
            items = self.items(depth)
            return Node("array", start, self.at, items=items)
        found = _STRING.match(self.text, start) or _SCALAR.match(self.text, start)
        if not found:
            raise self.unexpected_character()
        self.at = found.end()
        return Node("scalar", start, self.at)

    def members(self, depth: int) -> list[Member]:
        members: list[Member] = []
        self.skip()
        while not self.takes("}"):
            start, key = self.at, _STRING.match(self.text, self.at)
            if not key:
                raise self.unexpected_character()
            self.at = key.end()
            self.skip()
            if not self.takes(":"):
                raise self.unexpected_character()
            self.skip()
            value = self.value(depth + 1)
            members.append(Member(json.loads(key[0]), start, value, self.separator("}")))
        return members

    def items(self, depth: int) -> list[Node]:
        items: list[Node] = []
        self.skip()
        while not self.takes("]"):
            items.append(self.value(depth + 1))
            self.separator("]")
        return items

    def separator(self, closing: str) -> int | None:
        """Step over the comma after a member or item; where it stands, or None before the closing bracket."""
        self.skip()
        comma = self.at - 1 if self.takes(",") else None
        self.skip()
        closes = self.text.startswith(closing, self.at)
        if comma is None and not closes:
            raise self.unexpected_character()
        if comma is not None and closes and not self.comments:
            raise JsonProblem(Text("there is an extra comma", "多了一個逗號"), comma)
        return comma

    def takes(self, character: str) -> bool:
        if self.text.startswith(character, self.at):
            self.at += 1
            return True
        return False

    def unexpected_character(self) -> JsonProblem:
        if self.at >= len(self.text):
            return JsonProblem(
                Text("it ends too early; a bracket is not closed", "檔案提早結束，有括號沒有關上"), self.at
            )
        if self.text.startswith(("//", "/*"), self.at):
            return JsonProblem(
                Text("there is a comment, which this client does not read", "這裡有註解，但這個用戶端不支援註解"),
                self.at,
            )
        character = self.text[self.at]
        return JsonProblem(Text(f"{character!r} is not expected there", f"這裡不該有「{character}」"), self.at)
