"""The last change brought nothing, or less."""

from __future__ import annotations

from typing import ClassVar

from .....resources.changes import changes_between
from .....resources.errors import EvaluationError
from .....resources.language import Text, several
from .....resources.lineage import parent_of
from ...record import evaluated_answers
from ...significance import mcnemar
from ..case import Case
from ..cause import Cause, CauseKind, Remedy, ramp
from ..standing import higher_is_better

_SURE = 0.05


class NotBetter(CauseKind):
    """Against its parent, on the same rows, it is worse, or no difference is shown (exact McNemar test)."""

    title: ClassVar[Text] = Text("not better than the version before", "沒有比上一版好")
    page: ClassVar[str] = "llm-knowledge/trouble-not-better"
    words: ClassVar[tuple[str, ...]] = ("worse than", "v2", "regress", "變差", "退步", "沒進步", "比上一版")

    def look(self, case: Case) -> Cause | None:
        evaluation, result = case.measured()
        parent = parent_of(case.folder)
        before = parent.latest_evaluation(evaluation["benchmark"]["hash"]) if parent else None
        if parent is None or before is None or result.before is None or result.standing == "met":
            return None
        try:
            earlier = evaluated_answers(parent, before, evaluation["decoding"])
        except (EvaluationError, KeyError):
            return None
        pairs = list(zip(earlier, case.answers, strict=False))
        test = mcnemar([bool(one["correct"]) for one, _ in pairs], [bool(other["correct"]) for _, other in pairs])
        sign = 1 if higher_is_better(result.metric) else -1
        moved = sign * (result.value - result.before)
        if case.kind == "text":  # two texts are seldom equal, so the metric's interval decides
            edges = [sign * (edge - result.before) for edge in (result.low, result.value, result.high) if edge is not None]
            sure, worse = min(edges) > 0 or max(edges) < 0, max(edges) < 0
        else:
            sure = test.p < _SURE
            worse = sure and moved <= 0
        if sure and not worse:
            return None
        share = 0.6 + 0.3 * ramp(-moved, 0.0, 0.1) if worse else 0.5
        changed = changes_between(parent, case.folder)
        listed = Text("; ".join(change.text.en for change in changed[:3]) or "nothing",
                      "、".join(change.text.zh for change in changed[:3]) or "沒有")
        reasons = [
            Text(f"Only {parent.name} is right on {several(test.only_a, 'row')}, only {case.folder.name} on {test.only_b} "
                 f"(p = {test.p:.3f}): " + ("it is worse." if worse else "a difference is not shown, it may be chance."),
                 f"只有 {parent.name} 答對的有 {test.only_a} 筆，只有 {case.folder.name} 答對的有 {test.only_b} 筆"
                 f"（p = {test.p:.3f}）：" + ("變差了。" if worse else "看不出差別，可能只是碰巧。")),
            Text(f"What was changed: {listed.en}.", f"改了什麼：{listed.zh}。"),
        ]
        broken = [{"id": other["id"], "split": "test", "label": other["gold"], "predicted": other["predicted"]}
                  for one, other in pairs if one["correct"] and not other["correct"]]
        remedy = Remedy(
            Text(f"Go back to {parent.name} and take its diagnosis; this change is answered",
                 f"回到 {parent.name}，改看它的診斷；這個改動已經有答案了"),
            call={"tool": "diagnose", "arguments": {"task": case.folder.task.name, "version": parent.name}})
        return self.found(share, {"parent": parent.name, "before": result.before, "after": result.value,
                                  "only_parent_right": test.only_a, "only_this_right": test.only_b, "worse": worse,
                                  "p": round(test.p, 4)}, reasons, remedy, broken[:5])
