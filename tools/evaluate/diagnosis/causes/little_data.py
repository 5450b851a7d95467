"""Too few rows to learn from."""

from __future__ import annotations

from typing import ClassVar

from .....resources.figures import figure
from .....resources.foundation.language import Text, several
from ..case import Case
from ..cause import Cause, CauseKind, Remedy, ShownRow, ramp

_APART, _FAR_APART = 0.05, 0.2
_LOSSES_APART, _LOSSES_FAR_APART = 1.3, 2.5  # validation loss over training loss; a choice of this project


class LittleData(CauseKind):
    """Everything shown is learnt, new rows are not, and there is little to learn from."""

    title: ClassVar[Text] = Text("too few rows", "資料太少")
    page: ClassVar[str] = "llm-knowledge/data-sizes"
    words: ClassVar[tuple[str, ...]] = ("more data", "few rows", "資料太少", "資料不夠", "樣本不足")

    def examine(self, case: Case) -> Cause | None:
        rows, enough = case.train_rows, figure("rows_typical")
        least = figure("rows_per_label")
        thin = {label: count for label, count in case.train_counts.items() if count < least}
        if rows and not case.word_for_word:
            return self._by_losses(case, rows, enough)
        if not rows or case.accuracy is None or case.learnt is None:
            return None
        apart = case.learnt - case.accuracy
        share = 0.75 * ramp(enough - rows, 0.2 * enough, 0.9 * enough) * ramp(apart, _APART, _FAR_APART)
        if thin:
            share = max(share, 0.6 * ramp(apart, 0.0, _FAR_APART))
        more = max(int(enough - rows), rows)
        figures = {
            "training_rows": rows,
            "usual": enough,
            "training_rows_right": round(case.learnt, 3),
            "test_rows_right": round(case.accuracy, 3),
            "labels_below": thin,
        }
        reasons = [
            Text(
                f"{several(rows, 'row')} to learn from; a first version usually has {enough:.0f} or more.",
                f"只有 {rows} 筆可以學習，第一版通常要 {enough:.0f} 筆以上。",
            ),
            Text(
                f"{case.learnt:.0%} of training rows are right, {case.accuracy:.0%} of test rows: what is "
                "missing is examples, not effort.",
                f"訓練資料答對 {case.learnt:.0%}，測試資料只有 {case.accuracy:.0%}：缺的是例子，不是訓練量。",
            ),
        ]
        value = case.result.value if case.result else 0.0
        remedy = Remedy(
            Text(
                f"Add about {more} rows, like those it gets wrong above all", f"補大約 {more} 筆資料，以類似答錯的為主"
            ),
            call=case.more_rows(),
            expects=case.expects(
                value,
                value + apart / 2,
                Text(
                    "Doubling the rows usually closes part of the gap to the training rows.",
                    "資料加倍通常能補回和訓練資料之間的一部分差距。",
                ),
            ),
        )
        wrong: list[ShownRow] = [
            {"id": answer["id"], "split": "test", "label": answer["gold"], "predicted": answer["predicted"]}
            for answer in case.mistakes()
        ]
        return self.build_cause(self.improvement(share, case), figures, reasons, remedy, wrong[:3])

    def _by_losses(self, case: Case, rows: int, enough: float) -> Cause | None:
        """For free texts: by how far the validation loss stays above the training loss."""
        learnt, held_out = case.training.train_loss, case.training.valid_loss
        if not learnt or not held_out:
            return None
        share = (
            0.75
            * ramp(enough - rows, 0.2 * enough, 0.9 * enough)
            * ramp(held_out / learnt, _LOSSES_APART, _LOSSES_FAR_APART)
        )
        more = max(int(enough - rows), rows)
        reasons = [
            Text(
                f"{several(rows, 'row')} to learn from; a first version usually has {enough:.0f} or more. The "
                f"loss is {learnt:.3g} on them and {held_out:.3g} on held-out rows.",
                f"只有 {rows} 筆可以學習，第一版通常要 {enough:.0f} 筆以上。這些資料的損失是 {learnt:.3g}，"
                f"沒看過的資料是 {held_out:.3g}。",
            )
        ]
        remedy = Remedy(Text(f"Add about {more} rows", f"補大約 {more} 筆資料"), call=case.more_rows())
        return self.build_cause(
            self.improvement(share, case),
            {"training_rows": rows, "usual": enough, "train_loss": learnt, "valid_loss": held_out},
            reasons,
            remedy,
        )
