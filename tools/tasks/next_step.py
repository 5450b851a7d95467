"""What to do with a task now, from its state alone; the coach knows more."""

from __future__ import annotations

from ...resources.answer import NextStep
from ...resources.foundation.language import Text
from ...resources.task import State

_STEPS: dict[State, tuple[Text, str]] = {
    "created": (
        Text(
            "Next the coach asks what is still open about the goal, then where the rows live.",
            "接著由教練問完目標還沒說清楚的部分，再談資料放在哪裡。",
        ),
        "coach",
    ),
    "configuring": (
        Text("The coach knows what is still missing before training.", "請教練看看訓練前還缺什麼。"),
        "coach",
    ),
    "training": (Text("See how the training is doing.", "看看訓練進行得如何。"), "job_status"),
    "evaluating": (
        Text("The coach reads the results and suggests what to do.", "請教練解讀結果並建議下一步。"),
        "coach",
    ),
    "deployed": (
        Text(
            "It is live; the coach helps with the next version when you want one.",
            "已經上線；想做下一個版本時，教練可以幫忙。",
        ),
        "coach",
    ),
    "archived": (
        Text("It is archived; this call restores it when it is needed again.", "任務已封存；需要時用這個呼叫恢復。"),
        "manage_task",
    ),
}


def next_step(name: str, state: State) -> NextStep:
    """The next step for task `name`, in the language of the call."""
    say, tool = _STEPS[state]
    arguments = {"task": name, **({"action": "restore"} if state == "archived" else {})}
    return NextStep(say=str(say), tool=tool, arguments=arguments)
