"""After an evaluation: met, close or short of the person's own goal, and the one thing to do about it."""

from __future__ import annotations

from ...resources.answer import NextStep
from ...resources.language import Text
from .analysis import (
    Change,
    Result,
    against_the_parent,
    against_the_simplest,
    best_result,
    next_change,
    result_of,
    where_it_stands,
)
from .answer import CoachAnswer, DecisionDue
from .intents import Said
from .questions import SUCCESS
from .situation import Situation
from .telling import ask, told, with_source
from .wording import joined, reminder


def deciding(situation: Situation) -> CoachAnswer:
    """An evaluated version: met, close or short of the goal, and the one thing to do about it."""
    newest = result_of(situation.task, situation.trained[-1]) if situation.trained else None
    best = best_result(situation)
    if newest is None or best is None:
        step = NextStep(say=str(Text("Plan a training.", "先規劃訓練。")), tool="plan_training",
                        arguments={"task": situation.name})
        return told(situation, "plan", reminder(situation.task), step)
    learned = [where_it_stands(newest), against_the_parent(newest), against_the_simplest(newest)]
    if best.version.number != newest.version.number:
        learned.append(Text(f"{best.version.name} is still the best so far ({best.value:.3f}).",
                            f"目前最好的仍是 {best.version.name}（{best.value:.3f}）。"))
    message = joined(reminder(situation.task), *learned)
    if best.standing == "no_goal":
        return ask(situation, SUCCESS, message, "deciding")
    if best.standing == "met" and (situation.deployment or {}).get("version") != best.version.name:
        return _ready_to_deploy(situation, best, message)
    return improving(situation, newest, message)


def _ready_to_deploy(situation: Situation, best: Result, message: str) -> CoachAnswer:
    simple_wins = bool(best.simplest) and best.simplest is not None and best.simplest["outcome"] == "wins"
    doubtful = best.low is not None and best.threshold is not None and best.low < best.threshold
    deploy_it = Text(f"Deploy {best.version.name}", f"部署 {best.version.name}")
    simple = Text("Use the simple method instead", "改用簡單的方法")
    reasons = [where_it_stands(best)]
    if doubtful:
        reasons.append(Text(f"The lower end of the interval ({best.low:.2f}) is below the goal: another set of rows "
                            "might say otherwise.",
                            f"信賴區間的下緣（{best.low:.2f}）低於目標：換一批資料結論可能不同。"))
    decision = DecisionDue(
        what=str(Text("Deploy, or improve first", "要部署，還是先再改進")),
        options=[str(deploy_it), str(Text("One more version first", "先再做一版")), str(simple)],
        recommendation=str(simple if simple_wins else deploy_it), reasons=list(map(str, reasons)),
        changes_if=str(Text("If mistakes are costly in one label, look at its recall before going live.",
                            "如果某個標籤判錯的代價很高，上線前先看它的召回率。")),
    )
    say = Text("When they agree: the endpoint is started and asked the whole benchmark again before it counts as done.",
               "對方同意就部署：會啟動端點，並把整個評估基準再問一次，一致才算完成。")
    step = NextStep(say=str(say), tool="deploy", arguments={"task": situation.name, "version": best.version.name})
    return told(situation, "deploy", message, step, decision=decision)


def improving(situation: Situation, result: Result, message: str) -> CoachAnswer:
    """Short of the goal: the one change to try, as the exact next call."""
    change = next_change(situation, result)
    decision = DecisionDue(
        what=str(Text("What to change in the next version", "下一版要改什麼")),
        options=[str(change.what), *_other_ways(result)], recommendation=str(change.what),
        reasons=[*map(str, change.reasons), str(Text(f"Expected: {change.expected.en}",
                                                     f"預期：{change.expected.zh}"))],
        changes_if=str(Text("One change at a time, so that we know what helped.",
                            "一次只改一件事，才知道是什麼有用。")),
    )
    return told(situation, "deciding", message, _step_of(situation, result, change), decision=decision)


def _other_ways(result: Result) -> list[str]:
    ways = [Text("Stop here and use what stands", "先到這裡，用現有的版本")]
    if result.simplest and result.simplest["outcome"] == "wins":
        ways.insert(0, Text("Take the simple method", "改用簡單的方法"))
    return list(map(str, ways))


def _step_of(situation: Situation, result: Result, change: Change) -> NextStep:
    if change.settings is not None:
        say = Text("When they agree, plan that one change.", "對方同意就規劃這一個改動。")
        return NextStep(say=str(say), tool="plan_training", arguments={
            "task": situation.name, "parent": result.version.name, "settings": change.settings,
            "changes": [str(change.what)]})
    say = Text("Ask where such rows could come from; add their file (fill in the <…>), then prepare_data. The frozen "
               "benchmark stays as it is.",
               "問對方這種資料可以從哪裡來；把檔案加進來源（填好 <…>），再呼叫 prepare_data。凍結的評估基準不會變動。")
    return with_source(situation, Said(), say)
