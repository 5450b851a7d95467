"""Before there is a task: from a wish to the arguments of `create_task`, one question at a time.

Nothing is remembered between calls: what was answered so far travels in `answers`, which every answer hands back
inside its next call, with `asked`: the questions put so far, so that none is put a third time. A task is created as
soon as its core is known; what else there is to ask is asked when it matters, and kept in the task.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...resources.answer import NextStep
from ...resources.foundation.external import quote
from ...resources.foundation.language import Text, spoken_language
from ..data.task_kind import task_kind
from .answer import CoachAnswer, DecisionDue, Question
from .answers import ASKED, LONGEST_ANSWER, Heard, is_answered, number_in, read_answers
from .choosing import few_rows
from .contradictions import Facts, contradictions, wanted_answer
from .intent import Said, count_in, mentions
from .questions import CORE, EXAMPLE, FURTHER, LABELS, LATER, PAIN, PRIVACY, Topic, placeholders_for, split_labels
from .wording import join_list, join_sentences, short

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
_GREETED = {
    "pain_point": Text("the problem", "問題"),
    "goal": Text("the goal", "目標"),
    "labels": Text("the labels", "標籤"),
    "example": Text("the example", "例子"),
    "privacy": Text("privacy", "隱私"),
}


def clarify(
    said: Said, answers: Mapping[str, Any], opening: str = "", decision: DecisionDue | None = None
) -> CoachAnswer:
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
        known[PAIN.key] = said.message[:LONGEST_ANSWER]
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
    again = Text("No problem, let me ask it another way.", "沒關係，我換個方式問。") if told.times(missing[0]) else None
    message = join_sentences(
        opening, assumed or again or _describe_progress(known, missing, bool(opening)), guessed, *warned
    )
    return _asking(missing[0], told, missing, message, decision)


def create_arguments(known: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `create_task`, as far as they are known."""
    groups: dict[str, dict[str, Any]] = {"constraints": {}, "success_criteria": {}, "resources": {}, "versioning": {}}
    for key, path in {**FURTHER, **{topic.key: topic.path for topic in (PRIVACY, *LATER)}}.items():
        group, _, field = path.rpartition(".")
        if group and key in known:
            value = number_in(known[key]) if key in ("threshold", "baseline") else known[key]
            groups[group][field] = str(value) if group in ("resources", "versioning") else value
    more = {
        **{key: known[key] for key in ("affected", "example") if key in known},
        **{group: groups[group] for group in ("resources", "versioning") if groups[group]},
    }
    plain = {key: known[key] for key in ("pain_point", "current_method", "impact", "name") if key in known}
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
        if topic is LABELS and (answer := wanted_answer(str(told.known.get(EXAMPLE.key) or ""))):
            value = [answer, str(Text("other", "其他"))]
        if topic is LABELS and (named := told.known.get(LABELS.key)):
            value = [*named, str(Text("other", "其他"))]
        if topic is EXAMPLE:
            told.known["type"] = "classification"
        else:
            told.known[topic.key] = value
        taken.append(join_list(map(short, value)) if isinstance(value, list) else str(value))
    if not taken:
        return None
    shown = "; ".join(taken) if spoken_language() == "en" else "；".join(taken)
    return Text(
        f"That is fine: I put down “{shown}” for now, and you can change it any time.",
        f"沒關係，我先寫「{shown}」，之後隨時可以改。",
    )


def _asking(topic: Topic, told: Heard, missing: list[Topic], message: str, decision: DecisionDue | None) -> CoachAnswer:
    say = Text(
        "Ask that one question and wait; then call coach with all answers so far, in their words (what they told beyond "
        f"it: {join_list(_further(told.known))}). No answer? Leave the <…>: the coach asks another way or takes the default.",
        "只問這一題，等對方回答，再把目前所有答案照他的話放進 `answers` 呼叫 coach"
        f"（多說的可以放進 {join_list(_further(told.known))}）。沒有回答就讓 <…> 維持原樣，coach 會換個方式問，或用預設值。",
    )
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


def _sort_out(said: Said, known: dict[str, Any], opening: str, decision: DecisionDue | None) -> CoachAnswer:
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
        Text(
            "That helps a lot. Let me sort what you told me first, so that I only ask for what is really missing.",
            "這些資訊很有用。我先整理你說的，之後只問真正缺的。",
        ),
        guessed,
        *contradictions(_facts(known, said)),
    )
    places = {
        key: value for topic in CORE if not is_answered(topic, known) for key, value in placeholders_for(topic).items()
    }
    say = Text(
        "Do not ask yet. Put each thing they said into its place, in their own words, and leave every <…> they said "
        f"nothing about as it is (further keys: {join_list(_further(known))}); then call this.",
        "先不要問。把對方說過的每件事照他的話放到對應的位置，沒提到的 <…> 就維持原樣"
        f"（其他可填的：{join_list(_further(known))}），再呼叫這個。",
    )
    missing = [topic for topic in CORE if not is_answered(topic, known)]
    return CoachAnswer(
        stage="clarifying",
        message=message,
        known=_cut_answers(known),
        missing=[topic.key for topic in missing],
        decision=decision or few_rows(said.rows),
        next_step=NextStep(say=str(say), tool="coach", arguments={"answers": {**known, **places}}),
    )


