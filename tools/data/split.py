"""Rows into train, valid and test: stratified, seeded, whole groups on one side, stable when the data grows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256

from ...resources.data_source import SplitPolicy
from ...resources.foundation.errors import DataSourceError
from ...resources.foundation.language import Text
from .rows import SPLITS, Row, Skeletons, normalise
from .task_kind import kind_of
from .time_split import by_time

__all__ = ["SKELETON", "SPLITS", "Shares", "check_policy", "group_keys", "split_rows"]

SKELETON = "skeleton"
_TOLERANCE = 1e-3


def check_policy(policy: SplitPolicy) -> None:
    """Raise `DataSourceError` unless the shares add up to 1."""
    total = policy.train + policy.valid + policy.test
    if abs(total - 1) > _TOLERANCE:
        raise DataSourceError(
            Text(
                f"The shares of train, valid and test add up to {total:.3g}, not 1.",
                f"train、valid、test 的比例加起來是 {total:.3g}，不是 1。",
            ),
            Text("Give three shares such as 0.7, 0.15 and 0.15.", "請給三個比例，例如 0.7、0.15、0.15。"),
            field="split",
        )


def group_keys(rows: Sequence[Row], group_by: str | None) -> list[str]:
    """For each row, the group that must stay on one side: its text, its skeleton, or the value of a column.

    Raises:
        DataSourceError: no row has that column.
    """
    if group_by == SKELETON:
        skeletons = Skeletons({row["entity"] for row in rows if row.get("entity")})
        return [skeletons.of(row["text"]) for row in rows]
    if group_by is None:
        return [normalise(row["text"]) for row in rows]
    if rows and not any(group_by in row for row in rows):
        columns = sorted({column for row in rows[:100] for column in row})
        raise DataSourceError(
            Text(
                f"split.group_by names the column {group_by!r}, which no row has.",
                f"split.group_by 指定的欄位「{group_by}」不存在於任何一列。",
            ),
            Text(
                f"Use 'skeleton' or one of: {', '.join(columns)}.",
                f"請改用 skeleton，或其中一欄：{'、'.join(columns)}。",
            ),
            field="split.group_by",
        )
    # A row without a value is a group of its own.
    return [f"{group_by}={row[group_by]}" if row.get(group_by) else f"id={row['id']}" for row in rows]


def split_rows(
    rows: Sequence[Row],
    policy: SplitPolicy,
    previous: Mapping[str, str] | None = None,
    held_out: Sequence[Row] = (),
    own: Mapping[str, str] | None = None,
) -> dict[str, list[Row]]:
    """Assign every row to a split.

    Arguments:
        previous: row id → split of the snapshot before; those rows (and their groups) stay where they were.
        held_out: rows of frozen benchmarks; every row of one of their groups goes to test.
        own: row id → split that the data itself names; a split that it names none for is dealt from its train.

    Returns:
        The rows of each split, ordered by id: the same rows always give the same files.
    """
    check_policy(policy)
    keys = group_keys([*rows, *held_out], policy.group_by)
    frozen = set(keys[len(rows) :])
    groups: dict[str, list[Row]] = {}
    for key, row in zip(keys, rows, strict=False):
        groups.setdefault(key, []).append(row)
    assigned = {key: "test" for key in groups if key in frozen}
    for key, members in groups.items():
        before = Counter(previous[row["id"]] for row in members if row["id"] in previous) if previous else None
        if before and key not in frozen:
            assigned[key] = max(SPLITS, key=lambda name: before[name])
    if own:
        _as_named(groups, assigned, policy, own)
    elif policy.time:
        by_time(groups, assigned, policy)
    else:
        _fill(groups, assigned, policy)
    result: dict[str, list[Row]] = {name: [] for name in SPLITS}
    for key, members in groups.items():
        result[assigned[key]] += members
    return {name: sorted(members, key=lambda row: str(row["id"])) for name, members in result.items()}


class Shares:
    """What each split still lacks of each stratum, and so which one gets the next group.

    A stratum so rare that its shares alone would leave it untested gets a tested row, as long as these rows are no more than
    the whole share of the test split; what that takes comes from the stratum's own share of valid, then of train.

    Arguments:
        totals: how many rows of each stratum there are to share out.
    """

    def __init__(self, policy: SplitPolicy, totals: Mapping[str, int]) -> None:
        shares = {name: getattr(policy, name) for name in SPLITS if getattr(policy, name) > 0}
        self.names = list(shares)
        self._lacking = {label: [share * count for share in shares.values()] for label, count in totals.items()}
        if "test" in shares:
            for label in _rare(shares, totals, policy.seed):
                self._lacking[label] = _with_a_tested_row(self.names, self._lacking[label])

    def give(self, name: str, counts: Mapping[str, int]) -> None:
        """A group of so many rows of each stratum stands in the split `name` already."""
        if name in self.names:
            for label, count in counts.items():
                self._lacking[label][self.names.index(name)] -= count

    def deal(self, counts: Mapping[str, int], times: int = 1) -> list[str]:
        """The splits that lack these strata most, for so many groups of the same counts one after another."""
        if len(counts) == 1:
            [(label, count)] = counts.items()
            dealt, lacking = [], self._lacking[label]
            for _ in range(times):
                lacks = lacking if count == 1 else [count * lack for lack in lacking]
                best = lacks.index(max(lacks))
                lacking[best] -= count
                dealt.append(self.names[best])
            return dealt
        dealt, each = [], [(self._lacking[label], count) for label, count in counts.items()]
        for _ in range(times):
            lacks = [sum([count * lacking[split] for lacking, count in each]) for split in range(len(self.names))]
            best = lacks.index(max(lacks))
            for lacking, count in each:
                lacking[best] -= count
            dealt.append(self.names[best])
        return dealt


def _rare(shares: Mapping[str, float], totals: Mapping[str, int], seed: int) -> list[str]:
    """The strata that would have no tested row, though they have rows enough, in an order that the seed makes."""
    untested = {
        count for count in set(totals.values()) if count > 1 and not _includes_tested(tuple(shares.items()), count)
    }
    rare = [label for label, count in totals.items() if count in untested]
    most = shares["test"] * sum(totals.values())
    return sorted(rare, key=lambda label: sha256(f"{seed}:{label}".encode("utf-8", "replace")).digest())[
        : math.ceil(most)
    ]


@cache
def _includes_tested(shares: tuple[tuple[str, float], ...], count: int) -> bool:
    """Whether so many rows of one stratum, dealt by the shares alone, include a tested one."""
    lacking = {name: share * count for name, share in shares}
    for _ in range(count):
        most = max(lacking, key=lacking.__getitem__)
        if most == "test":
            return True
        lacking[most] -= 1
    return False


def _with_a_tested_row(names: list[str], lacking: list[float]) -> list[float]:
    """What the splits lack where one row is tested; what that takes more than the share comes from valid, then train."""
    wanted = dict(zip(names, lacking, strict=True))
    more, wanted["test"] = 1 - wanted["test"], 1.0
    for name in ("valid", "train"):
        if name in wanted:
            taken = min(more, wanted[name])
            wanted[name], more = wanted[name] - taken, more - taken
    return [wanted[name] for name in names]


def _as_named(
    groups: Mapping[str, list[Row]], assigned: dict[str, str], policy: SplitPolicy, own: Mapping[str, str]
) -> None:
    """Give every group without a split the one that the data names for it."""
    named = set(own.values())
    dealt = ["train", *(name for name in SPLITS if name not in named and getattr(policy, name) > 0)]
    learnt: dict[str, list[Row]] = {}
    for key, members in groups.items():
        said = [own[row["id"]] for row in members if row["id"] in own]
        held = next((name for name in ("test", "valid") if name in said), None)
        if held is None:
            learnt[key] = members
        else:
            assigned.setdefault(key, held)
    whole = sum(getattr(policy, name) for name in dealt)
    shares = {name: getattr(policy, name) / whole if name in dealt else 0.0 for name in SPLITS}
    _fill(learnt, assigned, policy.model_copy(update=shares))


def _fill(groups: Mapping[str, list[Row]], assigned: dict[str, str], policy: SplitPolicy) -> None:
    """Give every group without a split the one that lacks its labels most, large groups first, ties by seed."""
    keys, labels = list(groups), _label_counts(groups.values(), policy.stratify)
    totals: dict[str, int] = {}
    for counts in labels:
        for label, count in counts.items():
            totals[label] = totals.get(label, 0) + count
    shares = Shares(policy, totals)
    for key, counts in zip(keys, labels, strict=True) if assigned else ():
        if key in assigned:
            shares.give(assigned[key], counts)
    fresh = _in_turn([at for at, key in enumerate(keys) if key not in assigned], keys, groups, policy.seed)
    for at in fresh:
        [assigned[keys[at]]] = shares.deal(labels[at])
    _leave_none_empty([keys[at] for at in fresh], assigned, shares.names)


def _in_turn(places: list[int], keys: list[str], groups: Mapping[str, list[Row]], seed: int) -> list[int]:
    """The places of the largest groups first, those of one size in an order that the seed makes."""
    by_size: dict[int, list[int]] = {}
    for at in places:
        by_size.setdefault(len(groups[keys[at]]), []).append(at)

    def order(at: int) -> bytes:
        return sha256(f"{seed}:{keys[at]}".encode("utf-8", "replace")).digest()

    return [at for size in sorted(by_size, reverse=True) for at in sorted(by_size[size], key=order)]


def _leave_none_empty(fresh: list[str], assigned: dict[str, str], wanted: list[str]) -> None:
    """With very few rows a split may have got none: move it the smallest new group of the fullest split."""
    for name in wanted:
        filled = Counter(assigned.values())
        donor = filled.most_common(1)[0][0] if filled else None
        if donor is None or filled[name] or filled[donor] < 2:
            continue
        movable = [key for key in fresh if assigned[key] == donor]
        if movable:
            assigned[movable[-1]] = name


def _label_counts(groups: Iterable[list[Row]], stratify: bool) -> list[dict[str, int]]:
    """How many rows of each stratum a group has; groups of one row share the count of their stratum."""
    if not stratify:
        return [{"": len(members)} for members in groups]
    alone: dict[str, dict[str, int]] = {}
    found = []
    for members in groups:
        if len(members) == 1:
            stratum = kind_of(members[0]).stratum(members[0])
            found.append(alone.get(stratum) or alone.setdefault(stratum, {stratum: 1}))
        else:
            found.append(dict(Counter(kind_of(row).stratum(row) for row in members)))
    return found
