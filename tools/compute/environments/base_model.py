"""The model a training starts from: a folder, or a hub model that the person agreed to download."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

from ....resources.foundation.errors import MissingRequirement, NlpSkillsError, TrainingError
from ....resources.foundation.files import read_json
from ....resources.foundation.json_object import JsonObject
from ....resources.foundation.language import Text
from ....resources.paths import expand_home, hub_cache, readable
from ....resources.workspace import Workspace
from .fingerprint import file_hash
from .gguf_base import check_gguf, check_same_file, find_converted, is_gguf

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(?:/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
_CAUSAL = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")


def resolve_base_model(workspace: Workspace, name: str, recorded: str | None = None) -> Path:
    """The folder of a base model: `name` is a folder or a GGUF file (relative ones are looked for in the workspace too), or
    the id of a hub model that stands whole in the cache.

    Arguments:
        recorded: the SHA-256 that the GGUF file of that name had when its name was written down.

    Raises:
        AccessError: nobody has allowed reading that folder.
        TrainingError: there is no such folder, what it holds is not a causal language model with its tokenizer, or the GGUF
            file was replaced.
        MissingRequirement: a hub model that has not been downloaded, or a GGUF file that has not been made trainable; names the call that does.
    """
    if recorded and (converted := find_converted(recorded)):
        return check_causal_model(converted)
    if file := find_gguf(workspace, name):
        if recorded:
            check_same_file(file, recorded)
        return check_causal_model(_converted(file))
    if folder := find_folder(workspace, name):
        return check_causal_model(folder)
    if not HUB_NAME.fullmatch(name) or ".." in name:
        raise TrainingError(
            Text(f"There is no base model at {name[:200]!r}.", f"找不到基礎模型「{name[:200]}」。"),
            Text(
                "Name a folder that holds a model (config.json, tokenizer, weights), or a hub id such as "
                "Qwen/Qwen3-0.6B.",
                "請指定模型資料夾（內有 config.json、分詞器與權重），或 Hub 上的名稱，例如 Qwen/Qwen3-0.6B。",
            ),
            field="base_model",
        )
    if cached := cached_model(name):
        return check_causal_model(cached)
    raise MissingRequirement(
        Text(f"The base model {name} is not on this machine yet.", f"這台機器上還沒有基礎模型 {name}。"),
        Text(
            f"Call set_up(what='base_model', name='{name}') to see its size and licence, and download it.",
            f"請呼叫 set_up(what='base_model', name='{name}')，看過大小與授權後下載。",
        ),
        field="base_model",
        details={"name": name},
    )


def find_folder(workspace: Workspace, name: str) -> Path | None:
    """The folder of that name; None where there is none.

    Raises:
        AccessError: nobody has allowed reading it.
    """
    for folder in _places(workspace, name):
        with contextlib.suppress(OSError):  # a name longer than any disk takes
            if (folder.is_absolute() and not folder.is_relative_to(workspace.root)) or folder.is_dir():
                readable(folder, "base_model", workspace=workspace.root)
            if folder.is_dir():
                return folder.resolve()
    return None


def find_gguf(workspace: Workspace, name: str) -> Path | None:
    """The GGUF file of that name (relative ones are looked for in the workspace too); None where the name is not one's.

    Raises:
        AccessError: nobody has allowed reading it.
        TrainingError: there is no such file.
    """
    if not is_gguf(name):
        return None
    for file in _places(workspace, name):
        with contextlib.suppress(OSError):
            # Where a relative name leads is known only when its links and its `..` are followed.
            if file.is_absolute() or file.is_file():
                target = readable(file, "base_model", workspace=workspace.root, suffixes=(".gguf",))
                if target.is_dir():
                    return None
                if target.is_file():
                    return target
    raise TrainingError(
        Text(f"There is no GGUF file at {name[:200]!r}.", f"找不到 GGUF 檔「{name[:200]}」。"),
        Text(
            "Give its whole path, or put it into the workspace's folder.", "請提供完整路徑，或把檔案放進工作區資料夾。"
        ),
        field="base_model",
    )


def hash_of_gguf(workspace: Workspace, name: str) -> str | None:
    """The SHA-256 of the GGUF file of that name; None where the name is not one's, or nothing can be read there."""
    try:
        file = find_gguf(workspace, name)
    except NlpSkillsError:
        return None
    return file_hash(file) if file else None


def check_unchanged(workspace: Workspace, name: str, recorded: str) -> None:
    """Raises:
    TrainingError: the GGUF file of that name holds something else than it did when `recorded` was its hash.
    """
    file = None
    with contextlib.suppress(NlpSkillsError):  # one that is gone or cannot be read is said where it is needed
        file = find_gguf(workspace, name)
    if file:
        check_same_file(file, recorded)


