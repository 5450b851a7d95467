from __future__ import annotations

import pytest

from nlp_skills.resources.browsing.reading import read
from nlp_skills.resources.data_source import load_data_source
from nlp_skills.resources.foundation.errors import TaskError
from nlp_skills.resources.foundation.files import read_json, read_yaml, write_yaml
from nlp_skills.resources.lineage import load_lineage
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.data.benchmark import frozen_benchmark
from nlp_skills.tools.data.store import load_snapshot
from nlp_skills.tools.tasks.clone import clone
from nlp_skills.tools.tasks.update import update_task
from tests.tools.tasks.conftest import MakeVersion, everything_below, write_version


def test_a_clone_begins_with_the_definition_and_the_source_and_without_versions(
    workspace: Workspace, with_data: TaskFolder, make_version: MakeVersion
) -> None:
    update_task(with_data, {"goal": "Sort mail", "success_criteria.threshold": 0.8}, decision="LoRA", archived=True)
    write_yaml(with_data.data_source_file, {"sources": [{"type": "file", "path": "rows.csv"}]})
    (with_data.root / "rows.csv").write_text("text,label\n", encoding="utf-8")
    make_version(0.8)
    before = everything_below(with_data.root)
    made = clone(workspace, with_data, "other")
    task = made.load()
    assert (task.name, task.goal, task.success_criteria.threshold) == ("other", "Sort mail", 0.8)
    assert task.archived is None and task.decisions[0].what == "LoRA"
    assert task.cloned_from is not None and task.cloned_from["task"] == "reviews"
    assert task.cloned_from["revision"] == with_data.revision()
    assert (made.root / "rows.csv").is_file() and load_data_source(made) == load_data_source(with_data)
    assert made.state() == "configuring" and not (made.data / "current.json").exists()
    assert not list(made.versions.iterdir()) and not list(made.models.iterdir())
    assert everything_below(with_data.root) == before


def test_with_data_the_benchmark_comes_along_and_plans_build_on_nothing(
    workspace: Workspace, with_data: TaskFolder
) -> None:
    write_yaml(with_data.configs / "plan-v2.yaml", {"format": 1, "name": "plan-v2", "parent": "v1", "method": "sft"})
    made = clone(workspace, with_data, data=True, plans=True)
    assert made.name == "reviews-2"
    digest = read_json(made.data / "current.json")["hash"]
    assert load_snapshot(made, digest).counts == load_snapshot(with_data, digest).counts
    assert frozen_benchmark(made).hash == frozen_benchmark(with_data).hash
    assert read_yaml(made.configs / "plan-v2.yaml")["parent"] is None
    assert (made.data / "train.jsonl").read_bytes() == (with_data.data / "train.jsonl").read_bytes()


def test_the_lineage_of_a_clones_first_versions_says_where_it_comes_from(
    workspace: Workspace, task: TaskFolder
) -> None:
    made = clone(workspace, task, "other")
    assert (load_lineage(write_version(made, 0.7)).cloned_from or {})["task"] == "reviews"
    assert load_lineage(write_version(made, 0.8, parent="v1")).cloned_from is None
    assert '"cloned_from"' in read(workspace, "nlp-skills://tasks/other/lineage").text


def test_a_taken_or_unportable_name_and_missing_data_leave_nothing(workspace: Workspace, task: TaskFolder) -> None:
    for name, data in (("reviews", False), ("../x", False), ("other", True)):
        with pytest.raises(TaskError) as caught:
            clone(workspace, task, name, data=data)
        assert caught.value.fix.zh
    assert workspace.task_names() == ["reviews"] and not list(workspace.root.glob(".*.tmp"))
