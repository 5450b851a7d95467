"""Regular expressions that somebody else wrote, run so that none of them holds the server.

Most run in RE2, whose time is linear in the text. What RE2 does not know or means otherwise (look-around, back-references,
`\\b`, whose words here are of every script) runs as Python has it, in a process of its own that is ended when its time is over.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import lru_cache
from threading import Timer
from types import TracebackType
from typing import Any, Self

from ....resources.foundation.language import Text
from .pattern_errors import explain_pattern_error

Span = tuple[int, int]
LONGEST_PATTERN = 1000  # characters
LONGEST_TEXT = 20_000  # characters a pattern looks at
_SECONDS = 15.0  # for all the patterns of one call together
_TEXTS_AT_ONCE = 200
_LARGEST_PROGRAM = 50_000  # RE2's instructions: with more, one text takes seconds
_SURROGATES = re.compile("[\ud800-\udfff]")
# What Python's classes hold, in RE2's words. A class cannot stand negated within another, so some have no second form.
_CLASSES = {"d": r"\p{Nd}", "w": r"_\p{L}\p{N}", "s": r"\t-\r\x1c- \x{85}\x{a0}\p{Z}"}
_NEGATED = {
    "D": r"\P{Nd}",
    "S": r"\x00-\x08\x0e-\x1b!-\x{84}\x{86}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}"
    r"\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{10ffff}",
}
_SAME = frozenset("nrtfva")  # escapes that both read alike
_GROUP = re.compile(r"\((?:\?(?:P<[A-Za-z_][A-Za-z0-9_]*>|[ims]*:)|(?!\?))")
_FLAGS = re.compile(r"\(\?[ims]+\)")
_CODE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2}))")
# What is run in the process apart. It lets others go first, and limits itself too, should nobody be left to end it.
_PROGRAM = """
import json, os, re, resource, sys
os.nice(10)
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
for line in sys.stdin:
    pattern, texts = json.loads(line)
    try:
        found = re.compile(pattern, re.IGNORECASE)
        answer = [[match.span() for match in found.finditer(text)] for text in texts]
    except (re.error, OverflowError, RecursionError) as error:
        answer = str(error)
    print(json.dumps(answer), flush=True)
"""


class PatternProblem(Exception):
    """A pattern that cannot be read, or takes too long; `said` is why, for a person."""

    def __init__(self, said: Text) -> None:
        super().__init__(str(said))
        self.said = said


class Patterns:
    """Runs patterns over texts, upper and lower case alike, for as long as one call may take; ends its process when left."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._left = seconds
        self._apart: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._apart:
            self._apart.kill()
            self._apart.communicate()
            self._apart = None

    def check(self, pattern: str) -> None:
        """Raise `PatternProblem` where `pattern` is no regular expression."""
        self.places(pattern, [""])

    def places(self, pattern: str, texts: Sequence[str]) -> list[list[Span]]:
        """Where `pattern` is found in each of `texts`, as (start, end); only their first 20,000 characters are looked at.

        Raises:
            PatternProblem: it cannot be read, or the time for this call is over.
        """
        texts = [text[:LONGEST_TEXT] for text in texts]
        begun = time.monotonic()
        linear = in_linear_time(pattern)
        # Python's `$` also stands before a line's end at the end of the text, RE2's does not.
        if linear is None or ("$" in pattern and any(text.endswith("\n") for text in texts)):
            found = [
                spans
                for at in range(0, len(texts), _TEXTS_AT_ONCE)
                for spans in self._places_apart(pattern, texts[at : at + _TEXTS_AT_ONCE])
            ]
        else:
            end, found = begun + self._left, []
            for text in texts:
                found.append([])
                for match in linear.finditer(_SURROGATES.sub("\ufffd", text)):
                    if time.monotonic() > end:
                        raise _too_slow(pattern)
                    found[-1].append(match.span())
            self._left -= time.monotonic() - begun
        if self._left <= 0:
            raise _too_slow(pattern)
        return found

    def _places_apart(self, pattern: str, texts: Sequence[str]) -> list[list[Span]]:
        process, begun = self._start_process(), time.monotonic()
        ending = Timer(max(self._left, 0.0), process.kill)
        ending.start()
        try:
            assert process.stdin and process.stdout
            process.stdin.write(json.dumps([pattern, texts]) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            ending.cancel()
        self._left -= time.monotonic() - begun
        if not line:
            raise _too_slow(pattern)
        answer = json.loads(line)
        if isinstance(answer, str):
            said = Text("the pattern cannot be read: {why}", "pattern 不是有效的正規表示式：{why}")
            raise PatternProblem(said.format(why=explain_pattern_error(answer)))
        return [[(start, end) for start, end in spans] for spans in answer]

    def _start_process(self) -> subprocess.Popen[str]:
        if self._apart is None or self._apart.poll() is not None:
            self._apart = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="ascii",
            )
        return self._apart


