from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import nlp_skills
from nlp_skills.resources.foundation.files import dump_jsonl, write_atomic, write_yaml
from nlp_skills.resources.job import job_folders
from nlp_skills.resources.task import TaskFolder, TaskType
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs import local_process
from nlp_skills.tools.data.rows import row_id
from nlp_skills.tools.data.task_kind import task_kind
from tests.permissions import agree_to_script
from tests.tools.compute.sshd import far_folder as far_folder
from tests.tools.compute.sshd import far_python as far_python
from tests.tools.compute.sshd import proxy as proxy
from tests.tools.compute.sshd import sshd as sshd

LABELS = {
    "正面": ("營收創下新高", "獲利優於預期", "接獲大單"),
    "中性": ("召開股東會", "營收持平", "公布財報日期"),
    "負面": ("營收大幅下滑", "由盈轉虧", "下修財測"),
}
COMPANIES = ("台積電", "鴻海", "聯發科", "中華電", "台達電", "國泰金", "長榮", "統一")

# The task's own script, with the power to kill itself where the test says.
SCRIPT = """
import os, signal, sys
from nlp_skills.resources.version import task_of_script
from nlp_skills.tools.train import run

def kill(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

point = os.environ.get("KILL_AT", "")
if point.startswith("step"):
    from nlp_skills.tools.train.trainer import Reporter
    Reporter.on_pre_optimizer_step = lambda self, args, state, control, **rest: (
        kill() if state.global_step == int(point[4:]) else None)
elif point == "checkpoint":
    import transformers
    transformers.Trainer._save_rng_state = kill
elif point == "commit":
    run.track_version = kill
elif point == "pause":
    import time
    from nlp_skills.tools.train.trainer import Reporter
    Reporter.on_pre_optimizer_step = lambda self, args, state, control, **rest: (
        time.sleep(0.05 if state.global_step < 12 else 5))
if __name__ == "__main__":
    sys.exit(run.main(task_of_script(__file__), sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def _found_from_every_folder(monkeypatch: pytest.MonkeyPatch, worker: Path) -> None:
    found_from_every_folder(monkeypatch, worker)


def found_from_every_folder(patch: pytest.MonkeyPatch, worker: Path) -> None:
    package = str(Path(nlp_skills.__path__[0]).parent)
    patch.setenv("PYTHONPATH", os.pathsep.join([package, os.environ.get("PYTHONPATH", "")]))
    patch.setenv("NLP_SKILLS_WORKER", str(worker))
    patch.delenv("KILL_AT", raising=False)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    yield from workspace_in(tmp_path, monkeypatch)


def workspace_in(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A workspace whose jobs all end with the test that has it."""
    workspace = Workspace(folder / "workspace")
    workspace.root.mkdir()
    patch.setenv("NLP_SKILLS_WORKSPACE", str(workspace.root))
    yield workspace
    for job in job_folders(workspace):
        local_process.stop(job)


@pytest.fixture
def task(workspace: Workspace) -> TaskFolder:
    return write_task(workspace.root / "news")


def write_task(root: Path, per_label: int = 20) -> TaskFolder:
    """A task with its data as three hand-written files, which the first reader makes a snapshot of."""
    task = TaskFolder(root)
    write_yaml(task.file, {"name": root.name, "title": "財經情緒", "language": "zh-TW", "labels": list(LABELS)})
    write_atomic(task.scripts / "04_train.py", SCRIPT)
    agree_to_script(task.scripts / "04_train.py")
    shares = {
        "train": range(0, per_label),
        "valid": range(per_label, per_label + 5),
        "test": range(per_label + 5, per_label + 10),
    }
    for split, numbers in shares.items():
        write_atomic(
            task.data / f"{split}.jsonl",
            dump_jsonl(
                {"id": row_id(text), "text": text, "label": label}
                for number in numbers
                for label in LABELS
                if (text := sentence(label, number))
            ),
        )
    return task


def write_rows(root: Path, kind: TaskType, rows: dict[str, list[dict[str, object]]], **task: object) -> TaskFolder:
    """A task of that type with canonical rows for each split, as a person writes them by hand."""
    folder = TaskFolder(root)
    write_yaml(folder.file, {"name": root.name, "title": root.name, "language": "zh-TW", "type": kind, **task})
    write_atomic(folder.scripts / "04_train.py", SCRIPT)
    agree_to_script(folder.scripts / "04_train.py")
    for split, content in rows.items():
        write_atomic(
            folder.data / f"{split}.jsonl", dump_jsonl({"id": task_kind(kind).id_of(row), **row} for row in content)
        )
    return folder


def sentence(label: str, number: int) -> str:
    event = LABELS[label][number % 3]
    return f"{COMPANIES[number % 8]}第{number}號公告" + "，法人持續關注" * (number % 5) + f"，{event}。"
