from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ....resources.foundation.language import Text
from ...data.reading_answers import parse_json
from ...data.task_kind import Answers
from ..metric import Answered, ShareMetric


class JsonValidity(ShareMetric):
    """The share of answers that are JSON, whatever they say; fits parts of a text, and texts that should be JSON."""

    title: ClassVar[Text] = Text("valid JSON", "JSON 有效率")
    explained: ClassVar[Text] = Text(
        "Valid JSON: the share of answers a program can read, right or wrong.",
        "JSON 有效率：程式讀得懂的回答比例，不論內容對錯。",
    )
    answers: ClassVar[tuple[Answers, ...]] = ("spans", "text")
    verifiable: ClassVar[bool] = True

    def applies(self, answers: Sequence[Answered]) -> bool:
        return all(parse_json(row.gold) is not None for row in answers)

    def holds(self, row: Answered) -> bool:
        return parse_json(row.raw or "") is not None
