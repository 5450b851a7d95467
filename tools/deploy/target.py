"""One file for each deployment target; the kind's name is the file's name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from ...resources.foundation.errors import DeploymentError
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.kind_folder import NameOfFile, names_in
from ...resources.foundation.kinds import Registry
from ...resources.foundation.language import Text
from ...resources.task import Task
from ...resources.version import VersionFolder
from ...resources.workspace import Workspace
from ..compute.jobs.running import RunningJob


class Live(BaseModel):
    """What a target brought up.

    Arguments:
        url: the base address of an OpenAI-compatible endpoint; None where nothing answers (files were made).
        model: the name requests carry, or the place of the files.
        job: the serve job that keeps it alive.
        api_key: a `${NAME}` reference to what requests must carry.
        files: what stands on disk or at an address now.
        digest: what the server calls this content; another one under the same name is another model.
        system_is_baked: the endpoint carries the system prompt itself.
        rows_only: data was handed over and no model, so nothing is in use by it.
    """

    url: str | None = None
    model: str
    job: str | None = None
    api_key: str | None = None
    files: list[str] = Field(default_factory=list)
    digest: str | None = None
    system_is_baked: bool = False
    rows_only: bool = False


class Target(BaseModel, ABC):
    """Where a version can be deployed. The fields are the target's settings; the docstring documents it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: ClassVar[NameOfFile] = NameOfFile()

    @property
    def waits_for_gpu(self) -> bool:
        """Whether it answers on this machine's GPU, so that it waits for the jobs that have it now."""
        return False

    def check(self, task: Task) -> None:
        """What it needs, before anything is started.

        Raises:
            NlpSkillsError: something is missing; the fix names what provides it.
        """
        return

    @abstractmethod
    def bring_up(self, workspace: Workspace, version: VersionFolder, job: RunningJob) -> Live:
        """Make the version answer at a new endpoint, or write its files, beside whatever is live now.

        Raises:
            DeploymentError: it could not; nothing is left running.
        """

    def needs(self, task: Task) -> None:
        """The same for bringing an earlier deployment back: what it needs beside the address that it had.

        Raises:
            NlpSkillsError: something is missing.
        """
        self.check(task)

    def bring_back(
        self, workspace: Workspace, version: VersionFolder, earlier: Live, standing: Live | None, job: RunningJob
    ) -> Live:
        """Make an earlier deployment answer again where it did; one that never stopped is taken as it is.

        Arguments:
            standing: what is live now. It goes on answering until this returns, unless it has the very same address.

        Raises:
            DeploymentError: it could not; what is live now still answers.
        """
        if self.healthy(earlier) is None:
            return earlier
        return self.switch_over(workspace, self.bring_up(workspace, version, job))

    def switch_over(self, workspace: Workspace, live: Live) -> Live:
        """Called once the gates are passed: take the final name, stop what ran only to be measured."""
        return live

    def take_down(self, workspace: Workspace, live: Live) -> None:
        """Stop that endpoint; files stay."""
        return

    def healthy(self, live: Live) -> Text | None:
        """None while it answers as it was left, else what is wrong."""
        return None


TARGETS = Registry(
    f"{__package__}.targets",
    Target,
    Text("deployment target", "個部署目標"),
    DeploymentError,
    group="targets",
    named="kind",
)


def target_names() -> list[str]:
    """Our own targets' names, without loading any."""
    return names_in(f"{__package__}.targets")


def targets() -> dict[str, type[Target]]:
    """Every target by name."""
    return TARGETS.classes()


def known_settings(name: str, settings: Mapping[str, Any]) -> JsonObject:
    """Those of recorded settings that the target still has."""
    kind = targets().get(name)
    return {field: value for field, value in settings.items() if kind is None or field in kind.model_fields}


def target(name: str, settings: Mapping[str, Any] | None = None) -> Target:
    """The target of that name with its settings.

    Raises:
        DeploymentError: there is none, or a setting is unknown or does not fit; the nearest is offered.
    """
    return TARGETS.make(name, settings or {}, "settings", "target")
