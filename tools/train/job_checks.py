"""What other trainings of the task and of the machine mean for one that is planned."""

from __future__ import annotations

from ...resources.foundation.language import Text
from ...resources.job import JobFolder, active_jobs
from ...resources.task import TaskFolder
from ...resources.version import VersionFolder, version_numbers
from .finding import Finding


def reserved_by(task: TaskFolder, job: str) -> VersionFolder | None:
    """The version that a job reserved before it was interrupted."""
    for number in reversed(version_numbers(task)):
        folder = VersionFolder(task, number)
        if folder.reservation().job == job:
            return folder
    return None


def find_interrupted(task: TaskFolder) -> list[tuple[VersionFolder, str]]:
    """The versions whose training stopped without a word, oldest first, each with the id of its job."""
    at_work = {job.id for job in active_jobs(task.jobs, "train")}
    found = []
    for number in version_numbers(task):
        folder = VersionFolder(task, number)
        if folder.status() == "reserved" and folder.reservation_file.is_file():
            owner = folder.reservation().job
            if owner not in at_work:
                found.append((folder, owner))
    return found


def check_jobs(task: TaskFolder, plan: str, job: str | None, ahead: list[JobFolder]) -> list[Finding]:
    """Whether the plan is being trained already, must wait, or a training was interrupted.

    Arguments:
        job: the id of the training job that asks; None before there is one.
        ahead: the jobs before it in the queue of the machine.
    """
    found = []
    if job is None:
        found += [_trained_by(other, plan) for other in active_jobs(task.jobs, "train") if plan == _plan_of(other)][:1]
    if ahead:
        found.append(_in_line(ahead))
    return found


def check_interrupted(task: TaskFolder, job: str | None) -> list[Finding]:
    """That trainings were interrupted, that of `job` aside."""
    return [_can_go_on(folder, owner) for folder, owner in find_interrupted(task) if owner != job]


def _plan_of(job: JobFolder) -> str | None:
    """The plan that a training was started with."""
    words = iter(job.spec().arguments)
    return next((next(words, None) for word in words if word == "--plan"), None)


def _trained_by(job: JobFolder, plan: str) -> Finding:
    return Finding(
        "blocking",
        "running",
        Text(f"Plan {plan} is being trained by job {job.id}.", f"計畫 {plan} 正由工作 {job.id} 訓練。"),
        Text(
            f"Follow it with job_status(job_id={job.id!r}); another plan may wait in the queue behind it.",
            f"請用 job_status(job_id={job.id!r}) 看進度；想再訓練別的計畫，可以排在它後面。",
        ),
    )


def _in_line(ahead: list[JobFolder]) -> Finding:
    names = ", ".join(job.id for job in ahead)
    return Finding(
        "warning",
        "queue",
        Text(
            f"This machine is busy ({names}): the training will wait in the queue and start by itself.",
            f"這台機器正在執行 {names}：訓練會先排隊，輪到時自動開始。",
        ),
        Text(
            "Nothing to do; manage_job(action='cancel') takes it out of the queue, or stops one before it.",
            "不需要處理；manage_job(action='cancel') 可以取消排隊，也可以停止前面的工作。",
        ),
    )


def _can_go_on(folder: VersionFolder, owner: str) -> Finding:
    return Finding(
        "warning",
        "interrupted",
        Text(
            f"{folder.name} was interrupted and can go on from its last checkpoint.",
            f"{folder.name} 的訓練中斷了，可以從最後的檢查點接續。",
        ),
        Text(
            f"manage_job(job_id={owner!r}, action='resume') carries on; train starts a new version beside it.",
            f"manage_job(job_id={owner!r}, action='resume') 會接續；train 則另開新版本。",
        ),
    )
