"""The yes before sources are fetched that cost something: asked by the tool, on a terminal, or given as an option."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Sequence

from ...resources.data_source import load_data_source
from ...resources.foundation.errors import DataSourceError, NlpSkillsError
from ...resources.foundation.language import Text
from ...resources.task import TaskFolder
from .expense import Expense, agreed_as, most_of, require_yes
from .source import SourceKind, source_kind

OPTION = "--confirm-cost"
_YES = frozenset({"y", "yes", "是", "好", "同意"})


def expenses_of(task: TaskFolder, kinds: Sequence[SourceKind], only: int | None) -> list[Expense]:
    """What fetching these sources would pay for.

    Arguments:
        only: the place of the one source to fetch.

    Raises:
        DataSourceError: a field of a source does not fit the task.
    """
    seen = [
        kind.expense(task.root, f"sources[{number}]") for number, kind in enumerate(kinds) if only in (None, number)
    ]
    return [expense for expense in seen if expense and expense.paid]


def confirmation_arguments(task: TaskFolder, only: int | None, confirm: bool) -> list[str]:
    """The arguments that tell the job what was agreed to, once nothing stands against paying it.

    Raises:
        DataSourceError: the person has not agreed to the price yet; its field is `confirm`.
        BudgetError: the task's budget does not allow it.
    """
    kinds: list[SourceKind] = []
    with contextlib.suppress(NlpSkillsError):  # the job itself says what is wrong with the sources
        kinds = [source_kind(source, number) for number, source in enumerate(load_data_source(task).sources)]
    expenses = expenses_of(task, kinds, only)
    require_yes(task, expenses, math.inf if confirm else 0.0, call_of(task, only))
    return [OPTION, agreed_as(expenses)] if expenses else []


def settle(task: TaskFolder, kinds: Sequence[SourceKind], only: int | None, agreed: float, by_hand: bool) -> float:
    """The sum that may be paid, 0 for none; a person at a terminal is asked.

    Arguments:
        agreed: the price that was agreed to before.
        by_hand: a person started this, perhaps at a terminal.

    Raises:
        DataSourceError: nobody agreed to the price.
        BudgetError: the task's budget does not allow it.
    """
    expenses = expenses_of(task, kinds, only)
    try:
        require_yes(task, expenses, agreed, call_of(task, only))
    except DataSourceError as question:
        if not (question.field == "confirm" and by_hand and sys.stdin and sys.stdin.isatty() and _said_yes(question)):
            raise
        most = most_of(expenses)
        return math.inf if most is None else most
    return agreed


def call_of(task: TaskFolder, only: int | None) -> str:
    return f"prepare_data(task={task.name!r}" + ("" if only is None else f", source={only}")


def _said_yes(question: DataSourceError) -> bool:
    print(f"\n{question.problem}", flush=True)
    return input(str(Text("Go ahead? [y/N] ", "要進行嗎？[y/N] "))).strip().casefold() in _YES
