"""Real trainings on a machine over SSH: a second account behind a real server. Its faults: test_away_faults.py."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from nlp_skills.resources.foundation.access import AccessError, grant
from nlp_skills.resources.foundation.errors import MissingRequirement
from nlp_skills.resources.foundation.files import read_json, read_yaml, sha256_file
from nlp_skills.resources.job import JobFolder, job_folder
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.server.app import build_server
from nlp_skills.server.settings import Settings
from nlp_skills.tools.compute.cancel import cancel_job
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.compute.jobs.events import JobEvents
from nlp_skills.tools.compute.machines.ssh import Ssh
from nlp_skills.tools.compute.machines_file import keep_machine
from nlp_skills.tools.train.planning import plan_training
from nlp_skills.tools.train.remote_submit import submit_remote
from tests.tools.compute.sshd import HOME, Proxy, left_running
from tests.tools.compute.working import eventually

pytestmark = pytest.mark.minutes

SECONDS = 180.0
SETTINGS = {
    "epochs": 5,
    "batch_size": 8,
    "gradient_accumulation": 1,
    "save_every": 5,
    "threads": 1,
    "lora_dropout": 0.1,
    "lora_r": 8,
    "learning_rate": 2e-3,
}
STEPS = 40
HUB_NAME = f"somebody/tiny-{os.getpid()}"


@pytest.fixture
def machine(workspace: Workspace, far_python: str, proxy: Proxy, far_folder: Path) -> Ssh:
    machine = Ssh(host="gpubox", folder=str(far_folder), python=far_python)
    keep_machine(workspace, "gpubox", machine)
    return machine


def call(workspace: Workspace, tool: str, **arguments: Any) -> dict[str, Any]:
    async def run() -> Any:
        async with Client(build_server(Settings(workspace=workspace.root))) as client:
            return await client.call_tool(tool, arguments)

    result = anyio.run(run)
    assert not result.is_error, result.content
    return dict(result.structured_content)


def ends(job: JobFolder, wanted: str) -> None:
    state = job_control.wait(job, SECONDS)
    assert state == wanted, (state, job_control.failure(job), job.output_file.read_text(encoding="utf-8"))


def far_step(far_folder: Path, job: JobFolder, step: int) -> None:
    """Until the training there has taken that step."""
    events = far_folder / "runs" / job.id / "jobs" / job.id / "events.jsonl"

    def is_reached() -> bool:
        lines = events.read_text(encoding="utf-8").splitlines() if events.is_file() else []
        last = [json.loads(line)["step"] for line in lines[-3:] if '"total": 40' in line]
        return bool(last) and last[-1] >= step

    eventually(lambda: is_reached() or job.state() != "running", SECONDS)
    assert job.state() == "running", job.output_file.read_text(encoding="utf-8")


def whole(task: TaskFolder, number: int, job: JobFolder, far_folder: Path) -> str:
    """The version stands as if trained here and nothing of it is left there; the hash of its weights."""
    version = VersionFolder(task, number)
    assert len(list(task.versions.glob("v*"))) == number and version.status() == "trained"
    info = version.model_info()
    assert all(sha256_file(task.root / name) == digest for name, digest in info.files.items())
    assert info.job == job.id and info.base_model.path == str(version.config().base_model)
    assert read_json(version.environment_file)["machine"] == "gpubox"
    lineage = read_yaml(version.lineage_file)
    assert lineage["environment"]["machine"] == "gpubox" and lineage["hashes"]["model"]
    assert not version.failure_file.exists() and not list(task.configs.glob("*.yaml"))
    assert not list((far_folder / "runs").iterdir()) and not left_running(far_folder)
    points = JobEvents(job).points()["loss"]
    assert points[-1][0] == info.training.steps == STEPS and points[0][0] == 1
    return sha256_file(version.models / "adapter" / "adapter_model.safetensors")


@contextlib.contextmanager
def _in_hub_cache(model: Path, name: str) -> Iterator[None]:
    """The model as the second account's own hub cache holds it."""
    cache = HOME / ".cache" / "huggingface" / "hub" / f"models--{name.replace('/', '--')}"
    shutil.copytree(model, cache / "snapshots" / "1")
    for part in (cache, *cache.rglob("*")):
        part.chmod(0o755)
    yield
    shutil.rmtree(cache)


