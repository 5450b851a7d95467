"""In what form texts are written, whatever they say: capitals, markup, full-width letters, Simplified characters."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...resources.foundation.chinese import simplified_characters
from ...resources.foundation.language import Text

_MOSTLY = 0.7
_LONG = 20
_MARKUP = re.compile(r"</?[A-Za-z][^>]{0,80}>|&(?:[a-z]{2,6}|#\d+);")
_ESCAPED = re.compile(r"\\[nrt\"]|\\u[0-9a-fA-F]{4}")
_FULL_WIDTH = re.compile(r"[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]")
_PUNCTUATION = re.compile(r"[.,;:!?。，；：！？、]")
_MOJIBAKE = re.compile(r"\ufffd|Ã.|â€|ï¼")


def _capitals(text: str) -> bool:
    cased = [character for character in text if character.isupper() or character.islower()]
    return len(cased) > 3 and sum(character.isupper() for character in cased) > _MOSTLY * len(cased)


def _no_capitals(text: str) -> bool:
    cased = [character for character in text if character.isupper() or character.islower()]
    return len(cased) > 3 and not any(character.isupper() for character in cased)


FORMS: dict[str, tuple[Text, Callable[[str], bool]]] = {
    "capitals": (Text("written in capitals", "全部大寫"), _capitals),
    "no_capitals": (Text("written without any capital", "全部小寫"), _no_capitals),
    "markup": (
        Text("with markup such as <br> or &amp;", "帶有 <br>、&amp; 這類標記"),
        lambda text: bool(_MARKUP.search(text)),
    ),
    "escaped": (
        Text("with escapes such as \\n written out", "把 \\n 之類的跳脫字元寫成文字"),
        lambda text: bool(_ESCAPED.search(text)),
    ),
    "full_width": (
        Text("with full-width letters or digits", "帶有全形英數字"),
        lambda text: bool(_FULL_WIDTH.search(text)),
    ),
    "simplified": (Text("in Simplified Chinese", "用簡體字"), lambda text: bool(simplified_characters(text))),
    "garbled": (
        Text("with characters read in a wrong encoding", "帶有編碼錯誤的亂碼"),
        lambda text: bool(_MOJIBAKE.search(text)),
    ),
    "lines": (Text("in several lines", "分成好幾行"), lambda text: "\n" in text.strip()),
    "no_punctuation": (
        Text("without any punctuation", "完全沒有標點"),
        lambda text: len(text) > _LONG and not _PUNCTUATION.search(text),
    ),
    "quoted": (
        Text("in quotation marks", "外面包著引號"),
        lambda text: len(text) > 2 and text.strip()[:1] in "\"'「“" and text.strip()[-1:] in "\"'」”",
    ),
}


def forms_of(splits: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, dict[str, float]]:
    """For each form the share of each split's texts that have it; forms that no split has are left out."""
    found = {
        name: {
            split: round(sum(holds(str(row["text"])) for row in rows) / len(rows), 4) if rows else 0.0
            for split, rows in splits.items()
        }
        for name, (_, holds) in FORMS.items()
    }
    return {name: shares for name, shares in found.items() if any(shares.values())}
