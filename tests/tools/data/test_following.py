"""The frozen benchmark where the task's labels change, and where the source says something else than it did."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from nlp_skills.resources.benchmark import BenchmarkChange
from nlp_skills.resources.foundation.errors import DataError
from nlp_skills.resources.foundation.files import read_json, write_json, write_yaml
from nlp_skills.resources.snapshot import BenchmarkName
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.data import benchmark as frozen
from nlp_skills.tools.data.benchmark import benchmark_names, form_measured, frozen_benchmark, name_in_use
from nlp_skills.tools.data.snapshot import current_snapshot
from tests.tools.data.conftest import Rows, sentences
from tests.tools.data.test_regenerate import refusal, source

Prepare = Callable[..., dict[str, Any]]
WHY = "一週內的新聞才留著"


def relabel(task: TaskFolder, labels: list[str]) -> None:
    with task.change() as changed:
        changed.labels = labels


def on_the_benchmark(task: TaskFolder) -> dict[str, str]:
    return {row["text"]: row["label"] for row in frozen_benchmark(task).rows()}


def answered_otherwise(rows: Rows, texts: list[str]) -> Rows:
    return [
        {**row, "label": "中性" if row["label"] != "中性" else "正面"} if row["text"] in texts else row for row in rows
    ]


def test_the_form_before_can_still_be_looked_up(task: TaskFolder, prepare: Prepare) -> None:
    source(task, sentences(90))
    prepare()
    before, texts = frozen_benchmark(task), on_the_benchmark(task)
    relabel(task, ["正面", "中性", "反對"])
    source(task, sentences(90), source={"label_values": {"負面": "反對"}})
    result = prepare()

    after = frozen_benchmark(task)
    assert (
        after.hash != before.hash
        and after.snapshot == result["snapshot"]
        and result["benchmark"]["hash"] == after.hash[:12]
    )
    [change] = after.changes
    assert change.before == before.hash and change.labels == {"負面": ["反對"]} and change.by and change.at
    earlier = form_measured(task, before.reference())
    assert earlier and earlier.name == "main" and {row["text"]: row["label"] for row in earlier.rows()} == texts
    assert form_measured(task, BenchmarkName(name="main", hash="0" * 64)) is None
    assert current_snapshot(task).manifest.benchmark == after.reference()
    assert prepare()["unchanged"] and frozen_benchmark(task).changes == after.changes


def test_a_label_renamed_and_back_again_is_the_benchmark_as_it_was(task: TaskFolder, prepare: Prepare) -> None:
    source(task, sentences(90))
    prepare()
    first = frozen_benchmark(task).hash
    for labels, meaning in ((["正面", "中性", "反對"], {"負面": "反對"}), (["正面", "中性", "負面"], {})):
        relabel(task, labels)
        source(task, sentences(90), source={"label_values": meaning})
        prepare()
    assert frozen_benchmark(task).hash == first and len(frozen_benchmark(task).changes) == 2


def test_a_row_that_is_gone_is_called_as_the_others_of_its_label(task: TaskFolder, prepare: Prepare) -> None:
    source(task, sentences(90))
    prepare()
    gone = next(text for text, label in on_the_benchmark(task).items() if label == "負面")
    relabel(task, ["正面", "中性", "反對"])
    source(task, [row for row in sentences(90) if row["text"] != gone], source={"label_values": {"負面": "反對"}})
    prepare()
    assert on_the_benchmark(task)[gone] == "反對"


def test_a_change_of_form_that_was_killed_is_as_before_or_done(
    task: TaskFolder, prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    source(task, sentences(90))
    prepare()
    before = frozen_benchmark(task)
    rows = [{**row, "label": "反對"} for row in before.rows()]

    class Killed(BaseException):
        pass

    def kill_process(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(frozen, "write_atomic", kill_process)  # what comes after the record of what is to be
        with pytest.raises(Killed):
            frozen.change_form(before, rows, "s" * 64, BenchmarkChange(labels={}))
    assert frozen_benchmark(task) == before
    with monkeypatch.context() as patch:
        patch.setattr(
            os,
            "replace",
            lambda one, other, real=os.replace: kill_process() if str(one).endswith("next.json") else real(one, other),
        )
        with pytest.raises(Killed):
            frozen.change_form(before, rows, "s" * 64, BenchmarkChange(labels={}))
    after = frozen_benchmark(task)
    assert [row["label"] for row in after.rows()] == ["反對"] * before.count and after.changes[0].before == before.hash


def test_rows_that_are_gone_are_said_and_stop_nothing(task: TaskFolder, prepare: Prepare) -> None:
    source(task, sentences(90))
    prepare()
    gone = list(on_the_benchmark(task))[:2]
    source(task, [row for row in sentences(90) if row["text"] not in gone])
    result = prepare()

    assert "2" in result["message"]["zh"] and "new_benchmark" in result["message"]["zh"]
    found = next(found for found in result["warnings"] if found["code"] == "benchmark_changed")
    listed = (task.root / found["file"]).read_text("utf-8-sig")
    assert found["gone"] == 2 and all(text in listed for text in gone)
    kept = prepare(accept={"benchmark_changed": WHY})
    assert kept["accepted"][0]["decision"]["reason"] == WHY and "new_benchmark" not in kept["message"]["zh"]
    assert "new_benchmark" not in prepare()["message"]["zh"], "it was decided"
    assert benchmark_names(task) == ["main"] and set(gone) <= set(on_the_benchmark(task))


def test_other_answers_stop_until_a_person_chose_to_keep(task: TaskFolder, prepare: Prepare) -> None:
    source(task, sentences(90))
    prepare()
    before, changed = on_the_benchmark(task), list(on_the_benchmark(task))[:3]
    source(task, answered_otherwise(sentences(90), changed))
    error = refusal(prepare)
    assert error.field == "accept" and "3" in error.problem.en and "new_benchmark" in error.problem.en
    result = prepare(accept={"benchmark_changed": WHY})
    assert on_the_benchmark(task) == before and result["accepted"][0]["changed"] == 3
    assert current_snapshot(task).summary().accepted[0].reason == WHY


def test_a_new_benchmark_stands_beside_the_old_one_and_is_used(task: TaskFolder, prepare: Prepare) -> None:
    source(task, sentences(90))
    prepare()
    before, changed = on_the_benchmark(task), list(on_the_benchmark(task))[:3]
    rows = answered_otherwise(sentences(90), changed)
    source(task, rows)
    result = prepare(accept={"new_benchmark": WHY})

    assert benchmark_names(task) == ["main", "main-2"] and name_in_use(task) == "main-2"
    record = read_json(task.benchmarks / "main-2" / "benchmark.json")
    assert record["replaces"] == "main" and record["reason"] == WHY and record["by"]
    new = {row["text"]: row["label"] for row in rows}
    assert on_the_benchmark(task) == {text: new[text] for text in before} and result["benchmark"]["name"] == "main-2"
    assert {row["text"]: row["label"] for row in frozen_benchmark(task, "main").rows()} == before
    assert prepare(accept={"new_benchmark": WHY})["unchanged"] and len(benchmark_names(task)) == 2, (
        "it is these rows already"
    )
    source(task, answered_otherwise(rows, list(before)[5:7]))
    assert "2" in refusal(prepare).problem.en, "what was decided on the old one does not hold for the new one"


def test_answers_changed_by_hand_in_the_test_split_are_asked_about_too(task: TaskFolder, prepare: Prepare) -> None:
    source(task, sentences(90))
    prepare()
    file = task.data / "test.jsonl"
    file.write_text(file.read_text("utf-8").replace('"label": "負面"', '"label": "中性"', 1), "utf-8")
    with pytest.raises(DataError) as caught:
        current_snapshot(task)
    assert "benchmark_changed" in caught.value.problem.en
    prepare(accept={"new_benchmark": WHY})
    assert name_in_use(task) == "main-2"


def test_what_a_source_did_not_give_is_not_taken_for_gone(task: TaskFolder, prepare: Prepare) -> None:
    rows = sentences(90)
    source(task, rows)
    prepare()
    source(task, rows[:60])
    write_yaml(
        task.data_source_file, {"sources": [{"type": "file", "path": name} for name in ("news.jsonl", "more.json")]}
    )
    result = prepare(only=0)  # the other was never fetched
    assert not any(found["code"] == "benchmark_changed" for found in result["warnings"])


def test_replacing_in_a_circle_is_no_way_without_end(task: TaskFolder, prepare: Prepare) -> None:
    source(task, sentences(90))
    prepare()
    for name, other in (("main", "main-2"), ("main-2", "main")):
        file = task.benchmarks / name / "benchmark.json"
        if not file.is_file():
            frozen.freeze(task, frozen_benchmark(task, "main").rows(), name=name)
        write_json(file, {**read_json(file), "replaces": other})
    assert name_in_use(task) in ("main", "main-2")
