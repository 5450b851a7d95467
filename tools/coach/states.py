"""What a task needs now, by the state of its folder: one stage after the other, the first that is not done speaks."""

from __future__ import annotations

from ...resources.answer import NextStep
from ...resources.deployment import Deployment
from ...resources.figures import figure
from ...resources.foundation.language import Text, number_of, several
from ..data.task_kind import task_kind
from ..evaluate.measurable import goal_beyond_reach
from . import labelling
from .advice import source_advice, source_decision, source_question
from .analysis import best_result, where_it_stands
from .answer import CoachAnswer
from .answer_builder import ask, assume, build_answer, source_answer, with_source
from .choosing import few_rows
from .closing import cost_of_data, cost_of_deployment, cost_of_version, goal_line
from .contradictions import contradictions, facts_of
from .deciding import deciding
from .intent import Said, mentions, understand
from .planning import first_plan_decision, fits_the_test, start_decision
from .questions import BEFORE_PLANNING, CORE, open_topics
from .situation import Situation
from .texts.reading import Texts
from .waiting import job_now
from .wording import benefit, join_list, join_sentences, list_counts

_text = Texts("states")


def answer(situation: Situation, said: Said | None = None, opening: str | Text = "") -> CoachAnswer:
    """What the coach says about this task when nothing particular was asked.

    Arguments:
        said: what the person said; where it answers nothing, a default is put down instead of asking again.
        opening: what to say first.
    """
    said = said or Said()
    for speak in (
        _answer_archived,
        _job,
        _clarifying,
        _source,
        labelling.waiting,
        _prepare,
        _live,
        _evaluate,
        _train,
        _plan,
        _deciding,
    ):
        if told := speak(situation, said):
            return told.model_copy(update={"message": join_sentences(opening, told.message)}) if opening else told
    raise AssertionError("deciding always answers")


def warnings(situation: Situation, told_rows: int | None = None) -> list[Text]:
    """What does not fit together in this task; `told_rows` is how many rows they said just now."""
    rows = sum(situation.counts.values()) if situation.data else told_rows
    beyond = goal_beyond_reach(situation.folder, situation.task) if situation.data else []
    return [*beyond, *contradictions(facts_of(situation.task, rows, bool(situation.data)))]


def _answer_archived(situation: Situation, _said: Said) -> CoachAnswer | None:
    if not situation.task.archived:
        return None
    best = best_result(situation)
    step = NextStep(
        say=str(_text("answer_archived.bring_back_want")),
        tool="manage_task",
        arguments={"action": "restore", "task": situation.name},
    )
    message = join_sentences(
        benefit(situation.task),
        _text("answer_archived.task_put_away", root=situation.folder.root),
        where_it_stands(best) if best else None,
    )
    question = _text.question("answer_archived.question")
    return build_answer(situation, "archived", message, step, question=question)


def _job(situation: Situation, _said: Said) -> CoachAnswer | None:
    """A running job comes before everything; one that did not succeed is dealt with first."""
    return job_now(situation) if situation.job else None


def _clarifying(situation: Situation, said: Said) -> CoachAnswer | None:
    """The core is made clear before data is spoken of; later only what a step really needs is asked."""
    if situation.sources.sources or situation.data or situation.versions:
        return None
    missing = open_topics(CORE, situation.task)
    if not missing:
        return None
    if said.unsure:
        topic = missing[0]
        return assume(situation, topic, "", "clarifying") if topic.easy else ask(situation, topic, "", again=True)
    things = _text("clarifying.one_thing") if len(missing) == 1 else _text("clarifying.things", missing=len(missing))
    message = join_sentences(
        benefit(situation.task), _text("clarifying.task_stands_missing", root=situation.folder.root, things=things)
    )
    return ask(situation, missing[0], message)


