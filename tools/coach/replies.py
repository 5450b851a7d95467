"""What a person asks about a task, answered: the call that does it where it can be done, else what comes before it."""

from __future__ import annotations

import re
from collections.abc import Callable

from ...resources.foundation.language import Text
from ..deploy.target import TARGETS
from . import labelling, states
from .advice import generation_decision, generation_question, source_advice, source_decision
from .analysis import against_the_simplest, best_result, result_of, where_it_stands
from .answer import CoachAnswer, Stage
from .answer_builder import build_answer, call, chosen_version, consent, source_answer, with_source
from .choosing import few_rows, retrieval_decision, retrieval_question, rules_decision, whether_to_train
from .contradictions import contradictions, facts_of
from .deciding import improving
from .intent import Said, mentions
from .leaving import stop
from .side_questions import answer_from_knowledge, answer_monitoring, asks, other_base_model
from .situation import Situation
from .trouble import accept, bad_after_deployment, performance
from .wording import benefit, join_list, join_sentences

Reply = Callable[[Situation, Said], CoachAnswer]


def reply(situation: Situation, said: Said, opening: str = "") -> CoachAnswer:
    """The answer to what was said about this task.

    Arguments:
        opening: what to say first.
    """
    if planned := other_base_model(situation, said):
        return planned
    about = answer_from_knowledge if asks(said) else _REPLIES.get(said.intent)
    if about is None:
        return _take_recommendation(states.answer(situation, said, opening), said)
    answered = about(situation, said)
    return answered.model_copy(update={"message": join_sentences(opening, answered.message)}) if opening else answered


def _compare(situation: Situation, said: Said) -> CoachAnswer:
    evaluated = [version.name for version in situation.evaluated]
    pair = said.versions[:2] if len(said.versions) >= 2 else evaluated[-2:]
    missing = [name for name in pair if name not in evaluated]
    if len(pair) < 2:
        return states.answer(
            situation,
            opening=Text("There are not two evaluated versions to compare yet.", "還沒有兩個評估過的版本可以比較。"),
        )
    if missing:
        if missing[0] in [version.name for version in situation.trained]:
            step = call(
                "evaluate",
                Text("Evaluate it first, then compare.", "先評估，再比較。"),
                task=situation.name,
                version=missing[0],
            )
            first = Text(
                f"{missing[0]} is trained but not evaluated, so it cannot be compared yet.",
                f"{missing[0]} 訓練好了但還沒評估，先評估才能比較。",
            )
            return build_answer(situation, "evaluation", str(first), step)
        return states.answer(
            situation,
            opening=Text(
                f"{situation.name} has no evaluated {join_list(missing)}; there are: {join_list(evaluated) or 'none'}.",
                f"{situation.name} 沒有評估過的 {join_list(missing)}；目前有：{join_list(evaluated) or '沒有'}。",
            ),
        )
    message = join_sentences(
        benefit(situation.task),
        Text(
            f"{pair[0]} and {pair[1]} answered the same frozen questions, so they can be compared row by row; a difference "
            "that chance could make is called “not shown”.",
            f"{pair[0]} 和 {pair[1]} 回答過同一份凍結的題目，可以逐列比較；可能只是碰巧的差距，會說「看不出差別」。",
        ),
    )
    step = call("compare_versions", Text("Compare them.", "進行比較。"), task=situation.name, a=pair[0], b=pair[1])
    return build_answer(situation, "deciding", message, step)


