from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nlp_skills.resources.foundation.errors import DataError
from nlp_skills.resources.foundation.files import dump_jsonl, read_json, read_jsonl
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.data.benchmark import benchmark_names
from nlp_skills.tools.data.snapshot import current_snapshot
from tests.tools.data.conftest import Rows, quarterly_news, sentences
from tests.tools.data.test_regenerate import refusal, source

Prepare = Callable[..., dict[str, Any]]
ID_NUMBER = "A123456789"
REASON = "示範用的假證號"


def with_id_numbers(count: int) -> Rows:
    rows = sentences(60)
    return [{**row, "text": f"{row['text']}{ID_NUMBER}"} if number < count else row for number, row in enumerate(rows)]


def test_a_certain_id_number_blocks_and_is_never_quoted(task: TaskFolder, prepare: Prepare) -> None:
    source(task, with_id_numbers(2))
    error = refusal(prepare)

    assert "accept={'personal_id_number'" in error.fix.en and "accept={'personal_id_number'" in error.fix.zh
    assert ID_NUMBER not in str(error.to_dict())
    report = read_json(task.data / "validation.json")
    assert ID_NUMBER not in (task.data / "validation.json").read_text("utf-8")
    found = report["errors"][0]
    assert found["code"] == "personal_id_number" and found["count"] == 2 and len(found["ids"]) == 2
    with pytest.raises(DataError):
        current_snapshot(task)


def test_an_override_is_kept_with_who_when_and_why(task: TaskFolder, prepare: Prepare) -> None:
    source(task, with_id_numbers(2))
    refusal(prepare)
    result = prepare(accept={"personal_id_number": REASON})

    assert not (task.data / "validation.json").exists(), "the report of the refusal speaks of nothing any more"
    assert result["accepted"][0]["decision"]["reason"] == REASON and "ids" not in result["accepted"][0]
    [kept] = current_snapshot(task).summary().accepted
    assert kept.finding == "personal_id_number" and kept.count == 2 and kept.reason == REASON
    assert kept.by and kept.at


def test_an_override_stands_for_no_more_rows_than_it_was_made_for(task: TaskFolder, prepare: Prepare) -> None:
    source(task, with_id_numbers(2))
    prepare(accept={"personal_id_number": REASON})
    assert prepare()["unchanged"]

    source(task, with_id_numbers(3))
    assert "3" in refusal(prepare).problem.en


def test_rows_edited_by_hand_are_accepted_as_they_stand(task: TaskFolder, prepare: Prepare) -> None:
    source(task, sentences(60))
    prepare()
    file = task.data / "train.jsonl"
    rows = list(read_jsonl(file))
    file.write_bytes(dump_jsonl([{**rows[0], "text": f"{rows[0]['text']}{ID_NUMBER}"}, *rows[1:]]))
    with pytest.raises(DataError):
        current_snapshot(task)

    prepare(accept={"personal_id_number": REASON})
    snapshot = current_snapshot(task)
    assert snapshot.manifest.kind == "manual" and snapshot.summary().accepted[0].reason == REASON


def test_what_can_only_be_mended_is_not_accepted(task: TaskFolder, prepare: Prepare) -> None:
    source(task, sentences(60))
    assert refusal(prepare, accept={"unknown_label": "why not"}).field == "accept"
    assert refusal(prepare, accept={"personal_card": "  "}).field == "accept"


def test_simplified_characters_and_labels_without_test_rows_are_told(task: TaskFolder, prepare: Prepare) -> None:
    rows = sentences(60)
    rows[0] = {**rows[0], "text": f"{rows[0]['text']}这个国家"}
    source(task, [*rows, {"text": "只有一列的標籤", "entity": "公司乙", "label": "未定"}])
    with task.change() as definition:
        definition.labels = [*definition.labels, "未定"]
    codes = {found["code"]: found["count"] for found in prepare()["warnings"]}
    assert codes["simplified_characters"] == 1 and codes["label_not_in_benchmark"] == 1


def test_a_benchmark_of_one_label_is_not_frozen(task: TaskFolder, prepare: Prepare) -> None:
    rows = quarterly_news()
    source(task, rows, split={"group_by": "skeleton"})

    assert "benchmark_one_label" in refusal(prepare).fix.en
    assert benchmark_names(task) == []
    prepare(accept={"benchmark_one_label": REASON})
    assert benchmark_names(task) == ["main"]
