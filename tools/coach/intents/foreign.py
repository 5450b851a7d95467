"""Messages in languages that are not spoken here: told apart, answered politely, and read as far as they can be."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ....resources.foundation.files import read_yaml
from ....resources.foundation.language import Language, Text, detect_language

_KANA = re.compile(r"[\u3040-\u30ff]")
_SCRIPTS = {
    "HANGUL": Text("Korean", "韓文"),
    "THAI": Text("Thai", "泰文"),
    "ARABIC": Text("Arabic", "阿拉伯文"),
    "CYRILLIC": Text("that script", "那種文字"),
    "GREEK": Text("Greek", "希臘文"),
    "HEBREW": Text("Hebrew", "希伯來文"),
    "DEVANAGARI": Text("that script", "那種文字"),
}
_FEWEST_WORDS = 2
_LETTERS_LOOKED_AT = 400


@dataclass(frozen=True)
class _Rules:
    languages: dict[str, re.Pattern[str]]
    english: re.Pattern[str]
    simplified: dict[int, str]
    words: dict[str, str]


def fold_to_taiwanese(text: str) -> str:
    """`text` with Simplified characters and mainland words as Taiwan writes them, for the rules to read.

    Only what the rules listen for is turned; it is never shown to anybody.
    """
    turned = text.translate(_rules().simplified)
    if turned == text:
        return text
    for theirs, ours in _rules().words.items():
        turned = turned.replace(theirs, ours)
    return turned


def language_of(text: str) -> Language | None:
    """The language to answer in: Traditional Chinese for any Chinese and for Japanese, English for what is neither."""
    if _KANA.search(text):
        return "zh-TW"
    return "zh-TW" if detect_language(text) == "zh-TW" else None


def polite_line(text: str) -> Text | None:
    """One line for somebody who writes in a language that is not spoken here; None for English and Chinese."""
    named = _foreign(text[:_LETTERS_LOOKED_AT])
    if named is None:
        return None
    return Text(
        "(I can only answer in English or Traditional Chinese; do go on writing in {named}.)",
        "（我只會用繁體中文或英文回答；你可以繼續用{named}寫。）",
    ).format(named=named)


def _foreign(text: str) -> Text | None:
    if _KANA.search(text):
        return Text("Japanese", "日文")
    if detect_language(text) == "zh-TW":
        return None
    for character in text:
        if character.isalpha() and ord(character) > 0x2FF:
            script = unicodedata.name(character, "").split(" ")[0]
            return _SCRIPTS.get(script, Text("your language", "你的語言"))
    found = {name: len(set(pattern.findall(text.lower()))) for name, pattern in _rules().languages.items()}
    best = max(found, key=lambda name: found[name])
    english = len(set(_rules().english.findall(text.lower())))
    return Text(best, "你的語言") if found[best] >= _FEWEST_WORDS and found[best] > english else None


@cache
def _rules() -> _Rules:
    content = read_yaml(Path(__file__).parent / "foreign.yaml")
    pairs = content["simplified"]
    return _Rules(
        languages={name: re.compile(pattern) for name, pattern in content["languages"].items()},
        english=re.compile(content["english"]),
        simplified={ord(theirs): ours for theirs, ours in zip(pairs[::2], pairs[1::2], strict=True)},
        words=content["words"],
    )
