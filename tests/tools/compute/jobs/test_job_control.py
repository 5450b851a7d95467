from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from nlp_skills.resources.foundation.errors import JobError
from nlp_skills.resources.foundation.process import environment_value, identity, living
from nlp_skills.resources.job import FAMILY_VARIABLE, JOB_VARIABLE, JobFolder, active_job, job_folders
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs import job_control, local_process
from nlp_skills.tools.compute.jobs.events import JobEvents
from tests.permissions import agree_to_script
from tests.tools.compute.working import eventually, kill_hard, write_work

pytestmark = pytest.mark.cold  # how a process begins and ends is what these are about
Start = Callable[..., JobFolder]
FIVE_STEPS = """
    done = TASK / "done.txt"
    for step in range(1, 6):
        if done.exists() and int(done.read_text()) >= step:
            continue
        job.progress(step, 5, Text("step", "步驟"), loss=1 / step)
        if step == 3:
            until("go")
        done.write_text(str(step))
    return {"steps": 5}
"""


def read_end(folder: JobFolder) -> str:
    return job_control.wait(folder, 30)


def waiting_at_three(folder: JobFolder) -> None:
    eventually(lambda: JobEvents(folder).progress().step == 3)


def test_a_job_reports_its_progress_and_ends_with_its_result(start: Start, task: TaskFolder) -> None:
    folder = start(FIVE_STEPS)
    waiting_at_three(folder)
    assert folder.state() == "running"
    (task.root / "go").touch()
    assert read_end(folder) == "succeeded"
    assert folder.exit().result == {"steps": 5}  # type: ignore[union-attr]
    progress = job_control.progress(folder)
    assert (progress.step, progress.total, progress.message) == (5, 5, "step")
    assert progress.measures == {"loss": 0.2}
    assert not list(folder.root.glob(".*")), "nothing temporary stays behind"


def test_a_worker_killed_in_the_middle_is_interrupted_and_resumes_where_it_was(
    start: Start, task: TaskFolder, workspace: Workspace
) -> None:
    folder = start(FIVE_STEPS)
    waiting_at_three(folder)
    kill_hard(folder)
    assert folder.state() == "interrupted"
    (task.root / "go").touch()
    job_control.resume(folder, workspace)
    assert read_end(folder) == "succeeded"
    steps = [
        json.loads(line)["step"] for line in folder.events_file.read_text("utf-8").splitlines() if '"progress"' in line
    ]
    assert steps == [1, 2, 3, 3, 4, 5]


def test_the_same_kind_of_job_is_not_started_twice_for_a_task(start: Start, task: TaskFolder) -> None:
    folder = start("until('go')\nreturn {}", kind="evaluate")
    with pytest.raises(JobError, match=folder.id):
        start("return {}", kind="evaluate")
    (task.root / "go").touch()
    assert read_end(folder) == "succeeded"
    assert active_job(task.jobs, "evaluate") is None


def test_a_running_job_is_not_resumed_and_a_finished_one_neither(
    start: Start, task: TaskFolder, workspace: Workspace
) -> None:
    folder = start("until('go')\nreturn {}")
    with pytest.raises(JobError, match="still running"):
        job_control.resume(folder, workspace)
    (task.root / "go").touch()
    read_end(folder)
    with pytest.raises(JobError, match="already succeeded"):
        job_control.resume(folder, workspace)


def test_a_pid_that_now_belongs_to_another_process_is_not_the_job(start: Start, task: TaskFolder) -> None:
    folder = start("until('go')\nreturn {}")
    eventually(folder.process)
    recorded = identity(os.getpid())
    kill_hard(folder)
    other: dict[str, Any] = {**recorded, "started": recorded["started"] - 3600, "ready": True}
    if "ticks" in other:
        other["ticks"] -= 360_000
    folder.pid_file.write_text(json.dumps(other))
    assert living(recorded) and not living(other)
    assert folder.state() == "interrupted"


def test_a_corrected_clock_does_not_make_a_living_job_look_dead() -> None:
    recorded = identity(os.getpid())
    if "ticks" not in recorded:
        pytest.skip("only Linux says when a process started without the clock")
    assert living({**recorded, "started": recorded["started"] + 3600})


# --- the server dies


SERVER = """
import os, signal, sys
from pathlib import Path
from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs import job_control as jobs
from nlp_skills.tools.compute.jobs import local_process as local

workspace = Workspace(Path(sys.argv[1]))
task = TaskFolder(workspace.root / "mood")
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
def submit():
    return jobs.submit(workspace, "train", ["scripts/work.py"], python=sys.executable, task=task, resumable=True)
"""


