"""Test rows that stand, or nearly stand, among the training rows."""

from __future__ import annotations

from typing import ClassVar

from .....resources.foundation.language import Text, several
from ..case import Case
from ..cause import Cause, CauseKind, Remedy, ShownRow, ramp

_FEW, _MANY = 0.03, 0.2  # share of the benchmark; a choice of this project


class Leak(CauseKind):
    """The score is too good: part of the test was seen in training."""

    title: ClassVar[Text] = Text("test rows that were seen in training", "測試資料在訓練時看過")
    page: ClassVar[str] = "llm-knowledge/evaluation"
    words: ClassVar[tuple[str, ...]] = ("too good", "leak", "duplicate", "好得不真實", "外洩", "重複")

    def examine(self, case: Case) -> Cause | None:
        evaluation, result = case.newest_result()
        trained_on = int(evaluation.trained_on or 0)
        seen = case.seen_in_evaluation.get("near_duplicates") or {}
        if not seen and not trained_on:
            return None
        alike = seen.get("found", 0) / seen["rows"] if seen.get("rows") else 0.0
        share = 1.0 if trained_on else 0.9 * ramp(alike, _FEW, _MANY)
        figures = {"trained_on": trained_on, "near_duplicates": seen.get("found"), "of": seen.get("rows")}
        reasons = []
        if trained_on:
            reasons.append(
                Text(
                    f"It was trained on {several(trained_on, 'row')} of the benchmark.",
                    f"評估基準裡有 {trained_on} 列被拿去訓練過。",
                )
            )
        if seen.get("found"):
            reasons.append(
                Text(
                    f"{seen['found']} of {seen['rows']} test rows are nearly identical to a training row, so the score "
                    f"says little about new texts.",
                    f"{seen['rows']} 筆測試資料裡有 {seen['found']} 筆和某筆訓練資料幾乎一樣，"
                    "這個分數不太能代表對新文字的表現。",
                )
            )
        remedy = Remedy(
            Text(
                "Keep rows of one pattern on one side (split group_by: skeleton), then prepare the data and measure "
                "again",
                "讓同一種句型只出現在一邊（split 的 group_by 設為 skeleton），重新準備資料再評估",
            ),
            call={
                "tool": "set_data_source",
                "arguments": {"task": case.folder.task.name, "split": {"group_by": "skeleton"}},
            },
            expects=case.expects(
                result.value - 0.3,
                result.value,
                Text(
                    "An honest score is lower; by how much nobody knows until it is measured.",
                    "老實的分數會比較低；低多少，要量了才知道。",
                ),
            ),
        )
        rows: list[ShownRow] = [
            {"id": one["id"], "split": "test", "train_row": one["train"]} for one in seen.get("examples", [])
        ]
        return self.build_cause(share, figures, reasons, remedy, rows[:3])
