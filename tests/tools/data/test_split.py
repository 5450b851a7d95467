from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp_skills.resources.data_source import SplitPolicy
from nlp_skills.resources.foundation.errors import DataSourceError
from nlp_skills.tools.data.rows import Skeletons, normalise, row_id
from nlp_skills.tools.data.split import SPLITS, check_policy, group_keys, split_rows

Row = dict[str, Any]


def row(text: str, label: str = "a", **more: Any) -> Row:
    return {"id": row_id(text, more.get("entity")), "text": text, "label": label, **more}


def assignment(splits: dict[str, list[Row]]) -> dict[str, str]:
    return {each["id"]: name for name in SPLITS for each in splits[name]}


rows_of = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from("abc"), st.integers(0, 40)),
    max_size=120,
    unique_by=lambda item: item[0],
).map(
    lambda items: [row(f"sentence {chr(0x4E00 + number)}", label, topic=f"t{topic}") for number, label, topic in items]
)
policies = st.builds(
    SplitPolicy, seed=st.integers(0, 5), stratify=st.booleans(), group_by=st.sampled_from([None, "topic", "skeleton"])
)


@given(rows_of, policies)
def test_every_row_lands_once_and_groups_stay_together(rows: list[Row], policy: SplitPolicy) -> None:
    splits = split_rows(rows, policy)

    assert sorted(each["id"] for name in SPLITS for each in splits[name]) == sorted(each["id"] for each in rows)
    where: dict[str, set[str]] = {}
    placed = assignment(splits)
    for each, key in zip(rows, group_keys(rows, policy.group_by), strict=True):
        where.setdefault(key, set()).add(placed[each["id"]])
    assert all(len(names) == 1 for names in where.values())


@given(rows_of, policies)
def test_the_same_rows_in_any_order_give_the_same_splits(rows: list[Row], policy: SplitPolicy) -> None:
    assert split_rows(rows, policy) == split_rows(list(reversed(rows)), policy)


@given(rows_of, rows_of, policies)
def test_rows_stay_where_they_were_when_the_data_grows(old: list[Row], new: list[Row], policy: SplitPolicy) -> None:
    before = assignment(split_rows(old, policy))
    ids = set(before)
    grown = [*old, *(each for each in new if each["id"] not in ids)]
    after = assignment(split_rows(grown, policy, previous=before))

    assert all(after[each] == name for each, name in before.items())


@given(rows_of, st.data(), policies)
def test_no_row_of_a_benchmarks_group_is_trained_on(rows: list[Row], data: Any, policy: SplitPolicy) -> None:
    held_out = data.draw(st.lists(st.sampled_from(rows), max_size=10)) if rows else []
    placed = assignment(split_rows(rows, policy, previous={each["id"]: "train" for each in rows}, held_out=held_out))
    keys = dict(zip((each["id"] for each in rows), group_keys(rows, policy.group_by), strict=True))
    frozen = {keys[each["id"]] for each in held_out}

    assert all(placed[each["id"]] == "test" for each in rows if keys[each["id"]] in frozen)


@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 9))
def test_each_label_is_shared_out_as_asked(many: int, few: int, seed: int) -> None:
    rows = [row(f"m{number}字", "many") for number in range(many * 20)] + [
        row(f"f{number}字", "few") for number in range(few * 20)
    ]
    splits = split_rows(rows, SplitPolicy(seed=seed))
    counts = {name: Counter(each["label"] for each in splits[name]) for name in SPLITS}

    for label, total in (("many", many * 20), ("few", few * 20)):
        assert abs(counts["train"][label] - 0.7 * total) <= 1
        assert abs(counts["valid"][label] - 0.15 * total) <= 1
        assert abs(counts["test"][label] - 0.15 * total) <= 1


def test_another_seed_gives_another_split() -> None:
    rows = [row(f"text {number}字") for number in range(100)]

    assert split_rows(rows, SplitPolicy(seed=1)) != split_rows(rows, SplitPolicy(seed=2))


@pytest.mark.parametrize("count", [3, 4, 7])
def test_a_handful_of_rows_still_fills_every_split(count: int) -> None:
    splits = split_rows([row(f"text {number}字", "ab"[number % 2]) for number in range(count)], SplitPolicy())

    assert all(splits.values())


def test_shares_must_add_up() -> None:
    with pytest.raises(DataSourceError) as caught:
        check_policy(SplitPolicy(train=0.8, valid=0.15, test=0.15))

    assert caught.value.field == "split"


def test_a_group_column_that_does_not_exist_is_named() -> None:
    with pytest.raises(DataSourceError) as caught:
        split_rows([row("a")], SplitPolicy(group_by="author"))

    assert "author" in caught.value.problem.en and "skeleton" in caught.value.fix.en


def test_sentences_of_one_pattern_share_a_skeleton() -> None:
    skeletons = Skeletons(["台積電", "鴻海", "鴻海精密", "Apple", "Intel"])

    assert skeletons.of("台積電第三季營收成長12.5%") == skeletons.of("鴻海精密第一季營收成長 8%".replace(" ", ""))
    assert skeletons.of("Apple fell 3% while Intel rose.") == skeletons.of("Intel fell 12% while APPLE rose.")
    assert skeletons.of("Applebee opens") != skeletons.of("Intelbee opens")
    assert skeletons.of("台積電營收成長") != skeletons.of("台積電營收下滑")


def test_all_entities_are_masked_whichever_row_is_about_which() -> None:
    rows = [
        row("甲公司併購乙公司", entity="甲公司"),
        row("甲公司併購乙公司", entity="乙公司"),
        row("丙公司併購甲公司", entity="丙公司"),
    ]

    assert len(set(group_keys(rows, "skeleton"))) == 1


@given(st.text(), st.lists(st.text(min_size=1), max_size=5))
def test_a_skeleton_exists_for_any_text(text: str, entities: list[str]) -> None:
    assert isinstance(Skeletons(entities).of(text), str)


@given(st.text(), st.text(min_size=1))
def test_identity_ignores_width_and_space_and_nothing_else(text: str, more: str) -> None:
    assert row_id(text) == row_id(f"  {text}\n") == row_id(normalise(text))
    assert len(row_id(text)) == 16
    if normalise(text + more) != normalise(text):
        assert row_id(text + more) != row_id(text)
    assert normalise(normalise(text)) == normalise(text)


def test_a_hundred_thousand_rows_split_in_a_few_seconds() -> None:
    rows = [
        row(
            f"公司{number % 997}在第{number}次會議宣布消息{chr(0x4E00 + number % 5000)}",
            "abc"[number % 3],
            entity=f"公司{number % 997}",
        )
        for number in range(100_000)
    ]
    started = time.process_time()
    splits = split_rows(rows, SplitPolicy(group_by="skeleton"))

    assert sum(map(len, splits.values())) == 100_000
    assert time.process_time() - started < 15
