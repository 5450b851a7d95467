"""When to go on with rewards (grpo) where sft has done its part: a program can check the answers, and finds only some right."""

from __future__ import annotations

from ....resources.figures import figure
from ....resources.foundation.language import Text
from ....resources.version import VersionFolder, version_numbers
from ...compute.jobs.words import duration
from .case import Case
from .cause import Remedy
from .standing import headline

PAGE = "llm-knowledge/reward-methods"
_CHECKED = ("exact_match", "json_validity")  # what says of a free text that it is right
_ANSWERS = 8  # to each question, where nobody says otherwise


def by_rewards(case: Case) -> Remedy | None:
    """Training on with rewards, as the one change; None where it does not fit.

    It fits a version that sft taught, whose answers are right in some rows and wrong in others, with questions enough,
    and where no version of the task was trained so before.
    """
    right = _right(case)
    if right is None or not figure("reward_lowest") <= right <= figure("reward_highest"):
        return None
    if case.train_rows < figure("reward_rows") or _method(case.folder) != "sft" or _is_tried_model(case):
        return None
    value = case.result.value if case.result else right
    valid = {"rewards": ["exact_match", "json_validity"]} if _metric(case) == "json_validity" else {}
    name = case.folder.name
    return Remedy(
        Text(f"Train {name} on with rewards (grpo)", f"讓 {name} 接著做獎勵訓練（grpo）"),
        {"method": "grpo", **valid},
        expects=case.expects(
            value,
            value + (1 - value) / 2,
            Text(
                "Rewards make it find more surely what it finds sometimes; they add no knowledge.",
                "獎勵訓練讓它更穩定地答出偶爾答得出的；不會增加知識。",
            ),
        ),
    )


def reasons(case: Case) -> list[Text]:
    """What speaks for it, and what it costs."""
    seconds, name, right = case.training.seconds, case.folder.name, _right(case) or 0.0
    took = Text(f" {name} took {duration(seconds)}.", f"{name} 花了 {duration(seconds)}。") if seconds else Text("", "")
    return [
        Text(
            f"A program can check these answers, and {right:.0%} are right: sometimes right and sometimes wrong is what "
            f"rewards learn from ({PAGE}).",
            f"這類回答可以用程式檢查，目前答對 {right:.0%}：有對有錯，獎勵訓練才學得到東西（{PAGE}）。",
        ),
        Text(
            "It is slow: {answers} answers are written to each of {train_rows} questions in every epoch, "
            "which takes many times as long as sft.{took} The plan shows the time; nothing starts before you "
            "agree.",
            "它很慢：每輪要為 {train_rows} 個問題各寫 {answers} 個回答，時間是 sft 的好幾倍。"
            "{took}計畫會列出時間，你同意之前不會開始。",
        ).format(answers=_ANSWERS, train_rows=case.train_rows, took=took),
        Text(
            "More rows like its mistakes are the other way, and teach what it does not know at all.",
            "另一條路是補和它答錯的情況相似的資料，那才能教它完全不會的東西。",
        ),
    ]


def _right(case: Case) -> float | None:
    """The share of answers that a program finds right; None where none can."""
    if case.kind == "pair" or (case.kind == "text" and _metric(case) not in _CHECKED):
        return None
    found = headline(case.evaluation, "json_validity") if case.evaluation and _metric(case) == "json_validity" else None
    return found.value if found else case.accuracy


def _metric(case: Case) -> str:
    return case.result.metric if case.result else ""


def _method(folder: VersionFolder) -> str:
    return folder.config().method


def _is_tried_model(case: Case) -> bool:
    task = case.folder.task
    return any(_method(VersionFolder(task, number)) == "grpo" for number in version_numbers(task))
