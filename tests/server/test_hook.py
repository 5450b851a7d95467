"""The plugin's two hooks: silent where all is well, a word to the model where not, never in anybody's way."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.files import read_yaml, write_json, write_yaml
from nlp_skills.resources.lineage import track_version
from nlp_skills.resources.task import Task, TaskFolder
from nlp_skills.resources.version import VersionFolder, reserve_version
from nlp_skills.server.cli import main
from tests.permissions import allow_for_tests

ROWS = {"train": 40, "valid": 6, "test": 6}
QUIET, TELL_PERSON, TELL_MODEL = 0, 1, 2
Hook = Callable[..., tuple[int, str]]


@pytest.fixture
def task(tmp_path: Path) -> TaskFolder:
    folder = TaskFolder(tmp_path / "客服" / "mails")
    folder.root.mkdir(parents=True)
    folder.save(Task(name="mails", labels=["refund", "delivery"]))
    write_yaml(folder.data_source_file, {"sources": [{"type": "file", "path": "mails.csv"}]})
    folder.data.mkdir()
    for split, count in ROWS.items():
        write_rows(folder, split, [row(f"{split} {number}", number) for number in range(count)])
    return folder


@pytest.fixture
def version(task: TaskFolder) -> VersionFolder:
    folder = reserve_version(task)
    write_yaml(folder.config_file, {"format": 1, "parent": None, "base_model": "b", "method": "sft", "lora_r": 32})
    write_json(folder.model_info_file, {"format": 1, "created": "2026-01-06T14:00:00Z", "files": {}})
    track_version(folder)
    return folder


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Hook:
    def run(event: str, received: bytes | Path) -> tuple[int, str]:
        if isinstance(received, Path):
            received = json.dumps(
                {
                    "session_id": "s",
                    "transcript_path": "/t",
                    "cwd": str(received.parent),
                    "hook_event_name": "PostToolUse",
                    "tool_name": "Write",
                    "tool_input": {"file_path": str(received), "content": ""},
                    "tool_response": {},
                }
            ).encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(received)))
        status = main(["hook", event])
        said = capsys.readouterr()
        assert said.out == ""
        return status, said.err

    return run


def row(text: str, number: int) -> dict[str, Any]:
    return {"text": f"Where is my parcel, please? {text}", "label": ("refund", "delivery")[number % 2]}


def write_rows(task: TaskFolder, split: str, rows: list[dict[str, Any]]) -> Path:
    path = task.data / f"{split}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_sound_rows_are_met_with_silence_and_committed_by_nobody(task: TaskFolder, hook: Hook) -> None:
    before = sorted(task.root.rglob("*"))
    assert hook("data-validation", task.data / "train.jsonl") == (QUIET, "")
    assert sorted(task.root.rglob("*")) == before


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"text": "Where is my parcel, please?", "label": "angry"}, "label"),
        ({"text": "", "label": "refund"}, "text"),
        ("not an object", "Line 41"),
    ],
)
def test_rows_that_do_not_pass_are_told_to_the_model(task: TaskFolder, hook: Hook, wrong: Any, says: str) -> None:
    path = task.data / "train.jsonl"
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(wrong) + "\n")
    status, said = hook("data-validation", path)
    assert status == TELL_MODEL and says in said and "→" in said


def test_rows_of_the_test_set_in_training_are_told(task: TaskFolder, hook: Hook) -> None:
    shared = [row("the same", 0)]
    write_rows(task, "test", shared)
    path = write_rows(task, "train", [*shared, *[row(str(number), number) for number in range(9)]])
    status, said = hook("data-validation", path)
    assert status == TELL_MODEL and "split" in said


def test_what_is_told_speaks_the_tasks_language_and_hides_the_rows_of_a_private_one(
    task: TaskFolder, hook: Hook
) -> None:
    task.save(
        Task.model_validate(
            {"name": "mails", "labels": ["refund"], "language": "zh-TW", "constraints": {"privacy": "on-premise"}}
        )
    )
    status, said = hook("data-validation", task.data / "train.jsonl")
    assert status == TELL_MODEL and "沒有通過驗證" in said and "parcel" not in said


def test_a_wrong_definition_of_the_data_is_told_and_a_right_one_is_not(task: TaskFolder, hook: Hook) -> None:
    assert hook("data-validation", task.data_source_file) == (QUIET, "")
    write_yaml(task.data_source_file, {"sources": [{"type": "databse"}]})
    status, said = hook("data-validation", task.data_source_file)
    assert status == TELL_MODEL and "database" in said
    task.data_source_file.write_text("sources: [", encoding="utf-8")
    assert hook("data-validation", task.data_source_file)[0] == TELL_MODEL


def test_the_seeds_own_definition_passes_and_its_password_is_moved_out(
    task: TaskFolder, hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLP_SKILLS_SECRETS_DIR", str(tmp_path / "secrets"))
    allow_for_tests(tmp_path / "secrets")
    write_yaml(
        task.data_source_file,
        {
            "sources": [
                {
                    "type": "database",
                    "connection": "postgresql://me:hunter2@host/db",
                    "query": "SELECT text, label FROM a",
                },
                {"type": "api", "endpoint": "https://api.example.com/data"},
            ]
        },
    )
    status, said = hook("data-validation", task.data_source_file)
    assert status == TELL_MODEL and "secret store" in said and "hunter2" not in said
    assert "hunter2" not in task.data_source_file.read_text(encoding="utf-8")
    assert hook("data-validation", task.data_source_file) == (QUIET, "")


def test_a_wrong_field_of_the_task_is_told(task: TaskFolder, hook: Hook) -> None:
    write_yaml(task.file, {"name": "mails", "type": "guessing"})
    status, said = hook("data-validation", task.file)
    assert status == TELL_MODEL and "type" in said


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version": "v7"}, "version must be v1"),
        ({"version": "final"}, "version must be v1"),
        ({"parent": "v1"}, "is not a version before v1"),
        ({"parent": "best"}, "is not a version before v1"),
        ({"created": "yesterday"}, "ISO 8601"),
        ({"created": None}, "ISO 8601"),
        ({"changes": None, "results": None}, "missing: results, changes"),
    ],
)
def test_a_lineage_that_says_what_cannot_be_is_told(
    version: VersionFolder, hook: Hook, change: dict[str, Any], says: str
) -> None:
    content = {**read_yaml(version.lineage_file), **change}
    write_yaml(version.lineage_file, {key: value for key, value in content.items() if value is not None})
    written = version.lineage_file.read_bytes()
    status, said = hook("version-tracking", version.lineage_file)
    assert status == TELL_MODEL and says in said
    assert version.lineage_file.read_bytes() == written


def test_the_seeds_own_lineage_passes(task: TaskFolder, hook: Hook) -> None:
    folder = VersionFolder(task, 2)
    write_yaml(
        folder.lineage_file,
        {
            "version": "v2",
            "created": "2026-01-06T14:00:00",
            "parent": "v1",
            "data": {"source_hash": "abc123"},
            "config": {"lora_r": 64},
            "results": {"macro_f1": 0.815},
            "changes": ["增加 LoRA rank 32 → 64"],
        },
    )
    assert hook("version-tracking", folder.lineage_file) == (QUIET, "")


def test_a_lineage_that_cannot_be_read_is_told_with_the_line(version: VersionFolder, hook: Hook) -> None:
    version.lineage_file.write_text("version: v1\nparent: [\n", encoding="utf-8")
    status, said = hook("version-tracking", version.lineage_file)
    assert status == TELL_MODEL and "YAML" in said and "line" in said


def test_results_written_by_hand_are_put_back_and_ones_own_words_are_kept(version: VersionFolder, hook: Hook) -> None:
    content = read_yaml(version.lineage_file)
    write_yaml(
        version.lineage_file, {**content, "results": {"macro_f1": 0.99}, "changes": ["my words"], "mood": "good"}
    )
    status, said = hook("version-tracking", version.lineage_file)
    assert status == TELL_MODEL and "results restored" in said and "mood" not in said
    after = read_yaml(version.lineage_file)
    assert (after["results"], after["changes"], after["mood"]) == (content["results"], ["my words"], "good")
    assert hook("version-tracking", version.lineage_file) == (QUIET, "")


def test_an_edit_of_a_committed_version_is_told(version: VersionFolder, hook: Hook) -> None:
    status, said = hook("version-tracking", version.config_file)
    assert status == TELL_MODEL and "plan_training" in said


def test_a_missing_lineage_is_written_when_something_is_put_beside_it(version: VersionFolder, hook: Hook) -> None:
    version.lineage_file.unlink()
    assert hook("version-tracking", version.root / "notes.md") == (QUIET, "")
    assert version.lineage_file.is_file()


@pytest.mark.parametrize("event", ["data-validation", "version-tracking"])
def test_files_of_no_task_are_nobodys_business(event: str, tmp_path: Path, hook: Hook) -> None:
    (tmp_path / "task.yaml").write_text("tasks: [build]", encoding="utf-8")  # another program's
    for name in ("task.yaml", "main.py", "data/train.jsonl", "data_source.yaml.bak"):
        assert hook(event, tmp_path / name) == (QUIET, "")


@pytest.mark.parametrize("event", ["data-validation", "version-tracking"])
def test_other_files_of_a_task_are_left_alone(event: str, task: TaskFolder, version: VersionFolder, hook: Hook) -> None:
    for path in (
        task.docs / "notes.md",
        task.data / "raw" / "a.jsonl",
        task.versions / "README.md",
        task.root / "scripts" / "01.py",
    ):
        assert hook(event, path) == (QUIET, "")


@pytest.mark.parametrize("received", [b"", b"not json", b"[]", b"\xff\xfe", b'"x"'])
def test_an_event_that_cannot_be_read_is_said_and_blocks_nothing(received: bytes, hook: Hook) -> None:
    status, said = hook("data-validation", received)
    assert status == TELL_PERSON and "standard input" in said and "Traceback" not in said


@pytest.mark.parametrize(
    "received",
    [
        b"{}",
        b'{"tool_input": null}',
        b'{"tool_input": {"file_path": 3}}',
        b'{"tool_input": {"command": "ls"}}',
        b'\xef\xbb\xbf{"cwd": 1}',
    ],
)
def test_an_event_about_no_file_is_met_with_silence(received: bytes, hook: Hook) -> None:
    assert hook("version-tracking", received) == (QUIET, "")


def test_a_relative_path_starts_at_the_events_folder(task: TaskFolder, hook: Hook) -> None:
    shutil.copyfile(task.data / "train.jsonl", task.data / "test.jsonl")
    event = {"cwd": str(task.root), "tool_input": {"file_path": "data/train.jsonl"}}
    assert hook("data-validation", json.dumps(event).encode())[0] == TELL_MODEL
