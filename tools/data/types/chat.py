from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ....resources.language import Language, Text
from ....resources.task import Prompt
from ..cells import as_structure, as_text
from ..reading_answers import without_reasoning
from ..rows import Row
from . import Answers, Message, Spelling, TaskKind, Unfit

# ShareGPT's names beside OpenAI's.
_ROLES = {"system": "system", "user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant",
          "bot": "assistant", "model": "assistant"}


class Chat(TaskKind):
    """The last turn of a conversation: `{messages: [{role, content}, …]}`, which ends with the assistant's turn.

    Messages are OpenAI's (`role`, `content`) or ShareGPT's (`from`, `value`). The row's `text` is what was said before
    the answer; the answer is the assistant's last turn.
    """

    title: ClassVar[Text] = Text("the next turn of a conversation", "對話中接下來的一輪回覆")
    roles: ClassVar[tuple[str, ...]] = ("messages",)
    inputs: ClassVar[tuple[str, ...]] = ("messages",)
    aliases: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "messages": ("conversation", "conversations", "dialog", "dialogue", "chat", "turns", "對話", "訊息"),
    }
    answers: ClassVar[Answers] = "text"
    key: ClassVar[str] = "messages"
    one_answer: ClassVar[bool] = False
    no_proposals: ClassVar[Text | None] = Text(
        "A conversation comes whole: write some with add_examples(examples=[{messages}]), or connect a file of them with "
        "set_data_source.",
        "對話要整段提供：用 add_examples(examples=[{messages}]) 撰寫，或用 set_data_source 接上對話檔案。")
    sample: ClassVar[Mapping[str, Any]] = {"messages": [{"role": "user", "content": "…"},
                                                        {"role": "assistant", "content": "…"}]}
    hints: ClassVar[tuple[Text, ...]] = (
        Text("messages is a conversation of user and assistant in turn; it ends with the assistant.",
             "messages 是 user 和 assistant 輪流說話的對話，最後一則是 assistant。"),)
    row_tokens: ClassVar[int] = 300
    prompts: ClassVar[Mapping[Language, Prompt]] = {
        "en": Prompt(system="", user="{text}"), "zh-TW": Prompt(system="", user="{text}"),
    }
    problems: ClassVar[Mapping[str, Text]] = {
        "messages_unreadable": Text("messages is no JSON list of {role, content}",
                                    "messages 不是由 {role, content} 組成的 JSON 串列"),
        "no_answer": Text("the conversation holds no turn of the assistant that answers a user",
                          "對話裡沒有助理回覆使用者的一輪"),
    }

    def fields(self, values: Mapping[str, Any], spelling: Spelling) -> Row:
        raw = values.get("messages")
        found = as_structure(raw) if as_text(raw) else None
        if found is None:
            raise Unfit("messages_unreadable" if as_text(raw) else "messages")
        messages = [_message(turn) for turn in (found if isinstance(found, list) else [])]
        while messages and messages[-1]["role"] != "assistant":  # an unanswered turn at the end teaches nothing
            messages.pop()
        before = messages[:-1]
        if not before or before[-1]["role"] != "user" or not messages[-1]["content"]:
            raise Unfit("no_answer")
        text = "\n".join(turn["content"] for turn in before if turn["role"] != "system")
        return {"text": text, "messages": messages}

    def messages(self, row: Mapping[str, Any], prompt: Prompt, labels: Sequence[str]) -> list[Message]:
        asked = [dict(turn) for turn in row["messages"][:-1]]
        own_system = asked[0]["role"] == "system"
        return asked if own_system or not prompt.system else [{"role": "system", "content": prompt.system}, *asked]

    def unanswered(self, text: str) -> Row:
        return {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": ""}]}

    def answer(self, row: Mapping[str, Any]) -> str:
        return str(row["messages"][-1]["content"])

    def read(self, answer: str, labels: Sequence[str]) -> str | None:
        return without_reasoning(answer) or None


def _message(turn: Any) -> Message:
    if not isinstance(turn, dict):
        raise Unfit("messages_unreadable")
    role = _ROLES.get(as_text(turn.get("role") or turn.get("from")).lower())
    content = turn.get("content") if "content" in turn else turn.get("value")
    if role is None or not isinstance(content, str):
        raise Unfit("messages_unreadable")
    return {"role": role, "content": as_text(content)}
