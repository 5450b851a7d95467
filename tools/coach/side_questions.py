"""What is said beside the way: looking after a task, and questions that the knowledge pages answer."""

from __future__ import annotations

import re

from ...resources.answer import NextStep
from ...resources.catalogue import base_models
from ...resources.foundation.language import Text
from . import states
from .answer import CoachAnswer
from .answer_builder import build_answer, call, consent
from .intent import Said
from .situation import Situation

_ASKS = re.compile(
    r"[?？]\s*$|[嗎呢]\s*[。！]?\s*$|(?i:^\W*(what|why|how|which|can|should|does|is)\b)|^(什麼|為什麼|怎麼|哪)"
)
_OF_THIS_WORK = re.compile(
    r"\bv\d|(?i:\b(next|now|cost|long|much|it|this|that)\b)|(?i:\b(?:i|we) (?:do|fix)\b)|怎麼辦|怎麼修|接下來|下一步|然後|花|多久|進度|這|你"
)
_LONGEST_SEARCH = 120
_KEPT = Text("Nothing is lost by it, and it can be undone.", "不會遺失任何東西，之後也能復原。")
_WISHES = {
    "archive": Text(
        "A task is put away, not deleted: it leaves the list and everything in its folder stays.",
        "任務是封存，不是刪除：不再出現在清單裡，資料夾裡的東西都留著。",
    ),
    "roll_back": Text(
        "The current version is the one the task stands for; the others stay beside it.",
        "目前版本就是這個任務對外的那一版；其他版本都還在。",
    ),
    "export": Text(
        "The whole task goes into one file that is checked when it is read in again.",
        "整個任務會放進一個檔案，匯入時會再驗證。",
    ),
    "clone": Text(
        "A clone begins with the same goal and labels; data and plans come along if wanted.",
        "複製出來的任務有同樣的目標與標籤；需要的話，資料與計畫也可以帶過去。",
    ),
}


def answer_monitoring(situation: Situation, said: Said) -> CoachAnswer:
    """Archive, roll back, export or clone: the exact call, after a yes."""
    if said.intent == "roll_back":
        return _current_version(situation, said)
    more = {
        "archive": {"reason": "<why, in their words>"},
        "clone": {"name": "<short English folder name>"},
        "export": {},
    }[said.intent]
    step = call(
        "manage_task",
        Text("Fill in what stands in <…>; when they agree, call this.", "填好 <…>，對方同意就呼叫。"),
        action=said.intent,
        task=situation.name,
        **more,
    )
    return _answer_side_question(situation, said.intent, step)


def _current_version(situation: Situation, said: Said) -> CoachAnswer:
    trained = [version.name for version in situation.trained]
    wanted = next((name for name in said.versions if name in trained), None)
    action = {"action": "promote", "version": wanted} if wanted else {"action": "roll_back"}
    step = call(
        "manage_task",
        Text("When they agree, call this; deploying it is a step of its own.", "對方同意就呼叫；要部署是另一步。"),
        task=situation.name,
        **action,
    )
    return _answer_side_question(situation, said.intent, step)


def _answer_side_question(situation: Situation, wish: str, step: NextStep) -> CoachAnswer:
    question = consent(
        Text("Shall I do that now?", "現在就做嗎？"),
        _KEPT,
        [Text("Yes", "好"), Text("No, go on", "不用，繼續")],
        Text("Yes", "好"),
    )
    return build_answer(situation, states.answer(situation).stage, str(_WISHES[wish]), step, question=question)


def other_base_model(situation: Situation, said: Said) -> CoachAnswer | None:
    """They name a base model they want: a plan with it; None where no plan can be written yet."""
    if not situation.data or said.intent or situation.job:
        return None
    wanted = next(
        (
            entry.id
            for entry in base_models()
            if re.search(rf"(?i)(?<![\w-]){re.escape(entry.id.rpartition('/')[2])}(?![\w-])", said.message)
        ),
        None,
    )
    if wanted is None:
        return None
    step = call(
        "plan_training",
        Text("Write the plan with it; nothing starts yet.", "用它寫計畫，還不會開始訓練。"),
        task=situation.name,
        settings={"base_model": wanted},
    )
    message = Text(
        f"{wanted} it is, if it fits: the plan shows the memory, time and cost it needs, part by part.",
        f"那就試 {wanted}，先看放不放得下：計畫會逐項列出需要的記憶體、時間與花費。",
    )
    return build_answer(
        situation,
        "plan",
        str(message),
        step,
        question=consent(
            Text("Shall I write that plan?", "要寫這個計畫嗎？"),
            Text(
                "Another base model changes everything at once: its result compares with the old one on the same rows only.",
                "換基礎模型等於什麼都換了：要用同一批題目才能和之前的結果比較。",
            ),
            [Text("Yes", "好"), Text("No, keep the one we have", "不用，維持原來的")],
            Text("Yes", "好"),
        ),
    )


def asks(said: Said) -> bool:
    """Whether they ask something that is not about this work, but that one can read up."""
    return not (said.intent or said.unsure or said.foreign or _OF_THIS_WORK.search(said.message)) and bool(
        _ASKS.search(said.message)
    )


def answer_from_knowledge(situation: Situation, said: Said) -> CoachAnswer:
    """The search that answers their question; what was open before stays open."""
    here = states.answer(situation)
    step = call(
        "read_resource",
        Text(
            "Answer from the pages found, for their case and in two or three sentences; say so where the pages do not know. "
            "Then coach goes on.",
            "根據找到的頁面，就他的情況用兩三句話回答；頁面沒寫到就直說。接著由 coach 繼續。",
        ),
        search=" ".join(said.message.split())[:_LONGEST_SEARCH],
    )
    message = Text("That first; then we go on where we were.", "先回答這個，再從原來的地方接著做。")
    return here.model_copy(update={"message": str(message), "next_step": step, "decision": None})
