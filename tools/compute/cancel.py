"""Cancel a job wherever it runs."""

from __future__ import annotations

from ...resources.foundation.errors import MachineError
from ...resources.foundation.language import Text
from ...resources.job import JobFolder, JobState
from ...resources.job_event import append_event
from ...resources.workspace import Workspace
from .jobs import job_control
from .named_machines import named_machine


def cancel_job(folder: JobFolder) -> JobState:
    """End the job here, and on the machine that it was sent to.

    Takes the time of `job_control.cancel`, and where it runs on another machine that of a connection.

    Raises:
        MachineError: that machine did not answer, so the job may still run there.
    """
    job_control.cancel(folder)
    if job_control.may_run_remotely(folder):
        _stop_remote(folder, folder.spec().machine)
    return folder.state()


def _stop_remote(folder: JobFolder, name: str) -> None:
    try:
        named_machine(Workspace(folder.root.parents[2]), name).stop(name, folder)
    except MachineError as error:
        raise type(error)(
            Text(
                f"The job is cancelled here, but it may still be running on {name}: ",
                f"這裡的工作已取消，但在 {name} 上可能還在執行：",
            )
            + error.problem,
            Text(
                f"Call manage_job(job_id={folder.id!r}, action='cancel') again once {name} answers.",
                f"等 {name} 恢復連線後，請再呼叫一次 manage_job(job_id={folder.id!r}, action='cancel')。",
            ),
            field="machine",
        ) from error
    append_event(folder.events_file, "stopped_there")
