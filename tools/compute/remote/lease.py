"""The use of a machine for one job: what it costs meanwhile, and what is done where it must be rented and given back."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ....resources import spending
from ....resources.foundation.errors import BudgetError, Cancelled, MachineUnreachable, NlpSkillsError
from ....resources.foundation.language import SENTENCES, Text
from ....resources.spending import Cost
from ....resources.task import TaskFolder

if TYPE_CHECKING:
    from .remote_job import RemoteJob

_LOOK_SECONDS = 1.0
_ALMOST_SECONDS = 5.0  # clocks differ


class Meter:
    """What a job's machine costs the task, from the moment it is paid until it no longer is.

    Arguments:
        cost: what was agreed to; None: nothing is paid.
    """

    def __init__(self, task: TaskFolder | None, job: str, machine: str, cost: Cost | None) -> None:
        self.task, self.job, self.machine, self.cost = task, job, machine, cost if cost and cost.per_hour else None
        self._look = float("-inf")

    def start(self) -> None:
        """From now on it is paid.

        Raises:
            BudgetError: what is left does not suffice.
        """
        if self.cost is None or self.task is None:
            return
        room = spending.budget_left(self.task, self.job)
        spent = spending.total_spent(self.task, self.job)
        if room is not None and room <= 0:
            raise self.budget_exceeded_error()
        spending.record_rate_start(
            self.task,
            self.job,
            self.machine,
            self.cost.per_hour,
            self.cost.currency,
            None if room is None else room + spent,
        )

    def stop(self) -> None:
        """From now on it is not."""
        if self.cost is not None and self.task is not None:
            spending.record_rate_end(self.task, self.job, self.machine)

    def seconds_left(self) -> float | None:
        """How long it may still be paid; None: there is no limit."""
        if self.cost is None or self.task is None:
            return None
        room = spending.budget_left(self.task, self.job)
        return None if room is None else max(0.0, room / self.cost.per_hour * 3600)

    @property
    def over(self) -> bool:
        """Whether the budget is used up, but for moments."""
        seconds = self.seconds_left()
        return seconds is not None and seconds < _ALMOST_SECONDS

    def check(self) -> None:
        """Raise `BudgetError` once the budget is used up; looked at once a second at most."""
        if self.cost is None or time.monotonic() - self._look < _LOOK_SECONDS:
            return
        self._look = time.monotonic()
        if self.seconds_left() == 0.0:
            raise self.budget_exceeded_error()

    def budget_exceeded_error(self) -> BudgetError:
        assert self.task is not None and self.cost is not None
        spent = spending.amount(spending.total_spent(self.task, self.job))
        currency = self.cost.currency
        more = spending.raise_it(self.task)
        again = f"manage_job(job_id={self.job!r}, action='resume')"
        return BudgetError(
            Text(
                f"It was stopped: this job has cost {spent} {currency}, and the budget of {self.task.name} allows no more. "
                "The last checkpoint is kept.",
                f"已停止：這個工作花了 {spent} {currency}，{self.task.name} 的預算不允許再花。最後的檢查點已保留。",
            ),
            SENTENCES.join(
                [
                    more,
                    Text(
                        f"After raising it, {again} carries on from the last checkpoint.",
                        f"提高之後，{again} 會從最後的檢查點接續。",
                    ),
                ]
            ),
            field="budget",
        )


class Lease:
    """A machine that is simply there: nothing is begun, nothing given back.

    Arguments:
        host: where it answers, an alias of the SSH config.
        pinned: a file of host keys that stands instead of the person's known hosts; the first key is trusted.
        attended: what runs there is started by a process of the machine's own scheduler.
        ends_elsewhere: where the job is cancelled, another one brings home what is to be kept, and gives it back.
    """

    attended = False
    ends_elsewhere = False

    def __init__(self, host: str, meter: Meter, pinned: Path | None = None) -> None:
        self.host, self.meter, self.pinned = host, meter, pinned

    def ready(self, remote_job: RemoteJob) -> None:
        """Wait until what runs there can be begun."""

    def attend(self) -> None:
        """Have a process there that begins what was asked for."""

    def unreachable(self) -> None:
        """Raise `MachineError` where a machine that does not answer is gone for good."""

    def end(self, remote_job: RemoteJob, error: BaseException | None) -> None:
        """The job is over, by that error if there is one."""
        if not goes_on(remote_job, error):
            self.meter.stop()


def goes_on(remote_job: RemoteJob, error: BaseException | None) -> bool:
    """Whether what runs there goes on although this process ends: the machine does not answer, or this one goes down."""
    if isinstance(error, Cancelled):
        return not (remote_job.job.folder.cancel_file.exists() or remote_job.job.by_hand)
    return isinstance(error, MachineUnreachable) or not isinstance(error, NlpSkillsError | None)


def cost_of(text: str | None) -> Cost | None:
    """The cost that a job's arguments carry."""
    return Cost(**json.loads(text)) if text else None


def cost_argument(cost: Cost | None) -> list[str]:
    return ["--cost", json.dumps(cost._asdict())] if cost else []
