from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.errors import DataError
from nlp_skills.resources.foundation.files import dump_jsonl, read_jsonl, write_yaml
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.data.benchmark import frozen_benchmark
from nlp_skills.tools.data.convert import render_snapshot
from nlp_skills.tools.data.prompting import task_prompt
from nlp_skills.tools.data.rows import row_id
from nlp_skills.tools.data.snapshot import Snapshot, current_snapshot, load_snapshot
from nlp_skills.tools.data.split import SPLITS
from tests.tools.data.conftest import Rows, current, sentences

Prepare = Callable[..., dict[str, Any]]


@pytest.fixture
def snapshot(task: TaskFolder, prepare: Prepare) -> Snapshot:
    """A prepared task's snapshot of 60 rows."""
    (task.root / "news.jsonl").write_bytes(dump_jsonl(sentences(60)))
    write_yaml(task.data_source_file, {"sources": [{"type": "file", "path": "news.jsonl"}]})
    prepare()
    return current_snapshot(task)


def split(task: TaskFolder, name: str) -> Rows:
    return list(read_jsonl(task.data / f"{name}.jsonl"))


def edit(task: TaskFolder, name: str, rows: Rows) -> None:
    (task.data / f"{name}.jsonl").write_bytes(dump_jsonl(rows))


def refusal(task: TaskFolder) -> DataError:
    with pytest.raises(DataError) as caught:
        current_snapshot(task)
    assert caught.value.problem.zh and caught.value.fix.zh and caught.value.field
    return caught.value


def test_without_data_the_next_step_is_named(task: TaskFolder) -> None:
    assert "set_data_source" in refusal(task).fix.en


def test_an_edit_by_hand_becomes_a_manual_child_of_what_was_edited(task: TaskFolder, snapshot: Snapshot) -> None:
    rows = split(task, "train")
    rows[0]["label"] = "中性" if rows[0]["label"] != "中性" else "正面"
    edit(task, "train", [*rows, {"text": "手寫的新句子", "entity": "新句子", "label": "負面"}])
    manual = current_snapshot(task)

    assert manual.manifest.kind == "manual" and manual.manifest.parent == snapshot.hash
    assert manual.counts["train"] == snapshot.counts["train"] + 1
    assert manual.validation.errors == []
    assert manual.manifest.raw == snapshot.manifest.raw
    assert current_snapshot(task).hash == manual.hash == current(task)
    assert row_id("手寫的新句子", "新句子") in {row["id"] for row in split(task, "train")}
    assert load_snapshot(task, snapshot.hash[:12]).rows("train") == snapshot.rows("train")


def test_undoing_the_edit_gives_the_first_snapshot_again(task: TaskFolder, snapshot: Snapshot) -> None:
    original = split(task, "train")
    edit(task, "train", original[1:])
    manual = current_snapshot(task)
    edit(task, "train", original)

    assert manual.hash != snapshot.hash
    assert current_snapshot(task).hash == snapshot.hash


def test_layout_and_order_are_no_change_of_the_data(task: TaskFolder, snapshot: Snapshot) -> None:
    lines = [json.dumps(row, ensure_ascii=True, indent=None) for row in reversed(split(task, "train"))]
    (task.data / "train.jsonl").write_bytes(b"\xef\xbb\xbf" + "\r\n\r\n".join(lines).encode())

    assert current_snapshot(task).hash == snapshot.hash
    assert split(task, "train") == snapshot.rows("train")


def test_a_changed_text_gets_a_new_identity(task: TaskFolder, snapshot: Snapshot) -> None:
    rows = split(task, "valid")
    old = rows[0]["id"]
    rows[0]["text"] += "（修訂）"
    edit(task, "valid", rows)

    ids = {row["id"] for row in current_snapshot(task).rows("valid")}
    assert old not in ids and row_id(rows[0]["text"], rows[0]["entity"]) in ids


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda rows, test: [{**rows[0], "label": "超正面"}, *rows[1:]], "unknown_label"),
        (lambda rows, test: [{**rows[0], "label": ""}, *rows[1:]], "missing_label"),
        (
            lambda rows, test: [{key: value for key, value in rows[0].items() if key != "entity"}, *rows[1:]],
            "missing_entity",
        ),
        (
            lambda rows, test: [*rows, {**rows[0], "label": "中性" if rows[0]["label"] != "中性" else "正面"}],
            "conflicting_labels",
        ),
        (lambda rows, test: [*rows, test[0]], "overlap"),
        (lambda rows, test: [*rows, {**test[0], "entity": "另一家"}], "benchmark_leak"),
        (lambda rows, test: [*rows, rows[0]], "duplicate"),
        (lambda rows, test: [], "empty_train"),
    ],
)
def test_a_bad_edit_stops_training_and_is_left_for_the_person(
    task: TaskFolder, snapshot: Snapshot, change: Callable[[Rows, Rows], Rows], code: str
) -> None:
    edit(task, "train", change(split(task, "train"), split(task, "test")))
    edited = (task.data / "train.jsonl").read_bytes()
    error = refusal(task)

    assert code in [found["code"] for found in error.details["errors"]]
    assert (task.data / "train.jsonl").read_bytes() == edited
    assert current(task) == snapshot.hash
    report = json.loads((task.data / "validation.json").read_text("utf-8"))
    assert code in [found["code"] for found in report["errors"]]


def test_the_row_that_is_wrong_is_named_with_its_line(task: TaskFolder, snapshot: Snapshot) -> None:
    rows = split(task, "train")
    edit(task, "train", [*rows[:7], {**rows[7], "label": "好"}, *rows[8:]])

    assert refusal(task).details["errors"][0]["examples"][0]["line"] == 8


