"""What a person allows in a terminal, and the one question at installation."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlp_skills.resources.foundation.access import read_grants
from nlp_skills.server import personal_folders
from nlp_skills.server.cli import main


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose desktop has been translated and moved, and a person at the terminal."""
    monkeypatch.setenv("NLP_SKILLS_SECRETS_DIR", str(tmp_path / "account"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / ".config"))
    desktop = tmp_path / "drive" / "桌面"
    for folder in (desktop, tmp_path / "home" / ".config", tmp_path / "home" / "Downloads"):
        folder.mkdir(parents=True)
    (tmp_path / "home" / ".config" / "user-dirs.dirs").write_text(
        f'XDG_DESKTOP_DIR="{desktop}"\nXDG_DOCUMENTS_DIR="$HOME/"\nXDG_DOWNLOAD_DIR="$HOME/Downloads"\n',
        encoding="utf-8",
    )
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    return tmp_path / "home"


def test_a_folder_is_allowed_listed_and_taken_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    assert main(["allow", str(folder)]) == 0
    assert main(["allow"]) == 0 and str(folder) in capsys.readouterr().out
    assert main(["allow", "--remove", str(folder)]) == 0 and not read_grants().folders


def test_a_folder_that_is_not_there_is_not_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["allow", str(tmp_path / "absent")]) == 1
    assert "There is no folder" in capsys.readouterr().err


def test_a_host_and_a_secret_for_a_host_are_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["allow", "--host", "Intranet"]) == 0
    assert main(["secret", "allow", "API_KEY", "--host", "api.example.com"]) == 0
    assert (read_grants().hosts, read_grants().secrets) == (["intranet"], {"API_KEY": ["api.example.com"]})


def test_the_folders_people_use_are_found_where_they_were_moved_and_home_is_not_one(tmp_path: Path, home: Path) -> None:
    assert personal_folders.personal_folders() == [tmp_path / "drive" / "桌面", home / "Downloads"]


@pytest.mark.parametrize(
    ("answer", "status", "allowed"), [("y", 0, 2), ("好", 0, 2), ("c", 0, 0), ("", 1, 0), ("n", 1, 0)]
)
def test_installing_asks_one_question_for_the_change_and_for_them(
    answer: str, status: int, allowed: int, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answers(question: str) -> str:
        asked.append(question)
        return answer

    monkeypatch.setattr("builtins.input", answers)
    assert main(["install", "--client", "cursor"]) == status
    assert (len(asked), len(read_grants().folders)) == (1, allowed) and str(home / "Downloads") in asked[0]
    assert (home / ".cursor" / "mcp.json").exists() is (status == 0)
    main(["install", "--client", "cursor", "--remove"])
    main(["install", "--client", "cursor"])
    assert (str(home / "Downloads") in asked[-1]) is (status == 1)
