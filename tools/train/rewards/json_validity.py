from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ....resources.foundation.language import Text
from ...data.reading_answers import parse_json
from ...data.task_kind import Answers, kind_of
from ..reward import Reward


class JsonValidity(Reward):
    """1 where the whole answer is JSON of the shape the right one has, else 0.

    The same kind of JSON (object or list), for objects with the same keys; for spans an object of lists of texts. An
    empty object is valid for spans, so it needs another reward beside it that asks for the content.
    """

    title: ClassVar[Text] = Text("the answer is JSON of the right shape", "回答是格式正確的 JSON")
    answers: ClassVar[tuple[Answers, ...]] = ("spans", "text")
    usual_for: ClassVar[tuple[Answers, ...]] = ("spans",)

    def score(self, row: Mapping[str, Any], answer: str, labels: Sequence[str]) -> float:
        kind = kind_of(row)
        if kind.answers == "spans":
            return float(kind.read(answer, labels) is not None)
        found, wanted = parse_json(answer), parse_json(kind.answer(row))
        alike = type(found) is type(wanted) and (not isinstance(found, dict) or found.keys() == wanted.keys())
        return float(found is not None and alike)

    def unfit(self, row: Mapping[str, Any]) -> Text | None:
        kind = kind_of(row)
        if kind.answers == "spans" or parse_json(kind.answer(row)) is not None:
            return None
        return Text("its right answer is not JSON", "它的正確答案不是 JSON")
