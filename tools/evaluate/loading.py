"""The first step of an evaluation: everything it needs, read and checked, before the model is asked anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...resources.foundation.errors import EvaluationError
from ...resources.foundation.files import sha256_bytes
from ...resources.foundation.language import Text
from ...resources.model_info import ModelInfo
from ...resources.task import Prompt, Task
from ...resources.version import VersionFolder
from ..compute.jobs.running import RunningJob
from ..data.benchmark import Benchmark, frozen_benchmark
from ..data.prompting import trained_prompt
from ..data.rows import Row
from ..data.store import Snapshot, load_snapshot
from ..data.task_kind import Answers
from .measurable import check_labels, check_version
from .measuring import measured_labels, row_groups
from .metric import answers_of, check_metric
from .model import ModelPaths, describe_unverified, version_paths


@dataclass
class Progress:
    """How far the passes over the rows have come, told to the job.

    Arguments:
        total: rows of all passes together.
    """

    job: RunningJob
    total: int
    done: int = 0

    def say(self, doing: Text) -> None:
        """Tell the job what is being done; stops here where it was cancelled."""
        self.job.check_cancelled()
        self.job.progress(self.done, self.total, doing)


@dataclass(frozen=True)
class EvaluationInput:
    """A version, the rows it is asked, and how.

    Arguments:
        snapshot: the data it was trained on; None where that is not on this machine.
        labels: those the version answers with; `measured_labels` also those that stand in the rows.
        groups: which rows belong together.
        constrained: whether the headline is decoded limited to the labels.
        kept: where the answers are kept until the record stands, so that a killed evaluation finds its own.
    """

    job: RunningJob
    folder: VersionFolder
    task: Task
    info: ModelInfo
    paths: ModelPaths
    benchmark: Benchmark
    rows: list[Row]
    snapshot: Snapshot | None
    prompt: Prompt
    labels: Sequence[str]
    measured_labels: list[str]
    groups: list[str]
    answers: Answers
    constrained: bool
    kept: Path
    progress: Progress = field(compare=False)

    @property
    def group_by(self) -> str | None:
        """By what the rows were split."""
        return self.snapshot.manifest.split.group_by if self.snapshot else None


def load_evaluation(job: RunningJob, folder: VersionFolder, benchmark_name: str | None = None) -> EvaluationInput:
    """Check the model's files, the benchmark's labels and the goal's metric, and read the rows.

    Raises:
        NlpSkillsError: the version cannot be measured on these rows.
    """
    task = folder.task.load()
    job.progress(0, None, Text("checking the model's files", "檢查模型檔案"))
    paths = version_paths(folder, "afresh")
    if unknown := describe_unverified(folder):
        job.warn(unknown)
    benchmark = frozen_benchmark(folder.task, benchmark_name)
    check_labels(folder.task, benchmark)
    check_version(folder, benchmark, task)
    rows = benchmark.rows()
    info = folder.model_info()
    prompt, labels, answers = trained_prompt(info, task), info.labels or task.labels, answers_of(task.type)
    measured = measured_labels(labels, rows)
    check_metric(task.metric, measured, answers)
    if not rows:
        raise EvaluationError(
            Text(f"The benchmark {benchmark.name} has no rows.", f"評估基準 {benchmark.name} 沒有任何資料。"),
            Text("Prepare data with a test split first.", "請先準備含有測試集的資料。"),
            field="benchmark",
        )
    snapshot = find_snapshot(folder)
    # free, limited to the labels, the base model; of pairs each model's preference and its own answer
    passes = {"label": 3, "pair": 4}.get(answers, 2)
    return EvaluationInput(
        job=job,
        folder=folder,
        task=task,
        info=info,
        paths=paths,
        benchmark=benchmark,
        rows=rows,
        snapshot=snapshot,
        prompt=prompt,
        labels=labels,
        measured_labels=measured,
        groups=row_groups(rows, snapshot.manifest.split.group_by if snapshot else None),
        answers=answers,
        constrained=task.constrained_decoding and answers == "label",
        kept=folder.task.cache / "evaluations" / _name_answers(folder, info, benchmark, prompt, labels),
        progress=Progress(job, len(rows) * passes),
    )


def find_snapshot(folder: VersionFolder) -> Snapshot | None:
    """The snapshot the version was trained on; None where it is not on this machine."""
    digest = folder.data_snapshot().hash
    return load_snapshot(folder.task, digest) if digest and (folder.task.snapshots / digest[:12]).is_dir() else None


def _name_answers(
    folder: VersionFolder, info: ModelInfo, benchmark: Benchmark, prompt: Prompt, labels: Sequence[str]
) -> str:
    """Names what the answers depend on, so that a killed evaluation finds its own answers and no others."""
    key = {
        "version": folder.name,
        "files": info.files,
        "base": info.base_model.to_dict(),
        "benchmark": benchmark.hash,
        "prompt": prompt.model_dump(mode="json"),
        "labels": labels,
    }
    return sha256_bytes(json.dumps(key, sort_keys=True, ensure_ascii=False, default=str).encode())[:16]
