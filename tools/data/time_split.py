"""Rows by their time: the oldest to learn from, the newest to be tested on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from ...resources.data_source import SplitPolicy
from ...resources.foundation.errors import DataSourceError
from ...resources.foundation.language import Text, several
from ...resources.validation import Finding
from .cells import as_text
from .dates import first_of, may_be_read_in_two_ways, moment_of
from .findings import finding
from .rows import SPLITS, Row


def by_time(groups: Mapping[str, Sequence[Row]], assigned: dict[str, str], policy: SplitPolicy) -> None:
    """Give every group without a split one by its newest row, so that nothing is learnt of the time that is tested.

    Where rows stand already, what is as new as the oldest tested one is tested too. Rows without a time are learnt from.

    Raises:
        DataSourceError: no row has that column, or fewer than two different times can be read from it.
    """
    column = str(policy.time)
    first = first_of(row.get(column) for members in groups.values() for row in members)
    times = {
        key: max(found)
        for key, members in groups.items()
        if (found := [moment for row in members if (moment := moment_of(row.get(column), first))])
    }
    stood = {name: [times[key] for key in times if assigned.get(key) == name] for name in SPLITS}
    if stood["test"]:
        begins = {"test": min(stood["test"]), "valid": min([*stood["valid"], *stood["test"]])}
    else:
        counts = Counter[datetime]()
        for key, moment in times.items():
            counts[moment] += len(groups[key])
        begins = _beginnings(counts, policy, groups)
    for key in groups:
        if key not in assigned:
            moment = times.get(key)
            assigned[key] = next((name for name in ("test", "valid") if moment and moment >= begins[name]), "train")


def without_time(rows: Iterable[Row], policy: SplitPolicy) -> list[Finding]:
    """The warning about rows whose time cannot be read: nothing tells whether they are older than what is tested."""
    if not policy.time:
        return []
    column, known = policy.time, list(rows)
    first = first_of(row.get(column) for row in known)
    lacking = [("train", row) for row in known if moment_of(row.get(column), first) is None]
    return (
        [
            finding(
                "without_time",
                len(lacking),
                Text(
                    f"{several(len(lacking), 'row has', 'rows have')} no date in {column} that can be read; they are "
                    f"trained on, though they may be newer than the test rows. Correct them, or leave them out.",
                    f"有 {len(lacking)} 列的「{column}」讀不出日期，這些列放進訓練集，但可能比測試的還新。請修正日期，或拿掉這些列。",
                ),
                lacking,
            )
        ]
        if lacking
        else []
    )


def _beginnings(
    counts: Counter[datetime], policy: SplitPolicy, groups: Mapping[str, Sequence[Row]]
) -> dict[str, datetime]:
    """From when on rows are tested, and from when on validated; rows of one moment stay together."""
    if len(counts) < 2:
        raise _no_times(policy, groups, len(counts))
    whole, before = sum(counts.values()), 0
    moments = sorted(counts)
    middles = []  # how much of all rows is older than the middle of each moment's
    for moment in moments:
        middles.append((before + counts[moment] / 2) / whole)
        before += counts[moment]
    tested = [moment for moment, middle in zip(moments, middles, strict=True) if middle > policy.train + policy.valid]
    learnt = [moment for moment, middle in zip(moments, middles, strict=True) if middle <= policy.train]
    test = min(tested, default=moments[-1]) if policy.test else datetime.max.replace(tzinfo=UTC)
    after = [moment for moment in moments if moment > max(learnt, default=moments[0])]
    return {"test": test, "valid": min([*after, test]) if policy.valid else test}


def _no_times(policy: SplitPolicy, groups: Mapping[str, Sequence[Row]], found: int) -> DataSourceError:
    rows = [row for members in groups.values() for row in members]
    column, columns = str(policy.time), ", ".join(sorted({name for row in rows[:100] for name in row}))
    if not any(policy.time in row for row in rows):
        problem = Text(
            f"split.time names the column {policy.time!r}, which no row has.",
            f"split.time 指定的欄位「{policy.time}」不存在於任何一列。",
        )
        fix = Text(
            f"Name the column that holds the date; there are: {columns}.", f"請指定日期所在的欄位；現有：{columns}。"
        )
    else:
        problem = Text(
            f"{several(found, 'different time')} can be read in the column {policy.time!r}; a split by time needs two.",
            f"「{policy.time}」欄只讀得出 {found} 個不同的時間，依時間切分至少要兩個。",
        )
        two_ways = next((as_text(row[column]) for row in rows if may_be_read_in_two_ways(row.get(column))), None)
        why = (
            Text(
                f"A date such as {two_ways} may be read in two ways, and nothing in the column says which. ",
                f"像 {two_ways} 這樣的日期有兩種讀法，從這一欄看不出是哪一種。",
            )
            if two_ways
            else Text("", "")
        )
        fix = Text(
            "{why}Write dates with the year first: 2026-01-03 or 2026/1/3.",
            "{why}日期請把年寫在最前面：2026-01-03 或 2026/1/3。",
        ).format(why=why)
    return DataSourceError(problem, fix, field="split.time")
