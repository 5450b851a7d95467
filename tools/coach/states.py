"""What a task needs now, by the state of its folder: one stage after the other, the first that is not done speaks."""

from __future__ import annotations

from collections.abc import Callable

from ...resources.answer import NextStep
from ...resources.job import JobState
from ...resources.language import Text
from .advice import contradictions, few_rows, source_advice
from .analysis import best_result, where_it_stands
from .answer import CoachAnswer, DecisionDue, Stage
from .deciding import deciding
from .intents import Said
from .questions import BEFORE_CREATING, BEFORE_PLANNING, unanswered
from .situation import JobNow, Situation
from .telling import ask, source_answer, told, with_source
from .wording import counted, joined, listed, reminder

_POLL_SECONDS = 20
_STAGE_OF: dict[str, Stage] = {"preview": "data", "regenerate": "data", "validate": "data", "convert": "plan",
                               "train": "training", "evaluate": "evaluation", "compare": "deciding",
                               "reproduce": "deciding", "deploy": "deploy", "upload": "deploy"}
_TOOL_OF = {"regenerate": "prepare_data", "validate": "prepare_data", "train": "train",
            "evaluate": "evaluate", "deploy": "deploy"}


def answer(situation: Situation, opening: str | Text = "") -> CoachAnswer:
    """What the coach says about this task when nothing particular was asked.

    Arguments:
        opening: what to say first.
    """
    for speak in (_archived, _job, _clarifying, _source, _prepare, _live, _evaluate, _train, _plan, deciding):
        if told := speak(situation):
            return told.model_copy(update={"message": joined(opening, told.message)}) if opening else told
    raise AssertionError("deciding always answers")


def _archived(situation: Situation) -> CoachAnswer | None:
    if not situation.task.archived:
        return None
    step = NextStep(say=str(Text("Bring it back when they want to go on with it.", "想繼續時就把它恢復。")),
                    tool="update_task", arguments={"task": situation.name, "archived": False})
    message = joined(reminder(situation.task), Text("This task is put away; everything in it is kept.",
                                                    "這個任務已封存，裡面的東西都還在。"))
    return told(situation, "archived", message, step)


def _job(situation: Situation) -> CoachAnswer | None:
    """A running job comes before everything; one that did not succeed is dealt with first."""
    job = situation.job
    if job is None:
        return None
    stage = _STAGE_OF.get(job.kind, "training")
    message, step = _JOB_WORDS[job.state](situation, job)
    return told(situation, stage, joined(reminder(situation.task), message), step)


def _running(_situation: Situation, job: JobNow) -> tuple[Text, NextStep]:
    line = Text(f": {job.line}" if job.line else ".", f"：{job.line}" if job.line else "。")
    message = Text(f"{job.name.en} is running{line.en}", f"{job.name.zh}正在進行{line.zh}")
    say = Text("It goes on by itself, also when this window closes. Look again with job_status.",
               "它會自己進行，關掉視窗也沒關係。用 job_status 看進度。")
    return message, NextStep(say=str(say), tool="job_status",
                             arguments={"job_id": job.id, "wait_seconds": _POLL_SECONDS})


def _interrupted(_situation: Situation, job: JobNow) -> tuple[Text, NextStep]:
    message = Text(f"{job.name.en} was interrupted (its process was ended, or the machine went down). What was "
                   "committed is kept, and it carries on from its last checkpoint.",
                   f"{job.name.zh}中斷了（程序被終止，或機器關機）。已完成的部分都還在，會從最後的檢查點接續。")
    return message, NextStep(say=str(Text("Carry on with it.", "接著做下去。")), tool="resume_job",
                             arguments={"job_id": job.id})


def _cancelled(_situation: Situation, job: JobNow) -> tuple[Text, NextStep]:
    message = Text(f"{job.name.en} was cancelled, as asked; nothing is lost.",
                   f"{job.name.zh}已依要求取消，沒有東西遺失。")
    say = Text("Ask whether to carry on with it, or to change something first; resume_job carries on.",
               "問對方要接著做，還是先改點什麼；要接著做就呼叫 resume_job。")
    return message, NextStep(say=str(say), tool="resume_job", arguments={"job_id": job.id})


def _failed(situation: Situation, job: JobNow) -> tuple[Text, NextStep]:
    message = Text(f"{job.name.en} did not get through: {job.problem}", f"{job.name.zh}沒有完成：{job.problem}")
    tool = _TOOL_OF.get(job.kind)
    say = job.fix or str(Text("Look at the end of its log.", "請看紀錄檔的結尾。"))
    if job.kind == "preview":
        return message, with_source(situation, None, Text(say, say))
    if tool:
        return message, NextStep(say=say, tool=tool, arguments={"task": situation.name})
    return message, NextStep(say=say, tool="job_status", arguments={"job_id": job.id, "log_lines": 40})


