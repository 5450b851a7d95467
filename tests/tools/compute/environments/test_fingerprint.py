"""A large file is read whole once, and again as soon as it may have changed; nothing beside it vouches for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nlp_skills.resources.foundation.files import sha256_file
from nlp_skills.tools.compute.environments import fingerprint
from nlp_skills.tools.compute.environments.fingerprint import file_hash, model_files, model_hash


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The names of the files that are read whole."""
    seen: list[str] = []

    def note_path(path: Path) -> str:
        seen.append(path.name)
        return sha256_file(path)

    monkeypatch.setattr(fingerprint, "sha256_file", note_path)
    monkeypatch.setattr(fingerprint, "_SETTLED_SECONDS", 0)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "account"))
    monkeypatch.setenv("APPDATA", str(tmp_path / "account"))
    return seen


def large(folder: Path, name: str = "model.safetensors") -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_bytes(b"weights" * 300_000)
    return file


def test_it_is_read_again_where_size_time_or_inode_changed_and_always_when_asked_to(
    read: list[str], tmp_path: Path
) -> None:
    file = large(tmp_path / "model")
    first = file_hash(file)
    assert file_hash(file) == first and read == [file.name]
    assert file_hash(file, "afresh") == first and len(read) == 2

    stamp = file.stat()
    noise = bytearray(file.read_bytes())
    noise[5] ^= 1
    file.write_bytes(noise)
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # as one that hides it would
    assert file_hash(file) != first

    other = large(tmp_path / "other")
    os.replace(other, file)
    assert file_hash(file) == first and model_files(tmp_path / "model") == {file.name: first}


def test_what_is_known_stands_in_the_account_and_not_in_the_models_folder(read: list[str], tmp_path: Path) -> None:
    file = large(tmp_path / "model")
    file_hash(file)
    assert list((tmp_path / "account").rglob("hashes/*.json"))
    assert [entry.name for entry in (tmp_path / "model").iterdir()] == [file.name]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_the_name_of_a_hub_blob_is_believed_for_estimates_alone(read: list[str], tmp_path: Path) -> None:
    blob = large(tmp_path / "blobs", "ab" * 32)
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    (snapshot / "model.safetensors").symlink_to(blob)
    assert file_hash(snapshot / "model.safetensors", "named") == "ab" * 32 and not read
    assert model_hash(snapshot) != model_hash(snapshot, "named") and read
