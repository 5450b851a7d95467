from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ....resources.foundation.language import Language, Text, several
from ....resources.task import Prompt
from ..cells import as_structure, as_text
from ..conversation import (
    NoConversation,
    as_messages,
    has_tools,
    marked_turns,
    said_in,
    text_of,
    tools_in,
    turns_in,
    with_system,
)
from ..reading_answers import without_reasoning
from ..rows import Row
from ..shortening import turns_without_middle
from ..task_kind import Answers, Message, Spelling, TaskKind, Unfit


class Chat(TaskKind):
    """The last turn of a conversation: `{messages: [{role, content}, …]}`, which ends with the assistant's turn.

    Messages are OpenAI's (`role`, `content`) or ShareGPT's (`from`, `value`), with tool calls, their answers, content parts;
    columns `system` and `tools` belong to them. The row's `text` is what was said before the answer; the answer is the
    assistant's last turn.
    """

    title: ClassVar[Text] = Text("the next turn of a conversation", "對話中接下來的一輪回覆")
    roles: ClassVar[tuple[str, ...]] = ("messages",)
    inputs: ClassVar[tuple[str, ...]] = ("messages",)
    context: ClassVar[tuple[str, ...]] = ("system", "tools")
    aliases: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "messages": ("conversation", "conversations", "dialog", "dialogue", "chat", "turns", "對話", "訊息")
    }
    answers: ClassVar[Answers] = "text"
    usual_metric: ClassVar[str] = "chrf"
    key: ClassVar[str] = "messages"
    one_answer: ClassVar[bool] = False
    no_proposals: ClassVar[Text | None] = Text(
        "Conversations must be complete: write some with add_examples(examples=[{messages}]), or connect a file of "
        "them with set_data_source.",
        "對話要整段提供：用 add_examples(examples=[{messages}]) 撰寫，或用 set_data_source 接上對話檔案。",
    )
    sample: ClassVar[Mapping[str, Any]] = {
        "messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]
    }
    hints: ClassVar[tuple[Text, ...]] = (
        Text(
            "messages is a conversation of user and assistant in turn; it ends with the assistant.",
            "messages 是 user 和 assistant 輪流說話的對話，最後一則是 assistant。",
        ),
    )
    row_tokens: ClassVar[int] = 300
    prompts: ClassVar[Mapping[Language, Prompt]] = {
        "en": Prompt(system="", user="{text}"),
        "zh-TW": Prompt(system="", user="{text}"),
    }
    problems: ClassVar[Mapping[str, Text]] = {
        "messages_unreadable": Text(
            "messages is not a JSON list of {role, content}", "messages 不是由 {role, content} 組成的 JSON 陣列"
        ),
        "not_text": Text(
            "a turn holds a picture or sound, which a text model cannot read", "對話裡有圖片或聲音，文字模型讀不到"
        ),
        "no_answer": Text(
            "the conversation holds no turn of the assistant that answers a user", "對話裡沒有助理回覆使用者的一輪"
        ),
    }

    def fields(self, values: Mapping[str, Any], spelling: Spelling) -> Row:
        raw = values.get("messages")
        if not as_text(raw):
            raise Unfit("messages")
        try:
            turns = turns_in(raw) or marked_turns(raw)
        except NoConversation as error:
            raise Unfit("not_text" if error.why == "not_text" else "messages_unreadable") from error
        if turns is None:
            raise Unfit("no_answer" if as_structure(raw) == [] else "messages_unreadable")
        while turns and turns[-1]["role"] != "assistant":  # an unanswered turn at the end teaches nothing
            turns.pop()
        turns = with_system(turns, values.get("system"))
        before = turns[:-1]
        if not before or before[-1]["role"] not in ("user", "tool") or not said_in(turns[-1]):
            raise Unfit("no_answer")
        tools = tools_in(values.get("tools"))
        return {"text": text_of(before), "messages": turns, **({"tools": tools} if tools else {})}

    def messages(self, row: Mapping[str, Any], prompt: Prompt, labels: Sequence[str]) -> list[Message]:
        return as_messages(with_system(row["messages"][:-1], prompt.system), row.get("tools") or ())

    def shorten_row(self, row: Mapping[str, Any], characters: int) -> Row:
        return {**row, "messages": [*turns_without_middle(row["messages"][:-1], characters), row["messages"][-1]]}

    def unknown_answer(self, text: str) -> Row:
        return {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": ""}]}

    def answer(self, row: Mapping[str, Any]) -> str:
        return said_in(row["messages"][-1])

    def read(self, answer: str, labels: Sequence[str]) -> str | None:
        return without_reasoning(answer) or None

    def remarks(self, rows: Sequence[Row]) -> list[tuple[str, int, Text]]:
        count = sum(bool(row.get("tools")) or has_tools(row["messages"]) for row in rows)
        return [("tools_in_words", count, tools_in_words(count))] if count else []


def tools_in_words(count: int) -> Text:
    """What to say of conversations in which tools are called."""
    return Text(
        f"{several(count, 'conversation has', 'conversations have')} tools: for training and asking they are written as text "
        "(<tool_call>, <tool_response>), the way Qwen and Hermes write them, so that every base model takes them. Serve with a "
        "parser of that form (vLLM: --tool-call-parser hermes).",
        f"有 {count} 段對話用到工具：訓練和提問時會寫成文字（<tool_call>、<tool_response>），和 Qwen、Hermes "
        f"的格式相同，任何基礎模型都能用。部署時請選同格式的解析器（vLLM：--tool-call-parser hermes）。",
    )