_JOB_WORDS: dict[JobState, Callable[[Situation, JobNow], tuple[Text, NextStep]]] = {
    "queued": _running, "running": _running, "interrupted": _interrupted, "cancelled": _cancelled, "failed": _failed,
}


def _clarifying(situation: Situation) -> CoachAnswer | None:
    """The goal is made clear before data is spoken of; later only what a step really needs is asked."""
    if situation.sources.sources or situation.data or situation.versions:
        return None
    missing = unanswered(BEFORE_CREATING, situation.task)
    if not missing:
        return None
    message = joined(reminder(situation.task), Text(
        f"The task stands; {len(missing)} things would make everything after it easier.",
        f"任務已經建立；再弄清楚 {len(missing)} 件事，後面會順很多。"))
    return ask(situation, missing[0], message)


def _source(situation: Situation) -> CoachAnswer | None:
    if situation.source_problem:
        step = NextStep(say=str(Text("Mend the file, or describe the sources again.", "請修正檔案，或重新設定來源。")),
                        tool="set_data_source", arguments={"task": situation.name})
        return told(situation, "data", joined(reminder(situation.task), situation.source_problem), step)
    if situation.sources.sources or situation.data:
        return None
    message = joined(reminder(situation.task), Text("The goal is clear; now it needs examples to learn from.",
                                                    "目標清楚了，接下來需要可以學習的例子。"), source_advice(Said()))
    return source_answer(situation, Said(), message)


def _prepare(situation: Situation) -> CoachAnswer | None:
    if situation.data:
        return None
    kinds = listed(source.type for source in situation.sources.sources)
    message = joined(reminder(situation.task), Text(
        f"The source is known ({kinds}); now I fetch it, split it and check it. The test part is frozen as the "
        "benchmark and is never trained on.",
        f"來源已經設定好（{kinds}），接著取回、切分、檢查。測試的部分會凍結成評估基準，永遠不會拿來訓練。"))
    step = NextStep(say=str(Text("Prepare the data; a minute at most for a few thousand rows.",
                                 "準備資料；幾千筆大約一分鐘內。")),
                    tool="prepare_data", arguments={"task": situation.name})
    return told(situation, "data", message, step)


def _live(situation: Situation) -> CoachAnswer | None:
    deployed = situation.deployment
    if deployed is None:
        return None
    best = best_result(situation)
    if best and best.version.name != deployed.get("version") and best.standing == "met":
        return None  # a better version stands ready: deciding says so
    if situation.plan or situation.data_is_newer or not _all_evaluated(situation):
        return None
    if not situation.serving:
        step = NextStep(say=str(Text("Start it again.", "重新啟動它。")), tool="resume_job" if deployed.get("job") else
                        "deploy", arguments={"job_id": deployed["job"]} if deployed.get("job") else
                        {"task": situation.name, "version": deployed.get("version", "latest")})
        message = joined(reminder(situation.task), Text(
            f"{deployed.get('version')} is deployed, but its process is not running at the moment.",
            f"{deployed.get('version')} 已經部署，但目前服務的程序沒有在執行。"))
        return told(situation, "live", message, step)
    message = joined(reminder(situation.task), Text(
        f"{deployed.get('version')} is live at {deployed.get('url')} and answers as it was evaluated. What keeps it "
        "good: collect the answers people correct, with the right label; a hundred of them make the next version.",
        f"{deployed.get('version')} 已在 {deployed.get('url')} 上線，回答與評估時一致。要讓它一直好用："
        "把大家更正過的答案連同正確標籤收集起來，"
        "累積一百筆就可以做下一版。"), where_it_stands(best) if best else None)
    step = NextStep(say=str(Text("When corrected rows come in, add their file as a further source.",
                                 "有更正過的資料時，把檔案加成另一個來源。")),
                    tool="set_data_source", arguments={"task": situation.name})
    return told(situation, "live", message, step)


def _all_evaluated(situation: Situation) -> bool:
    return not situation.trained or bool(situation.trained[-1].evaluations())


def _evaluate(situation: Situation) -> CoachAnswer | None:
    if _all_evaluated(situation):
        return None
    newest = situation.trained[-1]
    training = newest.model_info().get("training") or {}
    seconds = training.get("seconds")
    minutes = f"{seconds / 60:.1f}" if seconds else ""
    cost = Text(f" in {minutes} minutes", f"，花了 {minutes} 分鐘") if minutes else Text("", "")
    message = joined(reminder(situation.task), Text(
        f"{newest.name} is trained{cost.en}. Whether it helps is not known yet: now it answers the frozen benchmark, "
        "next to the simplest methods.",
        f"{newest.name} 訓練完成{cost.zh}。有沒有幫助還不知道：接下來讓它回答凍結的評估基準，並和最簡單的方法並列比較。"
        ""))
    step = NextStep(say=str(Text("Evaluate it.", "進行評估。")), tool="evaluate",
                    arguments={"task": situation.name, "version": newest.name})
    return told(situation, "evaluation", message, step)


