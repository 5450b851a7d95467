from __future__ import annotations

import time
from collections.abc import Callable

import anyio
import pytest
from rich.console import Console

from nlp_skills.resources.foundation.clock import now
from nlp_skills.resources.foundation.errors import DataError
from nlp_skills.resources.foundation.files import append_jsonl, write_json
from nlp_skills.resources.foundation.language import speaking
from nlp_skills.resources.job import Cut, JobFolder
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.coach.situation import load_situation
from nlp_skills.tools.coach.waiting import job_now
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.compute.jobs.events import JobEvents, close_torn_line
from nlp_skills.tools.compute.jobs.page import refresh_views
from nlp_skills.tools.compute.jobs.view import LONGEST_WAIT_SECONDS, follow, job_answer, list_answer, status_answer
from nlp_skills.tools.compute.jobs.watch import watch
from nlp_skills.tools.compute.jobs.words import STATE_WORDS
from tests.tools.compute.working import eventually, kill_hard

Start = Callable[..., JobFolder]
Told = list[tuple[float, float | None, str | None]]


def follow_job(folder: JobFolder, workspace: Workspace, seconds: float = 30, told: Told | None = None) -> object:
    async def report(step: float, total: float | None, message: str | None) -> None:
        if told is not None:
            told.append((step, total, message))

    async def run() -> object:
        return await follow(folder, workspace, seconds, report)

    return anyio.run(run)


def test_following_gives_the_stage_own_message_and_next_step_in_the_language_of_the_call(
    start: Start, workspace: Workspace
) -> None:
    folder = start("""
        return {"rows": 3, "why": {"en": "because", "zh": "因為"}, "message": {"en": "Ready.", "zh": "好了。"},
                "next_step": {"tool": "train", "arguments": {"task": "mood"}, "say": {"en": "Train.", "zh": "訓練。"}}}
    """)
    job_control.wait(folder, 30)
    with speaking("zh-TW"):
        answer = job_answer(folder)
    assert answer.message == "好了。"
    assert answer.next_step.model_dump() == {"say": "訓練。", "tool": "train", "arguments": {"task": "mood"}}
    assert answer.job.result == {"rows": 3, "why": "因為"}
    assert job_answer(folder).message == "Ready."


def test_following_pushes_growing_progress_and_returns_in_time_with_when_to_ask_again(
    start: Start, task: TaskFolder, workspace: Workspace
) -> None:
    folder = start("""
        for step in (1, 2, 3):
            job.progress(step, 10, Text("reading", "讀取"), loss=0.5)
            until(f"go{step}")
        return {}
    """)
    (task.root / "go1").touch()
    eventually(lambda: JobEvents(folder).progress().step == 2)
    told: Told = []
    began = time.monotonic()
    answer = follow_job(folder, workspace, 0.5, told)
    assert time.monotonic() - began < 5
    assert told[-1][:2] == (2.0, 10) and "reading" in str(told[-1][2])
    assert answer.job.state == "running"  # type: ignore[attr-defined]
    step = answer.next_step  # type: ignore[attr-defined]
    assert step.tool == "job_status" and step.arguments["job_id"] == folder.id
    assert "seconds" in step.say and str(folder.page_file) in step.say
    for name in ("go2", "go3"):
        (task.root / name).touch()
    follow_job(folder, workspace, 30, told)
    assert [step for step, *_ in told] == sorted(step for step, *_ in told)


def test_a_cut_link_is_the_state_everywhere_until_it_stands_again(
    start: Start, task: TaskFolder, workspace: Workspace
) -> None:
    folder = start("""
        job.progress(3, 10, Text("reading", "讀取"))
        until("go")
        return {}
    """)
    eventually(lambda: JobEvents(folder).progress().step == 3)
    write_json(folder.cut_file, Cut(machine="gpubox", since=now(), until="2030-01-02 03:04").model_dump())
    answer = job_answer(folder)
    assert answer.job.state == "unreachable" and "gpubox" in answer.message and "3/10" in answer.message
    assert "2030-01-02 03:04" in answer.next_step.say and "is running" not in answer.message
    with speaking("zh-TW"):
        assert "與 gpubox 的連線" in job_answer(folder).message and "連線中斷" in list_answer(workspace).next_step.say
        assert "與 gpubox 的連線" in job_now(load_situation(workspace, task)).message
    console = Console(record=True, width=200)
    watch(workspace, once=True, console=console)
    refresh_views(folder)
    said = STATE_WORDS["unreachable"].en
    assert said in console.export_text() and said in folder.page_file.read_text("utf-8")

    folder.cut_file.unlink()
    assert "is running" in job_answer(folder).message
    (task.root / "go").touch()
    assert job_control.wait(folder, 30) == "succeeded"


