"""It learns the training rows by heart and gets worse on others."""

from __future__ import annotations

from typing import ClassVar

from .....resources.figures import figure
from .....resources.foundation.language import Text, several
from ...seen import EpochSeen
from ..case import Case
from ..cause import Cause, CauseKind, NotKnown, Remedy, ramp

# Set on seeds 101 and 202 of the planted faults: the validation loss ended 1.17 to 1.5 times above its lowest, with 15 %
# between training and validation rows; in healthy runs it fell to the end.
_RISEN, _FAR_RISEN = 1.03, 1.2
_APART, _FAR_APART = 0.03, 0.12
_AS_GOOD = 0.02  # an earlier epoch whose validation recall is this near answers as well; a choice of this project


class Overfitting(CauseKind):
    """The validation loss has turned upwards before the kept epoch, and validation rows lag behind training rows."""

    title: ClassVar[Text] = Text("overfitting", "過度擬合")
    page: ClassVar[str] = "llm-knowledge/trouble-overfitting"
    words: ClassVar[tuple[str, ...]] = ("overfit", "by heart", "memor", "擬合", "死背", "背答案")

    def examine(self, case: Case) -> Cause | None:
        scored = [epoch for epoch in case.epochs if "valid_loss" in epoch]
        if not scored or not case.word_for_word:
            return self._by_losses(case)
        kept = min(case.kept_epoch or len(scored), len(scored))
        learnt, chosen = case.learnt or 0.0, scored[kept - 1]
        lowest = min(scored[:kept], key=lambda epoch: float(epoch["valid_loss"]))
        risen = chosen["valid_loss"] / max(lowest["valid_loss"], 1e-6)
        apart = learnt - chosen["valid_exact"]
        share = ramp(risen, _RISEN, _FAR_RISEN) * ramp(apart, _APART, _FAR_APART)
        figures = {
            "training_rows_right": round(learnt, 3),
            "validation_rows_right": chosen["valid_exact"],
            "validation_loss": chosen["valid_loss"],
            "lowest": lowest["valid_loss"],
            "lowest_epoch": lowest["epoch"],
            "kept_epoch": kept,
        }
        reasons = [
            Text(
                f"The validation loss was lowest in epoch {lowest['epoch']} ({lowest['valid_loss']:.3g}) and had risen "
                f"to {chosen['valid_loss']:.3g} in epoch {kept}, the one kept.",
                f"驗證損失在第 {lowest['epoch']} 輪最低（{lowest['valid_loss']:.3g}），到保留的第 {kept} 輪已升到 "
                f"{chosen['valid_loss']:.3g}。",
            ),
            Text(
                f"{learnt:.0%} of training rows are right, but {chosen['valid_exact']:.0%} of validation rows.",
                f"訓練資料答對 {learnt:.0%}，驗證資料只有 {chosen['valid_exact']:.0%}。",
            ),
        ]
        return self.build_cause(share, figures, reasons, self._remedy(case, int(lowest["epoch"]), scored, kept))

    def _remedy(self, case: Case, lowest: int, scored: list[EpochSeen], kept: int) -> Remedy:
        reached_by = [_validation_score(epoch) for epoch in scored]
        gain = max(0.0, max(reached_by) - reached_by[kept - 1])
        value = case.result.value if case.result else 0.0
        expects = case.expects(
            value - 0.02,
            value + gain + 0.05,
            Text(
                "An earlier epoch is surer of itself only where it should be; the score itself moves little.",
                "較早的輪次信心比較合理；分數本身變動不大。",
            ),
        )
        if case.config.keep_best == "last":
            return Remedy(
                Text(
                    "Keep the epoch with the lowest validation loss (keep_best: loss) instead of the last",
                    "保留驗證損失最低的那一輪（keep_best: loss），而不是最後一輪",
                ),
                {"keep_best": "loss"},
                expects=expects,
            )
        # A risen loss may be mere confidence while the answers still got better: no fewer epochs than those need.
        reached = reached_by[kept - 1] - _AS_GOOD
        fewer = max(lowest, next(int(epoch["epoch"]) for epoch in scored if _validation_score(epoch) >= reached))
        if fewer < len(scored):
            return Remedy(
                Text(
                    f"Train {several(fewer, 'epoch')} instead of {len(scored)}",
                    f"訓練輪數從 {len(scored)} 減為 {fewer}",
                ),
                {"epochs": fewer},
                expects=expects,
            )
        return Remedy(
            Text(
                "Add rows in other wordings: fewer epochs would cost right answers",
                "補不同說法的資料：減少輪數反而會少答對",
            ),
            call=case.more_rows(),
        )

    def _by_losses(self, case: Case) -> Cause | None:
        """For versions that left no epochs: by the two losses at the end."""
        learnt, held_out = case.training.train_loss, case.training.valid_loss
        epochs = int(case.config.epochs or 0)
        if not learnt or not held_out:
            raise NotKnown(Text("there were no validation rows to see it by", "沒有驗證資料可以判斷"))
        if held_out < figure("overfit_loss") or held_out / learnt < figure("overfit_ratio") or epochs < 2:
            return None
        reason = Text(
            f"The loss is {learnt:.3g} on training rows and {held_out:.3g} on held-out ones: it is memorising them.",
            f"訓練資料的損失是 {learnt:.3g}，驗證資料卻是 {held_out:.3g}：它在死背。",
        )
        fewer = max(1, epochs // 2)
        return self.build_cause(
            0.75,
            {"train_loss": learnt, "valid_loss": held_out},
            [reason],
            Remedy(
                Text(f"Train {several(fewer, 'epoch')} instead of {epochs}", f"訓練輪數從 {epochs} 減為 {fewer}"),
                {"epochs": fewer},
            ),
        )


def _validation_score(epoch: EpochSeen) -> float:
    """Mean recall over labels on the validation rows; where answers are no labels, the share answered exactly."""
    return float(epoch["valid_recall"] if "valid_recall" in epoch else epoch["valid_exact"])
