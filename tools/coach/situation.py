"""Where a task stands, read from its files and from nothing else; light enough to be asked at every turn."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from ...resources.data_source import DataSource, load_data_source
from ...resources.deployment import Deployment
from ...resources.foundation.errors import NlpSkillsError
from ...resources.foundation.files import read_json
from ...resources.foundation.language import Text
from ...resources.job import ACTIVE_STATES, JobFolder, JobState
from ...resources.snapshot import SnapshotManifest
from ...resources.task import Task, TaskFolder
from ...resources.validation import ValidationReport
from ...resources.version import VersionFolder, version_numbers
from ...resources.workspace import Workspace
from ..compute.jobs.events import JobEvents
from ..compute.jobs.job_control import failure
from ..compute.jobs.words import cut_in_words, kind_name, progress_line

_JOBS_LOOKED_AT = 4
_TROUBLES = {
    "trouble-out-of-memory": re.compile(r"(?i)out of memory|\bmemory\b"),
    "trouble-loss-nan": re.compile(r"(?i)\bnan\b|not finite|infinite"),
    "trouble-truncation": re.compile(r"(?i)truncat|max_length"),
    "trouble-end-of-turn": re.compile(r"(?i)end[ -]of[ -]turn"),
}
_WARNINGS_KEPT = 2


@dataclass(frozen=True)
class JobNow:
    """A job that matters now: one that runs, or the newest one where it did not succeed.

    Arguments:
        page: the page of `llm-knowledge` about its trouble, where there is one.
        field: what of the call or the files its trouble is about.
    """

    id: str
    kind: str
    state: JobState
    line: str
    problem: str = ""
    fix: str = ""
    page: str = ""
    field: str = ""

    @property
    def active(self) -> bool:
        return self.state in ACTIVE_STATES

    @property
    def name(self) -> Text:
        return kind_name(self.kind)


@dataclass(frozen=True)
class Situation:
    """What the coach knows about a task.

    Arguments:
        data: the manifest of the current snapshot, None where there is none.
        warnings: what validation found about it.
        plan: the newest plan that no version was trained from yet, nor any version since.
        versions: all reserved versions, oldest first.
        deployment: what is live, `serving` whether its process is.
        source_problem: why `data_source.yaml` cannot be read, if it cannot.
    """

    folder: TaskFolder
    task: Task
    sources: DataSource
    source_problem: str = ""
    data: SnapshotManifest | None = None
    warnings: list[str] = field(default_factory=list)
    plan: str | None = None
    versions: list[VersionFolder] = field(default_factory=list)
    job: JobNow | None = None
    deployment: Deployment | None = None
    serving: bool = False

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def trained(self) -> list[VersionFolder]:
        return [version for version in self.versions if version.model_info_file.is_file()]

    @property
    def evaluated(self) -> list[VersionFolder]:
        return [version for version in self.trained if version.results_file.is_file() and version.evaluations()]

    @property
    def counts(self) -> dict[str, int]:
        """Rows of train, valid and test; empty before there is data."""
        return self.data.counts if self.data else {}

    @property
    def train_labels(self) -> dict[str, int]:
        """Training rows of each of the task's labels."""
        counts = (self.data.label_counts.get("train") if self.data else None) or {}
        shown = self.task.labels or (() if self.task.constraints.privacy == "on-premise" else counts)
        return {label: count for label, count in counts.items() if label in shown}

    @property
    def labels(self) -> list[str]:
        """The task's labels, else those of the data (which may be row text where a column was mapped wrongly, so
        on-premise they are not named)."""
        if self.task.labels or self.task.constraints.privacy == "on-premise":
            return list(self.task.labels)
        return sorted(self.train_labels)

    @property
    def answered_since_data(self) -> bool:
        """Whether `task.yaml` was changed after the data was prepared: then the data was spoken of already."""
        current = self.folder.data / "current.json"
        return current.is_file() and self.folder.file.stat().st_mtime > current.stat().st_mtime

    @property
    def deployed_version(self) -> str | None:
        return self.deployment.version if self.deployment else None

    @property
    def data_is_newer(self) -> bool:
        """Whether what is trained on changed since the newest trained version."""
        if not self.data or not self.trained or not self.trained[-1].data_snapshot_file.is_file():
            return False
        before = self.trained[-1].data_snapshot()
        learnt_from = [
            {split: hashes.get(split) for split in ("train", "valid")}
            for hashes in (before.file_hashes, self.data.file_hashes)
        ]
        return before.hash != self.data.hash and (learnt_from[0] != learnt_from[1] or None in learnt_from[0].values())


