from __future__ import annotations

import pytest

from nlp_skills.resources.foundation.language import several


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (several(1, "row"), "1 row"),
        (several(0, "row"), "0 rows"),
        (several(2, "row"), "2 rows"),
        (several(1, "text holds", "texts hold"), "1 text holds"),
        (several(3, "text holds", "texts hold"), "3 texts hold"),
        (several(1200, "row", form=","), "1,200 rows"),
    ],
)
def test_what_is_counted_agrees_with_its_number(said: str, sentence: str) -> None:
    assert said == sentence