def _source(situation: Situation, said: Said) -> CoachAnswer | None:
    if situation.source_problem:
        step = NextStep(
            say=str(_text("source.fix_file_describe")), tool="set_data_source", arguments={"task": situation.name}
        )
        message = join_sentences(benefit(situation.task), situation.source_problem)
        return build_answer(situation, "data", message, step, question=source_question(Said(), situation.task))
    if situation.sources.sources or situation.data:
        return None
    if said.unsure or mentions("no_rows", situation.task.resources.rows):
        return without_rows(situation)
    labels, named = counted_labels(situation), understand(situation.task.resources.source)
    message = join_sentences(
        benefit(situation.task),
        _text("source.settled_far_cost", labels=labels),
        goal_line(situation.task),
        *warnings(situation, said.rows),
        source_advice(named),
    )
    few = few_rows(facts_of(situation.task, said.rows, False).rows)
    return source_answer(situation, named, message, few or source_decision(situation.task))


def without_rows(situation: Situation) -> CoachAnswer:
    """Nobody knows where rows could come from: how to make the first ones."""
    least = figure("rows_to_start")
    message = _text("without_rows.then_make_first", least=least)
    step = NextStep(
        say=str(_text("without_rows.read_how_labelling")),
        tool="read_resource",
        arguments={"uri": "nlp-skills://skills/llm-knowledge/annotation"},
    )
    return build_answer(
        situation, "data", str(message), step, question=source_question(Said(), situation.task), decision=few_rows(0)
    )


def counted_labels(situation: Situation) -> Text:
    """How many labels there are, in words."""
    number, kind = len(situation.labels), task_kind(situation.task.type)
    if not kind.needs_labels:
        return kind.title
    return Text(several(number, "label"), f"{number} 個標籤") if number else _text("counted_labels.labels_come_data")


def _prepare(situation: Situation, _said: Said) -> CoachAnswer | None:
    if situation.data:
        return None
    kinds = join_list(dict.fromkeys(str(_kind_name(source.type)) for source in situation.sources.sources))
    policy = situation.sources.split
    message = join_sentences(
        benefit(situation.task),
        _text("prepare.source_known_now", kinds=kinds, train=policy.train, valid=policy.valid, test=policy.test),
    )
    question = _text.question("prepare.question")
    step = NextStep(say=str(_text("prepare.ask_groups_call")), tool="prepare_data", arguments={"task": situation.name})
    return build_answer(situation, "data", message, step, question=question)


def _live(situation: Situation, _said: Said) -> CoachAnswer | None:
    deployed = situation.deployment
    if deployed is None:
        return None
    best = best_result(situation)
    if best and best.version.name != deployed.version and best.standing == "met":
        return None  # a better version stands ready: deciding says so
    if best and best.standing in ("gap", "close") and not deployed.overrides:
        return None  # what is live falls short of the goal, and nobody said that this is good enough
    if situation.plan or situation.data_is_newer or not _all_evaluated(situation):
        return None
    if not situation.serving:
        return _not_serving(situation, deployed)
    more = figure("new_rows_for_version")
    files = ", ".join(deployed.files)
    message = join_sentences(
        benefit(situation.task),
        _text("live.stands_ready_where", version=deployed.version, files=files)
        if not deployed.url and files
        else _text("live.live_answered_benchmark", version=deployed.version, url=deployed.url),
        cost_of_deployment(situation),
        where_it_stands(best) if best else None,
        _text("live.what_keeps_good", more=more),
    )
    question = _text.question("live.question")
    step = with_source(situation, Said(), _text("live.corrected_rows_come"))
    return build_answer(situation, "live", message, step, question=question)


def _not_serving(situation: Situation, deployed: Deployment) -> CoachAnswer:
    say = str(_text("not_serving.start_again"))
    step = (
        NextStep(say=say, tool="manage_job", arguments={"job_id": deployed.job, "action": "resume"})
        if deployed.job
        else NextStep(
            say=say, tool="deploy", arguments={"task": situation.name, "version": deployed.version or "latest"}
        )
    )
    message = join_sentences(
        benefit(situation.task), _text("not_serving.deployed_but_process", version=deployed.version)
    )
    question = _text.question("not_serving.question")
    return build_answer(situation, "live", message, step, question=question)


def _all_evaluated(situation: Situation) -> bool:
    return not situation.trained or bool(situation.trained[-1].evaluations())


