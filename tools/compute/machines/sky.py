"""A machine that SkyPilot rents for a job and gives back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from ....resources.answer import NextStep
from ....resources.foundation.errors import MissingRequirement, NlpSkillsError
from ....resources.foundation.json_object import JsonObject
from ....resources.foundation.language import Text
from ....resources.foundation.wording import written_as
from ....resources.job import JobFolder, active_job
from ....resources.workspace import Workspace
from ..answers import SetUp, asks
from ..jobs.words import size
from ..machine import CheckResult, LinkedMachine, Prospect
from ..machines_file import keep_machine
from ..remote.lease import Lease, Meter
from ..skypilot import leftovers, looking, offer, program
from ..skypilot.offer import describe_offer
from ..skypilot.rental import give_back_later, rent

if TYPE_CHECKING:
    from ..jobs.running import RunningJob
    from ..skypilot.offer import Offer

_STOPPABLE = ("aws", "gcp", "azure")
_NEVER_ENDS = ("hyperbolic", "primeintellect", "verda", "yotta")  # SkyPilot 0.14 cannot end an idle machine there


_AT_LEAST = written_as(r"[0-9.]+\+?", Text("8, or 8+ for at least 8", "8，或 8+（至少 8）"))


class Sky(LinkedMachine):
    """A machine rented for each job through SkyPilot, where it is cheapest: AWS, GCP, Azure, RunPod, Lambda, Kubernetes,
    Slurm and the rest of its list, with the accounts you have set up for it. Given back when the job is over; one that
    stands idle ends by itself."""

    shown_by: ClassVar[str] = "infra"
    rented: ClassVar[bool] = True

    infra: Annotated[
        str, written_as(r"([A-Za-z0-9][A-Za-z0-9_./*-]*)?", Text("aws or gcp/us-central1", "aws 或 gcp/us-central1"))
    ] = Field("", description="aws, gcp/us-central1, runpod, k8s, slurm/cluster, …; none: the cheapest of your clouds.")
    gpus: Annotated[str | None, written_as(r"[A-Za-z0-9-]+(:[0-9.]+)?", Text("L4 or H100:8", "L4 或 H100:8"))] = Field(
        None, description="A10G:1, L4, H100:8, …; none: no GPU."
    )
    cpus: Annotated[str | None, _AT_LEAST] = Field(None, description="4+: at least 4.")
    memory: Annotated[str | None, _AT_LEAST] = Field(None, description="In GB; 16+: at least 16.")
    disk_gb: int = Field(100, ge=20, le=10_000)
    spot: bool = Field(
        False, description="Cheaper, and may be reclaimed; resuming goes on from the last checkpoint kept."
    )
    image: str | None = Field(None, description="docker:… or an image of the cloud.")
    idle_minutes: int = Field(30, ge=5, le=24 * 60, description="After so long without a job it ends by itself.")
    when_idle: Literal["stop", "down"] | None = Field(
        None,
        description="stop keeps the disk (AWS, GCP, Azure; the disk costs a little); down keeps nothing. None: stop where it can be.",
    )
    longest_hours: float | None = Field(
        None,
        gt=0,
        le=24 * 14,
        description="On a batch system: its time limit for the machine. None: the longest its queue allows.",
    )

    @model_validator(mode="after")
    def _ends_by_itself(self) -> Sky:
        cloud = self.infra.partition("/")[0].lower()
        if cloud in _NEVER_ENDS:
            raise ValueError(
                Text(
                    f"SkyPilot cannot end an idle machine of {cloud} by itself, so none is rented there",
                    f"SkyPilot 無法自動結束 {cloud} 的閒置機器，因此不在那裡租用",
                )
            )
        if self.when_idle == "stop" and (cloud not in _STOPPABLE or self.spot):
            raise ValueError(
                Text(
                    "when_idle: stop needs aws, gcp or azure, and no spot machine",
                    "when_idle: stop 只適用 aws、gcp、azure，而且不能是 spot 機器",
                )
            )
        return self

    @property
    def ends_idle(self) -> Literal["stop", "down"]:
        stoppable = self.infra.partition("/")[0].lower() in _STOPPABLE and not self.spot
        return self.when_idle or ("stop" if stoppable else "down")

    def sky_resources(self) -> JsonObject:
        """The machine in SkyPilot's words."""
        asked = {
            "infra": self.infra or None,
            "accelerators": self.gpus,
            "cpus": self.cpus,
            "memory": self.memory,
            "image_id": self.image,
            "use_spot": self.spot or None,
        }
        return {**{key: value for key, value in asked.items() if value is not None}, "disk_size": self.disk_gb}

    def set_up(self, workspace: Workspace, name: str, confirm: bool, extra: JsonObject) -> SetUp | JobFolder:
        """It is kept; SkyPilot is installed after a yes; and its price is looked up as a job."""
        keep_machine(workspace, name, self)
        if known := offer.load_offer(workspace, name, self):
            return self._answer_with_offer(workspace, name, known)
        found = program.find_program()
        missing = found is None or bool(program.lacks(found, self.infra))
        if missing and not confirm:
            words = Text(
                f"{name} is kept in machines.yaml. Renting it needs SkyPilot {program.VERSION}, which is not installed: about "
                f"{size(program.DOWNLOAD)} to download, {size(program.DISK)} on disk, in an environment of its own. It uses the "
                "cloud accounts set up on this machine; nothing is rented yet.",
                f"{name} 已記在 machines.yaml。租用需要 SkyPilot {program.VERSION}，目前還沒有安裝：下載約 "
                f"{size(program.DOWNLOAD)}，占用磁碟約 {size(program.DISK)}，會裝在獨立的環境。它使用這台機器上設定好的"
                "雲端帳號；現在還不會租用任何東西。",
            )
            return asks(
                {"machine": name, "skypilot": program.VERSION, "download": program.DOWNLOAD, "disk": program.DISK},
                words,
                "machine",
                name,
            )
        if (running := active_job(workspace.jobs, looking.KIND)) and running.spec().machine == name:
            return running
        return looking.look_for(workspace, name, install=missing)

    def prospect(self, workspace: Workspace, name: str) -> Prospect:
        program.require_program(name, self.infra)
        known = offer.load_offer(workspace, name, self)
        if known is None:
            raise MissingRequirement(
                Text(f"What {name} costs today has not been looked up yet.", f"還沒查詢 {name} 今天的價格。"),
                Text(
                    f"Call set_up(what='machine', name={name!r}); then train again.",
                    f"請先呼叫 set_up(what='machine', name={name!r})，再訓練一次。",
                ),
                field="machine",
            )
        return Prospect(known.hardware(self.disk_gb), known.format_offer(), known.price_per_hour, rented=True)

    def lease(self, job: RunningJob, name: str, meter: Meter) -> Lease:
        return rent(job, name, self, meter)

    def stop(self, name: str, job: JobFolder) -> None:
        give_back_later(name, job)

    def examine(self, name: str) -> list[CheckResult]:
        try:
            found = program.require_program(name, self.infra)
            return [*leftovers.access(found, name, self), *leftovers.leftovers(Workspace(), found)]
        except MissingRequirement as error:
            return [CheckResult("warning", Text(f"Machine {name}: ", f"機器 {name}：") + error.problem, error.fix)]
        except NlpSkillsError as error:
            return [CheckResult("broken", Text(f"Machine {name}: ", f"機器 {name}：") + error.problem, error.fix)]

    def _answer_with_offer(self, workspace: Workspace, name: str, known: Offer) -> SetUp:
        words = describe_offer(name, known)
        say = Text(
            f"Train there with train(task=…, machine={name!r}): the cost of that training is shown and asked first.",
            f"要在那裡訓練請呼叫 train(task=…, machine={name!r})：會先算出費用並徵求同意。",
        )
        return SetUp(
            message=str(words),
            plan={"machine": name, **known.model_dump(mode="json", exclude={"settings"})},
            next_step=NextStep(say=str(say), tool="train", arguments={"task": "<the task>", "machine": name}),
        )
