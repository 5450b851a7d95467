"""Trainings on rented machines: agreed to by their price, bounded by the budget, brought home, given back.

The `sky` here answers in SkyPilot's own words and runs what it launches on the second account behind a real SSH server;
test_sky_real.py does the same with SkyPilot itself.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources import spending
from nlp_skills.resources.foundation.errors import BudgetError, MachineError, TrainingError, WorkspaceError
from nlp_skills.resources.foundation.files import append_jsonl, read_yaml
from nlp_skills.resources.job import JobFolder, job_folders
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.cancel import cancel_job
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.compute.jobs.rented import Record
from nlp_skills.tools.compute.jobs.view import list_answer
from nlp_skills.tools.compute.machines.sky import Sky
from nlp_skills.tools.compute.machines.ssh import Ssh
from nlp_skills.tools.compute.machines_file import keep_machine
from nlp_skills.tools.compute.named_machines import named_machine
from nlp_skills.tools.compute.skypilot import offer
from nlp_skills.tools.train.checkpoints import sealed_checkpoints
from nlp_skills.tools.train.planning import plan_training
from nlp_skills.tools.train.remote_submit import submit_remote
from tests.tools.compute.skypilot.test_sky import sky_on_path
from tests.tools.compute.sshd import Proxy, left_running
from tests.tools.compute.working import eventually

pytestmark = pytest.mark.minutes

SECONDS = 240.0
SETTINGS = {
    "epochs": 5,
    "batch_size": 8,
    "gradient_accumulation": 1,
    "save_every": 5,
    "threads": 1,
    "lora_r": 8,
    "learning_rate": 2e-3,
}
PRICE = 1.01


@pytest.fixture
def clouds(
    workspace: Workspace,
    task: TaskFolder,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    far_python: str,
    far_folder: Path,
    proxy: Proxy,
) -> Path:
    """A machine that can be rented, its price known, and a plan to train."""
    state = sky_on_path(tmp_path, monkeypatch, workspace)
    machine = Sky(infra="aws", gpus="A10G:1", folder=str(far_folder), python=far_python)
    keep_machine(workspace, "cloud", machine)
    offer.keep(
        workspace,
        "cloud",
        offer.Offer(
            infra="AWS (us-east-1)",
            instance="g5.xlarge",
            cores=4,
            memory_gb=16,
            gpus="A10G:1",
            price_per_hour=PRICE,
            seen="2999-01-01T00:00:00Z",
            settings=offer.settings_hash(machine),
        ),
    )
    plan_training(workspace, task, {"base_model": str(tiny_model), **SETTINGS}, "none", [], "first")
    return state


def ends(job: JobFolder, wanted: str) -> None:
    state = job_control.wait(job, SECONDS)
    assert state == wanted, (state, job_control.failure(job), job.output_file.read_text(encoding="utf-8")[-3000:])


def rented_clusters(clouds: Path) -> dict[str, dict[str, object]]:
    file = clouds / "clusters.json"
    return dict(json.loads(file.read_text())) if file.is_file() else {}


def limit(task: TaskFolder, **budget: float) -> None:
    with task.change() as definition:
        definition.budget = definition.budget.model_copy(update=budget)


def test_a_training_is_rented_for_after_a_yes_to_its_price_and_its_lineage_says_what_it_cost(
    workspace: Workspace, task: TaskFolder, clouds: Path, far_folder: Path
) -> None:
    with pytest.raises(TrainingError) as asked:
        submit_remote(workspace, task, "first", "cloud", confirm=False)
    assert asked.value.field == "confirm" and "machine='cloud', confirm=True" in asked.value.fix.en
    assert "1.01 USD an hour" in asked.value.problem.en and "No budget is set" in asked.value.problem.en
    assert (
        "每小時 1.01 USD" in asked.value.problem.zh
        and not rented_clusters(clouds)
        and not (task.versions / "v1").exists()
    )

    job = submit_remote(workspace, task, "first", "cloud", confirm=True)
    ends(job, "succeeded")
    version = VersionFolder(task, 1)
    cost = read_yaml(version.lineage_file)["cost"]
    assert version.status() == "trained" and cost["per_hour"] == PRICE and cost["estimate"][0] < cost["estimate"][1]
    assert 0 < cost["spent"] == spending.total_spent(task) and cost["spent"] < PRICE * SECONDS / 3600
    ended = job.exit()
    assert ended and "It cost" in ended.result["message"]["en"] and "花費" in ended.result["message"]["zh"]
    assert not rented_clusters(clouds) and not left_running(far_folder)
    asked_for = json.loads((clouds / "asked.json").read_text())["resources"]
    assert asked_for["max_hourly_cost"] == pytest.approx(PRICE * 1.02 + 0.005, abs=1e-3)
    assert asked_for["autostop"] == {"idle_minutes": 30, "down": False}


def test_a_job_that_passes_its_budget_is_stopped_its_checkpoint_kept_and_goes_on_when_more_is_allowed(
    workspace: Workspace, task: TaskFolder, clouds: Path, far_folder: Path
) -> None:
    limit(task, per_task=1.0)
    job = submit_remote(workspace, task, "first", "cloud", confirm=True)
    seals = f"{task.name}/models/v1/checkpoints/checkpoint-*/sealed.json"
    eventually(lambda: list((far_folder / "runs" / job.id).glob(seals)) or job.state() != "running", SECONDS)
    append_jsonl(
        task.spending_file,
        {
            "time": "2026-01-01T00:00:00Z",
            "job": "another",
            "what": "x",
            "kind": "paid",
            "amount": 1.0,
            "currency": "USD",
        },
    )
    ends(job, "failed")
    error = job_control.failure(job)
    assert isinstance(error, BudgetError) and "budget.per_task" in error.fix.en and "action='resume'" in error.fix.en
    assert sealed_checkpoints(VersionFolder(task, 1).models / "checkpoints"), "the checkpoint came home"
    assert not rented_clusters(clouds) and not left_running(far_folder)
    with pytest.raises(BudgetError):
        submit_remote(workspace, task, "first", "cloud", confirm=True)

    limit(task, per_task=5.0)
    job_control.resume(job, workspace)
    ends(job, "succeeded")
    assert VersionFolder(task, 1).model_info().training.steps == 40
    first = next(event for event in reversed(_events(job)) if event["kind"] == "resumed")
    steps = [event["step"] for event in _events(job)[_events(job).index(first) :] if event.get("total") == 40]
    assert min(step for step in steps if step) > 5, "it went on from the checkpoint"


def test_nothing_is_rented_that_the_budget_or_another_currency_cannot_bear(
    workspace: Workspace, task: TaskFolder, clouds: Path
) -> None:
    limit(task, per_job=0.001)
    with pytest.raises(BudgetError) as small:
        submit_remote(workspace, task, "first", "cloud", confirm=True)
    assert "budget.per_job" in small.value.fix.en and "預算只剩" in small.value.problem.zh
    with task.change() as definition:
        definition.budget = definition.budget.model_copy(update={"per_job": 10.0, "currency": "TWD"})
    with pytest.raises(BudgetError) as other:
        submit_remote(workspace, task, "first", "cloud", confirm=True)
    assert other.value.field == "budget.currency" and not rented_clusters(clouds)


@pytest.mark.parametrize(
    ("trouble", "said"),
    [("no capacity", "InsufficientInstanceCapacity"), ("setup fails", "No matching distribution found for torch")],
)
def test_a_launch_that_fails_is_told_in_skypilots_words_and_leaves_nothing_rented(
    workspace: Workspace, task: TaskFolder, clouds: Path, trouble: str, said: str
) -> None:
    (clouds / "trouble").write_text(trouble)
    job = submit_remote(workspace, task, "first", "cloud", confirm=True)
    ends(job, "failed")
    error = job_control.failure(job)
    assert isinstance(error, MachineError) and said in error.problem.en, error
    assert not rented_clusters(clouds) and VersionFolder(task, 1).status() == "reserved"


def test_a_training_that_fails_there_by_that_machines_own_disk_gives_it_back(
    workspace: Workspace, task: TaskFolder, clouds: Path
) -> None:
    (clouds / "queue").write_text("/proc/jobs")  # where nobody can stand in line
    job = submit_remote(workspace, task, "first", "cloud", confirm=True)
    ends(job, "failed")
    error = job_control.failure(job)
    assert isinstance(error, WorkspaceError) and "/proc/jobs" in error.problem.en, error
    assert not rented_clusters(clouds)


def test_a_price_that_rose_since_the_yes_is_asked_again(workspace: Workspace, task: TaskFolder, clouds: Path) -> None:
    (clouds / "price").write_text("1.21")
    job = submit_remote(workspace, task, "first", "cloud", confirm=True)
    ends(job, "failed")
    error = job_control.failure(job)
    assert isinstance(error, BudgetError) and "1.21" in error.problem.en and "1.01" in error.problem.en
    assert not rented_clusters(clouds) and spending.total_spent(task) == 0


def test_a_job_cancelled_while_its_machine_is_being_rented_gives_it_back(
    workspace: Workspace, task: TaskFolder, clouds: Path
) -> None:
    (clouds / "trouble").write_text("slow")
    job = submit_remote(workspace, task, "first", "cloud", confirm=True)
    eventually(lambda: rented_clusters(clouds), 60)
    assert cancel_job(job) == "cancelled"
    closing = next(one for one in job_folders(workspace) if one.spec().kind == "give_back")
    ends(closing, "succeeded")
    assert not rented_clusters(clouds) and VersionFolder(task, 1).status() == "cancelled"
    record = Record.read(job)
    assert record and not record.up


def test_a_machine_that_went_away_before_its_results_were_fetched_is_told_and_another_rented_after_a_word(
    workspace: Workspace, task: TaskFolder, clouds: Path, far_folder: Path
) -> None:
    job = submit_remote(workspace, task, "first", "cloud", confirm=True)
    run = far_folder / "runs" / job.id / "jobs" / job.id / "pid"
    eventually(lambda: run.is_file() or job.state() != "running", SECONDS)
    process = job.process()
    assert process
    process.kill()
    eventually(lambda: job.state() == "interrupted")
    assert "Still rented" in list_answer(workspace).message
    standing = named_machine(workspace, "cloud").examine("cloud")
    assert any(one.mends and job.id in one.mends.en for one in standing if one.state == "warning")
    (clouds / "clusters.json").write_text("{}")
    for left in left_running(far_folder):
        left.kill()

    job_control.resume(job, workspace)
    ends(job, "failed")
    gone = job_control.failure(job)
    assert isinstance(gone, MachineError) and "is gone" in gone.problem.en and "1.01 USD an hour" in gone.fix.en
    job_control.resume(job, workspace)
    ends(job, "succeeded")
    assert VersionFolder(task, 1).status() == "trained" and not rented_clusters(clouds)


def test_a_machine_of_ones_own_with_a_price_is_confirmed_and_counted_too(
    workspace: Workspace, task: TaskFolder, clouds: Path, far_python: str, far_folder: Path
) -> None:
    keep_machine(workspace, "gpubox", Ssh(host="gpubox", folder=str(far_folder), python=far_python, price_per_hour=2.5))
    with pytest.raises(TrainingError) as asked:
        submit_remote(workspace, task, "first", "gpubox", confirm=False)
    assert "2.50 USD an hour" in asked.value.problem.en
    limit(task, per_task=3.0)
    job = submit_remote(workspace, task, "first", "gpubox", confirm=True)
    ends(job, "succeeded")
    assert read_yaml(VersionFolder(task, 1).lineage_file)["cost"]["spent"] == spending.total_spent(task) > 0
    said = spending.standing(task)
    assert said and "of 3.00 USD" in said.en and "預算 3.00 USD" in said.zh


def _events(job: JobFolder) -> list[dict[str, Any]]:
    return [json.loads(line) for line in job.events_file.read_text(encoding="utf-8").splitlines()]