def _evaluate(situation: Situation, _said: Said) -> CoachAnswer | None:
    if _all_evaluated(situation):
        return None
    newest = situation.trained[-1]
    training = newest.model_info().training
    seen, unseen = training.train_loss, training.valid_loss
    learned = _text("evaluate.loss_ended_rows", seen=seen, unseen=unseen) if seen and unseen else ""
    message = join_sentences(
        benefit(situation.task),
        _text("evaluate.trained", version=newest.name, learned=learned),
        cost_of_version(newest, evaluated=False),
        goal_line(situation.task),
        _text("evaluate.whether_helps_not"),
    )
    question = _text.question("evaluate.question")
    step = NextStep(
        say=str(_text("evaluate.evaluate")), tool="evaluate", arguments={"task": situation.name, "version": newest.name}
    )
    return build_answer(situation, "evaluation", message, step, question=question)


def _train(situation: Situation, _said: Said) -> CoachAnswer | None:
    if not situation.plan:
        return None
    message = join_sentences(benefit(situation.task), _text("train.plan_stands_waits", plan=situation.plan))
    question = _text.question("train.question")
    step = NextStep(
        say=str(_text("train.show_time_memory")),
        tool="train",
        arguments={"task": situation.name, "plan": situation.plan},
    )
    return build_answer(situation, "training", message, step, question=question, decision=start_decision(situation))


def _plan(situation: Situation, said: Said) -> CoachAnswer | None:
    """Before the first version: what the data looks like, what success means, then a plan."""
    if situation.trained and not situation.data_is_newer:
        return None
    if situation.trained:
        return _plan_on_new_data(situation)
    missing = open_topics(BEFORE_PLANNING, situation.task)
    if missing and said.unsure:
        return assume(situation, missing[0], "", "plan")
    few = few_rows(situation.counts.get("train"))
    if missing:
        heard_before = situation.answered_since_data  # the data is told once, not with every question
        opening = str(_text("plan.noted")) if heard_before else _data_closed(situation)
        return ask(
            situation, missing[0], join_sentences(opening, fits_the_test(situation, missing[0])), "plan", decision=few
        )
    failed = [version.name for version in situation.versions if version.status() in ("failed", "cancelled")]
    again = _text("plan.did_not_finish", failed=join_list(failed))
    question = _text.question("plan.question")
    step = NextStep(say=str(_text("plan.write_plan_shows")), tool="plan_training", arguments={"task": situation.name})
    return build_answer(
        situation,
        "plan",
        join_sentences(_data_closed(situation), again if failed else None),
        step,
        question=question,
        decision=few or first_plan_decision(situation),
    )


def _plan_on_new_data(situation: Situation) -> CoachAnswer:
    newest = situation.trained[-1]
    message = join_sentences(
        benefit(situation.task),
        _text("plan_on_new_data.data_changed_since", version=newest.name),
        _data_words(situation),
        *situation.warnings[:1],
        cost_of_data(situation),
    )
    question = _text.question("plan_on_new_data.question", version=newest.name)
    say = _text("plan_on_new_data.plan_no_other")
    step = NextStep(say=str(say), tool="plan_training", arguments={"task": situation.name, "parent": newest.name})
    return build_answer(situation, "plan", message, step, question=question)


def _data_closed(situation: Situation) -> str:
    """The stage of data, closed: what was learned, what it cost, the score so far."""
    return join_sentences(
        benefit(situation.task),
        _data_words(situation),
        *situation.warnings,
        *warnings(situation),
        cost_of_data(situation),
        goal_line(situation.task),
    )


def _data_words(situation: Situation) -> Text:
    counts, train = situation.counts, situation.train_labels
    shown = list_counts(train, situation.labels)
    labels = _text("data_words.labels_training", shown=shown) if train else ""
    return _text(
        "data_words.data_ready_train",
        rows=number_of(counts.get("train", 0), "row"),
        valid=counts.get("valid", 0),
        test=counts.get("test", 0),
        labels=labels,
    )


def _deciding(situation: Situation, _said: Said) -> CoachAnswer:
    return deciding(situation)


def _kind_name(kind: str) -> Text:
    return {"file": _text("kind_name.file"), "database": _text("kind_name.database")}.get(kind, Text(kind, kind))
