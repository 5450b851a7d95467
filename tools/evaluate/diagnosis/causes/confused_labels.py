"""Two labels that are taken for each other."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from .....resources.foundation.language import Text
from ..case import Case
from ..cause import Cause, CauseKind, Remedy, ShownRow, ramp

_FEWEST = 5
_MORE_AT_LEAST = 20


class ConfusedLabels(CauseKind):
    """Most mistakes are of one kind: rows of one label answered with one other."""

    title: ClassVar[Text] = Text("two labels taken for each other", "兩個標籤互相混淆")
    page: ClassVar[str] = "llm-knowledge/annotation"
    says_why: ClassVar[bool] = False
    words: ClassVar[tuple[str, ...]] = ("confus", "mix", "similar", "混淆", "搞混", "分不清")

    def examine(self, case: Case) -> Cause | None:
        if case.kind != "label":
            return None
        mistakes = [answer for answer in case.answers if not answer["correct"] and answer["predicted"] is not None]
        if not mistakes:
            return None
        (gold, said), count = Counter((str(row["gold"]), str(row["predicted"])) for row in mistakes).most_common(1)[0]
        if count < _FEWEST:
            return None
        of_label = sum(str(answer["gold"]) == gold for answer in case.answers)
        share = 0.6 * ramp(count / of_label, 0.1, 0.3) * ramp(count / len(mistakes), 0.3, 0.6)
        if (case.learnt or 1.0) < 0.9:
            share *= 0.5  # before the training rows are learnt, what is confused says little
        a, b = case.display_label(gold), case.display_label(said)
        more = max(_MORE_AT_LEAST, case.train_counts.get(gold, 0) // 2)
        reasons = [
            Text(
                f"{count} of {of_label} rows labelled “{a}” are answered “{b}”: {count / len(mistakes):.0%} of "
                "all wrong labels.",
                f"標為「{a}」的 {of_label} 筆裡有 {count} 筆答成「{b}」，占所有答錯標籤的 "
                f"{count / len(mistakes):.0%}。",
            ),
            Text(
                "Read them first: if people disagree about them too, the labels need a clearer line.",
                "先讀過這些句子：如果人也看法不一，就要先把標籤的界線說清楚。",
            ),
        ]
        value = case.result.value if case.result else 0.0
        labels = max(1, len(case.train_counts))
        remedy = Remedy(
            Text(
                f"Add about {more} rows of “{a}” that could be taken for “{b}”, and the other way round",
                f"補大約 {more} 筆容易被當成「{b}」的「{a}」，反過來也補一些",
            ),
            call=case.more_rows(),
            expects=case.expects(
                value,
                value + count / of_label / labels,
                Text("At most all of these mistakes go.", "最多是這些錯誤全部消失。"),
            ),
        )
        rows: list[ShownRow] = [
            {"id": row["id"], "split": "test", "label": gold, "predicted": said}
            for row in mistakes
            if (str(row["gold"]), str(row["predicted"])) == (gold, said)
        ]
        figures = {"label": gold, "answered": said, "rows": count, "of": of_label, "mistakes": len(mistakes)}
        return self.build_cause(self.improvement(share, case), figures, reasons, remedy, rows[:5])
