"""`from nlp_skills import Workspace`: where the tasks stand, and the way to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...resources import workspace as on_disk
from ...resources.foundation.kinds import use_plugins_of
from ...resources.foundation.language import Language
from ...resources.job import ACTIVE_STATES, JobState, job_folder
from ...resources.task import TaskType
from .speech import speak
from .task import Task
from .waiting import result_of


class Workspace:
    """The folder the tasks stand in, seen from a notebook: what the tools of the server do, as Python functions.

    What takes long runs as a job of its own, which outlives this process; a function waits for it. What goes wrong is
    raised as `NlpSkillsError`, with the problem and what to do next.

    Arguments:
        folder: `NLP_SKILLS_WORKSPACE`, else `~/nlp-skills`, if left out.
        language: of what is said here, errors among it; that of the task, else `NLP_SKILLS_LANGUAGE`, else English.
        progress: write on one line of standard error where a job stands while it is waited for.
    """

    def __init__(
        self, folder: Path | str | None = None, *, language: Language | None = None, progress: bool = True
    ) -> None:
        self.folder = on_disk.Workspace(Path(folder) if folder else None)
        use_plugins_of(self.folder.root)
        self.language = language
        self.progress = progress

    def __repr__(self) -> str:
        return f"Workspace({str(self.folder.root)!r})"

    def create(
        self,
        title: str,
        *,
        type: TaskType,
        language: Language,
        name: str | None = None,
        goal: str = "",
        pain_point: str = "",
        current_method: str = "",
        impact: str = "",
        labels: Sequence[str] = (),
        success_criteria: Mapping[str, Any] | None = None,
        constraints: Mapping[str, Any] | None = None,
    ) -> Task:
        """Create a task with its project folder.

        Arguments:
            title: any text on one line.
            language: of the data.
            name: the folder's name, ASCII; made of the title if left out.
            success_criteria: `{metric, threshold, baseline}`, scores between 0 and 1.
            constraints: `{hardware, budget, privacy, latency_ms, deadline, deployment}`.

        Raises:
            NlpSkillsError: a field is wrong, or the name is taken.
        """
        from ..tasks.create import create_task

        with speak(self.language):
            created = create_task(
                self.folder,
                title,
                type,
                language,
                name=name,
                goal=goal,
                pain_point=pain_point,
                current_method=current_method,
                impact=impact,
                labels=labels,
                success_criteria=success_criteria,
                constraints=constraints,
            )
        return Task(self, created.folder)

    def task(self, name: str) -> Task:
        """The task of that name.

        Raises:
            NlpSkillsError: there is none; the nearest are offered.
        """
        with speak(self.language):
            return Task(self, self.folder.task(name))

    def tasks(self) -> list[dict[str, Any]]:
        """One row for each task that is not archived: name, state, versions, best score, …"""
        from ...resources.browsing.listing import list_tasks

        rows: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = list_tasks(self.folder, limit=100, cursor=cursor)
            rows += [row.model_dump(mode="json") for row in page.rows]
            cursor = page.next_cursor
            if not cursor:
                return rows

    def resume(self, job: str) -> dict[str, Any]:
        """What came of a job: waits while it is at work, carries on where it was interrupted, failed or was cancelled.

        Raises:
            NlpSkillsError: there is no such job, or it failed again.
        """
        from ..compute.jobs import job_control

        with speak(self.language):
            folder = job_folder(self.folder, job)
            if folder.state() not in (*ACTIVE_STATES, "succeeded"):
                folder = job_control.resume(folder, self.folder)
            return result_of(folder, self.progress)

    def cancel(self, job: str) -> JobState:
        """Stop a job; what it had committed is kept. How it ended.

        Raises:
            NlpSkillsError: there is no such job, or the machine it runs on does not answer.
        """
        from ..compute.cancel import cancel_job

        with speak(self.language):
            return cancel_job(job_folder(self.folder, job))
