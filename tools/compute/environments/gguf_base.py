"""A base model that a person brings as a GGUF file.

Training needs weights that can be trained, so the file is dequantised once (`dequantise.py`) into a model folder in the
cache, named by what the file holds alone: the same file elsewhere or under another name is the same base model.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from ....resources.foundation.errors import TrainingError, WorkspaceError
from ....resources.foundation.files import read_json
from ....resources.foundation.language import Text
from ....resources.workspace import cache_folder
from ..hardware import free_disk
from ..jobs.words import size
from .fingerprint import file_hash
from .gguf_header import BadHeader, GgufHeader, read_header

# What Transformers 5 reads (`GGUF_SUPPORTED_ARCHITECTURES`, by the names in the files), of the causal ones.
ARCHITECTURES = frozenset(
    [
        "bloom",
        "deci",
        "falcon",
        "gemma2",
        "gemma3",
        "gemma4",
        "gpt-oss",
        "gpt2",
        "lfm2",
        "llama",
        "mamba",
        "minimax-m2",
        "mistral",
        "nemotron",
        "phi3",
        "qwen2",
        "qwen2moe",
        "qwen3",
        "qwen3moe",
        "stablelm",
        "starcoder2",
    ]
)
_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
# A tokenizer as JSON, with its merges, takes about four times its tables in the file; settings and templates are small.
_TABLES, _SETTINGS_BYTES = 4, 1_000_000
_SHA256 = re.compile(r"[0-9a-f]{64}")
FILE_OF_ORIGIN = "gguf.json"  # beside the weights: the hash of the file they came from
SHORT_HASH = 12  # digits by which a person tells two files apart
USE_ORIGINAL = Text(
    "Use the model's original folder or hub id instead of the GGUF file.",
    "請改用模型原本的資料夾或 Hub 名稱，不要用 GGUF 檔。",
)


def is_gguf(name: str) -> bool:
    """Whether a base model's name is that of a GGUF file."""
    return name.lower().endswith(".gguf")


def converted_folder(sha256: str) -> Path:
    """Where the trainable form of the file of that hash stands, or will stand."""
    return cache_folder() / "gguf" / sha256[:32]


def find_converted(sha256: str) -> Path | None:
    """The trainable form of the file of that hash, where it stands."""
    if not _SHA256.fullmatch(sha256):  # out of a plan that somebody wrote by hand
        return None
    folder = converted_folder(sha256)
    return folder if folder.is_dir() else None


def hash_of_origin(folder: Path) -> str | None:
    """The SHA-256 of the GGUF file that a model folder was made from; None for any other folder."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return str(read_json(folder / FILE_OF_ORIGIN)["sha256"])
    return None


def check_gguf(file: Path) -> GgufHeader:
    """What the file says of itself, if it can become a base model as far as its head tells.

    Raises:
        TrainingError: it is no whole GGUF file, or none that can be read here.
    """
    try:
        header = read_header(file)
    except BadHeader as error:
        again = Text("Download or copy it again.", "請重新下載或複製。")
        raise unusable(file, error.why, again if error.again else USE_ORIGINAL) from error
    if header.splits > 1:
        raise unusable(
            file,
            Text(f"it is one part of {header.splits}", f"它只是 {header.splits} 個分割檔的其中一份"),
            Text(
                "Join the parts first with llama.cpp's llama-gguf-split --merge.",
                "請先用 llama.cpp 的 llama-gguf-split --merge 合併。",
            ),
        )
    if header.architecture not in ARCHITECTURES:
        raise unusable(
            file,
            Text(
                f"its architecture, {header.architecture}, cannot be made trainable from a GGUF file",
                f"它的架構是 {header.architecture}，這種架構的 GGUF 檔無法轉成可訓練的形式",
            ),
            USE_ORIGINAL,
        )
    return header


def needed_disk(header: GgufHeader) -> int:
    """Bytes that the trainable form takes at most."""
    weights = header.parameters * _BYTES[header.trainable_type]
    return weights + _TABLES * header.table_bytes + _SETTINGS_BYTES


def check_room(file: Path, header: GgufHeader) -> None:
    """Raises:
    WorkspaceError: the cache cannot be written, or its disk has no room for the trainable form.
    """
    place = converted_folder("").parent
    standing = next(one for one in (place, *place.parents) if one.exists())
    if not standing.is_dir() or not os.access(standing, os.W_OK | os.X_OK):
        why = (
            Text(f"no permission for {standing}", f"沒有 {standing} 的權限")
            if standing.is_dir()
            else Text(f"{standing} is a file", f"{standing} 是檔案")
        )
        raise WorkspaceError(
            Text("{place} cannot be written: {why}.", "無法寫入 {place}：{why}。").format(place=place, why=why),
            Text(
                "Set NLP_SKILLS_CACHE to a folder you own, and start the server again.",
                "請把 NLP_SKILLS_CACHE 設成你有權限的資料夾，再重新啟動伺服器。",
            ),
        )
    needed, free = needed_disk(header), free_disk(cache_folder())
    if free < needed:
        raise WorkspaceError(
            Text(
                f"{file.name} needs about {size(needed)} of free disk at {cache_folder()}; there are {size(free)}.",
                f"{file.name} 需要 {cache_folder()} 有約 {size(needed)} 可用空間，目前只有 {size(free)}。",
            ),
            Text("Free some space, or choose a smaller model.", "請先清出空間，或改選較小的模型。"),
            field="name",
        )


def check_same_file(file: Path, sha256: str) -> None:
    """Raises:
    TrainingError: the file holds something else than it did when its hash was taken.
    """
    if (now := file_hash(file)) == sha256:
        return
    before, after = sha256[:SHORT_HASH], now[:SHORT_HASH]
    raise TrainingError(
        Text(
            f"{file.name} was replaced: it holds another content now (sha256 {after}…) than the one this began with "
            f"({before}…).",
            f"{file.name} 被換過了：現在的內容（sha256 {after}…）和開始時的（{before}…）不同。",
        ),
        Text(
            "Put the original file back in place, or plan again with plan_training on the one that is there now.",
            "請把原本的檔案放回去，或用 plan_training 以現在的檔案重新規劃。",
        ),
        field="base_model",
    )


def describe_header(header: GgufHeader) -> Text:
    """What a person decides by: architecture, size, quantisation and licence."""
    millions = header.parameters / 1e6
    parameters = f"{millions / 1000:.1f}B" if millions >= 1000 else f"{millions:.0f}M" if millions >= 1 else "<1M"
    architecture = header.architecture[0].upper() + header.architecture[1:]
    licence = (
        Text(f"licence {header.licence} as it states", f"檔案註明的授權為 {header.licence}")
        if header.licence
        else Text("no licence stated in it: see whoever published it", "檔案沒有註明授權，請看模型發布者的說明")
    )
    return Text(
        f"{architecture}, {parameters} parameters, {header.main_type}, {licence.en}",
        f"{architecture}，{parameters} 參數，{header.main_type}，{licence.zh}",
    )


def unusable(file: Path, why: Text, fix: Text) -> TrainingError:
    return TrainingError(
        Text("{name} cannot be used as a base model: {why}.", "{name} 不能當作基礎模型：{why}。").format(
            name=file.name, why=why
        ),
        fix,
        field="base_model",
    )
