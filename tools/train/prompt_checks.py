"""What a base model's chat template, and the rows put into it, would do to a training: looked at when it is planned.

Light: files are read, no training library is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ...resources.answer import quote_row_text
from ...resources.foundation.language import Text, several
from ...resources.task import Task, TaskFolder
from ..data.chat_template import reads_clock, template_of
from ..data.control_tokens import COMMON, found_in, special_tokens
from ..data.snapshot import Snapshot
from ..data.split import SPLITS
from .base_facts import BaseModel
from .finding import Finding
from .tokenise import without_template

_NAMED, _QUOTED = 20, 3
_NO_TEXT = ("id", "source", "split", "line")


class RowWithControl(NamedTuple):
    """A row whose text holds control tokens."""

    id: str
    split: str
    tokens: list[str]
    text: str


def check_prompts(task: TaskFolder, snapshot: Snapshot | None, base: BaseModel | None) -> list[Finding]:
    """Whether the base model can be talked to, always in the same way, and whether rows talk back."""
    found = []
    if base and template_of(base.folder) is None:
        found.append(Finding.of_error("chat_template", without_template(str(base.folder))))
    if base and (clock := clock_in_template(base.folder)):
        found.append(Finding("warning", "clock", *clock))
    if snapshot and (rows := rows_with_control(snapshot, base.folder if base else None)):
        found.append(Finding("warning", "control_tokens", *control_in_rows(task.load(), rows)))
    return found


def clock_in_template(base: Path) -> tuple[Text, Text] | None:
    """The problem and what is done about it where the template writes the day or the hour; else None."""
    if not reads_clock(template_of(base) or ""):
        return None
    return (
        Text(
            "The base model's chat template writes today's date into every prompt, so the same question would be another "
            "prompt tomorrow.",
            "這個基礎模型的對話模板會把今天的日期寫進每個提示，同樣的問題明天就變成另一個提示。",
        ),
        Text(
            "Nothing to do: one fixed date is used instead in training, in evaluation and in the model that is served.",
            "不需要處理：訓練、評估與部署的模型都會改用同一個固定日期。",
        ),
    )


def rows_with_control(snapshot: Snapshot, base: Path | None) -> list[RowWithControl]:
    """The rows whose texts hold control tokens of the base model's tokenizer (of the usual ones, while it is not here)."""
    tokens = (special_tokens(base) if base else ()) or COMMON
    found = []
    for split in SPLITS:
        for row in snapshot.rows(split):
            texts = list(_texts(row))
            if seen := found_in(texts, tokens):
                text = next(text for text in texts if seen[0] in text)
                found.append(RowWithControl(str(row["id"]), split, seen, text))
    return found


def control_in_rows(task: Task, rows: list[RowWithControl]) -> tuple[Text, Text]:
    """The problem, the rows by name, and what is done about it."""
    tokens = ", ".join(dict.fromkeys(token for row in rows for token in row.tokens))
    named = ", ".join(f"{row.id} ({row.split})" for row in rows[:_NAMED])
    more = len(rows) - _NAMED
    rest = Text(f" and {more} more", f"等，另有 {more} 列") if more > 0 else ""
    shown = "; ".join(f"{row.id}: {quote_row_text(task, row.text, 80)!r}" for row in rows[:_QUOTED])
    return (
        Text(
            f"{several(len(rows), 'row holds', 'rows hold')} control tokens of the chat template in their own text ({tokens}), "
            f"which would end the question and answer it: {named}",
            f"有 {len(rows)} 列的內文含有對話模板的控制符號（{tokens}），會提前結束提問並自行作答：{named}",
        )
        + rest
        + Text(f". {shown}", f"。{shown}"),
        Text(
            "Training and evaluation neutralise them: a space is put inside each, so that it is read as plain letters. Or look at "
            "those rows, correct or remove them at their source, and call prepare_data again.",
            "訓練與評估時會自動處理：在符號中間插入空格，只當成一般文字。也可以先檢查這些列，在來源更正或移除後再呼叫 prepare_data。",
        ),
    )


def _texts(row: Mapping[str, Any]) -> Iterator[str]:
    """Every text of a row, those of a conversation's turns among them."""
    for name, value in row.items():
        if name not in _NO_TEXT:
            yield from _inside(value)


def _inside(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _inside(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _inside(inner)
