"""Rows that are longer than `max_length`: left out of a training, or their input cut from the middle, as the plan says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ...resources.foundation.language import SENTENCES, Text, several
from ...resources.model_info import FittedRows
from ...resources.task import Prompt
from ..data.rows import Row
from ..data.shortening import fit_row
from ..data.task_kind import kind_of
from .tokenise import TokenisedRow, tokenise

LongRows = Literal["drop", "cut"]
Splits = dict[str, list[TokenisedRow]]
_MOST_NAMED = 1_000


@dataclass(frozen=True)
class Fitted:
    """The rows to train on. `left_out` and `cut` are ids; `shortened` holds the rows that were cut, as they are asked."""

    splits: Splits
    left_out: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    shortened: dict[str, Row] = field(default_factory=dict)

    def summary(self, choice: LongRows | None, max_length: int) -> FittedRows | None:
        """For the version's files; None where nothing was too long."""
        if not self.left_out and not self.cut:
            return None
        found = FittedRows(choice=choice, max_length=max_length)
        if self.left_out:
            found.left_out, found.left_out_count = self.left_out[:_MOST_NAMED], len(self.left_out)
        if self.cut:
            found.cut, found.cut_count = self.cut[:_MOST_NAMED], len(self.cut)
        return found


def fit_rows(
    splits: Splits,
    canonical: Mapping[str, Row],
    prompt: Prompt,
    labels: Sequence[str],
    tokenizer: Any,
    end_ids: set[int],
    choice: LongRows | None,
    max_length: int,
) -> Fitted:
    """The tokenised rows without those that are too long, or with these cut until they fit, their answer whole.

    One whose answer alone is too long, or quotes what the cut takes away, is left out all the same.

    Arguments:
        canonical: the rows by id, as the snapshot holds them.
        choice: None leaves everything as it is, for the audit to refuse.
        max_length: longest row in tokens, answer and end of turn included.
    """
    long = {row.id for rows in splits.values() for row in rows if len(row.input_ids) > max_length}
    if choice is None or not long:
        return Fitted(splits)
    again: dict[str, list[TokenisedRow]] = {}
    shortened: dict[str, Row] = {}
    for row_id in sorted(long) if choice == "cut" else ():
        row = canonical[row_id]

        def tokenise_row(tried: Row) -> list[TokenisedRow]:
            rendered = {"id": tried["id"], **kind_of(tried).render_row(tried, prompt, labels)}
            return tokenise([rendered], tokenizer, end_ids)

        found = fit_row(
            row,
            kind_of(row).shorten_row,
            lambda tried: all(len(one.input_ids) <= max_length for one in tokenise_row(tried)),
        )
        if found and (kind_of(row).answerable(found[1]) or not kind_of(row).answerable(row)):
            shortened[row_id], again[row_id] = found[1], tokenise_row(found[1])
    kept: Splits = {}
    for split, rows in splits.items():
        kept[split] = []
        put: set[str] = set()
        for one in rows:  # a pair is two rows of one id, one after the other
            if one.id not in long:
                kept[split].append(one)
            elif one.id in again and one.id not in put:
                put.add(one.id)
                kept[split] += again[one.id]
    return Fitted(kept, sorted(long - set(again)), sorted(again), shortened)


def said_of_fitted(summary: FittedRows | None) -> Text:
    """What a training says of the rows that were too long; empty where none was."""
    if not summary:
        return Text("", "")
    limit, out, cut = summary.max_length, summary.left_out_count, summary.cut_count
    left_out = Text(
        f"{several(out, 'row', 'rows')} longer than {limit:,} tokens {'was' if out == 1 else 'were'} left out.",
        f"有 {out} 列超過 {limit:,} 個 token，沒有用來訓練。",
    )
    shortened = Text(
        f"The input of {several(cut, 'row', 'rows')} was cut from the middle to {limit:,} tokens.",
        f"有 {cut} 列的輸入從中間截短到 {limit:,} 個 token。",
    )
    return SENTENCES.join([left_out if out else None, shortened if cut else None])
