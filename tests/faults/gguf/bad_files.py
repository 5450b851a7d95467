"""GGUF files that cannot be a base model, and a word of the error that each gets."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable
from pathlib import Path


def _text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def with_keys(content: bytes, *pairs: bytes) -> bytes:
    """The file with further metadata; what is added is filled up so that the tensors stay where they are aligned."""
    added = b"".join(pairs)
    filler = _text(b"general.tags.filler") + struct.pack("<I", 8)
    added += filler + _text(b"x" * (-(len(added) + len(filler) + 8) % 32))
    [keys] = struct.unpack_from("<Q", content, 16)
    return content[:16] + struct.pack("<Q", keys + len(pairs) + 1) + added + content[24:]


def one_of_several(content: bytes) -> bytes:
    return with_keys(
        content,
        _text(b"split.no") + struct.pack("<IH", 2, 0),
        _text(b"split.count") + struct.pack("<IH", 2, 3),
        _text(b"split.tensors.count") + struct.pack("<Ii", 5, 72),
    )


def of_architecture(content: bytes, name: bytes) -> bytes:
    assert len(name) == len(b"qwen3")
    return content.replace(_text(b"qwen3"), _text(name)).replace(b"qwen3.", name + b".")


def without_chat_template(content: bytes) -> bytes:
    return content.replace(b"tokenizer.chat_template", b"tokenizer.chat_nothing!")


Make = Callable[[Path, dict[str, Path]], object]


def _write(change: Callable[[bytes], bytes]) -> Make:
    return lambda file, files: file.write_bytes(change(files["f16"].read_bytes()))


def _folder(file: Path, _files: dict[str, Path]) -> None:
    file.mkdir()
    (file / "readme.txt").write_text("a folder", encoding="utf-8")


# The file, and of the words of each language one that the error has to have.
BAD: dict[str, tuple[Make, list[str], list[str]]] = {
    "a page that was saved instead": (
        _write(lambda _: b"<!DOCTYPE html><title>404 Not Found</title>" * 50),
        ["not a GGUF", "as a GGUF file does"],
        ["不是 GGUF", "並非 GGUF"],
    ),
    "an empty file": (
        _write(lambda _: b""),
        ["empty", "as a GGUF file does", "cut short"],
        ["空", "不是 GGUF", "不完整"],
    ),
    "a pointer of Git LFS": (
        _write(lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"),
        ["as a GGUF file does", "LFS"],
        ["不是 GGUF", "LFS"],
    ),
    "safetensors under that name": (
        _write(lambda _: struct.pack("<Q", 2) + b"{}" + b"\0" * 500),
        ["not a GGUF", "as a GGUF file does"],
        ["不是 GGUF"],
    ),
    "cut after four bytes": (_write(lambda content: content[:4]), ["cut short", "incomplete"], ["不完整", "截斷"]),
    "cut in its metadata": (_write(lambda content: content[:900]), ["cut short", "incomplete"], ["不完整", "截斷"]),
    "cut in its tokens": (_write(lambda content: content[:5000]), ["cut short", "incomplete"], ["不完整", "截斷"]),
    "cut in the middle": (
        _write(lambda content: content[: len(content) // 2]),
        ["cut short", "incomplete"],
        ["不完整", "截斷"],
    ),
    "cut a little before its end": (
        _write(lambda content: content[:-100]),
        ["cut short", "incomplete"],
        ["不完整", "截斷"],
    ),
    "a length beyond all bounds": (
        _write(lambda content: content[:16] + struct.pack("<Q", 2**60) + content[24:]),
        ["cut short", "damaged", "incomplete", "not a GGUF"],
        ["不完整", "損壞", "截斷", "不是 GGUF"],
    ),
    "one part of several": (_write(one_of_several), ["part"], ["分割", "分成", "其中一", "部分", "分檔"]),
    "an architecture that cannot be read": (
        _write(lambda content: of_architecture(content, b"rwkv7")),
        ["rwkv7"],
        ["rwkv7"],
    ),
    "heads that are misread": (
        lambda file, files: shutil.copy(files["small_heads"], file),
        ["qwen3", "shape", "size"],
        ["qwen3", "形狀", "大小"],
    ),
    "a version of tomorrow": (
        _write(lambda content: content[:4] + struct.pack("<I", 9) + content[8:]),
        ["version", "newer"],
        ["版本", "較新"],
    ),
    "a missing file": (
        lambda _file, _files: None,
        ["no GGUF file at", "not found", "does not exist"],
        ["找不到", "沒有這個", "不存在"],
    ),
    "a folder with that ending": (
        _folder,
        ["is a folder", "not a complete model"],
        ["是資料夾", "是一個資料夾", "不是完整的模型"],
    ),
}
# A yes is worth asking for only where the file can become a model: all that its head tells is told before.
