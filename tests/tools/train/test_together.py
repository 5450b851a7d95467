"""Several processes share each step of a training: the same comes of it as of one. Real trainings on the processors."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from nlp_skills.resources.foundation.errors import TrainingError
from nlp_skills.resources.foundation.files import read_json, read_jsonl, read_yaml, write_json
from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.hardware import describe_machine
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.compute.jobs.device_queue import jobs_ahead
from nlp_skills.tools.train.checkpoints import sealed_checkpoints
from nlp_skills.tools.train.environment import choose_processes
from nlp_skills.tools.train.methods.sft import Sft
from nlp_skills.tools.train.planning import plan_training
from tests.tools.compute.working import eventually

pytestmark = [pytest.mark.worker, pytest.mark.minutes]
SECONDS = 240.0
# 60 rows in steps of 16: the last one of an epoch holds 12, which two processes share only with care.
SETTINGS = {
    "epochs": 2,
    "batch_size": 8,
    "gradient_accumulation": 2,
    "save_every": 3,
    "threads": 2,
    "lora_r": 8,
    "learning_rate": 2e-3,
}


def start(
    workspace: Workspace, task: TaskFolder, model: Path, worker: Path, name: str, **settings: object
) -> JobFolder:
    plan_training(workspace, task, {"base_model": str(model), **SETTINGS, **settings}, "none", [], name)
    return job_control.submit(
        workspace, "train", ["scripts/04_train.py"], ["--plan", name], python=worker, task=task, resumable=True
    )


def succeeds(job: JobFolder) -> None:
    assert job_control.wait(job, SECONDS) == "succeeded", (
        job_control.failure(job),
        job.output_file.read_text(encoding="utf-8"),
    )


def losses(version: VersionFolder, name: str) -> list[float]:
    return [event["measures"][name] for event in read_jsonl(version.events_file) if name in event["measures"]]


def test_two_processes_learn_what_one_learns(
    workspace: Workspace, task: TaskFolder, tiny_model: Path, worker: Path
) -> None:
    from safetensors.torch import load_file

    succeeds(start(workspace, task, tiny_model, worker, "alone"))
    job = start(workspace, task, tiny_model, worker, "together", num_processes=2)
    succeeds(job)
    alone, together = VersionFolder(task, 1), VersionFolder(task, 2)
    assert (read_json(alone.environment_file)["processes"], read_json(together.environment_file)["processes"]) == (1, 2)
    one, two = alone.model_info().training, together.model_info().training
    assert (one.steps, one.tokens, one.best_step) == (two.steps, two.tokens, two.best_step)
    assert one.steps == 8
    for measure in ("loss", "eval_loss"):
        assert losses(together, measure) == pytest.approx(losses(alone, measure), rel=1e-4), measure
    assert losses(together, "eval_recall") == losses(alone, "eval_recall")
    mine, theirs = (
        load_file(version.models / "adapter" / "adapter_model.safetensors") for version in (alone, together)
    )
    moved = max(float(weight.abs().max()) for name, weight in mine.items() if "lora_B" in name)  # they begin at zero
    apart = max(float((mine[name] - theirs[name]).abs().max()) for name in mine)
    assert mine.keys() == theirs.keys() and moved > 5e-3 and apart < moved / 100, (moved, apart)
    steps = [event["step"] for event in read_jsonl(job.events_file) if event.get("measures", {}).get("loss")]
    assert steps == sorted(steps), "only one of them reports"
    assert not (job.root / "together").exists()
    assert read_yaml(together.lineage_file)["environment"]["processes"] == 2


@pytest.mark.parametrize(
    ("rows", "batch", "accumulation", "processes"),
    [(60, 8, 2, 2), (60, 16, 1, 2), (61, 8, 4, 4), (57, 4, 3, 3), (5, 8, 2, 2), (1, 4, 2, 2), (64, 8, 2, 2)],
)
def test_each_step_of_several_processes_holds_the_rows_of_the_step_of_one(
    rows: int, batch: int, accumulation: int, processes: int
) -> None:
    from nlp_skills.tools.train.trainer import LikeLengths, Shared

    order = LikeLengths([10 + at % 7 for at in range(rows)], batch, 42, lambda: 0)
    each, batches = Sft(base_model="x", batch_size=batch, gradient_accumulation=accumulation).shared_by(processes) or (
        0,
        0,
    )
    dealt = list(Shared(order, each, processes))
    assert len(dealt) == len(Shared(order, each, processes)) and len(dealt) % (each * processes) == 0
    alone, step = list(order), batch * accumulation
    together = each * processes * batches
    assert together == step
    for at in range(0, rows, step):
        assert sorted(row for row in dealt[at : at + step] if row < rows) == sorted(alone[at : at + step])
    assert all(row == rows for row in dealt if row >= rows), "only the row that teaches nothing makes up"


def test_killed_and_cancelled_in_the_middle_all_of_them_end_and_it_is_resumed(
    workspace: Workspace, task: TaskFolder, tiny_model: Path, worker: Path
) -> None:
    job = start(workspace, task, tiny_model, worker, "killed", num_processes=2, epochs=6)
    version = VersionFolder(task, 1)
    eventually(lambda: sealed_checkpoints(version.models / "checkpoints") or job.exit(), SECONDS)
    assert job.state() == "running", job.output_file.read_text(encoding="utf-8")
    below = [process for process in job.family() if process.pid != read_json(job.pid_file)["pid"]]
    assert len(below) >= 3, "the launcher and two processes"
    os.kill(read_json(job.pid_file)["pid"], signal.SIGKILL)
    psutil.wait_procs(below, timeout=20)
    assert job.state() == "interrupted" and not job.family() and not jobs_ahead(describe_machine(workspace))

    reached = max(sealed_checkpoints(version.models / "checkpoints"))
    job_control.resume(job, workspace)
    eventually(
        lambda: ((known := sealed_checkpoints(version.models / "checkpoints")) and max(known) > reached) or job.exit(),
        SECONDS,
    )
    assert job_control.cancel(job) == "cancelled" and not job.family()
    assert version.status() == "cancelled"

    job_control.resume(job, workspace)
    succeeds(job)
    assert version.model_info().training.steps == 24
    steps = [event["step"] for event in read_jsonl(version.events_file) if "loss" in event["measures"]]
    assert steps == list(range(1, 25)), "each step once"


def test_what_one_of_the_processes_meets_is_the_error_of_the_job(
    workspace: Workspace, task: TaskFolder, tiny_model: Path, worker: Path
) -> None:
    plan_training(workspace, task, {"base_model": str(tiny_model)}, "none", [], "counted")
    [counts] = (task.cache / "counted").glob("*.json")  # as if rows that are too long had been counted as short ones
    content = read_json(counts)
    write_json(counts, {**content, "rows": [[row, split, 10, 5, 10, 10] for row, split, *_ in content["rows"]]})
    job = start(workspace, task, tiny_model, worker, "short", num_processes=2, max_length=16)
    assert job_control.wait(job, SECONDS) == "failed"
    failure = job_control.failure(job)
    assert isinstance(failure, TrainingError) and failure.details["problems"], job.output_file.read_text("utf-8")
    assert VersionFolder(task, 1).status() == "failed"
    eventually(lambda: not job.family())


def test_steps_that_cannot_be_shared_evenly_are_refused_in_the_plan(
    workspace: Workspace, task: TaskFolder, tiny_model: Path
) -> None:
    with pytest.raises(TrainingError) as told:
        plan_training(workspace, task, {"base_model": str(tiny_model), "num_processes": 3}, "none", [], "three")
    assert told.value.field == "num_processes" and "1, 2, 4, 8, 16" in told.value.fix.zh


def test_as_many_gpus_are_taken_as_can_share_the_steps() -> None:
    method = Sft(base_model="x", batch_size=4, gradient_accumulation=4)
    large, small = 4_000_000_000, 1_000_000
    assert [choose_processes(method, large, gpus) for gpus in (1, 2, 3, 4, 7)] == [1, 2, 2, 4, 4]
    assert choose_processes(method, small, 8) == 1
    assert choose_processes(method.model_copy(update={"num_processes": 2}), small, 8) == 2
