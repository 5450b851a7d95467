"""Answers that are none of their kind."""

from __future__ import annotations

from typing import ClassVar

from .....resources.figures import figure
from .....resources.foundation.language import Text
from ...verdict import invalid_words
from ..case import Case
from ..cause import Cause, CauseKind, Remedy, ShownRow, ramp
from ..rewards import by_rewards
from ..rewards import reasons as rewards
from ..standing import result_of

_MANY = 0.15
_MOST_EPOCHS = 100


class InvalidAnswers(CauseKind):
    """The form of the answer is not learnt, where no template, stop or lack of training explains it."""

    title: ClassVar[Text] = Text("answers not in a usable form", "回答的格式不對")
    page: ClassVar[str] = "llm-knowledge/trouble-invalid-answers"
    words: ClassVar[tuple[str, ...]] = ("invalid", "format", "not a label", "格式", "不是標籤", "亂答")

    def examine(self, case: Case) -> Cause | None:
        evaluation, result = case.newest_result()
        few = figure("invalid_rate")
        if result.invalid_rate <= few:
            return None
        explained = case.same_prompt is False or "end_of_turn" in case.problems or (case.learnt or 1.0) < 0.9
        share = (0.55 + 0.3 * ramp(result.invalid_rate, few, _MANY)) * (0.5 if explained else 1.0)
        what = invalid_words(evaluation)
        reasons = [
            Text(
                "{invalid_rate:.1%} of the answers are {what} and count as wrong: the form is not learnt yet.",
                "有 {invalid_rate:.1%} 的回答{what}，全部算錯：回答的格式還沒學會。",
            ).format(invalid_rate=result.invalid_rate, what=what)
        ]
        rows: list[ShownRow] = [
            {"id": answer["id"], "split": "test", "label": answer["gold"], "answer": answer["raw"]}
            for answer in case.mistakes()
            if answer["predicted"] is None
        ]
        remedy = self._remedy(case, result.value)
        if self._longer_was_tried(case) and (rewarded := by_rewards(case)):
            remedy, reasons = rewarded, [*reasons, *rewards(case)]
        # Whatever the remedy promises: limited to the labels, it shows what it knows.
        gain = max(0.0, case.constrained - result.value) if case.constrained is not None else None
        return self.build_cause(
            share,
            {"invalid_rate": result.invalid_rate, "limited_to_labels": case.constrained},
            reasons,
            remedy,
            rows[:3],
            gain,
        )

    def _longer_was_tried(self, case: Case) -> bool:
        """Whether the version it was made from had the same trouble after fewer epochs."""
        parent = case.parent
        before = result_of(case.task, parent) if parent else None
        if parent is None or before is None or not parent.config_file.is_file():
            return False
        shorter = int(parent.config().epochs or 1) < int(case.config.epochs or 1)
        return shorter and before.invalid_rate > figure("invalid_rate")

    def _remedy(self, case: Case, value: float) -> Remedy:
        epochs = int(case.config.epochs or 1)
        more = min(_MOST_EPOCHS, epochs + max(1, epochs // 2))
        known = case.constrained
        expects = (
            case.expects(
                value + (known - value) / 2,
                known + 0.05,
                Text(
                    f"Limited to the labels it scores {known:.2f} already.", f"限定只能回答標籤時已經有 {known:.2f}。"
                ),
            )
            if known is not None
            else None
        )
        return Remedy(
            Text(f"Train {more} epochs instead of {epochs}", f"訓練輪數從 {epochs} 增為 {more}"),
            {"epochs": more},
            expects=expects,
        )