def load_situation(workspace: Workspace, folder: TaskFolder) -> Situation:
    """The situation of one task.

    Raises:
        TaskError: its `task.yaml` cannot be read.
    """
    task = folder.load()
    try:
        sources, source_problem = load_data_source(folder), ""
    except NlpSkillsError as error:
        sources, source_problem = DataSource(), str(error)
    data, warnings = _data(folder)
    deployment = folder.current_deployment()
    versions = [VersionFolder(folder, number) for number in version_numbers(folder)]
    return Situation(
        folder=folder,
        task=task,
        sources=sources,
        source_problem=source_problem,
        data=data,
        warnings=warnings,
        plan=_newest_plan(folder, versions),
        versions=versions,
        job=_job_now(folder),
        deployment=deployment,
        serving=_serving(workspace, deployment),
    )


def _data(folder: TaskFolder) -> tuple[SnapshotManifest | None, list[str]]:
    current = folder.data / "current.json"
    if not current.is_file():
        return None, []
    root = folder.snapshots / str(read_json(current)["hash"])[:12]
    if not (root / "manifest.json").is_file() or not (root / "validation.json").is_file():
        return None, []
    findings = ValidationReport.read(root / "validation.json").warnings
    return SnapshotManifest.read(root / "manifest.json"), [str(found.text) for found in findings[:_WARNINGS_KEPT]]


def _newest_plan(folder: TaskFolder, versions: list[VersionFolder]) -> str | None:
    """The newest plan, unless a version was trained since: what was planned before it has been overtaken."""
    plans = list(folder.configs.glob("*.yaml")) if folder.configs.is_dir() else []
    newest = max(plans, key=lambda path: path.stat().st_mtime, default=None)
    trained = [version for version in versions if version.model_info_file.is_file() and version.config_file.is_file()]
    if newest is None or (trained and trained[-1].config_file.stat().st_mtime > newest.stat().st_mtime):
        return None
    return newest.stem


def _job_now(folder: TaskFolder) -> JobNow | None:
    """The newest running job, else the newest job where it failed or stopped and nothing was changed since."""
    if not folder.jobs.is_dir():
        return None
    entries = sorted(
        (entry for entry in folder.jobs.iterdir() if (entry / "spec.json").is_file()),
        key=lambda entry: entry.name,
        reverse=True,
    )
    looked_at = [(job, job.state()) for job in map(JobFolder, entries[:_JOBS_LOOKED_AT])]
    for job, state in looked_at:
        if state in ACTIVE_STATES:
            cut = job.read_cut() if state == "unreachable" else None
            line = str(cut_in_words(cut)) if cut else progress_line(JobEvents(job).progress())
            return JobNow(job.id, job.spec().kind, state if cut or state != "unreachable" else "running", line)
    if not looked_at or looked_at[0][1] == "succeeded":
        return None
    job, state = looked_at[0]
    if _changed_since(folder, job):
        return None
    error = failure(job) if state == "failed" else None
    return JobNow(
        job.id,
        job.spec().kind,
        state,
        "",
        str(error.problem) if error else "",
        str(error.fix) if error else "",
        _trouble_page(error.problem.en) if error else "",
        (error.field or "") if error else "",
    )


def _trouble_page(problem: str) -> str:
    return next((page for page, words in _TROUBLES.items() if words.search(problem)), "")


def _changed_since(folder: TaskFolder, job: JobFolder) -> bool:
    """Whether the person changed something after that job ended, so that its failure is no longer the news."""
    ended = job.exit_file if job.exit_file.is_file() else job.spec_file
    watched = [folder.file, folder.data_source_file, *_files(folder.configs, "*.yaml"), *_files(folder.data, "*.jsonl")]
    return any(path.stat().st_mtime > ended.stat().st_mtime for path in watched if path.is_file())


def _files(place: Path, pattern: str) -> list[Path]:
    return list(place.glob(pattern)) if place.is_dir() else []


def _serving(workspace: Workspace, deployment: Deployment | None) -> bool:
    job = deployment.job if deployment else None
    if not job:
        return bool(deployment)
    return JobFolder(workspace.jobs / str(job)).state() in ACTIVE_STATES
