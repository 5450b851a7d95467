"""Settings under TRL's and PEFT's own names, and TRL's options passed on."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.errors import TrainingError
from nlp_skills.resources.foundation.files import read_yaml, write_yaml
from nlp_skills.resources.foundation.language import speaking
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import reserve_version
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.train.answers import PlanAnswer
from nlp_skills.tools.train.method import make_method, methods
from nlp_skills.tools.train.plan import read_plan, under_our_names
from nlp_skills.tools.train.planning import plan_training
from nlp_skills.tools.train.trl_names import OURS, written_as_ours
from nlp_skills.tools.train.trl_owned import owner_of
from tests.tools.train.test_planning import write_base
from tests.tools.train.trained import ready


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_base(tmp_path / "base")


def plan(workspace: Workspace, task: TaskFolder, settings: dict[str, Any]) -> PlanAnswer:
    """The plan, once the worker has checked it: under load that takes longer than a call."""
    while True:
        answer = plan_training(workspace, task, settings, None, [], None)
        if not any("still being checked" in one["problem"] for one in answer.findings):
            return answer


def test_every_name_of_trl_and_peft_is_written_as_ours_with_a_word(
    workspace: Workspace, task: TaskFolder, base: Path
) -> None:
    answer = plan(
        workspace,
        task,
        {
            "model_name_or_path": str(base),
            "num_train_epochs": 3,
            "per_device_train_batch_size": 4,
            "gradient_accumulation_steps": 2,
            "lr_scheduler_type": "cosine",
            "warmup_ratio": 0.1,
            "max_seq_length": 256,
            "r": 8,
            "lora_dropout": 0.1,
            "gradient_checkpointing": True,
        },
    )
    expected = {
        "base_model": str(base),
        "epochs": 3,
        "batch_size": 4,
        "gradient_accumulation": 2,
        "scheduler": "cosine",
        "warmup": 0.1,
        "max_length": 256,
        "lora_r": 8,
        "lora_alpha": 16,
        "lora_dropout": 0.1,
        "activation_checkpointing": True,
    }
    assert {name: answer.settings[name] for name in expected} == expected
    written = read_yaml(Path(answer.file))
    assert not set(OURS) & set(written)
    assert re.search(r"max_seq_length .*\bmax_length\b", answer.message)
    with speaking("zh-TW"):
        assert "r 寫成 lora_r" in plan(workspace, task, {"base_model": str(base), "r": 8}).message


def test_each_of_our_settings_with_another_name_belongs_to_a_method() -> None:
    fields = {name for method in methods().values() for name in method.model_fields}
    assert set(OURS.values()) <= fields and not set(OURS) & fields


def test_the_same_setting_given_twice_may_not_contradict_itself(
    workspace: Workspace, task: TaskFolder, base: Path
) -> None:
    same = {"base_model": str(base), "epochs": 3, "num_train_epochs": 3.0}
    assert plan(workspace, task, same).settings["epochs"] == 3
    with pytest.raises(TrainingError, match=r"epochs and num_train_epochs .* 3 and 5") as caught:
        plan(workspace, task, {**same, "num_train_epochs": 5})
    assert caught.value.field == "epochs"
    with pytest.raises(TrainingError, match="is written as epochs"):
        plan(workspace, task, {**same, "trl": {"num_train_epochs": 4}})


def test_a_plan_edited_by_hand_may_use_the_names_of_trl(workspace: Workspace, task: TaskFolder, base: Path) -> None:
    answer = plan(workspace, task, {"base_model": str(base)})
    content = read_yaml(Path(answer.file))
    del content["epochs"]
    write_yaml(Path(answer.file), {**content, "num_train_epochs": 2})
    assert read_plan(task, answer.plan).settings.model_dump()["epochs"] == 2
    assert ready(workspace, task, answer.plan) == answer.plan


def test_a_prediction_edited_by_hand_that_says_nothing_is_refused_by_name(
    workspace: Workspace, task: TaskFolder, base: Path
) -> None:
    answer = plan(workspace, task, {"base_model": str(base)})
    expects = {"metric": "macro_f1", "low": "soon", "high": 0.9, "because": {"en": "a hunch", "zh": "直覺"}}
    write_yaml(Path(answer.file), {**read_yaml(Path(answer.file)), "expects": expects})
    with pytest.raises(TrainingError, match=r"expects\.low") as caught:
        read_plan(task, answer.plan)
    assert (caught.value.field or "").startswith("expects.low") and caught.value.fix.zh
    write_yaml(Path(answer.file), {**read_yaml(Path(answer.file)), "expects": {**expects, "low": 0.8}})
    assert read_plan(task, answer.plan).content()["expects"] == {**expects, "low": 0.8}


def test_a_batch_of_answers_is_one_of_questions_to_grpo() -> None:
    fields = methods()["grpo"].model_fields
    given = {"per_device_train_batch_size": 32, "num_generations": 4}
    assert written_as_ours(given, "grpo", fields)[0]["batch_size"] == 8
    assert written_as_ours({"per_device_train_batch_size": 32}, "grpo", fields)[0]["batch_size"] == 4
    with pytest.raises(TrainingError, match="a multiple of num_generations"):
        written_as_ours({"per_device_train_batch_size": 30, "num_generations": 4}, "grpo", fields)


def test_what_a_parent_holds_is_changed_under_a_name_of_trl(workspace: Workspace, task: TaskFolder, base: Path) -> None:
    answer = plan(workspace, task, {"base_model": str(base), "trl": {"optim": "adafactor"}})
    folder = reserve_version(task, lambda draft: write_yaml(draft / "config.yaml", read_yaml(Path(answer.file))))
    given, words = under_our_names({"trl": {"num_train_epochs": 2, "adam_beta2": 0.95}}, folder, "classification")
    assert given == {"epochs": 2, "trl": {"adam_beta2": 0.95}}
    assert [str(word) for word in words] == ["trl.num_train_epochs is written as epochs"]
    assert under_our_names({"trl": {"seed": 1}}, folder, "classification")[0] == {
        "trl": {"seed": 1}
    }  # refused after that
    assert under_our_names({"trl": {"save_steps": 9}}, folder, "classification")[0] == {"save_every": 9}
    assert under_our_names({"trl": None}, folder, "classification")[0] == {"trl": None}


@pytest.mark.parametrize(
    ("option", "instead"),
    [
        ("output_dir", "names the folder"),
        ("seed", "Give seed beside trl"),
        ("save_strategy", "save_every"),
        ("eval_strategy", "keep_best"),
        ("bf16", "load_in_4bit"),
        ("packing", "long_rows"),
        ("report_to", "job_status"),
        ("push_to_hub", "huggingface"),
        ("fsdp", "num_processes"),
        ("max_steps", "Use epochs"),
        ("vllm_server_host", "Leave it out"),
        ("chat_template_path", "template suits"),
        ("trust_remote_code", "transformers knows"),
        ("use_dora", "target_modules"),
    ],
)
def test_what_is_owned_here_is_refused_with_the_reason_and_the_way(option: str, instead: str) -> None:
    for settings in ({"trl": {option: "x"}}, {option: "x"}):
        if option == "seed" and "trl" not in settings:
            continue
        with pytest.raises(TrainingError, match=option) as caught:
            make_method("sft", {"base_model": "any", **settings})
        assert instead in caught.value.fix.en and caught.value.fix.zh
        assert (caught.value.field or "").endswith(option)


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("model_init_kwargs", "the base model is loaded"),
        ("quantization_config", "the base model is loaded"),
        ("bf16_full_eval", "precision"),
        ("do_predict", "no trainer reads it"),
        ("eval_steps", "validation rows"),
        ("eos_token", "chat template"),
        ("assistant_only_loss", "answers"),
        ("dataset_num_proc", "the rows come tokenised"),
        ("steps_per_generation", "how many answers"),
        ("hub_token", "uploads nothing"),
        ("activation_offloading", "memory"),
        ("loss_weights", "loss"),
        ("disable_dropout", "dropout"),
        ("ref_model_sync_steps", "compared with"),
        ("vllm_server_base_url", "written by the very model"),
        ("use_liger_kernel", "Liger"),
        ("trust_remote_code", "code"),
        ("some_cache_dir", "read files"),
    ],
)
def test_each_option_is_refused_for_its_own_reason(option: str, reason: str) -> None:
    with pytest.raises(TrainingError) as caught:
        make_method("grpo", {"base_model": "any", "trl": {option: "x"}})
    assert reason in caught.value.problem.en


def test_an_option_of_trl_outside_of_it_is_led_there() -> None:
    with pytest.raises(TrainingError, match=r"trl: \{neftune_noise_alpha: …\}"):
        make_method("sft", {"base_model": "any", "neftune_noise_alpha": 5})
    with pytest.raises(TrainingError, match=r"Did you mean num_train_epochs\?"):
        make_method("sft", {"base_model": "any", "num_train_epoch": 5})


@pytest.mark.parametrize(
    ("options", "problem", "fix"),
    [
        ({"neftune_alpha": 5}, "no option 'neftune_alpha'", "neftune_noise_alpha"),
        ({"neftune_noise_alpha": "five"}, "must be a number", "another value"),
        ({"optim": "adam_of_nobody"}, "adam_of_nobody", "another value"),
    ],
)
def test_the_installed_trl_is_asked_before_anything_is_spent(
    workspace: Workspace, task: TaskFolder, base: Path, options: dict[str, Any], problem: str, fix: str
) -> None:
    answer = plan(workspace, task, {"base_model": str(base), "trl": options})
    (found,) = [one for one in answer.findings if one["code"] == "trl"]
    assert found["level"] == "blocking" and problem in found["problem"] and fix in found["fix"]
    assert answer.next_step.tool == "plan_training" and "Before training" in answer.message
    with pytest.raises(TrainingError, match=problem):
        ready(workspace, task, answer.plan)


def test_options_that_trl_takes_are_planned(workspace: Workspace, task: TaskFolder, base: Path) -> None:
    options = {"neftune_noise_alpha": 5, "lr_scheduler_kwargs": {"num_cycles": 2}, "optim": "adafactor"}
    answer = plan(workspace, task, {"base_model": str(base), "trl": options, "scheduler": "cosine_with_restarts"})
    assert not [one for one in answer.findings if one["level"] == "blocking"]
    assert read_yaml(Path(answer.file))["trl"] == options


def test_nothing_that_trainings_set_themselves_can_be_overridden() -> None:
    """Every argument that the methods give to TRL is a setting of ours, or not to be set."""
    fields = {name for method in methods().values() for name in method.model_fields}
    course = importlib.util.find_spec("nlp_skills.tools.train.run_training")  # it reads PyTorch, which is not here
    assert course and course.origin
    of_every_method = next(
        node
        for node in ast.parse(Path(course.origin).read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name == "trainer_configuration"
    )
    given = {
        str(key.value)
        for method in methods().values()
        for made in (of_every_method, ast.parse(textwrap.dedent(inspect.getsource(method.build_trainer))))
        for node in ast.walk(made)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant)
    } - {"skip_prepare_dataset"}  # within dataset_kwargs
    assert {"output_dir", "seed", "packing", "num_generations", "loss_weights"} <= given
    assert not [name for name in given if not (name in fields or name in OURS or owner_of(name))]
