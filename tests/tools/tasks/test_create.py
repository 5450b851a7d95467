from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.data_source import load_data_source
from nlp_skills.resources.foundation.errors import TaskError, WorkspaceError
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.tasks import create
from nlp_skills.tools.tasks.create import create_task
from nlp_skills.tools.tasks.project import FOLDERS, project_files

Start = Callable[[str], "subprocess.Popen[str]"]
needs_sigkill = pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a signal of POSIX")

DYING = """
import os, signal, sys
from pathlib import Path
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.tasks import create, project
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
real = os.rename
def rename(*names):
    {rename}
os.rename = rename
if {inside}: project.package_wheel = die
create.create_task(Workspace(Path({root!r})), "Reviews", "classification", "en", name="reviews")
"""
POINTS = {
    "inside the project": {"rename": "real(*names)", "inside": True},
    "before it appears": {"rename": "die()", "inside": False},
    "after it appeared": {"rename": "real(*names); die()", "inside": False},
}


def test_the_whole_project_stands_with_the_names_of_the_seed(workspace: Workspace) -> None:
    created = create_task(
        workspace,
        "財經新聞情緒",
        "entity-classification",
        "zh-TW",
        name="entity-sentiment",
        goal="看懂新聞",
        pain_point="人工太慢",
        current_method="人工標記",
        impact="每天三小時",
        labels=["正面", "負面", "中立"],
        success_criteria={"metric": "macro_f1", "threshold": 0.8, "baseline": 0.6},
        constraints={"privacy": "on-premise", "latency_ms": 200, "hardware": "CPU"},
    )
    root = created.folder.root
    assert root == workspace.root / "entity-sentiment" and not created.derived
    assert sorted(path.name for path in (root / "scripts").iterdir()) == [
        "01_regenerate_data.py",
        "02_validate_data.py",
        "03_convert_format.py",
        "04_train.py",
        "05_evaluate.py",
        "06_upload_hf.py",
    ]
    for folder in FOLDERS:
        assert (root / folder).is_dir()
    task = created.folder.load()
    assert task == created.task
    assert (task.title, task.pain_point, task.impact) == ("財經新聞情緒", "人工太慢", "每天三小時")
    assert task.success_criteria.threshold == 0.8 and task.constraints.privacy == "on-premise"
    assert load_data_source(created.folder).sources == []
    assert created.folder.state() == "created"


def test_a_chinese_title_without_a_name_keeps_its_title_and_gets_a_portable_folder(workspace: Workspace) -> None:
    created = create_task(workspace, "情緒分析", "classification", "zh-TW")
    assert created.derived and created.folder.name.isascii()
    assert created.folder.load().title == "情緒分析"


def test_a_taken_name_is_refused_with_its_path_and_a_free_one(workspace: Workspace) -> None:
    first = create_task(workspace, "Reviews", "classification", "en", goal="keep me").folder
    with pytest.raises(TaskError) as caught:
        create_task(workspace, "Reviews", "classification", "en")
    assert str(first.root) in caught.value.problem.en and str(first.root) in caught.value.problem.zh
    assert "reviews-2" in caught.value.fix.en
    assert first.load().goal == "keep me"


def test_a_folder_that_is_no_task_is_not_touched(workspace: Workspace) -> None:
    (workspace.root / "reviews").mkdir(parents=True)
    (workspace.root / "reviews" / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(TaskError, match=r"folder .*reviews"):
        create_task(workspace, "Reviews", "classification", "en")
    assert [path.name for path in (workspace.root / "reviews").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("wrong", "field", "hint"),
    [
        ({"title": "  "}, "title", "few words"),
        ({"name": "../x"}, "name", "name='x'"),
        ({"labels": ["only"]}, "labels", "two labels"),
        ({"success_criteria": {"treshold": 0.8}}, "success_criteria.treshold", "success_criteria.threshold"),
        ({"success_criteria": {"threshold": 80}}, "success_criteria.threshold", "write 80 % as 0.8"),
        ({"success_criteria": {"metric": "macrof1"}}, "success_criteria.metric", "macro_f1"),
        ({"constraints": {"privacy": "onpremise"}}, "constraints.privacy", "value that fits"),
        ({"constraints": {"deadine": "May"}}, "constraints.deadine", "constraints.deadline"),
        ({"type": "clasification"}, "type", "value that fits"),
    ],
)
def test_a_wrong_field_is_named_with_what_would_be_right_and_nothing_is_created(
    workspace: Workspace, wrong: dict[str, Any], field: str, hint: str
) -> None:
    given = {"title": "Reviews", "type": "classification", "language": "en", **wrong}
    with pytest.raises(TaskError) as caught:
        create_task(workspace, **given)
    assert caught.value.field == field
    assert hint in caught.value.fix.en
    assert not workspace.root.exists()


@needs_sigkill
@pytest.mark.parametrize("point", POINTS)
def test_a_creation_killed_at_any_point_leaves_no_half_task(
    workspace: Workspace, start_python: Start, point: str
) -> None:
    killed = start_python(DYING.format(root=str(workspace.root), **POINTS[point]))
    _, said = killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL, said
    if point == "after it appeared":
        assert workspace.task_names() == ["reviews"]
    else:
        assert workspace.task_names() == []
        create_task(workspace, "Reviews", "classification", "en")
    folder = workspace.task("reviews")
    task = folder.load()
    assert all((folder.root / name).read_bytes() == content for name, content in project_files(task).items())


def test_what_a_killed_creation_left_is_cleared_after_an_hour(workspace: Workspace) -> None:
    old, young, other = (
        workspace.root / name for name in (".reviews.0123abcd.tmp", ".reviews.4567abcd.tmp", ".cache.tmp")
    )
    for folder in (old, young, other):
        folder.mkdir(parents=True)
    hour_ago = time.time() - 3700
    for folder in (old, other):
        os.utime(folder, (hour_ago, hour_ago))
    create_task(workspace, "Reviews", "classification", "en")
    assert not old.exists() and young.exists() and other.exists()


def test_of_two_clients_creating_one_name_exactly_one_succeeds(workspace: Workspace, start_python: Start) -> None:
    code = f"""
from pathlib import Path
from nlp_skills.resources.foundation.errors import TaskError
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.tasks.create import create_task
try:
    create_task(Workspace(Path({str(workspace.root)!r})), "Reviews", "classification", "en")
    print("created")
except TaskError as error:
    print("refused", error.field)
"""
    clients = [start_python(code) for _ in range(2)]
    said = sorted(client.communicate(timeout=60)[0].strip() for client in clients)
    assert said == ["created", "refused name"]


def test_a_full_disk_leaves_nothing_and_says_so(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_root: Path, _task: object) -> None:
        import errno

        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(create, "fill_project", full)
    with pytest.raises(WorkspaceError, match="disk is full"):
        create_task(workspace, "Reviews", "classification", "en")
    assert workspace.task_names() == []
    assert not list(workspace.root.iterdir())
