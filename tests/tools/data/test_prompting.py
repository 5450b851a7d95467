from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_skills.resources.task import Prompt, Task
from nlp_skills.tools.data.prompting import answer_of, chat_messages, default_prompt, task_prompt
from nlp_skills.tools.data.reading_answers import parse_label

LABELS = ["正面", "中性", "負面"]
ENGLISH = ["positive", "neutral", "negative"]


@pytest.mark.parametrize(
    "answer",
    ["正面", " 正面\n", "正面。", "「正面」", "「正面。」", "**正面**", "正面！", "<think>\n\n</think>\n\n正面"],
)
def test_an_answer_that_is_a_label_is_that_label(answer: str) -> None:
    assert parse_label(answer, LABELS) == "正面"


@pytest.mark.parametrize(
    "answer",
    [
        "不是正面",
        "正面或負面",
        "正面 負面",
        "正面的",
        "很正面",
        "",
        "。",
        "標籤：正面",
        "正",
        "<think>正面",
        "正面</think>",
    ],
)
def test_an_answer_that_only_contains_a_label_is_none(answer: str) -> None:
    assert parse_label(answer, LABELS) is None


@pytest.mark.parametrize("answer", ["not positive", "positively", "positive, neutral", "non-positive", "neutral?no"])
def test_the_same_holds_in_english(answer: str) -> None:
    assert parse_label(answer, ENGLISH) is None


def test_case_and_width_do_not_matter_unless_they_tell_labels_apart() -> None:
    assert parse_label("Positive.", ENGLISH) == "positive"
    assert parse_label("ＰＯＳＩＴＩＶＥ", ENGLISH) == "positive"
    assert parse_label("us", ["US", "us"]) == "us"
    assert parse_label("Us", ["US", "us"]) is None


def test_a_label_that_ends_in_punctuation_is_found() -> None:
    assert parse_label("N.A.", ["N.A.", "C++"]) == "N.A."
    assert parse_label("'C++'", ["N.A.", "C++"]) == "C++"


@given(st.text(max_size=40), st.sampled_from(LABELS))
def test_a_parsed_label_is_the_whole_answer_apart_from_its_wrapping(answer: str, label: str) -> None:
    parsed = parse_label(answer, LABELS)
    if parsed is not None:
        assert parsed in answer.replace("\u3000", "")
        assert not set(answer.replace(parsed, "", 1)) & set("正面中性負不是很")
    assert parse_label(f" {label}。\n", LABELS) == label
    if answer.strip(" 。") and answer.isalnum():
        assert parse_label(answer + label, LABELS) is None


@pytest.mark.parametrize("language", ["en", "zh-TW"])
@pytest.mark.parametrize("kind", ["classification", "entity-classification"])
def test_every_task_has_a_prompt_in_its_language(language: str, kind: str) -> None:
    task = Task.model_validate({"name": "t", "type": kind, "language": language, "labels": LABELS})
    system, user = chat_messages({"text": "台積電大漲", "entity": "台積電"}, task_prompt(task), LABELS)

    assert (system["role"], user["role"]) == ("system", "user")
    assert all(label in system["content"] for label in LABELS)
    assert "台積電大漲" in user["content"]
    names_entity = "對象：台積電" in user["content"] or "Entity: 台積電" in user["content"]
    assert names_entity == (kind == "entity-classification")
    assert ("文字：" in user["content"]) == (language == "zh-TW")
    assert "{" not in system["content"] + user["content"]


def test_the_tasks_own_prompt_wins() -> None:
    own = Prompt(system="S", user="U {text}")
    assert task_prompt(Task(name="t", prompt=own)) == own
    assert task_prompt(Task(name="t")) == default_prompt(Task(name="t"))


@given(st.text(), st.text())
def test_whatever_a_row_says_stays_text(text: str, entity: str) -> None:
    row = {"text": text + "{entity}{labels}", "entity": entity + "{text}"}
    _, user = chat_messages(row, Prompt(system="", user="[{text}|{entity}]"), LABELS)

    assert user["content"] == f"[{row['text']}|{row['entity']}]"


def test_the_expected_answer_is_the_label_alone() -> None:
    assert answer_of({"label": "中性"}) == "中性"
