"""A job as an answer: where it stands, what came of it, and what to do next, in the language of the call."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio

from ....resources.answer import HIDDEN, JobAnswer, JobView, NextStep
from ....resources.foundation.language import SENTENCES, Text, several
from ....resources.job import ACTIVE_STATES, JobFolder, JobState, Progress, job_folders
from ....resources.task import TaskFolder
from ....resources.workspace import Workspace
from ..answers import JobLine, JobStatus
from . import job_control
from .events import JobEvents
from .page import refresh_views
from .rented import rented_and_idle
from .words import STATE_WORDS, cut_in_words, duration, progress_line

Report = Callable[[float, float | None, str | None], Awaitable[None]]
ANSWER_SECONDS = 20.0
LONGEST_WAIT_SECONDS = 25.0
PAGE_SIZE = 20
_WARNINGS_SHOWN = 5


def job_view(folder: JobFolder, events: JobEvents | None = None) -> JobView:
    """The job as a client sees it: state, progress, warnings and result; messages in the call's language."""
    events = events or JobEvents(folder)
    ended = folder.exit()
    result = {key: value for key, value in ended.result.items() if key not in ("message", "next_step")} if ended else {}
    result |= ((ended.error if ended else None) or {}).get(
        "details"
    ) or {}  # the rows or figures that a failure is about
    return JobView(
        id=folder.id,
        kind=folder.spec().kind,
        state=(state := folder.state()),
        progress=events.progress(),
        place=folder.place() if state == "queued" else None,
        result=in_call_language(result),
        folder=str(folder.root),
        warnings=events.warnings()[-_WARNINGS_SHOWN:],
    )


def job_answer(folder: JobFolder, events: JobEvents | None = None) -> JobAnswer:
    """What happened to the job and the one next step, whatever its state; a failure is told, not raised."""
    view = job_view(folder, events)
    if view.state not in ACTIVE_STATES:
        refresh_views(folder, events, ended=True)  # a killed job could not say so on its page
    told = _ANSWERS.get(view.state, _still_running)
    message, next_step = told(folder, view)
    return JobAnswer(message=message, next_step=next_step, job=view)


async def follow(
    folder: JobFolder, workspace: Workspace, seconds: float = ANSWER_SECONDS, report: Report | None = None
) -> JobAnswer:
    """Wait for the job at most `seconds`, pushing its progress to `report(progress, total, message)`.

    Returns:
        the result where it has ended, else its progress and when to ask again.

    Raises:
        NlpSkillsError: the job failed; its own error, of its own class.
    """
    events = JobEvents(folder)
    state = await wait_until_ended(folder, seconds, report, events)
    if state == "failed" and (error := job_control.failure(folder)):
        raise error
    return job_answer(folder, events)


async def wait_until_ended(
    folder: JobFolder, seconds: float, report: Report | None = None, events: JobEvents | None = None
) -> JobState:
    """The job's state once it has ended, at the latest after `seconds`; its progress is pushed to `report`."""
    events = events or JobEvents(folder)
    reported = Progress()
    deadline = time.monotonic() + min(seconds, LONGEST_WAIT_SECONDS)
    while True:
        state = folder.state()
        current = events.progress()
        if report and current.step > reported.step:  # the protocol wants progress that only grows
            reported = current
            await report(float(current.step), current.total, progress_line(current))
        if state not in ACTIVE_STATES or time.monotonic() >= deadline:
            return state
        await anyio.sleep(job_control.POLL_SECONDS)


def status_answer(folder: JobFolder, log_lines: int = 0) -> JobStatus:
    """The job as it stands, with the last lines of its log; they stay hidden where the task's privacy asks for it."""
    answer = job_answer(folder)
    task = folder.task()
    log = job_control.log_tail(folder, log_lines)
    if log and task and task.load().constraints.privacy == "on-premise":
        log = [f"{HIDDEN} {folder.output_file}"]
    return JobStatus(message=answer.message, next_step=answer.next_step, job=answer.job, log=log)


def chart_of(folder: JobFolder) -> bytes | None:
    """The job's curves as they stand now, PNG; None where it reported nothing to draw."""
    refresh_views(folder)
    return folder.curve_file.read_bytes() if folder.curve_file.is_file() else None


