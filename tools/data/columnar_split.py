"""The split of rows that stand in columns: the same as `split_rows` makes of them one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from ...resources.data_source import SplitPolicy
from .columnar import ColumnRows, as_number, polars
from .rows import Row, normalise
from .split import SPLITS, Shares


def split_columns(
    rows: ColumnRows, policy: SplitPolicy, previous: Mapping[str, str], held_out: Sequence[Row]
) -> dict[str, ColumnRows] | None:
    """The splits of distinct rows that no column groups; None where one of them would get nothing, which is a matter of
    few rows and left to the definition."""
    pl = polars()
    frame = _group_rows(rows, policy, previous)
    groups = _settle_groups(frame, held_out)
    stood, fresh = groups.filter(pl.col("settled").is_not_null()), groups.filter(pl.col("settled").is_null())
    shares = Shares(policy, dict(frame["stratum"].value_counts().iter_rows()))
    counted = _counting()
    for name, strata in stood.select("settled", "strata").iter_rows():
        shares.give(name, counted(tuple(strata)))
    dealt = [stood.select("group", split="settled"), *_deal_groups(fresh, policy.seed, shares)]
    split = pl.concat(dealt).sort("group")["split"]
    if not set(shares.names) <= set(split.unique()):
        return None
    placed = rows.frame.drop("key").with_columns(split=split.gather(frame["group"])).sort("number").drop("number")
    return {name: ColumnRows(placed.filter(pl.col("split") == name).drop("split")) for name in SPLITS}


def _group_rows(rows: ColumnRows, policy: SplitPolicy, previous: Mapping[str, str]) -> Any:
    """Each row's `key`, its `stratum`, the split it stood in `before`, and its `group`: a number for each text."""
    pl = polars()
    frame = rows.frame.select("id", "key", stratum=pl.col("label") if policy.stratify else pl.lit(""))
    stood = pl.DataFrame(
        {"id": list(previous), "before": list(previous.values())}, schema={"id": pl.String, "before": pl.String}
    )
    frame = frame.join(stood, on="id", how="left", maintain_order="left")
    if "entity" not in rows.frame.columns:  # every text is a group of its own
        return frame.with_row_index("group")
    numbers = frame.select(pl.col("key").unique(maintain_order=True)).with_row_index("group")
    return frame.join(numbers, on="key", how="left", maintain_order="left")


def _settle_groups(frame: Any, held_out: Sequence[Row]) -> Any:
    """Each group's `key`, `size`, `strata` row by row, and the split where it is `settled`: test where it is held out,
    else where most of it stood before."""
    pl = polars()
    groups = frame.group_by("group", maintain_order=True).agg(
        pl.col("key").first(),
        size=pl.len(),
        strata=pl.col("stratum"),
        **{name: (pl.col("before") == name).sum() for name in SPLITS},
    )
    most, settled = pl.max_horizontal(SPLITS), pl.lit(None, pl.String)
    for name in reversed(SPLITS):
        settled = pl.when((most > 0) & (pl.col(name) == most)).then(pl.lit(name)).otherwise(settled)
    frozen = pl.Series([normalise(row["text"]) for row in held_out], dtype=pl.String)
    return groups.with_columns(settled=pl.when(pl.col("key").is_in(frozen)).then(pl.lit("test")).otherwise(settled))


def _deal_groups(groups: Any, seed: int, shares: Shares) -> Iterator[Any]:
    """Each `group` with its `split`, in parts: the largest first, those of one size in an order that the seed makes."""
    pl = polars()
    order = pl.concat_str(pl.lit(f"{seed}:"), "key").chash.sha2_256().str.head(16)
    groups = groups.lazy().select("group", "size", "strata", order=as_number(order)).collect(engine="streaming")
    counted = _counting()
    large = groups.filter(pl.col("size") > 1).sort("size", "order", descending=[True, False])
    alone = groups.filter(pl.col("size") == 1).select("group", "order", stratum=pl.col("strata").list.first())
    names = [name for strata in large["strata"].to_list() for name in shares.deal(counted(tuple(strata)))]
    yield large.select("group", split=pl.Series(names, dtype=pl.String))
    # What a group of one row is dealt depends on those of its stratum alone.
    for (stratum,), part in alone.sort("order").partition_by("stratum", as_dict=True).items():
        yield part.select("group", split=pl.Series(shares.deal({stratum: 1}, part.height), dtype=pl.String))


def _counting() -> Callable[[tuple[str, ...]], Counter[str]]:
    """Counts the strata of a group, the same ones once."""
    return cache(lambda strata: Counter(strata))
