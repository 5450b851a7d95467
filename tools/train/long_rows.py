"""What is said of rows longer than `max_length` when a training is planned: which, how long, and what can be done.

Light: it reads what was counted, and no training library is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...resources.answer import quote_row_text
from ...resources.foundation.language import CLAUSES, SENTENCES, Text, several
from ...resources.task import Task, TaskFolder
from ..data.left_out import place_in_words
from ..data.origins import Origin, Origins, recorded_sources
from ..data.rows_listed import FOLDER, write_sheet
from ..data.snapshot import Snapshot, load_snapshot
from .counting import Counted, CountedRow
from .fitting import LongRows

CODE = "long_rows"
_NAMED = 5
_FULL_STOP = Text(".", "。")


class Said(NamedTuple):
    """Whether it stops the training, the problem, and what to do."""

    stops: bool
    problem: Text
    fix: Text


def said_of_long_rows(
    task: TaskFolder,
    snapshot: Snapshot,
    counted: Counted,
    max_length: int,
    choice: LongRows | None,
    context: int | None,
) -> list[Said]:
    """What a training with that `max_length` and that choice would refuse, leave out or cut; all of it is listed in
    `data/findings/long_rows.csv`.

    Arguments:
        context: tokens the base model reads at most, where that is known.
    """
    found = []
    if context and max_length > context:
        found.append(
            Said(
                False,
                Text(
                    f"max_length {max_length:,} is more than the {context:,} tokens the base model was made for: it "
                    f"has never learnt to read beyond that.",
                    f"max_length {max_length:,} 超過基礎模型設計的 {context:,} 個 token：超出的部分它沒有學過怎麼讀。",
                ),
                Text(
                    "Choose a base model with a longer context, or settings={'long_rows': 'cut'}.",
                    "請換上下文更長的基礎模型，或用 settings={'long_rows': 'cut'}。",
                ),
            )
        )
    rows = counted.longer_than(max_length)
    listing = task.data / FOLDER / f"{CODE}.csv"
    if not rows:
        listing.unlink(missing_ok=True)
        return found
    definition = task.load()
    origins = _origins(task, definition, snapshot, [row.id for row in rows])
    uncut = [row for row in rows if row.least > max_length]
    write_sheet(
        listing,
        [
            {
                "split": row.split,
                "id": row.id,
                "tokens": row.tokens,
                "of_the_answer": row.answer,
                **(origin.to_place() if (origin := origins.get(row.id)) else {}),
            }
            for row in rows
        ],
    )
    file = listing.relative_to(task.root).as_posix()
    named = _name_longest(definition, rows, origins)
    all_there = Text(f"All of them: {file}.", f"完整清單：{file}。")
    left = sum(row.split == "train" for row in counted.rows) - sum(
        row.split == "train" for row in (rows if choice == "drop" else uncut)
    )
    if choice and not left:
        return [
            *found,
            Said(
                True,
                Text(
                    f"Every training row is longer than max_length ({max_length:,} tokens): nothing is left to train on.",
                    f"所有訓練資料都超過 max_length（{max_length:,} 個 token），沒有可以訓練的列。",
                ),
                _choices(rows, uncut, max_length, context),
            ),
        ]
    if choice == "drop":
        return [
            *found,
            Said(
                False,
                Text(
                    f"{several(len(rows), 'row')} longer than {max_length:,} tokens will be left out of the training: ",
                    f"有 {len(rows)} 列超過 {max_length:,} 個 token，不會用來訓練：",
                )
                + named
                + _FULL_STOP,
                all_there,
            ),
        ]
    if choice == "cut":
        alone = Text(
            f"In {several(len(uncut), 'row')} of them the rest alone is too long, so these are left out.",
            f"其中 {len(uncut)} 列光是其餘部分就太長，會略過不訓練。",
        )
        return [
            *found,
            Said(
                False,
                SENTENCES.join(
                    [
                        Text(
                            f"The input of {several(len(rows), 'row')} will be cut from the middle to {max_length:,} tokens, in "
                            "training and whenever the version is evaluated: ",
                            f"有 {len(rows)} 列的輸入會從中間截短到 {max_length:,} 個 token，訓練與評估時都一樣：",
                        )
                        + named
                        + _FULL_STOP,
                        alone if uncut else None,
                    ]
                ),
                all_there,
            ),
        ]
    return [
        *found,
        Said(
            True,
            SENTENCES.join(
                [
                    Text(
                        f"{several(len(rows), 'row is', 'rows are')} longer than max_length ({max_length:,} tokens), "
                        f"which training would refuse: ",
                        f"有 {len(rows)} 列超過 max_length（{max_length:,} 個 token），訓練會拒絕：",
                    )
                    + named
                    + _FULL_STOP,
                    all_there,
                ]
            ),
            _choices(rows, uncut, max_length, context),
        ),
    ]


def said_of_guess(longest: float, max_length: int) -> Said:
    """The same where nothing can be counted here: by its characters a row may well be too long."""
    return Said(
        False,
        Text(
            f"By its characters the longest row may have about {longest:,.0f} tokens, more than max_length ({max_length:,}); "
            "it cannot be counted here, and training refuses such a row.",
            f"依字數估計，最長的一列可能有大約 {longest:,.0f} 個 token，超過 max_length（{max_length:,}）；這裡無法實際計算，"
            "而訓練會拒絕這樣的列。",
        ),
        Text(
            "Plan again with settings={'long_rows': 'drop'} or {'long_rows': 'cut'}: then no row can stop it, and where none is "
            "too long, nothing is left out or cut.",
            "請加上 settings={'long_rows': 'drop'} 或 {'long_rows': 'cut'} 重新規劃，就不會被任何一列擋住；"
            "如果沒有太長的列，什麼都不會少。",
        ),
    )


def _choices(rows: Sequence[CountedRow], uncut: Sequence[CountedRow], max_length: int, context: int | None) -> Text:
    longest = rows[0].tokens
    more = Text(
        f"{{'max_length': {longest}}} raises the limit, which takes more memory and time",
        f"{{'max_length': {longest}}} 提高上限，記憶體與時間都會增加",
    )
    if context and longest > context:
        more = Text(
            f"raising max_length would take {longest:,}, and this base model reads {context:,} at most",
            f"若要提高 max_length 需要 {longest:,}，但這個基礎模型最多讀 {context:,} 個",
        )
    cut = Text(
        "{'long_rows': 'cut'} cuts their input from the middle until they fit, their answer whole",
        "{'long_rows': 'cut'} 從中間截短它們的輸入，答案保持完整",
    )
    if len(uncut) == len(rows):
        cut = Text(
            "cutting does not help, as the rest of each of them is too long already",
            "截短沒有用，因為這些列其餘的部分就已經太長",
        )
    return Text(
        "Ask the person, then plan again with one of these settings: {{'long_rows': 'drop'}} leaves those rows out of the "
        "training; {cut}; {more}. Or shorten them at their source and call prepare_data.",
        "請問使用者，再用其中一種設定重新規劃：{{'long_rows': 'drop'}} 訓練時略過這些列；{cut}；{more}。"
        "也可以在來源縮短後再呼叫 prepare_data。",
    ).format(cut=cut, more=more)


def _name_longest(definition: Task, rows: Sequence[CountedRow], origins: Mapping[str, Origin]) -> Text:
    """The longest few, each with where it stands at its source and its tokens."""
    told = []
    for row in rows[:_NAMED]:
        origin = origins.get(row.id)
        where = place_in_words(origin) if origin else Text(f"row {row.id}", f"資料列 {row.id}")
        key = quote_row_text(definition, origin.key) if origin and origin.key else ""
        whose = Text(f" ({key})", f"（{key}）") if key else ""
        told.append(where + whose + Text(f": {row.tokens:,} tokens", f"：{row.tokens:,} 個 token"))
    more = len(rows) - _NAMED
    rest = Text(f"and {more:,} more", f"另有 {more:,} 列") if more > 0 else None
    return CLAUSES.join([*told, rest])


def _origins(task: TaskFolder, definition: Task, snapshot: Snapshot, ids: Sequence[str]) -> dict[str, Origin]:
    """The record that each of these rows was made of, as far as its source's snapshot is still there."""
    made_from = snapshot
    while not made_from.manifest.raw and (parent := made_from.manifest.parent):
        if not (task.snapshots / str(parent)[:12]).is_dir():
            break
        made_from = load_snapshot(task, str(parent))
    wanted = set(ids)
    known = Origins(definition, recorded_sources(task, definition, made_from.manifest.raw), wanted)
    rows = [row for split in ("train", "valid") for row in snapshot.rows(split) if row["id"] in wanted]
    return {str(row["id"]): origin for row in rows if (origin := known.of(row))}
