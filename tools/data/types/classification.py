from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ....resources.foundation.language import Language, Text, several
from ....resources.task import Prompt
from ..cells import as_structure, as_text
from ..reading_answers import parse_label
from ..rows import Row
from ..task_kind import Answers, Spelling, TaskKind, Unfit


class Classification(TaskKind):
    """One label for a text: `{text, label}`."""

    title: ClassVar[Text] = Text("one label for a text", "替一段文字貼一個標籤")
    roles: ClassVar[tuple[str, ...]] = ("text", "label")
    optional: ClassVar[tuple[str, ...]] = ("entity",)
    answers: ClassVar[Answers] = "label"
    usual_metric: ClassVar[str] = "macro_f1"
    key: ClassVar[str] = "label"
    needs_labels: ClassVar[bool] = True
    one_label: ClassVar[bool] = True
    sample: ClassVar[Mapping[str, Any]] = {"text": "…", "label": "…"}
    row_tokens: ClassVar[int] = 75
    prompts: ClassVar[Mapping[Language, Prompt]] = {
        "en": Prompt(
            system="Read the text and decide which label fits it.\nLabels: {labels}\nAnswer with exactly one label.",
            user="Text: {text}",
        ),
        "zh-TW": Prompt(
            system="請閱讀文字，判斷它屬於哪一個標籤。\n標籤：{labels}\n只回答一個標籤。", user="文字：{text}"
        ),
    }

    problems: ClassVar[Mapping[str, Text]] = {
        "several_labels": Text(
            "it has several labels, but a row can only have one", "同一列有好幾個標籤，但每列只能有一個"
        )
    }

    def fields(self, values: Mapping[str, Any], spelling: Spelling) -> Row:
        needed = {
            role: self.require_text({role: _only_one(values.get(role)) if role == "label" else values.get(role)}, role)
            for role in self.roles
        }
        row = {"text": needed["text"]}
        if entity := as_text(values.get("entity")):
            row["entity"] = entity
        row["label"] = spelling.of(needed["label"])
        return row

    def accept_answer(self, text: str, said: Any, labels: Sequence[str]) -> str:
        label = as_text(said)
        if label not in labels:
            raise Unfit("unknown_label" if label else "label")
        return label

    def holds(self, answer: str, labels: Sequence[str]) -> bool:
        return answer in labels

    def with_label(self, values: Mapping[str, Any], label: str) -> Mapping[str, Any]:
        return {**values, "label": values.get("label") or label}

    def describe_request(self, rows: int, label: str) -> Text:
        if not label:
            return super().describe_request(rows, label)
        return Text(
            f"Write {several(rows, 'row')}, each with the label {label!r}.", f"寫 {rows} 筆，label 一律是「{label}」。"
        )

    def answer(self, row: Mapping[str, Any]) -> str:
        return str(row["label"])

    def read(self, answer: str, labels: Sequence[str]) -> str | None:
        return parse_label(answer, labels)

    def labels_of(self, row: Mapping[str, Any]) -> list[str]:
        return [str(row["label"])] if row.get("label") else []


def _only_one(label: Any) -> Any:
    """The label in a list of one, as annotation tools write it."""
    found = as_structure(label) if isinstance(label, list) or (isinstance(label, str) and label[:1] == "[") else None
    if not isinstance(found, list):
        return label
    if len(found) > 1:
        raise Unfit("several_labels")
    return found[0] if found else None
