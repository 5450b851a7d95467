"""A version: a numbered folder that two commits freeze, *trained* and *evaluated*.

config.yaml          every argument that shaped the run (written when vN is reserved)
data_snapshot.json   which data, with hashes and counts (written when vN is reserved)
model_info.json      the trained commit
results.json         the evaluated commit: {"format": 1, "evaluations": [oldest … newest]}
lineage.yaml         what those commits say, in one file (see lineage.py)
reservation.json     which job reserved it, after which plan
evidence.json            what the jobs saw that a diagnosis needs: `training` and `evaluation`
environment.json, events.jsonl, predictions.jsonl, report.html; failure.json where training did not finish
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .foundation.errors import TaskError
from .foundation.files import describing_disk_errors
from .foundation.language import Text
from .promotion import current_version
from .task import MODEL_INFO, VERSION_NAME, TaskFolder

if TYPE_CHECKING:
    from .environment import Environment
    from .evaluation import Evaluation
    from .evidence import Evidence
    from .model_info import ModelInfo
    from .reservation import Failure, Reservation
    from .snapshot import DataSnapshot
    from .version_config import VersionConfig

VersionStatus = Literal["reserved", "failed", "cancelled", "trained", "evaluated"]
_SPOKEN = re.compile(r"(?:version|ver\.?|v|版本|第)?\s*([0-9]+)\s*(?:版|個版本)?")


class VersionFolder:
    """Where the parts of version `vN` stand."""

    def __init__(self, task: TaskFolder, number: int) -> None:
        self.task = task
        self.number = number
        self.name = f"v{number}"
        self.root = task.versions / self.name
        self.config_file = self.root / "config.yaml"
        self.data_snapshot_file = self.root / "data_snapshot.json"
        self.model_info_file = self.root / MODEL_INFO
        self.results_file = self.root / "results.json"
        self.lineage_file = self.root / "lineage.yaml"
        self.environment_file = self.root / "environment.json"
        self.events_file = self.root / "events.jsonl"
        self.predictions_file = self.root / "predictions.jsonl"
        self.report_file = self.root / "report.html"
        self.evidence_file = self.root / "evidence.json"
        self.failure_file = self.root / "failure.json"
        self.reservation_file = self.root / "reservation.json"
        self.models = task.models / self.name

    # Each record is without any field where its file is not there. Their models load when one is read: a server that
    # starts reads none.

    def config(self) -> VersionConfig:
        from .version_config import VersionConfig

        return VersionConfig.read_if_there(self.config_file)

    def data_snapshot(self) -> DataSnapshot:
        from .snapshot import DataSnapshot

        return DataSnapshot.read_if_there(self.data_snapshot_file)

    def model_info(self) -> ModelInfo:
        from .model_info import ModelInfo

        return ModelInfo.read_if_there(self.model_info_file)

    def environment(self) -> Environment:
        from .environment import Environment

        return Environment.read_if_there(self.environment_file)

    def reservation(self) -> Reservation:
        from .reservation import Reservation

        return Reservation.read_if_there(self.reservation_file)

    def failure(self) -> Failure | None:
        """Why it was not trained; None where it was, or is being."""
        from .reservation import Failure

        return Failure.read(self.failure_file) if self.failure_file.is_file() else None

    def evidence(self) -> Evidence:
        """What training and evaluation left for a diagnosis; empty where a version is older than that."""
        from .evidence import Evidence

        return Evidence.read_if_there(self.evidence_file)

    def evaluations(self) -> list[Evaluation]:
        """Every evaluation of this version, oldest first; empty when it has none."""
        from .evaluation import Results

        return Results.read_if_there(self.results_file).evaluations

    def latest_evaluation(self, benchmark_hash: str | None = None) -> Evaluation | None:
        """The newest evaluation (on that benchmark, where one is named)."""
        for evaluation in reversed(self.evaluations()):
            if benchmark_hash in (None, evaluation.benchmark.hash):
                return evaluation
        return None

    def status(self) -> VersionStatus:
        return version_status(self.task, self.number)


def version_numbers(task: TaskFolder) -> list[int]:
    """The numbers of all reserved versions, ascending."""
    if not task.versions.is_dir():
        return []
    return sorted(int(match[1]) for entry in task.versions.iterdir() if (match := VERSION_NAME.fullmatch(entry.name)))


def version_status(task: TaskFolder, number: int) -> VersionStatus:
    folder = VersionFolder(task, number)
    if folder.results_file.is_file() and folder.model_info_file.is_file():
        return "evaluated"
    if folder.model_info_file.is_file():
        return "trained"
    if failure := folder.failure():
        return "cancelled" if failure.cancelled else "failed"
    return "reserved"


def version(task: TaskFolder, name: str | int) -> VersionFolder:
    """The version of that name (`v2`, `2`, `版本 2`, `reviews v2`, `latest`, `current`).

    Raises:
        TaskError: there is no such version; the existing ones are offered.
    """
    numbers = version_numbers(task)
    wanted = str(name).lower().strip()
    if wanted == "latest" and numbers:
        return VersionFolder(task, numbers[-1])
    if wanted == "current":
        wanted = current_version(task) or wanted
    plain = wanted.removeprefix(task.name.lower()).lstrip(" /:的")
    spoken = _SPOKEN.fullmatch(plain)
    match = VERSION_NAME.fullmatch(f"v{spoken[1]}" if spoken else plain)
    if match and int(match[1]) in numbers:
        return VersionFolder(task, int(match[1]))
    offered = ", ".join(f"v{n}" for n in numbers)
    raise TaskError(
        Text(f"{task.name} has no version yet.", f"{task.name} 還沒有任何版本。")
        if not offered
        else Text(f"{task.name} has no version {str(name)[:40]!r}.", f"{task.name} 沒有「{str(name)[:40]}」這個版本。"),
        Text(
            f"Use one of: {offered}." if offered else "Train one first: plan_training, then train.",
            f"可用的版本：{offered}。" if offered else "請先訓練：先 plan_training，再 train。",
        ),
        field="version",
    )


def reserve_version(task: TaskFolder, fill: Callable[[Path], None] = lambda draft: None) -> VersionFolder:
    """Reserve the next number: `fill` writes what the version begins with (config, data snapshot, who reserved it)
    into a draft, which then becomes the version's folder by one rename. A kill leaves all of it or nothing; another
    process that reserves at the same time gets the following number."""
    task.versions.mkdir(parents=True, exist_ok=True)
    draft = task.versions / f".new-{uuid.uuid4().hex[:8]}"
    with describing_disk_errors(task.versions):
        draft.mkdir()
        try:
            fill(draft)
            number = (version_numbers(task) or [0])[-1] + 1
            while True:
                folder = VersionFolder(task, number)
                try:
                    if not folder.root.exists():
                        os.rename(draft, folder.root)
                        return folder
                except OSError:
                    if not folder.root.exists():
                        raise
                number += 1
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def task_of_script(script: str | Path) -> Path:
    """The task folder a script in `scripts/` belongs to."""
    return Path(script).resolve().parents[1]
