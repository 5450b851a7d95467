"""What a training costs on a machine that is paid by the hour, and the yes that it needs."""

from __future__ import annotations

from ...resources.foundation.language import SENTENCES, Text
from ...resources.spending import Cost, amount, require_room
from ...resources.task import TaskFolder
from ..compute.jobs.words import duration
from ..compute.machine import Prospect
from .answers import Estimate
from .finding import Finding
from .gpu_options import START_SECONDS


def price_training(prospect: Prospect, needed: Estimate | None) -> Cost | None:
    """What the training will probably cost there; None where nothing is paid."""
    if not prospect.per_hour:
        return None
    start = START_SECONDS if prospect.rented else (0.0, 0.0)
    low, high = needed.seconds if needed else (0, 3600)
    hours = ((low + start[0]) / 3600, (high + start[1]) / 3600)
    return Cost(prospect.per_hour, round(prospect.per_hour * hours[0], 4), round(prospect.per_hour * hours[1], 4))


def ask_for_price(task: TaskFolder, name: str, prospect: Prospect, cost: Cost) -> Finding:
    """What is asked before so much is spent.

    Arguments:
        name: of the machine.

    Raises:
        BudgetError: the task's budget does not allow it.
    """
    room = require_room(task, cost, name)
    hours = [duration(bound / cost.per_hour * 3600) for bound in (cost.low, cost.high)]
    price = amount(cost.per_hour)
    said = Text(
        f"{name} ({prospect.shown}) costs {price} {cost.currency} an hour: about {cost.format_range()} for this "
        f"training ({hours[0]} to {hours[1]}).",
        f"{name}（{prospect.shown}）每小時 {price} {cost.currency}：這次訓練大約要花 {cost.format_range()}"
        f"（{hours[0]}到 {hours[1]}）。",
    )
    budget = None
    if room is not None:
        budget = Text(
            f"The budget leaves {amount(room)} {cost.currency}; there it is stopped, the last checkpoint kept.",
            f"預算還剩 {amount(room)} {cost.currency}，用完就會停止並保留最後的檢查點。",
        )
    elif prospect.rented:
        budget = Text(
            "No budget is set (update_task: budget.per_task, budget.per_job).",
            "目前沒有設定預算（update_task 的 budget.per_task、budget.per_job）。",
        )
    return Finding(
        "confirm", "cost", SENTENCES.join([said, budget]), Text("Train on this machine.", "請在這台機器上訓練。")
    )
