"""Too few epochs, or steps too small: what was shown is not learnt yet."""

from __future__ import annotations

from typing import ClassVar

from .....resources.figures import figure
from .....resources.foundation.language import Text
from ..case import Case
from ..cause import Cause, CauseKind, Remedy, ShownRow, ramp

# Set on seeds 101 and 202 of the planted faults: after one epoch 35 % of the training rows were right, in healthy runs all.
_UNEXPLAINED, _MANY = 0.04, 0.25
_TOO_FAST, _TOO_SLOW = 3.0, 1 / 3
_MOST_EPOCHS = 100
_FALLING, _FALLING_FAST = 0.05, 0.3  # of the loss in the last epoch; a choice of this project
_TRIED_LONGER = 2  # epochs after the kept one


class Underfitting(CauseKind):
    """The rows it was shown are not answered correctly, and neither the rate nor wrong labels explain it."""

    title: ClassVar[Text] = Text("not trained long enough", "訓練不足")
    page: ClassVar[str] = "llm-knowledge/trouble-underfitting"
    words: ClassVar[tuple[str, ...]] = ("underfit", "learns nothing", "too short", "訓練不足", "學不會", "擬合")

    def examine(self, case: Case) -> Cause | None:
        learnt = case.learnt
        if learnt is None:
            return self._by_loss(case)
        answers = case.seen_in_training["answers"]
        unexplained = 1 - learnt - len(case.doubted) / answers["rows"]
        share = 0.95 * ramp(unexplained, _UNEXPLAINED, _MANY)
        fast = (case.rate_ratio or 1.0) >= _TOO_FAST
        if fast:
            share *= 0.5  # more of the same steps would not help
        share *= 1 - 0.5 * case.noise  # rows that contradict each other cannot all be learnt
        share *= 1 - 0.4 * ramp(
            case.begin_alike, 0.3, 0.7
        )  # labels that begin alike are not learnt by more of the same
        if case.kept_epoch is not None and len(case.epochs) - case.kept_epoch >= _TRIED_LONGER and not fast:
            share *= 0.5  # longer was tried, and the validation rows preferred an earlier epoch
        last = case.epochs[-2:]
        figures = {
            "training_rows_right": round(learnt, 3),
            "training_rows_asked": answers["rows"],
            "epochs": case.config.epochs,
            "last_loss": last[-1]["train_loss"] if last else None,
        }
        reasons = [
            Text(
                f"Only {learnt:.0%} of {answers['rows']} rows it was trained on are answered correctly.",
                f"抽問 {answers['rows']} 筆訓練過的資料，只答對 {learnt:.0%}。",
            )
        ]
        if len(last) == 2 and last[1]["train_loss"] < last[0]["train_loss"]:
            reasons.append(
                Text(
                    f"The loss was still falling in the last epoch ({last[0]['train_loss']:.3g} → "
                    f"{last[1]['train_loss']:.3g}).",
                    f"最後一輪損失仍在下降（{last[0]['train_loss']:.3g} → {last[1]['train_loss']:.3g}）。",
                )
            )
        rows: list[ShownRow] = [{"id": row, "split": "train"} for row in answers["wrong"] if row not in case.doubted]
        return self.build_cause(share, figures, reasons, self._remedy(case), rows[:5])

    def _by_loss(self, case: Case) -> Cause | None:
        """For versions that left no answers: by the training loss alone."""
        if not case.word_for_word:
            return self._still_falling(case)
        loss = case.training.train_loss
        if not loss or loss < figure("underfit_loss"):
            return None
        reason = Text(
            f"The training loss stopped at {loss:.3g}: the rows it was shown are not learnt yet.",
            f"訓練損失停在 {loss:.3g}：連看過的資料都還沒學會。",
        )
        return self.build_cause(0.7, {"train_loss": loss}, [reason], self._remedy(case))

    def _still_falling(self, case: Case) -> Cause | None:
        """For free texts, of which no loss says when they are learnt: the loss fell much until the end."""
        last = [float(epoch["train_loss"]) for epoch in case.epochs[-2:]]
        if self._guesses(case):
            unlearnt = figure("unlearnt_text_loss")
            reason = Text(
                f"The training loss is still {last[-1]:.3g} per token, as if it guessed: next to nothing is learnt.",
                f"每個 token 的訓練損失還有 {last[-1]:.3g}，跟猜的差不多：幾乎什麼都還沒學會。",
            )
            return self.build_cause(
                0.9 * ramp(last[-1], unlearnt, unlearnt + 1), {"last_loss": last[-1]}, [reason], self._remedy(case)
            )
        if len(last) < 2 or not last[0]:
            return None
        fall = 1 - last[1] / last[0]
        reason = Text(
            f"The loss was still falling in the last epoch ({last[0]:.3g} → {last[1]:.3g}).",
            f"最後一輪損失仍在下降（{last[0]:.3g} → {last[1]:.3g}）。",
        )
        return self.build_cause(
            self.improvement(0.7 * ramp(fall, _FALLING, _FALLING_FAST), case),
            {"last_loss": last[1]},
            [reason],
            self._remedy(case),
        )

    def _guesses(self, case: Case) -> bool:
        return bool(case.epochs) and float(case.epochs[-1]["train_loss"]) >= figure("unlearnt_text_loss")

    def _remedy(self, case: Case) -> Remedy:
        if case.rate_ratio is not None and case.rate_ratio <= _TOO_SLOW:
            rates = case.seen_in_training["learning_rate"]
            return Remedy(
                Text(
                    f"Train with the usual learning rate {rates['usual']:g} instead of {rates['peak']:g}",
                    f"學習率從 {rates['peak']:g} 改為常用的 {rates['usual']:g}",
                ),
                {"learning_rate": rates["usual"]},
                expects=case.learnable(),
            )
        epochs = int(case.config.epochs or 1)
        # Far from learnt: several times as long; nearly there: half as long again.
        if case.learnt is None and self._guesses(case):
            more = min(_MOST_EPOCHS, max(3 * epochs, 8))
        else:
            more = min(_MOST_EPOCHS, max(epochs + max(1, epochs // 2), 8 if (case.learnt or 1.0) < 0.5 else 0))
        return Remedy(
            Text(f"Train {more} epochs instead of {epochs}", f"訓練輪數從 {epochs} 增為 {more}"),
            {"epochs": more},
            expects=case.learnable(),
        )
