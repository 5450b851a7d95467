"""One file for each deployment target; the kind's name is the file's name."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from abc import ABC, abstractmethod
from functools import cache
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from ....resources.errors import DeploymentError
from ....resources.language import Text
from ....resources.version import VersionFolder
from ....resources.workspace import Workspace
from ...compute.running import RunningJob


class Live(BaseModel):
    """An endpoint that answers: its base address, the name requests carry, the job that keeps it alive."""

    url: str
    model: str
    job: str | None = None


class Target(BaseModel, ABC):
    """Where a version can be deployed. The fields are the target's settings; the docstring documents it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: ClassVar[str]

    @abstractmethod
    def bring_up(self, workspace: Workspace, version: VersionFolder, job: RunningJob) -> Live:
        """Make the version answer at a new endpoint, beside whatever is live now.

        Raises:
            DeploymentError: it could not; nothing is left running.
        """

    @abstractmethod
    def take_down(self, workspace: Workspace, live: Live) -> None:
        """Stop that endpoint."""


@cache
def targets() -> dict[str, type[Target]]:
    """Every target by name, found by looking into this folder."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        for value in vars(loaded).values():
            if isinstance(value, type) and issubclass(value, Target) and value.__module__ == loaded.__name__:
                value.kind = module.name
                found[module.name] = value
    return found


def target(name: str) -> type[Target]:
    """The target of that name.

    Raises:
        DeploymentError: there is none; the nearest is offered.
    """
    if name in targets():
        return targets()[name]
    known = ", ".join(targets())
    near = difflib.get_close_matches(name, targets(), n=1)
    raise DeploymentError(
        Text(f"There is no deployment target {name[:40]!r}.", f"沒有「{name[:40]}」這個部署目標。"),
        Text((f"Did you mean {near[0]!r}? " if near else "") + f"Available: {known}.",
             (f"你是指「{near[0]}」嗎？" if near else "") + f"可用的目標：{known}。"),
        field="target",
    )
