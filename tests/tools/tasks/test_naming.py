from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_skills.resources.foundation.errors import TaskError
from nlp_skills.resources.workspace import NAME_PATTERN, Workspace, check_name, slug
from nlp_skills.tools.tasks.naming import checked_labels, folder_name, free_name

KINDS = st.sampled_from(["classification", "entity-classification"])


@given(st.text(max_size=200), KINDS)
def test_any_title_gives_a_portable_name_and_always_the_same(title: str, kind: str) -> None:
    name = folder_name(title, kind)
    assert check_name(name) == name
    assert folder_name(title, kind) == name
    assert not name.startswith("v1") or not name.removeprefix("v").isdigit()


@given(st.text(max_size=200))
def test_a_slug_is_a_portable_name_or_nothing(title: str) -> None:
    derived = slug(title)
    assert derived == "" or check_name(derived) == derived
    assert slug(derived) == derived


@given(st.text(max_size=80))
def test_a_name_is_taken_as_it_is_or_refused_with_one_that_would_do(name: str) -> None:
    try:
        assert check_name(name) == name and NAME_PATTERN.fullmatch(name)
    except TaskError as error:
        assert error.field == "name"
        if suggestion := slug(name):
            assert suggestion in error.fix.en
            assert check_name(suggestion) == suggestion


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "a\\b", ".hidden", "con", "Aux", "entity sentiment", "情緒", "-x", "x" * 64]
)
def test_names_that_are_not_portable_are_refused(name: str) -> None:
    with pytest.raises(TaskError):
        folder_name("Any", "classification", name)


@pytest.mark.parametrize(
    ("title", "name"),
    [("Entity sentiment", "entity-sentiment"), ("Café reviews!", "cafe-reviews"), ("BERT 情緒分析", "bert")],
)
def test_a_title_with_ascii_words_is_named_by_them(title: str, name: str) -> None:
    assert folder_name(title, "classification") == name


@pytest.mark.parametrize("title", ["情緒分析", "情緒分析 v2", "2026", "CON", "!"])
def test_a_title_without_usable_words_is_named_by_its_type(title: str) -> None:
    assert folder_name(title, "entity-classification").startswith("entity-classification-")


def test_two_chinese_titles_do_not_get_one_name() -> None:
    assert folder_name("情緒分析", "classification") != folder_name("意圖分類", "classification")


def test_the_next_free_number_is_suggested(workspace: Workspace) -> None:
    (workspace.root / "reviews-2").mkdir(parents=True)
    assert free_name(workspace, "reviews") == "reviews-3"
    assert check_name(free_name(workspace, "x" * 63))


def test_labels_are_trimmed_and_keep_their_order() -> None:
    assert checked_labels([" 正面", "負面 ", "中立"]) == ["正面", "負面", "中立"]
    assert checked_labels([]) == []


@pytest.mark.parametrize(
    "labels",
    [
        ["positive"],
        ["positive", "positive "],
        ["very good", "very  good"],
        ["Positive", "positive"],
        ["A1", "Ａ１"],
        ["good", ""],
        ["good", "  "],
        ["good", "bad\nworse"],
        ["good", "b" * 61],
    ],
)
def test_labels_nobody_could_tell_apart_are_refused(labels: list[str]) -> None:
    with pytest.raises(TaskError) as caught:
        checked_labels(labels)
    assert caught.value.field == "labels"
