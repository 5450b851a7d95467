"""The model as it is shipped: adapter folded into its base, tokenizer and greedy generation settings beside it."""

from __future__ import annotations

from pathlib import Path

from ...resources.files import commit_folder
from ...resources.version import VersionFolder
from .model import load_for_inference, version_paths


def merged_place(version: VersionFolder) -> Path:
    """Where the version's merged model stands, once it was needed."""
    return version.models / "merged"


def merged_model(version: VersionFolder) -> Path:
    """The folder `models/vN/merged`, built on first need; whole or not there at all.

    It is loaded as evaluation loads it, so what is shipped is what was measured.

    Raises:
        EvaluationError: the version is not trained, or its files no longer match the hashes of its commit.
    """
    paths = version_paths(version)
    final = merged_place(version)

    def fill(folder: Path) -> None:
        loaded = load_for_inference(paths.base, paths.adapter)
        settings = loaded.model.generation_config
        settings.do_sample, settings.temperature, settings.top_p, settings.top_k = False, None, None, None
        settings.eos_token_id, settings.pad_token_id = list(loaded.end_ids), loaded.pad_id
        loaded.model.save_pretrained(folder)
        loaded.tokenizer.save_pretrained(folder)

    commit_folder(final, fill)
    return final
