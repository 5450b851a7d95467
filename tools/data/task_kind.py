"""One file for each type of task: the columns its rows need, how a row is asked and answered, how an answer is read.

The file's name, with hyphens, is the type in `task.yaml`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Literal

from ...resources.foundation.errors import TaskError
from ...resources.foundation.kind_folder import NameOfFile
from ...resources.foundation.kinds import Registry
from ...resources.foundation.language import Language, Text, several
from ...resources.task import Prompt, TaskType
from .cells import as_text
from .rows import Row, plain_name, row_id
from .shortening import without_middle

Message = dict[str, str]
RenderedRow = dict[str, list[Message]]  # by the trainer's names: prompt with completion, or with chosen and rejected
# What an answer is, and so which metrics can measure it: one of the labels, spans of the text as JSON, free text, or
# the better one of two answers.
Answers = Literal["label", "spans", "text", "pair"]

# What the columns are called where people read of them.
ROLE_TITLES = {
    "text": Text("text", "文字"),
    "entity": Text("entity", "對象"),
    "label": Text("label", "標籤"),
    "spans": Text("spans", "片段標註"),
    "output": Text("output", "輸出"),
    "messages": Text("messages", "對話訊息"),
    "chosen": Text("chosen", "較佳回答"),
    "rejected": Text("rejected", "較差回答"),
}

# What may be wrong with a row that can be read.
FAULTS = {
    "other_label": Text("it has a different label than was asked for", "標籤和要求的不同"),
    "unknown_label": Text("it has a label that is not one of the task's", "標籤不在任務的清單裡"),
    "entity_not_in_text": Text("its entity does not appear in its text", "對象沒有出現在文字裡"),
}

_PLACEHOLDER = re.compile(r"\{(text|entity|labels)\}")
_HAN = re.compile(r"[\u3400-\u9fff]")


# What may be wrong with a record of any type.
_ANY_PROBLEM = {
    "formula": Text(
        "a cell holds a formula whose result the file does not have, or an error such as #N/A",
        "儲存格是沒有存下結果的公式，或是 #N/A 之類的錯誤值",
    ),
    "annotators_differ": Text("its annotators do not agree", "標註者的答案不一致"),
    "disliked": Text("its answer is marked as a bad one (label: false)", "回答被標為不好（label: false）"),
    "binary": Text("a cell holds bytes that are not UTF-8 text", "儲存格是二進位內容，不是 UTF-8 文字"),
}


class Unfit(Exception):
    """A record that makes no row: the role that is empty, or one of the kind's `problems`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Spelling:
    """How the labels in a source are spelled in the task.

    Arguments:
        labels: the task's; one written in another case or width is taken as the task's.
        meanings: what a source's own values mean (its `label_values`).
    """

    def __init__(self, labels: Sequence[str], meanings: Mapping[str, str]) -> None:
        forms: dict[str, set[str]] = {}
        for label in labels:
            forms.setdefault(plain_name(label), set()).add(label)
        self._known = set(labels)
        self._by_form = {form: next(iter(spelled)) for form, spelled in forms.items() if len(spelled) == 1}
        self._meanings = meanings
        self.respelled = 0

    def of(self, label: str) -> str:
        label = self._meanings.get(label, label)
        spelled = label if label in self._known else self._by_form.get(plain_name(label), label)
        self.respelled += spelled != label
        return spelled


