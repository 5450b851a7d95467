"""Before there is a task: from a wish to the arguments of `create_task`, one question at a time.

Nothing is remembered between calls: what was answered so far travels in `answers`, which every answer hands back
inside its next call. A task is created as soon as its core is known; what else there is to ask is then kept in it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any, get_args

from ...resources.answer import NextStep
from ...resources.errors import TaskError
from ...resources.language import Text, spoken_language
from ...resources.task import Privacy, TaskType
from .advice import contradictions, few_rows
from .answer import CoachAnswer, DecisionDue, Question
from .intents import Said, count_in
from .questions import (
    BEFORE_CREATING,
    EXAMPLE,
    FURTHER,
    GOAL,
    LABELS,
    PAIN,
    PRIVACY,
    TOPICS,
    Topic,
    placeholders_for,
)
from .wording import joined, listed, quote

_CORE = (PAIN, GOAL, EXAMPLE, LABELS, PRIVACY)
_PLACEHOLDER = re.compile(r"\s*<[^<>]*>\s*")
_SEPARATORS = re.compile(r"\s*[,，、;；/|\n]\s*")
_LONGEST_ANSWER = 2_000
_TITLE_CHARACTERS = {"en": 60, "zh-TW": 24}
_SUMMARISED = (("pain_point", Text("the problem", "問題")), ("current_method", Text("today's way", "目前做法")),
               ("impact", Text("the cost", "代價")), ("goal", Text("the goal", "目標")),
               ("labels", Text("the labels", "標籤")))


def clarify(said: Said, answers: Mapping[str, Any], opening: str = "", decision: DecisionDue | None = None
            ) -> CoachAnswer:
    """The next question about a new goal, or the task to create once its core is known.

    Arguments:
        opening: what to say first (advice about a source, a note that a named task does not exist).
        decision: a choice that is due already.

    Raises:
        TaskError: an answer has a name or a value that does not fit; the nearest is offered.
    """
    known = checked(answers)
    if PAIN.key not in known and _describes_a_problem(said):
        known[PAIN.key] = said.message[:_LONGEST_ANSWER]
    rows = said.rows or (count_in(str(known["rows"])) if "rows" in known else None)
    if rows:
        known.setdefault("rows", rows)
    labels = len(known.get("labels") or ()) or said.labels
    warned = [*contradictions(rows=rows, labels=labels, threshold=_number(known.get("threshold")),
                              baseline=_number(known.get("baseline"))), _other_type(said)]
    decision = decision or few_rows(rows)
    missing = [topic for topic in BEFORE_CREATING if not _answered(topic, known)]
    if not any(topic in missing for topic in _CORE):
        return _ready(known, missing, warned, opening, decision)
    return _asking(missing[0], known, missing, joined(opening, _so_far(known, bool(opening)), *warned), decision)


def checked(answers: Mapping[str, Any]) -> dict[str, Any]:
    """The answers that say something, under names that mean something.

    Raises:
        TaskError: an unknown name, or a type or privacy that does not exist.
    """
    allowed = [*TOPICS, *FURTHER]
    known: dict[str, Any] = {}
    for key, value in answers.items():
        if key not in allowed:
            near = listed(difflib.get_close_matches(key, allowed, n=3) or allowed)
            raise TaskError(
                Text(f"There is no answer named {str(key)[:40]!r}.", f"沒有名為「{str(key)[:40]}」的回答。"),
                Text(f"Use one of: {near}.", f"可用的名稱：{near}。"), field=f"answers.{str(key)[:40]}",
            )
        if not _is_blank(value):
            known[key] = _split_labels(value) if key == "labels" else _cut(value)
    if EXAMPLE.key in known and "type" not in known:
        known["type"] = "classification"
    _check_choice(known, "type", get_args(TaskType))
    _check_choice(known, "privacy", get_args(Privacy))
    return known


def create_arguments(known: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `create_task`, as far as they are known."""
    language = known.get("language") or spoken_language()
    goal = str(known["goal"])
    if "example" in known:
        example = Text(f"Example: {known['example']}", f"例如：{known['example']}").to(spoken_language())
        goal = f"{goal}\n{example}"
    plain = {key: known[key] for key in ("pain_point", "current_method", "impact", "name") if key in known}
    constraints = {key: known[key] for key in ("deadline", "privacy", "hardware", "budget", "deployment")
                   if key in known}
    criteria = {key: value for key in ("metric", "threshold", "baseline")
                if (value := _number(known.get(key)) if key != "metric" else known.get(key)) is not None}
    return {
        "title": known.get("title") or _title(str(known["goal"])), "type": known["type"], "language": language,
        "labels": known["labels"], "goal": goal, **plain,
        **({"constraints": constraints} if constraints else {}),
        **({"success_criteria": criteria} if criteria else {}),
    }


def _asking(topic: Topic, known: dict[str, Any], missing: list[Topic], message: str, decision: DecisionDue | None
            ) -> CoachAnswer:
    say = Text(
        "Ask that one question, in your own words, and wait. Then call coach with everything said so far in `answers` "
        "(several at once if they told you more); put the default where they do not know.",
        "只問這一個問題（可用自己的話），等對方回答，再把目前所有答案放進 `answers` 呼叫 coach；"
        "對方一次說了好幾件事就一起填，不知道的填預設值。")
    return CoachAnswer(
        stage="clarifying" if known else "no_task", message=message, question=topic.question(), decision=decision,
        known=known, missing=[waiting.key for waiting in missing],
        next_step=NextStep(say=str(say), tool="coach", arguments={"answers": {**known, **placeholders_for(topic)}}),
    )


