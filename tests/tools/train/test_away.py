"""Real trainings on a machine over SSH: a second account behind a real server, with every link and process cut once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nlp_skills.resources.files import read_json, read_yaml, sha256_file
from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute import jobs
from nlp_skills.tools.compute.events import JobEvents
from nlp_skills.tools.compute.machines import keep_machine
from nlp_skills.tools.compute.machines.ssh import Ssh
from nlp_skills.tools.train.away import submit_away
from nlp_skills.tools.train.planning import plan_training
from tests.tools.compute.sshd import Proxy, account_processes
from tests.tools.compute.working import eventually

SECONDS = 120.0
SETTINGS = {"epochs": 2, "batch_size": 8, "gradient_accumulation": 1, "save_every": 5, "threads": 1}


@pytest.fixture
def send(
    workspace: Workspace, task: TaskFolder, tiny_model: Path, far_python: str, proxy: Proxy, far_folder: Path
) -> Callable[[], JobFolder]:
    """Plan a small training and send it to the machine."""
    keep_machine(workspace, "gpubox", Ssh(host="gpubox", folder=str(far_folder), python=far_python))

    def start() -> JobFolder:
        plan_training(workspace, task, {"base_model": str(tiny_model), **SETTINGS}, "none", [], "first")
        return submit_away(workspace, task, "first", "gpubox", confirm=False)

    return start


def ended(job: JobFolder, wanted: str = "succeeded") -> None:
    state = jobs.wait(job, SECONDS)
    assert state == wanted, (state, jobs.failure(job), job.output_file.read_text(encoding="utf-8"))


def told(job: JobFolder) -> str:
    return job.events_file.read_text(encoding="utf-8") if job.events_file.is_file() else ""


def step_reached(job: JobFolder, step: int) -> None:
    eventually(lambda: (jobs.progress(job).measures and jobs.progress(job).step >= step) or job.state() != "running",
               SECONDS)
    assert job.state() == "running", job.output_file.read_text(encoding="utf-8")


def whole(task: TaskFolder, job: JobFolder, folder: Path) -> VersionFolder:
    """The version stands as if trained here, once, and nothing of it is left there."""
    version = VersionFolder(task, 1)
    assert [entry.name for entry in task.versions.glob("v*")] == ["v1"] and version.status() == "trained"
    info = version.model_info()
    assert all(sha256_file(task.root / name) == digest for name, digest in info["files"].items())
    assert info["job"] == job.id and info["base_model"]["path"] == str(version.config()["base_model"])
    assert read_json(version.environment_file)["machine"] == "gpubox"
    assert read_yaml(version.lineage_file)["environment"]["machine"] == "gpubox"
    assert not version.failure_file.exists() and not (task.configs / "first.yaml").exists()
    assert not list((folder / "runs").iterdir()) and not account_processes()
    return version


def test_a_training_sent_away_comes_home_as_if_it_had_been_trained_here(
    task: TaskFolder, send: Callable[[], JobFolder], far_folder: Path
) -> None:
    job = send()
    ended(job)
    version = whole(task, job, far_folder)
    points = JobEvents(job).points()
    assert points["loss"][-1][0] == version.model_info()["training"]["steps"] == 16
    assert job.page_file.is_file() and job.spec().machine == "gpubox"
