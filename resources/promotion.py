"""The current version: the one the person stands behind, and the history of how it came to be.

    versions/current.json   {"format": 1, "version": "v2", "history": [oldest … newest]}

Being current is a person's choice; being deployed is a machine's state (`deployments/current.json`). The two may differ.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .foundation.files import read_json, write_json
from .task import TaskFolder


class Promotion(BaseModel):
    """One step of the history: what was done, when, why, and the score the version had then."""

    model_config = ConfigDict(extra="allow")

    version: str
    action: Literal["promote", "roll_back"]
    date: str
    reason: str = ""
    metric: str | None = None
    score: float | None = None
    threshold: float | None = None


class Current(BaseModel):
    """The content of `versions/current.json`."""

    model_config = ConfigDict(extra="allow")

    format: Literal[1] = 1
    version: str | None = None
    history: list[Promotion] = Field(default_factory=list)

    def stack(self) -> list[str]:
        """The versions stood behind, oldest first, the current one last: a promotion adds one, a roll back takes the
        last away."""
        found: list[str] = []
        for step in self.history:
            if step.action == "promote":
                found.append(step.version)
            elif found:
                found.pop()
        return found


def current_file(task: TaskFolder) -> Path:
    return task.versions / "current.json"


def load_current(task: TaskFolder) -> Current:
    """What stands in `versions/current.json`; an empty one where nothing was promoted yet."""
    file = current_file(task)
    return Current.model_validate(read_json(file)) if file.is_file() else Current()


def save_current(task: TaskFolder, current: Current) -> None:
    write_json(current_file(task), current.model_dump(mode="json"))


def current_version(task: TaskFolder) -> str | None:
    """The name of the current version, or None."""
    return load_current(task).version


def previous_version(task: TaskFolder) -> str | None:
    """The version a roll back would return to, or None."""
    stack = load_current(task).stack()
    return stack[-2] if len(stack) > 1 else None


def describe_current(task: TaskFolder) -> dict[str, Any] | None:
    """The current version and its history for a reader; None where nothing was promoted yet."""
    current = load_current(task)
    return current.model_dump(mode="json", exclude_none=True) if current.version else None
