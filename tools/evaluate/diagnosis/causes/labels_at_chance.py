"""The labels have nothing to do with the texts."""

from __future__ import annotations

from typing import ClassVar

from .....resources.foundation.language import Text
from ..case import Case
from ..cause import Cause, CauseKind, Remedy, ShownRow, ramp

_NOTHING, _SOMETHING = 0.05, 0.15  # of agreement above chance; choices of this project
_FEWEST = 60


class LabelsAtChance(CauseKind):
    """A simple model finds in the training rows no more than chance, and neither does the trained one in the test."""

    title: ClassVar[Text] = Text("labels that do not belong to their texts", "標籤和文字對不起來")
    page: ClassVar[str] = "llm-knowledge/trouble-between-splits"
    words: ClassVar[tuple[str, ...]] = ("random", "chance", "shifted", "column", "亂猜", "錯位", "對不起來", "欄位")

    def examine(self, case: Case) -> Cause | None:
        if case.kind != "label" or case.accuracy is None:
            return None
        suspects, counts = case.suspects, case.train_counts
        if len(counts) < 2 or suspects.get("rows", 0) < _FEWEST:
            return None
        chance = max(counts.values()) / sum(counts.values())
        above, found = suspects["agreement"] - chance, case.accuracy - chance
        share = 0.95 * (1 - ramp(above, _NOTHING, _SOMETHING)) * (1 - ramp(found, _NOTHING, _SOMETHING))
        if chance > 0.8:  # always answering the frequent label is hard to beat, whatever the labels are worth
            share *= 0.3
        reasons = [
            Text(
                f"A simple model that learns some of the training rows names the label of {suspects['agreement']:.0%} of the "
                f"others; always answering the most frequent one would be right for {chance:.0%}.",
                f"簡單模型學了一部分訓練資料後，其餘只猜對 {suspects['agreement']:.0%}；永遠回答最常見的標籤也有 {chance:.0%}。",
            ),
            Text(
                f"The trained model answers {case.accuracy:.0%} of the test rows correctly.",
                f"訓練後的模型在測試資料上答對 {case.accuracy:.0%}。",
            ),
        ]
        remedy = Remedy(
            Text(
                "Compare some rows with their source: a column that slipped by one row, was sorted alone, or was "
                "mapped wrongly gives exactly this; then prepare the data again",
                "拿幾筆資料和來源對照：欄位差了一列、單獨排序過、或對應錯欄位，結果就會像這樣；更正後重新準備資料",
            ),
            call={"tool": "set_data_source", "arguments": {"task": case.folder.task.name}},
        )
        rows: list[ShownRow] = [
            {"id": row["id"], "split": "train", "label": row["label"]} for row in suspects["examples"]
        ]
        value = case.result.value if case.result else 0.0
        return self.build_cause(
            share,
            {"agreement": suspects["agreement"], "chance": round(chance, 3), "test_right": round(case.accuracy, 3)},
            reasons,
            remedy,
            rows[:5],
            gain=1 - value,
        )