def _evaluate(situation: Situation, said: Said) -> CoachAnswer:
    chosen = chosen_version(said, situation.trained)
    if chosen is None:
        return states.answer(
            situation, opening=Text("There is no trained version to evaluate yet.", "還沒有訓練好的版本可以評估。")
        )
    known = result_of(situation.task, chosen)
    message = join_sentences(
        benefit(situation.task),
        where_it_stands(known) if known else None,
        against_the_simplest(known) if known else None,
        Text(
            "Evaluating again adds a dated record; the one before stays.",
            "再評估一次會新增一筆有日期的紀錄，先前的會保留。",
        )
        if known
        else Text(f"{chosen.name} has not been measured yet.", f"{chosen.name} 還沒有量過。"),
    )
    step = call(
        "evaluate",
        Text("Evaluate it on the frozen benchmark.", "用凍結的評估基準評估。"),
        task=situation.name,
        version=chosen.name,
    )
    return build_answer(situation, "evaluation", message, step)


def _try_model(situation: Situation, said: Said) -> CoachAnswer:
    """A model that exists already, before anything is trained."""
    if situation.data is None:
        return states.answer(
            situation,
            opening=Text(
                "A model you have already can be measured as soon as there is a test set: prepare the data first.",
                "手邊已有的模型，一有測試集就能量：請先準備資料。",
            ),
        )
    message = Text(
        "Measured on the same frozen benchmark, with your prompt: if it meets the goal, nothing has to be trained. It may be "
        "in Ollama, a GGUF file, an OpenAI-compatible endpoint (url) or a base model; action='ask' only shows a few answers.",
        "用同一份凍結的評估基準、你的提示詞來量：達標就不必訓練。可以是 Ollama 裡的模型、GGUF 檔、相容 OpenAI 的端點（url）"
        "或基礎模型；action='ask' 只看幾則回答。",
    )
    return build_answer(
        situation,
        _stage(situation),
        str(message),
        call(
            "try_model",
            Text("Put in the model's name and measure it.", "填上模型名稱，量一次。"),
            task=situation.name,
            model="ollama:<name>",
            action="evaluate",
        ),
    )


def _results(situation: Situation, said: Said) -> CoachAnswer:
    """What an evaluation means; where there is none yet, the evaluation first."""
    chosen = chosen_version(said, situation.trained)
    if chosen is None or not chosen.evaluations():
        return _evaluate(situation, said)
    newest = chosen.number == situation.trained[-1].number
    return states.answer(situation) if newest else performance(situation, said)


def _deploy(situation: Situation, said: Said) -> CoachAnswer:
    best = best_result(situation)
    chosen = chosen_version(said, situation.evaluated) if said.versions else best.version if best else None
    result = result_of(situation.task, chosen) if chosen else None
    if chosen is None or result is None:
        return states.answer(
            situation,
            opening=Text(
                "Nothing unmeasured is deployed, and nothing is measured yet.",
                "沒有量過的模型不部署，目前還沒有量過的版本。",
            ),
        )
    elsewhere = mentions("elsewhere", said.message)
    if situation.serving and situation.deployed_version == chosen.name and not elsewhere:
        return states.answer(situation, opening=Text(f"{chosen.name} is live already.", f"{chosen.name} 已經上線了。"))
    if result.standing in ("gap", "close"):
        below = Text(
            f"{chosen.name} is below your own goal, so deployment is refused unless you record a reason "
            "(override_reason). My advice is to improve it first.",
            f"{chosen.name} 低於你自己訂的目標，除非寫下理由（override_reason），否則不會部署。我建議先改進。",
        )
        return improving(situation, result, join_sentences(benefit(situation.task), where_it_stands(result), below))
    message = join_sentences(
        benefit(situation.task),
        where_it_stands(result),
        against_the_simplest(result),
        Text(
            "Deploying merges the adapter, starts an OpenAI-compatible endpoint on this machine and asks it the whole "
            "benchmark again; only when it answers alike is it done. It can go to Ollama, a GGUF file, vLLM or Hugging "
            "Face instead (target).",
            "部署會合併轉接器、在這台機器啟動相容 OpenAI 的端點，再把整個評估基準問一次；回答一致才算完成。"
            "也可以改放到 Ollama、GGUF 檔、vLLM 或 Hugging Face（target）。",
        ),
    )
    named = next(
        (name for name in TARGETS.names() if re.search(rf"\b{re.escape(name)}\b", said.message, re.IGNORECASE)), None
    )
    step = call(
        "deploy",
        Text("Deploy it when they agree.", "對方同意就部署。"),
        task=situation.name,
        version=chosen.name,
        **({"target": named} if named else {}),
    )
    return build_answer(situation, "deploy", message, step)