def test_trainings_sent_away_come_home_and_one_killed_and_cancelled_there_ends_with_the_same_weights(
    workspace: Workspace, task: TaskFolder, tiny_model: Path, machine: Ssh, far_folder: Path
) -> None:
    settings = {"base_model": str(tiny_model), **SETTINGS}
    plan_training(workspace, task, settings, "none", [], "smooth")
    begun = call(workspace, "train", task="news", plan="smooth", machine="gpubox")
    job = job_folder(workspace, begun["job"]["id"])
    ends(job, "succeeded")
    answer = call(workspace, "job_status", job_id=job.id)
    assert answer["next_step"]["tool"] == "evaluate" and answer["next_step"]["arguments"]["version"] == "v1"
    weights = whole(task, 1, job, far_folder)
    sent = {blob.name for blob in (far_folder / "blobs").iterdir()}
    assert sha256_file(tiny_model / "model.safetensors") in sent and not any(name.endswith(".part") for name in sent)

    with _in_hub_cache(tiny_model, HUB_NAME):  # that is there, and not here
        plan_training(workspace, task, {**settings, "base_model": HUB_NAME}, "none", [], "rough")
        job = submit_remote(workspace, task, "rough", "gpubox", confirm=False)
        far_step(far_folder, job, 8)
        pid = read_json(far_folder / "runs" / job.id / "jobs" / job.id / "pid")["pid"]
        os.kill(pid, signal.SIGKILL)
        ends(job, "failed")
        assert VersionFolder(task, 2).status() == "reserved"
        job_control.resume(job, workspace)
        far_step(far_folder, job, 22)
        assert cancel_job(job) == "cancelled" and not left_running(far_folder)
        assert VersionFolder(task, 2).status() == "cancelled"
        job_control.resume(job, workspace)
        ends(job, "succeeded")
        assert whole(task, 2, job, far_folder) == weights


def test_a_machine_without_training_libraries_is_refused_with_what_brings_them(
    workspace: Workspace, task: TaskFolder, tiny_model: Path, machine: Ssh
) -> None:
    plan_training(workspace, task, {"base_model": str(tiny_model), **SETTINGS}, "none", [], "first")
    keep_machine(workspace, "bare", machine.model_copy(update={"python": None}))
    keep_machine(workspace, "lacking", machine.model_copy(update={"python": "/usr/bin/python3"}))
    for name, said in (("bare", "set_up(what='machine', name='bare', confirm=True)"), ("lacking", "pip install")):
        with pytest.raises(MissingRequirement) as told:
            submit_remote(workspace, task, "first", name, confirm=False)
        assert said in told.value.fix.en
    assert not (task.versions / "v1").exists()


def test_data_that_must_stay_inside_is_sent_only_after_a_yes(
    workspace: Workspace, task: TaskFolder, tiny_model: Path, machine: Ssh
) -> None:
    definition = task.load()
    task.save(
        definition.model_copy(
            update={"constraints": definition.constraints.model_copy(update={"privacy": "on-premise"})}
        )
    )
    plan_training(workspace, task, {"base_model": str(tiny_model), **SETTINGS}, "none", [], "first")
    with pytest.raises(AccessError) as asked:
        submit_remote(workspace, task, "first", "gpubox", confirm=True)
    assert "nlp-skills allow --rows-of" in asked.value.fix.en and [need.host for need in asked.value.needs] == [
        machine.host
    ]
    # A yes to that machine is none to another one that takes its name.
    grant(asked.value.needs)
    other = f"{getpass.getuser()}@{machine.host}"
    keep_machine(workspace, "gpubox", machine.model_copy(update={"host": other}))
    with pytest.raises(AccessError) as refused:
        submit_remote(workspace, task, "first", "gpubox", confirm=True)
    assert [need.host for need in refused.value.needs] == [other]