def list_answer(
    workspace: Workspace, task: TaskFolder | None = None, offset: int = 0, limit: int = PAGE_SIZE
) -> JobStatus:
    """One page of the jobs of a task, or of the whole workspace, newest first."""
    found = job_folders(workspace, task)
    page = [job_line(folder) for folder in found[offset : offset + limit]]
    more = offset + len(page) if offset + len(page) < len(found) else None
    running = next((line for state in reversed(ACTIVE_STATES) for line in page if line.state == state), None)
    if running:
        state = STATE_WORDS[running.state]
        say = Text("Job {job} is {state}; wait for it.", "工作 {job} {state}，請等它完成。").format(
            job=running.id, state=state
        )
        step = NextStep(say=str(say), tool="job_status", arguments={"job_id": running.id})
    else:
        step = _ask_coach(task.name if task else None)
    message = Text(
        f"{several(len(found), 'job')}, {len(page)} shown.", f"共 {len(found)} 個工作，顯示 {len(page)} 個。"
    )
    message = SENTENCES.join([message, rented_and_idle(found)])
    return JobStatus(message=str(message), next_step=step, jobs=page, total=len(found), next_offset=more)


def job_line(folder: JobFolder, events: JobEvents | None = None) -> JobLine:
    """The job in one line of a list."""
    spec = folder.spec()
    return JobLine(
        id=folder.id,
        kind=spec.kind,
        task=_task_name(folder),
        state=folder.state(),
        created=spec.created,
        progress=(events or JobEvents(folder)).progress(),
    )


def in_call_language(value: Any) -> Any:
    """`value` with every stored `{"en", "zh"}` pair replaced by the text in the call's language."""
    if isinstance(value, dict):
        if value.keys() == {"en", "zh"}:
            return str(Text(**value))
        return {key: in_call_language(item) for key, item in value.items()}
    return [in_call_language(item) for item in value] if isinstance(value, list) else value


def _still_running(folder: JobFolder, view: JobView) -> tuple[str, NextStep]:
    wait = _ask_again(view.progress.eta_seconds)
    line = progress_line(view.progress)
    state = STATE_WORDS[view.state]
    message = Text("Job {id} ({kind}) is {state}{so_far}", "工作 {id}（{kind}）{state}{so_far}").format(
        id=view.id, kind=view.kind, state=state, so_far=Text(f": {line}", f"：{line}") if line else Text(".", "。")
    )
    say = Text(
        f"It goes on by itself, even if this window closes. Ask again in {wait} seconds; "
        f"the live page is {folder.page_file}.",
        f"工作會自行繼續，關掉這個視窗也沒關係。請在 {wait} 秒後再問一次；即時進度頁面：{folder.page_file}。",
    )
    return str(message), NextStep(
        say=str(say), tool="job_status", arguments={"job_id": view.id, "wait_seconds": int(ANSWER_SECONDS)}
    )


def _unreachable(folder: JobFolder, view: JobView) -> tuple[str, NextStep]:
    cut, line = folder.read_cut(), progress_line(view.progress)
    if cut is None:  # it answers again by now
        return _still_running(folder, view)
    said = cut_in_words(cut)
    message = Text("Job {id} ({kind}): {said}.{last_seen}", "工作 {id}（{kind}）：{said}。{last_seen}").format(
        id=view.id,
        kind=view.kind,
        said=said,
        last_seen=Text(f" Last seen: {line}.", f"中斷前的進度：{line}。") if line else "",
    )
    say = Text(
        f"Ask again in 60 seconds. If {cut.machine} is off or its network is down, fix that: until {cut.until} it is "
        f"retried automatically, afterwards manage_job(action='resume') goes on. manage_job(action='cancel') gives up.",
        f"請在 60 秒後再問一次。若 {cut.machine} 關機或網路不通，請先排除：在 {cut.until} 之前會自動重試，"
        "之後可用 manage_job(action='resume') 接續；要放棄就用 manage_job(action='cancel')。",
    )
    return str(message), NextStep(
        say=str(say), tool="job_status", arguments={"job_id": view.id, "wait_seconds": int(ANSWER_SECONDS)}
    )


