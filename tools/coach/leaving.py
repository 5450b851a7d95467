"""Stopping: what is kept and where, how to come back, and what still runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...resources.answer import NextStep
from ...resources.foundation.language import Text
from ...resources.job import ACTIVE_STATES, JobFolder
from ...resources.task import TaskFolder
from ...resources.workspace import Workspace
from .analysis import best_result, where_it_stands
from .answer import CoachAnswer, Stage
from .answer_builder import build_answer, call, consent
from .answers import ASKED
from .intent import Said
from .situation import Situation
from .wording import join_list, join_sentences

_JOBS_LOOKED_AT = 3
_NO_HURRY = Text(
    "Nothing here runs out: not the data, not the versions, not the place you were at.",
    "這裡的東西不會過期：資料、版本、做到哪裡都在。",
)


def stop(situation: Situation, _said: Said) -> CoachAnswer:
    """A good end for now: running work can be stopped, everything is kept, and one sentence brings it back."""
    back = Text(
        f"Everything stays in {situation.folder.root}, with how it came about. To come back, just say "
        f"“go on with {situation.name}”.",
        f"所有東西和來龍去脈都留在 {situation.folder.root}。想繼續的時候，說「繼續 {situation.name}」就好。",
    )
    if situation.job and situation.job.active:
        running = Text(
            f"{situation.job.name.en} is still running. Stopping it loses nothing: it can be resumed later; "
            "or let it finish by itself.",
            f"{situation.job.name.zh}還在進行。停下來不會遺失任何東西，之後可以接續；也可以讓它自己跑完。",
        )
        question = consent(
            Text("Stop it as well, or let it finish?", "要一起停掉，還是讓它跑完？"),
            Text("It needs no window open; it only keeps the machine busy.", "不需要開著視窗，只是會占用機器。"),
            [Text("Stop it", "停掉"), Text("Let it finish", "讓它跑完")],
            Text("Let it finish", "讓它跑完"),
        )
        step = call(
            "manage_job",
            Text("Stop it when they agree; else there is nothing to do.", "對方同意就停止；不停的話，什麼都不用做。"),
            job_id=situation.job.id,
            action="cancel",
        )
        return build_answer(situation, "training", join_sentences(running, back), step, question=question)
    if situation.task.archived:
        step = call(
            "list_tasks",
            Text("Nothing more to do; show what else there is if they like.", "沒有要做的了；想看其他任務再列出來。"),
        )
        return build_answer(
            situation,
            "archived",
            join_sentences(Text("It is put away already.", "這個任務已經封存了。"), back),
            step,
            question=_another_day(),
        )
    best = best_result(situation)
    live = situation.deployment if situation.serving else None
    serving = (
        Text(
            f"{live.version} goes on answering at {live.url}; deploy with action='undeploy' stops it.",
            f"{live.version} 會繼續在 {live.url} 服務；要停掉用 deploy 的 action='undeploy'。",
        )
        if live
        else None
    )
    message = join_sentences(
        Text("Stopping here is fine.", "停在這裡沒問題。"), where_it_stands(best) if best else None, back, serving
    )
    question = consent(
        Text("May I note in one sentence why you stop here?", "停在這裡的原因，可以用一句話記下來嗎？"),
        Text("Whoever takes it up again knows where to begin.", "之後不管誰接手，都知道從哪裡開始。"),
        [
            Text("No time until spring", "年後才有空"),
            Text("Good enough as it is", "目前這樣就夠了"),
            Text("Waiting for more data", "在等更多資料"),
        ],
        Text("Pause", "先暫停"),
    )
    step = call(
        "manage_task",
        Text(
            "Put it away with their reason if they like; nothing is deleted. Else leave it.",
            "對方願意的話，連同原因封存，不會刪除任何東西；不想也沒關係，就放著。",
        ),
        task=situation.name,
        action="archive",
        reason="<why we stop, in their words>",
    )
    return build_answer(situation, _stage(situation), message, step, question=question)


def stop_before_a_task(answers: Mapping[str, Any]) -> CoachAnswer:
    """Nothing was created: the answers so far can be taken up again."""
    kept = {key: value for key, value in answers.items() if key != ASKED}
    words = (
        Text(
            "What you answered so far stands in the call below; hand it back and we go on from there.",
            "你目前回答的內容都在下面的呼叫裡，交回來就能從這裡接下去。",
        )
        if kept
        else None
    )
    message = join_sentences(
        Text(
            "That is fine. Nothing was created, so there is nothing to tidy up.",
            "沒問題。還沒有建立任何東西，不需要收拾。",
        ),
        words,
    )
    step = call(
        "coach", Text("Only when they want to go on.", "等對方想繼續時再呼叫。"), **({"answers": kept} if kept else {})
    )
    return CoachAnswer(stage="no_task", message=message, next_step=step, question=_another_day(), known=dict(kept))


def stop_everything(workspace: Workspace, recent: list[str]) -> CoachAnswer:
    """Several tasks, none named: all are kept; a job that still runs is named."""
    running = _running(workspace, recent)
    message = join_sentences(
        Text(
            f"Stopping here is fine: all tasks stay in {workspace.root}, each with its history. To come "
            "back, name one.",
            f"停在這裡沒問題：所有任務和各自的歷程都留在 {workspace.root}，想繼續時說名稱就好。",
        ),
        Text(
            f"Still running: {join_list(running)}. It finishes by itself, or can be stopped and resumed.",
            f"還在進行的：{join_list(running)}。可以讓它自己跑完，也可以先停，之後再接續。",
        )
        if running
        else None,
    )
    say = Text(
        "Stop it when they agree." if running else "Nothing to do; show the list if they like.",
        "對方同意就停止。" if running else "不用做什麼；想看清單再列出來。",
    )
    step = (
        NextStep(say=str(say), tool="list_tasks")
        if not running
        else NextStep(say=str(say), tool="manage_job", arguments={"job_id": running[0], "action": "cancel"})
    )
    return CoachAnswer(
        stage="no_task", message=message, next_step=step, question=_another_day(), known={"tasks": recent}
    )


def _another_day() -> Any:
    return consent(
        Text("Is there anything you want to keep in mind for next time?", "有沒有什麼想留給下次的提醒？"),
        _NO_HURRY,
        [Text("No, that was it", "沒有，先這樣"), Text("Ask the team for labels", "請同事幫忙標註")],
        Text("No", "沒有"),
    )


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
