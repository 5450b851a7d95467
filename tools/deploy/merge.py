"""The model as it is shipped: adapter folded into its base, tokenizer and greedy generation settings beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...resources.errors import DeploymentError
from ...resources.files import commit_folder, sha256_file
from ...resources.language import Text
from ...resources.version import VersionFolder


def merged_model(version: VersionFolder) -> Path:
    """The folder `models/vN/merged`, built on first need and whole or not there at all.

    Raises:
        DeploymentError: the version is not trained, or its files no longer match the hashes of its commit.
    """
    if version.status() not in ("trained", "evaluated"):
        raise DeploymentError(
            Text(f"{version.name} has no trained model (it is {version.status()}).",
                 f"{version.name} 沒有訓練完成的模型（目前狀態：{version.status()}）。"),
            Text("Train it first, or name another version.", "請先完成訓練，或指定其他版本。"),
            field="version",
        )
    info = version.model_info()
    check_files(version, info)
    final = version.models / "merged"
    commit_folder(final, lambda folder: _write_merged(version, info, folder))
    return final


def check_files(version: VersionFolder, info: dict[str, Any]) -> None:
    """Compare every model file with the hash its commit recorded."""
    for relative, expected in info["files"].items():
        path = version.task.root / relative
        if not path.is_file() or sha256_file(path) != expected:
            raise DeploymentError(
                Text(f"{path} is not the file {version.name} was committed with.",
                     f"{path} 與 {version.name} 定版時的檔案不同。"),
                Text("Restore it from a copy, or train the version again from its snapshot (reproduce).",
                     "請從備份還原，或用快照重新訓練這個版本（reproduce）。"),
                field="version",
            )


def _write_merged(version: VersionFolder, info: dict[str, Any], folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    root = version.task.root
    own = root / (info["adapter"] or info["model"])
    source = info["base_model"]["path"] if info["adapter"] else str(own)
    dtype = torch.float32 if not torch.cuda.is_available() else "auto"
    model: Any = AutoModelForCausalLM.from_pretrained(source, dtype=dtype)
    if info["adapter"]:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(own)).merge_and_unload()
    # The tokenizer saved with the training carries the chat template the model was trained with.
    tokenizer = AutoTokenizer.from_pretrained(str(own) if (own / "tokenizer_config.json").is_file() else source)
    settings = model.generation_config
    settings.do_sample, settings.temperature, settings.top_p, settings.top_k = False, None, None, None
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
