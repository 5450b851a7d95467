"""How an answer about a task is put together: its facts, its open questions, the exact next call."""

from __future__ import annotations

from typing import Any

from ...resources.answer import NextStep
from ...resources.contents import without_secrets
from ...resources.language import Text
from .advice import source_example, source_question
from .analysis import best_result
from .answer import CoachAnswer, DecisionDue, Stage
from .intents import Said
from .questions import BEFORE_CREATING, BEFORE_PLANNING, Topic, changes_for, unanswered
from .situation import Situation


def told(
    situation: Situation, stage: Stage, message: str, step: NextStep, **more: Any
) -> CoachAnswer:
    """An answer about this task, its known facts and open questions filled in."""
    return CoachAnswer(
        stage=stage, message=message, next_step=step, known=known_facts(situation),
        missing=[topic.path for topic in unanswered((*BEFORE_CREATING, *BEFORE_PLANNING), situation.task)], **more,
    )


def known_facts(situation: Situation) -> dict[str, Any]:
    """The facts behind the answer, small: the person's words cut, figures as they are on disk."""
    task, counts = situation.task, situation.counts
    said = {"pain_point": task.pain_point, "current_method": task.current_method, "impact": task.impact,
            "goal": task.goal}
    best = best_result(situation)
    facts: dict[str, Any] = {
        "task": situation.name, "path": str(situation.folder.root), "title": task.title[:80], "type": task.type,
        "labels": situation.labels[:30], **{key: words[:200] for key, words in said.items() if words},
        "constraints": task.constraints.model_dump(exclude_none=True),
        "success_criteria": task.success_criteria.model_dump(exclude_none=True),
        "sources": [source.type for source in situation.sources.sources],
        "rows": counts, "versions": [f"{version.name}: {version.status()}" for version in situation.versions[-6:]],
        "plan": situation.plan, "best": {"version": best.version.name, best.metric: best.value} if best else None,
        "deployed": (situation.deployment or {}).get("version"),
    }
    return {key: value for key, value in facts.items() if value not in (None, "", [], {})}


def ask(situation: Situation, topic: Topic, message: str, stage: Stage = "clarifying", **more: Any) -> CoachAnswer:
    """Ask about `topic` and keep the answer in the task."""
    say = Text("Ask that one question and wait; then keep the answer in their own words with update_task, and come "
               "back "
               "to coach. They may skip it: then use the default.",
               "只問這一題，等對方回答；再用 update_task 以對方的話記下來，然後回到 coach。對方可以跳過，就填預設值。")
    step = NextStep(say=str(say), tool="update_task",
                    arguments={"task": situation.name, "changes": changes_for(topic)})
    return told(situation, stage, message, step, question=topic.question(), **more)


def source_answer(situation: Situation, said: Said, message: str, decision: DecisionDue | None = None) -> CoachAnswer:
    """Ask where the rows stand; the next call carries a filled example."""
    added = Text(" (it keeps the sources that stand and adds this one)", "（會保留現有的來源，再加上這一個）") \
        if situation.sources.sources else Text("", "")
    say = Text(f"Fill in the <…> with their answer, then call this{added.en}; it tests the source and shows five rows.",
               f"把 <…> 換成對方的回答再呼叫{added.zh}；它會測試來源並先給你看五筆。")
    step = with_source(situation, said, say)
    return told(situation, "data", message, step, question=source_question(said, situation.task), decision=decision)


def with_source(situation: Situation, said: Said | None, say: Text) -> NextStep:
    """The call that adds a source to those that stand; where one of them shows a secret, the call that hides it.

    Arguments:
        said: what is known about the new source; None adds none, so that those that stand can be corrected.
    """
    kept = [source.model_dump(exclude_none=True, exclude_defaults=True) for source in situation.sources.sources]
    if without_secrets(kept) != kept:
        moved = Text("A password stands in data_source.yaml: this call moves it to the secret store first.",
                     "data_source.yaml 裡有明文密碼：這個呼叫會先把它移到密鑰庫。")
        return NextStep(say=str(moved), tool="set_data_source", arguments={"task": situation.name})
    added = [source_example(said, situation.task)] if said else []
    return NextStep(say=str(say), tool="set_data_source",
                    arguments={"task": situation.name, "sources": [*kept, *added]})
