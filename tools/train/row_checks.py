"""Whether a training would refuse rows: for their labels, their length, or what exactly would be trained; and how many
tokens an epoch of them has."""

from __future__ import annotations

from math import inf

from ...resources.foundation.errors import NlpSkillsError
from ...resources.foundation.language import Text
from ...resources.task import TaskFolder
from ...resources.workspace import Workspace
from ..compute.worker import find_worker
from ..data.chat_template import template_of
from ..data.prompting import task_prompt
from ..data.snapshot import Snapshot, current_snapshot
from ..data.task_kind import task_kind
from .audit import refusal
from .base_facts import BaseModel, read_base_model
from .counting import Counted, CountedRow, Request, count_in_worker
from .estimate import Rows, rows_from_text
from .finding import Finding, Level
from .fitting import LongRows
from .long_rows import CODE as LONG_ROWS
from .long_rows import said_of_guess, said_of_long_rows
from .method import Method
from .starting_point import outward_folder

_FEWEST_ROWS_PER_LABEL = 2
_FEW_ROWS_PER_LABEL = 10
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")


def check_labels(task: TaskFolder, snapshot: Snapshot) -> list[Finding]:
    """Whether each label has enough training rows."""
    counts = snapshot.label_counts["train"]
    labels = list(task.load().labels) or sorted(counts)
    if len(labels) < 2:
        return [
            Finding(
                "blocking",
                "labels",
                Text("A classifier needs at least two labels.", "分類至少需要兩個標籤。"),
                Text("Name them with update_task(labels=…).", "請用 update_task(labels=…) 列出標籤。"),
            )
        ]
    few = {label: counts.get(label, 0) for label in labels if counts.get(label, 0) < _FEW_ROWS_PER_LABEL}
    if not few:
        return []
    shown = ", ".join(f"{label}: {count}" for label, count in few.items())
    level: Level = "blocking" if min(few.values()) < _FEWEST_ROWS_PER_LABEL else "warning"
    return [
        Finding(
            level,
            "labels",
            Text(f"Too few training rows ({shown}).", f"訓練資料太少（{shown}）。"),
            Text(
                "Collect more rows of those labels, or remove an unused label with update_task.",
                "請為這些標籤補資料，或用 update_task 移除用不到的標籤。",
            ),
        )
    ]


def count_rows(
    workspace: Workspace, task: TaskFolder, base_model: str, seconds: float, recorded: str | None = None
) -> bool:
    """Have the worker count the tokens of the rows for that base model, where both stand here. Whether it is still at it
    after so many seconds."""
    try:
        base = read_base_model(outward_folder(workspace, base_model, recorded))
        request, python = request_for_rows(task, current_snapshot(task), base), find_worker(workspace)
    except NlpSkillsError:  # what lacks is a finding of its own
        return False
    return request is not None and python is not None and count_in_worker(request, python, seconds)


def request_for_rows(task: TaskFolder, snapshot: Snapshot, base: BaseModel | None) -> Request | None:
    """What the counting of the rows is asked; None where there is no tokenizer or no chat template to count with."""
    if (
        base is None
        or template_of(base.folder) is None
        or not any((base.folder / name).is_file() for name in _TOKENIZERS)
    ):
        return None
    definition = task.load()
    labels = definition.labels or sorted(snapshot.label_counts["train"])
    return Request(task, snapshot, task_prompt(definition), labels, base.folder)


def check_rows(
    task: TaskFolder, snapshot: Snapshot, known: Counted | None, method: Method, base: BaseModel | None, remote: bool
) -> list[Finding]:
    """Whether the training would refuse a row: for its length, or for what exactly would be trained."""
    limit, choice = method.max_length or 0, method.long_rows
    if known is None:
        longest = _guess_rows(task, snapshot, 1).longest
        if not limit or choice or (longest if remote else longest / 2.8) <= limit:
            return []
        said = said_of_guess(longest, limit)
        return [Finding("blocking" if remote else "warning", LONG_ROWS, said.problem, said.fix)]
    if known.error:
        return [Finding("blocking", "label_audit", known.error.problem, known.error.fix, known.error)]
    said_of_each = (
        said_of_long_rows(task, snapshot, known, limit, choice, base.context if base else None) if limit else []
    )
    found = [
        Finding("blocking" if said.stops else "warning", LONG_ROWS, said.problem, said.fix) for said in said_of_each
    ]
    definition = task.load()
    errors = [
        refusal(
            definition,
            [one for one in known.problems if method.trains_on_answers or one.problem != "context"],
            len(known.rows),
        )
    ]
    rows = (row for split in ("train", "valid") for row in snapshot.rows(split))
    errors.append(method.unfit_error(definition, {row.id: row.answer for row in known.rows}, rows))
    return [*found, *(Finding("blocking", "label_audit", error.problem, error.fix, error) for error in errors if error)]


def epoch_rows(
    task: TaskFolder, snapshot: Snapshot, count: int, known: Counted | None, limit: float, choice: LongRows | None
) -> Rows:
    """The rows of an epoch: counted where they are tokenised for that base model already, else guessed from text; none
    of them is longer than `limit` tokens once it is trained."""
    if known is None or not (train := known.of("train")):
        return _guess_rows(task, snapshot, count, limit)
    kept = select_trained(train, limit, choice) or train
    answers = 2 if task_kind(task.load().type).answers == "pair" else 1
    count = round(count * len(kept) / len(train))
    tokens = sum(min(row.all_tokens, answers * limit) for row in kept) / len(kept) * count
    return Rows(count, (tokens, tokens), min(max(row.tokens for row in kept), limit))


def select_trained(rows: list[CountedRow], limit: float, choice: LongRows | None) -> list[CountedRow]:
    """The rows that are trained on, whole or cut."""
    return [row for row in rows if choice is None or (row.tokens if choice == "drop" else row.least) <= limit]


def _guess_rows(task: TaskFolder, snapshot: Snapshot, count: int, limit: float = inf) -> Rows:
    definition = task.load()
    prompt, labels = task_prompt(definition), definition.labels or sorted(snapshot.label_counts["train"])
    answers = ("output", "chosen", "rejected")  # those that are as long as texts
    texts = ["".join(str(row.get(name) or "") for name in ("text", *answers)) for row in snapshot.rows("train")]
    return rows_from_text(texts, count, len(prompt.system) + len(prompt.user) + sum(map(len, labels)) + 40, limit)
