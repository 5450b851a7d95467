"""What stands in the head of a GGUF file (metadata and the table of its weights), read without any library.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Every length is checked against the file's own
before anything of it is read: a file that somebody else made decides neither memory nor time.
"""

from __future__ import annotations

import math
import re
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ....resources.foundation.language import Text

MAGIC = b"GGUF"
_LFS_POINTER = b"version https://git-lfs"
_VERSIONS = (2, 3)
_MOST_KEYS, _MOST_TENSORS = 100_000, 1_000_000
_MOST_ELEMENTS = 4_000_000  # of a list of texts: the largest vocabularies have a quarter of a million
_LONGEST_SHOWN = 200  # bytes of a value that is kept
_MOST_DIMENSIONS, _DEEPEST_LIST = 8, 3
_ALIGNMENT = 32
_TEXT, _LIST = 8, 9
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_SHOWN = re.compile(r"[A-Za-z0-9][\w .,:/+()-]{0,63}", re.ASCII)
# How weights are stored, by the number in the file: name, weights in a block, bytes of a block. Those that the `gguf`
# library can dequantise (`gguf.quants`, 0.19).
_TYPES = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
}


class BadHeader(ValueError):
    """The file cannot be a base model; `why` is half a sentence, `again` whether a whole copy of it might be one."""

    def __init__(self, why: Text, again: bool = True) -> None:
        super().__init__(why)
        self.why, self.again = why, again


@dataclass(frozen=True)
class GgufHeader:
    """What a GGUF file says of itself.

    Arguments:
        licence, name: as the file states them; None where it does not, or in no plain words.
        splits: files that the model was split into.
        parameters: weights in all.
        stored_as: how many weights are stored in which way, `Q4_K` and the like.
        table_bytes: the bytes before the weights: mostly the tokenizer's.
    """

    architecture: str
    name: str | None
    licence: str | None
    splits: int
    parameters: int
    stored_as: dict[str, int]
    table_bytes: int

    @property
    def main_type(self) -> str:
        """How most of its weights are stored."""
        return max(self.stored_as, key=lambda kind: self.stored_as[kind])

    @property
    def trainable_type(self) -> str:
        """The PyTorch type that keeps what the file holds: bfloat16 for weights that were quantised."""
        kinds = set(self.stored_as)
        if kinds == {"F32"}:
            return "float32"
        return "float16" if "F16" in kinds and kinds <= {"F16", "F32"} else "bfloat16"


def read_header(file: Path) -> GgufHeader:
    """Read the file's head, and check that all its weights lie within it.

    Raises:
        BadHeader: it is no GGUF file, of a version that cannot be read, cut short, or damaged.
        OSError: it cannot be opened.
    """
    with file.open("rb", buffering=1 << 20) as opened:
        return _Reader(opened, file.stat().st_size).read()


