"""Files as they are, or packed by gzip or Zstandard, opened alike."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from ...resources.foundation.errors import DataError, MissingRequirement
from ...resources.foundation.language import Text

PACKED = (".gz", ".zst")
_ZSTANDARD_CHUNK = 256  # packed bytes taken at once: a hostile frame makes thirty thousand times as many of them


def unpacked_name(path: Path) -> Path:
    """`path` without the ending that says how it is packed."""
    return path.with_suffix("") if path.suffix.lower() in PACKED else path


@contextmanager
def open_unpacked(path: Path, field: str) -> Iterator[BinaryIO]:
    """The unpacked bytes of `path`, as a stream that is read from its beginning on.

    Raises:
        DataError: the packed file is damaged or cut off.
        MissingRequirement: zstandard is not installed where this runs.
    """
    damaged = _damaged_file_error(path, field)
    ending = path.suffix.lower()
    if ending == ".zst":
        try:
            import zstandard
        except ImportError as error:
            raise MissingRequirement(
                Text(
                    "Reading .zst files needs zstandard, which this job's environment lacks.",
                    "讀取 .zst 檔需要 zstandard，但執行此工作的環境沒有安裝。",
                ),
                Text(
                    "Install it: pip install 'nlp-skills[zst]'; or pack the file as .gz.",
                    "請安裝：pip install 'nlp-skills[zst]'；或改用 .gz 壓縮。",
                ),
                field=f"{field}.path",
            ) from error
        try:
            with path.open("rb") as file, io.BufferedReader(_Zstandard(file)) as stream:
                yield cast(BinaryIO, stream)
        except (zstandard.ZstdError, EOFError) as error:
            raise damaged from error
        return
    try:
        with cast(BinaryIO, gzip.open(path, "rb") if ending == ".gz" else path.open("rb")) as bytes_read:
            yield bytes_read
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise damaged from error


class _Zstandard(io.RawIOBase):
    """The unpacked bytes of a Zstandard stream; unlike the library's own reader it notices a missing end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._left = file, memoryview(b"")
        self._frame = self._new_frame()
        self._begun = False

    @staticmethod
    def _new_frame() -> Any:
        import zstandard

        return zstandard.ZstdDecompressor().decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            packed = self._frame.unused_data if self._frame.eof else b""
            packed = packed or self._file.read(_ZSTANDARD_CHUNK)
            if not packed:
                if self._begun and not self._frame.eof:
                    raise EOFError("the stream ends before its end")
                return 0
            if self._frame.eof:
                self._frame = self._new_frame()
            self._begun = True
            self._left = memoryview(self._frame.decompress(packed))
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size


@contextmanager
def opened_text(path: Path, encoding: str, field: str, newline: str | None = None) -> Iterator[IO[str]]:
    """The unpacked text of `path`."""
    with open_unpacked(path, field) as raw, io.TextIOWrapper(raw, encoding=encoding, newline=newline) as text:
        yield text


def _damaged_file_error(path: Path, field: str) -> DataError:
    return DataError(
        Text(f"{path} is damaged: it cannot be fully decompressed.", f"{path} 已損壞：無法完整解壓縮。"),
        Text("Copy or export it again; the earlier data is untouched.", "請重新複製或匯出；先前的資料沒有變動。"),
        field=f"{field}.path",
    )
