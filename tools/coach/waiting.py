"""Jobs: one that runs, and one that failed, was cancelled or interrupted, each with the way on."""

from __future__ import annotations

import re
from collections.abc import Callable

from ...resources.answer import NextStep
from ...resources.foundation.language import Text
from ...resources.job import JobState
from .answer import CoachAnswer, Question, Stage
from .answer_builder import build_answer, consent, with_source
from .questions import LATER, open_topics
from .situation import JobNow, Situation
from .wording import benefit, join_sentences

_POLL_SECONDS = 20
_STAGE_OF: dict[str, Stage] = {
    "preview": "data",
    "regenerate": "data",
    "validate": "data",
    "convert": "plan",
    "train": "training",
    "evaluate": "evaluation",
    "compare": "deciding",
    "reproduce": "deciding",
    "deploy": "deploy",
    "upload": "deploy",
}
_TOOL_OF = {
    "regenerate": "prepare_data",
    "validate": "prepare_data",
    "train": "train",
    "evaluate": "evaluate",
    "deploy": "deploy",
}
Words = tuple[Text, NextStep, Question]


def job_now(situation: Situation) -> CoachAnswer:
    """What to say and do about the job that matters now."""
    job = situation.job
    assert job is not None
    message, step, question = _WORDS[job.state](situation, job)
    opening = "" if job.active else benefit(situation.task)  # who waits hears it at every look
    return build_answer(
        situation, _STAGE_OF.get(job.kind, "training"), join_sentences(opening, message), step, question=question
    )


def _running(situation: Situation, job: JobNow) -> Words:
    line = Text(f": {job.line}" if job.line else ".", f"：{job.line}" if job.line else "。")
    message = Text(f"{job.name.en} is running{line.en}", f"{job.name.zh}正在進行{line.zh}")
    waiting = _while_waiting(situation)
    say = Text(
        f"It goes on by itself, also when this window closes. Look again with job_status. Meanwhile the question, "
        f"if they like; update_task keeps the answer ({waiting.field}).",
        f"它會自己進行，關掉視窗也沒關係。用 job_status 看進度；等的時候可以聊這一題，答案用 update_task 記下"
        f"（{waiting.field}）。",
    )
    return (
        message,
        NextStep(say=str(say), tool="job_status", arguments={"job_id": job.id, "wait_seconds": _POLL_SECONDS}),
        waiting,
    )


def _unreachable(situation: Situation, job: JobNow) -> Words:
    _, step, waiting = _running(situation, job)
    return Text(f"{job.name.en}: {job.line}.", f"{job.name.zh}：{job.line}。"), step, waiting


def _describe_queued(situation: Situation, job: JobNow) -> Words:
    message, step, waiting = _running(situation, job)
    if job.line:
        message = Text(
            f"{job.name.en} is queued: {job.line}. It starts by itself when its turn comes.",
            f"{job.name.zh}排隊中：{job.line}。輪到時會自動開始。",
        )
    return message, step, waiting


def _while_waiting(situation: Situation) -> Question:
    """What can be cleared up while a job runs; the answer is kept with update_task."""
    if missing := open_topics(LATER, situation.task):
        return missing[0].question()
    return Question(
        field="notes",
        ask=str(
            Text(
                "While it runs: which mistake would cost you most, which label taken for which?",
                "等的時候想一下：哪一種判錯的代價最高？把哪個標籤當成哪個？",
            )
        ),
        why=str(
            Text(
                "That is the recall to look at first when the result is in (update_task, note).",
                "結果出來時，先看那個標籤的召回率（用 update_task 的 note 記下來）。",
            )
        ),
        examples=[
            str(Text("An urgent mail taken for advertising", "急件被當成廣告")),
            str(Text("All alike", "都差不多")),
        ],
        default=str(Text("All alike", "都差不多")),
    )


def _describe_interrupted(_situation: Situation, job: JobNow) -> Words:
    message = Text(
        f"{job.name.en} was interrupted (its process was ended, or the machine went down). What was committed is kept, "
        "and it carries on from its last checkpoint. If it stops again at the same place, memory ran out "
        "(llm-knowledge/trouble-out-of-memory).",
        f"{job.name.zh}中斷了（程序被終止，或機器關機）。已完成的部分都還在，會從最後的檢查點接續。"
        "如果又在同一個地方停下來，就是記憶體不夠（llm-knowledge/trouble-out-of-memory）。",
    )
    return (
        message,
        NextStep(
            say=str(Text("Carry on with it.", "接著做下去。")),
            tool="manage_job",
            arguments={"job_id": job.id, "action": "resume"},
        ),
        _carry_on(),
    )


def _describe_cancelled(_situation: Situation, job: JobNow) -> Words:
    message = Text(
        f"{job.name.en} was cancelled, as asked; nothing is lost.", f"{job.name.zh}已依要求取消，沒有東西遺失。"
    )
    say = Text(
        "Ask whether to carry on with it, or to change something first; manage_job(action='resume') carries on.",
        "問對方要接著做，還是先改點什麼；要接著做就呼叫 manage_job(action='resume')。",
    )
    return (
        message,
        NextStep(say=str(say), tool="manage_job", arguments={"job_id": job.id, "action": "resume"}),
        _carry_on(),
    )


_OF_THE_SOURCE = re.compile(r"sources\[\d+\]\.(mapping|path|format|encoding|sheet|header|delimiter)\b")


def _describe_failed(situation: Situation, job: JobNow) -> Words:
    page = f" (llm-knowledge/{job.page})" if job.page else ""
    message = Text(
        f"{job.name.en} did not get through: {job.problem}{page}",
        f"{job.name.zh}沒有完成：{job.problem}{page.replace(' (', '（').replace(')', '）')}",
    )
    tool = _TOOL_OF.get(job.kind)
    say = job.fix or str(Text("Look at the end of its log.", "請看紀錄檔的結尾。"))
    question = consent(
        Text("Shall I do that, or is something in the way?", "就這樣處理嗎？還是有什麼不方便？"),
        Text("What was good before is still good; only this step is open.", "之前完成的都還在，只差這一步。"),
        [Text("Go ahead", "好，就這樣"), Text("I correct the file myself first", "我先自己改檔案")],
        Text("Go ahead", "好，就這樣"),
    )
    if job.kind == "preview" or _OF_THE_SOURCE.match(job.field):
        return message, with_source(situation, None, Text(say, say)), question
    if tool:
        return message, NextStep(say=say, tool=tool, arguments={"task": situation.name}), question
    return message, NextStep(say=say, tool="job_status", arguments={"job_id": job.id, "log_lines": 40}), question


def _carry_on() -> Question:
    return consent(
        Text("Carry on from where it stopped, or change something first?", "從停下的地方接著做，還是先改點什麼？"),
        Text(
            "Carrying on uses what is done already; a change begins a new version.",
            "接著做會沿用已完成的部分；要改設定就是新的一版。",
        ),
        [Text("Carry on", "接著做"), Text("Change the epochs first", "先改訓練輪數")],
        Text("Carry on", "接著做"),
    )


_WORDS: dict[JobState, Callable[[Situation, JobNow], Words]] = {
    "queued": _describe_queued,
    "unreachable": _unreachable,
    "running": _running,
    "interrupted": _describe_interrupted,
    "cancelled": _describe_cancelled,
    "failed": _describe_failed,
}
