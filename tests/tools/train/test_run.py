"""Real trainings of a tiny random model, as jobs, killed where it hurts."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nlp_skills.resources.foundation.errors import NlpSkillsError, TrainingError
from nlp_skills.resources.foundation.files import read_json, read_jsonl, read_yaml, sha256_file
from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.lineage import load_lineage
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.train.checkpoints import sealed_checkpoints
from nlp_skills.tools.train.planning import plan_training
from nlp_skills.tools.train.preflight import require_ready
from tests.tools.compute.working import eventually

pytestmark = pytest.mark.minutes

SECONDS = 120.0
SETTINGS = {
    "epochs": 3,
    "batch_size": 8,
    "gradient_accumulation": 1,
    "save_every": 5,
    "lora_dropout": 0.1,
    "threads": 1,
}


@pytest.fixture
def submit(workspace: Workspace, task: TaskFolder, tiny_model: Path, worker: Path) -> Callable[[str], JobFolder]:
    """Plan the training under a name and start it."""

    def start(plan: str) -> JobFolder:
        plan_training(workspace, task, {"base_model": str(tiny_model), **SETTINGS}, "none", [], plan)
        name = require_ready(workspace, task, plan, confirm=False).plan.name
        return job_control.submit(
            workspace, "train", ["scripts/04_train.py"], ["--plan", name], python=worker, task=task, resumable=True
        )

    return start


def read_end(job: JobFolder) -> str:
    state = job_control.wait(job, SECONDS)
    assert state not in ("running", "queued"), job.output_file.read_text(encoding="utf-8")
    return state


def weights(task: TaskFolder, number: int) -> str:
    return sha256_file(VersionFolder(task, number).models / "adapter" / "adapter_model.safetensors")


def test_a_training_killed_three_times_ends_with_the_weights_of_one_never_stopped(
    workspace: Workspace, task: TaskFolder, submit: Callable[[str], JobFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = submit("whole")
    assert read_end(whole) == "succeeded", job_control.failure(whole)
    _check_commit(task, whole)
    tokenised = sorted((task.cache / "tokenised").iterdir())

    monkeypatch.setenv("KILL_AT", "step13")
    job = submit("killed")
    assert read_end(job) == "interrupted"
    version = VersionFolder(task, 2)
    assert version.status() == "reserved" and not version.model_info_file.exists()
    assert max(sealed_checkpoints(version.models / "checkpoints")) == 10  # of steps 5, 8 (an epoch) and 10

    monkeypatch.setenv("KILL_AT", "checkpoint")
    assert read_end(job_control.resume(job, workspace)) == "interrupted"
    half_written = version.models / "checkpoints" / "checkpoint-15"
    assert (half_written / "adapter_model.safetensors").is_file()
    assert max(sealed_checkpoints(version.models / "checkpoints")) == 10

    monkeypatch.setenv("KILL_AT", "commit")
    assert read_end(job_control.resume(job, workspace)) == "interrupted"
    assert version.status() == "trained" and not version.lineage_file.exists()
    assert load_lineage(version).version == "v2" and version.lineage_file.is_file()  # any reader heals it

    monkeypatch.delenv("KILL_AT")
    assert read_end(job_control.resume(job, workspace)) == "succeeded"
    assert [folder.name for folder in sorted(task.versions.glob("v*"))] == ["v1", "v2"]
    assert weights(task, 2) == weights(task, 1)
    assert sorted((task.cache / "tokenised").iterdir()) == tokenised and len(tokenised) == 2  # train and valid, once
    exact = plan_training(workspace, task, {}, "v2", [], "next").estimate
    assert exact and exact.tokens[0] == exact.tokens[1] == VersionFolder(task, 2).model_info().training.tokens
    assert not (version.models / "checkpoints").exists()
    uninterrupted, resumed = (
        [
            (event["step"], event["measures"]["loss"])
            for event in read_jsonl(VersionFolder(task, number).events_file)
            if "loss" in event["measures"]
        ]
        for number in (1, 2)
    )
    assert resumed == uninterrupted and len(resumed) == 24
    resumed_steps = [event["step"] for event in read_jsonl(job.events_file) if event.get("measures", {}).get("loss")]
    assert min(step for step in resumed_steps[resumed_steps.index(max(resumed_steps)) :]) >= 10


def _check_commit(task: TaskFolder, job: JobFolder) -> None:
    """What a trained version holds."""
    version = VersionFolder(task, 1)
    config, info = version.config(), version.model_info()
    assert config.labels == ["正面", "中性", "負面"] and "{text}" in str(config.prompt)
    assert config.learning_rate == 2e-3 and config.lora_r == 16 and config.seed == 42
    assert version.data_snapshot().counts == {"train": 60, "valid": 15, "test": 15}
    assert info.label_audit.rows == 75 and info.label_audit.problems == 0
    assert set(info.label_audit.trained_texts) == {f"{label}<|im_end|>" for label in config.labels}
    assert info.training.steps == 24 and (info.training.tokens_per_second or 0) > 0
    assert all(sha256_file(task.root / name) == digest for name, digest in info.files.items())
    assert {Path(name).name for name in info.files} >= {"adapter_config.json", "tokenizer.json"}
    environment = read_json(version.environment_file)
    assert environment["packages"]["trl"] and environment["threads"] == environment["torch_threads"] == 1
    assert environment["trainer_arguments"]["learning_rate"] == 2e-3
    assert read_yaml(version.lineage_file)["config"]["lora_r"] == 16
    assert not (task.configs / "whole.yaml").exists()  # trained, so no longer a plan
    ended = job.exit()
    assert ended and ended.result["next_step"]["arguments"] == {"task": "news", "version": "v1"}
    assert {"loss", "tokens_per_second", "learning_rate"} <= job_control.progress(job).measures.keys()


def test_a_cancelled_training_keeps_its_number_and_goes_on_by_hand(
    workspace: Workspace,
    task: TaskFolder,
    submit: Callable[[str], JobFolder],
    worker: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KILL_AT", "pause")
    job = submit("slow")
    version = VersionFolder(task, 1)
    deadline = time.monotonic() + SECONDS
    while not sealed_checkpoints(version.models / "checkpoints").keys() >= {8, 10}:
        assert time.monotonic() < deadline and job.state() != "failed", job.output_file.read_text(encoding="utf-8")
        time.sleep(0.1)
    assert job_control.cancel(job) == "cancelled"
    assert version.status() == "cancelled" and read_json(version.failure_file)["job"] == job.id

    monkeypatch.delenv("KILL_AT")
    by_hand = subprocess.run(
        [str(worker), str(task.scripts / "04_train.py"), "--resume", "v1"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    assert by_hand.returncode == 0, by_hand.stderr
    assert version.status() == "trained" and not version.failure_file.exists()
    assert "[10" in by_hand.stdout and "[1/24]" not in by_hand.stdout


def test_a_base_model_that_never_ends_its_turn_is_refused_before_there_is_a_version(
    workspace: Workspace,
    task: TaskFolder,
    submit: Callable[[str], JobFolder],
    tiny_model: Path,
    tmp_path: Path,
    worker: Path,
) -> None:
    endless = tmp_path / "endless"
    endless.mkdir()
    for file in tiny_model.iterdir():
        (endless / file.name).write_bytes(file.read_bytes())
    template = (tiny_model / "chat_template.jinja").read_text(encoding="utf-8")
    (endless / "chat_template.jinja").write_text(template.replace(" + '<|im_end|>'", ""), encoding="utf-8")
    plan_training(workspace, task, {"base_model": str(endless), **SETTINGS}, None, [], "endless")
    job = job_control.submit(
        workspace, "train", ["scripts/04_train.py"], ["--plan", "endless"], python=worker, task=task
    )
    assert read_end(job) == "failed"
    error = job_control.failure(job)
    assert isinstance(error, NlpSkillsError) and error.details["problems"] == {"end_of_turn": 75}
    first = error.details["rows"][0]
    assert first["trained"] == first["answer"] + "\n" and "end of turn" in error.problem.en
    assert not VersionFolder(task, 1).root.exists(), "refused before there is a version"


def test_a_second_training_of_the_task_is_queued_with_its_version_and_its_data_and_starts_by_itself(
    workspace: Workspace,
    task: TaskFolder,
    submit: Callable[[str], JobFolder],
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KILL_AT", "pause")
    first = submit("first")
    eventually(lambda: sealed_checkpoints(VersionFolder(task, 1).models / "checkpoints") or first.exit(), SECONDS)
    assert first.state() == "running", job_control.failure(first)
    monkeypatch.delenv("KILL_AT")
    with pytest.raises(TrainingError, match=first.id):
        require_ready(workspace, task, "first", confirm=False)

    answer = plan_training(
        workspace, task, {"base_model": str(tiny_model), **SETTINGS, "epochs": 1}, "none", [], "second"
    )
    (queue,) = [finding for finding in answer.findings if finding["code"] == "queue"]
    assert first.id in queue["problem"] and answer.next_step.tool == "train"
    second = submit("second")
    eventually(lambda: second.state() == "queued" and second.place(), SECONDS)
    version = VersionFolder(task, 2)
    assert version.status() == "reserved" and version.data_snapshot().counts["train"] == 60
    again = plan_training(workspace, task, {"base_model": str(tiny_model), **SETTINGS}, "none", [], "third")
    assert not [finding for finding in again.findings if finding["code"] == "interrupted"], (
        "it waits, and was not stopped"
    )
    assert job_control.cancel(first) == "cancelled"
    assert read_end(second) == "succeeded", job_control.failure(second)
    assert version.status() == "trained" and VersionFolder(task, 1).status() == "cancelled"
