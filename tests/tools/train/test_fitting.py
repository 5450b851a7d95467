"""Rows longer than `max_length` are left out or cut as the plan says; none is cut into its answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlp_skills.tools.data.task_kind import kind_of, task_kind
from nlp_skills.tools.train.audit import audit
from nlp_skills.tools.train.fitting import Fitted, LongRows, fit_rows
from nlp_skills.tools.train.tokenise import end_ids_of, load_tokenizer, tokenise

pytestmark = pytest.mark.worker
PROMPT = task_kind("generation").prompts["en"]
LIMIT = 256


def fit(tiny_model: Path, rows: list[dict[str, Any]], choice: LongRows | None) -> tuple[Fitted, Any, set[int]]:
    tokenizer = load_tokenizer(tiny_model)
    ends = end_ids_of(tiny_model, tokenizer)
    rendered = [{"id": row["id"], **kind_of(row).render_row(row, PROMPT, [])} for row in rows]
    splits = {"train": tokenise(rendered, tokenizer, ends), "valid": []}
    return (
        fit_rows(splits, {row["id"]: row for row in rows}, PROMPT, [], tokenizer, ends, choice, LIMIT),
        tokenizer,
        ends,
    )


ROWS: dict[str, list[dict[str, Any]]] = {
    "supervised": [
        {"id": "short", "text": "hello", "output": "yes"},
        {"id": "long", "text": "rain " * 400, "output": "no"},
        {"id": "answer", "text": "hello", "output": "word " * 400},
    ],
    "pairs": [
        {"id": "short", "text": "hello", "chosen": "yes", "rejected": "no"},
        {"id": "long", "text": "rain " * 400, "chosen": "yes", "rejected": "no"},
        {"id": "answer", "text": "hello", "chosen": "yes", "rejected": "word " * 400},
    ],
    "conversations": [
        {
            "id": "short",
            "text": "hi",
            "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}],
        },
        {
            "id": "long",
            "text": "hi",
            "messages": [
                *(
                    {"role": role, "content": f"{role} {number} " + "rain " * 20}
                    for number in range(8)
                    for role in ("user", "assistant")
                ),
                {"role": "user", "content": "so?"},
                {"role": "assistant", "content": "no"},
            ],
        },
        {
            "id": "answer",
            "text": "hi",
            "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "word " * 400}],
        },
    ],
    "extraction": [
        {"id": "short", "text": "hello", "spans": []},
        {"id": "long", "text": "Acme " + "rain " * 400, "spans": [{"type": "firm", "text": "Acme"}]},
        {"id": "answer", "text": "rain " * 400 + "Acme " + "rain " * 400, "spans": [{"type": "firm", "text": "Acme"}]},
    ],
}


@pytest.mark.parametrize("kind", ROWS)
def test_dropped_rows_are_named_and_the_rest_passes_the_audit(tiny_model: Path, kind: str) -> None:
    found, tokenizer, ends = fit(tiny_model, ROWS[kind], "drop")
    assert found.left_out == ["answer", "long"] and {row.id for row in found.splits["train"]} == {"short"}
    assert audit(found.splits, tokenizer, ends, LIMIT).findings == []
    told = found.summary("drop", LIMIT)
    assert told and list(told.to_dict().items()) == [
        ("choice", "drop"),
        ("max_length", LIMIT),
        ("left_out", ["answer", "long"]),
        ("left_out_count", 2),
    ]


@pytest.mark.parametrize("kind", ROWS)
def test_cut_rows_fit_with_their_whole_answer_and_those_that_cannot_are_left_out(tiny_model: Path, kind: str) -> None:
    found, tokenizer, ends = fit(tiny_model, ROWS[kind], "cut")
    assert found.cut == ["long"] and found.left_out == ["answer"]
    order = [row.id for row in found.splits["train"]]
    assert order == (["short", "short", "long", "long"] if kind == "pairs" else ["short", "long"])
    checked = audit(found.splits, tokenizer, ends, LIMIT)
    assert checked.findings == [] and LIMIT - 40 <= checked.longest <= LIMIT


@pytest.mark.parametrize("kind", ROWS)
def test_without_a_choice_the_audit_refuses_them(tiny_model: Path, kind: str) -> None:
    found, tokenizer, ends = fit(tiny_model, ROWS[kind], None)
    assert {one.problem for one in audit(found.splits, tokenizer, ends, LIMIT).findings} <= {"truncated", "masked"}
    assert len(audit(found.splits, tokenizer, ends, LIMIT).findings) == 2 and found.summary(None, LIMIT) is None
