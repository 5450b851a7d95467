"""What is wrong with a value or a name, in both languages: pydantic's findings translated once, and "did you mean"."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import AfterValidator, ValidationError

from .language import Text
from .reasons import reason_of

_EXPECTED = {
    "string_type": Text("text", "文字"),
    "int_type": Text("a whole number", "整數"),
    "int_parsing": Text("a whole number", "整數"),
    "int_parsing_size": Text("a smaller whole number", "小一點的整數"),
    "int_from_float": Text("a whole number", "整數"),
    "float_type": Text("a number", "數字"),
    "float_parsing": Text("a number", "數字"),
    "finite_number": Text("a finite number", "有限的數字"),
    "bool_type": Text("true or false", " true 或 false"),
    "bool_parsing": Text("true or false", " true 或 false"),
    "list_type": Text("a list", "清單"),
    "dict_type": Text("a group of fields", "一組欄位"),
    "model_type": Text("a group of fields", "一組欄位"),
    "model_attributes_type": Text("a group of fields", "一組欄位"),
}
_LENGTHS = {
    "string_too_short": Text("it must have {} characters or more", "至少要有 {} 個字元"),
    "string_too_long": Text("it must have {} characters or fewer", "最多 {} 個字元"),
    "too_short": Text("it must have {} entries or more", "至少要有 {} 項"),
    "too_long": Text("it must have {} entries or fewer", "最多 {} 項"),
}
_BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
_QUOTED = re.compile(r"'([^']*)'")
LIKE = 0.6  # difflib's own; a name less like than that is not what was meant


def nearest(wanted: str, known: Iterable[str], most: int = 1, cutoff: float = LIKE) -> list[str]:
    """The known names most like `wanted`, the likest first; case, hyphens and spaces make no difference.

    Arguments:
        cutoff: how like at least, 0–1, as difflib's ratio tells.
    """
    plain = {_plain(name): name for name in known}
    return [plain[name] for name in difflib.get_close_matches(_plain(wanted), plain, n=most, cutoff=cutoff)]


def suggest(wanted: str, known: Iterable[str], most: int = 1, cutoff: float = LIKE) -> Text:
    """What to use instead of a name that nothing has: the nearest known ones, else all of them; empty without any."""
    names = list(known)
    near = nearest(wanted, names, most, cutoff)
    if near:
        return Text(f"Did you mean {' or '.join(near)}?", f"你是不是要用 {' 或 '.join(near)}？")
    return Text(f"Use one of: {', '.join(names)}.", f"可以用的有：{'、'.join(names)}。") if names else Text("", "")


def one_of(wanted: str, allowed: Sequence[str]) -> Text:
    """Half a sentence: the values that there are, and the nearest one."""
    near = nearest(wanted, allowed)
    return Text(
        f"it must be one of {', '.join(allowed)}" + (f" (did you mean {near[0]}?)" if near else ""),
        f"必須是 {'、'.join(allowed)} 之一" + (f"（你是不是要用 {near[0]}？）" if near else ""),
    )


class Misfit(NamedTuple):
    """The first thing that pydantic found wrong: the field, what its value must be, and the value.

    Arguments:
        value: what was given; whoever shows it sees to it that it is no secret. None where nothing was.
        missing: nothing was given.
        cause: pydantic's own name of the problem.
    """

    field: str
    said: Text
    value: Any
    missing: bool
    cause: str


def misfit_of(error: ValidationError, place: str = "", *, in_yaml: bool = True) -> Misfit:
    """The first problem of a `ValidationError`, in words.

    Arguments:
        place: what was validated, such as `sources[0]`; the field's name begins with it.
        in_yaml: see `problem_in_words`.
    """
    first = error.errors()[0]
    field = ".".join(filter(None, (place, place_of(first["loc"]))))
    missing = first["type"] == "missing"
    return Misfit(
        field,
        problem_in_words(first, in_yaml=in_yaml),
        None if missing else first.get("input"),
        missing,
        str(first["type"]),
    )


def problem_in_words(problem: Mapping[str, Any], *, in_yaml: bool = True) -> Text:
    """One entry of `ValidationError.errors()` as half a sentence: what the value must be.

    Arguments:
        in_yaml: the value stands in a YAML file, where a bare word may be taken for something else.
    """
    kind, context = problem["type"], problem.get("ctx") or {}
    if kind == "missing":
        return Text("it is missing", "缺少這個欄位")
    if kind == "extra_forbidden":
        return Text("there is no such field", "沒有這個欄位")
    if in_yaml and kind == "string_type" and (unquoted := _describe_unquoted(problem)):
        return unquoted
    if kind in _EXPECTED:
        return Text("it must be {expected}", "必須是{expected}").format(expected=_EXPECTED[kind])
    if kind in ("literal_error", "enum"):
        allowed = _QUOTED.findall(str(context.get("expected", ""))) or [str(context.get("expected", ""))]
        return one_of(str(problem.get("input")), allowed)
    if kind == "value_error":
        return reason_of(context["error"])
    if kind in _LENGTHS:
        bound = context["min_length" if kind.endswith("short") else "max_length"]
        return _LENGTHS[kind].format(bound)
    for key, sign in _BOUNDS.items():
        if key in context:
            return Text(f"it must be {sign} {context[key]}", f"必須 {sign} {context[key]}")
    return Text("it does not match its description", "值不符合說明中的規定")


def _plain(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_")


def _describe_unquoted(problem: Mapping[str, Any]) -> Text | None:
    """What to say of a value that was meant as text and that YAML took for something else."""
    value, is_key = problem.get("input"), tuple(problem.get("loc", ()))[-1:] == ("[key]",)
    what = (
        Text(f"its key {_in_yaml(value)} must be text", f"鍵 {_in_yaml(value)} 必須是文字")
        if is_key
        else Text("it must be text", "必須是文字")
    )
    if isinstance(value, bool):
        return Text(
            '{what}: YAML takes a bare yes, no, on, off, true or false for a truth value; put it in quotes: "yes"',
            '{what}：YAML 會把沒加引號的 yes、no、on、off、true、false 當成真假值，請加上引號："yes"',
        ).format(what=what)
    if isinstance(value, int | float):
        return Text('{what}: put it in quotes: "{value}"', '{what}：請加上引號："{value}"').format(
            what=what, value=value
        )
    if value is None:
        return Text(
            '{what}: it is empty, or a bare null or ~; if you mean the text, put it in quotes: "null"',
            '{what}：這裡是空的，或是沒加引號的 null、~；請把文字加上引號："null"',
        ).format(what=what)
    return None


def _in_yaml(value: Any) -> str:
    return (
        {True: "true", False: "false", None: "null"}.get(value, str(value))
        if (value is None or isinstance(value, bool))
        else str(value)
    )


def place_of(parts: Sequence[Any]) -> str:
    """The place of a wrong value in the form `success_criteria.threshold` or `sources[0].query`; of a wrong key that of
    its group."""
    path = ""
    for part in parts[:-2] if parts and parts[-1] == "[key]" else parts:
        path += f"[{part}]" if isinstance(part, int) else (f".{part}" if path else str(part))
    return path


def written_as(pattern: str, form: Text) -> AfterValidator:
    """A check that a text has the form `pattern` describes.

    Arguments:
        pattern: a regular expression for the whole text.
        form: how it is written, for people: owner/name.
    """

    def check_form(value: str | None) -> str | None:
        if value is not None and not re.fullmatch(pattern, value):
            raise ValueError(Text("it is written as {form}", "要寫成 {form}").format(form=form))
        return value

    return AfterValidator(check_form)
