from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from nlp_skills.resources.data_source import Source
from nlp_skills.resources.foundation.errors import DataError
from nlp_skills.tools.data import parquet
from nlp_skills.tools.data.parquet import parquet_records
from nlp_skills.tools.data.source import source_kind

pytestmark = pytest.mark.worker
ROWS = [{"text": f"第{number}則新聞", "label": "中性"} for number in range(2500)]


def test_parquet_is_read_batch_by_batch(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    source = source_kind(Source.model_validate({"type": "file", "path": "a.parquet"}), 0)
    batches = list(source.batches(tmp_path, "sources[0]"))

    assert [record for batch in batches for record in batch] == ROWS
    assert max(map(len, batches)) <= 1000


def test_a_file_that_is_not_parquet_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("not parquet", encoding="utf-8")
    source = source_kind(Source.model_validate({"type": "file", "path": "a.parquet"}), 0)
    with pytest.raises(DataError) as caught:
        list(source.batches(tmp_path, "sources[0]"))

    assert "Parquet" in caught.value.problem.en and caught.value.field == "sources[0].path"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zstd", "use_dictionary": False},
        {"data_page_version": "2.0"},
        {"write_page_index": True, "row_group_size": 300},
    ],
)
def test_each_way_of_writing_parquet_is_read_whole(tmp_path: Path, options: dict[str, Any]) -> None:
    table = pyarrow.Table.from_pylist(
        [{"text": f"第 {number} 封信" * (number % 40), "inner": [{"a": number}]} for number in range(1000)]
    )
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet", **options)
    assert list(parquet_records(tmp_path / "a.parquet", "sources[0]")) == table.to_pylist()


def test_a_page_that_says_it_unpacks_to_more_than_can_be_held_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([{"text": "a" * (4 << 20)}]), tmp_path / "a.parquet")
    monkeypatch.setattr(parquet, "_LARGEST_PAGE", 1 << 20)
    with pytest.raises(DataError) as refused:
        next(parquet_records(tmp_path / "a.parquet", "sources[0]"))
    assert all(size in refused.value.problem.en for size in ("4 MB", "1 MB"))


def test_a_damaged_parquet_file_is_told_without_the_words_of_the_library(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS[:300]), path)
    whole = path.read_bytes()
    for place in range(4, len(whole), 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            list(parquet_records(path, "sources[0]"))
        except DataError as error:
            assert "cannot be read as Parquet" in error.problem.en or "unpacks to" in error.problem.en
