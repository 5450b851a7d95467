from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from nlp_skills.tools.data.deduplicate import deduplicate
from nlp_skills.tools.data.rows import Row, normalise, row_id

VALUES = st.text("ab Ａ\u3000甲①", max_size=4)


def rows_of(values: list[tuple[str, str]]) -> list[Row]:
    return [
        {"id": row_id(text, entity), "text": text, **({"entity": entity} if entity.strip() else {}), "label": "x"}
        for text, entity in values
    ]


@given(st.lists(st.tuples(VALUES, VALUES.filter(lambda value: not value or value.strip())), max_size=12))
def test_by_text_and_entity_one_row_of_each_input_is_kept(values: list[tuple[str, str]]) -> None:
    rows = rows_of(values)
    kept = deduplicate(rows, ["text", "entity"])

    assert [row["id"] for row in kept.rows] == list(dict.fromkeys(row["id"] for row in rows))
    assert kept.removed == len(rows) - len(kept.rows)


@given(st.text())
def test_a_text_counts_in_its_compatibility_form(text: str) -> None:
    assert normalise(text) == " ".join(unicodedata.normalize("NFKC", text).split())
