"""After an evaluation: met, close or short of the person's own goal, and the one thing to do about it."""

from __future__ import annotations

from ...resources.answer import NextStep
from ...resources.foundation.language import Text, several
from ..evaluate.deciding import selection_effect
from .analysis import (
    Change,
    Result,
    against_the_parent,
    against_the_simplest,
    best_result,
    next_change,
    result_of,
    seen_in_training,
    where_it_stands,
)
from .answer import CoachAnswer, Question
from .answer_builder import ask, build_answer, consent, with_source
from .choosing import decision
from .closing import beside_today, cost_of_version
from .intent import Said
from .questions import DEPLOYMENT, SUCCESS, open_topics
from .situation import Situation
from .wording import benefit, join_sentences


def deciding(situation: Situation) -> CoachAnswer:
    """An evaluated version: met, close or short of the goal, and the one thing to do about it."""
    newest = result_of(situation.task, situation.trained[-1]) if situation.trained else None
    best = best_result(situation)
    if newest is None or best is None:
        step = NextStep(
            say=str(Text("Plan a training.", "先規劃訓練。")), tool="plan_training", arguments={"task": situation.name}
        )
        return build_answer(situation, "plan", benefit(situation.task), step)
    learned = [where_it_stands(newest), against_the_parent(newest), against_the_simplest(newest)]
    if best.version.number != newest.version.number:
        learned.append(
            Text(
                f"{best.version.name} is still the best so far ({best.value:.3f}).",
                f"目前最好的仍是 {best.version.name}（{best.value:.3f}）。",
            )
        )
    if too_good := selection_effect(best.version):
        learned.append(too_good.describe())
    message = join_sentences(
        benefit(situation.task),
        *learned,
        beside_today(situation.task, best),
        cost_of_version(newest.version, evaluated=True),
    )
    if best.standing == "no_goal":
        return ask(situation, SUCCESS, message, "deciding")
    if best.standing == "met" and situation.deployed_version != best.version.name:
        return _ready_to_deploy(situation, best, message)
    return improving(situation, newest, message)


def _ready_to_deploy(situation: Situation, best: Result, message: str) -> CoachAnswer:
    simple_wins = bool(best.simplest) and best.simplest is not None and best.simplest.outcome == "wins"
    doubtful = best.low is not None and best.threshold is not None and best.low < best.threshold
    deploy_it = Text(f"Deploy {best.version.name}", f"部署 {best.version.name}")
    simple = Text("Use the simple method instead", "改用簡單的方法")
    reasons = [
        Text(
            f"{best.value:.3f} on {several(best.rows, 'row')} it never saw, your goal {best.threshold:g}.",
            f"在 {best.rows} 筆沒看過的資料上得到 {best.value:.3f}，你的目標是 {best.threshold:g}。",
        )
    ]
    if doubtful:
        reasons.append(
            Text(
                f"The lower end of the interval ({best.low:.2f}) is below the goal: another set of rows might say otherwise "
                "(llm-knowledge/statistics).",
                f"信賴區間的下緣（{best.low:.2f}）低於目標：換一批資料結論可能不同（llm-knowledge/statistics）。",
            )
        )
    if seen := seen_in_training(best):
        reasons.append(seen)
    if simple_wins:
        reasons.append(
            Text(
                "The simple method scores at least as high (llm-knowledge/choosing-a-method).",
                "簡單的方法分數至少一樣高（llm-knowledge/choosing-a-method）。",
            )
        )
    due = decision(
        Text("Deploy, or improve first", "要部署，還是先再改進"),
        [deploy_it, Text("One more version first", "先再做一版"), simple],
        simple if simple_wins else deploy_it,
        reasons,
        Text(
            "If mistakes are costly in one label, look at its recall before going live.",
            "如果某個標籤判錯的代價很高，上線前先看它的召回率。",
        ),
    )
    where = open_topics((DEPLOYMENT,), situation.task)
    say = Text(
        "When they agree: the endpoint is started and asked the whole benchmark again before it counts as done.",
        "對方同意就部署：會啟動端點，並把整個評估基準再問一次，一致才算完成。",
    )
    if simple_wins:
        say = Text(
            "Ask first. The simple method it is: keep that with update_task(decision, reason), nothing is "
            "deployed. Only if they want the model all the same: this call.",
            "先問對方。要用簡單的方法，就用 update_task(decision, reason) 記下來，不必部署；還是想用模型，才呼叫這個。",
        )
    elif where:
        say = Text(
            f"{say.en} Keep where they want it with update_task (constraints.deployment).",
            f"{say.zh}對方說要放在哪裡，用 update_task 記在 constraints.deployment。",
        )
    step = NextStep(say=str(say), tool="deploy", arguments={"task": situation.name, "version": best.version.name})
    question = (
        _simple_or_model()
        if simple_wins
        else where[0].question()
        if where
        else consent(
            Text("Shall it go live?", "要上線嗎？"),
            Text(
                "It can be taken down at any time, and what was live before stays until this one answers.",
                "隨時可以下線；新的確定答得出來之前，舊的會繼續服務。",
            ),
            [Text("Yes", "好"), Text("Let me look at the report first", "我先看報告")],
            Text("Yes", "好"),
        )
    )
    return build_answer(situation, "deploy", message, step, decision=due, question=question)


