"""What a machine is that jobs can be sent to; `local` is this one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.kind_folder import NameOfFile
from ...resources.foundation.language import Text
from ...resources.foundation.wording import written_as
from ...resources.job import JobFolder
from ...resources.workspace import Workspace
from .answers import SetUp
from .hardware import Machine

if TYPE_CHECKING:
    from .jobs.running import RunningJob
    from .remote.lease import Lease, Meter

LOCAL = "local"
State = Literal["ok", "warning", "broken"]


class CheckResult(NamedTuple):
    """One thing looked at on a machine: how it is, and what fixes it where it is not well. `hardware` and `libraries`
    are what was seen on the way, for those who can tell what the machine is good for."""

    state: State
    says: Text
    mends: Text | None = None
    hardware: Machine | None = None
    libraries: dict[str, str | None] | None = None


class MachineKind(BaseModel, ABC):
    """A machine that jobs can be sent to. A subclass is one file here: its docstring is its documentation, its fields
    its settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: ClassVar[NameOfFile] = NameOfFile()
    answers: ClassVar[tuple[str, ...]] = ()  # what `set_up` is told beside the settings
    shown_by: ClassVar[str] = "label"  # the setting that a list of machines shows

    label: str = Field("", description="What people call it.")
    price_per_hour: float | None = Field(None, ge=0, description="Its price per hour in US dollars; none: it is free.")

    @abstractmethod
    def set_up(self, workspace: Workspace, name: str, confirm: bool, extra: JsonObject) -> SetUp | JobFolder:
        """Look at the machine, keep it in `machines.yaml` once it can be used, and make it ready as far as the person
        has agreed: what is still to be agreed to is told.

        Arguments:
            extra: settings that are an answer and no property of the machine (see `answers`).

        Raises:
            MachineError, MissingRequirement, WorkspaceError: it cannot be used.
        """

    @abstractmethod
    def stop(self, name: str, job: JobFolder) -> None:
        """End what still runs there of that job.

        Raises:
            MachineError: the machine does not answer, or refuses.
        """

    @abstractmethod
    def examine(self, name: str) -> list[CheckResult]:
        """How it stands, for a person; takes a few seconds and changes nothing."""


class Prospect(NamedTuple):
    """A machine as it will be trained on, and what it is to the person who pays for it: `AWS … A10G:1`."""

    machine: Machine
    shown: str = ""
    per_hour: float = 0.0
    rented: bool = False


class LinkedMachine(MachineKind, ABC):
    """A Linux machine that is worked on over SSH, whoever owns it."""

    rented: ClassVar[bool] = False  # for each job, and given back

    folder: Annotated[str, written_as(r"(~|/)[^\n]*", Text("~/folder or /folder", "~/資料夾 或 /資料夾"))] = Field(
        "~/.nlp-skills-jobs", description="Where data, models and environments are kept there; made when first needed."
    )
    python: Annotated[str | None, written_as(r"/\S+", Text("/path/to/python", "/路徑/python"))] = Field(
        None, description="An interpreter there that has the training libraries; none: an environment is built."
    )
    patience_hours: float = Field(24, gt=0, description="How long a lost connection is retried.")

    def place(self, name: str) -> str:
        """Where what is sent to it goes, which its name, free to stand for another machine tomorrow, does not say."""
        return name

    @abstractmethod
    def prospect(self, workspace: Workspace, name: str) -> Prospect:
        """What will be trained on, looked at before anything is spent.

        Raises:
            MachineError, MissingRequirement: it cannot be used now; says what to do first.
        """

    @abstractmethod
    def lease(self, job: RunningJob, name: str, meter: Meter) -> Lease:
        """The machine for that job: there when this returns.

        Raises:
            MachineError: it cannot be had.
            BudgetError: the budget does not allow it.
        """
