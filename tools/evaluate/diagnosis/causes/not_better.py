"""The last change brought nothing, or less."""

from __future__ import annotations

from typing import ClassVar

from .....resources.changes import changes_between
from .....resources.foundation.errors import EvaluationError
from .....resources.foundation.language import Text, several
from .....resources.lineage import parent_of
from ...deciding import Pair
from ..case import Case
from ..cause import Cause, CauseKind, Remedy, ShownRow, ramp
from ..standing import higher_is_better


class NotBetter(CauseKind):
    """Against its parent, on the same rows, it is worse, or no difference is shown."""

    title: ClassVar[Text] = Text("not better than the version before", "沒有比上一版好")
    page: ClassVar[str] = "llm-knowledge/trouble-not-better"
    words: ClassVar[tuple[str, ...]] = ("worse than", "v2", "regress", "變差", "退步", "沒進步", "比上一版")

    def examine(self, case: Case) -> Cause | None:
        evaluation, result = case.newest_result()
        parent = parent_of(case.folder)
        before = parent.latest_evaluation(evaluation.benchmark.hash) if parent else None
        if parent is None or before is None or result.before is None or result.standing == "met":
            return None
        try:
            pair = Pair(parent, case.folder)
        except (EvaluationError, KeyError):
            return None
        decided = pair.decide()
        worse = decided.outcome == "worse"
        if decided.outcome == "better":
            return None
        sign = 1 if higher_is_better(result.metric) else -1
        share = 0.6 + 0.3 * ramp(-sign * decided.difference.value, 0.0, 0.1) if worse else 0.5
        changed = changes_between(parent, case.folder)
        listed = Text(
            "; ".join(change.text.en for change in changed[:3]) or "nothing",
            "、".join(change.text.zh for change in changed[:3]) or "沒有",
        )
        right = decided.right
        reasons = [
            decided.describe(),
            Text(
                f"Only {parent.name} is right on {several(right.only_a, 'row')}, only {case.folder.name} on {right.only_b}.",
                f"只有 {parent.name} 答對的有 {right.only_a} 筆，只有 {case.folder.name} 答對的有 {right.only_b} 筆。",
            ),
            Text("What was changed: {listed}.", "改了什麼：{listed}。").format(listed=listed),
        ]
        broken: list[ShownRow] = [
            {"id": other["id"], "split": "test", "label": other["gold"], "predicted": other["predicted"]}
            for one, other in zip(*pair.answers, strict=True)
            if one["correct"] and not other["correct"]
        ]
        remedy = Remedy(
            Text(
                f"Go back to {parent.name} and take its diagnosis; this change is answered",
                f"回到 {parent.name}，改看它的診斷；這個改動已經有答案了",
            ),
            call={"tool": "diagnose", "arguments": {"task": case.folder.task.name, "version": parent.name}},
        )
        return self.build_cause(
            share,
            {
                "parent": parent.name,
                "before": decided.values[0],
                "after": decided.values[1],
                "only_parent_right": right.only_a,
                "only_this_right": right.only_b,
                "worse": worse,
                "p": round(decided.difference.p, 4),
            },
            reasons,
            remedy,
            broken[:5],
            gain=abs(decided.difference.value),
        )
