"""Rent a machine for a job, see that it is there, and give it back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ....resources.foundation.clock import now
from ....resources.foundation.errors import BudgetError, Cancelled, MachineError, NlpSkillsError, WorkspaceError
from ....resources.foundation.files import dump_yaml, write_atomic
from ....resources.foundation.json_object import JsonObject
from ....resources.foundation.language import Text
from ....resources.job import JobFolder
from ....resources.job_event import append_event
from ....resources.spending import amount
from ....resources.workspace import Workspace
from ..jobs import job_control
from ..jobs.rented import GIVE_BACK, Record, giving_back
from ..jobs.result import GivenBack
from ..jobs.running import RunningJob
from ..remote.lease import Lease, Meter, goes_on
from ..remote.link import Link
from ..remote.remote_job import Keep, RemoteJob
from .leftovers import cluster_name
from .offer import look_up
from .program import Program, Said, cloud_of, require_program
from .task_file import BY_TIME, run_script, write_task_file

if TYPE_CHECKING:
    from ..machines.sky import Sky

_DOWN_SECONDS = 600.0
_LOOK_SECONDS, _GONE_SECONDS = 2.0, 60.0
_QUEUE_SECONDS = 10.0
_DEARER = 1.02  # prices move by the hour; from there on it is asked again
_ROUNDED = 0.005  # SkyPilot shows whole cents
_FAILED = ("FAILED", "FAILED_SETUP", "FAILED_DRIVER", "CANCELLED")


class Rental(Lease):
    """A cluster of one machine, named after the job it was rented for.

    Arguments:
        job: the job that speaks; `owner` is the one it was rented for.
    """

    attended = True
    ends_elsewhere = True

    def __init__(
        self, job: RunningJob, owner: JobFolder, name: str, machine: Sky, meter: Meter, program: Program, record: Record
    ) -> None:
        super().__init__(record.cluster, meter, pinned=owner.root / "known_hosts")
        self.job, self.owner, self.name, self.machine, self.program = job, owner, name, machine, program
        self.record = record
        self._looked = float("-inf")
        self._gone = False

    def launch(self) -> None:
        """Rent it; what was rented in a try that failed is given back.

        Raises:
            BudgetError: it has become dearer than was agreed to, or the budget does not suffice.
            MachineError: there is none to be had.
            Cancelled: the person asked the job to stop; `give_back` ends what was begun.
        """
        folder = self.owner.root / "sky"
        agreed = self.meter.cost.per_hour if self.meter.cost and not self.machine.price_per_hour else None
        task_file = write_task_file(
            self.machine, self.owner.id, folder, self.meter.seconds_left(), agreed and agreed * _DEARER + _ROUNDED
        )
        self._check_price(look_up(self.program, self.name, self.machine, task_file).price_per_hour)
        self.meter.start()
        assert self.pinned is not None
        self.pinned.unlink(missing_ok=True)
        self.record = Record(machine=self.name, cluster=self.host, asked=now()).write(self.owner)
        said = self._follow("launch", "-y", "-d", "-c", self.host, str(task_file))
        if said.code:
            self.down()
            raise not_launched(self.name, self.machine, said)
        self.record = self.record.model_copy(update={"stood": now()}).write(self.owner)

    def take_up(self) -> None:
        """Go on with the machine rented before, woken where it had stopped.

        Raises:
            MachineError: it is gone; the next try rents another one.
        """
        status = self.status()
        if status is None and self.record.stood:
            raise self._lost_error()
        if status == "STOPPED":
            self.meter.start()
            ending = ["--down"] if self.machine.ends_idle == "down" else []
            said = self._follow("start", "-y", "-i", str(self.machine.idle_minutes), *ending, self.host)
            if said.code:
                raise not_launched(self.name, self.machine, said)
        elif status == "UP":
            self.meter.start()
        else:  # it was being rented when this process was killed
            self.launch()

    def status(self) -> str | None:
        """`UP`, `INIT`, `STOPPED` as SkyPilot finds it now; None where there is no such machine any more."""
        found: list[JsonObject] = self.program.ask_json("status", "--refresh", self.host)
        return str(found[0]["status"]) if found else None

    def ready(self, remote_job: RemoteJob) -> None:
        looked = time.monotonic()
        while not remote_job.verb("look", events=0, log=0)["attended"]:
            remote_job.job.progress(
                0,
                None,
                Text(
                    f"{self.name} is up; the training libraries are being installed there",
                    f"{self.name} 已就緒，正在那裡安裝訓練套件",
                ),
            )
            if time.monotonic() - looked > _QUEUE_SECONDS:
                self._see_to_attendant()
                looked = time.monotonic()
            time.sleep(_LOOK_SECONDS)
        remote_job.forget_machine()

    def _see_to_attendant(self) -> None:
        """Raise `MachineError` where what was to be installed there could not be; where it ended, begin it again."""
        queue = self.program.ask_json("queue", self.host)
        newest = max(queue.get(self.host) or [{"job_id": 0, "status": "SUCCEEDED"}], key=lambda one: int(one["job_id"]))
        if newest["status"] == "SUCCEEDED":
            self.attend()
        elif newest["status"] in _FAILED:
            said = self.program.ask("logs", "--no-follow", "--tail", "60", self.host, str(newest["job_id"]))
            print(said.text, flush=True)
            raise MachineError(
                Text(f"{self.name} could not be set up: {said.last()}", f"{self.name} 無法準備就緒：{said.last()}"),
                Text(
                    "The rest is in the job's log. Fix it (another image, a machine with Python 3.11 or newer, "
                    "python=…), and train again.",
                    "其餘內容在這個工作的紀錄裡。請排除（換 image、選有 Python 3.11 以上的機器、設定 python），再訓練一次。",
                ),
                field="machine",
            )

    def attend(self) -> None:
        again = self.owner.root / "sky" / "again.yaml"
        write_atomic(again, dump_yaml({"name": "nlp-skills", "run": run_script(self.machine, self.owner.id)}))
        said = self.program.ask("exec", "-d", self.host, str(again))
        if said.code:
            raise MachineError(
                Text(
                    f"SkyPilot could not start the work on {self.name}: {said.last()}",
                    f"SkyPilot 無法在 {self.name} 上啟動工作：{said.last()}",
                ),
                Text(
                    f"sky queue {self.host} tells more; resume the job later.",
                    f"可用 sky queue {self.host} 查看；稍後再接續這個工作。",
                ),
                field="machine",
            )

    def unreachable(self) -> None:
        if time.monotonic() - self._looked < _GONE_SECONDS:
            return
        self._looked = time.monotonic()
        status = self.status()
        if status is None:
            raise self._lost_error()
        if status == "STOPPED":
            self.meter.stop()
            self._gone = True
            raise MachineError(
                Text(
                    f"{self.name} stood idle for {self.machine.idle_minutes} minutes and stopped by itself; its disk is kept.",
                    f"{self.name} 閒置 {self.machine.idle_minutes} 分鐘後自動停機，磁碟仍保留。",
                ),
                Text(
                    f"manage_job(job_id={self.owner.id!r}, action='resume') starts it again and fetches what it made.",
                    f"manage_job(job_id={self.owner.id!r}, action='resume') 會重新開機並取回成果。",
                ),
                field="machine",
            )

    def end(self, remote_job: RemoteJob, error: BaseException | None) -> None:
        if self._gone:
            return
        if isinstance(error, Cancelled) and not goes_on(remote_job, error):
            return  # given back by a job of its own, see `give_back_later`
        if goes_on(remote_job, error) or (isinstance(error, WorkspaceError) and not remote_job.failed_remotely):
            ends = (
                Text("the batch system's time limit ends it", "批次系統的時限到了就會結束")
                if cloud_of(self.machine.infra) in BY_TIME
                else Text(
                    f"after {self.machine.idle_minutes} idle minutes it ends by itself",
                    f"閒置 {self.machine.idle_minutes} 分鐘後會自動結束",
                )
            )
            remote_job.job.warn(
                Text("{name} stays rented ({host}); {ends}.", "{name} 仍在租用（{host}）；{ends}。").format(
                    name=self.name, host=self.host, ends=ends
                )
            )
            return
        if error is not None:
            remote_job.keep()
        remote_job.job.event("giving_back", cluster=self.host)
        self.down()

    def down(self) -> None:
        """Give it back. Where that fails it is told, and stays among the leftovers."""
        try:
            said = self.program.ask("down", "-y", self.host, seconds=_DOWN_SECONDS)
            if said.code == 0 or self.status() is None:
                self.record = self.record.back(self.owner)
                self.meter.stop()
                return
            last = said.last()
        except NlpSkillsError as error:
            last = error.problem.en
        self.job.warn(
            Text(
                f"{self.name} could not be given back and may still cost money: {last}. In a terminal: sky down "
                f"{self.host}",
                f"{self.name} 無法退租，可能仍在計費：{last}。請在終端機執行 sky down {self.host}",
            )
        )

    def _check_price(self, price: float) -> None:
        agreed = self.meter.cost.per_hour if self.meter.cost else 0.0
        if price <= agreed * _DEARER + 1e-9:
            return
        raise BudgetError(
            Text(
                f"{self.name} now costs {amount(price)} USD an hour; {amount(agreed)} was agreed to. Nothing was rented.",
                f"{self.name} 現在每小時 {amount(price)} 美元，而先前同意的是 {amount(agreed)}。沒有租用任何東西。",
            ),
            Text(
                f"Look it up again with set_up(what='machine', name={self.name!r}), and train again if the person agrees.",
                f"請以 set_up(what='machine', name={self.name!r}) 重新查價，使用者同意後再訓練一次。",
            ),
            field="machine",
        )

    def _lost_error(self) -> MachineError:
        self._gone = True
        self.record = self.record.back(self.owner)
        self.meter.stop()
        price = amount(self.meter.cost.per_hour if self.meter.cost else 0.0)
        return MachineError(
            Text(
                f"The machine rented for this job ({self.host}) is gone: it stood idle and ended by itself, was taken away by "
                "its cloud, or was ended by hand. What had not been fetched from it is lost.",
                f"為這個工作租用的機器（{self.host}）已經不在：可能閒置後自動結束、被雲端收回，或有人手動結束。"
                "還沒取回的內容已經遺失。",
            ),
            Text(
                f"manage_job(job_id={self.owner.id!r}, action='resume') rents another one for about {price} USD an hour and "
                "goes on from the last checkpoint kept here, else from the start: ask the person first.",
                f"manage_job(job_id={self.owner.id!r}, action='resume') 會另租一台（每小時約 {price} 美元），從留在這裡的"
                "最後檢查點接續，沒有的話就從頭開始；請先徵求使用者同意。",
            ),
            field="machine",
        )

    def _follow(self, *arguments: str) -> Said:
        def tell(line: str) -> None:
            self.job.progress(0, None, Text(f"{self.name}: {line[:120]}", f"{self.name}：{line[:120]}"))

        return self.program.follow(self.job, tell, *arguments)


def rent(job: RunningJob, name: str, machine: Sky, meter: Meter) -> Rental:
    """The machine of that job: the one rented before, else a new one.

    Raises:
        BudgetError, MachineError, MissingRequirement, Cancelled: see `Rental.launch` and `Rental.take_up`.
    """
    record = Record.read(job.folder)
    standing = record if record and record.up else None
    rental = Rental(
        job, job.folder, name, machine, meter, require_program(name, machine.infra), standing or _new(job.folder, name)
    )
    if standing:
        rental.take_up()
    else:
        rental.launch()
    return rental


def give_back_later(name: str, job: JobFolder) -> None:
    """Start the job that brings home what a cancelled job shall keep, and gives its machine back."""
    record = Record.read(job)
    if record is None or not record.up:
        return
    spec, task, closing = job.spec(), job.task(), giving_back(job)
    if closing is None:
        closing = job_control.submit(
            Workspace(job.root.parents[2]),
            GIVE_BACK,
            spec.entry,
            [*spec.arguments, "--give-back", job.id],
            python=spec.python,
            task=task,
            resumable=True,
        )
    append_event(
        job.events_file,
        "warning",
        message=Text(
            f"{name} is being given back by job {closing.id}: see job_status(job_id={closing.id!r}).",
            f"工作 {closing.id} 正在退租 {name}：請看 job_status(job_id={closing.id!r})。",
        )._asdict(),
    )


def give_back(job: RunningJob, owner: JobFolder, name: str, machine: Sky, meter: Meter, keep: Keep) -> GivenBack:
    """End what runs there, bring home what shall be kept, and give the machine back.

    Raises:
        MachineError: it could not be given back.
    """
    record = Record.read(owner)
    if record and record.up:
        rental = Rental(job, owner, name, machine, meter, require_program(name, machine.infra), record)
        job.progress(0, 2, Text(f"looking at {record.cluster}", f"查看 {record.cluster}"), even=False)
        if record.stood and rental.status() == "UP":
            with Link(name, rental.host, rental.pinned) as link:
                remote_job = RemoteJob(job, name, machine, link, rental, owner.id, keep)
                remote_job.ending = True
                remote_job.cancel_remote()
                remote_job.keep()
        job.progress(1, 2, Text(f"giving {record.cluster} back", f"退租 {record.cluster}"), even=False)
        rental.down()
        if rental.record.up:
            raise MachineError(
                Text(f"{name} ({record.cluster}) could not be given back.", f"{name}（{record.cluster}）無法退租。"),
                Text(
                    f"In a terminal: sky down {record.cluster}; or resume this job.",
                    f"請在終端機執行 sky down {record.cluster}，或接續這個工作。",
                ),
                field="machine",
            )
    done = Text(
        f"{name} was given back; nothing is rented for job {owner.id} any more.",
        f"{name} 已退租，工作 {owner.id} 不再租用任何機器。",
    )
    return {"machine": name, "message": done._asdict()}


def not_launched(name: str, machine: Sky, said: Said) -> MachineError:
    """Why there is no machine to be had, in SkyPilot's own words."""
    where = machine.infra or "the enabled clouds"
    return MachineError(
        Text(
            f"SkyPilot could not rent {name} ({where}): {said.last()}. What had been started was given back.",
            f"SkyPilot 租不到 {name}（{machine.infra or '已啟用的雲端'}）：{said.last()}。已開始的部分都已退租。",
        ),
        Text(
            f"The rest is in the job's log. Where capacity or quota is missing: other gpus, another infra, spot=true "
            f"or later; set_up(what='machine', name={name!r}, settings=…), and train again.",
            f"其餘內容在這個工作的紀錄裡。如果是沒有空機器或配額不足：換 gpus、換 infra、spot=true 或晚點再試；請用 "
            f"set_up(what='machine', name={name!r}, settings=…) 修改，再訓練一次。",
        ),
        field="machine",
    )


def _new(owner: JobFolder, name: str) -> Record:
    return Record(machine=name, cluster=cluster_name(Workspace(owner.root.parents[2]), owner.id), asked=now())
