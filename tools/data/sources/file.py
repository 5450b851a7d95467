"""Rows from files on this machine."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

from pydantic import Field

from ....resources.foundation.access import Need
from ....resources.foundation.errors import DataError, DataSourceError
from ....resources.foundation.language import Text
from ....resources.paths import expand_home, is_on_premise, is_protected, readable, unmet_need
from ....resources.task import TaskFolder
from ..compression import unpacked_name
from ..delimited import delimited_records
from ..encoding import check_encoding, detect_encoding, encoding_title
from ..excel import excel_records
from ..file_patterns import WILD, files_below, files_like
from ..parquet import parquet_records
from ..places import Places
from ..reading import json_records, jsonl_records
from ..source import Record, SourceKind
from ..watching import Watch

FileFormat = Literal["csv", "tsv", "json", "jsonl", "parquet", "xlsx"]
_SUFFIXES: dict[str, FileFormat] = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
}
_READ_SUFFIXES = (*_SUFFIXES, ".gz", ".zst")
_WHOLE = ("parquet", "xlsx")  # packed already, read from their end
_BATCH = 1000


class FileSource(SourceKind):
    """A CSV, TSV, JSON, JSONL, Excel (.xlsx) or Parquet file; or all of them in a folder or under a pattern.

    Text files may be packed (.gz, .zst). The encoding is recognised (UTF-8, UTF-16, Big5, GBK, Shift JIS, EUC-KR, those of
    Windows) unless it is named; in doubt the person is asked. Rows of several files say in `file` which one they come from.
    """

    path: str = Field(
        min_length=1,
        description="A file, a folder or a pattern (data/*.csv.gz): absolute, below ~, or from the task's folder.",
    )
    format: FileFormat | None = Field(None, description="Taken from the file's ending if left out.")
    encoding: str | None = Field(None, description="Recognised if left out.")
    delimiter: str | None = Field(None, min_length=1, max_length=1, description="Of a CSV; recognised otherwise.")
    sheet: str | None = Field(None, description="Of an Excel file; the first that holds anything if left out.")
    header: int | None = Field(
        None,
        ge=0,
        le=1000,
        description="The row that names the columns, counted from 1; 0: none does. Recognised otherwise.",
    )
    quotes: bool | None = Field(None, description="Whether cells of a CSV may be quoted. Recognised otherwise.")

    def batches(self, folder: Path, field: str, watch: Watch | None = None) -> Generator[list[Record], None, None]:
        yield from self.read(*self._files(folder, field), folder, field, watch)

    def read(
        self, files: list[Path], several: bool, folder: Path, field: str, watch: Watch | None = None
    ) -> Generator[list[Record], None, None]:
        """The records of files that may be read, in batches; `several`: a folder or a pattern named them."""
        watch = watch or Watch()
        if several:
            watch.provenance["files"] = len(files)
        top, places = self._locate_file(folder), watch.places
        for file in files:
            name = str(file.relative_to(top)) if top.is_dir() else file.name
            places.begin(file=name) if several else places.begin()
            records = self._records(_check_path(file, field), folder, field, watch)
            if several:
                records = ({"file": name, **record} for record in records)
            while batch := list(islice(records, _BATCH)):
                yield batch

    def origin(self, folder: Path) -> str:
        return str(self._locate_file(folder))

    def needs(self, folder: Path, field: str) -> list[Need]:
        need = unmet_need(self._locate_file(folder), f"{field}.path", task=folder, suffixes=_READ_SUFFIXES)
        return [need] if need else []

    def _locate_file(self, folder: Path) -> Path:
        return (folder / expand_home(self.path)).absolute()

    def _files(self, folder: Path, field: str) -> tuple[list[Path], bool]:
        """The files meant, in the order of their names; whether a folder or a pattern was given."""
        path = self._locate_file(folder)
        readable(path, f"{field}.path", task=folder, suffixes=_READ_SUFFIXES)
        if path.is_file():
            return [path], False
        if path.is_dir():
            found = [
                file
                for file in files_below(path, field)
                if self._format(file) and not any(part.startswith((".", "~$")) for part in file.relative_to(path).parts)
            ]
        elif any(sign in self.path for sign in WILD):
            found = [file for file in files_like(path, field) if not file.name.startswith((".", "~$"))]
        else:
            raise DataSourceError(
                Text(f"There is no file {path}.", f"找不到檔案 {path}。"),
                Text("Give its absolute path.", "請給檔案的絕對路徑。"),
                field=f"{field}.path",
            )
        found = [file for file in found if not is_protected(file)]
        if not found:
            raise DataSourceError(
                Text(f"No file at {path} can be read.", f"{path} 沒有可讀取的檔案。"),
                Text(
                    f"Files with these endings are read: {', '.join(_SUFFIXES)}, also compressed as .gz or .zst.",
                    f"可讀取的副檔名：{'、'.join(_SUFFIXES)}，也可以是 .gz 或 .zst。",
                ),
                field=f"{field}.path",
            )
        for file in found:  # a link in the folder may lead out of it
            readable(file, f"{field}.path", task=folder, suffixes=_READ_SUFFIXES)
        return sorted(found), True

    def _format(self, path: Path) -> FileFormat | None:
        return self.format or _SUFFIXES.get(unpacked_name(path).suffix.lower())

    def _records(self, path: Path, folder: Path, field: str, watch: Watch) -> Iterator[Record]:
        kind, places = self._format(path), watch.places
        if kind is None:
            raise _unknown_format(path, field)
        if kind in _WHOLE and unpacked_name(path) != path:
            raise DataSourceError(
                Text(f"{path.name} cannot be read while it is compressed.", f"{path.name} 不能在壓縮狀態下讀取。"),
                Text("Unpack it first.", "請先解壓縮。"),
                field=f"{field}.path",
            )
        if kind == "parquet":
            return _number_records(parquet_records(path, field), places)
        if kind == "xlsx":
            return excel_records(
                path,
                self.sheet,
                field,
                places,
                header=self.header,
                private=is_on_premise(folder),
                note=watch.note,
                missed=watch.incomplete,
            )
        encoding = self._encoding(path, folder, field, watch)
        if kind == "json":
            return json_records(path, encoding, field, places)
        if kind == "jsonl":
            return jsonl_records(path, encoding, field, places)
        return delimited_records(
            path,
            encoding,
            self.delimiter or ("\t" if kind == "tsv" else None),
            field,
            places,
            header=self.header,
            quotes=self.quotes,
            private=is_on_premise(folder),
            note=watch.note,
        )

    def _encoding(self, path: Path, folder: Path, field: str, watch: Watch) -> str:
        if self.encoding:
            return check_encoding(path, self.encoding, field)
        task = TaskFolder(folder)
        found = detect_encoding(path, field, task if task.file.is_file() else None)
        if not found.startswith("utf"):
            watch.note(
                Text(
                    f"{path.name} is read as {encoding_title(found)}.",
                    f"{path.name} 以 {encoding_title(found)} 編碼讀取。",
                )
            )
        return found


_OTHER_FORMATS = {
    **dict.fromkeys(
        (".xls", ".xlsb", ".ods", ".numbers"),
        Text(
            "Open it in the program it comes from and save it as .xlsx or 'CSV UTF-8'.",
            "請用原來的程式開啟，另存成 .xlsx 或「CSV UTF-8」。",
        ),
    ),
    **dict.fromkeys(
        (".doc", ".docx", ".odt", ".pdf", ".rtf", ".pages", ".ppt", ".pptx"),
        Text(
            "That is a document, not a table: put its texts into a table (.xlsx or .csv), one per row.",
            "這是文件，不是表格：請把內容整理成表格（.xlsx 或 .csv），一列一筆。",
        ),
    ),
    **dict.fromkeys(
        (".zip", ".7z", ".rar", ".tar", ".tgz"),
        Text(
            "Unpack it first, and name the file or the folder that comes out.",
            "請先解壓縮，再指定解出來的檔案或資料夾。",
        ),
    ),
    **dict.fromkeys(
        (".db", ".sqlite", ".sqlite3"),
        Text(
            "That is a database: set a source of type database, {connection: sqlite:///<absolute path>, query: SELECT …}.",
            "這是資料庫：請把來源設成 database，{connection: sqlite:///<絕對路徑>, query: SELECT …}。",
        ),
    ),
}


def _unknown_format(path: Path, field: str) -> DataSourceError:
    other = _OTHER_FORMATS.get(path.suffix.lower())
    if other:
        return DataSourceError(
            Text(f"{path.name} is a kind of file that cannot be read.", f"{path.name} 這種檔案不能直接讀取。"),
            other,
            field=f"{field}.path",
        )
    return DataSourceError(
        Text(f"The ending of {path.name} does not say its format.", f"從副檔名看不出 {path.name} 的格式。"),
        Text(
            "Add format: csv, tsv, json, jsonl, xlsx or parquet.",
            "請加上 format：csv、tsv、json、jsonl、xlsx 或 parquet。",
        ),
        field=f"{field}.format",
    )


def _number_records(records: Iterator[Record], places: Places) -> Iterator[Record]:
    """The records of a file that numbers them no other way than by their order."""
    for number, record in enumerate(records, start=1):
        places.at(number)
        yield record


def _check_path(path: Path, field: str) -> Path:
    if not path.stat().st_size:
        raise DataError(
            Text(f"{path} is empty.", f"{path} 是空檔案。"),
            Text("Export the data again.", "請重新匯出資料。"),
            field=f"{field}.path",
        )
    return path
