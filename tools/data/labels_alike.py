"""Labels that are written differently and may mean the same, and labels that are several in one cell."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from ...resources.foundation.chinese import in_simplified
from ...resources.foundation.language import Text
from .rows import plain_name

_BETWEEN_LETTERS = re.compile(r"(?<=[^\W\d])[\s_\-./・]+(?=[^\W\d])")
_AT_THE_END = re.compile(r"[\s.,;:!。，；：！]+\Z")
_SIDE_BY_SIDE = re.compile(r"[;；,，、|/+&\n]")
_WHOLE_NUMBER = re.compile(r"0*(\d+?)(?:\.0+)?")
_NEAR = 0.8  # share of characters in common, of longer labels
_SHOWN = 5


def groups_alike(labels: Iterable[str]) -> list[list[str]]:
    """The labels that differ in case, width, script, separators or leading zeros alone, those of one form together."""
    by_form: dict[str, list[str]] = {}
    for label in labels:
        by_form.setdefault(_form(label), []).append(label)
    return [alike for alike in by_form.values() if len(alike) > 1]


def several_in_one(labels: Iterable[str]) -> list[str]:
    """The labels that are other labels, put side by side."""
    known = set(labels)
    return [
        label
        for label in sorted(known)
        if len(parts := [part.strip() for part in _SIDE_BY_SIDE.split(label)]) > 1 and known.issuperset(parts)
    ]


def several_in_words(labels: Sequence[str]) -> Text:
    """What to say of labels that are several in one cell."""
    return Text(
        f"These cells hold several labels each, and each combination counts as a label of its own: "
        f"{', '.join(labels[:_SHOWN])}. A row has one label: keep the one that matters there, or split the task in "
        f"two.",
        f"這些標籤是一格裡寫了好幾個，會被當成另一種標籤：{'、'.join(labels[:_SHOWN])}。一列只能有一個標籤：請留下最要緊的那個，"
        "或拆成不同的任務。",
    )


def guess_labels(unknown: Iterable[str], known: Sequence[str]) -> dict[str, str]:
    """Which of the known labels each unknown one may be, where that can be told."""
    forms = {_form(label): label for label in known}
    found = {}
    for label in unknown:
        form = _form(label)
        near = [form] if form in forms else difflib.get_close_matches(form, list(forms), n=1, cutoff=_NEAR)
        if near:
            found[label] = forms[near[0]]
    return found


def alike_in_words(groups: Sequence[Sequence[str]]) -> Text:
    """What to say of labels that may mean the same, with the setting that makes them one."""
    shown = "; ".join(", ".join(alike) for alike in groups[:_SHOWN])
    shown_zh = "；".join("、".join(alike) for alike in groups[:_SHOWN])
    first, *others = groups[0]
    pairs = "{" + ", ".join(f"'{other}': '{first}'" for other in others) + "}"
    return Text(
        f"These labels count as different ones and may mean the same: {shown}. Ask; if they do, set label_values on the "
        f"source, e.g. {pairs}, with all labels of the task named (update_task).",
        f"這些標籤會被當成不同的標籤，但可能是同一個：{shown_zh}。請問對方；如果是，請在來源設 label_values，例如 {pairs}，"
        "並用 update_task 把任務的標籤改成要留的那幾個。",
    )


def _form(label: str) -> str:
    plain = _AT_THE_END.sub("", _BETWEEN_LETTERS.sub("", plain_name(label))) or plain_name(label)
    number = _WHOLE_NUMBER.fullmatch(plain)
    return number[1] if number else in_simplified(plain).replace("\u5e10", "\u8d26")  # 帳 has two Simplified forms
