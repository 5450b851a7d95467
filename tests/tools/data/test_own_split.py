"""A split that the data itself names is kept; rare labels are tested; rows can be split by their time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_skills.resources.data_source import SplitPolicy
from nlp_skills.resources.foundation.errors import DataSourceError
from nlp_skills.resources.foundation.files import dump_jsonl, read_json, write_json, write_yaml
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.data.dates import First, first_of, moment_of
from nlp_skills.tools.data.group_columns import settling_column
from nlp_skills.tools.data.own_split import split_called, split_of_file
from nlp_skills.tools.data.rows import row_id
from nlp_skills.tools.data.snapshot import current_snapshot
from nlp_skills.tools.data.split import SPLITS, split_rows
from tests.tools.data.conftest import Rows, sentences

Prepare = Callable[..., dict[str, Any]]


def rows_by_split(task: TaskFolder) -> dict[str, set[str]]:
    snapshot = current_snapshot(task)
    return {name: {row["text"] for row in snapshot.rows(name)} for name in SPLITS}


def texts(rows: Rows) -> set[str]:
    return {row["text"] for row in rows}


def source(task: TaskFolder, rows: Rows, **settings: Any) -> None:
    (task.root / "news.jsonl").write_bytes(dump_jsonl(rows))
    write_yaml(task.data_source_file, {"sources": [{"type": "file", "path": "news.jsonl"}], **settings})


def rows_with_split(rows: Rows, *splits: str, column: str = "split") -> Rows:
    return [{**row, column: splits[at % len(splits)]} for at, row in enumerate(rows)]


@pytest.mark.parametrize(
    "column, names",
    [
        ("split", ("train", "valid", "test")),
        ("fold", ("train", "dev", "test")),
        ("Set", ("TRAIN", "VAL", "TEST")),
        ("Subset", ("training", "dev", "Testing")),
        ("切分", ("訓練", "驗證", "測試")),
    ],
)
def test_a_column_that_names_a_split_is_kept_to_the_row(
    task: TaskFolder, prepare: Prepare, column: str, names: tuple[str, ...]
) -> None:
    rows = rows_with_split(sentences(60), *names, column=column)
    source(task, rows)
    message = prepare()["message"]

    assert rows_by_split(task) == {name: texts(rows[at::3]) for at, name in enumerate(SPLITS)}
    assert "own split is kept" in message["en"] and "沿用資料本身的切分" in message["zh"]


def test_of_several_columns_of_usual_names_the_one_that_names_splits_counts(task: TaskFolder, prepare: Prepare) -> None:
    rows = [
        {**each, "subset": "zh-TW", "fold": str(at % 5)}
        for at, each in enumerate(rows_with_split(sentences(60), *SPLITS, column="set"))
    ]
    source(task, rows)
    prepare()
    assert rows_by_split(task) == {name: texts(rows[at::3]) for at, name in enumerate(SPLITS)}


def test_numbered_folds_name_no_split(task: TaskFolder, prepare: Prepare) -> None:
    source(task, rows_with_split(sentences(60), "0", "1", "2", "3", "4", column="fold"))
    assert "own split" not in prepare()["message"]["en"]


def test_a_split_that_is_not_named_is_dealt_from_its_train(task: TaskFolder, prepare: Prepare) -> None:
    rows = rows_with_split(sentences(80), "train", "train", "train", "test")
    source(task, rows)
    prepare()

    assert rows_by_split(task)["test"] == texts(rows[3::4]) and 5 <= len(rows_by_split(task)["valid"]) <= 15


@pytest.mark.parametrize("values", [("left", "right", "train"), ("train",), ("test",), ("A", "B")])
def test_a_column_of_another_meaning_is_no_split(task: TaskFolder, prepare: Prepare, values: tuple[str, ...]) -> None:
    source(task, rows_with_split(sentences(60), *values))
    result = prepare()

    assert abs(result["counts"]["test"] - 9) <= 2 and "own split" not in result["message"]["en"]


def test_two_sources_named_train_and_test_are_a_split(task: TaskFolder, prepare: Prepare) -> None:
    rows = sentences(60)
    (task.root / "train.jsonl").write_bytes(dump_jsonl(rows[:40]))
    (task.root / "test.jsonl").write_bytes(dump_jsonl(rows[40:]))
    write_yaml(
        task.data_source_file, {"sources": [{"type": "file", "path": f"{name}.jsonl"} for name in ("train", "test")]}
    )

    assert "not read" not in prepare()["message"]["en"]
    assert rows_by_split(task)["test"] == texts(rows[40:])


def test_a_test_file_beside_the_one_that_is_read_is_named(task: TaskFolder, prepare: Prepare) -> None:
    source(task, sentences(30))
    (task.root / "news.jsonl").rename(task.root / "train.jsonl")
    (task.root / "test.jsonl").write_bytes(dump_jsonl(sentences(9, 50)))
    write_yaml(task.data_source_file, {"sources": [{"type": "file", "path": "train.jsonl"}]})
    said = prepare()["message"]

    assert (
        all(part in said["en"] for part in ("test.jsonl", "train.jsonl", "not read"))
        and "旁邊有 test.jsonl" in said["zh"]
    )


def test_a_row_of_both_their_sides_is_tested_and_a_text_that_is_tested_is_not_learnt(
    task: TaskFolder, prepare: Prepare
) -> None:
    rows = rows_with_split(sentences(60), "train", "test")
    again = {**rows[1], "split": "train"}
    other = {**rows[3], "split": "train", "entity": "另一家"}
    source(task, [again, *rows, other])
    found = {one["code"]: one for one in prepare()["warnings"]}

    assert rows[1]["text"] in rows_by_split(task)["test"] and found["own_split_overlap"]["count"] == 1
    assert rows_by_split(task)["test"] == texts(rows[1::2]) and rows[3]["text"] not in rows_by_split(task)["train"]
    prepare()  # and the benchmark does not leak


def test_rows_of_an_earlier_snapshot_stay_until_the_person_wants_the_datas_own_split(
    task: TaskFolder, prepare: Prepare
) -> None:
    rows = rows_with_split(sentences(60), "train", "train", "test")
    source(task, rows, split={"own": False})
    prepare()
    before = rows_by_split(task)
    manifest = current_snapshot(task).root / "manifest.json"
    old = read_json(manifest)
    write_json(
        manifest, {**old, "split": {key: value for key, value in old["split"].items() if key not in ("own", "time")}}
    )
    source(task, rows)
    result = prepare()

    assert rows_by_split(task) == before
    assert "own_split_not_followed" in {found["code"] for found in result["warnings"]}
    source(task, rows, split={"own": True})
    prepare()
    assert texts(rows[2::3]) - before["test"] <= rows_by_split(task)["test"]


@pytest.mark.parametrize(
    "name, split",
    [
        ("train.csv", "train"),
        ("data/test-00000-of-00001.parquet", "test"),
        ("val_1.jsonl", "valid"),
        ("測試集.xlsx", "test"),
        ("訓練資料.csv", "train"),
        ("train_test.csv", None),
        ("latest.csv", None),
        ("trainer.csv", None),
        ("客訴.csv", None),
    ],
)
def test_a_files_name_may_say_its_split(name: str, split: str | None) -> None:
    assert split_of_file(name) == split


def test_only_the_name_of_a_split_is_one() -> None:
    assert [split_called(value) for value in ("Train ", "ｔｅｓｔ", "latest", 1, None)] == [
        "train",
        "test",
        None,
        None,
        None,
    ]


def row(text: str, label: str, **more: Any) -> dict[str, Any]:
    return {"id": row_id(text), "text": text, "label": label, **more}


@pytest.mark.parametrize("rows_each", [2, 3, 4, 5])
def test_rare_labels_beside_common_ones_are_all_tested(rows_each: int) -> None:
    rows = [row(f"常 {label} {at}", f"common {label}") for label in range(3) for at in range(100)]
    rows += [row(f"少 {label} {at}", f"rare {label}") for label in range(10) for at in range(rows_each)]
    splits = split_rows(rows, SplitPolicy())

    tested = Counter(each["label"] for each in splits["test"])
    assert all(tested[f"rare {label}"] for label in range(10))
    assert {f"rare {label}" for label in range(10)} <= {each["label"] for each in splits["train"]}
    assert all(abs(tested[f"common {label}"] - 15) <= 1 for label in range(3))


def test_of_rare_labels_alone_as_many_are_tested_as_the_share_has_rows_for() -> None:
    splits = split_rows([row(f"{label} {at}", f"c{label}") for label in range(100) for at in range(4)], SplitPolicy())

    assert len(splits["test"]) == len({each["label"] for each in splits["test"]}) == 60
    assert len({each["label"] for each in splits["train"]}) == 100


def dated_rows(count: int) -> Rows:
    return [row(f"第 {at} 則", "ab"[at % 2], date=f"2026-{1 + at // 28:02d}-{1 + at % 28:02d}") for at in range(count)]


def test_the_newest_rows_are_tested_and_none_of_their_time_is_learnt() -> None:
    splits = split_rows(dated_rows(200), SplitPolicy(time="date"))

    spans = {
        name: (min(each["date"] for each in rows), max(each["date"] for each in rows)) for name, rows in splits.items()
    }
    assert spans["train"][1] < spans["valid"][0] and spans["valid"][1] < spans["test"][0]
    assert [len(splits[name]) for name in SPLITS] == [140, 30, 30]


@given(st.integers(4, 80), st.integers(1, 40))
def test_what_comes_later_is_tested_and_no_row_moves(count: int, more: int) -> None:
    policy = SplitPolicy(time="date")
    first = split_rows(dated_rows(count), policy)
    previous = {each["id"]: name for name, rows in first.items() for each in rows}
    grown = split_rows(dated_rows(count + more), policy, previous)

    assert {each["id"]: name for name, rows in grown.items() for each in rows if each["id"] in previous} == previous
    assert {each["id"] for each in dated_rows(count + more)[count:]} <= {each["id"] for each in grown["test"]}


def test_rows_of_one_moment_stay_together_and_one_moment_is_no_split() -> None:
    rows = [row(f"第 {at} 則", "a", date=f"2026-01-0{1 + at // 25}") for at in range(100)]
    splits = split_rows(rows, SplitPolicy(time="date"))
    assert all(
        len({name for name in SPLITS for each in splits[name] if each["date"] == day}) == 1
        for day in {each["date"] for each in rows}
    )
    with pytest.raises(DataSourceError, match="1 different time"):
        split_rows(rows[:25], SplitPolicy(time="date"))
    with pytest.raises(DataSourceError, match="which no row has"):
        split_rows(rows, SplitPolicy(time="when"))


@pytest.mark.parametrize(
    "written, day",
    [
        ("2026/1/3 10:11", "2026-01-03"),
        ("115/1/3", "2026-01-03"),
        ("民國115年1月3日", "2026-01-03"),
        ("20260103", "2026-01-03"),
        ("2026-01-03T01:00:00+08:00", "2026-01-03"),
        ("1767400000", "2026-01-03"),
        ("2026年1月", "2026-01-01"),
        ("03/01/2026", None),
        ("3/1/26", None),
        ("soon", None),
        ("", None),
        ("2026-13-01", None),
    ],
)
def test_a_time_is_read_as_people_write_it_and_never_guessed(written: str, day: str | None) -> None:
    found = moment_of(written)
    assert (f"{found:%Y-%m-%d}" if found else None) == day


@pytest.mark.parametrize(
    "written, moment",
    [
        ("31.12.2026", "2026-12-31 00:00"),
        ("3. 1. 2026 14:30", "2026-01-03 14:30"),
        ("3 Jan 2026", "2026-01-03 00:00"),
        ("Jan 3, 2026 2:30 PM", "2026-01-03 14:30"),
        ("Sat, 03 Jan 2026 10:00:00 +0000", "2026-01-03 10:00"),
        ("2026/1/3 下午 02:30", "2026-01-03 14:30"),
        ("2026/1/3 上午 12:05:00", "2026-01-03 00:05"),
        ("13.13.2026", None),
        ("3 Brumaire 2026", None),
        ("9" * 5000, None),
    ],
)
def test_a_time_is_read_as_offices_and_mail_programs_write_it(written: str, moment: str | None) -> None:
    found = moment_of(written)
    assert (f"{found:%Y-%m-%d %H:%M}" if found else None) == moment


@pytest.mark.parametrize(
    "written, first",
    [
        (["03/04/2026", "31/12/2026"], "day"),
        (["03/04/2026", "12/31/2026"], "month"),
        (["03/04/2026", "05/06/2026"], None),
        (["31/12/2026", "12/31/2026"], None),
        (["03.04.2026"], "day"),
        (["03.04.2026", "04.13.2026"], "month"),
        (["03-04-2026", "25-04-2026", ""], "day"),
        (["2026-01-03"], None),
    ],
)
def test_what_stands_first_is_told_by_the_column_and_never_guessed(written: list[str], first: First | None) -> None:
    assert first_of(written) == first


def test_dates_that_may_be_read_in_two_ways_are_told_so() -> None:
    rows = [row(f"第 {at} 則", "a", date=f"0{1 + at % 9}/0{1 + at % 8}/2026") for at in range(60)]
    with pytest.raises(DataSourceError) as refused:
        split_rows(rows, SplitPolicy(time="date"))
    assert (
        "01/01/2026" in refused.value.fix.en
        and "year first" in refused.value.fix.en
        and "兩種讀法" in refused.value.fix.zh
    )
    splits = split_rows([*rows, row("最後", "b", date="30/12/2026")], SplitPolicy(time="date"))
    newest = [each["date"][3:5] + each["date"][:2] for each in splits["test"]]
    assert min(newest) >= max(each["date"][3:5] + each["date"][:2] for each in splits["train"])


def grouped_rows(settles: bool) -> Rows:
    return [
        {
            "text": f"第 {at} 則",
            "label": "abc"[(at // 4 if settles else at) % 3],
            "thread": f"t{at // 4}",
            "day": at % 7,
            "number": at,
        }
        for at in range(200)
    ]


def test_a_column_that_settles_the_label_is_found_and_no_other() -> None:
    columns = ["text", "label", "thread", "day", "number"]
    assert settling_column(grouped_rows(settles=True), columns, "label", {"text"}) == ("thread", 50)
    assert settling_column(grouped_rows(settles=False), columns, "label", {"text"}) is None
    encoded = [{**each, "thread": {"a": 0, "b": 1, "c": 2}[each["label"]]} for each in grouped_rows(settles=True)]
    assert settling_column(encoded, columns, "label", {"text"}) is None
    one_sided = [{**each, "label": "a"} for each in grouped_rows(settles=True)[:-4]] + grouped_rows(settles=True)[-4:]
    assert settling_column(one_sided, columns, "label", {"text"}) is None


def test_it_is_proposed_once_and_not_where_rows_are_grouped_already(task: TaskFolder, prepare: Prepare) -> None:
    with task.change() as changed:
        changed.type, changed.labels = "classification", []
    rows = [{**each, "text": f"{sentences(200)[at]['text']}"} for at, each in enumerate(grouped_rows(settles=True))]
    source(task, rows)
    proposed = prepare()
    assert "group_by: thread" in proposed["message"]["en"]
    source(task, rows, split={"group_by": "thread"})
    assert "group_column" not in {found["code"] for found in prepare()["warnings"]}
