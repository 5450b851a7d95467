"""An editor finds the JSON Schema of every file that people write, offline, and the schemas say what the models say."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from nlp_skills.resources.data_source import DataSource, save_data_source
from nlp_skills.resources.foundation.files import parse_yaml
from nlp_skills.resources.schemas import SCHEMAS, shipped_schema
from nlp_skills.resources.schemas.kinds import as_text
from nlp_skills.resources.task import Task, TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.machines.ssh import Ssh
from nlp_skills.tools.compute.machines_file import keep_machine
from nlp_skills.tools.tasks.project import fill_project
from nlp_skills.tools.tasks.schemas import schemas
from nlp_skills.tools.train.method import make_method
from nlp_skills.tools.train.plan import Plan, write_plan

OLDER = Path(__file__).parents[1] / "older"
_LINE = re.compile(r"# yaml-language-server: \$schema=(\S+)\n")


def faults(name: str, content: Any) -> list[str]:
    """What the schema finds wrong, in an editor's order."""
    schema = json.loads(shipped_schema(name).read_text(encoding="utf-8"))
    Draft7Validator.check_schema(schema)
    return [error.message for error in Draft7Validator(schema).iter_errors(content)]


def faults_in(file: Path) -> list[str]:
    """What an editor that follows the file's own first line finds wrong with it."""
    text = file.read_text(encoding="utf-8")
    found = _LINE.match(text)
    assert found, f"{file.name} names no schema"
    schema = json.loads((file.parent / found[1]).read_text(encoding="utf-8"))
    return [error.message for error in Draft7Validator(schema).iter_errors(parse_yaml(text))]


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_shipped_schemas_are_those_of_the_models(name: str) -> None:
    stale = "stale: run python -m nlp_skills.tools.tasks.schemas"
    assert shipped_schema(name).read_text(encoding="utf-8") == as_text(schemas()[name]), stale


def test_every_file_that_is_written_names_a_schema_that_finds_no_fault_also_where_the_task_was_copied(
    tmp_path: Path,
) -> None:
    root = tmp_path / "mails"
    root.mkdir()
    task = Task(name="mails", labels=["a", "b"], goal="sort mails")
    fill_project(root, task)
    folder = TaskFolder(root)
    folder.save(task)
    assert faults_in(folder.data_source_file) == []
    sources = [{"type": "file", "path": "rows.csv", "mapping": {"text": "body"}}]
    save_data_source(folder, DataSource.model_validate({"sources": sources}))
    plan = write_plan(folder, Plan("plan-v1", "sft", make_method("sft", {"base_model": "tiny", "epochs": 3})))
    copied = Path(shutil.copytree(root, tmp_path / "elsewhere" / "mails"))
    for file in (folder.file, folder.data_source_file, plan):
        assert faults_in(file) == [] == faults_in(copied / file.relative_to(root))
    assert folder.load() == task


def test_machines_name_theirs(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    keep_machine(workspace, "gpubox", Ssh(host="gpubox"))
    assert faults_in(tmp_path / "machines.yaml") == []


@pytest.mark.parametrize("place", ["format_1/market", "seed"])
@pytest.mark.parametrize("name", ["task", "data_source"])
def test_files_of_earlier_versions_have_no_fault(place: str, name: str) -> None:
    file = OLDER / place / f"{name}.yaml"
    if not file.is_file():
        pytest.skip("the first description has no such example")
    assert faults(name, parse_yaml(file.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("task", {"name": "a", "language": "fr"}),
        ("task", {"name": "a", "success_criteria": {"threshold": 70}}),
        ("data_source", {"sources": [{"path": "rows.csv"}]}),
        ("data_source", {"sources": [{"type": "file", "path": ["rows.csv"], "mapping": []}]}),
        ("plan", {"method": "sft", "epochs": "three"}),
        ("plan", {"method": "dpo", "beta": "a lot"}),
        ("machines", {"machines": {"gpubox": {"kind": "ssh", "hots": "gpubox"}}}),
    ],
)
def test_a_mistake_is_underlined(name: str, content: dict[str, Any]) -> None:
    assert faults(name, content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("data_source", {"sources": [{"type": "our_own_archive", "shelf": 3}]}),
        ("plan", {"method": "our_own_method", "patience": 3}),
        ("machines", {"machines": {"farm": {"kind": "our_own_farm", "rack": 3}}}),
    ],
)
def test_a_kind_that_a_package_adds_is_let_pass(name: str, content: dict[str, Any]) -> None:
    assert faults(name, content) == []
