"""The one file a task travels in: a ZIP whose `manifest.json` holds the SHA-256 and the size of everything else in it.

Secrets are never inside: a task holds references (`${NAME}`), and a file that holds more is refused. What belongs to one
machine only (jobs, caches, what is live) stays behind.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ...resources.schemas import OF_A_TASK, SCHEMA_FOLDER

MANIFEST = "manifest.json"
JOB_BYTES = 64 * 1024**2  # more than that takes more than a few seconds, so it is a job
CHUNK_BYTES = 1024**2
Tell = Callable[[int, int], None]  # bytes done, bytes in all

_STAY = {"jobs", "deployments/current.json"}
_HIDDEN_THAT_TRAVEL = {".gitignore", ".generated.json", *(f"{SCHEMA_FOLDER}/{name}.json" for name in OF_A_TASK)}


class Entry(BaseModel):
    """One file: its size in bytes and its SHA-256."""

    model_config = ConfigDict(extra="forbid")

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """What an export says of itself."""

    model_config = ConfigDict(extra="allow")

    format: Literal[1] = 1
    kind: Literal["nlp-skills-task"] = "nlp-skills-task"
    nlp_skills: str
    task: str
    title: str = ""
    created: str
    models: bool
    files: dict[str, Entry]

    @property
    def bytes(self) -> int:
        """The size of all files together."""
        return sum(entry.bytes for entry in self.files.values())


def travels(name: str, models: bool) -> bool:
    """Whether a file of a task (by its path below it) belongs into an export.

    Arguments:
        models: whether the trained models do.
    """
    parts = PurePosixPath(name).parts
    if not parts or name in _STAY or parts[0] in _STAY or (parts[0] == "models" and not models):
        return False
    if name in _HIDDEN_THAT_TRAVEL:
        return True
    return not any(part.startswith(".") or part == "__pycache__" for part in parts) and "checkpoints" not in parts[:3]
