"""A version trained again from its snapshot gives the same data, the same model and the same answers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nlp_skills.resources.foundation.files import dump_jsonl, read_json, read_jsonl, write_atomic, write_json
from nlp_skills.resources.foundation.language import Text
from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.removal import record_removal, removal
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.train import reproduce
from nlp_skills.tools.train.planning import plan_training
from tests.permissions import agree_to_script
from tests.tools.train.trained import ready

pytestmark = pytest.mark.minutes

SECONDS = 120.0
SETTINGS = {
    "num_train_epochs": 2,
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "lora_dropout": 0.1,
    "threads": 1,
    "trl": {"neftune_noise_alpha": 5.0, "adam_beta2": 0.95, "loss_type": "dft"},
}
_EVALUATE = """import sys
from nlp_skills.resources.version import task_of_script
from nlp_skills.tools.evaluate.run import main

if __name__ == "__main__":
    sys.exit(main(task_of_script(__file__), sys.argv[1:]))
"""


def assert_succeeded(job: JobFolder) -> None:
    assert job_control.wait(job, SECONDS) == "succeeded", job_control.failure(job) or job.output_file.read_text(
        encoding="utf-8"
    )


def replay_version(workspace: Workspace, task: TaskFolder, worker: Path) -> dict[str, object]:
    job = job_control.submit(workspace, "reproduce", reproduce.ENTRY, [str(task.root), "v1"], python=worker, task=task)
    assert_succeeded(job)
    result = job.exit()
    assert result is not None
    return result.result


@pytest.fixture
def version(workspace: Workspace, task: TaskFolder, tiny_model: Path, worker: Path) -> VersionFolder:
    """v1, trained and evaluated as jobs."""
    plan_training(workspace, task, {"base_model": str(tiny_model), **SETTINGS}, "none", [], "first")
    name = ready(workspace, task, "first")
    assert_succeeded(
        job_control.submit(workspace, "train", ["scripts/04_train.py"], ["--plan", name], python=worker, task=task)
    )
    write_atomic(task.scripts / "05_evaluate.py", _EVALUATE)
    agree_to_script(task.scripts / "05_evaluate.py")
    assert_succeeded(
        job_control.submit(
            workspace, "evaluate", ["scripts/05_evaluate.py"], ["--skip-baselines"], python=worker, task=task
        )
    )
    return VersionFolder(task, 1)


def test_a_version_is_reproduced_and_a_difference_is_found(
    workspace: Workspace, task: TaskFolder, worker: Path, version: VersionFolder
) -> None:
    config, used = version.config().settings(), read_json(version.environment_file)["trainer_arguments"]
    assert config["epochs"] == 2 and config["batch_size"] == 8 and config["trl"] == SETTINGS["trl"]
    assert {name: used[name] for name in config["trl"]} == config["trl"]
    before = {path: path.read_bytes() for path in version.root.rglob("*") if path.is_file()}
    (task.data / "train.jsonl").write_text("", encoding="utf-8")  # the data of today is of no concern
    result = replay_version(workspace, task, worker)
    assert result["identical"] is True, result
    checks = {check["what"]: check for check in result["checks"]}  # type: ignore[attr-defined]
    assert {
        "config",
        "snapshot",
        "split train",
        "split valid",
        "split test",
        "base model",
        "models/v1/adapter/adapter_model.safetensors",
        "answers",
    } <= set(checks)
    assert checks["answers"]["rows"] == 15
    assert not (task.cache / "reproduce" / "v1").exists()
    assert {path: path.read_bytes() for path in version.root.rglob("*") if path.is_file()} == before
    assert [path.name for path in task.versions.glob("v*")] == ["v1"]

    _forge_an_answer(version)
    environment = read_json(version.environment_file)
    write_json(version.environment_file, {**environment, "python": "3.10.0"})
    result = replay_version(workspace, task, worker)
    assert result["identical"] is False
    [different] = [check for check in result["checks"] if not check["same"]]  # type: ignore[attr-defined]
    assert different["what"] == "answers" and different["different"] == 1
    assert result["environment"]["python"]["then"] == "3.10.0"  # type: ignore[index]
    assert "not the same: 1 of 15 answers" in result["message"]["en"]  # type: ignore[index]


def test_a_model_that_was_removed_comes_back_where_the_same_comes_out(
    workspace: Workspace, task: TaskFolder, worker: Path, version: VersionFolder
) -> None:
    files = {path: path.read_bytes() for path in (version.models / "adapter").iterdir()}
    record_removal(version, Text("it was tidied away", "已清理"), 1)
    shutil.rmtree(version.models)
    result = replay_version(workspace, task, worker)
    assert result["identical"] is True and result["brought_back"] is True, result
    assert "back in its place" in result["message"]["en"]  # type: ignore[index]
    assert {path: path.read_bytes() for path in (version.models / "adapter").iterdir()} == files
    assert removal(version) is None


def _forge_an_answer(version: VersionFolder) -> None:
    """Make the record say that one row was answered otherwise."""
    from nlp_skills.resources.foundation.files import sha256_bytes

    rows = list(read_jsonl(version.predictions_file))
    rows[0]["raw"] = "forged"
    content = dump_jsonl(rows)
    digest = sha256_bytes(content)
    write_atomic(version.root / "predictions" / f"{digest[:16]}.jsonl", content)
    results = read_json(version.results_file)
    results["evaluations"][-1]["predictions_hash"] = digest
    write_json(version.results_file, results)
