from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from ....resources.foundation.language import Text
from ...data.rows import Row
from ...data.task_kind import Answers
from ..baseline import Baseline, answer_row
from ..metric import Answered


class Dictionary(Baseline):
    """The parts seen in training, looked up: the longest at each place, with the type it had most often.

    What CoNLL-2003 calls its baseline: it finds nothing that was never seen.
    """

    title: ClassVar[Text] = Text("a dictionary of the parts seen in training", "訓練資料的詞典比對")
    fits: ClassVar[tuple[Answers, ...]] = ("spans",)

    def answers(self, train: Sequence[Row], valid: Sequence[Row], rows: Sequence[Row], language: str) -> list[Answered]:
        seen: dict[str, Counter[str]] = {}
        for row in train:
            for span in row["spans"]:
                seen.setdefault(str(span["text"]), Counter())[str(span["type"])] += 1
        types = {part: min(counts, key=lambda kind: (-counts[kind], kind)) for part, counts in seen.items()}
        parts = re.compile("|".join(_whole(part) for part in sorted(types, key=len, reverse=True)) or r"(?!)")
        return [answer_row(row, _write_answer(parts, types, str(row["text"]))) for row in rows]


def _whole(part: str) -> str:
    """The part as a pattern that matches no piece of a word of Latin letters or digits."""
    before, after = (r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])")
    edges = [character.isascii() and character.isalnum() for character in (part[0], part[-1])]
    return (before if edges[0] else "") + re.escape(part) + (after if edges[1] else "")


def _write_answer(parts: re.Pattern[str], types: dict[str, str], text: str) -> str:
    found: dict[str, list[str]] = {}
    for part in dict.fromkeys(parts.findall(text)):
        found.setdefault(types[part], []).append(part)
    return json.dumps(found, ensure_ascii=False)
