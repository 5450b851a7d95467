from __future__ import annotations

import pytest
from pydantic import ValidationError

from nlp_skills.resources.foundation.wording import problem_in_words
from nlp_skills.resources.task import Task


@pytest.mark.parametrize(
    ("fields", "english", "chinese"),
    [
        ({}, "it is missing", "缺少這個欄位"),
        ({"name": "x", "title": []}, "it must be text", "必須是文字"),
        ({"name": "x", "title": 3}, 'it must be text: put it in quotes: "3"', '必須是文字：請加上引號："3"'),
        (
            {"name": "x", "labels": [False]},
            "it must be text: YAML takes a bare yes, no, on, off, true or false for a truth value; "
            'put it in quotes: "yes"',
            '必須是文字：YAML 會把沒加引號的 yes、no、on、off、true、false 當成真假值，請加上引號："yes"',
        ),
        (
            {"name": "x", "labels": [None]},
            'it must be text: it is empty, or a bare null or ~; put what is meant in quotes: "null"',
            '必須是文字：這裡是空的，或是沒加引號的 null、~；請把文字加上引號："null"',
        ),
        ({"name": "x", "labels": "a"}, "it must be a list", "必須是清單"),
        ({"name": "x", "success_criteria": {"threshold": 2}}, "it must be ≤ 1.0", "必須 ≤ 1.0"),
        ({"name": "x", "success_criteria": {"threshold": "high"}}, "it must be a number", "必須是數字"),
        ({"name": "x", "constrained_decoding": "perhaps"}, "it must be true or false", "必須是 true 或 false"),
        ({"name": "x", "constraints": "none"}, "it must be a group of fields", "必須是一組欄位"),
        ({"name": "x", "language": "fr"}, "it must be one of en, zh-TW", "必須是 en、zh-TW 之一"),
    ],
)
def test_a_problem_is_said_in_both_languages(fields: dict[str, object], english: str, chinese: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Task.model_validate(fields)
    said = problem_in_words(caught.value.errors()[0])
    assert said == (english, chinese)
