"""Which method trains which task, what it refuses by name, and what its rewards find in answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.errors import TrainingError
from nlp_skills.resources.foundation.language import speaking
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.data.task_kind import task_kinds
from nlp_skills.tools.train.default_settings import resolve_settings
from nlp_skills.tools.train.method import default_method, make_method, methods
from nlp_skills.tools.train.preflight import require_ready
from nlp_skills.tools.train.reward import chosen_rewards, rewards
from nlp_skills.tools.train.training_context import TrainingContext
from tests.tools.train.conftest import write_rows
from tests.tools.train.test_planning import base as base
from tests.tools.train.test_planning import plan, trained_version

PAIRS: list[dict[str, object]] = [
    {"text": f"第{number}封來信", "chosen": f"您好，第{number}封已處理。", "rejected": f"不理第{number}封。"}
    for number in range(40)
]


@pytest.fixture
def pairs(workspace: Workspace) -> TaskFolder:
    return write_rows(
        workspace.root / "tone", "preference", {"train": PAIRS[:28], "valid": PAIRS[28:34], "test": PAIRS[34:]}
    )


def test_each_type_of_task_has_a_usual_method_that_accepts_it() -> None:
    assert {kind: default_method(kind) for kind in task_kinds()} == {
        kind: "dpo" if kind == "preference" else "sft" for kind in task_kinds()
    }
    for kind in task_kinds():
        make_method(default_method(kind), {"base_model": "any"}).check_task(kind, [])


@pytest.mark.parametrize(("method", "offered"), [("sft", "dpo"), ("grpo", "dpo")])
def test_pairs_are_refused_by_name_for_methods_that_need_one_right_answer(
    workspace: Workspace, pairs: TaskFolder, base: Path, method: str, offered: str
) -> None:
    with pytest.raises(TrainingError) as refused:
        plan(workspace, pairs, {"base_model": str(base), "method": method})
    assert refused.value.field == "method"
    assert refused.value.problem.en.startswith(f"{method} needs ") and "of type preference" in refused.value.problem.en
    assert f"Use {offered}" in refused.value.fix.en and f"請改用 {offered}" in refused.value.fix.zh


def test_labels_are_refused_by_name_for_preferences_in_both_languages(
    workspace: Workspace, task: TaskFolder, base: Path
) -> None:
    with pytest.raises(TrainingError) as refused:
        plan(workspace, task, {"base_model": str(base), "method": "dpo"})
    assert all(part in refused.value.problem.en for part in ("dpo", "preference pairs", "type classification"))
    assert "偏好配對（text、chosen、rejected）" in refused.value.problem.zh
    assert refused.value.fix.en.endswith("make a task of type preference.")


def test_a_plan_edited_to_another_method_is_refused_before_it_is_trained(
    workspace: Workspace, pairs: TaskFolder, base: Path
) -> None:
    answer = plan(workspace, pairs, {"base_model": str(base)})
    content = {"format": 1, "name": answer.plan, "method": "sft", "base_model": str(base)}
    Path(answer.file).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(TrainingError) as refused:
        require_ready(workspace, pairs, answer.plan, confirm=True)
    assert refused.value.problem.en.startswith("sft needs ")


def test_pairs_are_planned_with_dpo_and_told_as_such(workspace: Workspace, pairs: TaskFolder, base: Path) -> None:
    answer = plan(workspace, pairs, {"base_model": str(base)})
    assert answer.settings["beta"] == 0.1 and answer.settings["keep_best"] == "accuracy"
    assert all(part in answer.message for part in ("on base", "dpo, beta 0.1", "LoRA rank 16", "28 pairs 3 times"))
    assert answer.next_step.tool == "train" and not [f for f in answer.findings if f["code"] == "labels"]
    with speaking("zh-TW"):
        assert "偏好訓練（dpo，beta 0.1）" in plan(workspace, pairs, {"base_model": str(base)}).message


def test_rewards_go_on_from_the_version_that_another_method_trained(
    workspace: Workspace, task: TaskFolder, base: Path
) -> None:
    trained_version(task, plan(workspace, task, {"base_model": str(base)}))
    answer = plan(workspace, task, {"method": "grpo"})
    assert answer.settings["base_model"] == "news/v1" and answer.settings["rewards"] == ["label_match"]
    assert (
        "learnt" in answer.reasons["base_model"]
        and "on news/v1" in answer.message
        and "grpo: label_match" in answer.message
    )
    assert answer.estimate and answer.estimate.seconds[1] > answer.estimate.seconds[0]
    supervised = plan(workspace, task, {}).estimate
    assert supervised and answer.estimate.memory_bytes["activations"] > supervised.memory_bytes["activations"]
    a_pass = (answer.estimate.tokens[1] / 2, supervised.tokens[1] / 8)  # two epochs and eight
    assert a_pass[0] > 8 * a_pass[1]  # every answer is written, and read with its question


@pytest.mark.parametrize("name", ["v1", "news/v1"])
def test_a_version_that_is_no_base_model_is_refused(
    workspace: Workspace, task: TaskFolder, base: Path, name: str
) -> None:
    folder = trained_version(task, plan(workspace, task, {"base_model": str(base)}))
    folder.model_info_file.unlink()
    with pytest.raises(TrainingError) as refused:
        plan(workspace, task, {"base_model": name}, parent="none")
    assert refused.value.field == "base_model" and "never fully trained" in refused.value.problem.en


def test_four_bits_quarter_the_frozen_weights_and_a_second_copy_doubles_them(
    workspace: Workspace, task: TaskFolder, tmp_path: Path
) -> None:
    def weights(**settings: Any) -> int:
        answer = plan(workspace, task, {"base_model": "Qwen/Qwen3-4B", **settings}, parent="none")
        assert answer.estimate
        return answer.estimate.memory_bytes["weights"]

    assert weights(load_in_4bit=True) < 0.4 * weights()
    pulled = {"method": "grpo", "lora_r": 0}
    assert weights(**pulled, beta=0.1) == 2 * weights(**pulled)


@pytest.mark.parametrize(
    ("settings", "field", "said"),
    [
        ({"rewards": ["lable_match"]}, "rewards", "label_match"),
        ({"rewards": ["json_validity"]}, "rewards", "exact_match, label_match"),
        ({"rewards": ["label_match"], "reward_weights": [1.0, 2.0]}, "reward_weights", "one weight for each"),
        ({"rewards": []}, "rewards", "rewards"),
    ],
)
def test_rewards_that_do_not_fit_are_named(
    workspace: Workspace, task: TaskFolder, base: Path, settings: dict[str, Any], field: str, said: str
) -> None:
    with pytest.raises(TrainingError) as refused:
        plan(workspace, task, {"method": "grpo", "base_model": str(base), **settings})
    assert refused.value.field == field and said in str(refused.value.fix)


def test_settings_that_count_labels_are_refused_where_there_are_none() -> None:
    for settings, field in (({"keep_best": "recall"}, "keep_best"), ({"balance": "oversample"}, "balance")):
        with pytest.raises(TrainingError) as refused:
            resolve_settings(
                make_method("sft", {"base_model": "any", **settings}), TrainingContext(100, 10, type="chat")
            )
        assert refused.value.field == field


def test_the_kept_epoch_is_judged_as_each_method_means_it() -> None:
    dpo = [
        {"step": 1, "eval_loss": 0.5, "eval_rewards/accuracies": 0.9},
        {"step": 2, "eval_loss": 0.4, "eval_rewards/accuracies": 0.8},
    ]
    grpo = [{"step": 1, "eval_reward": 0.5, "eval_ended": 1.0}, {"step": 2, "eval_reward": 0.5, "eval_ended": 0.9}]
    text = [{"step": 1, "eval_loss": 0.5, "eval_exact": 0.0}, {"step": 2, "eval_loss": 0.4, "eval_exact": 0.0}]
    for kind, keep, history, best in (
        ("dpo", "accuracy", dpo, 1),
        ("dpo", "loss", dpo, 2),
        ("grpo", "reward", grpo, 1),
        ("grpo", "last", grpo, None),
        ("sft", "exact", text, 2),
    ):
        method = make_method(kind, {"base_model": "any", "keep_best": keep})
        assert method.best_step(history) == best, (kind, keep)


LABEL = {"text": "營收創新高", "label": "正面"}
SPANS = {"text": "台積電在新竹", "spans": [{"type": "地點", "text": "新竹", "start": 4, "end": 6}]}
OBJECT = {"text": "王小明，30 歲", "output": '{"name": "王小明", "age": 30}'}


@pytest.mark.parametrize(
    ("reward", "row", "answer", "earned"),
    [
        ("label_match", LABEL, "正面。", 1.0),
        ("label_match", LABEL, "不是正面", 0.0),
        ("label_match", LABEL, "", 0.0),
        ("exact_match", SPANS, '{"地點": ["新竹"]}', 1.0),
        ("exact_match", SPANS, "{}", 0.0),
        ("exact_match", OBJECT, '{"name": "王小明", "age": 30}', 1.0),
        ("exact_match", OBJECT, "王小明", 0.0),
        ("json_validity", SPANS, "{}", 1.0),
        ("json_validity", SPANS, "新竹", 0.0),
        ("json_validity", OBJECT, '```json\n{"age": 1, "name": ""}\n```', 1.0),
        ("json_validity", OBJECT, '{"name": "王小明"}', 0.0),
        ("json_validity", OBJECT, '["王小明"]', 0.0),
    ],
)
def test_what_an_answer_earns(reward: str, row: dict[str, Any], answer: str, earned: float) -> None:
    assert rewards()[reward].score(row, answer, ["正面", "負面"]) == earned


def test_every_reward_says_what_it_judges_and_fits_some_type() -> None:
    for name, reward in rewards().items():
        assert type(reward).__doc__ and reward.title.en and reward.title.zh
        fitting = [kind for kind, known in task_kinds().items() if known.answers in reward.answers]
        assert [chosen.name for chosen in chosen_rewards([name], fitting[0])] == [name]
    assert {"dpo", "grpo", "sft"} <= set(methods())


def test_validity_alone_is_warned_of_for_it_can_be_cheated() -> None:
    method = make_method("grpo", {"base_model": "any", "rewards": ["json_validity"]})
    assert any(
        "without content" in warning.en for warning in method.warnings(TrainingContext(100, 10, type="extraction"))
    )
