"""Preference pairs, trained for real by TRL's DPOTrainer on a tiny random model."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlp_skills.resources.foundation.errors import TrainingError
from nlp_skills.resources.foundation.files import read_json, read_jsonl
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.evaluate.diagnosis import diagnose
from nlp_skills.tools.train.checkpoints import sealed_checkpoints
from nlp_skills.tools.train.planning import plan_training
from tests.tools.train.conftest import COMPANIES, write_rows
from tests.tools.train.trained import Trainings, measures, weights

pytestmark = pytest.mark.minutes
SETTINGS = {"epochs": 3, "batch_size": 8, "gradient_accumulation": 1, "save_every": 4}


def pair(number: int) -> dict[str, object]:
    asked = f"{COMPANIES[number % 8]}第{number}號客服來信：帳單為什麼多了{number * 7}元？"
    return {
        "text": asked,
        "chosen": f"您好，已為您查詢第{number}號帳單，謝謝您。",
        "rejected": f"自己查第{number}號帳單。",
    }


@pytest.fixture
def tone(workspace: Workspace) -> TaskFolder:
    return write_rows(
        workspace.root / "tone",
        "preference",
        {
            "train": [pair(number) for number in range(48)],
            "valid": [pair(number) for number in range(48, 60)],
            "test": [pair(number) for number in range(60, 66)],
        },
    )


@pytest.fixture
def trainings(workspace: Workspace, worker: Path) -> Trainings:
    return Trainings(workspace, worker)


def test_with_lora_it_comes_to_prefer_the_chosen_answers_and_a_killed_run_ends_with_the_same_weights(
    tone: TaskFolder, trainings: Trainings, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, workspace: Workspace
) -> None:
    settings = {"base_model": str(tiny_model), **SETTINGS}
    whole = trainings.trained_version(tone, settings)
    info = whole.model_info()
    assert info.method == "dpo" and whole.config().settings()["beta"] == 0.1 and whole.config().lora_r == 16
    validated = measures(whole, "eval_rewards/accuracies")
    assert validated[-1] >= 0.9 and info.training.valid_accuracy == max(validated), validated
    margins = measures(whole, "rewards/margins")
    assert margins[0] == 0 and margins[-1] > 0.05  # it begins as its own reference
    assert info.label_audit.rows == 60 and info.label_audit.problems == 0
    assert any(text.endswith("謝謝您。<|im_end|>") for text in info.label_audit.trained_texts)
    assert any(text.startswith("自己查") for text in info.label_audit.trained_texts)

    monkeypatch.setenv("KILL_AT", "step7")
    job = trainings.start(tone, settings)
    assert trainings.run_to_end(job) == "interrupted"
    killed = VersionFolder(tone, 2)
    assert max(sealed_checkpoints(killed.models / "checkpoints")) == 6  # an epoch's end; 4 was another
    monkeypatch.delenv("KILL_AT")
    trainings.resume_job(job)
    assert weights(killed) == weights(whole)
    told = [event["measures"] for event in read_jsonl(job.events_file) if event["kind"] == "progress"]
    assert any("rewards_chosen" in measure and "rewards_accuracy" in measure for measure in told)
    assert any("valid_accuracy" in measure for measure in told)
    seen = read_json(killed.evidence_file)["training"]
    assert [entry["epoch"] for entry in seen["validations"]] == [1, 2, 3] and "answers" not in seen
    assert diagnose(killed).advice is None or diagnose(killed).advice
    job_result = job.exit()
    assert job_result is not None and "prefers the chosen answer in" in job_result.result["message"]["en"]
    answer = plan_training(workspace, tone, {}, "v2", [], "next")
    assert answer.estimate and "v2" in answer.estimate.source


def test_every_weight_is_trained_against_log_probabilities_computed_before_the_first_step(
    tone: TaskFolder, trainings: Trainings, tiny_model: Path
) -> None:
    options = {"optim": "adafactor", "label_smoothing_factor": 0.0, "ld_alpha": 0.9}
    settings = {"base_model": str(tiny_model), **SETTINGS, "lora_r": 0, "rpo_alpha": 0.5, "trl": options}
    version = trainings.trained_version(tone, settings)
    info = version.model_info()
    assert info.model and not info.adapter and info.parameters.trainable == info.parameters.total
    arguments = read_json(version.environment_file)["trainer_arguments"]
    assert {name: arguments[name] for name in options} == options == version.config().settings()["trl"]
    assert arguments["precompute_ref_log_probs"] is True and arguments["loss_type"] == ["sigmoid", "sft"]
    assert measures(version, "eval_rewards/accuracies")[-1] >= 0.9
    assert measures(version, "rewards/margins")[0] == pytest.approx(0, abs=1e-6)
    assert measures(version, "rewards/chosen")[-1] > 0  # the added loss keeps the chosen answers likely


def test_a_pair_whose_rejected_answer_is_too_long_is_refused_before_there_is_a_version(
    tone: TaskFolder, trainings: Trainings, tiny_model: Path
) -> None:
    long = {**pair(99), "rejected": "自己查。" * 60}
    write_rows(
        tone.root,
        "preference",
        {"train": [long, *(pair(number) for number in range(20))], "valid": [pair(50)], "test": [pair(60)]},
    )
    with pytest.raises(TrainingError) as refused:
        trainings.start(tone, {"base_model": str(tiny_model), **SETTINGS, "max_length": 200})
    assert refused.value.field == "long_rows" and "1 row is longer" in refused.value.problem.en
    assert not VersionFolder(tone, 1).root.exists()
