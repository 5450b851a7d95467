"""What validation, a benchmark, a job and the money spent leave on disk: read as it stands, a wrong field named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.benchmark import BenchmarkManifest
from nlp_skills.resources.foundation.errors import BudgetError, DataError
from nlp_skills.resources.foundation.files import read_json, read_jsonl, write_json
from nlp_skills.resources.job_event import append_event, parse_event, read_events
from nlp_skills.resources.record import Record
from nlp_skills.resources.spending import SpendingLine
from nlp_skills.resources.validation import ValidationReport

OLDER = Path(__file__).parents[1] / "older"
LINE = {"time": "2026-01-06T14:00:00Z", "job": "j", "what": "gpu", "kind": "opened", "per_hour": 2, "currency": "USD"}
MANIFEST = {"name": "main", "hash": "00", "count": 3, "created": "2026-01-06T14:00:00Z"}


def older_files(pattern: str) -> list[Path]:
    found = sorted(OLDER.glob(f"*/*/{pattern}"))
    assert found
    return found


@pytest.mark.parametrize(
    ("record", "pattern"),
    [(ValidationReport, "data/snapshots/*/validation.json"), (BenchmarkManifest, "benchmarks/*/benchmark.json")],
)
def test_a_record_of_an_older_folder_is_written_as_it_stood(record: type[Record], pattern: str, tmp_path: Path) -> None:
    for file in older_files(pattern):
        record.read(file).write(tmp_path / file.name)
        assert json.dumps(read_json(tmp_path / file.name)) == json.dumps(read_json(file))


def test_every_event_of_an_older_folder_says_what_its_line_says() -> None:
    for file in older_files("jobs/*/events.jsonl"):
        assert [json.dumps(event.to_dict()) for event in read_events(file)] == [*map(json.dumps, read_jsonl(file))]


@pytest.mark.parametrize(
    ("record", "content", "error", "field"),
    [
        (ValidationReport, {"errors": [{"code": "x", "count": "many"}]}, DataError, "errors[0].count"),
        (BenchmarkManifest, {**MANIFEST, "label_counts": {"a": "few"}}, DataError, "label_counts.a"),
        (SpendingLine, {**LINE, "kind": "borrowed"}, BudgetError, "kind"),
    ],
)
def test_a_wrong_field_is_named(
    record: type[Record], content: dict[str, Any], error: type[Exception], field: str, tmp_path: Path
) -> None:
    write_json(tmp_path / "record.json", content)
    with pytest.raises(error) as refused:
        record.read(tmp_path / "record.json")
    assert getattr(refused.value, "field", None) == field and "record.json" in str(refused.value)


@pytest.mark.parametrize(
    ("record", "content"), [(ValidationReport, {"errors": []}), (BenchmarkManifest, MANIFEST), (SpendingLine, LINE)]
)
def test_fields_that_nothing_knows_are_kept_and_a_missing_format_is_the_first(
    record: type[Record], content: dict[str, Any], tmp_path: Path
) -> None:
    write_json(tmp_path / "record.json", {**content, "mood": {"good": True}})
    read = record.read(tmp_path / "record.json")
    assert read.format == 1 and read.to_dict() == {**content, "mood": {"good": True}}


def test_lines_that_a_kill_tore_are_left_out_of_the_events(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    append_event(file, "progress", step=1, total=2)
    with file.open("ab") as events:
        events.write(b'{"time": "2026-01-06T14:0{"kind": "progress"}\n["no event"]\n')
    append_event(file, "own_script", file="plugins/mine.py", mood="good")
    first, second = read_events(file)
    assert (first.kind, first.step, first.total) == ("progress", 1, 2) and first.time
    assert second.to_dict()["mood"] == "good" and second.file == "plugins/mine.py"
    assert parse_event(b"") is None