def _places(workspace: Workspace, name: str) -> tuple[Path, ...]:
    return (expand_home(name), workspace.root / expand_home(name)) if name.strip() else ()


def _converted(file: Path) -> Path:
    if folder := find_converted(file_hash(file)):
        return folder
    check_gguf(file)
    raise MissingRequirement(
        Text(
            f"{file.name} must be made trainable first: a GGUF file holds quantised weights.",
            f"{file.name} 要先轉成可訓練的形式：GGUF 檔存的是量化後的權重。",
        ),
        Text(
            f"Call set_up(what='base_model', name='{file}') once.",
            f"請呼叫一次 set_up(what='base_model', name='{file}')。",
        ),
        field="base_model",
        details={"name": str(file)},
    )


def cached_folder(name: str) -> Path:
    """The folder of the hub cache for that model."""
    return hub_cache() / f"models--{name.replace('/', '--')}"


def cached_model(name: str) -> Path | None:
    """The newest whole snapshot of a hub model in the cache, the one `main` points at first; None where none is."""
    if not HUB_NAME.fullmatch(name) or ".." in name:
        return None
    snapshots = cached_folder(name) / "snapshots"
    if not snapshots.is_dir():
        return None
    newest = sorted(snapshots.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    with contextlib.suppress(OSError):
        main = snapshots / (cached_folder(name) / "refs" / "main").read_text(encoding="ascii").strip()
        newest.insert(0, main)
    return next((folder for folder in newest if not missing_parts(folder)), None)


def missing_parts(folder: Path) -> list[str]:
    """What a model folder lacks of config, tokenizer and weights (every shard that its index names)."""
    missing = [] if (folder / "config.json").is_file() else ["config.json"]
    vocabularies = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "tekken.json", "spiece.model")
    if not any((folder / name).is_file() for name in vocabularies):
        missing.append("tokenizer.json")
    for weights in ("model.safetensors", "pytorch_model.bin"):
        if (folder / weights).is_file():
            return missing
        if (index := folder / f"{weights}.index.json").is_file():
            shards = sorted(set(read_json(index)["weight_map"].values()))
            return missing + [shard for shard in shards if not (folder / shard).is_file()]
    return [*missing, "model.safetensors"]


def check_causal_model(folder: Path) -> Path:
    """`folder`, if it holds a causal language model with its tokenizer.

    Raises:
        TrainingError: something is missing, or it is another kind of model.
    """
    if missing := missing_parts(folder):
        raise TrainingError(
            Text(
                f"{folder} is not a complete model: {', '.join(missing[:5])} is missing.",
                f"{folder} 不是完整的模型：缺少 {', '.join(missing[:5])}。",
            ),
            Text(
                "Give the folder that save_pretrained wrote, with the tokenizer in it, or a hub id.",
                "請指定 save_pretrained 寫出的資料夾（含分詞器），或 Hub 上的名稱。",
            ),
            field="base_model",
            details={"missing": missing},
        )
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise TrainingError(
            Text(
                f"{folder / 'config.json'} is not JSON: {error}", f"{folder / 'config.json'} 不是有效的 JSON：{error}"
            ),
            Text("Copy or download the model again.", "請重新複製或下載模型。"),
            field="base_model",
        ) from error
    check_causal_config(config, str(folder))
    return folder


def check_causal_config(config: JsonObject, name: str) -> None:
    """Nothing, if a model with that `config.json` writes text from left to right.

    Raises:
        TrainingError: it is an encoder, a sequence-to-sequence model or something else.
    """
    architectures = [str(architecture) for architecture in config.get("architectures") or []]
    causal = any(architecture.endswith(_CAUSAL) for architecture in architectures)
    if causal and not config.get("is_encoder_decoder"):
        return
    kind = ", ".join(architectures) or str(config.get("model_type") or "unknown")
    raise TrainingError(
        Text(
            f"{name} is not a causal language model but {kind}; fine-tuning for answers needs one that writes text.",
            f"{name} 不是因果語言模型，而是 {kind}；微調作答需要能產生文字的模型。",
        ),
        Text(
            "Choose a model whose config.json names …ForCausalLM, such as Qwen/Qwen3-0.6B.",
            "請改選 config.json 中架構為 …ForCausalLM 的模型，例如 Qwen/Qwen3-0.6B。",
        ),
        field="base_model",
        details={"architectures": architectures},
    )
