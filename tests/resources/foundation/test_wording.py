from __future__ import annotations

import pytest
from pydantic import ValidationError

from nlp_skills.resources.foundation.wording import problem_in_words
from nlp_skills.resources.task import Task


@pytest.mark.parametrize(
    ("fields", "english", "chinese"),
    [
        ({}, "missing", "缺少"),
        ({"name": "x", "title": []}, "text", "文字"),
        ({"name": "x", "title": 3}, '"3"', '"3"'),
        ({"name": "x", "labels": [False]}, '"yes"', '"yes"'),
        ({"name": "x", "labels": [None]}, '"null"', '"null"'),
        ({"name": "x", "labels": "a"}, "list", "清單"),
        ({"name": "x", "success_criteria": {"threshold": 2}}, "≤ 1.0", "必須 ≤ 1.0"),
        ({"name": "x", "success_criteria": {"threshold": "high"}}, "number", "數字"),
        ({"name": "x", "constrained_decoding": "perhaps"}, "true or false", "必須是 true 或 false"),
        ({"name": "x", "constraints": "none"}, "group of fields", "一組欄位"),
        ({"name": "x", "language": "fr"}, "en, zh-TW", "必須是 en、zh-TW 之一"),
    ],
)
def test_a_problem_is_said_in_both_languages(fields: dict[str, object], english: str, chinese: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Task.model_validate(fields)
    said = problem_in_words(caught.value.errors()[0])
    assert english in said.en and chinese in said.zh
