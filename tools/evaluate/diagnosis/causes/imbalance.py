"""One label has far fewer rows than another and is overlooked."""

from __future__ import annotations

from typing import ClassVar

from .....resources.foundation.language import Text, several
from ..case import Case
from ..cause import Cause, CauseKind, Remedy, ShownRow, ramp

# A choice of this project; the planted runs (14 rows to 1) left the rare label far more than 0.2 of F1 behind the others.
_BEHIND, _FAR_BEHIND = 0.05, 0.2
_MORE_AT_LEAST = 20


class Imbalance(CauseKind):
    """A rare label lags behind the others in F1: always answering the frequent one costs the loss little."""

    title: ClassVar[Text] = Text("imbalanced labels", "類別不平衡")
    page: ClassVar[str] = "llm-knowledge/trouble-imbalance"
    words: ClassVar[tuple[str, ...]] = ("imbalance", "rare", "always", "minority", "不平衡", "少數", "都猜", "老是")

    def examine(self, case: Case) -> Cause | None:
        if case.kind != "label":
            return None
        evaluation, _ = case.newest_result()
        f1 = {label: float(figures.f1 or 0.0) for label, figures in evaluation.per_class.items() if figures.support}
        counts = {label: count for label, count in case.train_counts.items() if count and label in f1}
        if len(counts) < 2:
            return None
        most = max(counts, key=lambda label: counts[label])
        rare = [label for label in counts if counts[most] / counts[label] > case.max_imbalance]
        if not rare:
            return None
        label = min(rare, key=lambda one: f1[one])
        others = [f1[one] for one in f1 if one not in rare] or [f1[most]]
        behind = sum(others) / len(others) - f1[label]
        share = ramp(behind, _BEHIND, _FAR_BEHIND)
        ratio, name = counts[most] / counts[label], case.display_label(label)
        figures = {
            "label": label,
            "rows": counts[label],
            "largest": counts[most],
            "ratio": round(ratio, 1),
            "f1": round(f1[label], 3),
            "others_f1": round(sum(others) / len(others), 3),
        }
        reasons = [
            Text(
                f"“{name}” is weakest (F1 {f1[label]:.2f}) and has {several(counts[label], 'training row')}, {ratio:.1f} times "
                "fewer than the largest.",
                f"「{name}」最弱（F1 {f1[label]:.2f}），訓練資料只有 {counts[label]} 筆，是最多的標籤的 {ratio:.1f} 分之一。",
            )
        ]
        missed: list[ShownRow] = [
            {"id": answer["id"], "split": "test", "label": label, "predicted": answer["predicted"]}
            for answer in case.mistakes()
            if answer["gold"] == label
        ]
        return self.build_cause(share, figures, reasons, self._remedy(case, label, behind, len(f1), counts), missed[:5])

    def _remedy(self, case: Case, label: str, behind: float, labels: int, counts: dict[str, int]) -> Remedy:
        value, name = case.result.value if case.result else 0.0, case.display_label(label)
        whole = behind / labels if case.result and case.result.metric == "macro_f1" else behind
        expects = case.expects(
            value,
            value + whole,
            Text(
                f"If “{name}” came up to the other labels, the score would rise by {whole:.2f}; repeated rows bring only "
                "part of that.",
                f"如果「{name}」追上其他標籤，分數會上升 {whole:.2f}；重複抽樣只能補回其中一部分。",
            ),
        )
        if case.config.balance != "oversample":
            return Remedy(
                Text(
                    f"Show rare labels more often (balance: oversample), “{name}” above all",
                    f"讓少見的標籤多出現幾次（balance: oversample），尤其是「{name}」",
                ),
                {"balance": "oversample"},
                expects=expects,
            )
        more = max(counts[label], _MORE_AT_LEAST)
        return Remedy(
            Text(
                f"Add about {more} rows of “{name}”; repeating the few there are has been tried",
                f"補大約 {more} 筆「{name}」的資料；重複現有的少數幾筆已經試過了",
            ),
            call=case.more_rows(),
            expects=expects,
        )
