"""Something is not good enough: in the test, or only since it is in use."""

from __future__ import annotations

from ...resources.answer import NextStep
from ...resources.figures import figure
from ...resources.foundation.language import Text
from ...resources.version import VersionFolder
from . import states
from .analysis import Result, against_the_parent, against_the_simplest, result_of, where_it_stands
from .answer import CoachAnswer, Question
from .answer_builder import build_answer, call, chosen_version, consent
from .choosing import decision
from .intent import Said, mentions
from .situation import Situation
from .texts.reading import Texts
from .wording import benefit, join_sentences

_text = Texts("trouble")

_LONGEST_COMPLAINT = 300


def performance(situation: Situation, said: Said) -> CoachAnswer:
    """A complaint about results: what the figures say, then the diagnosis, which names one change."""
    version = chosen_version(said, situation.evaluated)
    result = result_of(situation.task, version) if version else None
    if situation.job and situation.job.active:
        return states.answer(situation)
    if version is None or result is None:
        first = _text("performance.nothing_measured_yet")
        return states.answer(situation, opening=first if situation.data or situation.trained else "")
    if situation.deployment and result.standing == "met":
        return bad_after_deployment(situation, said)
    message = join_sentences(
        benefit(situation.task),
        where_it_stands(result),
        against_the_parent(result),
        against_the_simplest(result),
        _text("performance.before_anything_changed"),
    )
    question = Question(
        field="complaint",
        ask=str(_text("performance.which_answers_bother"))
        if _may_show(situation)
        else str(_text("performance.which_label_which")),
        why=str(_text("performance.one_real_mistake")),
        examples=[
            str(_text("performance.mails_complain_politely")),
            str(_text("performance.other_swallows_everything")),
        ],
        default=str(_text("performance.all_just_look")),
    )
    return build_answer(situation, "deciding", message, _diagnose(situation, version, said), question=question)


def bad_after_deployment(situation: Situation, said: Said) -> CoachAnswer:
    """Good in the test, bad in use: the one question that tells the causes apart, then the diagnosis."""
    live = situation.deployed_version or ""
    running = [one for one in situation.evaluated if one.name == live and not said.versions]
    version = running[0] if running else chosen_version(said, situation.evaluated)
    result = result_of(situation.task, version) if version else None
    if version is None or result is None:
        return states.answer(situation, opening=_text("bad_after_deployment.no_version_measured"))
    elsewhere = mentions("elsewhere", said.message, situation.task.constraints.deployment) or not situation.deployment
    more = figure("new_rows_for_version")
    due = decision(
        _text("bad_after_deployment.where_difference_comes"),
        [
            _text("bad_after_deployment.other_program_asks"),
            _text("bad_after_deployment.texts_use_differ"),
            _text("bad_after_deployment.test_too_easy"),
        ],
        _text("bad_after_deployment.check_template_quantization")
        if elsewhere
        else _text("bad_after_deployment.compare_failing_texts"),
        [
            _text("bad_after_deployment.another_template_most")
            if elsewhere
            else _text("bad_after_deployment.endpoint_answered_whole"),
            _text("bad_after_deployment.whatever_cause_answers", more=more),
        ],
        _text("bad_after_deployment.if_same_text"),
    )
    message = join_sentences(
        benefit(situation.task), where_it_stands(result), _text("bad_after_deployment.good_bad_use")
    )
    return build_answer(
        situation,
        "live" if situation.deployment else "deciding",
        message,
        _diagnose(situation, version, said),
        question=_which_of_three(elsewhere),
        decision=due,
    )


def _which_of_three(elsewhere: bool) -> Question:
    if elsewhere:
        return _text.question("which_of_three.question", field="complaint")
    return _text.question("which_of_three.question_what_different_about", field="complaint")


def _diagnose(situation: Situation, version: VersionFolder, said: Said) -> NextStep:
    complaint = {"complaint": said.message[:_LONGEST_COMPLAINT]} if said.message else {}
    return call("diagnose", _text("diagnose.ask_then_diagnose"), task=situation.name, version=version.name, **complaint)


def _may_show(situation: Situation) -> bool:
    return situation.task.constraints.privacy != "on-premise"


def accept(situation: Situation, said: Said) -> CoachAnswer:
    """They take what stands, below the goal or not: an honest record of why, then into use."""
    version = chosen_version(said, situation.evaluated)
    result = result_of(situation.task, version) if version else None
    if version is None or result is None:
        return states.answer(situation, opening=_text("accept.nothing_measured_yet"))
    if result.standing in ("met", "no_goal"):
        return _deploy_it(situation, result, {}, Text("", ""))
    return _deploy_it(
        situation,
        result,
        {"override_reason": "<why it is good enough, in their words>"},
        _text("accept.decide_what_enough"),
    )


def _deploy_it(situation: Situation, result: Result, more: dict[str, str], why: Text) -> CoachAnswer:
    question = consent(
        _text("deploy_it.one_sentence_why") if more else _text("deploy_it.shall_go_live"),
        _text("deploy_it.half_year_somebody"),
        [_text("deploy_it.only_sorts_queue"), _text("deploy_it.better_than_nothing")],
        _text("deploy_it.good_enough_trial"),
    )
    step = call(
        "deploy",
        _text("deploy_it.fill_reason_deploy") if more else _text("deploy_it.deploy_agree"),
        task=situation.name,
        version=result.version.name,
        **more,
    )
    return build_answer(
        situation,
        "deploy",
        join_sentences(benefit(situation.task), where_it_stands(result), why),
        step,
        question=question,
    )
