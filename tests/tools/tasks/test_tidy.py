from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from nlp_skills.resources.foundation.errors import EvaluationError, JobError, TaskError
from nlp_skills.resources.foundation.files import write_json
from nlp_skills.resources.foundation.language import speaking
from nlp_skills.resources.foundation.process import identity
from nlp_skills.resources.removal import model_stands, removal, removal_file
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder, reserve_version
from nlp_skills.tools.evaluate.model import version_paths
from nlp_skills.tools.tasks.promote import promote
from nlp_skills.tools.tasks.tidy import needed_versions, tidy
from tests.tools.tasks.conftest import MakeVersion, deploy_version, everything_below

Start = Callable[[str], "subprocess.Popen[str]"]
DYING = """
import os, shutil, signal
from pathlib import Path
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.tasks import tidy
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
{point}
tidy.tidy(TaskFolder(Path({root!r})), 1, confirm=True)
"""
POINTS = {
    "before the record": "tidy.record_removal = die",
    "after the record": "os.rename = die",
    "after the rename": "shutil.rmtree = die",
    "after the first version": "real = tidy._remove\ndone = []\n"
    "def second(*a):\n    die() if done else done.append(real(*a))\ntidy._remove = second",
}


def test_a_preview_says_what_would_go_and_how_much_and_touches_nothing(
    task: TaskFolder, make_version: MakeVersion
) -> None:
    for number in range(5):
        make_version(0.5, size=1000 + number)
    (task.cache / "tokenised").mkdir(parents=True)
    (task.cache / "tokenised" / "rows").write_bytes(b"x" * 500)
    before = everything_below(task.root)
    told = tidy(task)
    assert not told.done and everything_below(task.root) == before
    assert [(one.path, one.bytes) for one in told.removed] == [
        ("models/v1", 1000),
        ("models/v2", 1001),
        (".cache", 500),
    ]
    assert told.bytes == 2501 and [one.version for one in told.kept] == ["v5", "v4", "v3"]


def test_with_confirm_the_models_go_and_every_record_stays(with_data: TaskFolder, make_version: MakeVersion) -> None:
    task = with_data
    for _ in range(4):
        make_version(0.5)
    before = everything_below(task.root)
    assert [one.path for one in tidy(task, 1, confirm=True).removed] == ["models/v1", "models/v2", "models/v3"]
    after = everything_below(task.root)
    new = {f"versions/v{number}/model_removed.json" for number in (1, 2, 3)}
    assert set(after) - set(before) == new
    assert set(before) - set(after) == {f"models/v{number}/adapter/weights.safetensors" for number in (1, 2, 3)}
    assert all(before[name] == content for name, content in after.items() if name not in new)
    again = tidy(task, 1, confirm=True)
    assert again.removed == [] and again.bytes == 0


