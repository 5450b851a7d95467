from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

from nlp_skills import __version__
from nlp_skills.resources.data_source import load_data_source
from nlp_skills.resources.task import Task, TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.environments.wheel import WHEEL_NAME
from nlp_skills.tools.tasks import documents, project
from nlp_skills.tools.tasks.create import create_task
from nlp_skills.tools.tasks.project import FOLDERS, generate
from nlp_skills.tools.tasks.update import update_task

TRAIN = "scripts/04_train.py"


def test_generating_a_fresh_project_again_changes_nothing(task: TaskFolder) -> None:
    before = {path: path.read_bytes() for path in task.root.rglob("*") if path.is_file()}
    done = generate(task)
    assert not (done.written or done.updated or done.kept or done.replaced or done.removed)
    assert len(done.unchanged) == len(project.project_files(task.load()))
    assert {path: path.read_bytes() for path in before} == before


def test_what_is_missing_is_written_into_a_folder_of_ones_own(tmp_path: Path) -> None:
    folder = TaskFolder(tmp_path / "mine")
    folder.root.mkdir()
    folder.save(Task(name="mine", title="Mine", labels=["a", "b"]))
    done = generate(folder)
    assert {f"{name}/" for name in FOLDERS} | {TRAIN, "pyproject.toml", "data_source.yaml"} <= set(done.written)
    assert (folder.root / "wheels" / WHEEL_NAME).is_file()
    assert generate(folder).written == []


def test_a_script_edited_by_hand_is_kept_and_reported(task: TaskFolder) -> None:
    (task.root / TRAIN).write_text("# mine\n", encoding="utf-8")
    done = generate(task)
    assert done.kept == [TRAIN]
    assert (task.root / TRAIN).read_text(encoding="utf-8") == "# mine\n"
    assert generate(task).kept == [TRAIN]


def test_a_script_edited_by_hand_is_replaced_when_asked_and_put_aside(task: TaskFolder) -> None:
    original = (task.root / TRAIN).read_text(encoding="utf-8")
    (task.root / TRAIN).write_text("# mine\n", encoding="utf-8")
    (task.root / "README.md").write_text("# mine too\n", encoding="utf-8")
    done = generate(task, overwrite_scripts=True)
    assert done.replaced == [TRAIN] and done.kept == ["README.md"]
    assert (task.root / TRAIN).read_text(encoding="utf-8") == original
    (aside,) = (task.root / "scripts" / "replaced").iterdir()
    assert aside.read_text(encoding="utf-8") == "# mine\n"


def test_what_an_older_version_generated_is_brought_up_to_date(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_wheel = "nlp_skills-1.9.9-py3-none-any.whl"
    with monkeypatch.context() as older:
        older.setattr(project, "WHEEL_NAME", old_wheel)
        older.setattr(project, "package_wheel", lambda: b"old")
        task = create_task(workspace, "Reviews", "classification", "en").folder
    (task.root / "uv.lock").write_text("old hashes", encoding="utf-8")
    done = generate(task)
    assert {"pyproject.toml", TRAIN} <= set(done.updated) and done.written == [f"wheels/{WHEEL_NAME}"]
    assert done.removed == [f"wheels/{old_wheel}", "uv.lock"]
    assert generate(task).removed == []


def test_a_wheel_that_a_kept_pyproject_names_stays(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    old_wheel = "nlp_skills-1.9.9-py3-none-any.whl"
    with monkeypatch.context() as older:
        older.setattr(project, "WHEEL_NAME", old_wheel)
        task = create_task(workspace, "Reviews", "classification", "en").folder
    pyproject = task.root / "pyproject.toml"
    pyproject.write_text(pyproject.read_text(encoding="utf-8") + "\n# mine\n", encoding="utf-8")
    assert generate(task).kept == ["pyproject.toml"]
    assert (task.root / "wheels" / old_wheel).is_file()


def test_the_readme_follows_the_goal_unless_edited(task: TaskFolder) -> None:
    update_task(task, {"goal": "Sort mail by mood"})
    assert generate(task).updated == ["README.md"]
    assert "Sort mail by mood" in (task.root / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("title", ['He said "no" \\ yes', "財經新聞", "tab\tand more", "100 % {braces}"])
def test_pyproject_pins_this_version_whatever_the_title(workspace: Workspace, title: str) -> None:
    task = create_task(workspace, title, "classification", "zh-TW", name="reviews", goal="{goal} %s")
    parsed = tomllib.loads((task.folder.root / "pyproject.toml").read_text(encoding="utf-8"))
    assert parsed["project"]["dependencies"] == [f"nlp-skills[train]=={__version__}"]
    assert parsed["project"]["description"] == task.task.title
    wheel = parsed["tool"]["uv"]["sources"]["nlp-skills"]["path"]
    assert (task.folder.root / wheel).is_file()


@pytest.mark.parametrize("language", ["en", "zh-TW"])
@pytest.mark.parametrize("kind", ["classification", "entity-classification"])
def test_the_first_data_source_loads_and_its_hints_are_valid(tmp_path: Path, language: str, kind: str) -> None:
    text = documents.first_data_source(Task.model_validate({"name": "x", "type": kind, "language": language}))
    folder = TaskFolder(tmp_path)
    folder.data_source_file.write_text(text, encoding="utf-8")
    assert load_data_source(folder).sources == []
    with_hints = "\n".join(line.removeprefix("#") if line.startswith("#  ") else line for line in text.splitlines())
    folder.data_source_file.write_text(with_hints.replace("sources: []", "sources:"), encoding="utf-8")
    file, database = load_data_source(folder).sources
    assert (file.type, database.type) == ("file", "database")
    assert ("entity" in file.mapping) == (kind == "entity-classification")


def test_version_control_leaves_out_models_caches_and_jobs(task: TaskFolder) -> None:
    ignored = (task.root / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"models/", ".cache/", "jobs/"} <= set(ignored)


def test_version_control_leaves_out_raw_data_and_wheels_and_says_how_to_put_them_in(task: TaskFolder) -> None:
    written = (task.root / ".gitignore").read_text(encoding="utf-8")
    kept_out = ["data/raw/0123456789ab/rows.jsonl", f"wheels/{WHEEL_NAME}"]
    subprocess.run(["git", "init", "-q", str(task.root)], check=True)
    asked = [*kept_out, "data/snapshots/0123456789ab/train.jsonl", "task.yaml", "scripts/03_train.py"]
    ignored = subprocess.run(
        ["git", "check-ignore", *asked], cwd=task.root, capture_output=True, text=True, check=False
    )

    assert ignored.stdout.splitlines() == kept_out
    assert "delete the next line" in written and "刪掉下一行" in written
