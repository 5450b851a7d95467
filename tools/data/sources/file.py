"""Rows from a file on this machine."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

from pydantic import Field

from ....resources.errors import DataError, DataSourceError
from ....resources.language import Text
from ..encoding import check_encoding, detect_encoding
from ..reading import delimited_records, json_records, jsonl_records, parquet_records
from ..watching import Watch
from . import Record, SourceKind

FileFormat = Literal["csv", "tsv", "json", "jsonl", "parquet"]
_SUFFIXES: dict[str, FileFormat] = {
    ".csv": "csv", ".txt": "csv", ".tsv": "tsv", ".tab": "tsv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".parquet": "parquet", ".pq": "parquet",
}
_BATCH = 1000


class FileSource(SourceKind):
    """A CSV, TSV, JSON, JSONL or Parquet file.

    The encoding is recognised (UTF-8 with or without BOM, UTF-16 with BOM, Big5/cp950) unless it is named.
    """

    path: str = Field(min_length=1, description="Absolute, below ~, or relative to the task's folder.")
    format: FileFormat | None = Field(None, description="Taken from the file's ending where it is left out.")
    encoding: str | None = Field(None, description="Recognised where it is left out.")
    delimiter: str | None = Field(None, min_length=1, max_length=1, description="Of a CSV; recognised otherwise.")

    def batches(self, folder: Path, field: str, watch: Watch | None = None) -> Generator[list[Record], None, None]:
        records = self._records(self._checked_path(folder, field), field)
        while batch := list(islice(records, _BATCH)):
            yield batch

    def origin(self, folder: Path) -> str:
        return str(self._located(folder))

    def _located(self, folder: Path) -> Path:
        return (folder / Path(self.path).expanduser()).resolve()

    def _checked_path(self, folder: Path, field: str) -> Path:
        path = self._located(folder)
        if not path.is_file():
            raise DataSourceError(
                Text(f"There is no file {path}.", f"找不到檔案 {path}。"),
                Text("Give its absolute path.", "請給檔案的絕對路徑。") if not path.is_dir() else
                Text("That is a folder: name one file in it.", "這是資料夾，請指定其中一個檔案。"),
                field=f"{field}.path",
            )
        if not path.stat().st_size:
            raise DataError(Text(f"{path} is empty.", f"{path} 是空檔案。"),
                            Text("Export the data again.", "請重新匯出資料。"), field=f"{field}.path")
        return path

    def _records(self, path: Path, field: str) -> Iterator[Record]:
        kind = self.format or _SUFFIXES.get(path.suffix.lower())
        if kind is None:
            raise DataSourceError(
                Text(f"The ending of {path.name} does not say its format.", f"從副檔名看不出 {path.name} 的格式。"),
                Text("Add format: csv, tsv, json, jsonl or parquet. (Excel: save as 'CSV UTF-8'.)",
                     "請加上 format：csv、tsv、json、jsonl 或 parquet（Excel 請另存成「CSV UTF-8」）。"),
                field=f"{field}.format",
            )
        if kind == "parquet":
            return parquet_records(path, field)
        encoding = check_encoding(path, self.encoding, field) if self.encoding else detect_encoding(path, field)
        if kind == "json":
            return json_records(path, encoding, field)
        if kind == "jsonl":
            return jsonl_records(path, encoding, field)
        return delimited_records(path, encoding, self.delimiter or ("\t" if kind == "tsv" else None), field)
