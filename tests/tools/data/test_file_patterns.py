"""Which files a pattern names, and that no pattern takes long."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from nlp_skills.resources.foundation.errors import DataSourceError
from nlp_skills.tools.data import file_patterns
from nlp_skills.tools.data.file_patterns import files_below, files_like

FILES = ["a.csv", "b.tsv", "x/a.csv", "x/y/a.csv", "x/y/z/b.csv", "w/a1.csv", "w/a2.csv", ".hidden/a.csv", "x/.a.csv"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).touch()
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.csv", ["a.csv"]),
        ("*/*.csv", ["w/a1.csv", "w/a2.csv", "x/a.csv"]),
        ("**/a.csv", ["a.csv", "x/a.csv", "x/y/a.csv"]),
        ("x/**/*.csv", ["x/a.csv", "x/y/a.csv", "x/y/z/b.csv"]),
        ("x/**", ["x/a.csv", "x/y/a.csv", "x/y/z/b.csv"]),
        ("**/y/**/b.csv", ["x/y/z/b.csv"]),
        ("w/a[12].csv", ["w/a1.csv", "w/a2.csv"]),
        ("w/a?.csv", ["w/a1.csv", "w/a2.csv"]),
        (".hid*/*.csv", [".hidden/a.csv"]),
        ("*/y/a.csv", ["x/y/a.csv"]),
        ("w/**/**/**/*1.csv", ["w/a1.csv"]),
        ("no/*.csv", []),
        ("**/*.csv/*", []),
        ("[", []),
        ("x**/a.csv", ["x/a.csv"]),
    ],
)
def test_a_pattern_names_what_it_does_in_a_shell(folder: Path, pattern: str, found: list[str]) -> None:
    assert sorted(str(file.relative_to(folder)) for file in files_like(folder / pattern, "sources[0]")) == sorted(found)


def test_a_folder_has_all_its_files_but_hidden_ones(folder: Path) -> None:
    assert sorted(str(file.relative_to(folder)) for file in files_below(folder, "x")) == sorted(
        name for name in FILES if "." not in (name[0], name.partition("/")[2][:1])
    )


def test_links_that_lead_in_circles_are_not_followed_for_ever(folder: Path) -> None:
    (folder / "x" / "back").symlink_to(folder, target_is_directory=True)
    assert len(files_below(folder, "x")) == 7
    assert [file.name for file in files_like(folder / "x/back/*.csv", "x")] == ["a.csv"]
    assert {file.name for file in files_like(folder / "x/*/*.csv", "x")} == {"a.csv"}


def test_a_folder_of_a_hundred_levels_and_a_pattern_that_multiplies_take_no_time(tmp_path: Path) -> None:
    place = tmp_path
    for _ in range(100):
        place = place / "a"
    place.mkdir(parents=True)
    began = time.process_time()
    assert files_like(tmp_path / ("**/a/" * 30 + "*.csv"), "x") == []
    assert time.process_time() - began < 2


def test_more_levels_than_any_folder_has_and_more_files_than_can_be_looked_at_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataSourceError, match="names 101 levels"):
        files_like(folder / ("*/" * 100 + "x"), "sources[0]")
    monkeypatch.setattr(file_patterns, "_MOST", 5)
    with pytest.raises(DataSourceError) as refused:
        files_below(folder, "sources[0]")
    assert "more than 5 files" in refused.value.problem.en and refused.value.field == "sources[0].path"