@pytest.mark.parametrize(
    "line",
    [b'{"text": ', b"[1]", b'{"text": "\xff"}', b"5", b"x" * (9 << 20)],
    ids=["torn", "list", "bytes", "number", "huge"],
)
def test_a_line_that_cannot_be_read_is_named(task: TaskFolder, snapshot: Snapshot, line: bytes) -> None:
    with (task.data / "train.jsonl").open("ab") as file:
        file.write(line + b"\n")

    assert refusal(task).field == f"train.jsonl:{snapshot.counts['train'] + 1}"


def test_the_benchmark_is_guarded_by_the_groups_of_its_split(task: TaskFolder, prepare: Prepare) -> None:
    (task.root / "news.jsonl").write_bytes(
        dump_jsonl(
            [
                {**row, "entity": row["entity"], "text": row["text"].replace("本季", f"在{chr(0x7532 + number)}地本季")}
                for number, row in enumerate(sentences(60))
            ]
        )
    )
    write_yaml(
        task.data_source_file, {"sources": [{"type": "file", "path": "news.jsonl"}], "split": {"group_by": "skeleton"}}
    )
    prepare()
    row = split(task, "test")[0]
    pattern = {**row, "text": row["text"].replace(row["entity"], "公司甲3"), "entity": "公司甲3"}
    edit(task, "train", [*split(task, "train"), pattern])

    assert "benchmark_leak" in [found["code"] for found in refusal(task).details["errors"]]


def test_regenerating_never_replaces_an_edit_silently(task: TaskFolder, snapshot: Snapshot, prepare: Prepare) -> None:
    edit(task, "train", split(task, "train")[1:])
    for committed in (False, True):  # seen by training already, or not
        if committed:
            current_snapshot(task)
        edited = (task.data / "train.jsonl").read_bytes()
        with pytest.raises(DataError) as caught:
            prepare()
        assert caught.value.field == "replace_manual_edits"
        assert (task.data / "train.jsonl").read_bytes() == edited

    result = prepare(replace_manual_edits=True)
    assert result["snapshot"] == snapshot.hash
    assert (Path(result["replaced_edits"]) / "train.jsonl").read_bytes() == edited


def test_a_deleted_working_copy_comes_back(task: TaskFolder, snapshot: Snapshot) -> None:
    (task.data / "valid.jsonl").unlink()

    assert current_snapshot(task).hash == snapshot.hash
    assert split(task, "valid") == snapshot.rows("valid")


def test_files_a_person_brought_along_become_the_first_snapshot(task: TaskFolder) -> None:
    task.data.mkdir()
    rows = sentences(30)
    for name, part in zip(SPLITS, (rows[:20], rows[20:25], rows[25:]), strict=True):
        edit(task, name, [{key: row[key] for key in ("text", "entity", "label")} for row in part])
    first = current_snapshot(task)

    assert first.manifest.kind == "manual" and first.manifest.parent is None
    assert frozen_benchmark(task).count == 5


def test_a_label_taken_from_the_task_is_noticed_before_training(task: TaskFolder, snapshot: Snapshot) -> None:
    with task.change() as changed:
        changed.labels = ["正面", "負面"]
    assert refusal(task).field == "label"
    with task.change() as changed:
        changed.labels = ["正面", "中性", "負面", "未知"]
    again = current_snapshot(task)

    assert again.hash == snapshot.hash
    assert "label_without_rows" in [found.code for found in again.validation.warnings]


def test_a_snapshot_without_its_validation_does_not_count(task: TaskFolder, snapshot: Snapshot) -> None:
    (snapshot.root / "validation.json").unlink()

    assert "validation" in refusal(task).problem.en


def test_tampering_with_a_snapshot_or_a_benchmark_is_noticed(task: TaskFolder, snapshot: Snapshot) -> None:
    benchmark = frozen_benchmark(task).path / "rows.jsonl"
    benchmark.write_bytes(benchmark.read_bytes().replace("正面".encode(), "負面".encode(), 1))
    with pytest.raises(DataError):
        frozen_benchmark(task)
    snapshot.file("train").write_bytes(b"")
    with pytest.raises(DataError):
        load_snapshot(task, snapshot.hash)


def test_an_unknown_snapshot_or_benchmark_is_told(task: TaskFolder, snapshot: Snapshot) -> None:
    for digest in ("", "../..", "0" * 64):
        with pytest.raises(DataError):
            load_snapshot(task, digest)
    with pytest.raises(DataError) as caught:
        frozen_benchmark(task, "holdout")
    assert "main" in caught.value.fix.en


def test_rows_are_rendered_once_for_each_prompt(task: TaskFolder, snapshot: Snapshot) -> None:
    definition = task.load()
    place = render_snapshot(task, snapshot, task_prompt(definition), definition.labels)
    rows = list(read_jsonl(place / "train.jsonl"))

    assert len(rows) == snapshot.counts["train"]
    assert set(rows[0]) == {"id", "prompt", "completion"}
    assert [message["role"] for message in rows[0]["prompt"]] == ["system", "user"]
    assert rows[0]["completion"] == [{"role": "assistant", "content": snapshot.rows("train")[0]["label"]}]
    assert render_snapshot(task, snapshot, task_prompt(definition), definition.labels) == place
    assert render_snapshot(task, snapshot, task_prompt(definition), definition.labels[::-1]) != place
