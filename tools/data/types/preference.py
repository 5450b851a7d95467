from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ....resources.language import Language, Text
from ....resources.task import Prompt
from ..cells import as_structure, as_text
from ..reading_answers import without_reasoning
from ..rows import Row, row_id
from . import Answers, Spelling, TaskKind, Unfit


class Preference(TaskKind):
    """Two answers to a text, of which people prefer one: `{text, chosen, rejected}`.

    `chosen` and `rejected` may be texts, or conversations whose last turn counts. The same input may have several
    pairs; all of them stay in one split.
    """

    title: ClassVar[Text] = Text("which of two answers people prefer", "兩個回答中人們偏好哪一個")
    roles: ClassVar[tuple[str, ...]] = ("text", "chosen", "rejected")
    aliases: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "text": ("prompt", "question", "instruction", "input", "提示", "問題", "指令"),
        "chosen": ("preferred", "better", "good", "accepted", "較佳", "偏好", "好的回答"),
        "rejected": ("dispreferred", "worse", "bad", "refused", "較差", "不偏好", "差的回答"),
    }
    answers: ClassVar[Answers] = "pair"
    key: ClassVar[str] = "chosen"
    one_answer: ClassVar[bool] = False
    no_proposals: ClassVar[Text | None] = Text(
        "A preference needs two answers that somebody compared: write pairs with add_examples(examples=[{text, chosen, "
        "rejected}]), or connect a file of them with set_data_source.",
        "偏好需要有人比較過的兩個回答：用 add_examples(examples=[{text, chosen, rejected}]) 撰寫，或用 set_data_source 接上檔案。")
    sample: ClassVar[Mapping[str, Any]] = {"text": "…", "chosen": "…", "rejected": "…"}
    hints: ClassVar[tuple[Text, ...]] = (
        Text("chosen and rejected both answer text; chosen is plainly the better one.",
             "chosen 和 rejected 都是對 text 的回答，chosen 明顯比較好。"),)
    row_tokens: ClassVar[int] = 300
    prompts: ClassVar[Mapping[Language, Prompt]] = {
        "en": Prompt(system="Read the input and write the answer it asks for.", user="{text}"),
        "zh-TW": Prompt(system="請閱讀輸入的內容，寫出它需要的回答。", user="{text}"),
    }
    problems: ClassVar[Mapping[str, Text]] = {
        "same_answers": Text("chosen and rejected are the same answer", "chosen 和 rejected 是同一個回答"),
    }

    def fields(self, values: Mapping[str, Any], spelling: Spelling) -> Row:
        text = self.required({"text": _last_turn(values.get("text"))}, "text")
        chosen, rejected = (self.required({role: _last_turn(values.get(role))}, role) for role in ("chosen", "rejected"))
        if chosen == rejected:
            raise Unfit("same_answers")
        return {"text": text, "chosen": chosen, "rejected": rejected}

    def unanswered(self, text: str) -> Row:
        return {"chosen": "", "rejected": ""}

    def id_of(self, row: Mapping[str, Any]) -> str:
        return row_id(row["text"], row["chosen"], row["rejected"])

    def answer(self, row: Mapping[str, Any]) -> str:
        return str(row["chosen"])

    def read(self, answer: str, labels: Sequence[str]) -> str | None:
        return without_reasoning(answer) or None

    def rendered(self, row: Mapping[str, Any], prompt: Prompt, labels: Sequence[str]) -> dict[str, Any]:
        return {"prompt": self.messages(row, prompt, labels),
                **{role: [{"role": "assistant", "content": str(row[role])}] for role in ("chosen", "rejected")}}


def _last_turn(value: Any) -> str:
    """The text of a cell, or of the last turn where it holds a conversation."""
    turns = as_structure(value)
    last = turns[-1] if isinstance(turns, list) and turns else None
    return as_text(last["content"]) if isinstance(last, dict) and "content" in last else as_text(value)
