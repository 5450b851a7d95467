"""Rewards, trained for real by TRL's GRPOTrainer, from a version that was trained before."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from nlp_skills.resources.foundation.errors import TrainingError
from nlp_skills.resources.foundation.files import read_json, read_jsonl
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.evaluate.diagnosis import diagnose
from nlp_skills.tools.train.checkpoints import sealed_checkpoints
from nlp_skills.tools.train.methods.grpo import Grpo
from tests.tools.train.conftest import COMPANIES, found_from_every_folder, workspace_in, write_rows
from tests.tools.train.trained import Trainings, measures, weights

pytestmark = pytest.mark.minutes
GRPO = {
    "method": "grpo",
    "base_model": "words/v1",
    "epochs": 6,
    "batch_size": 8,
    "gradient_accumulation": 1,
    "num_generations": 8,
    "max_completion_length": 8,
    "save_every": 4,
    "learning_rate": 1e-2,
}


def question_text(number: int) -> str:
    return f"{COMPANIES[number % 8]}第{number}號公告的評語？"


@pytest.fixture(scope="module")
def workspace(worker: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with pytest.MonkeyPatch.context() as patch:
        found_from_every_folder(patch, worker)
        yield from workspace_in(tmp_path_factory.mktemp("grpo"), patch)


@pytest.fixture(scope="module")
def trainings(workspace: Workspace, worker: Path) -> Trainings:
    return Trainings(workspace, worker)


@pytest.fixture(scope="module")
def words(workspace: Workspace, trainings: Trainings, tiny_model: Path) -> VersionFolder:
    """A model that says 好 or, more often, 壞 at random and ends there: free text, trained with sft on every weight."""
    chance = random.Random(7)
    task = write_rows(
        workspace.root / "words",
        "generation",
        {
            "train": [{"text": question_text(number), "output": chance.choice("好好壞壞壞")} for number in range(64)],
            "valid": [
                {"text": question_text(number), "output": chance.choice("好好壞壞壞")} for number in range(64, 72)
            ],
            "test": [
                {"text": question_text(number), "output": chance.choice("好好壞壞壞")} for number in range(72, 76)
            ],
        },
    )
    return trainings.trained_version(
        task,
        {
            "base_model": str(tiny_model),
            "lora_r": 0,
            "learning_rate": 1e-2,
            "epochs": 12,
            "batch_size": 8,
            "gradient_accumulation": 1,
        },
    )


@pytest.fixture
def good(workspace: Workspace) -> TaskFolder:
    """The same questions, to which 好 is right."""
    name = f"good-{len(list(workspace.root.glob('good-*')))}"
    return write_rows(
        workspace.root / name,
        "generation",
        {
            "train": [{"text": question_text(number), "output": "好"} for number in range(100, 122)],
            "valid": [{"text": question_text(number), "output": "好"} for number in range(122, 130)],
            "test": [{"text": question_text(number), "output": "好"} for number in range(130, 134)],
        },
    )


def test_from_a_version_that_is_sometimes_right_the_reward_rises_and_a_killed_run_ends_with_the_same_weights(
    words: VersionFolder, good: TaskFolder, trainings: Trainings, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = words.model_info().training
    assert words.config().keep_best == "loss" and free.valid_loss is not None and free.valid_recall is None
    assert diagnose(words).causes is not None

    whole = trainings.trained_version(good, GRPO)
    info = whole.model_info()
    earned = measures(whole, "reward")
    assert 0.1 < earned[0] < 0.7, earned  # sometimes right to begin with
    assert sum(earned[-3:]) > sum(earned[:3]) + 0.75 and info.training.valid_reward == 1.0, earned
    before = info.training.valid_reward_before
    assert (
        before is not None
        and 0 <= before < 1
        and f"{before:.2f} before the first step" in Grpo.describe_scores(info.training).en
    )
    assert len(earned) == 18  # 22 questions in steps of 8, six times: the last step of an epoch is made up
    assert info.method == "grpo" and info.adapter and whole.config().settings()["rewards"] == ["exact_match"]
    base = info.base_model
    assert base.name == "words/v1" and base.version and base.version.files == words.model_info().files
    assert Path(base.path) == words.models / "merged"

    monkeypatch.setenv("KILL_AT", "step9")
    job = trainings.start(good, GRPO)
    assert trainings.run_to_end(job) == "interrupted"
    killed = VersionFolder(good, 2)
    assert max(sealed_checkpoints(killed.models / "checkpoints")) == 8
    monkeypatch.delenv("KILL_AT")
    trainings.resume_job(job)
    assert measures(killed, "reward") == earned
    assert weights(killed) == weights(whole)
    told = [event["measures"] for event in read_jsonl(job.events_file) if event["kind"] == "progress"]
    assert any({"reward", "reward_std", "completion_length"} <= measure.keys() for measure in told)
    seen = read_json(killed.evidence_file)["training"]
    assert [entry["epoch"] for entry in seen["validations"]] == [1, 2, 3, 4, 5, 6]
    assert diagnose(killed).causes is not None

    options = {"top_k": 20, "mask_truncated_completions": True, "epsilon_high": 0.28}
    settings = {**GRPO, "lora_r": 0, "epochs": 1, "num_iterations": 2, "beta": 0.02, "trl": options}
    full = trainings.trained_version(good, settings, 3)
    used = read_json(full.environment_file)["trainer_arguments"]
    assert {name: used[name] for name in options} == options == full.config().settings()["trl"]
    assert full.model_info().model and len(measures(full, "kl")) == 6 and len(measures(full, "reward")) == 3
    assert full.model_info().parameters.trainable == full.model_info().parameters.total


def test_what_could_never_be_rewarded_is_refused_before_anybody_agrees(
    words: VersionFolder, good: TaskFolder, trainings: Trainings
) -> None:
    with pytest.raises(TrainingError) as refused:
        trainings.start(good, {**GRPO, "max_completion_length": 2})
    assert refused.value.field == "max_completion_length" and "30 rows" in refused.value.problem.en
    with pytest.raises(TrainingError) as refused:
        trainings.start(good, {**GRPO, "rewards": ["json_validity"]})
    assert refused.value.field == "rewards" and "not JSON" in refused.value.problem.en