def _train(situation: Situation) -> CoachAnswer | None:
    if not situation.plan:
        return None
    message = joined(reminder(situation.task), Text(
        f"The plan {situation.plan} stands and nothing but your yes is missing. Every row's label is checked before "
        "the "
        "first step, and it can be stopped and resumed at any time.",
        f"計畫 {situation.plan} 已經寫好，只等你點頭。第一步之前會逐列檢查標籤，隨時可以停下再接續。"))
    step = NextStep(say=str(Text("Show time and memory from the plan; when they agree, train.",
                                 "先說明計畫裡的時間與記憶體；對方同意就開始訓練。")),
                    tool="train", arguments={"task": situation.name, "plan": situation.plan})
    return told(situation, "training", message, step)


def _plan(situation: Situation) -> CoachAnswer | None:
    """Before the first version: what the data looks like, what success means, then a plan."""
    if situation.trained and not situation.data_is_newer:
        return None
    if situation.trained:
        return _plan_on_new_data(situation)
    learned = joined(reminder(situation.task), _data_words(situation), *situation.warnings, *contradictions(
        rows=sum(situation.counts.values()), labels=len(situation.labels),
        threshold=situation.task.success_criteria.threshold, baseline=situation.task.success_criteria.baseline))
    decision = few_rows(situation.counts.get("train")) or _first_plan_decision(situation)
    if missing := unanswered(BEFORE_PLANNING, situation.task):
        return ask(situation, missing[0], learned, "plan", decision=decision)
    failed = [version.name for version in situation.versions if version.status() in ("failed", "cancelled")]
    again = Text(f"{listed(failed)} did not finish; this is a new attempt.",
                 f"{listed(failed)} 沒有完成，這次重新來過。")
    step = NextStep(say=str(Text("Write the plan: it shows settings with reasons, time and memory; nothing starts yet.",
                                 "先寫計畫：會列出設定與理由、時間與記憶體，還不會開始訓練。")),
                    tool="plan_training", arguments={"task": situation.name})
    return told(situation, "plan", joined(learned, again if failed else None), step, decision=decision)


def _plan_on_new_data(situation: Situation) -> CoachAnswer:
    newest = situation.trained[-1]
    message = joined(reminder(situation.task), Text(
        f"The data changed since {newest.name} was trained. ", f"{newest.name} 訓練之後，資料有變動。"),
        _data_words(situation), *situation.warnings[:1],
        Text(f"A next version on exactly {newest.name}'s settings shows what the new rows alone bring.",
             f"下一版沿用 {newest.name} 的設定，才看得出新資料本身帶來多少。"))
    say = Text("Plan it with no other change: one change at a time.", "規劃時不要再改別的：一次只改一件事。")
    step = NextStep(say=str(say), tool="plan_training", arguments={"task": situation.name, "parent": newest.name})
    return told(situation, "plan", message, step)


def _data_words(situation: Situation) -> Text:
    counts, train = situation.counts, situation.train_labels
    shown = counted(train, situation.labels)
    return Text(
        f"The data is ready: {counts.get('train', 0)} rows to train on, {counts.get('valid', 0)} to steer by, "
        f"{counts.get('test', 0)} kept for the test. Labels in training: {shown}.",
        f"資料準備好了：訓練 {counts.get('train', 0)} 筆、驗證 {counts.get('valid', 0)} 筆、"
        f"測試 {counts.get('test', 0)} 筆。訓練集的標籤：{shown}。")


def _first_plan_decision(situation: Situation) -> DecisionDue:
    train = situation.train_labels
    reasons = [Text("LoRA trains small matrices beside the frozen model: little memory, hard to forget what it knew.",
                    "LoRA 只訓練模型旁邊的小矩陣：省記憶體，也比較不會忘掉原本會的。"),
               Text("TF-IDF with logistic regression is measured beside it in any case, so nothing is lost by "
                    "starting with the model.",
                    "TF-IDF＋邏輯迴歸無論如何都會一起量，所以先做模型也不會漏掉更簡單的答案。")]
    if train and min(train.values()) and max(train.values()) / min(train.values()) > \
            situation.sources.quality.max_imbalance:
        reasons.append(Text("The labels are uneven; start without balancing, so that v1 shows whether it hurts.",
                            "標籤不平均；先不做平衡，讓 v1 告訴我們影響有多大。"))
    return DecisionDue(
        what=str(Text("How to begin", "怎麼開始")),
        options=[str(Text("A small model with LoRA (SFT)", "小模型加 LoRA（SFT）")),
                 str(Text("Full fine-tuning", "全參數微調")),
                 str(Text("Only prompting, or TF-IDF", "只用提示詞，或只用 TF-IDF"))],
        recommendation=str(Text("A small model with LoRA", "小模型加 LoRA")),
        reasons=list(map(str, reasons)),
        changes_if=str(Text("If TF-IDF turns out as good on the benchmark, take TF-IDF.",
                            "如果評估顯示 TF-IDF 一樣好，就用 TF-IDF。")),
    )