def test_on_a_full_disk_what_needs_no_record_makes_the_room(
    task: TaskFolder, make_version: MakeVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        make_version(0.5)
    task.cache.mkdir()
    (task.cache / "rows").write_bytes(b"x" * 500)
    fsync = os.fsync

    def on_a_full_disk(descriptor: int) -> None:
        if task.cache.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", on_a_full_disk)
    assert [one.path for one in tidy(task, 1, confirm=True).removed] == ["models/v1", ".cache"]
    assert not task.cache.exists() and not (task.models / "v1").exists()


def test_the_best_the_current_the_one_before_and_the_deployed_stay(task: TaskFolder, make_version: MakeVersion) -> None:
    for score in (0.6, 0.9, 0.7, 0.5, 0.4, 0.3):
        make_version(score)
    promote(task, "v3")
    promote(task, "v4")
    deploy_version(task, "v1")
    assert {name: [why.en for why in reasons] for name, reasons in needed_versions(task, 1).items()} == {
        "v6": ["recent"],
        "v4": ["current"],
        "v3": ["to roll back to"],
        "v2": ["best score"],
        "v1": ["deployed"],
    }


def test_a_version_others_were_trained_on_stays_and_a_parent_of_settings_alone_does_not(
    task: TaskFolder, make_version: MakeVersion
) -> None:
    first = make_version(0.5)
    second = make_version(0.5, base_model=str(first.models / "adapter"))
    make_version(0.5, parent="v2")
    make_version(0.5, base_model=f"models/{second.name}/adapter", parent="v3")
    needed = needed_versions(task, 1)
    assert [why.en for why in needed["v1"]] == ["v4 was trained on it"]
    assert set(needed) == {"v4", "v2", "v1"}


def test_checkpoints_and_the_merged_model_of_a_kept_version_go_but_not_of_the_deployed(
    task: TaskFolder, make_version: MakeVersion
) -> None:
    for folder in (make_version(0.5), make_version(0.5)):
        for part in ("checkpoints", "merged"):
            (folder.models / part).mkdir()
            (folder.models / part / "weights").write_bytes(b"x" * 100)
    os.link(VersionFolder(task, 1).models / "merged" / "weights", VersionFolder(task, 1).models / "merged" / "again")
    deploy_version(task, "v2")
    assert [(one.path, one.bytes) for one in tidy(task, 2, confirm=True).removed] == [
        ("models/v1/checkpoints", 100),
        ("models/v1/merged", 100),
        ("models/v2/checkpoints", 100),
    ]
    assert model_stands(VersionFolder(task, 1)) and not removal_file(VersionFolder(task, 1)).exists()
    assert (task.models / "v2" / "merged" / "weights").is_file()


def test_a_failed_training_loses_its_checkpoints_and_a_running_one_nothing(
    task: TaskFolder, make_version: MakeVersion
) -> None:
    failed, running = reserve_version(task), reserve_version(task)
    make_version(0.5)
    write_json(failed.failure_file, {"format": 1, "cancelled": False})
    for folder in (failed, running):
        (folder.models / "checkpoints").mkdir(parents=True)
        (folder.models / "checkpoints" / "weights").write_bytes(b"x")
    (one,) = tidy(task, 3, confirm=True).removed
    assert one.path == "models/v1" and "did not finish" in one.what and (running.models / "checkpoints").is_dir()
    assert not removal_file(failed).exists()


def test_a_removed_model_is_told_by_name_with_the_call_that_brings_it_back(
    task: TaskFolder, make_version: MakeVersion
) -> None:
    first = make_version(0.5)
    make_version(0.5)
    tidy(task, 1, confirm=True)
    record = removal(first)
    assert record is not None and record.bytes == 1000
    with pytest.raises(EvaluationError) as caught:
        version_paths(first)
    assert (
        "v1" in caught.value.problem.en and "reproduce" in caught.value.fix.en and "已清理" in caught.value.problem.zh
    )
    assert all("reproduce(task='reviews', version='v1')" in fix for fix in caught.value.fix)


def test_nothing_goes_beside_a_job_at_work(task: TaskFolder, make_version: MakeVersion) -> None:
    make_version(0.5)
    make_version(0.5)
    job = task.jobs / "20260106-150000-000-train-0001"
    write_json(job / "spec.json", {"id": job.name, "kind": "train", "entry": ["x"], "python": "p", "created": "2026"})
    write_json(job / "pid", {**identity(os.getpid()), "ready": True})
    assert tidy(task, 1).removed
    with pytest.raises(JobError, match=job.name):
        tidy(task, 1, confirm=True)
    assert model_stands(VersionFolder(task, 1))


def test_less_than_one_version_is_refused_and_the_words_are_the_calls(
    task: TaskFolder, make_version: MakeVersion
) -> None:
    make_version(0.5)
    make_version(0.5)
    with pytest.raises(TaskError):
        tidy(task, 0, confirm=True)
    with speaking("zh-TW"):
        told = tidy(task, 1)
    assert told.removed[0].what == "v1 的模型" and told.kept[0].why[0] == "最近的版本"


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a signal of POSIX")
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_a_model_is_whole_or_gone_and_the_next_call_finishes(
    task: TaskFolder, make_version: MakeVersion, start_python: Start, point: str
) -> None:
    for _ in range(3):
        make_version(0.5)
    killed = start_python(DYING.format(root=str(task.root), point=POINTS[point]))
    _, said = killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL, said
    for number in (1, 2, 3):
        folder = VersionFolder(task, number)
        assert model_stands(folder) == (removal(folder) is None)
        assert model_stands(folder) == (folder.models / "adapter").is_dir()
    assert model_stands(VersionFolder(task, 3))
    tidy(task, 1, confirm=True)
    assert sorted(path.name for path in task.models.iterdir() if not path.name.endswith(".lock")) == ["v3"]
    for number in (1, 2):
        recorded = json.loads(removal_file(VersionFolder(task, number)).read_text(encoding="utf-8"))
        assert recorded["bytes"] == 1000 and removal(VersionFolder(task, number))
