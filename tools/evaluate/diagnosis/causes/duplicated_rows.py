"""A label's rows are few texts, repeated."""

from __future__ import annotations

from typing import ClassVar

from .....resources.evaluation import ClassFigures
from .....resources.foundation.language import Text, several
from ..case import Case
from ..cause import Cause, CauseKind, Remedy, ShownRow, ramp

_TWICE, _OFTEN = 1.5, 4.0  # rows for each different text; choices of this project, as is what follows
_FEW, _ENOUGH = 60, 20
_BEHIND, _FAR_BEHIND = 0.03, 0.15
_MORE_AT_LEAST = 20


class DuplicatedRows(CauseKind):
    """What looks like many rows of a label is a handful of texts: they are memorised, and new ones are not found."""

    title: ClassVar[Text] = Text("the same few texts again and again", "同樣的幾筆資料一再重複")
    page: ClassVar[str] = "llm-knowledge/trouble-between-splits"
    words: ClassVar[tuple[str, ...]] = ("duplicate", "repeat", "copies", "重複", "複製")

    def examine(self, case: Case) -> Cause | None:
        if case.kind != "label":
            return None
        evaluation, _ = case.newest_result()
        found = {label: counts for label, counts in (case.between.get("repeated") or {}).items() if counts["different"]}
        if not found:
            return None
        label = max(found, key=lambda one: found[one]["rows"] / found[one]["different"])
        rows, different = found[label]["rows"], found[label]["different"]
        figures = evaluation.per_class.get(label) or ClassFigures()
        recall, support = float(figures.recall or 0.0), figures.support
        behind = (case.learnt or 0.0) - recall if support else 0.0
        share = (
            ramp(rows / different, _TWICE, _OFTEN)
            * ramp(-different, -_FEW, -_ENOUGH)
            * ramp(behind, _BEHIND, _FAR_BEHIND)
        )
        name, more = case.display_label(label), max(_MORE_AT_LEAST, rows - different)
        reasons = [
            Text(
                f"The {several(rows, 'training row')} of “{name}” are {several(different, 'different text')}, repeated.",
                f"「{name}」的 {rows} 筆訓練資料其實只有 {different} 種文字，一再重複。",
            ),
            Text(
                f"Training rows are answered correctly in {case.learnt or 0.0:.0%}, test rows of “{name}” in "
                f"{recall:.0%}.",
                f"訓練資料答對 {case.learnt or 0.0:.0%}，測試資料的「{name}」只找到 {recall:.0%}。",
            ),
        ]
        value = case.result.value if case.result else 0.0
        whole = behind * (
            1 / max(1, len(found))
            if case.result and case.result.metric == "macro_f1"
            else support / max(1, case.result.rows if case.result else 1)
        )
        remedy = Remedy(
            Text(
                f"Take the copies out and add about {more} rows of “{name}” that differ",
                f"刪掉重複的，並補大約 {more} 筆內容不同的「{name}」",
            ),
            call=case.more_rows(),
            expects=case.expects(
                value + whole / 2,
                value + whole,
                Text(
                    f"At most “{name}” is found as surely as in training.",
                    f"最多是「{name}」在測試時也和訓練時一樣好。",
                ),
            ),
        )
        missed: list[ShownRow] = [
            {"id": answer["id"], "split": "test", "label": label, "predicted": answer["predicted"]}
            for answer in case.mistakes()
            if answer["gold"] == label
        ]
        return self.build_cause(
            self.improvement(share, case),
            {"label": label, "rows": rows, "different": different, "recall": round(recall, 3)},
            reasons,
            remedy,
            missed[:5],
        )
