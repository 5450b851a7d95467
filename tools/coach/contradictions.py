"""What cannot be true, or cannot work, at once; said kindly, with what to do about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...resources.figures import figure
from ...resources.foundation.external import quote
from ...resources.foundation.language import Text
from ...resources.task import Task, TaskType
from ..data.task_kind import task_kind
from .intent import count_in, mentions
from .wording import short

_TRAIN_SHARE = 0.7
_ARROWS = re.compile(r"→|⇒|->|=>|➜")
_REMARK = re.compile(r"[(（][^()（）]*[)）]\s*$")
_MOST_SAID = 3


@dataclass(frozen=True)
class Facts:
    """What is known of a task, from answers or from its files; None and "" are unknown.

    Arguments:
        rows: how many they say there are, or the prepared training rows divided by their share.
        labels: the names; `label_count` is how many they spoke of where they named none.
        has_data: whether data is prepared already.
    """

    rows: int | None = None
    labels: Sequence[str] = ()
    label_count: int | None = None
    threshold: float | None = None
    baseline: float | None = None
    deadline: str = ""
    privacy: str = ""
    hardware: str = ""
    budget: str = ""
    deployment: str = ""
    source: str = ""
    example: str = ""
    has_data: bool = False
    type: TaskType = "classification"


def facts_of(task: Task, rows: int | None, has_data: bool) -> Facts:
    """What `task.yaml` says; `rows` counted where the data is prepared, else as they said it."""
    bounds, said = task.constraints, task.resources
    return Facts(
        rows=rows if rows is not None else count_in(said.rows or ""),
        labels=tuple(task.labels),
        threshold=task.success_criteria.threshold,
        baseline=task.success_criteria.baseline,
        deadline=bounds.deadline or "",
        privacy=bounds.privacy,
        hardware=bounds.hardware or "",
        budget=bounds.budget or "",
        deployment=bounds.deployment or "",
        source=said.source or "",
        example=task.example or "",
        has_data=has_data,
        type=task.type,
    )


def contradictions(facts: Facts) -> list[Text]:
    """What does not fit together, the weightiest first, at most three at a time."""
    checks = (*(_LABEL_CHECKS if task_kind(facts.type).answers == "label" else ()), *_CHECKS)
    found = [said for check in checks if (said := check(facts))]
    return found[:_MOST_SAID]


def _one_label(facts: Facts) -> Text | None:
    if (len(facts.labels) or facts.label_count) != 1:
        return None
    return Text(
        "One label leaves nothing to decide: what is the answer for all other texts? Add it (“other”).",
        "只有一個標籤就沒有東西可以判斷：其他文字的答案是什麼？請補上（例如「其他」）。",
    )


def _rows_for_labels(facts: Facts) -> Text | None:
    labels = len(facts.labels) or facts.label_count or 0
    least = figure("rows_per_label")
    if not facts.rows or labels < 2 or facts.rows * _TRAIN_SHARE / labels >= least:
        return None
    each = facts.rows * _TRAIN_SHARE / labels
    return Text(
        f"{facts.rows} rows over {labels} labels leaves about {each:.0f} training rows a label (I would want "
        f"{least:.0f} at the very least): begin with the few most frequent labels and “other”, or collect for the rare "
        "ones first (llm-knowledge/data-sizes).",
        f"{facts.rows} 筆分給 {labels} 個標籤，每個標籤大約只有 {each:.0f} 筆可以訓練（至少要有 {least:.0f} 筆）："
        "先做最常見的幾個標籤加上「其他」，或替少見的標籤補資料（llm-knowledge/data-sizes）。",
    )


def _same_label_twice(facts: Facts) -> Text | None:
    seen: dict[str, str] = {}
    for label in facts.labels:
        plain = " ".join(label.casefold().split())
        if plain in seen:
            one, two = short(seen[plain]), short(label)
            return Text(
                f"“{one}” and “{two}” look like the same label: keep one of them.",
                f"「{one}」和「{two}」看起來是同一個標籤，請留一個就好。",
            )
        seen[plain] = label
    return None


def _free_text(facts: Facts) -> Text | None:
    longest = figure("longest_label")
    answer = wanted_answer(facts.example)
    written = [label for label in facts.labels if len(label) > longest]
    if not written and len(answer) <= longest:
        return None
    shown = quote(written[0] if written else answer, 50)
    return Text(
        f"{shown} is written text, not one of a few labels: that is a task of type `generation`. Easier to get right and "
        "to measure: name the kinds of answer there are, let the model choose the kind, and put the wording in a template "
        "(llm-knowledge/output-formats).",
        f"{shown}是一段要寫出來的文字，不是固定的幾個標籤：類型請選 `generation`。"
        "更容易做好、也更好衡量的做法：把答案分成幾種，讓模型選種類，文字交給範本（llm-knowledge/output-formats）。",
    )


def _answer_is_no_label(facts: Facts) -> Text | None:
    answer = wanted_answer(facts.example)
    known = {" ".join(label.casefold().split()) for label in facts.labels}
    if not answer or len(known) < 2 or len(answer) > figure("longest_label") or _plain(answer) in known:
        return None
    return Text(
        f"Your example's answer {quote(answer, 40)} is not among the labels: add it, or say which label it is.",
        f"你舉的例子答案是{quote(answer, 40)}，但標籤裡沒有：請加進去，或說明它屬於哪一個標籤。",
    )


def _threshold_is_no_gain(facts: Facts) -> Text | None:
    if facts.threshold is None or facts.baseline is None or facts.threshold > facts.baseline:
        return None
    return Text(
        f"The threshold {facts.threshold:g} is not above today's {facts.baseline:g}: reaching it would change nothing. "
        "Set it higher, or say what else gets better (faster, cheaper).",
        f"門檻 {facts.threshold:g} 沒有高於目前的 {facts.baseline:g}：達成了也不會有改變。"
        "請訂高一點，或說明好處在別的地方（更快、更省）。",
    )


def _perfection(facts: Facts) -> Text | None:
    if facts.threshold is None or facts.threshold < figure("highest_threshold"):
        return None
    return Text(
        f"A threshold of {facts.threshold * 100:g}% cannot be shown to be met: one wrong label in the test breaks it, and two "
        "people seldom agree that often. Take how often your people agree as the ceiling, such as 0.9 "
        "(llm-knowledge/annotation).",
        f"門檻 {facts.threshold * 100:g}% 沒辦法證明達成：測試集只要有一筆標錯就破功，兩個人標也很少這麼一致。"
        "請以同事之間的一致程度當上限，例如 0.9（llm-knowledge/annotation）。",
    )


def _no_time_and_no_rows(facts: Facts) -> Text | None:
    if facts.has_data or not mentions("soon", facts.deadline) or (facts.rows or 0) >= figure("rows_to_start"):
        return None
    return Text(
        "That deadline and no labelled rows do not go together: by then a prompt with a few examples is what can work "
        "(llm-knowledge/choosing-a-method). Label the answers it gets wrong on the way, and they become the data of v1.",
        "這個期限配上沒有標註資料，來不及訓練：到時候能用的是提示詞加幾個範例（llm-knowledge/choosing-a-method）。"
        "過程中把它答錯的標起來，就是 v1 的資料。",
    )


def _outside(facts: Facts) -> Text | None:
    if facts.privacy != "on-premise":
        return None
    if mentions("cloud", facts.hardware, facts.deployment):
        return Text(
            "The data must stay inside, but the machine you name stands outside: train on a machine of your own (a small "
            "model needs no GPU), or get the owner's consent and change privacy.",
            "資料不得離開內部，但你說的機器在外面：請改用自己的機器（小模型不需要 GPU），或取得資料擁有者同意後再改隱私設定。",
        )
    if mentions("generated", facts.source):
        return Text(
            "The data must stay inside, so no real row may be shown to an outside model as an example: let it write from "
            "a description only, or use a model on your own machine (llm-knowledge/synthetic-data).",
            "資料不得離開內部，所以不能拿真實資料給外部模型當範例：只給它文字說明，"
            "或改用自己機器上的模型（llm-knowledge/synthetic-data）。",
        )
    return None


def _no_money(facts: Facts) -> Text | None:
    if not mentions("no_money", facts.budget) or not mentions("cloud", facts.hardware, facts.deployment):
        return None
    return Text(
        "A budget of nothing does not rent a machine: a small model trains on this one at no cost but time; or name what "
        "may be spent (llm-knowledge/memory-time-cost).",
        "沒有預算就租不到機器：小模型在這台就能訓練，只花時間；要用雲端請說可以花多少（llm-knowledge/memory-time-cost）。",
    )


def _too_large(facts: Facts) -> Text | None:
    if not (mentions("large_model", facts.hardware) and mentions("no_gpu", facts.hardware)):
        return None
    return Text(
        "A model of that size does not train on a machine without a large GPU: begin with 0.6B here and see how far it "
        "gets (llm-knowledge/base-models), or train on a machine with one over SSH (llm-knowledge/memory-time-cost).",
        "這麼大的模型沒有大型 GPU 是訓練不起來的：先在這台用 0.6B，看能做到哪裡（llm-knowledge/base-models），"
        "或透過 SSH 到有 GPU 的機器上訓練（llm-knowledge/memory-time-cost）。",
    )


def wanted_answer(example: str) -> str:
    """What stands behind the arrow of `input → answer`, without quotation marks and remarks; "" without an arrow."""
    parts = _ARROWS.split(example)
    if len(parts) < 2:
        return ""
    return _REMARK.sub("", parts[-1]).strip().strip("“”\"'「」『』。. ").strip()


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


_LABEL_CHECKS: tuple[Callable[[Facts], Text | None], ...] = (
    _one_label,
    _free_text,
    _rows_for_labels,
    _same_label_twice,
    _answer_is_no_label,
)
_CHECKS: tuple[Callable[[Facts], Text | None], ...] = (
    _threshold_is_no_gain,
    _perfection,
    _no_time_and_no_rows,
    _outside,
    _no_money,
    _too_large,
)
