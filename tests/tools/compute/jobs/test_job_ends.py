"""Jobs run by hand, how jobs end, and what stands of them on a full disk."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.errors import DataError, MissingRequirement, WorkspaceError
from nlp_skills.resources.foundation.files import append_jsonl, read_jsonl
from nlp_skills.resources.job import active_job, job_folders
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs import job_control
from tests.tools.compute.jobs.test_job_control import FIVE_STEPS, Start, read_end, the_job, waiting_at_three
from tests.tools.compute.working import eventually, write_work

pytestmark = pytest.mark.cold  # how a process begins and ends is what these are about


def by_hand(task: TaskFolder) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "scripts/work.py", "--plan", "v1"],
        cwd=task.root,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "NLP_SKILLS_LANGUAGE": "zh-TW"},
    )


def test_a_script_run_by_hand_is_a_job_that_ctrl_c_cancels_and_resuming_carries_on(
    task: TaskFolder, workspace: Workspace
) -> None:
    write_work(task, FIVE_STEPS)
    process = by_hand(task)
    folder = eventually(lambda: active_job(task.jobs, "train"))
    waiting_at_three(folder)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "[3/5] 步驟 loss=0.3333" in out
    assert "工作已取消" in err and "Traceback" not in err
    assert folder.state() == "cancelled"
    assert folder.spec().arguments == ["--plan", "v1"]
    (task.root / "go").touch()
    job_control.resume(folder, workspace)
    assert read_end(folder) == "succeeded"


def test_a_script_run_by_hand_waits_for_nobody_but_refuses_beside_a_running_job(start: Start, task: TaskFolder) -> None:
    folder = start("until('go')\nreturn {}", kind="evaluate")
    process = by_hand(task)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert folder.id in err and "Traceback" not in err
    (task.root / "go").touch()
    assert read_end(folder) == "succeeded"


def test_a_script_run_by_hand_and_killed_is_interrupted(task: TaskFolder) -> None:
    write_work(task, FIVE_STEPS)
    process = by_hand(task)
    folder = eventually(lambda: active_job(task.jobs, "train"))
    waiting_at_three(folder)
    process.kill()
    process.communicate(timeout=30)
    assert folder.state() == "interrupted"


# --- failing


def test_the_error_a_job_ended_with_comes_back_as_the_error_it_was(start: Start) -> None:
    folder = start(
        "raise DataError(Text('Row 3 has no label.', '第 3 筆沒有標籤。'), Text('Add it.', '補上。'), "
        "field='rows[3]', details={'row': 3})"
    )
    assert read_end(folder) == "failed"
    error = job_control.failure(folder)
    assert isinstance(error, DataError)
    assert (error.problem.zh, error.field, error.details["row"]) == ("第 3 筆沒有標籤。", "rows[3]", 3)


def test_an_unforeseen_error_is_told_without_the_password_in_it(start: Start) -> None:
    folder = start("raise RuntimeError('cannot reach postgresql://ann:hunter22@db/x')")
    assert read_end(folder) == "failed"
    error = job_control.failure(folder)
    assert error and "RuntimeError: cannot reach postgresql://***:***@db/x" in str(error)
    assert not any("hunter22" in line for line in job_control.log_tail(folder, 100))


def test_a_process_that_dies_before_its_work_begins_has_failed_with_its_last_words(start: Start) -> None:
    folder = start("return {}", head="import no_such_library")
    assert read_end(folder) == "failed"
    error = job_control.failure(folder)
    assert error and "No module named 'no_such_library'" in error.problem.en


def test_a_missing_interpreter_is_one_clear_error_and_no_job_waits_for_ever(
    workspace: Workspace, task: TaskFolder
) -> None:
    write_work(task, "return {}")
    with pytest.raises(MissingRequirement, match="no-such-python"):
        job_control.submit(workspace, "train", ["scripts/work.py"], python="/no-such-python", task=task)
    assert the_job(workspace).state() == "failed"
    assert active_job(task.jobs, "train") is None


def test_a_full_disk_is_told_and_the_end_still_reaches_its_file(start: Start) -> None:
    folder = start("""
        import errno
        from nlp_skills.resources.foundation import files
        from nlp_skills.resources import job_event
        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device", str(TASK / "rows.jsonl"))
        files.os.fsync = full
        job_event.append_jsonl = full
        job.progress(1, 2)
    """)
    assert read_end(folder) == "failed"
    error = job_control.failure(folder)
    assert error and error.code == "workspace" and "The disk is full" in error.problem.en


@pytest.mark.parametrize("full_at", range(1, 6))
def test_on_a_full_disk_a_job_is_told_as_not_started_and_none_is_left_that_seems_to_run(
    task: TaskFolder, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, full_at: int
) -> None:
    fsync, write_bytes, writes = os.fsync, Path.write_bytes, iter(range(1, 1000))

    def until_full(write: Callable[..., Any]) -> Callable[..., Any]:
        def write_until_full(*arguments: Any) -> Any:
            if next(writes) >= full_at:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(*arguments)

        return write_until_full

    monkeypatch.setattr(os, "fsync", until_full(fsync))
    monkeypatch.setattr(Path, "write_bytes", until_full(write_bytes))
    try:
        folder = job_control.submit(
            workspace, "check", ["-m", "nlp_skills.tools.compute.hardware"], python=sys.executable, task=task
        )
    except WorkspaceError as error:
        assert "The disk is full" in error.problem.en and "磁碟已滿" in error.problem.zh
    else:
        assert full_at > 4 and job_control.wait(folder, 30)
    monkeypatch.undo()
    assert (
        all(
            folder.state() == "failed" and "disk is full" in str(job_control.failure(folder)) and not folder.family()
            for folder in job_folders(workspace, task)
        )
        or full_at > 4
    )
    assert not [left for left in task.jobs.iterdir() if left.is_dir() and not (left / "spec.json").is_file()]


def test_a_line_that_a_full_disk_took_half_of_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append_jsonl(tmp_path / "events.jsonl", {"kind": "first"})
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:5]))
    with pytest.raises(WorkspaceError, match="disk is full"):
        append_jsonl(tmp_path / "events.jsonl", {"kind": "second"})
    monkeypatch.undo()
    append_jsonl(tmp_path / "events.jsonl", {"kind": "third"})
    assert [row["kind"] for row in read_jsonl(tmp_path / "events.jsonl")] == ["first", "third"]


def test_a_job_that_reports_not_a_number_stays_readable(start: Start) -> None:
    folder = start("job.progress(1, 2, loss=float('nan'), rate=float('inf'))\nreturn {'loss': float('nan')}")
    assert read_end(folder) == "succeeded"
    assert job_control.progress(folder).measures == {"loss": None, "rate": None}


def test_a_library_lookalike_in_the_task_folder_does_not_stand_in_for_the_library(
    workspace: Workspace, task: TaskFolder
) -> None:
    (task.root / "json.py").write_text("raise SystemExit('shadowed')", "utf-8")
    entry = ["-m", "nlp_skills.tools.compute.hardware"]
    folder = job_control.submit(workspace, "check", entry, python=sys.executable, task=task)
    read_end(folder)
    assert "shadowed" not in "\n".join(job_control.log_tail(folder, 20))


def test_a_moved_task_takes_its_jobs_along(start: Start, task: TaskFolder, workspace: Workspace) -> None:
    folder = start("raise DataError(Text('no', '沒'), Text('x', 'x'))")
    read_end(folder)
    moved = Path(task.root.rename(workspace.root / "renamed"))
    write_work(TaskFolder(moved), "return {'at': str(TASK)}")
    (again,) = job_folders(workspace)
    job_control.resume(again, workspace)
    assert read_end(again) == "succeeded"
    assert again.exit().result == {"at": str(moved)}  # type: ignore[union-attr]
