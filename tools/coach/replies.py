"""What a person asks about a task, answered: the call that does it where it can be done, else what comes before it."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..deploy.target import TARGETS
from . import labelling, states
from .advice import generation_decision, generation_question, source_advice, source_decision
from .analysis import against_the_simplest, best_result, result_of, where_it_stands
from .answer import CoachAnswer, Stage
from .answer_builder import build_answer, call, chosen_version, source_answer, with_source
from .choosing import few_rows, retrieval_decision, retrieval_question, rules_decision, whether_to_train
from .contradictions import contradictions, facts_of
from .deciding import improving
from .intent import Said, mentions
from .leaving import stop
from .side_questions import answer_from_knowledge, answer_monitoring, asks, other_base_model
from .situation import Situation
from .texts.reading import Texts
from .trouble import accept, bad_after_deployment, performance
from .wording import benefit, join_list, join_sentences

_text = Texts("replies")

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
        return states.answer(situation, opening=_text("compare.not_two_evaluated"))
    if missing:
        there = join_list(evaluated) or _text("compare.none")
        if missing[0] in [version.name for version in situation.trained]:
            step = call("evaluate", _text("compare.evaluate_first_then"), task=situation.name, version=missing[0])
            first = _text("compare.trained_but_not", first=missing[0])
            return build_answer(situation, "evaluation", str(first), step)
        return states.answer(
            situation,
            opening=_text("compare.no_evaluated", task=situation.name, missing=join_list(missing), there=there),
        )
    message = join_sentences(
        benefit(situation.task), _text("compare.answered_same_frozen", first=pair[0], second=pair[1])
    )
    step = call("compare_versions", _text("compare.compare"), task=situation.name, a=pair[0], b=pair[1])
    return build_answer(situation, "deciding", message, step)


def _evaluate(situation: Situation, said: Said) -> CoachAnswer:
    chosen = chosen_version(said, situation.trained)
    if chosen is None:
        return states.answer(situation, opening=_text("evaluate.no_trained_version"))
    known = result_of(situation.task, chosen)
    message = join_sentences(
        benefit(situation.task),
        where_it_stands(known) if known else None,
        against_the_simplest(known) if known else None,
        _text("evaluate.evaluating_again_adds") if known else _text("evaluate.not_measured_yet", version=chosen.name),
    )
    step = call("evaluate", _text("evaluate.evaluate_frozen_benchmark"), task=situation.name, version=chosen.name)
    return build_answer(situation, "evaluation", message, step)


def _try_model(situation: Situation, said: Said) -> CoachAnswer:
    """A model that exists already, before anything is trained."""
    if situation.data is None:
        return states.answer(situation, opening=_text("try_model.model_already_can"))
    message = _text("try_model.measured_same_frozen")
    return build_answer(
        situation,
        _stage(situation),
        str(message),
        call(
            "try_model",
            _text("try_model.put_models_name"),
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
        return states.answer(situation, opening=_text("deploy.nothing_unmeasured_deployed"))
    elsewhere = mentions("elsewhere", said.message)
    if situation.serving and situation.deployed_version == chosen.name and not elsewhere:
        return states.answer(situation, opening=_text("deploy.live_already", version=chosen.name))
    if result.standing in ("gap", "close"):
        below = _text("deploy.below_own_goal", version=chosen.name)
        return improving(situation, result, join_sentences(benefit(situation.task), where_it_stands(result), below))
    message = join_sentences(
        benefit(situation.task),
        where_it_stands(result),
        against_the_simplest(result),
        _text("deploy.deploying_merges_adapter"),
    )
    named = next(
        (name for name in TARGETS.names() if re.search(rf"\b{re.escape(name)}\b", said.message, re.IGNORECASE)), None
    )
    step = call(
        "deploy",
        _text("deploy.deploy_agree"),
        task=situation.name,
        version=chosen.name,
        **({"target": named} if named else {}),
    )
    return build_answer(situation, "deploy", message, step)


def _undeploy(situation: Situation, _said: Said) -> CoachAnswer:
    if situation.deployment is None:
        return states.answer(situation, opening=_text("undeploy.nothing_live"))
    message = _text("undeploy.live_stopping_keeps", deployed_version=situation.deployed_version)
    return build_answer(
        situation,
        "live",
        str(message),
        call("deploy", _text("undeploy.stop_agree"), task=situation.name, action="undeploy"),
    )


def _progress(situation: Situation, _said: Said) -> CoachAnswer:
    if situation.job:
        return states.answer(situation)
    return states.answer(situation, opening=_text("progress.nothing_running_moment"))


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
    say = _text("label.connect_texts_unlabelled")
    message = _text("label.no_rows_without")
    return build_answer(situation, "data", str(message), with_source(situation, Said(path=said.path), say))


def _generate_data(situation: Situation, said: Said) -> CoachAnswer:
    decision = generation_decision(situation.task)
    real = bool(situation.data)
    message = join_sentences(
        benefit(situation.task),
        _text("generate_data.rows_written_model"),
        _text("generate_data.real_rows_already") if real else _text("generate_data.first_real_rows"),
    )
    if real and not said.path:
        return build_answer(
            situation,
            "data",
            message,
            call("add_examples", _text("generate_data.write_rows_pass"), task=situation.name, examples=[]),
            question=generation_question(),
            decision=decision,
        )
    say = _text("generate_data.offer_write_rows")
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
        benefit(situation.task), where_it_stands(best) if best else _text("whether.nothing_measured_yet")
    )
    step = call(
        "read_resource", _text("whether.read_page_tell"), uri="nlp-skills://skills/llm-knowledge/choosing-a-method"
    )
    question = _text.question("whether.question")
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
        return states.answer(situation, opening=_text("errors.no_measured_answers"))
    page = version.report_file
    where = (
        _text("errors.wrong_answers_stand", page=page)
        if page.is_file()
        else _text("errors.every_answer_stands", predictions_file=version.predictions_file)
    )
    question = _text.question("errors.question")
    return build_answer(
        situation,
        "deciding",
        str(where),
        call("diagnose", _text("errors.then_diagnose_ranks"), task=situation.name, version=version.name),
        question=question,
    )


def _take_recommendation(answered: CoachAnswer, said: Said) -> CoachAnswer:
    """They leave it to the coach ("whatever you think"): then its recommendation is taken, and said so."""
    if not said.unsure or answered.next_step.tool not in _TAKEN:
        return answered
    taken = _text("take_recommendation.then_go_my")
    return answered.model_copy(update={"message": join_sentences(taken, answered.message)})


_TAKEN = ("prepare_data", "plan_training", "train", "evaluate", "deploy", "manage_job")


def _retrieval(situation: Situation, _said: Said) -> CoachAnswer:
    message = join_sentences(benefit(situation.task), _text("retrieval.questions_about_documents"))
    step = call(
        "update_task",
        _text("retrieval.record_what_decide"),
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
        return states.answer(situation, opening=_text("reproduce.no_trained_version"))
    message = _text("reproduce.replayed_snapshot_same", version=chosen.name)
    return build_answer(
        situation,
        "deciding",
        str(message),
        call("reproduce", _text("reproduce.reproduce_takes_long"), task=situation.name, version=chosen.name),
    )


def _lineage(situation: Situation, _said: Said) -> CoachAnswer:
    message = _text("lineage.each_versions_parent")
    return build_answer(
        situation,
        _stage(situation),
        str(message),
        call("read_resource", _text("lineage.read_out"), uri=f"nlp-skills://tasks/{situation.name}/lineage"),
    )


def _generate_project(situation: Situation, _said: Said) -> CoachAnswer:
    message = _text("generate_project.task_project_own", root=situation.folder.root)
    return build_answer(
        situation,
        _stage(situation),
        str(message),
        call("manage_task", _text("generate_project.write_renew_files"), task=situation.name, action="generate"),
    )


def _setup(situation: Situation, _said: Said) -> CoachAnswer:
    return build_answer(
        situation,
        _stage(situation),
        str(_text("setup.training_runs_environment")),
        call("set_up", _text("setup.show_size_build"), what="environment"),
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
