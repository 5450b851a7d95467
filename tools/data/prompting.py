"""How a row becomes the model's chat, and an answer becomes a label. The only place that knows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from ...resources.task import Prompt, Task

Message = dict[str, str]

_PROMPTS = {
    ("en", "classification"): Prompt(
        system="Read the text and decide which label fits it.\nLabels: {labels}\nAnswer with exactly one label.",
        user="Text: {text}",
    ),
    ("en", "entity-classification"): Prompt(
        system="Read the text and decide which label fits the given entity.\nLabels: {labels}\n"
               "Answer with exactly one label.",
        user="Entity: {entity}\nText: {text}",
    ),
    ("zh-TW", "classification"): Prompt(
        system="請閱讀文字，判斷它屬於哪一個標籤。\n標籤：{labels}\n只回答一個標籤。",
        user="文字：{text}",
    ),
    ("zh-TW", "entity-classification"): Prompt(
        system="請閱讀文字，判斷指定對象屬於哪一個標籤。\n標籤：{labels}\n只回答一個標籤。",
        user="對象：{entity}\n文字：{text}",
    ),
}

_PLACEHOLDER = re.compile(r"\{(text|entity|labels)\}")
_HAN = re.compile(r"[\u3400-\u9fff]")
_REASONING = re.compile(r"\s*<think>.*?</think>", re.DOTALL)
_QUOTES = "\"'`*“”‘’「」『』《》〈〉"
_FINAL_PUNCTUATION = ".。．!！,，、;；:："


def default_prompt(task: Task) -> Prompt:
    """The prompt a task of this type and language starts with."""
    return _PROMPTS[task.language, task.type].model_copy()


def task_prompt(task: Task) -> Prompt:
    """The task's own prompt where `task.yaml` has one, else the default."""
    return task.prompt or default_prompt(task)


def chat_messages(row: Mapping[str, Any], prompt: Prompt, labels: Sequence[str]) -> list[Message]:
    """The system and user messages the model is asked with. Placeholders inside the row's own text stay text."""
    return [
        {"role": "system", "content": _filled(prompt.system, row, labels)},
        {"role": "user", "content": _filled(prompt.user, row, labels)},
    ]


def _filled(template: str, row: Mapping[str, Any], labels: Sequence[str]) -> str:
    separator = "、" if _HAN.search(template) else ", "
    values = {"text": row["text"], "entity": row.get("entity") or "", "labels": separator.join(labels)}
    return _PLACEHOLDER.sub(lambda found: str(values[found[1]]), template)


def answer_of(row: Mapping[str, Any]) -> str:
    """What the model should answer for `row`: its label, alone."""
    return str(row["label"])


def parse_label(answer: str, labels: Sequence[str]) -> str | None:
    """The label `answer` is, or None.

    The whole answer must be the label, apart from white space, quotes, final punctuation, upper or lower case and
    a closed reasoning block before it: 不是正面 is not 正面.
    """
    exact, folded = set(labels), _folded(labels)
    shown = _REASONING.sub("", answer, count=1) if answer.lstrip().startswith("<think>") else answer
    trimmed = shown.strip()
    while True:
        if trimmed in exact:
            return trimmed
        if (label := folded.get(_fold(trimmed))) is not None:
            return label
        shorter = trimmed.rstrip(_FINAL_PUNCTUATION).strip().strip(_QUOTES).strip()
        if shorter == trimmed:
            return None
        trimmed = shorter


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _folded(labels: Sequence[str]) -> dict[str, str]:
    """Labels by their case-folded form, without those that only case tells apart."""
    forms: dict[str, list[str]] = {}
    for label in labels:
        forms.setdefault(_fold(label), []).append(label)
    return {form: spelled[0] for form, spelled in forms.items() if len(set(spelled)) == 1}
