from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ....resources.foundation.language import Language, Text
from ....resources.task import Prompt
from ..rows import normalise
from .classification import Classification


class EntityClassification(Classification):
    """One label for something named in a text: `{text, entity, label}`."""

    title: ClassVar[Text] = Text("one label for something named in a text", "針對文字裡的一個對象貼一個標籤")
    roles: ClassVar[tuple[str, ...]] = ("text", "entity", "label")
    inputs: ClassVar[tuple[str, ...]] = ("text", "entity")
    sample: ClassVar[Mapping[str, Any]] = {"text": "…", "entity": "…", "label": "…"}
    hints: ClassVar[tuple[Text, ...]] = (
        Text("entity is what the text is about, exactly as it appears there.", "entity 是 text 裡出現的對象。"),
    )
    prompts: ClassVar[Mapping[Language, Prompt]] = {
        "en": Prompt(
            system="Read the text and decide which label fits the given entity.\nLabels: {labels}\n"
            "Answer with exactly one label.",
            user="Entity: {entity}\nText: {text}",
        ),
        "zh-TW": Prompt(
            system="請閱讀文字，判斷指定對象屬於哪一個標籤。\n標籤：{labels}\n只回答一個標籤。",
            user="對象：{entity}\n文字：{text}",
        ),
    }

    def fault(self, row: Mapping[str, Any], labels: Sequence[str], wanted: str = "") -> str | None:
        return super().fault(row, labels, wanted) or (None if self.answerable(row) else "entity_not_in_text")

    def answerable(self, row: Mapping[str, Any]) -> bool:
        return normalise(row["entity"]).casefold() in normalise(row["text"]).casefold()
