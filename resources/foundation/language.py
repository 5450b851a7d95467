"""Text in both languages, and which one the present call speaks."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import Any, Literal, NamedTuple

Language = Literal["en", "zh-TW"]
LANGUAGES: tuple[Language, ...] = ("en", "zh-TW")

_HAN = re.compile(r"[\u3400-\u9fff]")
_spoken: ContextVar[Language | None] = ContextVar("spoken_language", default=None)


class Text(NamedTuple):
    """One thing said, written natively in English and in Traditional Chinese; `str()` gives the one being spoken.

    Texts are put together as strings are, in both languages at once: `one + two`, `SENTENCES.join([one, two])`,
    `Text("{file}: {why}.", "{file}：{why}。").format(file=name, why=reason)`. A plain string is the same in both.
    An empty text is false.
    """

    en: str
    zh: str

    def __str__(self) -> str:
        return self.to(spoken_language())

    def __bool__(self) -> bool:
        return bool(self.en or self.zh)

    def __add__(self, after: Text | str) -> Text:  # type: ignore[override]  # as strings do, not as tuples
        return Text(self.en + _said(after, "en"), self.zh + _said(after, "zh-TW"))

    def __radd__(self, before: str) -> Text:
        return Text(before + self.en, before + self.zh)

    def to(self, language: Language) -> str:
        return self.zh if language == "zh-TW" else self.en

    def join(self, parts: Iterable[Text | str | None]) -> Text:
        """The parts with this text between them; empty ones fall out."""
        kept = [part for part in parts if part]
        return Text(*(self.to(language).join(_all_said(kept, language)) for language in LANGUAGES))

    def format(self, *values: object, **named: object) -> Text:
        """This text with its `{placeholders}` filled in, as `str.format` does; a `Text` among the values in its language.

        Call it on a text that stands in the code, never on one that already holds somebody else's words.
        """

        def fill(language: Language) -> str:
            given = {name: _said(value, language) for name, value in named.items()}
            return self.to(language).format(*(_said(value, language) for value in values), **given)

        return Text(fill("en"), fill("zh-TW"))


def _said(value: Any, language: Language) -> Any:
    return value.to(language) if isinstance(value, Text) else value


def _all_said(parts: list[Text | str], language: Language) -> Iterator[str]:
    return (said for part in parts if (said := _said(part, language)))


# What stands between sentences, the items of a list, and clauses.
SENTENCES = Text(" ", "")
COMMAS = Text(", ", "、")
CLAUSES = Text("; ", "；")


def several(count: int, one: str, many: str = "", form: str = "") -> str:
    """`1 row`, `2 rows`: a count and what is counted, as an English sentence says it.

    Arguments:
        one: what follows 1; with its verb where one agrees (`row has`).
        many: what follows every other count; `one` with an s where empty.
        form: how the number is written, as in a format string (`,`).
    """
    return f"{count:{form}} {one if count == 1 else many or f'{one}s'}"


def number_of(count: int, one: str, many: str = "", form: str = "") -> Text:
    """The same for a text that is said in both languages: in Chinese the bare number, as its sentence counts it (`{rows} 列`)."""
    return Text(several(count, one, many, form), f"{count:{form}}")


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