@lru_cache(maxsize=256)
def in_linear_time(pattern: str) -> Any | None:
    """`pattern` compiled by RE2 to mean what it means to Python; None where RE2 cannot, or is not installed here."""
    try:
        import re2  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError:
        return None
    options = re2.Options()
    options.case_sensitive, options.log_errors = False, False
    try:
        written = _as_re2_writes(pattern)
        compiled = re2.compile(written, options) if written is not None else None
    except (re2.error, UnicodeEncodeError):
        return None
    # Where nothing at all can be a match, Python looks on from there, and RE2's Python does not.
    return compiled if compiled and compiled.programsize <= _LARGEST_PROGRAM and not compiled.search("") else None


def _as_re2_writes(pattern: str) -> str | None:
    """`pattern` in RE2's words; None where it may mean something else there."""
    flags = _FLAGS.match(pattern)
    parts = [flags[0] if flags else ""]
    at = len(parts[0])
    while at < len(pattern):
        one = pattern[at]
        if one == "\\":
            part, at = _escape(pattern, at)
        elif one == "[":
            part, at = _class(pattern, at)
        elif one == "(":
            group = _GROUP.match(pattern, at)
            part, at = (group[0], group.end()) if group else (None, at)
        elif one == "{" and re.match(r"\{,\d*\}", pattern[at : at + 12]):
            return None
        else:
            part, at = one, at + 1
        if part is None:
            return None
        parts.append(part)
    return "".join(parts)


def _escape(pattern: str, at: int, *, within: bool = False) -> tuple[str | None, int]:
    """The escape that begins there, and where it ends; `within`: a class."""
    if code := _CODE.match(pattern, at):
        return rf"\x{{{code[1] or code[2] or code[3]}}}", code.end()
    letter, end = pattern[at + 1 : at + 2], at + 2
    if letter in _CLASSES:
        return _CLASSES[letter] if within else f"[{_CLASSES[letter]}]", end
    if letter.lower() in _CLASSES:
        return (_NEGATED.get(letter) if within else f"[^{_CLASSES[letter.lower()]}]"), end
    if letter == "Z" and not within:
        return r"\z", end
    if letter in _SAME or (letter == "A" and not within):
        return f"\\{letter}", end
    if not letter or (letter.isascii() and letter.isalnum()):
        return None, end
    return (letter if letter == "_" or not letter.isascii() else f"\\{letter}"), end


def _class(pattern: str, at: int) -> tuple[str | None, int]:
    """The class that begins there, and where it ends."""
    begun = at
    at += 2 if pattern.startswith("[^", at) else 1
    parts, first = [pattern[begun:at]], at
    while at < len(pattern):
        one = pattern[at]
        if one == "]" and at > first:
            return "".join([*parts, "]"]), at + 1
        if one == "\\":
            part, end = _escape(pattern, at, within=True)
            # `a-\w` is no range, and RE2 could take the class's first character for its end.
            if part is None or (
                len(part) > 2 and not part.startswith(r"\x{") and pattern[at - 1] == "-" and at > first
            ):
                return None, at
            parts.append(part)
            at = end
        elif one == "[" and pattern[at + 1 : at + 2] == ":":
            return None, at
        else:
            parts.append("\\[" if one == "[" else one)
            at += 1
    return None, at


def _too_slow(pattern: str) -> PatternProblem:
    shown = pattern if len(pattern) <= 60 else f"{pattern[:60]}…"
    return PatternProblem(
        Text(
            f"the pattern {shown} takes too long: write it without a repetition inside a repetition, or as keywords",
            f"pattern「{shown}」花的時間太久：請不要在重複裡再放重複，或改用 keywords",
        )
    )
