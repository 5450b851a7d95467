"""The command line, in its own process as a person starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from nlp_skills import __version__


def run(*arguments: str, typed: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nlp_skills.server.cli", *arguments],
        input=typed,
        text=True,
        encoding="utf-8",
        capture_output=True,
        timeout=60,
        env={**os.environ, "PYTHONUTF8": "1", **environment},
        check=False,
    )


def test_it_says_its_version() -> None:
    assert run("--version").stdout.strip() == f"nlp-skills {__version__}"


def test_its_help_is_in_both_languages_and_names_every_command() -> None:
    shown = run("--help").stdout
    assert "MCP server" in shown and "教練" in shown
    for command in ("serve", "demo", "doctor", "watch", "secret", "install", "plugin", "bundle", "hook"):
        assert command in shown


def test_a_wrong_command_is_answered_with_the_right_ones() -> None:
    wrong = run("sreve")
    assert wrong.returncode == 2 and "serve" in wrong.stderr


def test_a_wrong_setting_ends_it_with_one_readable_error(tmp_path: Path) -> None:
    wrong = run("serve", NLP_SKILLS_TOOLSETS="trian", NLP_SKILLS_WORKSPACE=str(tmp_path))
    assert wrong.returncode == 1 and wrong.stdout == ""
    assert "Did you mean train?" in wrong.stderr and "Traceback" not in wrong.stderr


def test_a_secret_is_stored_listed_and_removed_and_never_shown(tmp_path: Path) -> None:
    kept = {"NLP_SKILLS_SECRETS_DIR": str(tmp_path)}
    stored = run("secret", "set", "DB_PASSWORD", typed="hunter2secret\n", **kept)
    listed = run("secret", "list", **kept)
    removed = run("secret", "remove", "DB_PASSWORD", "--language", "zh-TW", **kept)
    again = run("secret", "remove", "DB_PASSWORD", "--language", "zh-TW", **kept)
    assert (stored.returncode, listed.stdout, removed.returncode) == (0, "DB_PASSWORD\n", 0)
    assert "已刪除 DB_PASSWORD" in removed.stdout
    assert again.returncode == 1 and "沒有儲存" in again.stderr
    assert "hunter2secret" not in stored.stdout + stored.stderr + listed.stdout


@pytest.mark.parametrize(
    ("client", "section"),
    [("claude-desktop", "mcpServers"), ("claude-code", "mcpServers"), ("cursor", "mcpServers"), ("vscode", "servers")],
)
def test_a_clients_configuration_names_this_installation_by_absolute_path(
    tmp_path: Path, client: str, section: str
) -> None:
    shown = run("install", "--client", client, "--print", NLP_SKILLS_WORKSPACE=str(tmp_path / "工作區"))
    entry = json.loads(shown.stdout)[section]["nlp-skills"]
    assert Path(entry["command"]).is_absolute() and Path(entry["command"]).is_file()
    assert entry["env"]["NLP_SKILLS_WORKSPACE"] == str(tmp_path / "工作區")
    started = subprocess.run(
        [entry["command"], *entry["args"], "--help"],
        capture_output=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert started.returncode == 0


def test_the_doctor_names_what_is_missing_and_what_brings_it(tmp_path: Path) -> None:
    nowhere = {"NLP_SKILLS_WORKSPACE": str(tmp_path), "NLP_SKILLS_WORKER": str(tmp_path / "gone")}
    english, chinese = run("doctor", **nowhere), run("doctor", "--language", "zh-TW", **nowhere)
    assert english.returncode == chinese.returncode == 1
    assert "NLP_SKILLS_WORKER names" in english.stdout and "→ Correct or unset it." in english.stdout
    assert "1 thing to fix" in english.stdout and "有 1 項需要修正" in chinese.stdout
    assert f"Workspace {tmp_path}: 0 tasks" in english.stdout


def test_the_doctor_asks_the_worker_for_the_libraries_it_needs(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    venv.create(bare, with_pip=False, symlinks=sys.platform != "win32")
    python = bare / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    asked = run("doctor", NLP_SKILLS_WORKER=str(python), NLP_SKILLS_WORKSPACE=str(tmp_path))
    assert asked.returncode == 1
    assert f"[ X ] The worker environment {python}" in asked.stdout and "set_up(what='environment')" in asked.stdout


@pytest.mark.skipif("NLP_SKILLS_WORKER" not in os.environ, reason="NLP_SKILLS_WORKER names no worker environment")
def test_the_doctor_finds_a_working_worker_well(tmp_path: Path) -> None:
    asked = run("doctor", NLP_SKILLS_WORKSPACE=str(tmp_path))
    assert asked.returncode == 0, asked.stdout
    assert "Worker environment" in asked.stdout and "trl 1." in asked.stdout
