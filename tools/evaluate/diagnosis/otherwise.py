"""What to try where no cause is accused: rewards where a program can check what is written, rows for the weakest label,
else reading the mistakes."""

from __future__ import annotations

from ....resources.foundation.language import Text, several
from .case import Case
from .cause import Cause
from .rewards import PAGE as REWARDS_PAGE
from .rewards import by_rewards, reasons

_MORE_AT_LEAST = 20
_PAGE = "llm-knowledge/trouble-not-better"
_TITLE = Text("no single cause", "沒有單一原因")


def otherwise(case: Case) -> Cause | None:
    """The one thing to try; None where nothing was measured."""
    result = case.result
    if result is None:
        return None
    if case.kind != "label" and (remedy := by_rewards(case)):  # a label's right answer is shown more directly by sft
        return Cause(
            "rewards",
            _TITLE,
            REWARDS_PAGE,
            0.0,
            {"rows_right": case.accuracy, "rows": case.train_rows},
            reasons(case),
            remedy.say,
            remedy.settings,
            expects=remedy.expects,
        )
    if result.weakest is None or result.weakest_rows is None or result.weakest_f1 >= result.value:
        return _read_the_errors(case)
    more, label = max(result.weakest_rows, _MORE_AT_LEAST), case.display_label(result.weakest)
    labels = max(1, len(case.train_counts))
    return Cause(
        "weakest_label",
        _TITLE,
        _PAGE,
        0.0,
        {"label": result.weakest, "f1": result.weakest_f1, "rows": result.weakest_rows},
        [
            Text(
                f"“{label}” is weakest: F1 {result.weakest_f1:.2f} from {several(result.weakest_rows, 'training row')}.",
                f"「{label}」最弱：{result.weakest_rows} 筆訓練資料，F1 只有 {result.weakest_f1:.2f}。",
            ),
            Text(
                "Rows that look like its mistakes teach more than any setting.",
                "和它答錯的情況相似的資料，比調任何參數都有用。",
            ),
        ],
        Text(
            f"Add about {more} rows of “{label}”, hard ones above all",
            f"補大約 {more} 筆「{label}」的資料，以容易搞混的為主",
        ),
        call=case.more_rows(),
        expects=case.expects(
            result.value,
            result.value + (1 - result.weakest_f1) / labels / 2,
            Text(
                f"F1 of “{label}” rises by half of what it lacks at most; the others should stay.",
                f"「{label}」的 F1 最多補回一半，其他標籤應該不變。",
            ),
        ),
    )


def _read_the_errors(case: Case) -> Cause:
    report = case.folder.report_file.name
    return Cause(
        "read_the_errors",
        _TITLE,
        _PAGE,
        0.0,
        {},
        [
            Text(
                "No figure points at one cause; the mistakes themselves will.",
                "數字沒有指向單一原因，答錯的句子會告訴我們。",
            )
        ],
        Text(
            f"Read the wrong answers in {report} and correct labels that are wrong themselves",
            f"讀 {report} 裡答錯的句子，並更正本身就標錯的標籤",
        ),
        call=case.more_rows(),
        rows=[
            {"id": answer["id"], "split": "test", "label": answer["gold"], "predicted": answer["predicted"]}
            for answer in case.mistakes()[:5]
        ],
    )
