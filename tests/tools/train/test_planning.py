from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.errors import MissingRequirement, NlpSkillsError, TrainingError
from nlp_skills.resources.foundation.files import read_yaml, write_atomic, write_json, write_yaml
from nlp_skills.resources.foundation.language import speaking
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder, reserve_version
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.hardware import Gpu, describe_machine
from nlp_skills.tools.data.snapshot import current_snapshot
from nlp_skills.tools.train.answers import PlanAnswer
from nlp_skills.tools.train.base_facts import read_base_model
from nlp_skills.tools.train.plan import read_plan
from nlp_skills.tools.train.planning import plan_training
from nlp_skills.tools.train.preflight import require_ready
from tests.tools.train.conftest import write_task

SHAPES = {
    "model.embed_tokens.weight": [100, 8],
    "model.layers.0.self_attn.q_proj.weight": [8, 8],
    "model.layers.0.mlp.up_proj.weight": [16, 8],
    "model.norm.weight": [8],
}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A model folder with real headers and no weights behind them."""
    return write_base(tmp_path / "base")


def write_base(folder: Path, shapes: dict[str, list[int]] = SHAPES, **config: Any) -> Path:
    folder.mkdir()
    header = json.dumps(
        {name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]} for name, shape in shapes.items()}
    ).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    write_json(
        folder / "config.json",
        {
            "architectures": ["Qwen3ForCausalLM"],
            "hidden_size": 8,
            "vocab_size": 100,
            "num_hidden_layers": 1,
            "max_position_embeddings": 512,
            **config,
        },
    )
    (folder / "tokenizer.json").write_text(json.dumps({"added_tokens": [{"content": "<|im_end|>", "special": True}]}))
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    return folder


def plan(workspace: Workspace, task: TaskFolder, settings: dict[str, Any], **rest: Any) -> PlanAnswer:
    return plan_training(workspace, task, settings, rest.get("parent"), rest.get("changes", []), rest.get("name"))


def trained_version(task: TaskFolder, answer: PlanAnswer) -> VersionFolder:
    """A version as training leaves it, without the training."""

    def fill(draft: Path) -> None:
        write_yaml(draft / "config.yaml", read_yaml(Path(answer.file)))
        current_snapshot(task).summary().write(draft / "data_snapshot.json")

    folder = reserve_version(task, fill)
    base = read_base_model(Path(answer.settings["base_model"]))
    write_json(
        folder.model_info_file,
        {
            "base_model": {"hash": base.hash, "path": str(base.folder)},
            "method": folder.config().method,
            "files": {},
            "training": {"tokens_per_second": 1000.0},
        },
    )
    return folder


def test_a_first_plan_fills_every_setting_in_and_says_why(workspace: Workspace, task: TaskFolder, base: Path) -> None:
    answer = plan(workspace, task, {"base_model": str(base), "epochs": 2})
    assert answer.settings["learning_rate"] == 2e-3 and answer.settings["lora_alpha"] == 32
    assert answer.settings["epochs"] == 2 and answer.settings["max_length"] == 512
    assert answer.reasons["epochs"].startswith("As given.") and "large steps" in answer.reasons["learning_rate"]
    assert answer.estimate and answer.estimate.steps == 8 and answer.estimate.memory_bytes["total"] > 0
    assert answer.estimate.seconds[0] < answer.estimate.seconds[1] and "wide" in answer.estimate.source
    assert answer.next_step.tool == "train" and answer.next_step.arguments == {"task": "news", "plan": "plan-v1"}
    assert read_plan(task, "plan-v1").settings.model_dump(exclude_none=True) == answer.settings
    assert require_ready(workspace, task, None, confirm=False).plan.name == "plan-v1"


def test_a_plan_speaks_chinese_to_a_chinese_reader(workspace: Workspace, task: TaskFolder, base: Path) -> None:
    with speaking("zh-TW"):
        answer = plan(workspace, task, {"base_model": str(base)})
    assert "輪" in answer.message and "開始訓練" in answer.next_step.say and "實測" in answer.reasons["epochs"]


def test_a_second_plan_changes_only_what_was_asked_and_what_follows_from_it(
    workspace: Workspace, task: TaskFolder, base: Path
) -> None:
    trained_version(task, plan(workspace, task, {"base_model": str(base), "seed": 7, "epochs": 5}))
    answer = plan(workspace, task, {"lora_r": 32}, changes=["more room for nuance"])
    assert answer.plan == "plan-v2" and answer.parent == "v1"
    assert answer.changes == ["LoRA rank 16 → 32", "LoRA alpha 32 → 64"]
    assert answer.settings["seed"] == 7 and answer.settings["epochs"] == 5
    assert answer.reasons["epochs"].startswith("Kept from v1.") and answer.reasons["lora_r"].startswith("As given.")
    assert read_yaml(Path(answer.file))["changes"] == ["more room for nuance"]
    assert answer.estimate and "v1's measured 1,000" in answer.estimate.source


def test_rows_gone_since_the_parent_are_a_change(workspace: Workspace, task: TaskFolder, base: Path) -> None:
    trained_version(task, plan(workspace, task, {"base_model": str(base)}))
    train = (task.data / "train.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    positive = [line for line in train if '"正面"' in line]
    write_atomic(task.data / "train.jsonl", "".join(line for line in train if line not in positive[:6]))
    assert plan(workspace, task, {}).changes == ["−6 正面 rows"]


def test_turning_lora_off_chooses_rate_and_batch_again(workspace: Workspace, task: TaskFolder, base: Path) -> None:
    trained_version(task, plan(workspace, task, {"base_model": str(base)}))
    answer = plan(workspace, task, {"lora_r": 0})
    assert answer.settings["learning_rate"] == 4e-4 and "lora_alpha" not in answer.settings
    assert "every weight" in answer.message


def test_a_plan_without_a_parent_starts_afresh(workspace: Workspace, task: TaskFolder, base: Path) -> None:
    trained_version(task, plan(workspace, task, {"base_model": str(base), "epochs": 5}))
    answer = plan(workspace, task, {"base_model": str(base)}, parent="none")
    assert answer.parent is None and answer.changes == [] and answer.settings["epochs"] == 8


@pytest.mark.parametrize(
    ("settings", "field", "said"),
    [
        ({"learning_rat": 1e-4}, "learning_rat", "learning_rate"),
        ({"epochs": 0}, "epochs", "epochs"),
        ({"learning_rate": float("nan")}, "learning_rate", "learning_rate"),
        ({"lora_r": "many"}, "lora_r", "lora_r"),
        ({"method": "stf"}, "method", "sft"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_what_was_meant(
    workspace: Workspace, task: TaskFolder, base: Path, settings: dict[str, Any], field: str, said: str
) -> None:
    with pytest.raises(TrainingError) as refused:
        plan(workspace, task, {"base_model": str(base), **settings})
    assert refused.value.field == field and said in str(refused.value.fix)
    assert not list(task.configs.glob("*")) if task.configs.exists() else True


def test_a_plan_edited_by_hand_is_checked_before_it_is_trained(
    workspace: Workspace, task: TaskFolder, base: Path
) -> None:
    answer = plan(workspace, task, {"base_model": str(base)})
    content = Path(answer.file).read_text(encoding="utf-8")
    write_atomic(Path(answer.file), content.replace("epochs:", "epoch:"))
    with pytest.raises(TrainingError) as refused:
        require_ready(workspace, task, answer.plan, confirm=False)
    assert refused.value.field == "epoch" and "epochs" in refused.value.fix.en


def test_a_base_model_not_downloaded_leads_to_its_set_up(workspace: Workspace, task: TaskFolder) -> None:
    answer = plan(workspace, task, {"base_model": "nobody/Nothing-4B"})
    assert answer.findings[0]["level"] == "blocking" and answer.next_step.tool == "set_up"
    assert answer.next_step.arguments == {"what": "base_model", "name": "nobody/Nothing-4B"}
    assert answer.settings["learning_rate"] == 2e-4  # four billion parameters, by its name
    with pytest.raises(MissingRequirement):
        require_ready(workspace, task, None, confirm=True)


def test_training_without_a_plan_or_data_says_what_comes_first(workspace: Workspace, base: Path) -> None:
    bare = TaskFolder(workspace.root / "bare")
    write_yaml(bare.file, {"name": "bare", "labels": ["a", "b"]})
    with pytest.raises(TrainingError, match="plan"):
        require_ready(workspace, bare, None, confirm=False)
    answer = plan(workspace, bare, {"base_model": str(base)})
    assert answer.next_step.tool == "coach" and answer.findings[0]["code"] == "data"
    write_yaml(bare.data_source_file, {"sources": [{"type": "file", "path": "/rows.csv"}]})
    assert plan(workspace, bare, {"base_model": str(base)}).next_step.tool == "prepare_data"


@pytest.mark.parametrize(
    "folder", [lambda place: write_base(place, architectures=["BertForMaskedLM"]), lambda place: place.mkdir() or place]
)
def test_what_is_no_causal_model_is_refused(
    workspace: Workspace, task: TaskFolder, tmp_path: Path, folder: Any
) -> None:
    answer = plan(workspace, task, {"base_model": str(folder(tmp_path / "other"))})
    assert answer.findings[0]["code"] == "base_model"
    with pytest.raises(NlpSkillsError) as refused:
        require_ready(workspace, task, None, confirm=True)
    assert refused.value.field == "base_model"


def test_a_model_too_large_for_the_memory_is_refused_and_a_tight_or_long_one_asks(
    workspace: Workspace, task: TaskFolder, tmp_path: Path
) -> None:
    huge = write_base(tmp_path / "huge", {"model.layers.0.mlp.up_proj.weight": [4_000_000, 4_000_000]})
    answer = plan(workspace, task, {"base_model": str(huge)})
    assert any(found["code"] == "memory" and found["level"] == "blocking" for found in answer.findings)
    assert answer.next_step.tool == "plan_training"
    assert answer.next_step.arguments["settings"] == {"base_model": "<a smaller base model>"}
    long = write_base(tmp_path / "long", {"model.layers.0.mlp.up_proj.weight": [60_000, 8_000]})
    answer = plan(workspace, task, {"base_model": str(long), "epochs": 100, "batch_size": 1}, name="slow")
    assert any(found["code"] == "time" and found["level"] == "confirm" for found in answer.findings)
    with pytest.raises(TrainingError, match="hours") as asked:
        require_ready(workspace, task, "slow", confirm=False)
    assert "confirm=True" in asked.value.fix.en and answer.next_step.arguments["confirm"] is True
    assert require_ready(workspace, task, "slow", confirm=True).plan.name == "slow"


def test_nothing_is_downloaded_for_a_model_that_memory_cannot_hold(
    workspace: Workspace, task: TaskFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = describe_machine(workspace).model_copy(update={"gpus": [], "device": "cpu", "free_memory": 16_000_000_000})
    monkeypatch.setattr("nlp_skills.tools.train.preflight.describe_machine", lambda _workspace: small)
    answer = plan(workspace, task, {"base_model": "Qwen/Qwen3-8B"})
    assert {"base_model", "memory"} <= {found["code"] for found in answer.findings if found["level"] == "blocking"}
    assert answer.next_step.tool == "plan_training"
    assert "Weights and optimiser alone" in answer.message


def test_a_plan_says_how_many_gpus_share_it_and_refuses_more_than_there_are(
    workspace: Workspace, task: TaskFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    cards = [
        Gpu(name=name, memory=memory * 10**9, free=free * 10**9, driver="1", uuid=f"GPU-{at}")
        for at, (name, memory, free) in enumerate([("H100", 80, 80), ("H100", 80, 80), ("T400", 4, 4)])
    ]
    two = describe_machine(workspace).model_copy(update={"gpus": cards, "device": "cuda"})
    monkeypatch.setattr("nlp_skills.tools.train.preflight.describe_machine", lambda _workspace: two)
    shared = plan(workspace, task, {"base_model": "Qwen/Qwen3-4B"})
    alone = plan(workspace, task, {"base_model": "Qwen/Qwen3-4B", "num_processes": 1})
    assert "Shared by 2 GPUs" in shared.message and "Shared by" not in alone.message
    assert shared.estimate and alone.estimate and shared.estimate.seconds[1] < alone.estimate.seconds[1]
    assert shared.estimate.memory_bytes == alone.estimate.memory_bytes, "each holds the model"
    many = plan(workspace, task, {"base_model": "Qwen/Qwen3-4B", "num_processes": 4})
    (found,) = [found for found in many.findings if found["code"] == "num_processes"]
    assert found["level"] == "blocking" and "has 2 of its best kind" in found["problem"]
    busy = two.model_copy(update={"gpus": [card.model_copy(update={"free": 10**9}) for card in cards]})
    monkeypatch.setattr("nlp_skills.tools.train.preflight.describe_machine", lambda _workspace: busy)
    answer = plan(workspace, task, {"base_model": "Qwen/Qwen3-4B"})
    assert [found["level"] for found in answer.findings if found["code"] == "gpu"] == ["warning"]


def test_processes_on_the_processors_hold_the_model_each(workspace: Workspace, task: TaskFolder, base: Path) -> None:
    one, two = (plan(workspace, task, {"base_model": str(base), "num_processes": count}).estimate for count in (1, 2))
    assert one and two and two.memory_bytes["total"] == 2 * one.memory_bytes["total"]
    assert two.seconds[1] > one.seconds[1] and two.steps == one.steps


def test_a_label_with_one_row_blocks_and_few_rows_warn(workspace: Workspace, base: Path) -> None:
    task = write_task(workspace.root / "few", per_label=5)
    answer = plan(workspace, task, {"base_model": str(base)})
    assert [found["level"] for found in answer.findings if found["code"] == "labels"] == ["warning"]
    rows = [json.loads(line) for line in (task.data / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    kept = [row for row in rows if row["label"] != "正面"]
    write_atomic(task.data / "train.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept))
    answer = plan(workspace, task, {"base_model": str(base)})
    assert any(found["level"] == "blocking" for found in answer.findings)
