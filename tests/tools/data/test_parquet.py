from __future__ import annotations

from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from nlp_skills.resources.data_source import Source
from nlp_skills.resources.errors import DataError
from nlp_skills.tools.data.sources import source_kind

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
