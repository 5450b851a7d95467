"""Whether a row that a model wrote may be kept."""

from __future__ import annotations

from typing import Any, Literal

from ....resources.data_source import Quality
from ....resources.language import Text
from ....resources.task import Task
from ..cells import as_text
from ..near_copies import NearCopies
from ..rows import normalised

Record = dict[str, Any]
Reason = Literal["incomplete", "other_label", "unknown_label", "too_short", "too_long", "entity_not_in_text", "near_copy"]

REASONS: dict[Reason, Text] = {
    "incomplete": Text("text or label is missing", "缺少文字或標籤"),
    "other_label": Text("it carries another label than was asked for", "標籤和要求的不同"),
    "unknown_label": Text("its label is none of the task's", "標籤不在任務的清單裡"),
    "too_short": Text("it is shorter than data_source.yaml's quality.min_characters", "比 quality.min_characters 短"),
    "too_long": Text("it is longer than data_source.yaml's quality.max_characters", "比 quality.max_characters 長"),
    "entity_not_in_text": Text("its entity does not stand in its text", "對象沒有出現在文字裡"),
    "near_copy": Text("it all but repeats another row", "和另一列幾乎相同"),
}


class RowChecks:
    """Checks rows one by one, and knows each row it let through.

    Arguments:
        known: the texts that must not be repeated (the benchmark's, …); rows let through are added.
    """

    def __init__(self, task: Task, quality: Quality, known: NearCopies) -> None:
        self._task, self._quality, self._known = task, quality, known

    def checked(self, given: Record, label: str = "") -> Record | Reason:
        """The row `{text, entity?, label}`, or why it is refused.

        Arguments:
            label: the one label asked for; without it, any of the task's.
        """
        text, said, entity = (as_text(given.get(name)) for name in ("text", "label", "entity"))
        if reason := self._reason(text, said, entity, label):
            return reason
        self._known.add(text)
        return {"text": text, **({"entity": entity} if entity else {}), "label": label or said}

    def _reason(self, text: str, said: str, entity: str, label: str) -> Reason | None:
        if not text or not (said or label):
            return "incomplete"
        if label and said and normalised(said).casefold() != normalised(label).casefold():
            return "other_label"
        if not label and self._task.labels and said not in self._task.labels:
            return "unknown_label"
        if len(text) < self._quality.min_characters:
            return "too_short"
        if len(text) > self._quality.max_characters:
            return "too_long"
        if self._task.type == "entity-classification" and (
                not entity or normalised(entity).casefold() not in normalised(text).casefold()):
            return "entity_not_in_text"
        return "near_copy" if self._known.like(text) else None
