"""Signs in the text that give the label away, such as a ticket number whose first letter depends on it.

What decides a label in honest texts is spread over many wordings. A code that alone stands in a third and more of a label's
rows, or a word in most of them, and next to never in others', is learnt first, and is no use once new rows lack it (a "shortcut": Geirhos et al.,
"Shortcut Learning in Deep Neural Networks", 2020).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .seen import Giveaways, Sign

_PURE = 0.98  # of the rows that have it are of the one label
_COVERS, _WORD_COVERS = 0.3, 0.6  # of the label's rows have it: a code, a word; choices of this project
_FEWEST = 5
_MOST_SHOWN = 6
_TOKEN = re.compile(r"[^\W_]+(?:[-_/#.:][^\W_]+)*|[^\w\s]")
_CHINESE = re.compile(r"[\u3400-\u9fff]+")
_PIECE = 3


def signs_of(text: str) -> dict[str, list[str]]:
    """The signs of a text, each with the tokens that show it: words, and of what holds digits its shape and beginning."""
    found: dict[str, list[str]] = {}
    for token in _TOKEN.findall(text):
        for sign in _signs(token):
            found.setdefault(sign, []).append(token)
    return found


def _signs(token: str) -> set[str]:
    if _CHINESE.search(token) and not token.isascii():
        return {token[at : at + _PIECE] for at in range(max(1, len(token) - _PIECE + 1))}
    if not any(character.isdigit() for character in token):
        return {token.casefold()}
    shape = re.sub(r"\d", "9", token)
    return {
        token,
        shape,
        *(f"{token[:size]}…" for size in (1, 2, 3) if size < len(token)),
        f"{token[0]}{'·' * (len(token) - 1)}",
        f"…{token[-1]}",
    }


def is_code(sign: str) -> bool:
    """Whether it looks like a number or a code rather than like a word."""
    return any(character.isdigit() or character in "…·" for character in sign)


def giveaways(train: Sequence[Mapping[str, Any]], test: Sequence[Mapping[str, Any]]) -> Giveaways:
    """The signs that give labels away in the training rows, and whether they still do among the test rows.

    Returns:
        `signs` (`{sign, label, rows, example}`, those that cover most first), and of the rows trained on and tested on the
        share that has any of them (`train`, `test`), and of those the share of which the sign names the label (`holds`);
        `rows` are ids of training rows. Empty where there is none.
    """
    of_label = Counter(str(row["label"]) for row in train)
    if len(of_label) < 2:
        return {}
    seen: dict[str, Counter[str]] = {}
    for row in train:
        for sign in signs_of(text_of(row)):
            seen.setdefault(sign, Counter())[str(row["label"])] += 1
    pure: dict[str, str] = {}
    for sign, counts in seen.items():
        label, count = counts.most_common(1)[0]
        covers = _COVERS if is_code(sign) else _WORD_COVERS
        if count >= max(_FEWEST, covers * of_label[label]) and count >= _PURE * counts.total():
            pure[sign] = label
    if not pure:
        return {}
    trained, tested = ([_giveaway_label(row, pure) for row in rows] for rows in (train, test))
    has = [label for label in tested if label]
    holds = sum(named == row["label"] for named, row in zip(tested, test, strict=True) if named)
    order = sorted(pure, key=lambda sign: (-seen[sign].total(), is_code(sign), -len(sign)))
    shown: dict[str, Sign] = {}
    for sign in order:  # one for each label first, so that all are named
        shown.setdefault(pure[sign], {"sign": sign, "label": pure[sign], "rows": seen[sign].total()})
    return {
        "signs": list(shown.values())[:_MOST_SHOWN],
        "all": order[:200],
        "codes": any(is_code(sign) for sign in pure),
        "train": round(sum(bool(label) for label in trained) / len(train), 4),
        "test": round(len(has) / len(test), 4) if test else 0.0,
        "holds": round(holds / len(has), 4) if has else 0.0,
        "rows": [row["id"] for row, label in zip(train, trained, strict=True) if label][:_MOST_SHOWN],
    }


def _giveaway_label(row: Mapping[str, Any], pure: Mapping[str, str]) -> str | None:
    """The label that the row's signs name most often."""
    named = Counter(pure[sign] for sign in signs_of(text_of(row)) if sign in pure)
    return named.most_common(1)[0][0] if named else None


def without(text: str, signs: Collection[str]) -> str:
    """The text without the tokens that show one of these signs."""
    known = set(signs)
    return _TOKEN.sub(lambda token: "" if _signs(token.group()) & known else token.group(), text) if known else text


def text_of(row: Mapping[str, Any]) -> str:
    return f"{row['text']} {row['entity']}" if row.get("entity") else str(row["text"])
