"""Rows handled in columns are those that the definition makes one by one, to the byte."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_skills.resources.data_source import DataSource, SplitPolicy
from nlp_skills.resources.foundation.files import dump_jsonl, write_yaml
from nlp_skills.resources.task import Task, TaskFolder
from nlp_skills.tools.compute.jobs.running import RunningJob
from nlp_skills.tools.data import columnar, preparing
from nlp_skills.tools.data.columnar import ColumnRows, SourceRecords, by_columns, without_duplicates
from nlp_skills.tools.data.columnar_split import split_columns
from nlp_skills.tools.data.deduplicate import Deduplicated, deduplicate
from nlp_skills.tools.data.fetch import fetch
from nlp_skills.tools.data.mapping import Conversion, find_columns
from nlp_skills.tools.data.regenerate import regenerate
from nlp_skills.tools.data.rows import Row
from nlp_skills.tools.data.sources.file import FileSource
from nlp_skills.tools.data.split import SPLITS, split_rows

pytestmark = pytest.mark.worker

LABELS = ["正面", "中性", "Neutral"]
IDENTITY = ["text", "entity"]
_TEXTS = (
    st.sampled_from(
        ["營收 成長５％", "營收  成長5％", " 營收\u3000成長5%", "平", "平\0", "ﾃｽﾄ", "テスト", "e\u0301", "é", "", " "]
    )
    | st.text('ab 0，。（）５「營か\u3099\u0301ﬁ豈😀\u2028\t\n\x1f\x85\xa0\0"\\/')
    | st.text()
)
_GIVEN_LABELS = st.sampled_from([*LABELS, *LABELS, "1", "ＮＥＵＴＲＡＬ ", " 正面", "neutral", "新的", "", "\0"])
_OTHER = st.none() | st.integers() | st.sampled_from(["x", "\ud800", ["正面"], {"a": 1.5}])
_RECORDS = st.lists(
    st.fixed_dictionaries(
        {"內容": _TEXTS | st.none(), "label": _GIVEN_LABELS | st.none()},
        optional={"entity": st.sampled_from(["台積電", "TSMC", "ＴＳＭＣ", "か\u3099"]) | _TEXTS, "more": _OTHER},
    ),
    max_size=14,
)


@pytest.fixture(autouse=True, scope="module")
def _from_the_first_row() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columnar, "MANY", 1)
        yield


@given(
    st.sampled_from(["classification", "entity-classification"]),
    st.lists(_RECORDS, min_size=1, max_size=2),
    st.booleans(),
    st.sampled_from([LABELS, []]),
)
def test_records_become_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, kind: str, given_sources: list[list[Row]], about: bool, labels: list[str]
) -> None:
    records = [
        [
            {"內容": "甲", "label": "正面", **({"entity": "乙"} if about else {})},
            *(
                record if about else {key: value for key, value in record.items() if key != "entity"}
                for record in source
            ),
        ]
        for source in given_sources
    ]
    if kind == "entity-classification" and not about:
        return
    task = Task.model_validate({"name": "t", "type": kind, "labels": labels})
    sources = fetch_records(tmp_path_factory.mktemp("task"), task, records)
    if (found := by_columns(task, DataSource(), sources)) is None:
        return
    rows, counts = found
    expected = define_conversion(task, sources)
    assert dump_jsonl(rows) == dump_jsonl(expected.rows)
    assert list(rows) == [rows[place] for place in range(len(rows))] == expected.rows
    assert (counts.left_out, counts.respelled) == (expected.left_out, expected.respelled)
    assert [_plain(omitted) for omitted in counts.omitted] == [_plain(omitted) for omitted in expected.omitted]
    assert_same(without_duplicates(rows), deduplicate(expected.rows, IDENTITY))


def _plain(omitted: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    return {reason: list(records) for reason, records in omitted.items()}


def assert_same(found: Deduplicated, expected: Deduplicated) -> None:
    assert dump_jsonl(found.rows) == dump_jsonl(expected.rows)
    assert (found.removed, found.conflicts) == (expected.removed, expected.conflicts)
    assert list(found.later) == list(expected.later)


_SHARES = st.sampled_from(
    [(0.7, 0.15, 0.15), (0.8, 0.0, 0.2), (0.98, 0.01, 0.01), (0.34, 0.33, 0.33), (0.7, 0.1495, 0.15)]
)
_PLACED = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from(["甲", "乙", "丙"]), st.sampled_from(LABELS)), min_size=1, max_size=40
)


@given(
    _PLACED,
    st.sampled_from([1, 1, 5, 20]),
    _SHARES,
    st.integers(0, 5),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["new", "grown", "grown and frozen"]),
)
def test_rows_are_split_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    placed: list[tuple[int, str, str]],
    times: int,
    shares: tuple[float, float, float],
    seed: int,
    stratify: bool,
    about: bool,
    when: str,
) -> None:
    records = [
        {"內容": f"第 {number} 句か{turn}", "label": label, **({"entity": entity} if about else {})}
        for turn in range(times)
        for number, entity, label in placed
    ]
    task = Task(name="t", type="entity-classification" if about else "classification", labels=LABELS)
    sources = fetch_records(tmp_path_factory.mktemp("task"), task, [records])
    policy = SplitPolicy(train=shares[0], valid=shares[1], test=shares[2], seed=seed, stratify=stratify)
    rows, _ = by_columns(task, DataSource(), sources) or pytest.fail("plain records")
    distinct = without_duplicates(rows).rows
    first = split_rows(list(distinct), policy)
    previous = {} if when == "new" else {row["id"]: name for name, members in first.items() for row in members[::2]}
    held_out = [*distinct][:3] if when == "grown and frozen" else []
    expected = split_rows(list(distinct), policy, previous, held_out)
    assert isinstance(distinct, ColumnRows)
    found = split_columns(distinct, policy, previous, held_out)
    if found is None:  # few rows: a split would have got nothing
        assert len(distinct) < 200
        return
    assert {name: dump_jsonl(found[name]) for name in SPLITS} == {name: dump_jsonl(expected[name]) for name in SPLITS}


def test_a_job_writes_the_same_snapshots_either_way(
    tmp_path: Path, job: RunningJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    records: list[Row] = [
        {"text": f"第 {number} 則：{words}か", "entity": f"公司{number % 7}", "label": LABELS[number % 3], "n": number}
        for number in range(150)
        for words in ("營收％", "成長 ５")
    ]
    used: list[bool] = []

    def read_snapshot(*given: Any) -> Any:
        found = by_columns(*given)
        used.append(found is not None)
        return found

    def prepare_rows(way: str, many: int) -> list[dict[str, Any]]:
        monkeypatch.setattr(columnar, "MANY", many)
        task = make_task(tmp_path / way, Task(name="t", type="entity-classification", labels=LABELS))
        write_yaml(task.data_source_file, {"sources": [{"type": "file", "path": "rows.jsonl"}]})
        results = []
        for count in (200, 300):
            write(task.root / "rows.jsonl", records[:count])
            results.append(regenerate(task, job))
        return [
            {
                name: result[name]
                for name in ("snapshot", "counts", "duplicates_removed", "warnings", "changes")
                if name in result
            }
            for result in results
        ]

    monkeypatch.setattr(preparing, "by_columns", read_snapshot)
    assert prepare_rows("columns", 1) == prepare_rows("rows", sys.maxsize)
    assert used == [True, True, False, False]


@pytest.mark.parametrize(
    "records, settings",
    [
        ([{"text": "甲", "label": 1}], {}),
        ([{"text": "甲", "label": "正面", "entity": ""}], {}),
        ([{"text": "\ud800", "label": "正面"}], {}),
        ([{"text": "甲", "label": "正面"}], {"deduplicate_on": ["text"]}),
        ([{"text": "甲", "label": "正面"}], {"split": {"group_by": "skeleton"}}),
        ([{"text": "甲", "label": "正面"}], {"sources": [{"synthetic": True}]}),
        ([{"text": "甲", "label": "正面"}], {"sources": [{"unlabelled": True}]}),
        ([{"text": "甲", "label": "正面", "at": "2026"}], {"sources": [{"mapping": {"date": "at"}}]}),
    ],
)
def test_what_is_not_plain_is_left_to_the_definition(
    tmp_path: Path, records: list[Row], settings: dict[str, Any]
) -> None:
    task = Task(name="t", type="classification", labels=LABELS)
    more = (settings.pop("sources", None) or [{}])[0]
    assert by_columns(task, DataSource(**settings), fetch_records(tmp_path, task, [records], **more)) is None


def test_a_raw_snapshot_says_which_columns_hold_nothing_but_text(tmp_path: Path) -> None:
    task = Task(name="t", type="classification", labels=LABELS)
    [source] = fetch_records(
        tmp_path,
        task,
        [
            [
                {"text": "甲", "label": "正面", "note": None, "n": 1, "x": "\ud800"},
                {"text": None, "label": ["正面"], "late": "乙"},
            ]
        ],
    )
    assert source.raw.texts == ("text", "note", "late")


def test_few_rows_and_rows_without_polars_are_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = Task(name="t", type="classification", labels=LABELS)
    sources = fetch_records(tmp_path, task, [[{"text": "甲", "label": "正面"}]])
    assert by_columns(task, DataSource(), sources)
    monkeypatch.setattr(columnar, "MANY", 2)
    assert by_columns(task, DataSource(), sources) is None
    monkeypatch.setattr(columnar, "MANY", 1)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert by_columns(task, DataSource(), sources) is None


def make_task(root: Path, task: Task) -> TaskFolder:
    folder = TaskFolder(root)
    root.mkdir(parents=True, exist_ok=True)
    write_yaml(folder.file, task.model_dump(mode="json", exclude_none=True))
    return folder


def write(path: Path, records: Sequence[Row]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def fetch_records(
    root: Path, task: Task, given_sources: Sequence[Sequence[Row]], **settings: Any
) -> list[SourceRecords]:
    """The records as they are after they were fetched, each list of them from a file of its own."""
    folder, sources = make_task(root, task), []
    for number, records in enumerate(given_sources):
        write(root / f"{number}.jsonl", records)
        mapping = {"text": "內容"} if "內容" in records[0] else {}
        source = FileSource.model_validate(
            {"type": "file", "path": f"{number}.jsonl", "mapping": mapping, "label_values": {"1": "正面"}, **settings}
        )
        raw = fetch(folder, source, number)
        sources.append(SourceRecords(source, raw, find_columns(raw.columns, source, task), f"file-{number}"))
    return sources


def define_conversion(task: Task, sources: Sequence[SourceRecords]) -> Conversion:
    conversion = Conversion(task, frozenset(IDENTITY))
    for source in sources:
        conversion.add(source.raw.records(), source.columns, source.kind, source.name, source.raw.hash[:12])
    return conversion
