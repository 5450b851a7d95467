from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from nlp_skills.tools.evaluate.report.lineage import lanes_of


def test_a_chain_stays_in_one_column() -> None:
    assert lanes_of(["v1", "v2", "v3"], {"v1": None, "v2": "v1", "v3": "v2"}) == {"v1": 0, "v2": 0, "v3": 0}


def test_a_second_child_opens_a_column_which_is_used_again_once_free() -> None:
    parents = {"v1": None, "v2": "v1", "v3": "v1", "v4": "v2", "v5": "v4", "v6": "v4"}
    lanes = lanes_of(list(parents), parents)
    assert lanes == {"v1": 0, "v2": 0, "v3": 1, "v4": 0, "v5": 0, "v6": 1}


def test_a_parent_that_is_gone_or_comes_later_counts_as_none() -> None:
    assert set(lanes_of(["v1", "v2"], {"v1": "v2", "v2": "v9"})) == {"v1", "v2"}


@given(st.integers(1, 12).flatmap(lambda count: st.tuples(*(st.integers(-1, place - 1) for place in range(count)))))
def test_no_two_lines_lie_on_each_other(parents_at: tuple[int, ...]) -> None:
    order = [f"v{place + 1}" for place in range(len(parents_at))]
    parents = {order[place]: order[parent] if parent >= 0 else None for place, parent in enumerate(parents_at)}
    lanes = lanes_of(order, parents)
    drawn = [(lanes[child], order.index(parent), order.index(child)) for child, parent in parents.items() if parent]
    for (one, start, end), (other, begin, stop) in itertools.combinations(drawn, 2):
        assert one != other or end <= begin or stop <= start
    for name, (lane, start, end) in itertools.product(order, drawn):
        assert lanes[name] != lane or not start < order.index(name) < end
