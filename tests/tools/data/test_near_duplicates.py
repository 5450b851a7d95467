from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_skills.resources.foundation.errors import MissingRequirement
from nlp_skills.tools.data import near_duplicates
from nlp_skills.tools.data.near import near_findings, without_near_benchmark
from nlp_skills.tools.data.near_copies import pieces_of, similarity
from nlp_skills.tools.data.near_duplicates import THRESHOLD, near_duplicate_groups, near_duplicates_of
from nlp_skills.tools.data.rows import Row, row_id

TEXTS = st.lists(st.text("甲乙丙丁ab", min_size=1, max_size=16), max_size=12)
NEWS = "中央銀行今天宣布利率不變，並表示將持續觀察通膨與景氣的變化，必要時會採取行動。"


def alike(one: str, other: str) -> bool:
    return similarity(pieces_of(one), pieces_of(other)) >= THRESHOLD


def row(text: str, label: str = "正面", entity: str | None = None) -> Row:
    return {"id": row_id(text, entity), "text": text, "label": label, **({"entity": entity} if entity else {})}


@given(TEXTS)
def test_every_near_duplicate_is_gathered_and_nothing_else(texts: list[str]) -> None:
    groups = near_duplicate_groups(texts, [""] * len(texts))
    gathered = {number for group in groups for number in group}

    for group in groups:
        assert any(all(alike(texts[first], texts[other]) for other in group) for first in group)
    for one, other in itertools.combinations(range(len(texts)), 2):
        if alike(texts[one], texts[other]):
            assert one in gathered or other in gathered
    assert sum(map(len, groups)) == len(gathered)


@given(TEXTS, TEXTS)
def test_a_text_like_a_known_one_is_never_missed(known: list[str], texts: list[str]) -> None:
    found = near_duplicates_of(known, texts, [""] * len(known), [""] * len(texts))

    assert [place is not None for place in found] == [any(alike(text, one) for one in known) for text in texts]
    assert all(place is None or alike(known[place], text) for place, text in zip(found, texts, strict=True))


@given(TEXTS, st.randoms())
def test_the_same_rows_are_found_in_any_order(texts: list[str], random: object) -> None:
    found = near_duplicates_of(texts[:4], texts[4:], [""] * len(texts[:4]), [""] * len(texts[4:]))
    turned = near_duplicates_of(texts[:4][::-1], texts[4:], [""] * len(texts[:4]), [""] * len(texts[4:]))
    assert [place is None for place in found] == [place is None for place in turned]


def test_rows_about_different_entities_are_different_rows() -> None:
    placed = [("train", row(NEWS, entity="台積電")), ("test", row(f"{NEWS}！", entity="鴻海"))]
    assert near_findings(placed) == []


def test_near_duplicates_across_splits_and_with_two_labels_are_told() -> None:
    placed = [
        ("train", row(NEWS)),
        ("test", row(f"{NEWS}（更新）", "負面")),
        ("train", row("今天天氣晴朗適合出門走走")),
    ]
    found = {finding.code: finding.count for finding in near_findings(placed)}
    assert found == {"near_duplicates": 1, "near_overlap": 1, "near_conflicts": 1}


def test_training_rows_like_the_benchmark_are_left_out_with_their_number() -> None:
    other = [row(f"{first}{second}" * 9) for first, second in itertools.permutations("山水風雲日月", 2)]
    splits = {"train": [*other, row(f"{NEWS}（更新）")], "valid": [], "test": [row(NEWS)]}
    kept, notes, some_stay = without_near_benchmark(splits, [])

    assert kept == {"train": other, "valid": [], "test": [row(NEWS)]} and not some_stay
    assert [(note.code, note.count) for note in notes] == [("near_benchmark_removed", 1)]


def test_where_most_rows_are_like_the_benchmark_they_stay_which_is_told() -> None:
    splits = {"train": [row(f"{NEWS}（更新）")], "valid": [], "test": [row(NEWS)]}
    assert without_near_benchmark(splits, []) == (splits, [], True)


def test_many_rows_without_rensa_are_reported_as_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "WITHOUT_SIFTING", 1)
    monkeypatch.setitem(__import__("sys").modules, "rensa", None)
    placed = [("train", row(NEWS)), ("train", row("別的文字"))]

    with pytest.raises(MissingRequirement, match="nlp-skills\\[near-duplicates\\]"):
        near_duplicate_groups([NEWS, NEWS], ["", ""])
    assert [finding.code for finding in near_findings(placed)] == ["near_duplicates_not_checked"]


def test_twins_in_the_two_scripts_are_near_duplicates() -> None:
    ours = "這家餐廳的服務態度很好，價格也優惠，下次還會再來用餐"
    theirs = "这家餐厅的服务态度很好，价格也优惠，下次还会再来用餐"

    assert near_duplicate_groups([ours, "完全不同的一句話，和前面沒有關係", theirs], ["", "", ""]) == [[0, 2]]
    assert near_duplicates_of([ours], [theirs], [""], [""]) == [0]