def _undeploy(situation: Situation, _said: Said) -> CoachAnswer:
    if situation.deployment is None:
        return states.answer(situation, opening=Text("Nothing is live.", "目前沒有任何部署。"))
    message = Text(
        f"{situation.deployed_version} is live; stopping it keeps its record and its model.",
        f"{situation.deployed_version} 正在服務；停止後紀錄與模型都會保留。",
    )
    return build_answer(
        situation,
        "live",
        str(message),
        call("deploy", Text("Stop it when they agree.", "對方同意就停止。"), task=situation.name, action="undeploy"),
    )


def _progress(situation: Situation, _said: Said) -> CoachAnswer:
    if situation.job:
        return states.answer(situation)
    return states.answer(situation, opening=Text("Nothing is running at the moment.", "目前沒有工作在執行。"))


def _source(situation: Situation, said: Said) -> CoachAnswer:
    none = mentions("no_rows", said.message) or mentions("no_rows", situation.task.resources.rows)
    if said.intent == "source_help" and none and not situation.sources.sources and not said.rows:
        return states.without_rows(situation)
    facts = facts_of(situation.task, said.rows, bool(situation.data))
    message = join_sentences(benefit(situation.task), source_advice(said), *contradictions(facts))
    decision = few_rows(said.rows) or (source_decision(situation.task) if said.intent == "source_help" else None)
    return source_answer(situation, said, message, decision)


def _label(situation: Situation, said: Said) -> CoachAnswer:
    """Rows to label: where it stands; where none were fetched, how they come in."""
    if answered := labelling.label_rows(situation, said):
        return answered
    say = Text(
        "Connect the texts with unlabelled: true, then prepare_data; labelling begins there.",
        "接上文字並設 unlabelled: true，再執行 prepare_data，就可以開始標註。",
    )
    message = Text("No rows without a label were fetched yet.", "還沒有抓取任何未標註的資料。")
    return build_answer(situation, "data", str(message), with_source(situation, Said(path=said.path), say))


def _generate_data(situation: Situation, said: Said) -> CoachAnswer:
    decision = generation_decision(situation.task)
    real = bool(situation.data)
    message = join_sentences(
        benefit(situation.task),
        Text(
            "Rows written by a model can help training, never testing.", "模型寫的資料可以幫助訓練，但絕不能拿來測試。"
        ),
        Text(
            "Your real rows are already frozen as the test, so generated ones can be added."
            if real
            else "First the real rows: they become the frozen test.",
            "你的真實資料已經凍結成測試集，可以開始加入生成的資料。"
            if real
            else "先放真實資料：它們會成為凍結的測試集。",
        ),
    )
    if real and not said.path:
        return build_answer(
            situation,
            "data",
            message,
            call(
                "add_examples",
                Text(
                    "Write rows here and pass them on: each is checked, they train only, and a tenth goes into a "
                    "sheet for the person to review.",
                    "在對話裡寫好資料列再帶入：每列都會檢查、只用來訓練，並抽十分之一給人審閱。",
                ),
                task=situation.name,
                examples=[],
            ),
            question=generation_question(),
            decision=decision,
        )
    say = Text(
        "Offer to write the rows here, let the person review the CSV, fill in its path, then call this.",
        "可以提議在對話裡寫資料，由對方審閱 CSV，填上路徑後再呼叫。",
    )
    return build_answer(
        situation,
        "data",
        message,
        with_source(situation, Said(path=said.path), say),
        question=generation_question(),
        decision=decision,
    )


