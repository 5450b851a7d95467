"""What pydantic found wrong with a value, in both languages."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import AfterValidator

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
    if in_yaml and kind == "string_type" and (unquoted := _unquoted(problem)):
        return unquoted
    if kind in _EXPECTED:
        return Text(f"it must be {_EXPECTED[kind].en}", f"必須是{_EXPECTED[kind].zh}")
    if kind in ("literal_error", "enum"):
        allowed = _QUOTED.findall(str(context.get("expected", ""))) or [str(context.get("expected", ""))]
        near = difflib.get_close_matches(str(problem.get("input")), allowed, n=1)
        shown = ", ".join(allowed)
        return Text(
            f"it must be one of {shown}" + (f" (did you mean {near[0]}?)" if near else ""),
            f"必須是 {'、'.join(allowed)} 之一" + (f"（你是不是要用 {near[0]}？）" if near else ""),
        )
    if kind == "value_error":
        return reason_of(context["error"])
    if kind in _LENGTHS:
        bound = context["min_length" if kind.endswith("short") else "max_length"]
        return Text(_LENGTHS[kind].en.format(bound), _LENGTHS[kind].zh.format(bound))
    for key, sign in _BOUNDS.items():
        if key in context:
            return Text(f"it must be {sign} {context[key]}", f"必須 {sign} {context[key]}")
    return Text("it does not fit what stands in its description", "值不符合說明中的規定")


def _unquoted(problem: Mapping[str, Any]) -> Text | None:
    """What to say of a value that was meant as text and that YAML took for something else."""
    value, is_key = problem.get("input"), tuple(problem.get("loc", ()))[-1:] == ("[key]",)
    what = (
        Text(f"its key {_in_yaml(value)} must be text", f"鍵 {_in_yaml(value)} 必須是文字")
        if is_key
        else Text("it must be text", "必須是文字")
    )
    if isinstance(value, bool):
        return Text(
            f'{what.en}: YAML takes a bare yes, no, on, off, true or false for a truth value; put it in quotes: "yes"',
            f'{what.zh}：YAML 會把沒加引號的 yes、no、on、off、true、false 當成真假值，請加上引號："yes"',
        )
    if isinstance(value, int | float):
        return Text(f'{what.en}: put it in quotes: "{value}"', f'{what.zh}：請加上引號："{value}"')
    if value is None:
        return Text(
            f'{what.en}: it is empty, or a bare null or ~; put what is meant in quotes: "null"',
            f'{what.zh}：這裡是空的，或是沒加引號的 null、~；請把文字加上引號："null"',
        )
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

    def checked(value: str | None) -> str | None:
        if value is not None and not re.fullmatch(pattern, value):
            raise ValueError(Text(f"it is written as {form.en}", f"要寫成 {form.zh}"))
        return value

    return AfterValidator(checked)