def _simple_or_model() -> Question:
    return consent(
        Text(
            "Will you take the simple method, or does the model bring you something else?",
            "要改用簡單的方法嗎？還是模型有別的好處？",
        ),
        Text(
            "It costs next to nothing to run, and nobody has to look after a GPU.",
            "它幾乎不花運算資源，也不必維護 GPU。",
        ),
        [
            Text("The simple method", "用簡單的方法"),
            Text("The model: it will learn more labels later", "用模型：之後還要加標籤"),
        ],
        Text("The simple method", "用簡單的方法"),
    )


def improving(situation: Situation, result: Result, message: str) -> CoachAnswer:
    """Short of the goal: the one change to try, as the exact next call."""
    change = next_change(situation, result)
    due = decision(
        Text("What to change in the next version", "下一版要改什麼"),
        [change.what, *_other_ways(situation, result)],
        change.what,
        [*change.reasons, Text(f"Expected: {change.expected.en}", f"預期：{change.expected.zh}")],
        Text("One change at a time, so that we know what helped.", "一次只改一件事，才知道是什麼有用。"),
    )
    question = consent(
        Text("Try that one change, or stop here with what stands?", "要試這一個改動，還是先用現在的版本？"),
        Text(
            "One change for each version: only then the next result says what helped.",
            "一版只改一件事，下一次的結果才說得出是什麼有用。",
        ),
        [
            Text("Try it", "試試看"),
            Text("Show me the wrong answers first", "先讓我看答錯的"),
            Text("This is good enough", "這樣就夠用了"),
        ],
        Text("Try it", "試試看"),
    )
    return build_answer(
        situation, "deciding", message, _step_of(situation, result, change), decision=due, question=question
    )


def _other_ways(situation: Situation, result: Result) -> list[Text]:
    best = best_result(situation)
    keep = best.version.name if best else result.version.name
    ways = [Text(f"Stop here and use {keep}, the best so far", f"先到這裡，用目前最好的 {keep}")]
    if result.simplest and result.simplest.outcome == "wins":
        ways.insert(0, Text("Take the simple method", "改用簡單的方法"))
    return ways


def _step_of(situation: Situation, result: Result, change: Change) -> NextStep:
    if change.settings is not None:
        say = Text("When they agree, plan that one change.", "對方同意就規劃這一個改動。")
        return NextStep(
            say=str(say),
            tool="plan_training",
            arguments={
                "task": situation.name,
                "parent": result.version.name,
                "settings": change.settings,
                "changes": [str(change.what)],
            },
        )
    if change.call is not None and change.call["tool"] not in ("set_data_source", "coach"):
        say = Text(f"{change.what.en}; then this call.", f"{change.what.zh}；完成後呼叫這個工具。")
        return NextStep(say=str(say), tool=change.call["tool"], arguments=dict(change.call["arguments"]))
    say = Text(
        "Ask where such rows could come from; add their file (fill in the <…>), then prepare_data. The frozen "
        "benchmark stays as it is.",
        "問對方這種資料可以從哪裡來；把檔案加進來源（填好 <…>），再呼叫 prepare_data。凍結的評估基準不會變動。",
    )
    return with_source(situation, Said(), say)
