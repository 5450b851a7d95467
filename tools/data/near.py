"""What near-duplicates mean for the data: the same thing twice, two labels for it, or a test of what was memorised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...resources.foundation.errors import MissingRequirement
from ...resources.foundation.language import Text, several
from ...resources.validation import Finding
from .findings import finding
from .near_duplicates import Tick, near_duplicate_groups, near_duplicates_of
from .prompting import gold_of
from .rows import Row, normalise
from .task_kind import kind_of

Placed = Sequence[tuple[str, Row]]
MOST_REMOVED = 0.2  # of the rows of train and valid; where more are like the benchmark, the data is of one pattern


def near_findings(placed: Placed, tick: Tick = lambda: None) -> list[Finding]:
    """Warnings about rows that nearly repeat another one about the same entity."""
    try:
        numbers = near_duplicate_groups([row["text"] for _, row in placed], _keys([row for _, row in placed]), tick)
    except MissingRequirement as error:
        return [
            finding(
                "near_duplicates_not_checked",
                len(placed),
                Text("{problem} {fix}", "{problem}{fix}").format(problem=error.problem, fix=error.fix),
            )
        ]
    groups = [[placed[number] for number in group] for group in numbers]
    if not groups:
        return []
    more = sum(len(group) - 1 for group in groups)
    across = [group for group in groups if len({name for name, _ in group}) > 1]
    conflicts = [
        group for group in groups if kind_of(group[0][1]).one_answer and len({gold_of(row) for _, row in group}) > 1
    ]
    found = [
        finding(
            "near_duplicates",
            more,
            Text(
                f"{several(more, 'row nearly repeats', 'rows nearly repeat')} another one "
                f"({several(len(groups), 'group')}): such rows carry more weight than they should.",
                f"有 {more} 列幾乎重複另一列（共 {len(groups)} 組）：分量比內容重。",
            ),
            _pairs(groups),
        )
    ]
    if across:
        found.append(
            finding(
                "near_overlap",
                len(across),
                Text(
                    f"{several(len(across), 'group of near-duplicates appears', 'groups of near-duplicates appear')} "
                    f"in more than one split: results look better than they are. split.group_by keeps what belongs "
                    f"together on one side.",
                    f"有 {len(across)} 組近似重複分散在不同的切分：結果會比實際好看。用 split.group_by 可以把同類的放在同一邊。",
                ),
                _pairs(across),
            )
        )
    if conflicts:
        found.append(
            finding(
                "near_conflicts",
                len(conflicts),
                Text(
                    f"{several(len(conflicts), 'group of near-duplicates carries', 'groups of near-duplicates carry')} different "
                    "labels: check whether the difference is intended.",
                    f"有 {len(conflicts)} 組近似重複標了不同的標籤：請看看差別是不是有意的。",
                ),
                _pairs(conflicts),
            )
        )
    return found


def near_benchmark(placed: Placed, held_out: Sequence[Row], tick: Tick = lambda: None) -> list[Finding]:
    """The error that rows of train or valid nearly repeat a row of a frozen benchmark."""
    trained = [(name, row) for name, row in placed if name != "test"]
    like = _like([row for _, row in trained], held_out, tick)
    rows = [pair for pair, near in zip(trained, like, strict=True) if near]
    return (
        [
            finding(
                "near_benchmark",
                len(rows),
                Text(
                    f"{several(len(rows), 'row of train or valid nearly repeats', 'rows of train or valid nearly repeat')} a row of "
                    "the frozen benchmark: the test would measure what was memorised.",
                    f"train 或 valid 有 {len(rows)} 列和凍結的評估基準幾乎相同：測試等於考背過的題目。",
                ),
                rows,
            )
        ]
        if rows
        else []
    )


class Apart(NamedTuple):
    """Splits without near-duplicates of what is tested; how many were left out; whether some had to stay."""

    splits: dict[str, Sequence[Row]]
    notes: list[Finding]
    some_stay: bool


def without_near_benchmark(
    splits: Mapping[str, Sequence[Row]], held_out: Sequence[Row], tick: Tick = lambda: None
) -> Apart:
    """The splits without the rows of train and valid that nearly repeat a tested one, and how many those were.

    Where they are more than a fifth all stay, and validation says so: what is left would be no sample of the data.

    Arguments:
        held_out: the rows of the frozen benchmarks; where there are none, the test split is about to become one.
    """
    tested = list(held_out) or list(splits.get("test", ()))
    kept = dict(splits)
    like = {name: _like(kept[name], tested, tick) for name in ("train", "valid") if name in kept}
    removed, trained = sum(map(sum, like.values())), sum(map(len, like.values()))
    if not removed or removed > MOST_REMOVED * trained:
        return Apart(kept, [], bool(removed))
    for name, near in like.items():
        kept[name] = [row for row, one in zip(kept[name], near, strict=True) if not one]
    return Apart(
        kept,
        [
            finding(
                "near_benchmark_removed",
                removed,
                Text(
                    f"Left out of train and valid: "
                    f"{several(removed, 'row that nearly repeats', 'rows that nearly repeat')} a row of the benchmark.",
                    f"有 {removed} 列和評估基準幾乎相同，已從 train 與 valid 拿掉。",
                ),
            )
        ],
        some_stay=False,
    )


def _like(rows: Sequence[Row], tested: Sequence[Row], tick: Tick) -> list[bool]:
    found = near_duplicates_of(
        [row["text"] for row in tested], [row["text"] for row in rows], _keys(tested), _keys(rows), tick
    )
    return [place is not None for place in found]


def _keys(rows: Sequence[Row]) -> list[str]:
    """Rows about different entities are different rows, however alike their texts."""
    return [normalise(row.get("entity") or "").casefold() for row in rows]


def _pairs(groups: Sequence[Sequence[tuple[str, Row]]]) -> list[tuple[str, Row]]:
    return [pair for group in groups for pair in group[:2]]
