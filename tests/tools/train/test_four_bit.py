"""QLoRA, trained for real where bitsandbytes runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from nlp_skills.resources.foundation.errors import MissingRequirement, NlpSkillsError, TrainingError
from nlp_skills.resources.foundation.files import read_json
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.evaluate.model import version_paths
from nlp_skills.tools.train.planning import plan_training
from nlp_skills.tools.train.preflight import require_ready
from tests.tools.train.trained import Trainings, measures

pytestmark = pytest.mark.minutes
CACHE = Path(__file__).parents[3] / ".cache" / "tests"
REQUIREMENT = "bitsandbytes==0.50.2"
# Widths of 64 and more: 64 weights share a scale.
_BUILD = (
    "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; "
    "from tests.tiny_model import build_tiny_model; build_tiny_model(Path(sys.argv[2]), hidden=128)"
)


@pytest.fixture(scope="session")
def bitsandbytes() -> Path:
    """A folder with bitsandbytes, beside the worker environment: inside, PEFT would load it for every LoRA model."""
    folder = CACHE / REQUIREMENT
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / "bitsandbytes.lock"):
        if not (folder / "bitsandbytes").is_dir():
            uv = shutil.which("uv")
            install = [uv, "pip", "install"] if uv else [sys.executable, "-m", "pip", "install"]
            done = subprocess.run(
                [*install, "--quiet", "--no-deps", "--target", str(folder), REQUIREMENT],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                why = f"{REQUIREMENT} cannot be installed here: {done.stderr.strip()[-200:]}"
                if os.environ.get("CI"):
                    pytest.fail(why)
                pytest.skip(why)
    return folder


@pytest.fixture(scope="session")
def wide_model(worker: Path) -> Path:
    folder = CACHE / "wide-model"
    root = Path(__file__).parents[3]
    with FileLock(CACHE / "wide-model.lock"):
        if not (folder / "config.json").is_file():
            subprocess.run([str(worker), "-c", _BUILD, str(root), str(folder)], check=True, capture_output=True)
    return folder


def test_lora_is_trained_beside_weights_in_four_bits_and_merges_into_the_whole_base(
    workspace: Workspace,
    task: TaskFolder,
    worker: Path,
    wide_model: Path,
    bitsandbytes: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([os.environ["PYTHONPATH"], str(bitsandbytes)]))
    trainings = Trainings(workspace, worker)
    job = trainings.start(
        task, {"base_model": str(wide_model), "load_in_4bit": True, "epochs": 3, "batch_size": 8, "learning_rate": 5e-3}
    )
    if (
        trainings.run_to_end(job) == "failed"
        and isinstance(error := job_control.failure(job), NlpSkillsError)
        and error.field == "load_in_4bit"
    ):
        pytest.skip(str(error.problem.en))  # what a person is told, where this processor cannot
    version = trainings.task_version(task)
    assert version.status() == "trained", job.output_file.read_text(encoding="utf-8")
    losses = measures(version, "loss")
    assert losses[-1] < losses[0] * 0.8, losses
    info = version.model_info()
    assert info.adapter and version.config().settings()["load_in_4bit"] is True
    assert "adapter_model.safetensors" in {path.name for path in version_paths(version).adapter.iterdir()}  # type: ignore[union-attr]
    quantised = read_json(version.models / "adapter" / "adapter_config.json")
    assert quantised["r"] == 16


def test_without_bitsandbytes_the_plan_says_how_to_install_it(
    workspace: Workspace, task: TaskFolder, tiny_model: Path, worker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlp_skills.tools.train.preflight.stands_in", lambda python: False)
    answer = plan_training(workspace, task, {"base_model": str(tiny_model), "load_in_4bit": True}, "none", [], "four")
    [finding] = [finding for finding in answer.findings if finding["code"] == "load_in_4bit"]
    assert finding["level"] == "blocking" and f"{worker} -m pip install 'bitsandbytes" in finding["fix"]
    with pytest.raises(MissingRequirement):
        require_ready(workspace, task, "four", confirm=True)


def test_every_weight_cannot_be_trained_in_four_bits(workspace: Workspace, task: TaskFolder, tiny_model: Path) -> None:
    with pytest.raises(TrainingError) as refused:
        plan_training(
            workspace, task, {"base_model": str(tiny_model), "load_in_4bit": True, "lora_r": 0}, "none", [], None
        )
    assert refused.value.field == "load_in_4bit"