def _ready(known: dict[str, Any], missing: list[Topic], warned: list[Text | None], opening: str,
           decision: DecisionDue | None) -> CoachAnswer:
    arguments = create_arguments(known)
    summary = Text(
        f"This is what I understood: {quote(known['pain_point'])} is the problem, {quote(known['goal'])} the goal; the "
        f"model answers with one of {listed(known['labels'])}. Nothing is created before you agree.",
        f"我的理解是：問題是{quote(known['pain_point'])}，目標是{quote(known['goal'])}，"
        f"模型會從 {listed(known['labels'])} 當中選一個回答。你確認之前不會建立任何東西。")
    confirm = Question(
        field="confirmation",
        ask=str(Text("Is that right, or should a word change?", "這樣對嗎？有沒有哪裡要改？")),
        why=str(Text("Your words go into task.yaml, and every result is held against them.",
                     "這些話會寫進 task.yaml，之後每個結果都會拿來對照。")),
        examples=[str(Text("Yes, go ahead", "對，開始吧")), str(Text("Add the label “mixed”", "再加一個標籤「混合」"))],
    )
    say = Text("Show the summary. When they agree, call create_task with exactly these arguments; further answers are "
               "then kept with update_task.",
               "先把摘要給對方看；同意後，用這些參數呼叫 create_task；之後的答案再用 update_task 存進任務。")
    return CoachAnswer(
        stage="clarifying", message=joined(opening, summary, *warned), question=confirm, decision=decision,
        known=known, missing=[topic.key for topic in missing],
        next_step=NextStep(say=str(say), tool="create_task", arguments=arguments),
    )


def _so_far(known: Mapping[str, Any], after_opening: bool) -> str:
    parts = [f"{words}{_is()}{quote(_plain(known[key]), 60)}" for key, words in _SUMMARISED if key in known]
    if not parts and after_opening:
        return str(Text("First, though, what it is for.", "不過先來弄清楚，這是為了解決什麼。"))
    if not parts:
        return str(Text("Good, let us do it properly: the problem first, the model later.",
                        "好，我們一步一步來：先把問題弄清楚，再談模型。"))
    left = [topic for topic in _CORE if not _answered(topic, known)]
    return str(Text(f"Noted so far: {'; '.join(parts)}. {len(left)} more things before I can set the task up.",
                    f"目前記下的是：{'；'.join(parts)}。再弄清楚 {len(left)} 件事，就可以建立任務。"))


def _is() -> str:
    return str(Text(" is ", "是"))


def _answered(topic: Topic, known: Mapping[str, Any]) -> bool:
    if topic is EXAMPLE:
        return "type" in known
    if topic is LABELS:
        return len(known.get("labels") or ()) >= 2
    return topic.key in known


def _describes_a_problem(said: Said) -> bool:
    """Whether a message that asks for nothing in particular is long enough to be the story of a problem."""
    if said.intent in ("train", "analyze", "list", "compare", "generate_data", "retrieval", "database", "api", "web",
                       "file", "source_help", "setup", "generate_project", "lineage", "reproduce"):
        return False
    han = len(re.findall(r"[\u3400-\u9fff]", said.message))
    return han >= 12 or len(re.findall(r"[A-Za-z']{2,}", said.message)) >= 6


def _other_type(said: Said) -> Text | None:
    if not said.other_type:
        return None
    return Text("One honest word first: this installation trains models that choose a label (for a text, or for one "
                "thing named in it), not yet ones that extract or write text; often the need can be put as a choice "
                "of labels.",
                "先老實說：目前能訓練的是「選標籤」的模型（針對整段文字，或其中一個對象），還不能訓練擷取或撰寫文字的模型；"
                "不過很多需求可以改成選標籤來做。")


def _split_labels(value: Any) -> list[str]:
    items = value if isinstance(value, list) else _SEPARATORS.split(str(value))
    return list(dict.fromkeys(str(item).strip()[:100] for item in items if str(item).strip()))


def _is_blank(value: Any) -> bool:
    if isinstance(value, list):
        return not [item for item in value if not _is_blank(item)] or any(
            _PLACEHOLDER.fullmatch(str(item)) for item in value)
    return value is None or not str(value).strip() or bool(_PLACEHOLDER.fullmatch(str(value)))


def _cut(value: Any) -> Any:
    return value.strip()[:_LONGEST_ANSWER] if isinstance(value, str) else value


def _check_choice(known: Mapping[str, Any], key: str, allowed: tuple[str, ...]) -> None:
    if key in known and known[key] not in allowed:
        raise TaskError(
            Text(f"{key} cannot be {str(known[key])[:40]!r}.", f"{key} 不能是「{str(known[key])[:40]}」。"),
            Text(f"Use one of: {', '.join(allowed)}.", f"可用的值：{'、'.join(allowed)}。"), field=f"answers.{key}",
        )


def _plain(value: Any) -> str:
    return listed(map(str, value)) if isinstance(value, list) else str(value)


def _number(value: Any) -> float | None:
    found = re.search(r"\d+(?:\.\d+)?", str(value)) if value is not None else None
    if not found:
        return None
    number = float(found[0])
    return number / 100 if 1 < number <= 100 else number


def _title(goal: str) -> str:
    first = re.split(r"[。！？；.!?;\n]", goal.strip(), maxsplit=1)[0]
    most = _TITLE_CHARACTERS[spoken_language()]
    if len(first) <= most:
        return first
    return first[:most].rsplit(" ", 1)[0] if " " in first[:most] else first[:most]
