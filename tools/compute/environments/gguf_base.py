"""A base model that a person brings as a GGUF file.

Training needs weights that can be trained, so the file is dequantised once (`dequantise.py`) into a model folder in the
cache, named by what the file holds: the same file elsewhere or under another name is not converted again.
"""

from __future__ import annotations

from pathlib import Path

from ....resources.foundation.errors import TrainingError, WorkspaceError
from ....resources.foundation.language import Text
from ....resources.workspace import cache_folder
from ..hardware import free_disk
from ..jobs.words import size
from .fingerprint import file_hash

_MAGIC = b"GGUF"
# A quantised weight of about 4.5 bits becomes one of 16.
_GROWTH = 16 / 4.5


def is_gguf(name: str) -> bool:
    """Whether a base model's name is that of a GGUF file."""
    return name.lower().endswith(".gguf")


def converted_folder(file: Path) -> Path:
    """Where the trainable form of that file stands, or will stand."""
    return cache_folder() / "gguf" / f"{file.stem[:60]}-{file_hash(file)[:12]}"


def check_gguf(file: Path) -> None:
    """Raises:
    TrainingError: the file is no GGUF file, or one part of several.
    """
    with file.open("rb") as opened:
        if opened.read(4) != _MAGIC:
            raise unusable(
                file,
                Text("it does not begin as a GGUF file does", "開頭不是 GGUF 格式"),
                Text("Download or copy it again.", "請重新下載或複製。"),
            )
    if "-of-" in file.stem and file.stem.rsplit("-of-", 1)[-1].isdigit():
        raise unusable(
            file,
            Text("it is one part of several", "它只是分割檔的其中一份"),
            Text(
                "Join the parts first with llama.cpp's llama-gguf-split --merge.",
                "請先用 llama.cpp 的 llama-gguf-split --merge 合併。",
            ),
        )


def needed_disk(file: Path) -> int:
    """Bytes that the trainable form takes, about."""
    return round(file.stat().st_size * _GROWTH)


def check_room(file: Path) -> None:
    """Raises:
    WorkspaceError: the cache's disk has no room for the trainable form.
    """
    needed, free = needed_disk(file), free_disk(cache_folder())
    if free < needed:
        raise WorkspaceError(
            Text(
                f"{file.name} needs about {size(needed)} of free disk at {cache_folder()}; there are {size(free)}.",
                f"{file.name} 需要 {cache_folder()} 有約 {size(needed)} 可用空間，目前只有 {size(free)}。",
            ),
            Text("Free some space, or choose a smaller model.", "請先清出空間，或改選較小的模型。"),
            field="name",
        )


def unusable(file: Path, why: Text, fix: Text) -> TrainingError:
    return TrainingError(
        Text(f"{file.name} cannot be used as a base model: {why.en}.", f"{file.name} 不能當作基礎模型：{why.zh}。"),
        fix,
        field="base_model",
    )
