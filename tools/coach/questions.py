"""The questions a goal is made clear with: the core before a task is created, the rest at the moment it matters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text
from ...resources.task import Task, TaskType, task_types
from ..data.task_kind import task_kind
from .answer import Question
from .texts.reading import Texts

_text = Texts("questions")

OPEN = re.compile(r"\s*<[^<>]*>\s*")  # what an answer goes into: `<the answer, in their words>`


@dataclass(frozen=True)
class Topic:
    """One thing to find out; how it is asked, and an answer for those who do not know, stand in `texts/questions.yaml`.

    Arguments:
        key: its name among the answers.
        path: the field of `task.yaml` it is kept in.
        value: what to put down when the person does not know, where the file wants something else than `default` says.
        easy: whether the default is taken at the first "I don't know" (else the question is asked the second way).
        beside: further fields that an answer often holds as well.
    """

    key: str
    path: str
    value: float | None = None
    easy: bool = True
    beside: tuple[str, ...] = ()

    @property
    def default(self) -> Text:
        """What to put down when the person does not know."""
        return _text(f"{self.key}.default")

    @property
    def examples(self) -> list[Text]:
        return _text.listed(f"{self.key}.examples")

    def question(self, again: bool = False) -> Question:
        """The question in the spoken language; `again` for somebody who could not answer: something to choose from."""
        question = _text.question(self.key, field=self.path)
        return question.model_copy(update={"ask": str(_text(f"{self.key}.again"))}) if again else question


PAIN = Topic("pain_point", "pain_point", easy=False)
GOAL = Topic("goal", "goal", easy=False)
EXAMPLE = Topic("example", "type", easy=False)
LABELS = Topic("labels", "labels", easy=False)
PRIVACY = Topic("privacy", "constraints.privacy")
TODAY = Topic("current_method", "current_method", beside=("affected",))
HARDWARE = Topic("hardware", "constraints.hardware", beside=("constraints.budget", "constraints.deadline"))
SUCCESS = Topic("threshold", "success_criteria.threshold", value=0.8, beside=("success_criteria.baseline",))
DEPLOYMENT = Topic(
    "deployment",
    "constraints.deployment",
    beside=("resources.renewal", "versioning.iterations", "versioning.retention"),
)

CORE = (PAIN, GOAL, EXAMPLE, LABELS, PRIVACY)
BEFORE_PLANNING = (TODAY, SUCCESS, HARDWARE)
LATER = (*BEFORE_PLANNING, DEPLOYMENT)
TOPICS = {topic.key: topic for topic in (*CORE, *LATER)}
# Where each answer that is not a topic's own goes in `task.yaml`.
FURTHER = {
    "title": "title",
    "name": "name",
    "type": "type",
    "language": "language",
    "impact": "impact",
    "affected": "affected",
    "deadline": "constraints.deadline",
    "budget": "constraints.budget",
    "metric": "success_criteria.metric",
    "baseline": "success_criteria.baseline",
    "rows": "resources.rows",
    "source": "resources.source",
    "renewal": "resources.renewal",
    "balance": "resources.balance",
    "iterations": "versioning.iterations",
    "retention": "versioning.retention",
}


class Answers(TypedDict, total=False):
    """What is known before there is a task, as the person put it, in the order it was told; the keys of `TOPICS` and
    `FURTHER`."""

    pain_point: str
    goal: str
    example: str
    type: TaskType
    labels: list[str]
    privacy: str
    current_method: str
    hardware: str
    threshold: str | float
    deployment: str
    title: str
    name: str
    language: str
    impact: str
    affected: str
    deadline: str
    budget: str
    metric: str
    baseline: str | float
    rows: str | int
    source: str
    renewal: str
    balance: str
    iterations: str | int
    retention: str | int


def open_topics(topics: tuple[Topic, ...], task: Task) -> list[Topic]:
    """The topics `task.yaml` says nothing about. Privacy always says something, and so does the type, which may need no
    labels."""
    settled = (PRIVACY, EXAMPLE, *(() if task_kind(task.type).needs_labels else (LABELS,)))
    return [topic for topic in topics if topic not in settled and _says_nothing(_value(task, topic.path))]


def changes_for(topic: Topic) -> JsonObject:
    """The `changes` of `update_task` that keep the answer to `topic`."""
    if topic is LABELS:
        return {"labels": ["<label>", "<label>"]}
    if topic is TODAY:
        return {
            "current_method": "<how it is done and where it goes wrong>",
            "impact": "<what it costs, in their words; or leave out>",
        }
    return {topic.path: "<0 to 1>" if topic is SUCCESS else "<the answer, in their words>"}


def default_for(topic: Topic) -> JsonObject:
    """The `changes` of `update_task` that put the default down."""
    value = topic.value if topic.value is not None else str(topic.default)
    return {topic.path: split_labels(value) if topic is LABELS else value}


def placeholders_for(topic: Topic) -> JsonObject:
    """The `answers` of `coach` that carry the answer to `topic` while there is no task yet."""
    if topic is EXAMPLE:
        return {"example": "<input → answer>", "type": f"<{', '.join(task_types())}>"}
    if topic is LABELS:
        return {"labels": ["<label>", "<label>"]}
    if topic is PRIVACY:
        return {"privacy": "<open or on-premise>"}
    return {topic.key: "<the answer, in their words>"}


def split_labels(value: Any) -> list[str]:
    """The labels in a list or in a sentence (`物流、帳務、其他`), each once."""
    items = value if isinstance(value, list) else _split(str(value))
    return list(dict.fromkeys(str(item).strip()[:100] for item in items if str(item).strip()))


def _split(text: str) -> list[str]:
    for separator in ",，、;；/|\n":
        text = text.replace(separator, "\x00")
    return text.split("\x00")


def _says_nothing(value: Any) -> bool:
    """Whether a field is empty, or holds a `<…>` that nobody filled in."""
    if isinstance(value, list):
        return not value or all(_says_nothing(item) for item in value)
    return value is None or (isinstance(value, str) and bool(OPEN.fullmatch(value) or not value.strip()))


def _value(task: Task, path: str) -> Any:
    value: Any = task
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return value
