"""Rows without a label: how they get one, and the exact next call."""

from __future__ import annotations

from typing import Any

from ...resources.answer import NextStep
from ...resources.foundation.errors import DataError
from ...resources.foundation.language import Text, several
from ..data.labelling.standing import concerns, load_labelling, next_call
from ..data.task_kind import role_title
from .answer import CoachAnswer
from .answer_builder import build_answer, consent
from .intent import Said
from .situation import Situation
from .wording import benefit, join_sentences


def waiting(situation: Situation, _said: Said) -> CoachAnswer | None:
    """Before there is data to train on: rows that were fetched without a label lead to labelling."""
    kept_apart = any(
        source.type == "web_scrape" or source.model_dump().get("unlabelled") for source in situation.sources.sources
    )
    if situation.data or not kept_apart or not concerns(situation.folder):
        return None
    return label_rows(situation, _said)


def label_rows(situation: Situation, _said: Said) -> CoachAnswer | None:
    """Where the labelling stands and what comes next; None where there is nothing to label."""
    try:
        here = load_labelling(situation.folder)
    except DataError as error:
        arguments: dict[str, Any] = {"task": situation.name}
        step = (
            NextStep(say=str(error.fix), tool="update_task", arguments=arguments)
            if error.field == "labels"
            else NextStep(say=str(error.fix), tool="add_examples", arguments={**arguments, "examples": []})
        )
        return build_answer(situation, "data", join_sentences(benefit(situation.task), error.problem), step)
    figures = here.figures()
    if not here.open and not here.decided:
        return None
    say, tool, arguments = next_call(here)
    kind = here.pool.kind
    what = role_title(kind.key)
    todo = what.zh if what.zh.endswith("標註") else f"標註{what.zh}"
    by = (
        Text("a model or a version", "模型或某個版本")
        if kind.answers == "text"
        else Text("rules, a model or a version", "規則、模型或某個版本")
    )
    waiting = several(figures["open"], f"row waits for its {what.en}", f"rows wait for their {what.en}")
    message = join_sentences(
        benefit(situation.task),
        Text(
            f"{waiting} ({figures['proposed']} with a proposal), {figures['accepted']} accepted so far. Proposals come from "
            f"{by.en}; a person reviews them in batches here or on a sheet, and only what they accept "
            "trains (data-pipeline/labelling).",
            f"有 {figures['open']} 列等著{todo}（{figures['proposed']} 列有提案），已接受 {figures['accepted']} 列。"
            f"由{by.zh}提案，再由人在這裡分批審閱或填審閱表；只有接受的才會拿來訓練"
            "（data-pipeline/labelling）。",
        ),
    )
    question = consent(
        Text(
            f"Who knows the right {what.en}, and could a second person do the same 50 rows apart?",
            f"誰最清楚正確的{what.zh}該是什麼？能不能請第二個人各自標同樣的 50 列？",
        ),
        Text(
            "Where two people differ the guideline needs better words first (llm-knowledge/annotation).",
            "兩個人意見不同的地方，表示標註準則要先說清楚（llm-knowledge/annotation）。",
        ),
        [
            Text("I do, right here", "我自己，就在這裡"),
            Text("Ann and Ben, on a sheet each", "小安和小班，各一份審閱表"),
        ],
        Text("I review them here", "我在這裡審閱"),
    )
    return build_answer(
        situation, "data", message, NextStep(say=str(say), tool=tool, arguments=arguments), question=question
    )
