"""The learning rate is larger than this base model bears."""

from __future__ import annotations

from typing import ClassVar

from .....resources.foundation.language import Text
from ..case import Case
from ..cause import Cause, CauseKind, NotKnown, Remedy, ramp

# Set on seeds 101 and 202 of the planted faults: 25 times the usual rate left 36 % and 29 % of the training rows right;
# at the usual rate healthy runs had all of them.
_FAR, _VERY_FAR = 2.0, 8.0
_LEARNT, _NOT_LEARNT = 0.97, 0.8
_CALMER = 5.0


class RateTooHigh(CauseKind):
    """Steps so large that the loss falls late or not at all: far above the usual rate, and the rows are not learnt."""

    title: ClassVar[Text] = Text("learning rate too high", "學習率太高")
    page: ClassVar[str] = "llm-knowledge/trouble-rate-too-high"
    words: ClassVar[tuple[str, ...]] = ("nan", "diverge", "unstable", "jumps", "發散", "不穩", "震盪")

    def examine(self, case: Case) -> Cause | None:
        if case.failure.get("field") == "learning_rate":
            return self._broken_down(case)
        ratio, learnt = case.rate_ratio, case.learnt
        if ratio is None or learnt is None:
            raise NotKnown(
                Text(
                    "the training recorded no learning rate and answers to compare", "訓練沒有留下學習率與回答可以比對"
                )
            )
        share = ramp(ratio, _FAR, _VERY_FAR) * ramp(-learnt, -_LEARNT, -_NOT_LEARNT)
        rates = case.seen_in_training["learning_rate"]
        losses, gradients = case.seen_in_training.get("loss") or {}, case.seen_in_training.get("gradients") or {}
        figures = {
            "learning_rate": rates["peak"],
            "usual": rates["usual"],
            "training_rows_right": round(learnt, 3),
            "first_loss": losses.get("first"),
            "last_loss": losses.get("last"),
            "largest_gradient": gradients.get("largest"),
        }
        reasons = [
            Text(
                f"The rate {rates['peak']:g} is {ratio:.0f} times what works for a base model of this size "
                f"(about {rates['usual']:g}).",
                f"學習率 {rates['peak']:g} 是這個大小的基礎模型適用值（約 {rates['usual']:g}）的 {ratio:.0f} 倍。",
            ),
            Text(
                f"Only {learnt:.0%} of the rows it was trained on are answered correctly, the loss ended at "
                f"{losses.get('last', 0):.2f}.",
                f"連訓練過的資料也只答對 {learnt:.0%}，損失停在 {losses.get('last', 0):.2f}。",
            ),
        ]
        say = Text(
            f"Train with the learning rate {rates['usual']:g} instead of {rates['peak']:g}",
            f"學習率從 {rates['peak']:g} 改為 {rates['usual']:g}",
        )
        return self.build_cause(
            share, figures, reasons, Remedy(say, {"learning_rate": rates["usual"]}, expects=case.learnable())
        )

    def _broken_down(self, case: Case) -> Cause | None:
        """The training stopped on a loss that is no number."""
        rate = float(case.config.learning_rate or 0.0)
        smaller = float(f"{rate / _CALMER:.1g}")
        why = Text("The training broke down: its loss became infinite or NaN.", "訓練失控：損失變成無限大或 NaN。")
        say = Text(f"Train with a learning rate a fifth as large ({smaller:g})", f"學習率降為五分之一（{smaller:g}）")
        return self.build_cause(1.0, {"learning_rate": rate}, [why], Remedy(say, {"learning_rate": smaller}))