def test_no_answer_takes_longer_than_a_client_waits(start: Start, workspace: Workspace) -> None:
    assert LONGEST_WAIT_SECONDS <= 25


def test_following_a_failed_job_raises_its_own_error(start: Start, workspace: Workspace) -> None:
    folder = start("raise DataError(Text('No rows.', '沒有資料。'), Text('Add some.', '請加入資料。'), field='data')")
    with pytest.raises(DataError) as caught:
        follow_job(folder, workspace)
    assert caught.value.field == "data" and caught.value.details["job_id"] == folder.id


def test_the_status_of_a_failed_job_tells_the_error_and_shows_the_log(start: Start, workspace: Workspace) -> None:
    folder = start(
        "print('token=abcdef123456'); print('reading\\rread 3 rows')\n"
        "raise DataError(Text('No rows.', '沒有資料。'), Text('Add some.', '請加入資料。'))"
    )
    job_control.wait(folder, 30)
    status = status_answer(folder, log_lines=5)
    assert "No rows." in status.message and status.next_step.say == "Add some."
    assert status.log == ["token=***", "read 3 rows"]


def test_the_status_of_a_failed_job_carries_the_rows_its_error_is_about(start: Start, workspace: Workspace) -> None:
    folder = start(
        "raise DataError(Text('One row differs.', '有一列不同。'), Text('Fix it.', '請修正。'),\n"
        "                details={'rows': [{'id': 'a1'}]})"
    )
    job_control.wait(folder, 30)
    assert status_answer(folder).job.result == {"rows": [{"id": "a1"}]}  # type: ignore[union-attr]


def test_the_log_of_an_on_premise_task_stays_there(start: Start, task: TaskFolder) -> None:
    with task.change() as content:
        content.constraints.privacy = "on-premise"
    folder = start("print('Ms Chen pays late')\nreturn {}")
    job_control.wait(folder, 30)
    (line,) = status_answer(folder, log_lines=5).log
    assert "Chen" not in line and str(folder.output_file) in line


def test_an_interrupted_job_says_that_it_can_be_resumed(start: Start, task: TaskFolder) -> None:
    folder = start("(TASK / 'up').touch()\ntime.sleep(600)")
    eventually((task.root / "up").exists)
    kill_hard(folder)
    answer = job_answer(folder)
    assert answer.job.state == "interrupted"
    assert answer.next_step.tool == "manage_job"
    assert answer.next_step.arguments == {"job_id": folder.id, "action": "resume"}


def test_warnings_reach_the_answer(start: Start, workspace: Workspace) -> None:
    folder = start("job.warn(Text('Classes are uneven.', '類別不平衡。'))\nreturn {}")
    job_control.wait(folder, 30)
    assert job_answer(folder).job.warnings == ["Classes are uneven."]


def test_jobs_are_listed_by_page_newest_first(start: Start, workspace: Workspace, task: TaskFolder) -> None:
    made = []
    for _ in range(3):
        made.append(start("return {}"))
        job_control.wait(made[-1], 30)
    first = list_answer(workspace, limit=2)
    assert [line.id for line in first.jobs] == [made[2].id, made[1].id]
    assert (first.total, first.next_offset) == (3, 2)
    last = list_answer(workspace, task, offset=2, limit=2)
    assert [(line.id, line.task, line.state) for line in last.jobs] == [(made[0].id, "mood", "succeeded")]
    assert last.next_offset is None


def test_points_after_the_checkpoint_that_a_run_resumed_from_are_drawn_once(start: Start) -> None:
    folder = start("""
        for step, loss in ((1, 3.0), (2, 2.0), (3, 1.0), (2, 1.9), (3, 0.9)):
            job.progress(step, 3, loss=loss)
        return {}
    """)
    job_control.wait(folder, 30)
    assert JobEvents(folder).points() == {"loss": [(1, 3.0), (2, 1.9), (3, 0.9)]}


def test_an_event_line_torn_by_a_kill_is_left_out_and_the_next_one_read(start: Start) -> None:
    folder = start("job.progress(1, 3, loss=1.0)\nreturn {}")
    job_control.wait(folder, 30)
    with folder.events_file.open("ab") as events:
        events.write(b'{"kind": "progress", "st')
    assert JobEvents(folder).progress().step == 1
    close_torn_line(folder.events_file)
    append_jsonl(folder.events_file, {"kind": "progress", "step": 2, "total": 3, "measures": {}})
    assert JobEvents(folder).progress().step == 2
