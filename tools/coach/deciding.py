"""After an evaluation: met, close or short of the person's own goal, and the one thing to do about it."""

from __future__ import annotations

from ...resources.answer import NextStep
from ...resources.foundation.language import Text, number_of
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
from .answer import CoachAnswer
from .answer_builder import ask, build_answer, with_source
from .choosing import decision
from .closing import beside_today, cost_of_version
from .intent import Said
from .questions import DEPLOYMENT, SUCCESS, open_topics
from .situation import Situation
from .texts.reading import Texts
from .wording import benefit, join_sentences

_text = Texts("deciding")


def deciding(situation: Situation) -> CoachAnswer:
    """An evaluated version: met, close or short of the goal, and the one thing to do about it."""
    newest = result_of(situation.task, situation.trained[-1]) if situation.trained else None
    best = best_result(situation)
    if newest is None or best is None:
        step = NextStep(
            say=str(_text("deciding.plan_training")), tool="plan_training", arguments={"task": situation.name}
        )
        return build_answer(situation, "plan", benefit(situation.task), step)
    learned = [where_it_stands(newest), against_the_parent(newest), against_the_simplest(newest)]
    if best.version.number != newest.version.number:
        learned.append(_text("deciding.still_best_far", version=best.version.name, value=best.value))
    if too_good := selection_effect(best.version):
        learned.append(too_good.describe())
    message = join_sentences(
        benefit(situation.task),
        *learned,
        beside_today(situation.task, best),
        cost_of_version(newest.version, evaluated=True),
    )
    if best.standing == "no_goal" and best.unmeasured is None:
        return ask(situation, SUCCESS, message, "deciding")
    if best.standing == "met" and situation.deployed_version != best.version.name:
        return _ready_to_deploy(situation, best, message)
    return improving(situation, newest, message)


def _ready_to_deploy(situation: Situation, best: Result, message: str) -> CoachAnswer:
    simple_wins = bool(best.simplest) and best.simplest is not None and best.simplest.outcome == "wins"
    doubtful = best.low is not None and best.threshold is not None and best.low < best.threshold
    deploy_it = _text("ready_to_deploy.deploy", version=best.version.name)
    simple = _text("ready_to_deploy.use_simple_method")
    reasons = [
        _text(
            "ready_to_deploy.never_saw_goal",
            value=best.value,
            rows=number_of(best.rows, "row"),
            threshold=best.threshold,
        )
    ]
    if doubtful:
        reasons.append(_text("ready_to_deploy.lower_end_interval", low=best.low))
    if seen := seen_in_training(best):
        reasons.append(seen)
    if simple_wins:
        reasons.append(_text("ready_to_deploy.simple_method_scores"))
    due = decision(
        _text("ready_to_deploy.deploy_improve_first"),
        [deploy_it, _text("ready_to_deploy.one_more_version"), simple],
        simple if simple_wins else deploy_it,
        reasons,
        _text("ready_to_deploy.if_mistakes_costly"),
    )
    where = open_topics((DEPLOYMENT,), situation.task)
    say = _text("ready_to_deploy.agree_endpoint_started")
    if simple_wins:
        say = _text("ready_to_deploy.ask_first_simple")
    elif where:
        say = _text("ready_to_deploy.keep_where_want", say=say)
    step = NextStep(say=str(say), tool="deploy", arguments={"task": situation.name, "version": best.version.name})
    question = (
        _text.question("simple_or_model.question")
        if simple_wins
        else where[0].question()
        if where
        else _text.question("ready_to_deploy.question")
    )
    return build_answer(situation, "deploy", message, step, decision=due, question=question)


def improving(situation: Situation, result: Result, message: str) -> CoachAnswer:
    """Short of the goal: the one change to try, as the exact next call."""
    change = next_change(situation, result)
    due = decision(
        _text("improving.what_change_next"),
        [change.what, *_other_ways(situation, result)],
        change.what,
        [*change.reasons, _text("improving.expected", expected=change.expected)],
        _text("improving.one_change_time"),
    )
    question = _text.question("improving.question")
    return build_answer(
        situation, "deciding", message, _step_of(situation, result, change), decision=due, question=question
    )


def _other_ways(situation: Situation, result: Result) -> list[Text]:
    best = best_result(situation)
    keep = best.version.name if best else result.version.name
    ways = [_text("other_ways.stop_use_best", keep=keep)]
    if result.simplest and result.simplest.outcome == "wins":
        ways.insert(0, _text("other_ways.take_simple_method"))
    return ways


def _step_of(situation: Situation, result: Result, change: Change) -> NextStep:
    if change.settings is not None:
        say = _text("step_of.agree_plan_one")
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
        say = _text("step_of.then_call", what=change.what)
        return NextStep(say=str(say), tool=change.call["tool"], arguments=dict(change.call["arguments"]))
    say = _text("step_of.ask_where_such")
    return with_source(situation, Said(), say)