class TaskKind(ABC):
    """A type of task. A subclass is one file here; its docstring is its documentation.

    `roles` are the columns a row needs and `inputs` those of them that are asked; `optional` ones are used where they
    are there, and `context` ones go into the input. `usual_metric` is what a goal is measured in where the person names none.
    `key` is the field by which a canonical row is known to be of this kind; `titles` say what columns of its own are called. Where `one_answer` holds, the
    same input with two answers contradicts itself; else they are two rows. `sample` is a row as somebody writes it, its
    values left open, with `hints` about its fields and the tokens it takes.
    """

    name: ClassVar[NameOfFile] = NameOfFile(hyphens=True)
    title: ClassVar[Text]
    roles: ClassVar[tuple[str, ...]]
    inputs: ClassVar[tuple[str, ...]] = ("text",)
    optional: ClassVar[tuple[str, ...]] = ()
    context: ClassVar[tuple[str, ...]] = ()
    aliases: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    answers: ClassVar[Answers]
    usual_metric: ClassVar[str]
    key: ClassVar[str]
    one_answer: ClassVar[bool] = True
    needs_labels: ClassVar[bool] = False
    prompts: ClassVar[Mapping[Language, Prompt]]
    titles: ClassVar[Mapping[str, Text]] = {}
    problems: ClassVar[Mapping[str, Text]] = {}  # code of an `Unfit` → what is wrong with the record
    sample: ClassVar[Mapping[str, Any]]
    hints: ClassVar[tuple[Text, ...]] = ()
    row_tokens: ClassVar[int] = 200
    one_label: ClassVar[bool] = False  # each row carries exactly one of the task's labels
    no_proposals: ClassVar[Text | None] = None  # what to do instead, where answers are not proposed for review

    def __init_subclass__(cls) -> None:
        cls.problems = {**_ANY_PROBLEM, **cls.problems}

    @abstractmethod
    def fields(self, values: Mapping[str, Any], spelling: Spelling) -> Row:
        """The canonical fields of a record, without id and source.

        Arguments:
            values: each role's cell, as the source has it.

        Raises:
            Unfit: it makes no row.
        """

    def question(self, text: str, entity: str = "") -> Row:
        """A row that asks about a text; its answer is empty."""
        row: Row = {"text": text, **({"entity": entity} if entity else {}), **self.unknown_answer(text)}
        return {"id": row_id(text, entity), **row}

    def unknown_answer(self, text: str) -> Row:
        """The fields of an answer that nobody knows."""
        return {self.key: ""}

    def id_of(self, row: Mapping[str, Any]) -> str:
        """The row's identity: its input, and its answer too where one input may have several."""
        return row_id(row["text"], row.get("entity"), *(() if self.one_answer else (self.answer(row),)))

    def messages(self, row: Mapping[str, Any], prompt: Prompt, labels: Sequence[str]) -> list[Message]:
        """What the model is asked with."""
        asked = (("system", prompt.system), ("user", prompt.user))
        return [{"role": role, "content": fill_template(template, row, labels)} for role, template in asked]

    @abstractmethod
    def answer(self, row: Mapping[str, Any]) -> str:
        """What the model should answer for `row`."""

    def gold(self, row: Mapping[str, Any]) -> str:
        """`answer` in the form answers are compared in."""
        return self.answer(row)

    @abstractmethod
    def read(self, answer: str, labels: Sequence[str]) -> str | None:
        """`answer` in the form answers are compared in; None where it is none."""

    def render_row(self, row: Mapping[str, Any], prompt: Prompt, labels: Sequence[str]) -> RenderedRow:
        """The row as a trainer eats it."""
        return {
            "prompt": self.messages(row, prompt, labels),
            "completion": [{"role": "assistant", "content": self.answer(row)}],
        }

    def shorten_row(self, row: Mapping[str, Any], characters: int) -> Row:
        """The row with so many characters of its input, the middle left out, and its answer whole."""
        return {**row, "text": without_middle(str(row["text"]), characters)}

    def answerable(self, row: Mapping[str, Any]) -> bool:
        """Whether what the row is about, and what its answer quotes, stands in its input."""
        return True

    def labels_of(self, row: Mapping[str, Any]) -> list[str]:
        """The task's labels that the row's answer holds; none where answers are free text."""
        return []

    def wrong(self, code: str) -> Text:
        """What the code of an `Unfit` or a fault says."""
        return (
            self.problems.get(code)
            or FAULTS.get(code)
            or Text(f"{code} is missing or empty", f"缺少 {code} 或內容是空的")
        )

    def accept_answer(self, text: str, said: Any, labels: Sequence[str]) -> str:
        """What somebody says is the answer to a text, as it is kept: as the model should give it.

        Raises:
            Unfit: it is no answer to that text.
        """
        return self.require_text({self.key: said}, self.key)

    def parse_proposal(self, text: str, answer: str, labels: Sequence[str]) -> str | None:
        """A model's answer to a text, as it is kept; None where it is none."""
        return self.read(answer, labels)

    def holds(self, answer: str, labels: Sequence[str]) -> bool:
        """Whether a kept answer is still one, now that the task has those labels."""
        return True

    def display_answer(self, answer: str) -> Any:
        """A kept answer as it is shown beside its row."""
        return answer

    def fault(self, row: Mapping[str, Any], labels: Sequence[str], wanted: str = "") -> str | None:
        """What is wrong with a row that somebody wrote, as one of `FAULTS`.

        Arguments:
            labels: the task's; none where it has not named them.
            wanted: the label it was to carry, if one was named.
        """
        found = self.labels_of(row)
        if wanted and wanted not in found:
            return "other_label"
        return "unknown_label" if labels and not set(found) <= set(labels) else None

    def with_label(self, values: Mapping[str, Any], label: str) -> Mapping[str, Any]:
        """The values of a row that was written for that label."""
        return values

    def describe_request(self, rows: int, label: str) -> Text:
        """What a writer is asked for.

        Arguments:
            label: empty where any will do.
        """
        return Text(f"Write {several(rows, 'row')}.", f"寫 {rows} 筆。")

    def remarks(self, rows: Sequence[Row]) -> list[tuple[str, int, Text]]:
        """What the report should mention of how rows are used: a code, how many, and the words."""
        return []

    def columns(self, row: Mapping[str, Any]) -> dict[str, str]:
        """The row as a person looks at it, cell by cell; what is not text shows as the model should answer it."""
        shown = {name: row.get(name) or "" for name in dict.fromkeys(("text", *self.optional, *self.roles))}
        return {name: value if isinstance(value, str) else self.answer(row) for name, value in shown.items()}

    def stratum(self, row: Mapping[str, Any]) -> str:
        """What a split should have the same share of everywhere."""
        labels = self.labels_of(row)
        return labels[0] if len(labels) == 1 else "+".join(sorted(set(labels)))

    def lacking(self, row: Mapping[str, Any]) -> list[str]:
        """The fields that the canonical row lacks."""
        return [role for role in self.roles if not row.get(role)]

    def require_text(self, values: Mapping[str, Any], role: str) -> str:
        """The text of a role's cell.

        Raises:
            Unfit: it is empty.
        """
        text = as_text(values.get(role))
        if not text:
            raise Unfit(role)
        return text


