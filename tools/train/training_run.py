"""What a training works with in its job, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ...resources.model_info import LabelAudit, ParameterCount, TrainingFigures
from ...resources.task import Prompt, Task
from ...resources.version import VersionFolder
from ..compute.jobs.running import RunningJob
from ..data.rows import Row
from ..data.store import Snapshot, load_snapshot
from .checkpoints import LogEntry
from .evidence import TrainingEvidence
from .tokenise import TokenisedRow

TrlArguments = dict[str, Any]  # what a class of TRL's is called with: the names are TRL's


@dataclass(frozen=True)
class TrainingRun:
    """What there is to train with. `rendered` holds `train.jsonl` and `valid.jsonl` of chat rows; this process is
    one of `processes` that share each step's rows, on a `gpu` of its own or on the processors; `shortened` are the rows by
    id whose input was cut."""

    task: Task
    version: VersionFolder
    running: RunningJob
    base_path: Path
    rendered: Path
    labels: list[str]
    prompt: Prompt
    threads: int
    processes: int = 1
    gpu: bool = False
    shortened: dict[str, Row] = field(default_factory=dict)

    @contextmanager
    def first(self) -> Iterator[None]:
        """A block that the first of the processes goes through before the others."""
        if self.processes == 1:
            yield
            return
        from accelerate import PartialState

        with PartialState().main_process_first():
            yield

    @property
    def snapshot(self) -> Snapshot:
        """The canonical rows that the rendered ones were made of."""
        return load_snapshot(self.version.task, self.version.data_snapshot().hash)

    def canonical_rows(self) -> Iterator[Row]:
        """The rows of train and valid as they are asked: those that were cut, cut."""
        for split in ("train", "valid"):
            for row in self.snapshot.rows(split):
                yield self.shortened.get(str(row["id"]), row)

    def rows_by_id(self) -> dict[str, Row]:
        """The same by id."""
        return {str(row["id"]): row for row in self.canonical_rows()}

    @property
    def checkpoints(self) -> Path:
        return self.version.models / "checkpoints"

    @property
    def cache(self) -> Path:
        return self.version.task.cache / "tokenised"


@dataclass(frozen=True)
class TrainerParts:
    """What a method builds TRL's trainer of.

    Arguments:
        shown: what one epoch shows, as the method's `build_dataset` made it.
        valid: the validation rows.
        end_ids: the token ids at which an answer ends.
        trainer: what every trainer here is called with: model, tokenizer, LoRA, what to keep.
        configuration: what every configuration of TRL's is called with, the plan's `trl` options included.
    """

    shown: list[Any]
    valid: list[TokenisedRow]
    end_ids: list[int]
    trainer: TrlArguments
    configuration: TrlArguments


class RunEnvironment(BaseModel):
    """What only the training sees of the machine, for `environment.json`."""

    model_config = ConfigDict(defer_build=True)

    device: str
    dtype: str
    torch_threads: int
    trainer_arguments: TrlArguments


class TrainingResult(BaseModel):
    """What came of it: the checkpoint to keep, and what the version's files say. `history` is the log of the run, oldest
    first; `evidence` is what a diagnosis needs and the files do not say."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    checkpoint: Path
    kind: Literal["adapter", "model"]
    parameters: ParameterCount
    training: TrainingFigures
    audit: LabelAudit
    history: list[LogEntry]
    evidence: TrainingEvidence
    environment: RunEnvironment
