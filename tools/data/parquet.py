"""The rows of a Parquet file. What its pages say they unpack to is looked at before any is unpacked."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ...resources.foundation.errors import DataError, MissingRequirement
from ...resources.foundation.language import Text
from .rows import Record

_LARGEST_FOOTER = 64 << 20  # bytes
_LARGEST_PAGE = 256 << 20  # bytes it may unpack to; writers make pages of about one megabyte
_HELD = 256 << 20  # bytes that the rows read at once may take, where each held as much as a page can
_MOST_ROWS_AT_ONCE = 1000
_HEADER = 64 << 10  # bytes read for the header of a page; its statistics hold the longest values


def parquet_records(path: Path, field: str) -> Iterator[Record]:
    """The rows of a Parquet file, some at a time.

    Raises:
        MissingRequirement: pyarrow is not installed where this runs.
        DataError: it is no Parquet file, is damaged, or would unpack to more than can be held.
    """
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise MissingRequirement(
            Text(
                "Reading Parquet needs pyarrow, which this job's environment lacks.",
                "讀取 Parquet 需要 pyarrow，但執行此工作的環境沒有安裝。",
            ),
            Text(
                "Build the worker environment with set_up(what='environment'), or save the data as CSV or JSONL.",
                "請用 set_up(what='environment') 建立工作環境，或把資料另存成 CSV 或 JSONL。",
            ),
            field=f"{field}.path",
        ) from error
    try:
        _check_footer(path)
        # A stream of pages instead of whole columns; the limits on the footer are those of its own size.
        with parquet.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:
            largest = _largest_page(path, file.metadata)
            at_once = max(1, min(_MOST_ROWS_AT_ONCE, _HELD // max(largest, 1)))
            for batch in file.iter_batches(batch_size=at_once, use_threads=False):
                yield from batch.to_pylist()
    except _TooLarge as error:
        raise DataError(
            Text(
                f"{path} says that a part of it unpacks to {error.size >> 20} MB; parts of up to {_LARGEST_PAGE >> 20} MB are read.",
                f"{path} 有一個區塊標示解開後是 {error.size >> 20} MB，最多只讀 {_LARGEST_PAGE >> 20} MB 的區塊。",
            ),
            Text(
                "Write the file again with the usual page size (about 1 MB), or save it as CSV or JSONL.",
                "請用一般的頁面大小（約 1 MB）重新輸出檔案，或另存成 CSV 或 JSONL。",
            ),
            field=f"{field}.path",
        ) from error
    except (
        Exception
    ) as error:  # pyarrow raises its own errors, OSError, ValueError, MemoryError, as the broken part has it
        raise DataError(
            Text(
                f"{path} cannot be read as Parquet; it is damaged, truncated, or something else.",
                f"{path} 無法當成 Parquet 讀取，可能損毀、不完整，或不是這種格式。",
            ),
            Text(
                "Write the file again, or name its real format (format: csv).",
                "請重新輸出檔案，或指定實際的格式（例如 format: csv）。",
            ),
            field=f"{field}.path",
        ) from error


class _TooLarge(Exception):
    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


def _check_footer(path: Path) -> None:
    with path.open("rb") as file:
        whole = file.seek(0, 2)
        if whole < 12:
            raise ValueError("too short for a Parquet file")
        file.seek(-8, 2)
        size, mark = struct.unpack("<I4s", file.read(8))
    if mark != b"PAR1" or size > whole - 12:
        raise ValueError("no footer")
    if size > _LARGEST_FOOTER:
        raise _TooLarge(size)


def _largest_page(path: Path, metadata: Any) -> int:
    """The bytes that the largest page says it unpacks to: no value is longer.

    Raises:
        _TooLarge: it is more than can be held.
        ValueError: a page is not where it should be.
    """
    largest = 0
    with path.open("rb") as file:
        whole = file.seek(0, 2)
        for group in range(metadata.num_row_groups):
            for number in range(metadata.num_columns):
                column = metadata.row_group(group).column(number)
                begins = [at for at in (column.dictionary_page_offset, column.data_page_offset) if at]
                end = (begin := min(begins, default=0)) + column.total_compressed_size
                if column.total_compressed_size < 0 or begin < 4 or end > whole:
                    raise ValueError("a column lies beyond the file")
                for size in _page_sizes(file, begin, end):
                    if size > _LARGEST_PAGE:
                        raise _TooLarge(size)
                    largest = max(largest, size)
    return largest


def _page_sizes(file: BinaryIO, at: int, end: int) -> Iterator[int]:
    """What each page from `at` to `end` says it unpacks to."""
    while at < end:
        file.seek(at)
        header = _Compact(file.read(min(_HEADER, end - at)))
        fields = header.struct()
        unpacked, packed = fields.get(2, -1), fields.get(3, -1)
        if unpacked < 0 or packed < 0:
            raise ValueError("a page has no size")
        yield unpacked
        at += header.at + packed


class _Compact:
    """Thrift's compact protocol, as far as finding a struct's whole numbers and its end takes.

    https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
    """

    _DEEPEST = 8

    def __init__(self, data: bytes) -> None:
        self._data, self.at = data, 0

    def struct(self, level: int = 0) -> dict[int, int]:
        """Its whole numbers by the field's number; the rest is passed over."""
        if level > self._DEEPEST:
            raise ValueError("nested too deep")
        found, number = dict[int, int](), 0
        while head := self._byte():
            step, kind = head >> 4, head & 15
            number = number + step if step else self._number()
            if kind in (3, 4, 5, 6):
                found[number] = self._byte() if kind == 3 else self._number()
            else:
                self._pass(kind, level)
        return found

    def _pass(self, kind: int, level: int) -> None:
        if kind in (1, 2):  # a truth is in its kind
            return
        if kind == 7:
            self._skip(8)
        elif kind == 8:
            self._skip(self._read_unsigned())
        elif kind in (9, 10):
            head = self._byte()
            of, many = head & 15, head >> 4
            for _ in range(self._read_unsigned() if many == 15 else many):
                self._element(of, level)
        elif kind == 12:
            self.struct(level + 1)
        else:
            raise ValueError("not a kind of a page's header")

    def _element(self, kind: int, level: int) -> None:
        if kind in (1, 2, 3):
            self._skip(1)
        elif kind in (4, 5, 6):
            self._read_unsigned()
        else:
            self._pass(kind, level + 1)

    def _byte(self) -> int:
        self._skip(1)
        return self._data[self.at - 1]

    def _skip(self, size: int) -> None:
        self.at += size
        if self.at > len(self._data):
            raise ValueError("a page's header is cut off")

    def _read_unsigned(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 128:
            value, shift = value | (byte & 127) << shift, shift + 7
            if shift > 63:
                raise ValueError("a number without end")
        return value | byte << shift

    def _number(self) -> int:
        value = self._read_unsigned()
        return value >> 1 ^ -(value & 1)