def _whether(situation: Situation, _said: Said) -> CoachAnswer:
    """Whether training is the cure at all: from what is measured, else from how much there is to learn from."""
    best = best_result(situation)
    rows = situation.counts.get("train") or facts_of(situation.task, None, False).rows
    message = join_sentences(
        benefit(situation.task),
        where_it_stands(best)
        if best
        else Text(
            "Nothing is measured yet, so this is judgement; the first evaluation settles it. A model you have already can be "
            "measured before any training: try_model(model='ollama:NAME', action='evaluate').",
            "還沒有量過，所以這是判斷；第一次評估就會有答案。手邊已有的模型，不用訓練就能先量："
            "try_model(model='ollama:名稱', action='evaluate')。",
        ),
    )
    step = call(
        "read_resource",
        Text(
            "Read the page, tell them what fits their case, and keep their choice with update_task(decision, reason).",
            "讀這一頁，說明哪一種適合他，再用 update_task(decision, reason) 記下選擇。",
        ),
        uri="nlp-skills://skills/llm-knowledge/choosing-a-method",
    )
    question = consent(
        Text("Which would you rather do?", "你想選哪一個？"),
        Text(
            "It is kept as a decision with its reason, so that nobody has to ask again.",
            "會連同理由記成一個決定，之後不必再問一次。",
        ),
        [
            Text("Your recommendation", "照你的建議"),
            Text("Train anyway, I want to see the difference", "還是訓練，想看差別"),
        ],
        Text("Your recommendation", "照你的建議"),
    )
    return build_answer(
        situation, _stage(situation), message, step, question=question, decision=whether_to_train(rows, best)
    )


def _rules(situation: Situation, said: Said) -> CoachAnswer:
    answered = _whether(situation, said)
    return answered.model_copy(update={"decision": rules_decision(best_result(situation))})


def _errors(situation: Situation, said: Said) -> CoachAnswer:
    """Where the wrong answers can be read."""
    version = chosen_version(said, situation.evaluated)
    if version is None:
        return states.answer(
            situation, opening=Text("There are no measured answers to look at yet.", "還沒有量過的答案可以看。")
        )
    page = version.report_file
    where = (
        Text(
            f"The wrong answers stand in {page}, to be opened in a browser.",
            f"答錯的句子都在 {page}，用瀏覽器打開就能看。",
        )
        if page.is_file()
        else Text(f"Every answer stands in {version.predictions_file}.", f"每一個答案都在 {version.predictions_file}。")
    )
    question = consent(
        Text(
            "Reading twenty of them: is it the model that is wrong, or sometimes the label?",
            "看個二十筆：是模型錯，還是有些標籤本來就標錯？",
        ),
        Text(
            "Wrong labels are fixed in the data, not by training (llm-knowledge/trouble-label-noise).",
            "標錯的要改資料，訓練救不了（llm-knowledge/trouble-label-noise）。",
        ),
        [
            Text("Five of twenty are wrongly labelled", "二十筆裡有五筆是標錯"),
            Text("The model, nearly always", "幾乎都是模型錯"),
        ],
        Text("The model", "模型錯"),
    )
    return build_answer(
        situation,
        "deciding",
        str(where),
        call(
            "diagnose",
            Text("Then diagnose: it ranks the causes with their figures.", "接著診斷：把原因連同數字排序。"),
            task=situation.name,
            version=version.name,
        ),
        question=question,
    )


def _take_recommendation(answered: CoachAnswer, said: Said) -> CoachAnswer:
    """They leave it to the coach ("whatever you think"): then its recommendation is taken, and said so."""
    if not said.unsure or answered.next_step.tool not in _TAKEN:
        return answered
    taken = Text("Then I go by my recommendation.", "那就照我的建議走。")
    return answered.model_copy(update={"message": join_sentences(taken, answered.message)})


_TAKEN = ("prepare_data", "plan_training", "train", "evaluate", "deploy", "manage_job")


