"""What a person asks about a task, answered: the call that does it where it can be done, else what comes before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...resources.answer import NextStep
from ...resources.language import Text
from ...resources.version import VersionFolder
from . import states
from .advice import (
    few_rows,
    generation_decision,
    generation_question,
    retrieval_decision,
    retrieval_question,
    source_advice,
)
from .analysis import against_the_parent, against_the_simplest, best_result, result_of, where_it_stands
from .answer import CoachAnswer, Stage
from .deciding import improving
from .intents import Said
from .situation import Situation
from .telling import source_answer, told, with_source
from .wording import joined, listed, reminder

Reply = Callable[[Situation, Said], CoachAnswer]


def reply(situation: Situation, said: Said, opening: str = "") -> CoachAnswer:
    """The answer to what was said about this task.

    Arguments:
        opening: what to say first.
    """
    about = _REPLIES.get(said.intent)
    if about is None:
        return states.answer(situation, opening)
    answered = about(situation, said)
    return answered.model_copy(update={"message": joined(opening, answered.message)}) if opening else answered


def call(tool: str, say: Text, **arguments: Any) -> NextStep:
    return NextStep(say=str(say), tool=tool, arguments=arguments)


def _compare(situation: Situation, said: Said) -> CoachAnswer:
    evaluated = [version.name for version in situation.evaluated]
    pair = said.versions[:2] if len(said.versions) >= 2 else evaluated[-2:]
    missing = [name for name in pair if name not in evaluated]
    if len(pair) < 2:
        return states.answer(situation, Text("There are not two evaluated versions to compare yet.",
                                             "還沒有兩個評估過的版本可以比較。"))
    if missing:
        if missing[0] in [version.name for version in situation.trained]:
            step = call("evaluate", Text("Evaluate it first, then compare.", "先評估，再比較。"),
                        task=situation.name, version=missing[0])
            first = Text(f"{missing[0]} is trained but not evaluated, so it cannot be compared yet.",
                           f"{missing[0]} 訓練好了但還沒評估，先評估才能比較。")
            return told(situation, "evaluation", str(first), step)
        return states.answer(situation, Text(
            f"{situation.name} has no evaluated {listed(missing)}; there are: {listed(evaluated) or 'none'}.",
            f"{situation.name} 沒有評估過的 {listed(missing)}；目前有：{listed(evaluated) or '沒有'}。"))
    message = joined(reminder(situation.task), Text(
        f"{pair[0]} and {pair[1]} answered the same frozen questions, so they can be compared row by row; a difference "
        "that chance could make is called “not shown”.",
        f"{pair[0]} 和 {pair[1]} 回答過同一份凍結的題目，可以逐列比較；可能只是碰巧的差距，會說「看不出差別」。"))
    step = call("compare_versions", Text("Compare them.", "進行比較。"), task=situation.name, a=pair[0], b=pair[1])
    return told(situation, "deciding", message, step)


def _evaluate(situation: Situation, said: Said) -> CoachAnswer:
    chosen = _chosen(situation, said, situation.trained)
    if chosen is None:
        return states.answer(situation, Text("There is no trained version to evaluate yet.",
                                             "還沒有訓練好的版本可以評估。"))
    known = result_of(situation.task, chosen)
    message = joined(reminder(situation.task), where_it_stands(known) if known else None,
                     against_the_simplest(known) if known else None,
                     Text("Evaluating again adds a dated record; the one before stays.",
                          "再評估一次會新增一筆有日期的紀錄，先前的會保留。")
                     if known else Text(f"{chosen.name} has not been measured yet.", f"{chosen.name} 還沒有量過。"))
    step = call("evaluate", Text("Evaluate it on the frozen benchmark.", "用凍結的評估基準評估。"), task=situation.name,
                version=chosen.name)
    return told(situation, "evaluation", message, step)


def _results(situation: Situation, said: Said) -> CoachAnswer:
    """What an evaluation means; where there is none yet, the evaluation first."""
    chosen = _chosen(situation, said, situation.trained)
    if chosen is None or not chosen.evaluations():
        return _evaluate(situation, said)
    return _performance(situation, said) if said.versions else states.answer(situation)


def _deploy(situation: Situation, said: Said) -> CoachAnswer:
    best = best_result(situation)
    chosen = _chosen(situation, said, situation.evaluated) if said.versions else best.version if best else None
    result = result_of(situation.task, chosen) if chosen else None
    if chosen is None or result is None:
        return states.answer(situation, Text("Nothing unmeasured is deployed, and nothing is measured yet.",
                                             "沒有量過的模型不部署，目前還沒有量過的版本。"))
    if result.standing in ("gap", "close"):
        below = Text(f"{chosen.name} is below your own goal, so deployment is refused unless you record a reason "
                     "(override_reason). My advice is to improve it first.",
                     f"{chosen.name} 低於你自己訂的目標，除非寫下理由（override_reason），否則不會部署。我建議先改進。")
        return improving(situation, result, joined(reminder(situation.task), where_it_stands(result), below))
    message = joined(reminder(situation.task), where_it_stands(result), against_the_simplest(result), Text(
        "Deploying merges the adapter, starts an OpenAI-compatible endpoint on this machine and asks it the whole "
        "benchmark again; only when it answers alike is it done.",
        "部署會合併轉接器、在這台機器啟動相容 OpenAI 的端點，再把整個評估基準問一次；回答一致才算完成。"))
    step = call("deploy", Text("Deploy it when they agree.",
                "對方同意就部署。"), task=situation.name, version=chosen.name)
    return told(situation, "deploy", message, step)


def _undeploy(situation: Situation, _said: Said) -> CoachAnswer:
    if situation.deployment is None:
        return states.answer(situation, Text("Nothing is live.", "目前沒有任何部署。"))
    message = Text(f"{situation.deployment.get('version')} is live; stopping it keeps its record and its model.",
                   f"{situation.deployment.get('version')} 正在服務；停止後紀錄與模型都會保留。")
    return told(situation, "live", str(message),
                call("undeploy", Text("Stop it when they agree.", "對方同意就停止。"), task=situation.name))


def _progress(situation: Situation, _said: Said) -> CoachAnswer:
    if situation.job:
        return states.answer(situation)
    return states.answer(situation, Text("Nothing is running at the moment.", "目前沒有工作在執行。"))


def _stop(situation: Situation, _said: Said) -> CoachAnswer:
    if situation.job and situation.job.active:
        running = Text(f"{situation.job.name.en} is running. Stopping it loses nothing: it can be resumed later.",
                       f"{situation.job.name.zh}正在進行。停下來不會遺失任何東西，之後可以接續。")
        step = call("cancel_job", Text("Stop it when they agree.", "對方同意就停止。"), job_id=situation.job.id)
        return told(situation, "training", str(running), step)
    best = best_result(situation)
    message = joined(reminder(situation.task), where_it_stands(best) if best else None, Text(
        f"Stopping here is fine: everything stays in {situation.folder.root}, with how it came about, and can be taken "
        "up again any day.",
        f"停在這裡沒問題：所有東西和來龍去脈都留在 {situation.folder.root}，哪天想繼續都可以。"))
    step = call("update_task", Text("Put it away if they like (note why); nothing is deleted.",
                                    "要的話把任務封存並記下原因，不會刪除任何東西。"),
                task=situation.name, archived=True, note="<why we stop, in their words>")
    return told(situation, _stage(situation), message, step)


def _source(situation: Situation, said: Said) -> CoachAnswer:
    message = joined(reminder(situation.task), source_advice(said))
    return source_answer(situation, said, message, few_rows(said.rows))


def _generate_data(situation: Situation, said: Said) -> CoachAnswer:
    decision = generation_decision(situation.task)
    real = bool(situation.data)
    message = joined(reminder(situation.task), Text(
        "Rows written by a model can help training, never testing.",
        "模型寫的資料可以幫助訓練，但絕不能拿來測試。"), Text(
        "Your real rows are already frozen as the test, so generated ones can be added." if real else
        "First the real rows: they become the frozen test.",
        "你的真實資料已經凍結成測試集，可以開始加入生成的資料。" if real else "先放真實資料：它們會成為凍結的測試集。"))
    say = Text("Offer to write the rows here, let the person review the CSV, fill in its path, then call this.",
               "可以提議在對話裡寫資料，由對方審閱 CSV，填上路徑後再呼叫。")
    return told(situation, "data", message, with_source(situation, Said(path=said.path), say),
                question=generation_question(), decision=decision)


def _retrieval(situation: Situation, _said: Said) -> CoachAnswer:
    message = joined(reminder(situation.task), Text("Questions about documents that change are better looked up than "
                                                    "trained.", "會變動的文件內容，用檢索比用訓練好。"))
    step = call("update_task", Text("Record what they decide, in their words.", "把對方的決定用他的話記下來。"),
                task=situation.name, decision="<what they decide>", reason="<why>")
    return told(situation, _stage(situation), message, step, question=retrieval_question(),
                decision=retrieval_decision())


def _performance(situation: Situation, said: Said) -> CoachAnswer:
    """Something is not good enough: what the figures say, and the one change to try."""
    chosen = _chosen(situation, said, situation.evaluated)
    result = result_of(situation.task, chosen) if chosen else None
    if result is None or (situation.job and situation.job.active):
        return states.answer(situation)
    if situation.deployment and result.standing == "met":
        message = joined(reminder(situation.task), where_it_stands(result), Text(
            "When it does well on the benchmark and badly in life, life sends texts the data does not hold. Collect "
            "what it got wrong, with the right labels: that file is the next version's data, and a second benchmark.",
            "評估時好、實際用起來不好，通常表示實際的文字和資料不一樣。把答錯的句子連同正確標籤收集起來："
            "它就是下一版的資料，也可以當第二份評估基準。"))
        say = Text("Fill in the file of corrected rows, then call this.", "填上更正資料的檔案，再呼叫。")
        return told(situation, "deciding", message, with_source(situation, Said(), say))
    message = joined(reminder(situation.task), where_it_stands(result), against_the_parent(result),
                     against_the_simplest(result))
    return improving(situation, result, message)


def _reproduce(situation: Situation, said: Said) -> CoachAnswer:
    chosen = _chosen(situation, said, situation.trained)
    if chosen is None:
        return states.answer(situation, Text("There is no trained version to reproduce yet.",
                                             "還沒有訓練好的版本可以重現。"))
    message = Text(f"{chosen.name} is replayed from its snapshot: same rows, same settings, same seed; what differs, "
                   "if "
                   "anything does, is named.",
                   f"會用 {chosen.name} 的快照重跑：同樣的資料、設定與種子；若有不同，會指出是哪裡。")
    return told(situation, "deciding", str(message), call(
        "reproduce", Text("Reproduce it; it takes as long as the training did.", "進行重現；時間和當初訓練差不多。"),
        task=situation.name, version=chosen.name))


def _lineage(situation: Situation, _said: Said) -> CoachAnswer:
    message = Text("Each version's parent, data, settings, results and changes are on record.",
                   "每個版本的上一版、資料、設定、結果與改動都有紀錄。")
    return told(situation, _stage(situation), str(message), call(
        "read_resource", Text("Read it out.", "讀出來給對方看。"), uri=f"nlp-skills://tasks/{situation.name}/lineage"))


def _generate_project(situation: Situation, _said: Said) -> CoachAnswer:
    message = Text(f"The task is a project of its own in {situation.folder.root}: six scripts run without this server.",
                   f"這個任務本身就是完整的專案，位於 {situation.folder.root}：六支腳本不需要這個伺服器也能執行。")
    return told(situation, _stage(situation), str(message), call(
        "generate_project", Text("Write or renew its files; what was edited by hand is kept.",
                                 "產生或更新檔案；手動改過的會保留。"), task=situation.name))


def _setup(situation: Situation, _said: Said) -> CoachAnswer:
    return told(situation, _stage(situation), str(_SETUP), call(
        "set_up", Text("Show the size; build it when they agree.", "先說明大小，對方同意再建置。"), what="environment"))


_SETUP = Text("Training runs in an environment of its own (PyTorch and the training libraries, about 2 GB on a CPU).",
              "訓練會在獨立的環境執行（PyTorch 與訓練函式庫，CPU 版約 2 GB）。")


def _chosen(situation: Situation, said: Said, offered: list[VersionFolder]) -> VersionFolder | None:
    """The named version where it is offered, else the newest offered one."""
    named = [version for version in offered if version.name in said.versions]
    if named or said.versions:
        return named[0] if named else None
    return offered[-1] if offered else None


def _stage(situation: Situation) -> Stage:
    return states.answer(situation).stage


_REPLIES: dict[str, Reply] = {
    "compare": _compare, "evaluate": _evaluate, "results": _results, "deploy": _deploy, "undeploy": _undeploy,
    "progress": _progress,
    "stop": _stop, "database": _source, "file": _source, "api": _source, "web": _source, "source_help": _source,
    "generate_data": _generate_data, "retrieval": _retrieval, "performance": _performance, "reproduce": _reproduce,
    "lineage": _lineage, "generate_project": _generate_project, "setup": _setup,
}
