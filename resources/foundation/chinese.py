"""Telling Simplified from Traditional Chinese by OpenCC's table of characters, reviewed for what Taiwan writes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .files import read_yaml

_HERE = Path(__file__).parent
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")


class _Rules(NamedTuple):
    may_tell: re.Pattern[str]  # one of the characters that can show it: most texts hold none, and are done with
    looked_for: re.Pattern[str]
    shown_by: dict[str, str]
    in_one_script: dict[int, str]


def simplified_characters(text: str) -> list[str]:
    """The characters of `text` that only Simplified Chinese writes so, each once, in their order.

    Characters of both scripts (后, 里, 台) count only in a word that Traditional Chinese writes otherwise, so what is found
    is certain and some is missed. A text with kana is Japanese, and is not judged.
    """
    rules = _rules()
    if not rules.may_tell.search(text) or _KANA.search(text):
        return []
    found = (match[0] for match in rules.looked_for.finditer(text) if match.lastgroup)
    return list(dict.fromkeys(rules.shown_by.get(one, one) for one in found))


def is_simplified(character: str) -> bool:
    """Whether a character is written so in Simplified Chinese only."""
    return bool(simplified_characters(character))


def in_one_script(texts: Iterable[str]) -> list[str]:
    """`texts`, all in Simplified characters where one of them holds some, so that twins in the two scripts are alike.

    Texts without any stay as they are: what is compared with them needs no turning.
    """
    known = list(texts)
    if not any(map(simplified_characters, known)):
        return known
    return list(map(in_simplified, known))


def in_simplified(text: str) -> str:
    """`text` with each Traditional character as Simplified Chinese writes it: for comparing, never for showing."""
    return text.translate(_rules().in_one_script)


@cache
def _rules() -> _Rules:
    _, only, pairs = (_HERE / "simplified.txt").read_text(encoding="utf-8").split("\n\n")
    reviewed = read_yaml(_HERE / "simplified_reviewed.yaml")
    same = pairs.replace("\n", "")
    characters = (set(only.replace("\n", "")) - set(reviewed["also_traditional"])) | set(reviewed["also_simplified"])
    shown_by = {word: character for character, words in reviewed["words"].items() for word in words}
    return _Rules(
        may_tell=re.compile(f"[{''.join(sorted(characters | set(shown_by.values())))}]"),
        looked_for=re.compile(
            f"{'|'.join(reviewed['traditional_phrases'])}|(?P<word>{'|'.join(shown_by)})"
            f"|(?P<character>[{''.join(sorted(characters))}])"
        ),
        shown_by=shown_by,
        in_one_script={ord(ours): theirs for ours, theirs in zip(same[::2], same[1::2], strict=True)},
    )
