"""The model as it is shipped: adapter folded into its base, tokenizer and greedy generation settings beside it."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from ...resources.foundation.errors import WorkspaceError
from ...resources.foundation.files import commit_folder, read_json, write_json
from ...resources.foundation.full_disk import full_disk
from ...resources.foundation.language import Text
from ...resources.version import VersionFolder
from ..compute.environments.fingerprint import Care, differing, model_files
from ..compute.hardware import free_disk
from ..compute.jobs.words import size
from .model import load_for_inference, version_paths


def merged_place(version: VersionFolder) -> Path:
    """Where the version's merged model stands, once it was needed."""
    return version.models / "merged"


def merged_model(version: VersionFolder, care: Care = "kept") -> Path:
    """The folder `models/vN/merged`, built on first need, and again where it is not as it was built; whole or not there
    at all. The hashes of its files stand with the version's commits, in `versions/vN/merged.json`.

    It is loaded as evaluation loads it, so what is shipped is what was measured; the GPU is left to others.

    Arguments:
        care: as for `version_paths`.

    Raises:
        EvaluationError: the version is not trained, or its files no longer match the hashes of its commit.
        WorkspaceError: the disk has no room for it, or became full.
    """
    paths = version_paths(version, care)
    final = merged_place(version)
    if final.is_dir() and not merged_as_built(version, care):
        aside = final.with_name(f".merged-{uuid.uuid4().hex[:8]}.tmp")
        final.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)

    def fill(folder: Path) -> None:
        loaded = load_for_inference(paths.base, paths.adapter, to_gpu=False)
        needed = sum(tensor.numel() * tensor.element_size() for tensor in loaded.model.parameters())
        check_room(needed, folder, Text("The merged model", "合併後的模型"))
        settings = loaded.model.generation_config
        settings.do_sample, settings.temperature, settings.top_p, settings.top_k = False, None, None, None
        settings.eos_token_id, settings.pad_token_id = list(loaded.end_ids), loaded.pad_id
        try:
            loaded.model.save_pretrained(folder)
            loaded.tokenizer.save_pretrained(folder)
        except Exception as error:
            if full := full_disk(error, final):
                raise full from error
            raise

    if not final.is_dir():
        commit_folder(final, fill)
        write_json(_record(version), {"format": 1, "files": model_files(final, "afresh")})
    return final


def merged_as_built(version: VersionFolder, care: Care = "kept") -> bool | None:
    """Whether the merged model is, file by file, the one that was built here; None where that was not recorded."""
    record = _record(version)
    if not record.is_file():
        return None
    return not differing(read_json(record)["files"], model_files(merged_place(version), care))


def _record(version: VersionFolder) -> Path:
    return version.root / "merged.json"


def check_room(needed: int, folder: Path, what: Text) -> None:
    """Raise `WorkspaceError` where the disk of that folder has fewer than `needed` bytes free."""
    if (free := free_disk(folder)) < needed:
        raise WorkspaceError(
            Text(
                "{what} needs up to {needed} of disk at {parent}; there are {free}.",
                "{what}在 {parent} 最多需要 {needed} 的空間，目前只有 {free}。",
            ).format(what=what, needed=size(needed), parent=folder.parent, free=size(free)),
            Text(
                "Free some space (manage_task with action='tidy' helps) and deploy again; what was live before still "
                "answers.",
                "請清出空間（可用 manage_task 的 action='tidy'），再部署一次；先前的部署仍在服務。",
            ),
        )
