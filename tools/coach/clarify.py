"""Before there is a task: from a wish to the arguments of `create_task`, one question at a time.

Nothing is remembered between calls: what was answered so far travels in `answers`, which every answer hands back
inside its next call, with `asked`: the questions put so far, so that none is put a third time. A task is created as
soon as its core is known; what else there is to ask is asked when it matters, and kept in the task.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from ...resources.answer import NextStep
from ...resources.foundation.external import quote
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import CLAUSES, SENTENCES, Text, spoken_language
from ..data.task_kind import task_kind
from .answer import CoachAnswer, DecisionDue
from .answers import ASKED, LONGEST_ANSWER, Heard, is_answered, number_in, read_answers
from .choosing import few_rows
from .contradictions import Facts, contradictions, wanted_answer
from .intent import Said, count_in, mentions
from .questions import CORE, EXAMPLE, FURTHER, LABELS, LATER, PRIVACY, Answers, Topic, placeholders_for, split_labels
from .texts.reading import Texts
from .wording import join_list, join_sentences, short

_text = Texts("clarify")

_TITLE_CHARACTERS = {"en": 60, "zh-TW": 24}
_ALSO_STORIES = (
    "performance",
    "deployed_bad",
    "evaluate",
    "progress",
    "deploy",
    "undeploy",
    "setup",
    "archive",
    "roll_back",
    "export",
    "clone",
)
_STORY = (6, 12)  # English words, Chinese characters: long enough to be the story of a problem
_MANY_THINGS = (22, 38)  # long enough to hold several answers
_COUNTED_THINGS = (12, 18)  # the same, where it counts rows and labels
_LONGEST_SHOWN = 200
_NOTED = ("pain_point", "goal", "labels", "example", "privacy")


def clarify(said: Said, answers: JsonObject, opening: str = "", decision: DecisionDue | None = None) -> CoachAnswer:
    """The next question about a new goal, or the task to create once its core is known.

    Arguments:
        opening: what to say first (advice about a source, a note that a named task does not exist).
        decision: a choice that is due already.

    Raises:
        TaskError: an answer has a name or a value that does not fit; the nearest is offered.
    """
    told = read_answers(answers, said)
    known = told.known
    nothing_yet = not known
    if nothing_yet and _holds_many_things(said):
        return _sort_out(said, known, opening, decision)
    if nothing_yet and _describes_a_problem(said):
        known["pain_point"] = said.message[:LONGEST_ANSWER]
    if said.rows:
        known.setdefault("rows", said.rows)
    assumed = _assume(told)
    guessed = _guess_type(known, said)
    facts = _facts(known, said)
    warned = contradictions(facts)
    decision = decision or few_rows(facts.rows)
    if not facts.rows and mentions("no_rows", known.get("rows")):
        decision = decision or few_rows(0)
    missing = [topic for topic in CORE if not is_answered(topic, known)]
    if not missing:
        return _ready(known, join_sentences(opening, assumed), warned, decision)
    again = _text("clarify.no_problem_let") if told.times(missing[0]) else None
    message = join_sentences(
        opening, assumed or again or _describe_progress(known, missing, bool(opening)), guessed, *warned
    )
    return _asking(missing[0], told, missing, message, decision)


def create_arguments(known: Answers) -> JsonObject:
    """The arguments of `create_task`, as far as they are known."""
    told: Mapping[str, object] = known
    groups: dict[str, JsonObject] = {"constraints": {}, "success_criteria": {}, "resources": {}, "versioning": {}}
    for key, path in {**FURTHER, **{topic.key: topic.path for topic in (PRIVACY, *LATER)}}.items():
        group, _, field = path.rpartition(".")
        if group and key in told:
            value = number_in(told[key]) if key in ("threshold", "baseline") else told[key]
            groups[group][field] = str(value) if group in ("resources", "versioning") else value
    more = {
        **{key: told[key] for key in ("affected", "example") if key in told},
        **{group: groups[group] for group in ("resources", "versioning") if groups[group]},
    }
    words = ("pain_point", "current_method", "impact", "name")
    plain: JsonObject = {key: told[key] for key in words if key in told}
    title = str(known.get("title") or _title(str(known["goal"])))
    if not title.isascii():
        plain.setdefault("name", "<short English folder name, such as mail-sorting>")
    return {
        "title": title,
        "type": known["type"],
        "language": known.get("language") or spoken_language(),
        "labels": known.get("labels", []),
        "goal": known["goal"],
        **plain,
        **{group: groups[group] for group in ("constraints", "success_criteria") if groups[group]},
        **({"more": more} if more else {}),
    }


def _assume(told: Heard) -> Text | None:
    """Put down the default of what they could not answer, and say so."""
    taken = []
    for topic in told.defaults:
        value = split_labels(str(topic.default)) if topic is LABELS else str(topic.default)
        if topic is LABELS and (answer := wanted_answer(str(told.known.get("example") or ""))):
            value = [answer, str(_text("assume.other"))]
        if topic is LABELS and (named := told.known.get("labels")):
            value = [*named, str(_text("assume.other"))]
        if topic is EXAMPLE:
            told.known["type"] = "classification"
        else:
            told.known.update(cast(Answers, {topic.key: value}))
        taken.append(join_list(map(short, value)) if isinstance(value, list) else str(value))
    if not taken:
        return None
    return _text("assume.fine_put_down", shown=CLAUSES.join(taken))


def _asking(topic: Topic, told: Heard, missing: list[Topic], message: str, decision: DecisionDue | None) -> CoachAnswer:
    say = _text("asking.ask_one_question", further=join_list(_further(told.known)))
    asked = [*told.asked, topic.key]
    return CoachAnswer(
        stage="clarifying" if told.known else "no_task",
        message=message,
        decision=decision,
        question=topic.question(again=told.times(topic) > 0),
        known=_cut_answers(told.known),
        missing=[waiting.key for waiting in missing],
        next_step=NextStep(
            say=str(say), tool="coach", arguments={"answers": {**told.known, **placeholders_for(topic), ASKED: asked}}
        ),
    )


def _sort_out(said: Said, known: Answers, opening: str, decision: DecisionDue | None) -> CoachAnswer:
    """They told a lot at once: what they said is filed before anything more is asked."""
    guessed = _guess_type(known, said)
    if said.rows:
        known["rows"] = said.rows
    if said.path:
        known["source"] = said.path
    if mentions("inside", said.message):
        known["privacy"] = "on-premise"
    message = join_sentences(
        opening if said.intent != "file" else "",
        _text("sort_out.helps_lot_let"),
        guessed,
        *contradictions(_facts(known, said)),
    )
    places = {
        key: value for topic in CORE if not is_answered(topic, known) for key, value in placeholders_for(topic).items()
    }
    say = _text("sort_out.do_not_ask", further=join_list(_further(known)))
    missing = [topic for topic in CORE if not is_answered(topic, known)]
    return CoachAnswer(
        stage="clarifying",
        message=message,
        known=_cut_answers(known),
        missing=[topic.key for topic in missing],
        decision=decision or few_rows(said.rows),
        next_step=NextStep(say=str(say), tool="coach", arguments={"answers": {**known, **places}}),
    )


def _ready(known: Answers, opening: str, warned: list[Text], decision: DecisionDue | None) -> CoachAnswer:
    summary = _text(
        "ready.what_understood_problem",
        pain_point=quote(known["pain_point"]),
        goal=quote(known["goal"]),
        does=_does(known),
        further_words=_further_words(known),
        privacy=_privacy(known),
    )
    confirm = _text.question("ready.question", field="confirmation")
    arguments = create_arguments(known)
    name = _text("ready.write_english_name") if str(arguments.get("name", "")).startswith("<") else ""
    say = _text("ready.show_summary_agree", name=name)
    return CoachAnswer(
        stage="clarifying",
        message=join_sentences(opening, summary, *warned),
        question=confirm,
        decision=decision,
        known=_cut_answers(known),
        missing=[topic.key for topic in LATER if topic.key not in known],
        next_step=NextStep(say=str(say), tool="create_task", arguments=arguments),
    )


def _does(known: Answers) -> Text:
    """What the model will do with a text, by the type of task."""
    kind, labels = task_kind(known["type"]), join_list(map(short, known.get("labels") or ()))
    if kind.answers == "label":
        return _text("does.answers_one", labels=labels)
    if kind.answers == "spans":
        return _text("does.copies_text_every", labels=labels)
    return {"generation": _text("does.writes_answer_text"), "chat": _text("does.writes_next_turn")}.get(
        kind.name, _text("does.writes_answer_people")
    )


def _further_words(known: Answers) -> Text:
    """The numbers they gave, as part of the summary."""
    parts = []
    if rows := known.get("rows"):
        parts.append(
            _text("further_words.rows", rows=rows)
            if isinstance(rows, int)
            else _text("further_words.rows_in_words", rows=quote(str(rows), 40))
        )
    if (threshold := number_in(known.get("threshold"))) is not None:
        parts.append(_text("further_words.would_use", threshold=threshold))
    return SENTENCES + SENTENCES.join(parts) if parts else Text("", "")


def _privacy(known: Answers) -> Text:
    return _text("privacy.stays_out_chat") if known.get("privacy") == "on-premise" else _text("privacy.may_shown_chat")


def _describe_progress(known: Answers, missing: list[Topic], after_opening: bool) -> Text:
    """What was noted last and how much is left; at the very beginning a word of welcome."""
    last = next((key for key in reversed(list(known)) if key in _NOTED), None)
    if last is None:
        return _text("describe_progress.let_us_begin") if after_opening else _text("describe_progress.good_let_us")
    value = dict(known)[last]
    shown = quote(join_list(map(short, value)) if isinstance(value, list) else str(value), 60)
    left, noted = len(missing), _text(f"noted.{last}")
    things = (
        _text("describe_progress.one_more_thing") if left == 1 else _text("describe_progress.more_things", left=left)
    )
    return _text("describe_progress.noted_before_can", noted=noted, shown=shown, things=things)


def _cut_answers(known: Answers) -> JsonObject:
    """The answers, cut: whole they stand in the arguments of the next call."""
    return {key: value[:_LONGEST_SHOWN] if isinstance(value, str) else value for key, value in known.items()}


def _further(known: Answers) -> list[str]:
    offered = [
        *(topic.key for topic in LATER),
        "impact",
        "affected",
        "deadline",
        "budget",
        "baseline",
        "rows",
        "source",
        "renewal",
    ]
    return [key for key in offered if key not in known]


def _facts(known: Answers, said: Said) -> Facts:
    rows = count_in(str(known["rows"])) if "rows" in known else None
    return Facts(
        rows=said.rows or rows,
        labels=tuple(known.get("labels") or ()),
        label_count=said.labels,
        threshold=number_in(known.get("threshold")),
        baseline=number_in(known.get("baseline")),
        deadline=str(known.get("deadline") or ""),
        privacy=str(known.get("privacy") or ""),
        hardware=f"{known.get('hardware') or ''} {said.message}",
        budget=str(known.get("budget") or ""),
        deployment=str(known.get("deployment") or ""),
        source=f"{known.get('source') or ''} {said.message}",
        example=str(known.get("example") or ""),
        type=known.get("type", "classification"),
    )


def _holds_many_things(said: Said) -> bool:
    several = _COUNTED_THINGS if said.rows and said.labels else _MANY_THINGS
    return (
        not said.unsure
        and said.intent not in ("generate_data", "retrieval", "whether", "rules", "stop")
        and (_long_enough(said.message, several))
    )


def _describes_a_problem(said: Said) -> bool:
    """Whether a message that asks for nothing in particular is long enough to be the story of a problem."""
    if said.unsure or said.foreign or (said.intent and said.intent not in _ALSO_STORIES):
        return False
    return _long_enough(said.message, _STORY)


def _long_enough(text: str, least: tuple[int, int]) -> bool:
    words, han = len(re.findall(r"[A-Za-z']{2,}", text)), len(re.findall(r"[\u3400-\u9fff]", text))
    return words >= least[0] or han >= least[1]


def _guess_type(known: Answers, said: Said) -> Text | None:
    """Put down the kind of task they speak of, where they name one, and say so."""
    if said.type is None or "type" in known:
        return None
    known["type"] = said.type
    title = task_kind(said.type).title
    return _text("guess_type.what_describe_gives", title=title, type=said.type)


def _title(goal: str) -> str:
    first = re.split(r"[。！？；.!?;\n]", goal.strip(), maxsplit=1)[0]
    most = _TITLE_CHARACTERS[spoken_language()]
    if len(first) <= most:
        return first
    return first[:most].rsplit(" ", 1)[0] if " " in first[:most] else first[:most]
