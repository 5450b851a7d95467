from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.errors import DataError
from nlp_skills.resources.foundation.files import dump_jsonl, read_json, write_yaml
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs.running import RunningJob
from nlp_skills.tools.data.benchmark import frozen_benchmark
from nlp_skills.tools.data.labelling.acting import act
from nlp_skills.tools.data.labelling.answer import LabellingRequest
from nlp_skills.tools.data.regenerate import regenerate
from nlp_skills.tools.data.snapshot import current_snapshot
from nlp_skills.tools.evaluate.proposing import start
from tests.tools.data.conftest import sentences
from tests.tools.data.labelling.conftest import Do, kind_of, texts


def examples(count: int, begin: int = 900) -> list[dict[str, Any]]:
    """Labelled rows, each in words of its own."""
    return [
        {"text": f"{row['text']} {words(number)}", "label": kind_of(row["text"])}
        for number, row in enumerate(texts(count, begin), start=begin)
    ]


def words(number: int) -> str:
    return " ".join(hashlib.sha256(f"{number} {at}".encode()).hexdigest()[:9] for at in range(8))


@pytest.fixture
def labelled(prepared: TaskFolder, do: Do, job: RunningJob) -> TaskFolder:
    """30 real rows, 21 of them to train on."""
    (prepared.root / "mails.jsonl").write_bytes(dump_jsonl(examples(30, 0)))
    write_yaml(prepared.data_source_file, {"sources": [{"type": "file", "path": "mails.jsonl"}]})
    regenerate(prepared, job)
    return prepared


def test_what_is_lacking_is_told_back_until_nothing_is(labelled: TaskFolder, do: Do) -> None:
    wanted = {"praise": 12, "question": 9}
    first = do("add", examples=[row for row in examples(9) if row["label"] == "praise"], settings={"per_label": wanted})
    assert first.figures["lacking"]["praise"] == 2 and first.next_step.arguments["settings"] == {"per_label": wanted}
    assert first.next_step.tool == "add_examples" and "praise 2" in first.message
    last = do("add", examples=examples(30, 960), settings={"per_label": wanted})
    assert last.figures["lacking"] == {} and last.next_step.tool == "prepare_data"
    with pytest.raises(DataError) as refused:
        do("add", examples=examples(1, 2000), settings={"per_label": {"anger": 3}})
    assert refused.value.field == "settings.per_label"


def test_each_refused_example_is_named_with_its_reason(labelled: TaskFolder, do: Do) -> None:
    real = current_snapshot(labelled).rows("train")[0]
    tested = frozen_benchmark(labelled).rows()[0]
    good = examples(1)[0]
    answer = do(
        "add",
        examples=[
            good,
            {"text": f"{good['text']}!", "label": good["label"]},
            {"text": real["text"], "label": "praise"},
            {"text": f"{tested['text']} ", "label": "praise"},
            {"text": "A wholly new one", "label": "anger"},
            {"text": "no label"},
            {"text": "x", "label": "praise"},
            {"text": "y" * 5000, "label": "praise"},
        ],
    )

    assert answer.figures["kept"] == 1
    assert [(one["example"], one["reason"]) for one in answer.refused] == [
        (2, "near_copy"),
        (3, "near_copy"),
        (4, "near_copy"),
        (5, "unknown_label"),
        (6, "without_label"),
        (7, "too_short"),
        (8, "too_long"),
    ]
    assert do("add", examples=[good]).figures["kept"] == 0  # said twice is kept once


def test_written_rows_only_train_are_marked_and_a_tenth_is_reviewed(
    labelled: TaskFolder, do: Do, job: RunningJob
) -> None:
    tested = current_snapshot(labelled).rows("test")
    do("add", by="claude", examples=examples(120))
    result = regenerate(labelled, job)

    snapshot = current_snapshot(labelled)
    written = [row for row in snapshot.rows("train") if row.get("synthetic")]
    assert len(written) > 100 and not any(
        row.get("synthetic") for name in ("valid", "test") for row in snapshot.rows(name)
    )
    assert snapshot.rows("test") == tested and written[0]["written"]["by"] == "claude"
    assert written[0]["source"] == "examples"
    raw = next(
        source
        for path in result["raw"]
        if (source := read_json(Path(path) / "source.json"))["source"]["type"] == "examples"
    )
    assert raw["count"] == 120
    [sheet] = map(Path, result["review"])
    rows = list(csv.DictReader(sheet.read_text("utf-8-sig").splitlines()))
    assert 4 <= len(rows) <= 30
    sheet.write_text(f"keep,id\nno,{rows[0]['id']}\n", encoding="utf-8")
    assert sum(regenerate(labelled, job)["counts"].values()) == sum(result["counts"].values()) - 1
    do("add", examples=examples(40, 3000))
    later = regenerate(labelled, job)
    asked = [
        row["id"] for path in later["review"] for row in csv.DictReader(Path(path).read_text("utf-8-sig").splitlines())
    ]
    assert not {rows[0]["id"]} & set(asked)  # nobody is asked about a row twice


def test_in_chinese_with_an_entity(workspace: Workspace, task: TaskFolder, job: RunningJob) -> None:
    from nlp_skills.resources.foundation.language import speaking

    rows = sentences(6, 100)
    with speaking("zh-TW"):
        answer = act(
            workspace,
            task,
            LabellingRequest("add", [*rows, {**rows[0], "text": "另一句完全不同的話在這裡", "entity": "不在文中"}]),
            start,
        )
    told = answer.message  # type: ignore[union-attr]
    assert "收下 6 列" in told and "還缺" in told
    assert answer.refused[0]["why"] == "對象沒有出現在文字裡"  # type: ignore[union-attr]
    result = regenerate(task, job)  # no other source is named, and none is needed
    assert (
        result["counts"]["train"] == 6
        and json.loads((task.data / "train.jsonl").read_text("utf-8").splitlines()[0])["synthetic"] is True
    )


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ([], "examples"),
        ([{"text": "a b c", "label": "praise"}] * 201, "examples"),
        ([{"id": "1", "label": "praise"}], "examples[0].id"),
    ],
)
def test_what_is_no_example_is_refused_whole(do: Do, given: list[Any], field: str) -> None:
    with pytest.raises(DataError) as refused:
        do("add", examples=given)
    assert refused.value.field == field
