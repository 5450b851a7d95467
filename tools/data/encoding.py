"""Which encoding a text file is in: UTF-8 (with or without BOM), UTF-16 with BOM, or Big5 as Windows writes it."""

from __future__ import annotations

import codecs
from pathlib import Path

from ...resources.errors import DataError
from ...resources.language import Text
from .compression import opened

_CHUNK = 1 << 20
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_BIG5 = ("cp950", "big5hkscs")
_LOOKED_AT = 4096
_PRIVATE_USE = range(0xE000, 0xF900)


def detect_encoding(path: Path, field: str) -> str:
    """The name of the codec that reads all of `path`.

    Raises:
        DataError: none of them does; says where UTF-8 breaks.
    """
    with opened(path, field) as file:
        start = file.read(_LOOKED_AT)
    for bom, name in _BOMS:
        if start.startswith(bom):
            return name
    if b"\0" in start:
        return _utf16(path, start, field)
    failure = _failure(path, "utf-8", field)
    if failure is None:
        return "utf-8"
    offset, seen_other_than_ascii = failure
    if not seen_other_than_ascii:  # a file that began as real UTF-8 is damaged UTF-8, not Big5
        for name in _BIG5:
            if _failure(path, name, field) is None:
                return name
    line = _line_of(path, offset, field)
    raise DataError(
        Text(f"{path} is neither UTF-8 nor Big5: byte {offset} (line {line}) cannot be decoded.",
             f"{path} 不是 UTF-8 也不是 Big5：第 {offset} 個位元組（第 {line} 行）無法解碼。"),
        Text("Save it as UTF-8 (in Excel: 'CSV UTF-8'), or name its encoding in data_source.yaml (encoding: gbk).",
             "請另存成 UTF-8（Excel 選「CSV UTF-8」），或在 data_source.yaml 指定編碼（例如 encoding: gbk）。"),
        field=f"{field}.encoding",
    )


def _utf16(path: Path, start: bytes, field: str) -> str:
    """UTF-16 without its mark: the zero bytes of its line breaks and separators all stand on one side.

    Raises:
        DataError: it is none; a text has no zero bytes.
    """
    sides = start[0::2].count(0), start[1::2].count(0)
    for name, here, there in (("utf-16-le", sides[1], sides[0]), ("utf-16-be", sides[0], sides[1])):
        if here > there * 4 and _failure(path, name, field) is None:
            return name
    raise DataError(
        Text(f"{path} is no text: it holds zero bytes (the first at byte {start.index(0)}).",
             f"{path} 不是文字檔：裡面有值為零的位元組（第一個在第 {start.index(0)} 個位元組）。"),
        Text("If it is an Excel or Parquet file, name its format; if it is damaged, export it again as UTF-8.",
             "如果是 Excel 或 Parquet，請指定 format；如果檔案損壞，請重新匯出成 UTF-8。"), field=f"{field}.encoding")


def check_encoding(path: Path, name: str, field: str) -> str:
    """`name`, the encoding the person gave, if it exists and reads all of `path`.

    Raises:
        DataError: it does not.
    """
    try:
        failure = _failure(path, codecs.lookup(name).name, field)
    except LookupError as error:
        raise DataError(
            Text(f"There is no encoding {name[:40]!r}.", f"沒有「{name[:40]}」這種編碼。"),
            Text("Leave encoding out to have it recognised, or use utf-8, big5, gbk, utf-16.",
                 "可以不填 encoding 讓系統自動判斷，或填 utf-8、big5、gbk、utf-16。"),
            field=f"{field}.encoding",
        ) from error
    if failure is None:
        return name
    raise DataError(
        Text(f"{path} is not {name}: byte {failure[0]} (line {_line_of(path, failure[0], field)}) cannot be decoded.",
             f"{path} 不是 {name}：第 {failure[0]} 個位元組（第 {_line_of(path, failure[0], field)} 行）無法解碼。"),
        Text("Leave encoding out to have it recognised.", "可以不填 encoding，讓系統自動判斷。"),
        field=f"{field}.encoding",
    )


def _failure(path: Path, name: str, field: str) -> tuple[int, bool] | None:
    """Where `name` fails to decode `path`, and whether more than ASCII came before; None when it reads all of it."""
    decoder = codecs.getincrementaldecoder(name)("strict")
    offset, other_than_ascii = 0, False
    with opened(path, field) as file:
        while True:
            chunk = file.read(_CHUNK)
            pending = decoder.getstate()[0]
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                before = error.object[: error.start]
                return offset - len(pending) + error.start, other_than_ascii or not before.isascii()
            if name in _BIG5 and any(ord(character) in _PRIVATE_USE for character in text):
                return offset, True
            other_than_ascii = other_than_ascii or not text.isascii()
            if not chunk:
                return None
            offset += len(chunk)


def _line_of(path: Path, offset: int, field: str) -> int:
    lines, left = 1, offset
    with opened(path, field) as file:
        while left > 0 and (chunk := file.read(min(_CHUNK, left))):
            lines += chunk.count(b"\n")
            left -= len(chunk)
    return lines