def server(workspace: Workspace, does: str, *arguments: str) -> subprocess.Popen[bytes]:
    """A server of its own process group that does `does`; the tests let it die at a named point."""
    return subprocess.Popen(
        [sys.executable, "-c", SERVER + does, str(workspace.root), *arguments], start_new_session=True
    )


def wait_for_death(process: subprocess.Popen[bytes]) -> None:
    assert process.wait(30) == -signal.SIGKILL


def the_job(workspace: Workspace) -> JobFolder:
    (folder,) = job_folders(workspace)
    return folder


def test_a_server_killed_before_the_process_stands_leaves_a_job_that_can_be_resumed(
    workspace: Workspace, task: TaskFolder
) -> None:
    write_work(task, "return {}")
    wait_for_death(server(workspace, "local._start_detached = die; submit()"))
    folder = the_job(workspace)
    assert folder.state() == "queued", "its process might still be coming up"
    an_hour_ago = time.time() - 3600
    os.utime(folder.starter_file, (an_hour_ago, an_hour_ago))
    assert folder.state() == "interrupted"
    job_control.resume(folder, workspace)
    assert read_end(folder) == "succeeded"


def test_a_server_killed_between_the_process_and_its_pid_does_not_lose_the_job(
    workspace: Workspace, task: TaskFolder
) -> None:
    write_work(
        task,
        "until('go')\nreturn {}",
        head="import time; from pathlib import Path\nwhile not Path('imported').exists(): time.sleep(0.02)",
    )  # slow imports: its own record comes late
    wait_for_death(server(workspace, "local._write_if_absent = die; submit()"))
    folder = the_job(workspace)
    assert not folder.pid_file.exists()
    a_while_ago = time.time() - 10
    os.utime(folder.starter_file, (a_while_ago, a_while_ago))
    assert folder.state() == "running", "found by its environment"
    with pytest.raises(JobError):
        job_control.resume(folder, workspace)
    (task.root / "imported").touch()
    eventually(folder.pid_file.exists)
    (task.root / "go").touch()
    assert read_end(folder) == "succeeded"


def test_a_server_killed_while_resuming_leaves_a_job_that_can_be_resumed_again(
    start: Start, workspace: Workspace, task: TaskFolder
) -> None:
    folder = start(
        "if not (TASK / 'go').exists(): raise DataError(Text('no rows', '沒有資料'), Text('add', '加'))\nreturn {}"
    )
    assert read_end(folder) == "failed"
    for point in ("jobs._record_starter = die", "local.start = die", "local._start_detached = die"):
        wait_for_death(
            server(workspace, f"{point}; jobs.resume(JobFolder(Path(sys.argv[2])), workspace)", str(folder.root))
        )
        if folder.starter_file.exists():
            os.utime(folder.starter_file, (0, 0))
        assert folder.state() in ("failed", "interrupted")
    (task.root / "go").touch()
    job_control.resume(folder, workspace)
    assert read_end(folder) == "succeeded"


def test_a_job_outlives_the_server_that_polls_it_and_its_whole_process_group(
    workspace: Workspace, task: TaskFolder
) -> None:
    write_work(task, FIVE_STEPS)
    process = server(workspace, "jobs.wait(submit(), 60)")
    folder = eventually(lambda: next(iter(job_folders(workspace)), None))
    waiting_at_three(folder)
    os.killpg(process.pid, signal.SIGKILL)
    wait_for_death(process)
    assert folder.state() == "running"
    (task.root / "go").touch()
    assert read_end(folder) == "succeeded"


def test_a_second_process_for_a_living_job_leaves_it_alone(start: Start, task: TaskFolder) -> None:
    folder = start("until('go')\nreturn {'by': os.getpid()}")
    pid = eventually(folder.process).pid
    eventually(lambda: '"started"' in folder.events_file.read_text("utf-8") if folder.events_file.exists() else False)
    second = subprocess.run(
        [sys.executable, "scripts/work.py"],
        cwd=task.root,
        capture_output=True,
        text=True,
        env={**os.environ, JOB_VARIABLE: str(folder.root)},
        timeout=30,
    )
    assert second.returncode == 1 and "already running" in second.stderr
    (task.root / "go").touch()
    assert read_end(folder) == "succeeded"
    assert folder.exit().result == {"by": pid}  # type: ignore[union-attr]


