"""The merged model on a disk that is too small for it: told, and nothing of it is left."""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nlp_skills.resources.foundation.errors import MissingRequirement, WorkspaceError
from nlp_skills.resources.foundation.files import write_json
from nlp_skills.resources.task import Task, TaskFolder
from nlp_skills.resources.version import VersionFolder, reserve_version
from nlp_skills.tools.deploy.target import target
from nlp_skills.tools.evaluate.merge import merged_model
from nlp_skills.tools.evaluate.model import load_for_inference
from tests.tiny_model import build_tiny_model

pytestmark = pytest.mark.worker

BESIDE_WEIGHTS = 16 * 1024  # too little for the tokenizer, which is written after them


@pytest.fixture
def roomy(tmp_path: Path) -> VersionFolder:
    task = TaskFolder(tmp_path / "workspace" / "mood")
    task.root.mkdir(parents=True)
    task.save(Task(name="mood", labels=["good", "bad"]))
    folder = reserve_version(task)
    base = build_tiny_model(tmp_path / "tiny", hidden=64)
    write_json(folder.model_info_file, {"adapter": None, "model": str(base), "files": {}})
    folder.models.mkdir(parents=True)
    return folder


@pytest.fixture
def version(roomy: VersionFolder) -> Iterator[VersionFolder]:
    """A version whose models stand on a small disk of their own."""
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", roomy.models], check=False, capture_output=True
    )
    if made.returncode:
        pytest.skip("no file system can be mounted here")
    yield roomy
    subprocess.run(["umount", "-l", roomy.models], check=False)


def resize_vocabulary(folder: VersionFolder, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", folder.models], check=True)


def test_a_disk_without_room_is_told_before_and_one_that_fills_up_while_it_is_written(version: VersionFolder) -> None:
    weights = (Path(version.model_info().place) / "model.safetensors").stat().st_size
    with pytest.raises(WorkspaceError) as small:
        merged_model(version)
    assert "merged model needs up to" in small.value.problem.en and "tidy" in small.value.fix.en
    resize_vocabulary(version, weights + BESIDE_WEIGHTS)
    with pytest.raises(WorkspaceError) as full:
        merged_model(version)
    assert "The disk is full" in full.value.problem.en and "磁碟已滿" in full.value.problem.zh
    assert list(version.models.iterdir()) == []
    resize_vocabulary(version, 4 * weights + 4_000_000)
    assert (merged_model(version) / "model.safetensors").is_file()


def test_merging_leaves_the_gpu_to_the_job_that_has_it(roomy: VersionFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("here a GPU would be used without a word")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(Exception, match=r"(?i)cuda|nvidia"):
        load_for_inference(Path(roomy.model_info().place))
    assert (merged_model(roomy) / "model.safetensors").is_file()


def test_what_is_missing_is_named_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    look = importlib.util.find_spec
    for name, settings, lacking, extra in (
        ("local", {}, "uvicorn", "train"),
        ("merged", {}, "torch", "train"),
        ("gguf", {}, "xllamacpp", "gguf"),
        ("vllm", {"lora": False}, "peft", "train"),
    ):
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda wanted, gone=lacking: None if wanted == gone else look(wanted)
        )
        with pytest.raises(MissingRequirement) as told:
            target(name, settings).check(Task(name="mood"))
        assert lacking in told.value.problem.en and f"-m pip install 'nlp-skills[{extra}]'" in told.value.fix.zh
