"""Stopping: what is kept and where, how to come back, and what still runs."""

from __future__ import annotations

from ...resources.answer import NextStep
from ...resources.foundation.json_object import JsonObject
from ...resources.job import ACTIVE_STATES, JobFolder
from ...resources.task import TaskFolder
from ...resources.workspace import Workspace
from .analysis import best_result, where_it_stands
from .answer import CoachAnswer, Question, Stage
from .answer_builder import build_answer, call
from .answers import ASKED
from .intent import Said
from .situation import Situation
from .texts.reading import Texts
from .wording import join_list, join_sentences

_text = Texts("leaving")

_JOBS_LOOKED_AT = 3


def stop(situation: Situation, _said: Said) -> CoachAnswer:
    """A good end for now: running work can be stopped, everything is kept, and one sentence brings it back."""
    back = _text("stop.everything_stays_how", root=situation.folder.root, task=situation.name)
    if situation.job and situation.job.active:
        running = _text("stop.still_running_stopping", job=situation.job.name)
        question = _text.question("stop.question")
        step = call("manage_job", _text("stop.stop_agree_else"), job_id=situation.job.id, action="cancel")
        return build_answer(situation, "training", join_sentences(running, back), step, question=question)
    if situation.task.archived:
        step = call("list_tasks", _text("stop.nothing_more_do"))
        return build_answer(
            situation, "archived", join_sentences(_text("stop.put_away_already"), back), step, question=_another_day()
        )
    best = best_result(situation)
    live = situation.deployment if situation.serving else None
    serving = _text("stop.goes_answering_deploy", version=live.version, url=live.url) if live else None
    message = join_sentences(_text("stop.stopping_fine"), where_it_stands(best) if best else None, back, serving)
    question = _text.question("stop.question_may_note_one")
    step = call(
        "manage_task",
        _text("stop.put_away_reason"),
        task=situation.name,
        action="archive",
        reason="<why we stop, in their words>",
    )
    return build_answer(situation, _stage(situation), message, step, question=question)


def stop_before_a_task(answers: JsonObject) -> CoachAnswer:
    """Nothing was created: the answers so far can be taken up again."""
    kept = {key: value for key, value in answers.items() if key != ASKED}
    words = _text("stop_before_a_task.what_answered_far") if kept else None
    message = join_sentences(_text("stop_before_a_task.fine_nothing_created"), words)
    step = call("coach", _text("stop_before_a_task.only_want_go"), **({"answers": kept} if kept else {}))
    return CoachAnswer(stage="no_task", message=message, next_step=step, question=_another_day(), known=dict(kept))


def stop_everything(workspace: Workspace, recent: list[str]) -> CoachAnswer:
    """Several tasks, none named: all are kept; a job that still runs is named."""
    running = _running(workspace, recent)
    message = join_sentences(
        _text("stop_everything.stopping_fine_all", root=workspace.root),
        _text("stop_everything.still_running_finishes", running=join_list(running)) if running else None,
    )
    say = _text("stop_everything.stop_agree") if running else _text("stop_everything.nothing_do_show")
    step = (
        NextStep(say=str(say), tool="list_tasks")
        if not running
        else NextStep(say=str(say), tool="manage_job", arguments={"job_id": running[0], "action": "cancel"})
    )
    return CoachAnswer(
        stage="no_task", message=message, next_step=step, question=_another_day(), known={"tasks": recent}
    )


def _another_day() -> Question:
    return _text.question("another_day.question")


def _running(workspace: Workspace, names: list[str]) -> list[str]:
    found = []
    for name in names:
        folder = TaskFolder(workspace.root / name).jobs
        if folder.is_dir():
            newest = sorted((entry for entry in folder.iterdir() if (entry / "spec.json").is_file()), reverse=True)
            found += [job.id for job in map(JobFolder, newest[:_JOBS_LOOKED_AT]) if job.state() in ACTIVE_STATES]
    return found


def _stage(situation: Situation) -> Stage:
    if situation.deployment:
        return "live"
    if situation.evaluated:
        return "deciding"
    return "evaluation" if situation.trained else "plan" if situation.data else "data"