# --- cancelling


def family_of(folder: JobFolder) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter()
        if environment_value(process, FAMILY_VARIABLE) == str(folder.root) and process.status() != psutil.STATUS_ZOMBIE
    ]


def test_cancelling_ends_the_whole_family_also_what_left_the_group_and_ignores_signals(
    start: Start, task: TaskFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_process, "GRACE_SECONDS", 0.5)
    deaf = "import signal,time;signal.signal(signal.SIGTERM,signal.SIG_IGN);open('deaf','w');time.sleep(600)"
    folder = start(f"""
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        subprocess.Popen([sys.executable, "-c", {deaf!r}], start_new_session=True)
        (TASK / "up").touch()
        time.sleep(600)
    """)
    eventually((task.root / "up").exists)
    eventually((task.root / "deaf").exists)
    assert len(family_of(folder)) == 3
    assert job_control.cancel(folder) == "cancelled"
    assert not family_of(folder)
    assert folder.exit().error["code"] == "cancelled"  # type: ignore[union-attr,index]
    assert job_control.cancel(folder) == "cancelled", "a second time does no harm"


def test_children_of_a_killed_worker_are_ended_before_it_is_resumed(
    start: Start, task: TaskFolder, workspace: Workspace
) -> None:
    folder = start("""
        if not (TASK / "up").exists():
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            (TASK / "up").touch()
            time.sleep(600)
        return {}
    """)
    eventually((task.root / "up").exists)
    kill_hard(folder)
    assert len(family_of(folder)) == 1
    job_control.resume(folder, workspace)
    assert read_end(folder) == "succeeded"
    eventually(lambda: not family_of(folder))  # it may still be leaving


def test_a_job_submitted_by_a_job_survives_the_cancelling_of_the_first(
    start: Start, task: TaskFolder, workspace: Workspace
) -> None:
    (task.scripts / "inner.py").write_text((write_work(task, "until('go')\nreturn {}")).read_text("utf-8"), "utf-8")
    agree_to_script(task.scripts / "inner.py")
    folder = start(f"""
        from nlp_skills.resources.workspace import Workspace
        from nlp_skills.tools.compute.jobs import job_control as jobs
        assert {JOB_VARIABLE!r} not in os.environ
        jobs.submit(Workspace(), "inner", ["scripts/inner.py"], python=sys.executable, task=job.task)
        time.sleep(600)
    """)
    inner = eventually(lambda: active_job(task.jobs, "inner"))
    eventually(inner.process)
    job_control.cancel(folder)
    assert folder.state() == "cancelled"
    (task.root / "go").touch()
    assert read_end(inner) == "succeeded"


def test_a_job_cancelled_before_its_process_came_up_never_works(workspace: Workspace, task: TaskFolder) -> None:
    write_work(
        task,
        "(TASK / 'worked').touch()\nreturn {}",
        head="import time; from pathlib import Path\nwhile not Path('go').exists(): time.sleep(0.02)",
    )
    folder = job_control.submit(workspace, "train", ["scripts/work.py"], python=sys.executable, task=task)
    folder.cancel_file.touch()
    (task.root / "go").touch()
    assert read_end(folder) == "cancelled"
    assert not (task.root / "worked").exists()


def test_reporting_progress_is_enough_to_be_cancelled_without_signals(start: Start, task: TaskFolder) -> None:
    folder = start("""
        for step in range(100_000):
            job.progress(step)
            time.sleep(0.01)
    """)
    waiting = eventually(lambda: JobEvents(folder).progress().step > 3)
    assert waiting
    folder.cancel_file.touch()
    assert read_end(folder) == "cancelled"


def test_a_shut_down_of_the_machine_interrupts_but_does_not_cancel(start: Start, task: TaskFolder) -> None:
    folder = start("(TASK / 'up').touch()\ntime.sleep(600)")
    eventually((task.root / "up").exists)
    os.kill(eventually(folder.process).pid, signal.SIGTERM)
    assert read_end(folder) == "interrupted"


def test_a_signal_while_the_end_is_written_does_not_lose_it(start: Start) -> None:
    folder = start("""
        import signal
        from nlp_skills.tools.compute.jobs import running
        write = running.write_json
        def interrupted_write(path, value):
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)
            write(path, value)
        running.write_json = interrupted_write
        return {"kept": True}
    """)
    assert read_end(folder) == "succeeded"
    assert folder.exit().result == {"kept": True}  # type: ignore[union-attr]


# --- by hand
