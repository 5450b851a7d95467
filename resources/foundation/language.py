"""Text in both languages, and which one the present call speaks."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Literal, NamedTuple

Language = Literal["en", "zh-TW"]
LANGUAGES: tuple[Language, ...] = ("en", "zh-TW")

_HAN = re.compile(r"[\u3400-\u9fff]")
_spoken: ContextVar[Language | None] = ContextVar("spoken_language", default=None)


class Text(NamedTuple):
    """One thing said, written natively in English and in Traditional Chinese; `str()` gives the one being spoken."""

    en: str
    zh: str

    def __str__(self) -> str:
        return self.to(spoken_language())

    def to(self, language: Language) -> str:
        return self.zh if language == "zh-TW" else self.en


def several(count: int, one: str, many: str = "", form: str = "") -> str:
    """`1 row`, `2 rows`: a count and what is counted, as an English sentence says it.

    Arguments:
        one: what follows 1; with its verb where one agrees (`row has`).
        many: what follows every other count; `one` with an s where empty.
        form: how the number is written, as in a format string (`,`).
    """
    return f"{count:{form}} {one if count == 1 else many or f'{one}s'}"


def default_language() -> Language:
    """The language of the settings: `NLP_SKILLS_LANGUAGE`, else English."""
    return as_language(os.environ.get("NLP_SKILLS_LANGUAGE")) or "en"


def spoken_language() -> Language:
    """The language of the present call, else the default one."""
    return _spoken.get() or default_language()


@contextlib.contextmanager
def speaking(language: Language | None) -> Iterator[None]:
    """Speak `language` inside the block (None: leave it as it is)."""
    token = _spoken.set(language or _spoken.get())
    try:
        yield
    finally:
        _spoken.reset(token)


def as_language(name: str | None) -> Language | None:
    """`zh`, `zh_TW.UTF-8`, `zh-Hant` … → `zh-TW`; `en…` → `en`; anything else → None."""
    lowered = (name or "").lower()
    if lowered.startswith("zh"):
        return "zh-TW"
    return "en" if lowered.startswith("en") else None


def detect_language(message: str | None) -> Language | None:
    """The language a person wrote in: Traditional Chinese when Han characters appear, English when only letters do."""
    if not message or not message.strip():
        return None
    if _HAN.search(message):
        return "zh-TW"
    return "en" if re.search(r"[A-Za-z]", message) else None
