"""Real trainings of the tiny model as jobs, and what they left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nlp_skills.resources.foundation.errors import TrainingError
from nlp_skills.resources.foundation.files import read_jsonl, sha256_file
from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder, version_numbers
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.train.planning import plan_training
from nlp_skills.tools.train.preflight import require_ready

SECONDS = 180.0


class Trainings:
    """Plans and starts trainings in a workspace with one worker."""

    def __init__(self, workspace: Workspace, worker: Path) -> None:
        self.workspace, self.worker = workspace, worker

    def start(self, task: TaskFolder, settings: dict[str, Any]) -> JobFolder:
        plan = plan_training(self.workspace, task, {"threads": 1, **settings}, "none", [], None).plan
        name = ready(self.workspace, task, plan)
        return job_control.submit(
            self.workspace,
            "train",
            ["scripts/04_train.py"],
            ["--plan", name],
            python=self.worker,
            task=task,
            resumable=True,
        )

    def run_to_end(self, job: JobFolder) -> str:
        state = job_control.wait(job, SECONDS)
        assert state not in ("running", "queued"), job.output_file.read_text(encoding="utf-8")
        return state

    def trained_version(self, task: TaskFolder, settings: dict[str, Any], number: int = 1) -> VersionFolder:
        """The version of that number, which this training makes."""
        job = self.start(task, settings)
        assert self.run_to_end(job) == "succeeded", (
            job_control.failure(job),
            job.output_file.read_text(encoding="utf-8"),
        )
        return VersionFolder(task, number)

    def task_version(self, task: TaskFolder) -> VersionFolder:
        """The newest version."""
        return VersionFolder(task, version_numbers(task)[-1])

    def resume_job(self, job: JobFolder) -> None:
        job_control.resume(job, self.workspace)
        assert self.run_to_end(job) == "succeeded", (
            job_control.failure(job),
            job.output_file.read_text(encoding="utf-8"),
        )


def ready(workspace: Workspace, task: TaskFolder, plan: str) -> str:
    """The plan's name, once the worker has checked it: under load that takes longer than a call."""
    while True:
        try:
            return require_ready(workspace, task, plan, confirm=False).plan.name
        except TrainingError as error:
            if "still being" not in error.problem.en:
                raise


def weights(version: VersionFolder) -> str:
    info = version.model_info()
    name = "adapter/adapter_model.safetensors" if info.adapter else "model/model.safetensors"
    return sha256_file(version.models / name)


def measures(version: VersionFolder, name: str) -> list[float]:
    """What was logged under that name, in order."""
    return [event["measures"][name] for event in read_jsonl(version.events_file) if name in event["measures"]]
