"""How a row becomes the model's chat, and an answer becomes comparable. What that means for a type stands in `types/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...resources.model_info import ModelInfo
from ...resources.task import Prompt, Task
from .task_kind import Message, fill_template, kind_of, task_kind


def default_prompt(task: Task) -> Prompt:
    """The prompt a task of this type and language starts with."""
    return task_kind(task.type).prompts[task.language].model_copy()


def task_prompt(task: Task) -> Prompt:
    """The task's own prompt where `task.yaml` has one, else the default."""
    return task.prompt or default_prompt(task)


def trained_prompt(info: ModelInfo, task: Task) -> Prompt:
    """The prompt a version was trained with; of one that does not say, the task's."""
    return info.prompt or task_prompt(task)


def chat_messages(row: Mapping[str, Any], prompt: Prompt, labels: Sequence[str]) -> list[Message]:
    """The system and user messages the model is asked with. Placeholders inside the row's own text stay text."""
    return kind_of(row).messages(row, prompt, labels)


def fixed_system(prompt: Prompt, labels: Sequence[str]) -> str | None:
    """The system text where it is the same for every row; None where it is empty or holds something of the row's."""
    if not prompt.system or any(place in prompt.system for place in ("{text}", "{entity}")):
        return None
    return fill_template(prompt.system, {"text": "", "entity": ""}, labels)


def answer_of(row: Mapping[str, Any]) -> str:
    """What the model should answer for `row`."""
    return kind_of(row).answer(row)


def gold_of(row: Mapping[str, Any]) -> str:
    """What the model should answer for `row`, in the form answers are compared in."""
    return kind_of(row).gold(row)


def read_answer(row: Mapping[str, Any], answer: str, labels: Sequence[str]) -> str | None:
    """A model's answer to `row` in the form answers are compared in: its label, say; None where it is none."""
    return kind_of(row).read(answer, labels)
