"""The rows as a version is asked them: where its plan cuts rows that are too long, the benchmark's are cut too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...resources.foundation.language import Text, several
from ...resources.task import Prompt
from ...resources.version import VersionFolder
from ..data.prompting import answer_of, chat_messages
from ..data.rows import Row
from ..data.shortening import fit_row
from ..data.task_kind import kind_of
from .model import LoadedModel
from .predict import label_tokens, prompt_ids


@dataclass(frozen=True)
class Asked:
    """The rows to ask; `cut` says of those whose input was cut how many of its characters stayed."""

    rows: list[Row]
    cut: dict[str, int] = field(default_factory=dict)


def asking_limit(folder: VersionFolder) -> int | None:
    """Tokens to which a version's inputs are cut, answer included; None where its plan cuts none."""
    config = folder.config()
    return config.max_length if config.long_rows == "cut" and config.max_length else None


def as_asked(
    loaded: LoadedModel, rows: Sequence[Row], prompt: Prompt, labels: Sequence[str], limit: int | None
) -> Asked:
    """The rows with every input cut from the middle until it fits, with its answer, into the limit; one that cannot be cut
    so far is asked whole."""
    if limit is None or not rows:
        return Asked(list(rows))
    tokenizer = loaded.tokenizer
    lengths = [len(ids) for ids in prompt_ids(loaded, [chat_messages(row, prompt, labels) for row in rows])]
    room = (
        1 + max((len(ids) for ids in label_tokens(loaded, chat_messages(rows[0], prompt, labels), labels)), default=0)
        if kind_of(rows[0]).answers == "label"
        else 0
    )
    asked: list[Row] = []
    cut: dict[str, int] = {}
    for row, length in zip(rows, lengths, strict=True):
        needed = room or 1 + max(
            len(tokenizer(answer, add_special_tokens=False)["input_ids"]) for answer in _answers(row)
        )

        def fits(tried: Row, most: int = limit - needed) -> bool:
            return len(prompt_ids(loaded, [chat_messages(tried, prompt, labels)])[0]) <= most

        found = fit_row(row, kind_of(row).shorten_row, fits) if length + needed > limit else None
        if found:
            cut[str(row["id"])] = found[0]
        asked.append(found[1] if found else row)
    return Asked(asked, cut)


def cut_again(row: Row, cut: Mapping[str, Any]) -> Row:
    """The row as it was asked in an evaluation that recorded its cuts."""
    characters = cut.get(str(row["id"]))
    return row if characters is None else kind_of(row).shorten_row(row, int(characters))


def said_of_cut(count: int, limit: int) -> Text:
    return Text(
        f"The input of {several(count, 'row')} was cut from the middle to {limit:,} tokens, as in training.",
        f"有 {count} 列的輸入和訓練時一樣，從中間截短到 {limit:,} 個 token。",
    )


def _answers(row: Row) -> list[str]:
    return [str(row[role]) for role in ("chosen", "rejected") if row.get(role)] or [answer_of(row)]
