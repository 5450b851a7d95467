"""What keeps a version from becoming a GGUF file, told so that it can be fixed; what was good stays good."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.errors import DeploymentError, MissingRequirement, WorkspaceError
from nlp_skills.resources.foundation.files import read_json, write_json
from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.task import Task, TaskFolder
from nlp_skills.resources.version import VersionFolder, reserve_version
from nlp_skills.tools.compute.environments.fingerprint import model_files
from nlp_skills.tools.compute.environments.package import NotFetched, Package
from nlp_skills.tools.compute.jobs.running import RunningJob
from nlp_skills.tools.deploy import llama_cpp as source
from nlp_skills.tools.deploy.gguf import gguf_file, split_of
from nlp_skills.tools.evaluate import merge

pytestmark = pytest.mark.worker


@pytest.fixture
def version(tiny_model: Path, tmp_path: Path) -> VersionFolder:
    """A version whose merged model already exists."""
    task = TaskFolder(tmp_path / "workspace" / "mood")
    task.root.mkdir(parents=True)
    task.save(Task(name="mood", labels=["good", "bad"]))
    folder = reserve_version(task)
    merged = folder.models / "merged"
    merged.mkdir(parents=True)
    for path in tiny_model.iterdir():
        (merged / path.name).write_bytes(path.read_bytes())
    record_merged(folder)
    write_json(folder.model_info_file, {"adapter": None, "model": str(merged.relative_to(task.root)), "files": {}})
    return folder


@pytest.fixture
def job(version: VersionFolder) -> RunningJob:
    folder = JobFolder(version.task.jobs / "20260101-000000-000-deploy-test")
    folder.root.mkdir(parents=True)
    return RunningJob(folder, version.task, by_hand=False)


def record_merged(version: VersionFolder) -> None:
    """The merged model counts as the one that was built, as it stands."""
    write_json(version.root / "merged.json", {"format": 1, "files": model_files(version.models / "merged", "afresh")})


def change_file(version: VersionFolder, name: str, change: dict[str, Any]) -> None:
    path = version.models / "merged" / name
    path.write_text(json.dumps({**read_json(path), **change}), encoding="utf-8")
    record_merged(version)


def leftovers(version: VersionFolder) -> list[Path]:
    return [path for path in (version.models / "gguf").glob("*") if path.suffix != ".json"]


def test_the_way_a_tokenizer_splits_is_found_and_the_file_is_built_once(
    version: VersionFolder, job: RunningJob, llama_cpp: Path
) -> None:
    assert split_of(version.models / "merged") == "gpt-2"
    file = gguf_file(version, "f16", job)
    built = file.stat().st_mtime_ns
    assert gguf_file(version, "f16", job).stat().st_mtime_ns == built
    file.write_bytes(file.read_bytes()[:-1])  # changed by hand: built anew
    assert gguf_file(version, "f16", job).stat().st_mtime_ns != built


def test_an_architecture_without_gguf_names_where_else_to_go(
    version: VersionFolder, job: RunningJob, llama_cpp: Path
) -> None:
    change_file(version, "config.json", {"architectures": ["Qwen9ForCausalLM"]})
    with pytest.raises(DeploymentError) as refused:
        gguf_file(version, "f16", job)
    assert "no GGUF form for Qwen9ForCausalLM" in refused.value.problem.en and "vllm" in refused.value.fix.en
    assert leftovers(version) == []


def test_an_unknown_tokenizer_asks_for_its_family(version: VersionFolder, job: RunningJob, llama_cpp: Path) -> None:
    tokenizer = version.models / "merged" / "tokenizer.json"
    pattern = {"type": "Split", "pattern": {"Regex": r"\w+"}, "behavior": "Isolated", "invert": False}
    content = read_json(tokenizer)
    bytes_of = {**content["pre_tokenizer"], "use_regex": False}
    change_file(
        version, "tokenizer.json", {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [pattern, bytes_of]}}
    )
    assert split_of(version.models / "merged") is None
    with pytest.raises(DeploymentError) as refused:
        gguf_file(version, "f16", job)
    assert refused.value.field == "settings.pre_tokenizer" and leftovers(version) == []
    assert gguf_file(version, "f16", job, pre_tokenizer="qwen2").is_file()


def test_a_disk_without_room_is_told_before_anything_is_written(
    version: VersionFolder, job: RunningJob, llama_cpp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "free_disk", lambda _path: 10)
    with pytest.raises(WorkspaceError) as refused:
        gguf_file(version, "f16", job)
    assert "tidy" in refused.value.fix.en and leftovers(version) == []


def test_a_folder_without_the_converter_is_named(
    version: VersionFolder, job: RunningJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMA_CPP", str(tmp_path))
    with pytest.raises(MissingRequirement) as refused:
        gguf_file(version, "f16", job)
    assert refused.value.field == "LLAMA_CPP"
    # Where it is nowhere and cannot be fetched, the person is told how to bring it.
    monkeypatch.delenv("LLAMA_CPP", raising=False)
    monkeypatch.setenv("NLP_SKILLS_CACHE", str(tmp_path / "cache"))

    def fetch(package: Package, _place: Path) -> Path:
        raise NotFetched(f"other.tar.gz: sha256 is not {package.sha256}")

    monkeypatch.setattr(source, "fetch_package", fetch)
    with pytest.raises(MissingRequirement) as refused:
        gguf_file(version, "f16", job)
    assert "sha256" in refused.value.problem.en and "LLAMA_CPP" in refused.value.fix.en
    assert not list((tmp_path / "cache").glob("llama*"))
