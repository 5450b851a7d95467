"""A simple method is better."""

from __future__ import annotations

from typing import ClassVar

from .....resources.foundation.language import Text
from ...baseline import baseline_title, fitted_title
from ..case import Case
from ..cause import Cause, CauseKind, Remedy, ramp


class SimpleBaseline(CauseKind):
    """A method that trains in seconds is shown (paired, 95 %) to answer the same rows better."""

    title: ClassVar[Text] = Text("a simple method is better", "簡單的方法比較好")
    page: ClassVar[str] = "llm-knowledge/choosing-a-method"
    says_why: ClassVar[bool] = False
    words: ClassVar[tuple[str, ...]] = ("worth it", "simple", "tf-idf", "tfidf", "值得", "簡單")

    def examine(self, case: Case) -> Cause | None:
        _, result = case.newest_result()
        simplest = result.simplest
        if not simplest or simplest.outcome != "wins":
            return None
        if simplest.ahead and simplest.ahead.high >= 0:  # the better figure may be chance
            return None
        title, value = baseline_title(simplest.name), float(simplest.value)
        behind = abs(value - result.value)
        fitted = fitted_title(simplest.name, simplest.fitted_on)
        reasons = [
            Text(
                "On the same rows {fitted} scores {value:.3f}, this version {own_value:.3f}; it trains in seconds "
                "and needs no GPU.",
                "{fitted}在同一批資料上得到 {value:.3f}，這個版本是 {own_value:.3f}；它幾秒就訓練好，也不需要 GPU。",
            ).format(fitted=fitted, value=value, own_value=result.value)
        ]
        remedy = Remedy(
            Text(
                "Use {title} unless the model offers something else, or fix the cause above first",
                "除非模型另有好處，否則直接用{title}；或先處理上面的原因",
            ).format(title=title),
            call={"tool": "coach", "arguments": {"task": case.folder.task.name}},
            expects=case.expects(value, value, Text("It is measured already.", "已經量過了。")),
        )
        share = self.improvement(0.5 + 0.15 * ramp(behind, 0.0, 0.2), case)
        figures = {"method": simplest.name, "value": value, "version": result.value}
        return self.build_cause(share, figures, reasons, remedy)