def _retrieval(situation: Situation, _said: Said) -> CoachAnswer:
    message = join_sentences(
        benefit(situation.task),
        Text(
            "Questions about documents that change are better looked up than trained.",
            "會變動的文件內容，用檢索比用訓練好。",
        ),
    )
    step = call(
        "update_task",
        Text("Record what they decide, in their words.", "把對方的決定用他的話記下來。"),
        task=situation.name,
        decision="<what they decide>",
        reason="<why>",
    )
    return build_answer(
        situation, _stage(situation), message, step, question=retrieval_question(), decision=retrieval_decision()
    )


def _reproduce(situation: Situation, said: Said) -> CoachAnswer:
    chosen = chosen_version(said, situation.trained)
    if chosen is None:
        return states.answer(
            situation, opening=Text("There is no trained version to reproduce yet.", "還沒有訓練好的版本可以重現。")
        )
    message = Text(
        f"{chosen.name} is replayed from its snapshot: same rows, same settings, same seed; what differs, "
        "if "
        "anything does, is named.",
        f"會用 {chosen.name} 的快照重跑：同樣的資料、設定與種子；若有不同，會指出是哪裡。",
    )
    return build_answer(
        situation,
        "deciding",
        str(message),
        call(
            "reproduce",
            Text("Reproduce it; it takes as long as the training did.", "進行重現；時間和當初訓練差不多。"),
            task=situation.name,
            version=chosen.name,
        ),
    )


def _lineage(situation: Situation, _said: Said) -> CoachAnswer:
    message = Text(
        "Each version's parent, data, settings, results and changes are on record.",
        "每個版本的上一版、資料、設定、結果與改動都有紀錄。",
    )
    return build_answer(
        situation,
        _stage(situation),
        str(message),
        call(
            "read_resource",
            Text("Read it out.", "讀出來給對方看。"),
            uri=f"nlp-skills://tasks/{situation.name}/lineage",
        ),
    )


def _generate_project(situation: Situation, _said: Said) -> CoachAnswer:
    message = Text(
        f"The task is a project of its own in {situation.folder.root}: six scripts run without this server.",
        f"這個任務本身就是完整的專案，位於 {situation.folder.root}：六支腳本不需要這個伺服器也能執行。",
    )
    return build_answer(
        situation,
        _stage(situation),
        str(message),
        call(
            "manage_task",
            Text("Write or renew its files; what was edited by hand is kept.", "產生或更新檔案；手動改過的會保留。"),
            task=situation.name,
            action="generate",
        ),
    )


def _setup(situation: Situation, _said: Said) -> CoachAnswer:
    return build_answer(
        situation,
        _stage(situation),
        str(_SETUP),
        call(
            "set_up",
            Text("Show the size; build it when they agree.", "先說明大小，對方同意再建置。"),
            what="environment",
        ),
    )


_SETUP = Text(
    "Training runs in an environment of its own (PyTorch and the training libraries, about 2 GB on a CPU).",
    "訓練會在獨立的環境執行（PyTorch 與訓練函式庫，CPU 版約 2 GB）。",
)


def _stage(situation: Situation) -> Stage:
    return states.answer(situation).stage


_REPLIES: dict[str, Reply] = {
    "compare": _compare,
    "evaluate": _evaluate,
    "results": _results,
    "deploy": _deploy,
    "undeploy": _undeploy,
    "progress": _progress,
    "try_model": _try_model,
    "stop": stop,
    "database": _source,
    "file": _source,
    "api": _source,
    "web": _source,
    "source_help": _source,
    "generate_data": _generate_data,
    "label": _label,
    "retrieval": _retrieval,
    "performance": performance,
    "deployed_bad": bad_after_deployment,
    "accept": accept,
    "errors": _errors,
    "whether": _whether,
    "rules": _rules,
    "reproduce": _reproduce,
    **dict.fromkeys(("archive", "roll_back", "export", "clone"), answer_monitoring),
    "lineage": _lineage,
    "generate_project": _generate_project,
    "setup": _setup,
}
