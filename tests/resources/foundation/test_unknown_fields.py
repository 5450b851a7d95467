from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.errors import DataSourceError, TaskError
from nlp_skills.resources.foundation.files import read_yaml, write_yaml
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.data.definition import change_definition, load_definition, unknown_kept


@pytest.fixture
def task(tmp_path: Path) -> TaskFolder:
    task = TaskFolder(tmp_path / "task")
    task.root.mkdir()
    write_yaml(task.file, {"name": "task"})
    return task


@pytest.mark.parametrize(
    "given, field, near",
    [
        ({"split": {"tran": 0.7}}, "split.tran", "train"),
        ({"split": {"wibble": 1}}, "split.wibble", ""),
        ({"quality": {"max_imbalence": 2}}, "quality.max_imbalence", "max_imbalance"),
        ({"sources": [{"type": "file", "path": "x", "delimeter": ";"}]}, "sources[0].delimeter", "delimiter"),
        ({"sources": [{"type": "file", "path": "x", "wibble": 1}]}, "sources[0].wibble", ""),
        ({"sources": [{"type": "file", "path": "x", "mapping": {"lable": "y"}}]}, "sources[0].mapping.lable", "label"),
    ],
)
def test_a_call_with_an_unknown_field_is_refused_with_the_nearest(
    task: TaskFolder, given: dict[str, Any], field: str, near: str
) -> None:
    with pytest.raises(DataSourceError) as refused:
        change_definition(task, **given)

    assert refused.value.field == field and field.rpartition(".")[2] in refused.value.problem.en
    assert (f"Did you mean {near}?" in refused.value.fix.en) == bool(near)
    assert not task.data_source_file.exists()


@pytest.mark.parametrize("content", [{"splitt": {}}, {"split": {"trian": 0.7}}, {"quality": {"max_charcters": 9}}])
def test_a_near_miss_in_the_file_is_a_fault(task: TaskFolder, content: dict[str, Any]) -> None:
    write_yaml(task.data_source_file, content)
    with pytest.raises(DataSourceError, match="Did you mean"):
        load_definition(task)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("splitt", "split"),
        ("Split", "split"),
        ("qualty", "quality"),
        ("deduplicate-on", "deduplicate_on"),
        ("regenaration", "regeneration"),
    ],
)
def test_a_near_miss_beside_the_field_itself_is_a_fault_too(task: TaskFolder, name: str, near: str) -> None:
    change_definition(task, split={"seed": 1})
    task.data_source_file.write_text(f"{task.data_source_file.read_text('utf-8')}{name}: {{}}\n", "utf-8")
    with pytest.raises(DataSourceError) as refused:
        load_definition(task)
    assert (
        f"Did you mean {near}? That field already exists" in refused.value.fix.en and "已經有了" in refused.value.fix.zh
    )


def test_a_swapped_share_beside_the_right_one_is_a_fault(task: TaskFolder) -> None:
    write_yaml(task.data_source_file, {"split": {"test": 0.15, "tset": 0.3}})
    with pytest.raises(DataSourceError, match=r"split\.tset"):
        load_definition(task)


@pytest.mark.parametrize("name", ["created_by", "labels_zh", "goal_2026", "owner", "cost_centre", "title_long"])
def test_a_field_named_after_another_is_no_near_miss(task: TaskFolder, name: str) -> None:
    write_yaml(
        task.file, {"name": "task", "created": "2026-01-01", "labels": ["a"], "goal": "x", "title": "y", name: "z"}
    )
    assert task.load().model_dump()[name] == "z"


def test_so_it_is_in_task_yaml(task: TaskFolder) -> None:
    write_yaml(task.file, {"name": "task", "lables": ["a"]})
    with pytest.raises(TaskError, match="Did you mean labels"):
        task.load()
    write_yaml(task.file, {"name": "task", "constraints": {"privcy": "open"}})
    with pytest.raises(TaskError, match="Did you mean privacy"):
        task.load()


def test_any_other_field_of_a_file_is_kept_and_said_to_do_nothing(task: TaskFolder) -> None:
    write_yaml(task.file, {"name": "task", "team": "sales"})
    write_yaml(task.data_source_file, {"owner": "me", "sources": [{"type": "file", "path": "x", "colour": "red"}]})
    data_source, _ = load_definition(task)

    said = " ".join(text.en for text in unknown_kept(task, data_source))
    assert all(name in said for name in ("team", "owner", "sources[0].colour"))
    change_definition(task, split={"seed": 1})
    assert read_yaml(task.data_source_file)["owner"] == "me"
    assert task.load().model_dump()["team"] == "sales"


@pytest.mark.parametrize(
    "text, field, quoted",
    [("labels: [yes, no]", "labels[0]", "yes"), ("labels: [1]", "labels[0]", "1"), ("title: on", "title", "yes")],
)
def test_what_yaml_takes_for_something_else_is_told_to_need_quotes(
    task: TaskFolder, text: str, field: str, quoted: str
) -> None:
    task.file.write_text(f"name: task\nlanguage: zh-TW\n{text}\n", encoding="utf-8")
    with pytest.raises(TaskError) as refused:
        task.load()

    assert refused.value.field == field and f'put it in quotes: "{quoted}"' in refused.value.problem.en
    assert "引號" in refused.value.problem.zh and task.language() == "zh-TW"


def test_a_key_that_is_a_number_is_told_so(task: TaskFolder) -> None:
    from nlp_skills.tools.data.definition import source_kinds

    task.data_source_file.write_text("sources:\n- type: file\n  path: x\n  label_values: {1: pos}\n", encoding="utf-8")
    with pytest.raises(DataSourceError) as refused:
        source_kinds(load_definition(task)[0], task)

    assert refused.value.field == "sources[0].label_values" and '"1"' in refused.value.problem.en
