from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.changes import changes_between, data_changes, setting_changes
from nlp_skills.resources.foundation.errors import TaskError
from nlp_skills.resources.foundation.files import read_yaml, write_json, write_yaml
from nlp_skills.resources.lineage import ancestors, lineage_chain, lineage_mermaid, load_lineage, parse_lineage
from nlp_skills.resources.snapshot import DataSnapshot
from nlp_skills.resources.task import Task, TaskFolder
from nlp_skills.resources.version import VersionFolder, reserve_version

SEED = """
version: v2
created: 2026-01-06T14:00:00
parent: v1
data:
  source_hash: abc123
  train_count: 500
  valid_count: 100
  test_count: 100
config:
  base_model: Qwen/Qwen3-4B
  method: sft
  lora_r: 64
  epochs: 6
results:
  macro_f1: 0.815
  accuracy: 0.82
changes:
  - "增加 LoRA rank 32 → 64"
  - "新增中立樣本 200 筆"
"""


@pytest.fixture
def task(tmp_path: Path) -> TaskFolder:
    root = tmp_path / "entity-sentiment"
    root.mkdir()
    folder = TaskFolder(root)
    folder.save(Task(name="entity-sentiment", language="zh-TW", labels=["正面", "中立", "負面"]))
    return folder


def make_version(task: TaskFolder, train: dict[str, int], parent: str | None = None, **config: Any) -> VersionFolder:
    """A trained version by hand: the files the train stage leaves."""
    folder = reserve_version(task)
    settings = {"base_model": "Qwen/Qwen3-4B", "method": "sft", "lora_r": 32, "epochs": 4, "seed": 42, **config}
    write_yaml(folder.config_file, {"format": 1, "name": "plan", "parent": parent, **settings})
    counts = {"train": sum(train.values()), "valid": 100, "test": 100}
    write_json(
        folder.data_snapshot_file,
        {
            "format": 1,
            "hash": f"{sum(train.values()):064d}",
            "source_hash": "abc123",
            "counts": counts,
            "label_counts": {"train": train, "valid": {"正面": 100}, "test": {"正面": 100}},
            "file_hashes": {},
        },
    )
    write_json(folder.environment_file, {"python": "3.11.9", "packages": {"torch": "2.13"}, "hardware": {"cores": 2}})
    write_json(
        folder.model_info_file,
        {
            "format": 1,
            "created": "2026-01-06T14:00:00Z",
            "files": {"adapter.safetensors": "ab" * 32},
            "base_model": {"name": "Qwen/Qwen3-4B", "hash": "cd" * 32},
        },
    )
    return folder


def write_evaluation(folder: VersionFolder, macro_f1: float, accuracy: float) -> None:
    record = {
        "id": "e1",
        "created": "2026-01-06T15:00:00Z",
        "benchmark": {"name": "test-v1", "hash": "ef" * 32, "count": 100},
        "metrics": {
            "macro_f1": {"value": macro_f1, "low": macro_f1 - 0.05, "high": macro_f1 + 0.05},
            "accuracy": {"value": accuracy, "low": accuracy - 0.05, "high": accuracy + 0.05},
            "invalid_rate": {"value": 0.0},
        },
        "predictions_hash": "12" * 32,
    }
    write_json(folder.results_file, {"format": 1, "evaluations": [record]})


def test_the_seeds_own_example_is_a_valid_lineage(tmp_path: Path) -> None:
    path = tmp_path / "lineage.yaml"
    path.write_text(SEED, encoding="utf-8")
    lineage = parse_lineage(read_yaml(path), path)
    assert lineage.changes == ["增加 LoRA rank 32 → 64", "新增中立樣本 200 筆"]
    assert lineage.created == "2026-01-06T14:00:00"


def test_a_version_that_is_only_the_seeds_lineage_file_still_loads(task: TaskFolder) -> None:
    folder = reserve_version(task)
    folder.lineage_file.write_text(SEED, encoding="utf-8")
    assert load_lineage(folder).results == {"macro_f1": 0.815, "accuracy": 0.82}
    assert folder.lineage_file.read_text(encoding="utf-8") == SEED