def _describe_queued(folder: JobFolder, view: JobView) -> tuple[str, NextStep]:
    if view.place is None:  # its process is only coming up
        return _still_running(folder, view)
    line = progress_line(view.progress)
    left = [JobEvents(JobFolder(Path(ahead))).progress().eta_seconds for ahead in view.place.ahead[:1]]
    soon = (
        Text(f"The running one has about {duration(left[0])} left.", f"正在執行的大約還要 {duration(left[0])}。")
        if left and left[0]
        else None
    )
    message = SENTENCES.join(
        [
            Text(f"Job {view.id} ({view.kind}) is queued: {line}.", f"工作 {view.id}（{view.kind}）排隊中：{line}。"),
            soon,
        ]
    )
    wait = _ask_again(left[0] if left else None)
    say = Text(
        f"It starts by itself when its turn comes, even if this window closes; manage_job(action='cancel') takes it "
        f"out of the queue. Ask again in {wait} seconds.",
        f"輪到時會自動開始，關掉這個視窗也沒關係；用 manage_job(action='cancel') 可以取消排隊。請在 {wait} 秒後再問一次。",
    )
    return str(message), NextStep(
        say=str(say), tool="job_status", arguments={"job_id": view.id, "wait_seconds": int(ANSWER_SECONDS)}
    )


def _ask_again(eta: float | None) -> int:
    """Seconds until asking again is worth it: soon for short work, rarely for long."""
    if eta is None:
        return 10
    return next((wait for limit, wait in ((30, 5), (120, 15), (600, 30)) if eta < limit), 60)


def _describe_succeeded(folder: JobFolder, view: JobView) -> tuple[str, NextStep]:
    ended = folder.exit()
    result = ended.result if ended else {}
    message = in_call_language(result.get("message")) or str(
        Text(f"Job {view.id} ({view.kind}) is done.", f"工作 {view.id}（{view.kind}）已完成。")
    )
    if given := result.get("next_step"):
        return message, NextStep.model_validate(in_call_language(given))
    return message, _ask_coach(_task_name(folder))


def _describe_failed(folder: JobFolder, view: JobView) -> tuple[str, NextStep]:
    error = job_control.failure(folder)
    why = str(error.problem) if error else ""
    message = Text(f"Job {view.id} ({view.kind}) failed: {why}", f"工作 {view.id}（{view.kind}）失敗：{why}")
    fix = str(error.fix) if error else str(Text("Look at its log.", "請看它的紀錄。"))
    return str(message), NextStep(say=fix, tool="job_status", arguments={"job_id": view.id, "log_lines": 40})


def _describe_stopped(folder: JobFolder, view: JobView) -> tuple[str, NextStep]:
    if view.state == "cancelled":
        message = Text(f"Job {view.id} ({view.kind}) was cancelled.", f"工作 {view.id}（{view.kind}）已取消。")
    else:
        message = Text(
            f"Job {view.id} ({view.kind}) was interrupted before its end: it was killed, ran out of memory, or the "
            "machine went down. What it had committed is kept.",
            f"工作 {view.id}（{view.kind}）還沒做完就中斷了：被強制終止、記憶體不足或關機。已寫好的成果都還在。",
        )
    if folder.spec().resumable:
        say = Text(
            "Call manage_job(action='resume') to carry on from where it stopped.",
            "呼叫 manage_job(action='resume') 就能從停下的地方接續。",
        )
    else:
        say = Text(
            "Call manage_job(action='resume') to run it again under the same id.",
            "呼叫 manage_job(action='resume') 就能以同一個編號重新執行。",
        )
    return str(message), NextStep(say=str(say), tool="manage_job", arguments={"job_id": view.id, "action": "resume"})


def _ask_coach(task: str | None) -> NextStep:
    return NextStep(
        say=str(Text("Ask the coach what comes next.", "問教練下一步該做什麼。")),
        tool="coach",
        arguments={"task": task} if task else {},
    )


def _task_name(folder: JobFolder) -> str | None:
    task = folder.task()
    return task.name if task else None


_ANSWERS: dict[JobState, Callable[[JobFolder, JobView], tuple[str, NextStep]]] = {
    "queued": _describe_queued,
    "unreachable": _unreachable,
    "succeeded": _describe_succeeded,
    "failed": _describe_failed,
    "cancelled": _describe_stopped,
    "interrupted": _describe_stopped,
}
