"""A model's chat template, read from its files: whether there is one, and the form in which it is the same every day."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from ...resources.foundation.files import read_json

_THINKING_OFF = "{%- set enable_thinking = false %}"
_CLOCK_CALL = re.compile(r"""strftime_now\(\s*(?P<quote>['"])(?P<format>[^'"]*)(?P=quote)\s*\)""")
_CLOCK_USED = re.compile(r"strftime_now\s*\(")
_DAY = datetime(2025, 1, 1)  # any day will do, as long as it is the same one in training, evaluation and use
_CLOCK_STOPPED = "{%- macro strftime_now(format) -%}" + _DAY.strftime("%d %b %Y") + "{%- endmacro -%}"


def template_of(model: Path) -> str | None:
    """The chat template that stands in a model's folder; None where there is none, so nobody knows how to talk to it."""
    with suppress(OSError, UnicodeDecodeError):
        return (model / "chat_template.jinja").read_text(encoding="utf-8")
    for name in ("chat_template.json", "tokenizer_config.json"):
        with suppress(OSError, ValueError, AttributeError, KeyError, TypeError):
            if found := _default_of(read_json(model / name).get("chat_template")):
                return found
    return None


def reads_clock(template: str) -> bool:
    """Whether what it writes depends on the day or the hour."""
    return bool(_CLOCK_USED.search(template))


def without_clock(template: str) -> str:
    """The template with one fixed day for today: a prompt must be the same when it is trained, evaluated and asked."""
    stopped = _CLOCK_CALL.sub(lambda call: json.dumps(_DAY.strftime(call["format"])), template)
    return _CLOCK_STOPPED + stopped if reads_clock(stopped) else stopped


def settle_template(template: str) -> str:
    """The template a model is trained, evaluated and served with. One that can think is told not to: an answer comes at
    once, and the stock chat request of a user's client must meet the very prompt the model was trained on."""
    if "enable_thinking" in template and not template.startswith(_THINKING_OFF):
        template = _THINKING_OFF + template
    return without_clock(template)


def _default_of(value: object) -> str | None:
    """The template itself, or the one of several that is the default."""
    if isinstance(value, list):
        named = {str(one["name"]): str(one["template"]) for one in value}
        return named.get("default")
    return value if isinstance(value, str) and value.strip() else None