def test_the_changes_of_the_seed_are_found_from_the_two_versions(task: TaskFolder) -> None:
    make_version(task, {"正面": 100, "中立": 100, "負面": 100})
    child = make_version(task, {"正面": 100, "中立": 300, "負面": 100}, parent="v1", lora_r=64, epochs=6)
    lineage = load_lineage(child)
    assert lineage.changes == ["增加 LoRA rank 32 → 64", "增加訓練輪數 4 → 6", "新增中立樣本 200 筆"]
    assert lineage.data.train_count == 500
    assert {"path": "lora_r", "from": 32, "to": 64}.items() <= lineage.change_details[0].to_dict().items()
    rows = {"label": "中立", "split": "train", "from": 100, "to": 300}
    assert rows.items() <= lineage.change_details[2].to_dict().items()
    assert changes_between(VersionFolder(task, 1), child)[2].text.en == "+200 中立 rows"
    assert changes_between(VersionFolder(task, 1), child)[0].text.en == "LoRA rank 32 → 64"


def test_a_shape_like_the_seeds_is_written(task: TaskFolder) -> None:
    folder = make_version(task, {"正面": 10})
    write_evaluation(folder, 0.815, 0.82)
    lineage = load_lineage(folder).to_dict()
    written = read_yaml(folder.lineage_file)
    assert written == lineage == json.loads(json.dumps(lineage)) and list(written) == list(lineage)
    seed_fields = parse_lineage(written, folder.lineage_file)
    assert (seed_fields.version, seed_fields.parent) == ("v1", None)
    assert seed_fields.config == {"base_model": "Qwen/Qwen3-4B", "method": "sft", "lora_r": 32, "epochs": 4, "seed": 42}
    assert (seed_fields.results["macro_f1"], seed_fields.results["accuracy"]) == (0.815, 0.82)
    assert seed_fields.results["intervals"]["accuracy"] == pytest.approx([0.77, 0.87])
    assert seed_fields.hardware == {"cores": 2} and seed_fields.seed == 42
    assert set(seed_fields.hashes) == {"config", "base_model", "model", "predictions"}


def test_a_lineage_lost_to_a_kill_is_written_again_on_load(task: TaskFolder) -> None:
    folder = make_version(task, {"正面": 10})
    first = load_lineage(folder)
    folder.lineage_file.unlink()
    assert load_lineage(folder) == first
    assert folder.lineage_file.is_file()


def test_tracking_again_leaves_the_file_untouched(task: TaskFolder) -> None:
    folder = make_version(task, {"正面": 10})
    load_lineage(folder)
    before = folder.lineage_file.stat()
    load_lineage(folder)
    after = folder.lineage_file.stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


def test_unknown_fields_and_hand_written_sentences_are_kept(task: TaskFolder) -> None:
    make_version(task, {"正面": 10})
    child = make_version(task, {"正面": 20}, parent="v1", changes=["為了改善反諷句"])
    lineage = load_lineage(child)
    write_yaml(
        child.lineage_file, {**lineage.to_dict(), "reviewed_by": "王小明", "changes": [*lineage.changes, "手寫的一句"]}
    )
    write_evaluation(child, 0.8, 0.8)
    again = load_lineage(child)
    assert again.to_dict()["reviewed_by"] == "王小明"
    assert again.changes == ["新增正面樣本 10 筆", "為了改善反諷句", "手寫的一句"]
    assert again.results["macro_f1"] == 0.8


def test_sentences_follow_the_tasks_language(task: TaskFolder) -> None:
    make_version(task, {"正面": 10})
    child = make_version(task, {"正面": 10}, parent="v1", lora_r=64)
    assert load_lineage(child).changes == ["增加 LoRA rank 32 → 64"]
    with task.change() as content:
        content.language = "en"
    assert load_lineage(child).changes == ["LoRA rank 32 → 64"]


def test_a_version_in_training_leaves_no_lineage_file(task: TaskFolder) -> None:
    folder = make_version(task, {"正面": 10})
    folder.model_info_file.unlink()
    assert load_lineage(folder).status == "reserved"
    assert not folder.lineage_file.exists()


