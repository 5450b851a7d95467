"""How the writing of rows ends: limits, budgets, failures, and answers in any form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_skills.resources import spending
from nlp_skills.resources.data_source import Source
from nlp_skills.resources.foundation import secrets
from nlp_skills.resources.foundation.errors import BudgetError, DataSourceError
from nlp_skills.resources.foundation.files import write_yaml
from nlp_skills.resources.foundation.language import Text
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.compute.jobs.running import RunningJob
from nlp_skills.tools.data.generation.asking import parsed_rows
from nlp_skills.tools.data.near_copies import NearCopies, pieces_of, similarity
from nlp_skills.tools.data.preview import preview
from nlp_skills.tools.data.source import source_kind
from nlp_skills.tools.data.watching import Watch
from tests.tools.data.misbehaving import Peer, Said, as_json
from tests.tools.data.test_llm_generated import Writer, fields, records, refusal, writer

__all__ = ["writer"]


def test_the_same_rows_without_end_stop_the_run(server: Peer, writer: Writer, task: TaskFolder) -> None:
    same = writer.row("正面")
    writer.spoil = lambda rows: [same] * 5

    assert (
        "nearly repeats another row" in refusal(task, **fields(server, per_label={"正面": 1000})).problem.en
        and len(server.asked) <= 5
    )


def test_rows_that_are_too_short_or_too_long_are_rejected(server: Peer, writer: Writer, task: TaskFolder) -> None:
    write_yaml(task.data_source_file, {"quality": {"min_characters": 10, "max_characters": 60}})
    writer.spoil = lambda rows: (
        [*rows[:3], {**rows[3], "text": rows[3]["entity"]}, {**rows[4], "text": rows[4]["text"] * 9}]
        if len(rows) == 5
        else rows
    )
    watch = Watch()

    assert len(records(task, watch, **fields(server))) == 30
    assert watch.provenance["rejected"]["too_short"] >= 6 and watch.provenance["rejected"]["too_long"] >= 6


def test_what_the_rows_took_is_counted_and_told_when_the_data_is_prepared(
    server: Peer, writer: Writer, task: TaskFolder, prepare: Any
) -> None:
    write_yaml(
        task.data_source_file,
        {"sources": [fields(server, name="written", price_per_million_input=1, price_per_million_output=10)]},
    )

    [spent] = prepare(agreed=0.1)["spent"]
    assert spent["source"] == "written" and spent["requests"] == 6 and spent["input_tokens"] == 600
    assert spent["output_tokens"] == 2400 and spent["cost"] == 0.0246


def test_a_label_that_stays_short_is_told(server: Peer, writer: Writer, task: TaskFolder) -> None:
    told: list[Text] = []
    writer.spoil = lambda rows: rows[:1]

    assert len(records(task, Watch(warn=told.append), **fields(server, per_label={"正面": 10}))) == 6
    assert "6 of 10" in told[0].en


def test_the_budget_stops_the_run_and_a_higher_one_carries_on(server: Peer, writer: Writer, task: TaskFolder) -> None:
    error = refusal(task, **fields(server, max_total_tokens=1200))

    assert error.field == "sources[0].max_total_tokens" and len(server.asked) == 3
    assert len(records(task, **fields(server, max_total_tokens=5000))) == 30 and len(server.asked) == 6


def test_what_answers_cost_counts_against_the_tasks_budget_and_those_kept_cost_nothing(
    server: Peer, writer: Writer, task: TaskFolder
) -> None:
    priced = fields(server, price_per_million_input=1000.0, price_per_million_output=1000.0)
    with task.change() as definition:
        definition.budget = definition.budget.model_copy(update={"per_task": 1e-6})
    with pytest.raises(BudgetError) as dear:
        records(task, Watch(agreed=True), **priced)
    assert "writer would cost" in dear.value.problem.en and not server.asked

    writer.spoil = lambda rows: rows[:1]  # so that more has to be asked than was reckoned
    wanted = priced | {"per_label": {"正面": 10}}
    with task.change() as definition:
        definition.budget = definition.budget.model_copy(update={"per_task": None, "per_job": 1.5})
    with pytest.raises(BudgetError) as stopped:
        records(task, Watch(agreed=True), **wanted)
    assert len(server.asked) == 3 and spending.total_spent(task) == 1.5
    assert "Answers received are kept" in stopped.value.problem.en and "budget.per_job" in stopped.value.fix.en

    with task.change() as definition:
        definition.budget = definition.budget.model_copy(update={"per_job": None})
    assert (
        len(records(task, Watch(agreed=True), **wanted)) == 6
        and len(server.asked) == 6
        and spending.total_spent(task) == 3.0
    )
    assert len(records(task, Watch(), **wanted)) == 6 and len(server.asked) == 6 and spending.total_spent(task) == 3.0


@pytest.mark.parametrize(
    ("said", "field", "words"),
    [
        (as_json({"error": {"message": "bad key"}}, 401), "api_key", "does not accept the key"),
        (as_json({"error": {"message": "no model"}}, 404), "model", "has no model 'writer'"),
        (as_json({"error": {"message": "insufficient_quota"}}, 429), "base_url", "credit"),
        (as_json({"error": {"message": "broken"}}, 500), "model", "failed"),
    ],
)
def test_what_can_go_wrong_is_told_apart(server: Peer, task: TaskFolder, said: Said, field: str, words: str) -> None:
    secrets.store("WRITER_KEY", "sk-s3cret-key")
    server.serve("/v1/chat/completions", said)
    error = refusal(task, **fields(server, retries=0, api_key="${WRITER_KEY}"))

    assert words in error.problem.en and error.field == f"sources[0].{field}"
    sent = {name.lower(): value for name, value in server.asked[0].headers.items()}
    assert sent["authorization"] == "Bearer sk-s3cret-key" and "s3cret" not in f"{error.to_dict()}"


def test_a_server_that_is_down_and_a_missing_key_name_the_way_out(
    task: TaskFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    seed = {"type": "llm_generated", "prompt_template": "生成 {count} 筆", "model": "gpt-4o", "count": 500}

    assert "secret set OPENAI_API_KEY" in refusal(task, **seed).fix.en
    assert "11434" in refusal(task, **seed, base_url="http://127.0.0.1:9/v1", retries=0).fix.en


def test_a_server_that_does_not_know_response_format_is_asked_without(
    server: Peer, writer: Writer, task: TaskFolder
) -> None:
    server.serve(
        "/v1/chat/completions",
        lambda asked: (
            as_json({"error": {"message": "unknown field"}}, 400) if b"response_format" in asked.body else writer(asked)
        ),
    )

    assert len(records(task, **fields(server))) == 30 and len(server.asked) == 7


def test_the_preview_asks_once_and_tells_what_the_rest_will_cost(
    server: Peer, writer: Writer, task: TaskFolder, job: RunningJob, prepare: Any
) -> None:
    write_yaml(
        task.data_source_file,
        {"sources": [fields(server, count=300, price_per_million_input=1, price_per_million_output=10)]},
    )
    seen = preview(task, job, agreed=True)

    assert len(server.asked) == 1 and len(seen["sources"][0]["rows"]) == 5
    estimate = seen["sources"][0]["estimate"]
    assert (
        estimate["requests"] == 59 and estimate["output_tokens"] == 295 * 80
    )  # as the first answer took and estimate["cost"] > 0.2
    assert "59 requests" in seen["message"]["en"] and "同意" in seen["next_step"]["say"]["zh"]
    prepare(agreed=estimate["cost"] * 1.25)  # as the question asks it
    assert len(server.asked) == 60  # the preview's answer was kept


def test_a_written_row_can_never_be_declared_real(server: Peer, task: TaskFolder) -> None:
    assert (
        "synthetic"
        in str(refusal(task, **fields(server, synthetic=False)).field or "")
        + refusal(task, **fields(server, synthetic=False)).problem.en
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"rows": [{"text": "a", "label": "b"}]}',
        '[{"text": "a", "label": "b"}]',
        'Sure!\n```json\n{"rows": [{"text": "a", "label": "b"}]}\n```\nDone [1].',
        '{"text": "a", "label": "b"}\n',
        '[1] as asked: [{"text": "a", "label": "b"}]',
    ],
)
def test_rows_are_found_in_what_models_say(text: str) -> None:
    assert parsed_rows(text) == [{"text": "a", "label": "b"}]


def test_rows_one_a_line_are_all_found_however_many() -> None:
    lines = "\n".join(json.dumps({"text": str(number), "label": "b"}) for number in range(1500))

    assert len(parsed_rows(lines)) == 1500
    assert parsed_rows("[" * 100_000) == parsed_rows('{"text":' * 50_000) == []


@given(st.text(max_size=200))
def test_no_answer_breaks_the_reader(text: str) -> None:
    assert isinstance(parsed_rows(text), list)


@given(
    st.lists(st.text(alphabet="甲乙丙丁abc 。", min_size=1, max_size=24), max_size=12),
    st.text(alphabet="甲乙丙丁abc 。", min_size=1, max_size=24),
    st.sampled_from([0.5, 0.8, 1.0]),
)
def test_near_copies_are_all_found(known: list[str], text: str, threshold: float) -> None:
    copies = NearCopies(threshold)
    for each in known:
        copies.add(each)

    assert copies.like(text) == [
        number for number, each in enumerate(known) if similarity(pieces_of(text), pieces_of(each)) >= threshold
    ]


def test_the_kind_is_documented() -> None:
    with pytest.raises(DataSourceError) as caught:
        source_kind(Source.model_validate({"type": "llm_generated", "model": "x", "prompt_tempalte": "y"}), 0)
    assert "prompt_template" in caught.value.fix.en
