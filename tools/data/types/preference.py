from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ....resources.foundation.language import Language, Text
from ....resources.task import Prompt
from ..cells import as_text
from ..conversation import NoConversation, Turn, as_messages, marked_turns, said_in, text_of, turns_in, with_system
from ..reading_answers import without_reasoning
from ..rows import Row, row_id
from ..shortening import turns_without_middle
from ..task_kind import Answers, Message, RenderedRow, Spelling, TaskKind, Unfit


class Preference(TaskKind):
    """Two answers to a text, of which people prefer one: `{text, chosen, rejected, turns?}`.

    The text may be a conversation, with a system's part and earlier turns: they are kept as `turns`. `chosen` and
    `rejected` may be answers, or whole conversations, which then need no text of their own. The same input may have
    several pairs; all of them stay in one split.
    """

    title: ClassVar[Text] = Text("which of two answers people prefer", "兩個回答中人們偏好哪一個")
    roles: ClassVar[tuple[str, ...]] = ("text", "chosen", "rejected")
    context: ClassVar[tuple[str, ...]] = ("system",)
    aliases: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "text": ("prompt", "question", "instruction", "input", "提示", "問題", "指令"),
        "chosen": ("preferred", "better", "good", "accepted", "較佳", "偏好", "好的回答"),
        "rejected": ("dispreferred", "worse", "bad", "refused", "較差", "不偏好", "差的回答"),
    }
    answers: ClassVar[Answers] = "pair"
    usual_metric: ClassVar[str] = "preference_accuracy"
    key: ClassVar[str] = "chosen"
    one_answer: ClassVar[bool] = False
    no_proposals: ClassVar[Text | None] = Text(
        "A preference needs two answers that somebody compared: write pairs with add_examples(examples=[{text, chosen, "
        "rejected}]), or connect a file of them with set_data_source.",
        "偏好需要有人比較過的兩個回答：用 add_examples(examples=[{text, chosen, rejected}]) 撰寫，或用 set_data_source 接上檔案。",
    )
    sample: ClassVar[Mapping[str, Any]] = {"text": "…", "chosen": "…", "rejected": "…"}
    hints: ClassVar[tuple[Text, ...]] = (
        Text(
            "chosen and rejected both answer text; chosen is plainly the better one.",
            "chosen 和 rejected 都是對 text 的回答，chosen 明顯比較好。",
        ),
    )
    row_tokens: ClassVar[int] = 300
    prompts: ClassVar[Mapping[Language, Prompt]] = {
        "en": Prompt(system="Read the input and write the answer it asks for.", user="{text}"),
        "zh-TW": Prompt(system="請閱讀輸入的內容，寫出它需要的回答。", user="{text}"),
    }
    problems: ClassVar[Mapping[str, Text]] = {
        "pairs_diverge": Text(
            "chosen and rejected differ before their last turn", "chosen 和 rejected 在最後一輪之前就不同"
        ),
        "no_prompt": Text(
            "chosen and rejected are answers alone, and nothing says what they answer",
            "chosen 和 rejected 只有回答，看不出是回答什麼",
        ),
        "not_text": Text(
            "a turn holds a picture or sound, which a text model cannot read", "對話裡有圖片或聲音，文字模型讀不到"
        ),
        "messages_unreadable": Text("a conversation has turns that cannot be read", "對話裡有無法讀取的一輪"),
        "same_answers": Text("chosen and rejected are the same answer", "chosen 和 rejected 是同一個回答"),
    }

    def fields(self, values: Mapping[str, Any], spelling: Spelling) -> Row:
        try:
            asked, chosen, rejected = self._parts(values)
        except NoConversation as error:
            raise Unfit("not_text" if error.why == "not_text" else "messages_unreadable") from error
        if chosen == rejected:
            raise Unfit("same_answers")
        answers = {"chosen": chosen, "rejected": rejected}
        if len(asked) == 1 and asked[0]["role"] == "user":
            return {"text": asked[0]["content"], **answers}
        return {"text": text_of(asked), "turns": asked, **answers}

    def _parts(self, values: Mapping[str, Any]) -> tuple[list[Turn], str, str]:
        """The turns that are answered, and the two answers."""
        answers = {role: turns_in(values.get(role)) for role in ("chosen", "rejected")}
        asked = turns_in(values.get("turns")) or turns_in(values.get("text")) or marked_turns(values.get("text"))
        text = as_text(values.get("text"))
        if asked is None and not text:
            answers = {role: turns or marked_turns(values.get(role)) for role, turns in answers.items()}
        said = {role: said_in(turns[-1]) if turns else as_text(values.get(role)) for role, turns in answers.items()}
        for role, content in said.items():
            self.require_text({role: content}, role)
        whole = _shared_turns(answers["chosen"], answers["rejected"])
        if asked is None and whole and (not text or whole[-1]["content"] == text):
            asked = whole
        if asked is None:
            if not text:
                raise Unfit("text" if "text" in values else "no_prompt")
            asked = [{"role": "user", "content": text}]
        while asked and asked[-1]["role"] not in ("user", "tool"):
            asked.pop()
        if not text_of(asked):
            raise Unfit("text")
        return with_system(asked, values.get("system")), said["chosen"], said["rejected"]

    def unknown_answer(self, text: str) -> Row:
        return {"chosen": "", "rejected": ""}

    def id_of(self, row: Mapping[str, Any]) -> str:
        return row_id(row["text"], row["chosen"], row["rejected"])

    def messages(self, row: Mapping[str, Any], prompt: Prompt, labels: Sequence[str]) -> list[Message]:
        if turns := row.get("turns"):
            return as_messages(with_system(turns, prompt.system))
        return super().messages(row, prompt, labels)

    def shorten_row(self, row: Mapping[str, Any], characters: int) -> Row:
        if turns := row.get("turns"):
            return {**row, "turns": turns_without_middle(turns, characters)}
        return super().shorten_row(row, characters)

    def answer(self, row: Mapping[str, Any]) -> str:
        return str(row["chosen"])

    def read(self, answer: str, labels: Sequence[str]) -> str | None:
        return without_reasoning(answer) or None

    def render_row(self, row: Mapping[str, Any], prompt: Prompt, labels: Sequence[str]) -> RenderedRow:
        return {
            "prompt": self.messages(row, prompt, labels),
            **{role: [{"role": "assistant", "content": str(row[role])}] for role in ("chosen", "rejected")},
        }


def _shared_turns(chosen: list[Turn] | None, rejected: list[Turn] | None) -> list[Turn]:
    """The turns before the two answers, where both are whole conversations.

    Raises:
        Unfit: they part before their last turn.
    """
    if not chosen or not rejected:
        return list((chosen or rejected or [])[:-1])
    if chosen[:-1] != rejected[:-1]:
        raise Unfit("pairs_diverge")
    return chosen[:-1]
