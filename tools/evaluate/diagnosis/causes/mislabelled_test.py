"""Wrong labels in the test rows."""

from __future__ import annotations

from typing import ClassVar

from .....resources.foundation.language import Text, several
from ..case import Case
from ..cause import Cause, CauseKind, NotKnown, Remedy, ShownRow, ramp

# Of test rows that a simple model is sure of, the label denied next to none in healthy runs.
_DENIED, _MANY_DENIED = 0.06, 0.2
_FEWEST_SURE = 15
_AGREE = 0.5  # of the denied rows the trained model must deny the label as well
_APART, _FAR_APART = 0.75, 0.95
_BELOW, _FAR_BELOW = -0.05, 0.05


class MislabelledTest(CauseKind):
    """Two models, sure and of one mind, deny labels of the test rows more often than labels they learnt from."""

    title: ClassVar[Text] = Text("wrong labels in the test rows", "測試資料的標註有錯")
    page: ClassVar[str] = "llm-knowledge/trouble-between-splits"
    words: ClassVar[tuple[str, ...]] = ("test label", "benchmark", "annotat", "測試集標", "評估基準", "標錯")

    def examine(self, case: Case) -> Cause | None:
        if case.kind != "label":
            return None
        found = case.between.get("test_suspects") or {}
        if found.get("sure", 0) < _FEWEST_SURE or not found["denied"]:
            return None
        likelier = dict(found["likelier"])
        both = [answer for answer in case.answers if likelier.get(str(answer["id"])) == answer["predicted"]]
        usual = self._usual(case)
        denied = found["denied"] / found["sure"]
        share = 0.95 * ramp(denied - usual, _DENIED, _MANY_DENIED) * ramp(len(both) / found["denied"], 0.0, _AGREE)
        if gap := case.below_validation:
            share *= ramp(gap.least, _BELOW, _FAR_BELOW)
        # Of texts of another kind a simple model is sure without reason.
        share *= 1 - ramp(float((case.between.get("told_apart") or {}).get("auc") or 0.5), _APART, _FAR_APART)
        reasons = [
            Text(
                f"Of {several(found['sure'], 'test row')} that a simple model is sure of, the label contradicts "
                f"{denied:.0%}; of training rows it never saw, {usual:.0%}.",
                f"簡單模型很有把握的 {found['sure']} 筆測試資料裡，有 {denied:.0%} 和標註不同；沒看過的訓練資料只有 {usual:.0%}。",
            ),
            Text(
                f"The trained model says the same as the simple one on {len(both)} of these {found['denied']}.",
                f"這 {found['denied']} 筆裡，訓練後的模型有 {len(both)} 筆和簡單模型說法一致。",
            ),
        ]
        value = case.result.value if case.result else 0.0
        wrong = len(both) / max(1, len(case.answers))
        remedy = Remedy(
            Text(
                f"Read these {several(len(both), 'test row')} and correct the labels that are wrong where they come from; "
                "then freeze a new benchmark, prepare_data(accept={'new_benchmark': 'why'}), and evaluate again; nothing needs "
                "to be trained",
                f"重讀這 {len(both)} 筆測試資料，在來源更正標錯的，再用 prepare_data(accept={{'new_benchmark': '理由'}}) 凍結新的評估基準，"
                "重新評估一次；不需要重新訓練",
            ),
            call={"tool": "evaluate", "arguments": {"task": case.folder.task.name, "version": case.folder.name}},
            expects=case.expects(
                value + wrong / 2,
                value + wrong,
                Text("As many answers become right as labels were wrong.", "標錯幾筆，更正後就多對幾筆。"),
            ),
        )
        rows: list[ShownRow] = [
            {"id": answer["id"], "split": "test", "label": answer["gold"], "predicted": answer["predicted"]}
            for answer in both
        ]
        return self.build_cause(
            share,
            {"sure": found["sure"], "denied": found["denied"], "denied_by_both": len(both), "rows": found["rows"]},
            reasons,
            remedy,
            rows,
        )

    def _usual(self, case: Case) -> float:
        """How often labels of training rows are denied by a model that is sure and never saw them."""
        try:
            sure = case.suspects.get("sure") or {}
        except NotKnown:
            return 0.0
        return sure["denied"] / sure["rows"] if sure.get("rows") else 0.0
