from __future__ import annotations

from pathlib import Path

import pytest

from nlp_skills.tools.evaluate.evidence import data_evidence

pytestmark = pytest.mark.worker


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([f"The umbrella of order {number} may be returned." for number in range(100, 140)], 0),
        ([f"The umbrella of order {number} may be returned wi" for number in range(100, 140)], 40),
    ],
)
def test_texts_of_one_length_are_cut_off_only_where_they_stop_in_mid_sentence(
    tmp_path: Path, texts: list[str], found: int
) -> None:
    rows = [{"id": str(at), "text": text, "output": "x"} for at, text in enumerate(texts)]

    assert data_evidence(tmp_path, rows, [], rows[:5], "en", {"train": "a"})["cut_texts"]["found"] == found
