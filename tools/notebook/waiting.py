"""Waiting for a job in a notebook: where it stands is written as it goes, a failure is raised."""

from __future__ import annotations

import sys
from typing import Any

from ...resources.foundation.errors import JobError
from ...resources.foundation.language import Text
from ...resources.job import ACTIVE_STATES, JobFolder, JobState
from ..compute.jobs import job_control
from ..compute.jobs.view import job_view
from ..compute.jobs.words import STATE_WORDS, progress_line

_SECONDS_BETWEEN_LINES = 1.0
_LINE_CHARACTERS = 110


def result_of(job: JobFolder, progress: bool) -> dict[str, Any]:
    """What came of a job, once it has ended. Interrupting the wait leaves the job at work and says how to return to it.

    Arguments:
        progress: write to standard error where it stands, on one line.

    Raises:
        NlpSkillsError: the job failed (its own error), was cancelled or interrupted.
    """
    try:
        while (state := job_control.wait(job, _SECONDS_BETWEEN_LINES)) in ACTIVE_STATES:
            if progress:
                _write(job, state)
    except KeyboardInterrupt:
        goes_on = Text(
            f"\nJob {job.id} goes on. workspace.resume({job.id!r}) waits for it, workspace.cancel({job.id!r}) stops it.\n",
            f"\n工作 {job.id} 會繼續執行。workspace.resume({job.id!r}) 可以再等它，workspace.cancel({job.id!r}) 可以停止它。\n",
        )
        sys.stderr.write(str(goes_on))
        raise
    if progress:
        _write(job, state, end="\n")
    if state == "succeeded":
        return job_view(job).result
    if error := job_control.failure(job):
        raise error
    raise JobError(
        Text(f"Job {job.id} is {STATE_WORDS[state].en}.", f"工作 {job.id} {STATE_WORDS[state].zh}。"),
        Text(
            f"workspace.resume({job.id!r}) carries on; calling again starts over.",
            f"workspace.resume({job.id!r}) 可以接續；再呼叫一次則重新開始。",
        ),
        details={"job_id": job.id},
    )


def _write(job: JobFolder, state: JobState, end: str = "") -> None:
    parts = (job.spec().kind, str(STATE_WORDS[state]), progress_line(job_control.progress(job)))
    line = " · ".join(filter(None, parts))
    sys.stderr.write(f"\r{line[:_LINE_CHARACTERS]:<{_LINE_CHARACTERS}}{end}")
    sys.stderr.flush()
