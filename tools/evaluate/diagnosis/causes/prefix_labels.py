"""A label is the beginning of another."""

from __future__ import annotations

from typing import ClassVar

from .....resources.foundation.language import Text
from ..case import Case
from ..cause import Cause, CauseKind, Remedy, ShownRow, ramp

_FEWEST = 4
_SOME, _MOST = 0.3, 0.7  # of the mistakes; choices of this project, as is what follows
_RARE, _FREQUENT = 0.02, 0.1


class PrefixLabels(CauseKind):
    """Answers stop too early or run on: the label given is the beginning of the one wanted, or the other way round."""

    title: ClassVar[Text] = Text("labels that begin alike", "標籤的開頭相同")
    page: ClassVar[str] = "llm-knowledge/trouble-between-splits"
    words: ClassVar[tuple[str, ...]] = ("prefix", "begin alike", "label names", "開頭", "標籤名稱")

    def examine(self, case: Case) -> Cause | None:
        if case.kind != "label":
            return None
        pairs, mistakes, alike = case.labels_that_begin_alike, case.mistakes(), case.taken_for_alike
        if len(alike) < _FEWEST:
            return None
        labels = len(case.labels)
        share = 0.9 * ramp(case.begin_alike, _SOME, _MOST) * ramp(len(alike) / len(case.answers), _RARE, _FREQUENT)
        if 2 * len(pairs) >= labels * (labels - 1):  # all labels begin alike: every mistake would count
            share *= 0.8
        one, other = sorted(pairs)[0]
        reasons = [
            Text(
                f"“{case.display_label(one)}” is the beginning of “{case.display_label(other)}”: when a model writes it, it must decide there "
                "whether to stop.",
                f"「{case.display_label(one)}」是「{case.display_label(other)}」的開頭：模型寫到這裡，就得決定要不要停。",
            ),
            Text(
                f"{len(alike)} of {len(mistakes)} mistakes are of two such labels.",
                f"{len(mistakes)} 個錯誤裡有 {len(alike)} 個發生在這樣的標籤之間。",
            ),
        ]
        value = case.result.value if case.result else 0.0
        remedy = Remedy(
            Text(
                "Give the labels names that begin differently (update_task keeps the rows), then train again",
                "把標籤改成開頭不同的名稱（用 update_task 改名，資料會跟著改），再訓練一次",
            ),
            call={
                "tool": "update_task",
                "arguments": {"task": case.folder.task.name, "labels": "<labels that begin differently>"},
            },
            expects=case.expects(
                value + len(alike) / max(1, len(case.answers)) / 2,
                value + len(alike) / max(1, len(case.answers)),
                Text("At most all mistakes between such labels go.", "最多是這些標籤之間的錯誤全部消失。"),
            ),
        )
        rows: list[ShownRow] = [
            {"id": row["id"], "split": "test", "label": row["gold"], "predicted": row["predicted"]} for row in alike
        ]
        return self.build_cause(
            self.improvement(share, case),
            {"pairs": [list(pair) for pair in sorted(pairs)], "mistakes": len(mistakes), "between_them": len(alike)},
            reasons,
            remedy,
            rows[:5],
        )
