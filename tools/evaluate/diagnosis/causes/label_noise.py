"""Wrong labels in the training rows."""

from __future__ import annotations

from typing import ClassVar, cast

from .....resources.foundation.language import Text, several
from ..case import Case
from ..cause import Cause, CauseKind, Remedy, ShownRow, ramp

# Of clean rows, hard ones among them, a simple model suspects up to a tenth where it has seen their like, more where
# it has not; so what it alone suspects is never more than a sign.
_SUSPECTED, _MANY_SUSPECTED = 0.1, 0.35


class LabelNoise(CauseKind):
    """Rows whose label two models deny: the trained one, and a simple one that never saw them."""

    title: ClassVar[Text] = Text("wrong labels in the training rows", "訓練資料的標註有錯")
    page: ClassVar[str] = "llm-knowledge/trouble-label-noise"
    words: ClassVar[tuple[str, ...]] = ("label", "annotat", "noise", "標註", "標錯", "雜訊")

    def examine(self, case: Case) -> Cause | None:
        if case.kind != "label":
            return None
        suspects = case.suspects
        suspected = suspects["found"] / suspects["rows"]
        share = case.noise
        # Rows learnt by heart are denied by nobody any more; then the simple model's word alone is only a sign.
        share = max(share, 0.45 * ramp(suspected, _SUSPECTED, _MANY_SUSPECTED))
        asked = (case.seen_in_training.get("answers") or {}).get("rows") or 0
        figures = {
            "suspects": suspects["found"],
            "rows": suspects["rows"],
            "denied_by_both": len(case.doubted),
            "asked": asked,
            "pairs": suspects["pairs"],
        }
        reasons = [
            Text(
                f"{suspects['found']} of {suspects['rows']} training rows ({suspected:.0%}) look like another label to a "
                "simple model that never saw them.",
                f"{suspects['rows']} 筆訓練資料裡有 {suspects['found']} 筆（{suspected:.0%}），沒看過它們的簡單模型認為是別的標籤。",
            )
        ]
        if case.doubted:
            reasons.append(
                Text(
                    f"The trained model itself disagrees with {len(case.doubted)} of them among {asked} asked, "
                    f"although it was trained on them.",
                    f"抽問 {asked} 筆，訓練後的模型對其中 {len(case.doubted)} 筆也不同意，即使它是照這些標註訓練的。",
                )
            )
        sure = suspects.get("sure") or {}
        if case.noise and sure:
            reasons.append(
                Text(
                    f"Of {several(sure['rows'], 'row')} that simple model is sure of, the label contradicts "
                    f"{sure['denied'] / sure['rows']:.0%}; where labels are right, however hard the rows, it is about "
                    f"one in ten.",
                    f"簡單模型很有把握的 {sure['rows']} 筆裡，有 {sure['denied'] / sure['rows']:.0%} 和標註不同；"
                    "標註正確時，再難的資料也大約只有一成。",
                )
            )
        first = [row for row in suspects["examples"] if row["id"] in set(case.doubted)]
        rows: list[ShownRow] = [cast(ShownRow, {**row, "split": "train"}) for row in [*first, *suspects["examples"]]]
        unique = list({row["id"]: row for row in rows}.values())[:5]
        value = case.result.value if case.result else 0.0
        place = case.folder.task.data / "train.jsonl"
        remedy = Remedy(
            Text(
                f"Correct the labels of the {suspects['found']} suspect rows in {place} (their ids, the surest first, are "
                f"in {case.folder.evidence_file}), then train again with the same settings",
                f"先更正 {place} 裡 {suspects['found']} 筆可疑標註（編號在 {case.folder.evidence_file}，最有把握的在前），"
                "再用相同設定訓練一次",
            ),
            call={
                "tool": "plan_training",
                "arguments": {
                    "task": case.folder.task.name,
                    "parent": case.folder.name,
                    "changes": [str(Text("Suspect labels corrected, nothing else", "只更正可疑的標註"))],
                },
            },
            expects=case.expects(
                value + suspected / 4,
                value + suspected,
                Text(
                    "At most what the wrong labels took; test rows that are labelled wrongly themselves stay wrong.",
                    "最多補回錯誤標註造成的損失；測試資料本身標錯的仍會算錯。",
                ),
            ),
        )
        return self.build_cause(share, figures, reasons, remedy, unique)
