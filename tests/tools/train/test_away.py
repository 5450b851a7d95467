"""Real trainings on a machine over SSH: a second account behind a real server, with every link and process cut once."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
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
from tests.tools.compute.sshd import ACCOUNT, Proxy, Sshd, account_processes, require_sshd
from tests.tools.compute.working import eventually

SECONDS = 120.0
HOME = Path("/home") / ACCOUNT
SETTINGS = {"epochs": 2, "batch_size": 8, "gradient_accumulation": 1, "save_every": 5, "threads": 1}


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    require_sshd()
    root = tmp_path_factory.mktemp("ssh")
    server = Sshd(root / "server", root / "home")
    server.trust()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def far_python(sshd: Sshd, worker: Path) -> Iterator[str]:
    """An interpreter of the second account that sees the training libraries."""
    system, ours = (subprocess.run(
        [python, "-c", "import sys, sysconfig; print(sys.version_info[:2], sysconfig.get_path('purelib'), sep='|')"],
        capture_output=True, text=True, check=True).stdout.strip().split("|") for python in ("/usr/bin/python3", worker))
    if system[0] != ours[0]:
        pytest.skip("the system's Python is another version than the worker environment's")
    place = HOME / "libraries"
    shutil.rmtree(place, ignore_errors=True)
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", str(place)], check=True)
    next(place.glob("lib/python3*/site-packages")).joinpath("worker.pth").write_text(ours[1] + "\n")
    subprocess.run(["chmod", "-R", "a+rX", str(place)], check=True)
    yield str(place / "bin" / "python")
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def proxy(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The way to the machine; the person's home is that of the test."""
    between = Proxy(sshd.port)
    sshd.point_to(between.port)
    monkeypatch.setenv("HOME", str(sshd.home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    yield between
    between.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the machine works, gone afterwards with whatever still runs."""
    place = HOME / "work"
    yield place
    for process in account_processes():
        process.kill()
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def send(
    workspace: Workspace, task: TaskFolder, tiny_model: Path, far_python: str, proxy: Proxy, folder: Path
) -> Callable[[], JobFolder]:
    """Plan a small training and send it to the machine."""
    keep_machine(workspace, "gpubox", Ssh(host="gpubox", folder=str(folder), python=far_python))

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
    task: TaskFolder, send: Callable[[], JobFolder], folder: Path
) -> None:
    job = send()
    ended(job)
    version = whole(task, job, folder)
    points = JobEvents(job).points()
    assert points["loss"][-1][0] == version.model_info()["training"]["steps"] == 16
    assert job.page_file.is_file() and job.spec().machine == "gpubox"