def _ready(known: dict[str, Any], opening: str, warned: list[Text], decision: DecisionDue | None) -> CoachAnswer:
    summary = Text(
        f"This is what I understood. The problem: {quote(known['pain_point'])}. The goal: {quote(known['goal'])}. The "
        f"model {_does(known).en}.{_further_words(known).en} Row text {_privacy(known).en}. Nothing is created before you "
        "agree.",
        f"我的理解是：問題是{quote(known['pain_point'])}，目標是{quote(known['goal'])}，"
        f"模型會{_does(known).zh}。{_further_words(known).zh}"
        f"資料原文{_privacy(known).zh}。你確認之前不會建立任何東西。",
    )
    confirm = Question(
        field="confirmation",
        ask=str(Text("Is that right, or should a word change?", "這樣對嗎？有沒有哪裡要改？")),
        why=str(
            Text(
                "Your words go into task.yaml, and every result is held against them.",
                "這些話會寫進 task.yaml，之後每個結果都會拿來對照。",
            )
        ),
        examples=[str(Text("Yes, go ahead", "對，開始吧")), str(Text("Add the label “mixed”", "再加一個標籤「混合」"))],
        default=str(Text("Yes, go ahead; it can all be changed later", "對，先開始，之後都可以改")),
    )
    arguments = create_arguments(known)
    name = (
        Text(" (you write the English `name`)", "（`name` 由你填一個簡短的英文）")
        if str(arguments.get("name", "")).startswith("<")
        else Text("", "")
    )
    say = Text(
        f"Show the summary. When they agree, call create_task with exactly these arguments{name.en}; what else "
        "matters is asked later, when it does.",
        f"先把摘要給對方看；同意後，用這些參數呼叫 create_task{name.zh}；其他的之後用到時再問。",
    )
    return CoachAnswer(
        stage="clarifying",
        message=join_sentences(opening, summary, *warned),
        question=confirm,
        decision=decision,
        known=_cut_answers(known),
        missing=[topic.key for topic in LATER if topic.key not in known],
        next_step=NextStep(say=str(say), tool="create_task", arguments=arguments),
    )


def _does(known: Mapping[str, Any]) -> Text:
    """What the model will do with a text, by the type of task."""
    kind, labels = task_kind(known["type"]), join_list(map(short, known.get("labels") or ()))
    if kind.answers == "label":
        return Text(f"answers with one of: {labels}", f"從「{labels}」當中選一個回答")
    if kind.answers == "spans":
        return Text(
            f"copies from a text every part that is one of: {labels}", f"從文字裡逐字擷取這些種類的片段：{labels}"
        )
    return {
        "generation": Text("writes an answer to a text", "針對輸入的文字寫出回答"),
        "chat": Text("writes the next turn of a conversation", "接著對話寫出下一輪回覆"),
    }.get(kind.name, Text("writes the answer that people prefer", "寫出人們比較偏好的回答"))


def _further_words(known: Mapping[str, Any]) -> Text:
    """The numbers they gave, as part of the summary."""
    parts = []
    if rows := known.get("rows"):
        shown = Text(str(rows), f"{rows} 筆") if isinstance(rows, int) else Text(*[quote(str(rows), 40)] * 2)
        parts.append(Text(f"Rows: {shown.en}.", f"資料：{shown.zh}。"))
    if (threshold := number_in(known.get("threshold"))) is not None:
        parts.append(Text(f"You would use it from {threshold:g} on.", f"分數到 {threshold:g} 就會開始用。"))
    return Text("".join(f" {part.en}" for part in parts), "".join(part.zh for part in parts))


def _privacy(known: Mapping[str, Any]) -> Text:
    return (
        Text("stays out of this chat", "不會出現在這個對話裡")
        if known.get("privacy") == "on-premise"
        else Text("may be shown in this chat", "可以出現在這個對話裡")
    )


def _describe_progress(known: Mapping[str, Any], missing: list[Topic], after_opening: bool) -> Text:
    """What was noted last and how much is left; at the very beginning a word of welcome."""
    last = next((key for key in reversed(list(known)) if key in _GREETED), None)
    if last is None:
        return (
            Text("Let us begin with what it is for.", "我們先弄清楚，這是為了解決什麼。")
            if after_opening
            else Text(
                "Good, let us do it properly: the problem first, the model later. Five short answers and the task stands.",
                "好，我們一步一步來：先把問題弄清楚，再談模型。回答五個小問題，任務就能建立。",
            )
        )
    value = known[last]
    shown = quote(join_list(map(short, value)) if isinstance(value, list) else str(value), 60)
    left = len(missing)
    things = Text("one more thing" if left == 1 else f"{left} more things", f"再弄清楚 {left} 件事")
    return Text(
        f"Noted, {_GREETED[last].en}: {shown}; {things.en} before I can set the task up.",
        f"記下了，{_GREETED[last].zh}是{shown}；{things.zh}就可以建立任務。",
    )


def _cut_answers(known: Mapping[str, Any]) -> dict[str, Any]:
    """The answers, cut: whole they stand in the arguments of the next call."""
    return {key: value[:_LONGEST_SHOWN] if isinstance(value, str) else value for key, value in known.items()}


def _further(known: Mapping[str, Any]) -> list[str]:
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


def _facts(known: Mapping[str, Any], said: Said) -> Facts:
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
        example=str(known.get(EXAMPLE.key) or ""),
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


def _guess_type(known: dict[str, Any], said: Said) -> Text | None:
    """Put down the kind of task they speak of, where they name one, and say so."""
    if said.type is None or "type" in known:
        return None
    known["type"] = said.type
    title = task_kind(said.type).title
    return Text(
        f"What you describe gives back {title.en} (type `{said.type}`); say so if you meant labels for a text.",
        f"你描述的是「{title.zh}」（類型 `{said.type}`）；如果你要的其實是替文字貼標籤，請跟我說。",
    )


def _title(goal: str) -> str:
    first = re.split(r"[。！？；.!?;\n]", goal.strip(), maxsplit=1)[0]
    most = _TITLE_CHARACTERS[spoken_language()]
    if len(first) <= most:
        return first
    return first[:most].rsplit(" ", 1)[0] if " " in first[:most] else first[:most]
