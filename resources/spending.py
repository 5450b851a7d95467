"""What a task has cost: `spending.jsonl` in its folder, one line for whatever was begun, ended or paid.

Amounts are read from it and never stored: a machine costs its price for the time between the two lines, and one that was
not closed (this machine went down meanwhile) costs on, at most to `at_most`, where it is stopped by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar, Literal, NamedTuple

from .foundation.clock import now
from .foundation.errors import BudgetError, NlpSkillsError
from .foundation.files import append_jsonl, read_jsonl
from .foundation.language import Text
from .record import Number, Record
from .task import TaskFolder

_CENT = 0.005


class SpendingLine(Record):
    """One line: a machine is paid from here on (`opened`) and no longer (`closed`), or an endpoint was asked (`paid`).

    Arguments:
        job: the id of the job that it was for.
        what: the machine or the endpoint.
        per_hour: its price, in `currency`; it stops by itself where it has cost `at_most`.
        amount: what was paid, in `currency`.
    """

    error_type: ClassVar[type[NlpSkillsError]] = BudgetError

    time: str
    job: str
    what: str
    kind: Literal["opened", "closed", "paid"]
    per_hour: Number | None = None
    currency: str | None = None
    at_most: Number | None = None
    amount: Number | None = None


class Cost(NamedTuple):
    """A price by the hour, and what the job will probably cost by it, as (low, high)."""

    per_hour: float
    low: float
    high: float
    currency: str = "USD"

    def format_range(self) -> str:
        """`0.42–1.10 USD`."""
        return f"{amount(self.low)}–{amount(self.high)} {self.currency}"


def record_rate_start(
    task: TaskFolder, job: str, what: str, per_hour: float, currency: str, at_most: float | None
) -> None:
    """Say that from now on `what` (a machine) costs so much by the hour, for that job."""
    if not any(line.kind == "opened" for line in _open(task, job, what)):
        _append(task, job, what, "opened", per_hour=per_hour, currency=currency, at_most=at_most)


def record_rate_end(task: TaskFolder, job: str, what: str) -> None:
    """Say that it costs no more."""
    if _open(task, job, what):
        _append(task, job, what, "closed")


def record_payment(task: TaskFolder, job: str, what: str, cost: float, currency: str) -> None:
    """Say that so much was paid."""
    if cost > 0:
        _append(task, job, what, "paid", amount=round(cost, 6), currency=currency)


def total_spent(task: TaskFolder, job: str | None = None) -> float:
    """What the task has cost so far, or one job of it, in the currency of its lines."""
    lines = [line for line in _lines(task) if job in (None, line.job)]
    total = sum(float(line.amount or 0) for line in lines if line.kind == "paid")
    return round(total + sum(_span(*pair) for pair in _pairs(lines)), 4)


def budget_left(task: TaskFolder, job: str | None = None) -> float | None:
    """What may still be spent, by that job if one is named; None: there is no limit."""
    budget = task.load().budget
    of_task = None if budget.per_task is None else budget.per_task - total_spent(task)
    of_job = None if budget.per_job is None else budget.per_job - (total_spent(task, job) if job else 0.0)
    known = [bound for bound in (of_task, of_job) if bound is not None]
    return max(0.0, min(known)) if known else None


def require_room(task: TaskFolder, cost: Cost, what: str, job: str | None = None) -> float | None:
    """What the budget leaves (None: no limit), once it can be hoped to suffice.

    Raises:
        BudgetError: it cannot, even where all goes well; or it is in another currency.
    """
    budget, room = task.load().budget, budget_left(task, job)
    if room is None:
        return None
    if budget.money != cost.currency:
        raise BudgetError(
            Text(
                f"The budget of {task.name} is in {budget.money}, and {what} costs {cost.currency}.",
                f"{task.name} 的預算以 {budget.money} 計，而 {what} 以 {cost.currency} 計價。",
            ),
            Text(
                f"State the budget in {cost.currency}: update_task(task={task.name!r}, changes={{'budget.currency': "
                f"{cost.currency!r}, …}}).",
                f"請把預算改以 {cost.currency} 表示：update_task(task={task.name!r}, changes={{'budget.currency': "
                f"{cost.currency!r}, …}})。",
            ),
            field="budget.currency",
        )
    if cost.low > room or room <= 0:
        raise budget_exceeded_error(task, what, cost, room)
    return room


def budget_exceeded_error(task: TaskFolder, what: str, cost: Cost, room: float) -> BudgetError:
    """Why it is not begun: it costs more than is left."""
    said = Text(
        f"{what} would cost {cost.format_range()}; the budget of {task.name} leaves {amount(room)} {cost.currency}.",
        f"{what} 預估要花 {cost.format_range()}，{task.name} 的預算只剩 {amount(room)} {cost.currency}。",
    )
    return BudgetError(said, raise_it(task), field="budget", details={"left": room, **cost._asdict()})


def raise_it(task: TaskFolder) -> Text:
    """How the person allows more."""
    budget = task.load().budget
    fields = ", ".join(f"'budget.{name}': …" for name in ("per_task", "per_job") if getattr(budget, name) is not None)
    return Text(
        f"If the person allows more: update_task(task={task.name!r}, changes={{{fields}}}); otherwise ask for "
        "less: fewer rows or epochs, a smaller base model, or this machine.",
        f"使用者同意提高的話：update_task(task={task.name!r}, changes={{{fields}}})；"
        "否則請減少筆數或輪數、改用較小的基礎模型，或在這台機器上進行。",
    )


def amount(value: float) -> str:
    """`1.25`; small ones with two significant digits (`0.0012`)."""
    return f"{value:.2f}" if value >= _CENT or value == 0 else f"{value:.2g}"


def standing(task: TaskFolder) -> Text | None:
    """What was spent and what is left, in a sentence; None where neither money nor a budget is there."""
    budget, so_far = task.load().budget, total_spent(task)
    if not so_far and budget.per_task is None:
        return None
    if budget.per_task is None:
        return Text(f"Spent so far: {amount(so_far)} {budget.money}.", f"目前花費：{amount(so_far)} {budget.money}。")
    return Text(
        f"Spent so far: {amount(so_far)} of {amount(budget.per_task)} {budget.money}.",
        f"目前花費：{amount(so_far)}，預算 {amount(budget.per_task)} {budget.money}。",
    )


def _append(task: TaskFolder, job: str, what: str, kind: str, **figures: Any) -> None:
    append_jsonl(task.spending_file, {"time": now(), "job": job, "what": what, "kind": kind, **figures})


def _lines(task: TaskFolder) -> list[SpendingLine]:
    file = task.spending_file
    return [SpendingLine.parse(line, file) for line in read_jsonl(file)] if file.is_file() else []


def _open(task: TaskFolder, job: str, what: str) -> list[SpendingLine]:
    """The line that opened it, if nothing closed it since."""
    lines = [line for line in _lines(task) if (line.job, line.what) == (job, what) and line.kind != "paid"]
    return lines[-1:] if lines and lines[-1].kind == "opened" else []


def _pairs(lines: list[SpendingLine]) -> Iterator[tuple[SpendingLine, SpendingLine | None]]:
    """Each opening line with the one that closed it."""
    waiting: dict[tuple[str, str], SpendingLine] = {}
    for line in lines:
        key = (line.job, line.what)
        if line.kind == "opened":
            waiting[key] = line
        elif line.kind == "closed" and key in waiting:
            yield waiting.pop(key), line
    for line in waiting.values():
        yield line, None


def _span(begun: SpendingLine, ended: SpendingLine | None) -> float:
    until = datetime.fromisoformat(ended.time if ended else now())
    hours = max(0.0, (until - datetime.fromisoformat(begun.time)).total_seconds() / 3600)
    cost = float(begun.per_hour or 0) * hours
    return cost if ended or begun.at_most is None else min(cost, float(begun.at_most))