def fill_template(template: str, row: Mapping[str, Any], labels: Sequence[str]) -> str:
    """The template with `{text}`, `{entity}` and `{labels}` filled in; placeholders in the row's own text stay text."""
    separator = "、" if _HAN.search(template) else ", "
    values = {"text": row["text"], "entity": row.get("entity") or "", "labels": separator.join(labels)}
    return _PLACEHOLDER.sub(lambda found: str(values[found[1]]), template)


TYPES = Registry(
    f"{__package__}.types",
    TaskKind,
    Text("type of task", "種任務類型"),
    TaskError,
    group="types",
    named="name",
    hyphens=True,
)


def task_kinds() -> dict[TaskType, TaskKind]:
    """Every kind by the type's name."""
    return TYPES.instances()


def task_kind(name: TaskType) -> TaskKind:
    """The kind of that name; one of a file is asked for its work only once the person has agreed to the file.

    Raises:
        TaskError: there is none here: a package or a file that a task was made with is missing.
    """
    TYPES.describe(name, "type")
    return task_kinds()[name]


def role_title(role: str) -> Text:
    """What a column is called where people read of it."""
    own = (kind.titles[role] for kind in task_kinds().values() if role in kind.titles)
    return ROLE_TITLES.get(role) or next(own, Text(role, role))


def known_roles() -> list[str]:
    """The columns that rows of any type have."""
    return list(dict.fromkeys([*ROLE_TITLES, *(role for kind in task_kinds().values() for role in kind.roles)]))


def kind_of(row: Mapping[str, Any]) -> TaskKind:
    """The kind whose canonical rows look like this one: told by its answer, and by the entity it is about, if any.

    A row without any answer counts as a classification's.
    """
    by_key, by_entity = _told_apart(tuple(task_kinds().values()))
    for key, kind in by_key:
        if key in row:
            return kind
    return by_entity[bool(row.get("entity"))]


@lru_cache(maxsize=1)
def _told_apart(kinds: tuple[TaskKind, ...]) -> tuple[list[tuple[str, TaskKind]], tuple[TaskKind, TaskKind]]:
    """The kinds with an answer of their own by its field, and the two that answer with a label: without, with entity."""
    by_key = [(kind.key, kind) for kind in kinds if kind.key != "label"]
    return by_key, (task_kind("classification"), task_kind("entity-classification"))


def counted_labels(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many rows hold each label, in alphabetical order; empty where answers are free text."""
    counts = Counter(label for row in rows for label in set(kind_of(row).labels_of(row)))
    return dict(sorted(counts.items()))
