from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ....resources.foundation.language import Language, Text
from ....resources.task import Prompt
from ..cells import as_structure, as_text
from ..reading_answers import without_reasoning
from ..rows import Row, row_id
from ..task_kind import Answers, Message, Spelling, TaskKind, Unfit


class Generation(TaskKind):
    """A text written for a text, such as a summary, a translation, a reply or JSON: `{text, output}`.

    The same input may have several outputs; all rows of one input stay in one split. Data of instructions may say for each
    row what the system is told: it then stands for the task's own.
    """

    title: ClassVar[Text] = Text("a text written in answer to a text", "依一段文字寫出另一段文字")
    roles: ClassVar[tuple[str, ...]] = ("text", "output")
    aliases: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "text": ("input", "instruction", "prompt", "question", "source", "輸入", "指令", "問題", "原文"),
        "output": (
            "response",
            "completion",
            "answer",
            "target",
            "summary",
            "translation",
            "reply",
            "label",
            "輸出",
            "回答",
            "答案",
            "摘要",
            "譯文",
            "回覆",
        ),
    }
    answers: ClassVar[Answers] = "text"
    usual_metric: ClassVar[str] = "chrf"
    key: ClassVar[str] = "output"
    one_answer: ClassVar[bool] = False
    sample: ClassVar[Mapping[str, Any]] = {"text": "…", "output": "…"}
    hints: ClassVar[tuple[Text, ...]] = (
        Text("text is what comes in, output the answer to it.", "text 是輸入，output 是對它的回答。"),
    )
    prompts: ClassVar[Mapping[Language, Prompt]] = {
        "en": Prompt(system="Read the input and write the answer it asks for.", user="{text}"),
        "zh-TW": Prompt(system="請閱讀輸入的內容，寫出它需要的回答。", user="{text}"),
    }

    problems: ClassVar[Mapping[str, Text]] = {
        "history": Text(
            "it has earlier turns (history), which only a task of type chat can use",
            "有先前的對話（history），要用 chat 類型的任務才會一起提問",
        )
    }

    def fields(self, values: Mapping[str, Any], spelling: Spelling) -> Row:
        if as_structure(values.get("history")):
            raise Unfit("history")
        system = as_text(values.get("system"))
        return {
            "text": self.require_text(values, "text"),
            **({"system": system} if system else {}),
            "output": self.require_text(values, "output"),
        }

    def id_of(self, row: Mapping[str, Any]) -> str:
        return row_id(row["text"], self.answer(row), row.get("system"))

    def messages(self, row: Mapping[str, Any], prompt: Prompt, labels: Sequence[str]) -> list[Message]:
        asked = super().messages(row, prompt, labels)
        return [{"role": "system", "content": row["system"]}, *asked[1:]] if row.get("system") else asked

    def answer(self, row: Mapping[str, Any]) -> str:
        return str(row["output"])

    def read(self, answer: str, labels: Sequence[str]) -> str | None:
        return without_reasoning(answer) or None