def test_a_failed_version_keeps_its_number_and_says_so(task: TaskFolder) -> None:
    folder = make_version(task, {"正面": 10})
    folder.model_info_file.unlink()
    write_json(folder.failure_file, {"cancelled": True})
    assert load_lineage(folder).status == "cancelled"
    assert [lineage.version for lineage in lineage_chain(task)] == ["v1"]


def test_changes_survive_a_parent_that_was_deleted(task: TaskFolder) -> None:
    parent = make_version(task, {"正面": 10})
    child = make_version(task, {"正面": 30}, parent="v1")
    assert load_lineage(child).changes == ["新增正面樣本 20 筆"]
    for path in parent.root.iterdir():
        path.unlink()
    assert load_lineage(child).changes == ["新增正面樣本 20 筆"]


def test_a_broken_lineage_file_is_set_aside_and_written_again(task: TaskFolder) -> None:
    folder = make_version(task, {"正面": 10})
    first = load_lineage(folder)
    folder.lineage_file.write_text("version: [half", encoding="utf-8")
    assert load_lineage(folder) == first
    assert (folder.root / "lineage.broken.yaml").read_text(encoding="utf-8") == "version: [half"


def test_a_lineage_of_a_newer_format_is_refused_and_left_as_it_is(task: TaskFolder) -> None:
    folder = make_version(task, {"正面": 10})
    write_yaml(folder.lineage_file, {**load_lineage(folder).to_dict(), "format": 9})
    before = folder.lineage_file.read_bytes()
    with pytest.raises(TaskError) as refused:
        load_lineage(folder)
    assert refused.value.field == "format" and folder.lineage_file.read_bytes() == before


def test_a_reserved_folder_without_config_is_a_clear_error(task: TaskFolder) -> None:
    folder = reserve_version(task)
    with pytest.raises(TaskError, match="never started"):
        load_lineage(folder)
    assert lineage_chain(task) == []


def test_a_wrong_field_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaskError) as caught:
        parse_lineage({"version": "v1", "data": {"train_count": "many"}}, tmp_path / "lineage.yaml")
    assert caught.value.field == "data.train_count"


def test_the_parent_chain_is_followed_and_a_loop_ends_it(task: TaskFolder) -> None:
    make_version(task, {"正面": 10}, parent="v3")
    make_version(task, {"正面": 10}, parent="v1")
    make_version(task, {"正面": 10}, parent="v2")
    assert ancestors(task, "v3") == ["v2", "v1"]


def test_mermaid_labels_cannot_break_out_of_their_quotes(task: TaskFolder) -> None:
    write_evaluation(make_version(task, {"正面": 10}), 0.5, 0.5)
    make_version(task, {"正面": 10}, parent="v1", changes=['say "hi" | <b>#1</b>'])
    drawn = lineage_mermaid(task)
    assert drawn.startswith("flowchart TD\n")
    assert 'v1["v1<br/>macro-F1 0.500"]' in drawn
    assert '"say #quot;hi#quot; #124; #lt;b#gt;#35;1#lt;/b#gt;"| v2' in drawn


def test_nested_settings_lists_and_prompts_are_compared() -> None:
    changes = setting_changes(
        {"optimizer": {"name": "adamw", "beta": 0.9}, "targets": ["q"], "prompt": {"system": "a"}, "old": True},
        {"optimizer": {"name": "adamw", "beta": 0.95}, "targets": ["q", "v"], "prompt": {"system": "b"}, "new": 1e-4},
    )
    assert [(change.path, change.text.en) for change in changes] == [
        ("optimizer.beta", "optimizer.beta 0.9 → 0.95"),
        ("targets", "targets q → q, v"),
        ("prompt.system", "System prompt rewritten"),
        ("old", "old no longer set (was True)"),
        ("new", "new set to 0.0001"),
    ]


def test_rows_swapped_without_a_change_of_counts_are_noticed() -> None:
    before, after = (
        DataSnapshot(counts={"train": 5}, label_counts={"train": {"a": 5}}, file_hashes={"train": digest})
        for digest in ("aaaa", "bbbb")
    )
    changes = data_changes(before, after)
    assert [change.text.zh for change in changes] == ["訓練集換過內容，筆數不變"]