class _Reader:
    def __init__(self, opened: BinaryIO, size: int) -> None:
        self._opened, self._size = opened, size
        self._order = "<"

    def read(self) -> GgufHeader:
        self._check_beginning()
        version = self._read_version()
        if version not in _VERSIONS:
            raise BadHeader(
                Text(
                    f"it is of format version {version}, newer than what can be read here (up to {max(_VERSIONS)})",
                    f"它的格式版本是 {version}，比這裡讀得懂的（最高 {max(_VERSIONS)}）還新",
                )
                if version > max(_VERSIONS)
                else Text(
                    f"it is of format version {version}, older than what can be read here (from {min(_VERSIONS)})",
                    f"它的格式版本是 {version}，比這裡讀得懂的（最低 {min(_VERSIONS)}）還舊",
                ),
                again=False,
            )
        tensors, keys = self._number("Q"), self._number("Q")
        if keys > _MOST_KEYS or tensors > _MOST_TENSORS:
            raise _damaged()
        known = {key: value for key, value in (self._read_pair() for _ in range(keys)) if value is not None}
        architecture = known.get("general.architecture")
        if not isinstance(architecture, str) or not _SHOWN.fullmatch(architecture):
            raise _damaged()
        stored_as = self._read_table(tensors, _whole(known.get("general.alignment")) or _ALIGNMENT)
        return GgufHeader(
            architecture=architecture,
            name=_plain(known.get("general.name")),
            licence=_plain(known.get("general.license")),
            splits=_whole(known.get("split.count")) or 1,
            parameters=sum(stored_as.values()),
            stored_as=dict(stored_as),
            table_bytes=self._opened.tell(),
        )

    def _check_beginning(self) -> None:
        if not self._size:
            raise BadHeader(Text("it is empty", "它是空的"))
        beginning = self._opened.read(len(_LFS_POINTER))
        if beginning == _LFS_POINTER:
            raise BadHeader(
                Text("it is a pointer of Git LFS, not the file it points to", "它只是 Git LFS 的指標檔，不是模型檔本身")
            )
        if not beginning.startswith(MAGIC):
            raise BadHeader(Text("it does not begin as a GGUF file does", "它不是 GGUF 檔（開頭不是 GGUF 格式）"))
        self._opened.seek(len(MAGIC))

    def _read_version(self) -> int:
        version = self._number("I")
        if version and not version & 0xFFFF:  # written on a machine of the other byte order
            self._order = ">"
            version = struct.unpack(">I", struct.pack("<I", version))[0]
        return version

    def _read_pair(self) -> tuple[str, str | float | None]:
        """A key and its value, which is left out where it is a list or long."""
        key = self._text()
        return key or "", self._value(int(self._number("I")))

    def _value(self, kind: int, depth: int = 0) -> str | float | None:
        if kind in _NUMBERS:
            return self._number(_NUMBERS[kind])
        if kind == _TEXT:
            return self._text()
        if kind != _LIST or depth > _DEEPEST_LIST:
            raise _damaged()
        of, count = int(self._number("I")), self._number("Q")
        if of in _NUMBERS:
            self._skip(count * struct.calcsize(_NUMBERS[of]))
            return None
        if count > _MOST_ELEMENTS:
            raise _damaged()
        if of == _TEXT:
            self._skip_texts(count)
        else:
            for _ in range(count):
                self._value(of, depth + 1)
        return None

    def _skip_texts(self, count: int) -> None:
        """Pass over a vocabulary; short texts are read, which is faster than to seek."""
        read, unpack = self._opened.read, struct.Struct(self._order + "Q").unpack
        for _ in range(count):
            if len(content := read(8)) < 8:
                raise _cut_short()
            [length] = unpack(content)
            if length > _LONGEST_SHOWN:
                self._skip(length)
            elif len(read(length)) < length:
                raise _cut_short()

    def _read_table(self, tensors: int, alignment: int) -> Counter[str]:
        """How many weights are stored in which way; that the last of them lies within the file."""
        stored_as: Counter[str] = Counter()
        end = 0
        for _ in range(tensors):
            self._text()
            dimensions = self._number("I")
            if dimensions > _MOST_DIMENSIONS:
                raise _damaged()
            weights = math.prod([self._number("Q") for _ in range(dimensions)])
            kind, offset = self._number("I"), self._number("Q")
            if kind not in _TYPES:
                raise BadHeader(
                    Text(
                        f"its weights are stored in a way that cannot be read here (type {kind})",
                        f"它的權重用了這裡讀不懂的儲存方式（類型 {kind}）",
                    ),
                    again=False,
                )
            name, block, bytes_of_block = _TYPES[kind]
            stored_as[name] += weights
            end = max(end, offset + weights // block * bytes_of_block)
        if not stored_as.total():
            raise BadHeader(Text("it holds no weights", "裡面沒有權重"), again=False)
        if alignment > self._size:
            raise _damaged()
        begin = math.ceil(self._opened.tell() / alignment) * alignment
        if begin + end > self._size:
            raise _cut_short()
        return stored_as

    def _number(self, form: str) -> int:
        size = struct.calcsize(form)
        content = self._opened.read(size)
        if len(content) < size:
            raise _cut_short()
        number: int = struct.unpack(self._order + form, content)[0]
        return number

    def _text(self) -> str | None:
        """A text; None for a long one, which is passed over."""
        length = self._number("Q")
        if length > _LONGEST_SHOWN:
            self._skip(length)
            return None
        content = self._opened.read(length)
        if len(content) < length:
            raise _cut_short()
        return content.decode("utf-8", "replace")

    def _skip(self, length: int) -> None:
        if self._opened.tell() + length > self._size:
            raise _cut_short()
        self._opened.seek(length, 1)


def _plain(value: object) -> str | None:
    """A text that can be shown as it is: what a stranger wrote into a file is quoted only where it is a name."""
    return value if isinstance(value, str) and _SHOWN.fullmatch(value) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _cut_short() -> BadHeader:
    return BadHeader(Text("it is cut short", "它不完整，後面被截斷了"))


def _damaged() -> BadHeader:
    return BadHeader(Text("it is damaged", "它已損壞"))
