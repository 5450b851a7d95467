"""A task folder of an earlier version opens, says what it said, and is not written to by being read."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nlp_skills
from nlp_skills.resources.browsing.listing import list_tasks
from nlp_skills.resources.browsing.reading import read
from nlp_skills.resources.data_source import load_data_source
from nlp_skills.resources.foundation.errors import TaskError
from nlp_skills.resources.foundation.files import read_json, read_yaml, write_json
from nlp_skills.resources.lineage import parse_lineage
from nlp_skills.resources.record import Record
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.data.store import load_snapshot
from nlp_skills.tools.evaluate.verified import latest_results
from nlp_skills.tools.train import reproduce

OLDER = Path(__file__).parents[1] / "older"
SECONDS = 180.0


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    root = Path(shutil.copytree(OLDER / "format_1", tmp_path / "workspace"))
    monkeypatch.setenv("NLP_SKILLS_WORKSPACE", str(root))
    return Workspace(root)


@pytest.fixture
def task(workspace: Workspace) -> TaskFolder:
    return workspace.task("market")


def read_committed(task: TaskFolder) -> dict[str, bytes]:
    return {
        str(path.relative_to(task.root)): path.read_bytes()
        for folder in (task.versions, task.snapshots, task.benchmarks, task.models)
        for path in folder.rglob("*")
        if path.is_file()
    }


def without_format(path: Path) -> None:
    content = read_json(path)
    content.pop("format", None)
    write_json(path, content)


def test_its_task_is_listed_with_its_versions(workspace: Workspace) -> None:
    [row] = list_tasks(workspace).rows
    assert (row.name, row.type, row.state, row.versions, row.problem) == (
        "market",
        "classification",
        "evaluating",
        2,
        None,
    )
    assert row.best_score is not None


def test_everything_that_stands_at_an_address_is_read_and_nothing_is_written(
    workspace: Workspace, task: TaskFolder
) -> None:
    before = read_committed(task)
    for path in ("", "/data-source", "/data", "/versions", "/versions/v1", "/versions/v2", "/lineage", "/jobs"):
        said = read(workspace, f"nlp-skills://tasks/market{path}").text
        assert said
    assert read_committed(task) == before


@pytest.mark.parametrize("says_its_format", [True, False])
def test_the_records_of_a_version_say_what_they_said(task: TaskFolder, says_its_format: bool) -> None:
    version = VersionFolder(task, 2)
    if not says_its_format:
        for path in (version.data_snapshot_file, version.model_info_file, version.environment_file):
            without_format(path)
    config, info, data, environment = (
        version.config(),
        version.model_info(),
        version.data_snapshot(),
        version.environment(),
    )
    assert config.parent == "v1" and config.epochs == 4 and config.settings()["learning_rate"] == 0.005
    assert info.method == "sft" and info.place == "models/v2/adapter" and info.base_model.name == "base-model"
    assert info.training.steps == 16 and info.label_audit.rows == 72
    assert data.counts == {"train": 54, "valid": 18, "test": 18} and load_snapshot(task, data.hash).hash == data.hash
    assert environment.threads == 1 and environment.packages["trl"]
    assert version.status() == "evaluated"


def records(version: VersionFolder) -> Iterator[tuple[Record, dict[str, Any]]]:
    yield version.config(), read_yaml(version.config_file)
    yield version.model_info(), read_json(version.model_info_file)
    yield version.data_snapshot(), read_json(version.data_snapshot_file)
    yield version.evidence(), read_json(version.evidence_file)
    yield version.environment(), read_json(version.environment_file)


def test_its_evaluation_says_what_it_said(task: TaskFolder) -> None:
    version = VersionFolder(task, 2)
    evaluation = version.latest_evaluation()
    assert evaluation is not None and evaluation.to_dict() == read_json(version.results_file)["evaluations"][-1]
    assert evaluation.verdict.simplest and evaluation.verdict.simplest.name == "tfidf"
    assert evaluation.other_decoding and evaluation.find_metric("recall.good") == (0.0, 0.0, 0.390334)
    assert latest_results(version) == (evaluation, None), "its figures follow from its answers"


def test_a_record_holds_every_field_of_its_file_in_its_order(task: TaskFolder) -> None:
    for record, content in records(VersionFolder(task, 1)):
        assert json.dumps(record.to_dict()) == json.dumps(content)


def test_fields_that_nothing_knows_are_kept(task: TaskFolder) -> None:
    version = VersionFolder(task, 1)
    write_json(version.environment_file, {**read_json(version.environment_file), "room": {"number": 12}})
    assert version.environment().to_dict()["room"] == {"number": 12}


class Renamed(Record):
    """A record whose field had another name in its first format, and another unit in its second."""

    newest_format = 3
    migrations = {  # noqa: RUF012
        1: lambda content: {"seconds" if name == "time" else name: value for name, value in content.items()},
        2: lambda content: {**content, "seconds": content["seconds"] * 60},
    }
    seconds: int


@pytest.mark.parametrize(
    "content", [{"time": 2}, {"format": 1, "time": 2}, {"format": 2, "seconds": 2}, {"format": 3, "seconds": 120}]
)
def test_a_file_of_an_earlier_format_is_read_as_the_newest_and_stays_as_it_is(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    path = tmp_path / "renamed.json"
    write_json(path, content)
    before = path.read_bytes()
    record = Renamed.read(path)
    assert (record.seconds, record.format) == (120, 3) or content.get("format") == 3
    assert path.read_bytes() == before


@pytest.mark.parametrize("newer", [4, "2", None, 0])
def test_a_file_of_a_format_that_this_version_does_not_know_is_refused(tmp_path: Path, newer: object) -> None:
    path = tmp_path / "renamed.json"
    write_json(path, {"format": newer, "seconds": 1})
    with pytest.raises(TaskError) as refused:
        Renamed.read(path)
    assert refused.value.field == "format" and "renamed.json" in refused.value.problem.en


def test_a_wrong_field_is_named(task: TaskFolder) -> None:
    version = VersionFolder(task, 1)
    write_json(version.model_info_file, {**read_json(version.model_info_file), "files": ["a"]})
    with pytest.raises(TaskError) as refused:
        version.model_info()
    assert refused.value.field == "files" and "model_info.json" in refused.value.problem.en


def test_a_record_changed_into_something_else_is_told_of_its_task_and_the_others_are_listed(
    workspace: Workspace, task: TaskFolder
) -> None:
    shutil.copytree(task.root, workspace.root / "other")
    write_json(VersionFolder(task, 1).results_file, {"format": 1, "evaluations": "none"})
    rows = {row.name: row for row in list_tasks(workspace).rows}
    assert "results.json" in str(rows["market"].problem) and "evaluations" in str(rows["market"].problem)
    assert rows["other"].problem is None and rows["other"].best_score is not None


def test_the_first_description_s_files_are_valid_as_they_stand(tmp_path: Path) -> None:
    task = TaskFolder(tmp_path / "finance")
    task.root.mkdir()
    shutil.copyfile(OLDER / "seed" / "data_source.yaml", task.data_source_file)
    source = load_data_source(task)
    assert [one.type for one in source.sources] == ["database", "api", "web_scrape", "llm_generated"]
    lineage = OLDER / "seed" / "lineage.yaml"
    assert parse_lineage(read_yaml(lineage), lineage).results["macro_f1"] == 0.815


@pytest.mark.minutes
def test_its_version_is_trained_again_from_what_it_recorded(
    workspace: Workspace, task: TaskFolder, worker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(nlp_skills.__path__[0]).parent))
    monkeypatch.setenv("NLP_SKILLS_WORKER", os.fspath(worker))
    before = read_committed(task)
    job = job_control.submit(workspace, "reproduce", reproduce.ENTRY, [str(task.root), "v1"], python=worker, task=task)
    assert job_control.wait(job, SECONDS) == "succeeded", job_control.failure(job) or job.output_file.read_text(
        encoding="utf-8"
    )
    ended = job.exit()
    assert ended is not None
    same = {check["what"]: check["same"] for check in ended.result["checks"]}
    # Another processor rounds otherwise: the weights may differ, what they were made from may not.
    assert all(same[what] for what in ("config", "snapshot", "split train", "split valid", "split test", "base model"))
    assert read_committed(task) == before
