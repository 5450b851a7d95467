"""Installing into a client: shown first, asked, backed up, written in one place, and taken out again to the byte."""

from __future__ import annotations

import io
import json
import os
import shutil
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from nlp_skills.server.cli import main
from nlp_skills.server.client import Place, client_named
from nlp_skills.server.launch import command_line, passing_warning

OURS = "nlp-skills"
DESKTOP = (
    b'{\n    "globalShortcut": "Ctrl+Space",\n    "mcpServers": {\n        "github": {\n            "command": "npx",\n'
    b'            "env": {"GITHUB_TOKEN": "ghp_hunter2"}\n        }\n    },\n    "scale": 1.50\n}'
)
COMMENTED = (
    b'// our servers\r\n{\r\n\t"inputs": [], /* none yet */\r\n\t"servers": {\r\n\t\t// keep this one\r\n'
    b'\t\t"memory": { "command": "npx" }, // npx\r\n\t},\r\n}\r\n'
)
MARKED = '\ufeff{\n  "mcpServers": {}\n}\n'.encode()
PLAIN = b'{"numStartups": 7, "mcpServers": {"a": {"command": "x"}}, "userID": "u"}'
ORIGINALS = {"claude-desktop": DESKTOP, "vscode": COMMENTED, "cursor": MARKED, "claude-code": PLAIN}
posix = pytest.mark.skipif(sys.platform == "win32", reason="permission bits and links are POSIX's")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "家"
    folder.mkdir()
    for name in ("XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR", "APPDATA", "LOCALAPPDATA", "NLP_SKILLS_LANGUAGE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("PATH", str(folder / "bin"))
    monkeypatch.setenv("NLP_SKILLS_WORKSPACE", str(folder / "nlp-skills"))
    monkeypatch.setenv("NLP_SKILLS_HTTP_TOKEN", "never-written")
    return folder


def file_of(name: str, content: bytes | None = None, project: Path | None = None) -> Path:
    path = Path(client_named(name).file(Place.here(), project))
    if content is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return path


def install(name: str, *more: str) -> int:
    return main(["install", "--client", name, "--yes", *more])


def entry_in(name: str, content: bytes) -> dict[str, Any]:
    section = client_named(name).section
    lines = [line.partition("//")[0] for line in content.decode("utf-8-sig").splitlines()]
    text = "".join(lines).replace("/* none yet */", "").replace("},\t}", "}\t}").replace("},}", "}}")
    found: dict[str, Any] = json.loads(text.replace("\t},}", "\t}}").replace(",\t}", "}"))[section][OURS]
    return found


@pytest.mark.anyio
@pytest.mark.parametrize("name", ORIGINALS)
async def test_each_client_can_start_the_server_by_what_was_written_and_is_left_as_it_was(
    name: str, home: Path
) -> None:
    original = ORIGINALS[name]
    path = file_of(name, original)
    assert install(name) == 0
    written = path.read_bytes()
    entry = entry_in(name, written)
    assert Path(entry["command"]).is_absolute() and b"never-written" not in written
    bare = {"HOME": str(home), "PATH": "/usr/bin:/bin", **entry["env"]}  # a desktop application knows no more
    async with Client(StdioServerParameters(command=entry["command"], args=entry["args"], env=bare)) as client:
        assert "coach" in {tool.name for tool in (await client.list_tools()).tools}
    assert install(name, "--remove") == 0
    assert path.read_bytes() == original


@pytest.mark.parametrize("name", ["claude-code", "vscode", "cursor"])
def test_a_project_gets_a_file_of_its_own_and_loses_it_again(name: str, tmp_path: Path) -> None:
    project = tmp_path / "專案"
    project.mkdir()
    path = file_of(name, project=project)
    assert install(name, "--project", str(project)) == 0
    assert json.loads(path.read_bytes())[client_named(name).section][OURS]["args"] == command_line("serve")[1]
    assert install(name, "--project", str(project), "--remove") == 0
    assert not path.exists()


def test_only_our_entry_changes_and_a_dated_copy_is_kept() -> None:
    path = file_of("claude-desktop", DESKTOP)
    assert install("claude-desktop") == 0
    before, after = json.loads(DESKTOP), json.loads(path.read_bytes())
    assert after["mcpServers"].pop(OURS)["env"]["NLP_SKILLS_WORKSPACE"].endswith("nlp-skills")
    assert after == before and list(after) == list(before)
    assert b'"scale": 1.50\n}' in path.read_bytes()
    (backup,) = path.parent.glob("*.bak")
    assert backup.read_bytes() == DESKTOP and backup.name.startswith(f"{path.name}.20")


def test_comments_byte_order_marks_and_line_ends_stay() -> None:
    commented, marked = file_of("vscode", COMMENTED), file_of("cursor", MARKED)
    assert install("vscode") == install("cursor") == 0
    text = commented.read_bytes()
    for comment in (b"// our servers\r\n", b"/* none yet */", b"// keep this one\r\n", b"}, // npx\r\n"):
        assert comment in text
    assert text.count(b"\n") == text.count(b"\r\n")
    assert marked.read_bytes().startswith(b"\xef\xbb\xbf{")


@pytest.mark.parametrize("content", [None, b"", b"{}", b"{}\n", b'{"mcpServers": {}}', b'{\n\t"mcpServers": {\n\t}\n}'])
def test_little_or_nothing_before_is_little_or_nothing_after(content: bytes | None) -> None:
    path = file_of("cursor", content)
    assert install("cursor") == 0
    assert entry_in("cursor", path.read_bytes())["command"]
    assert install("cursor", "--remove") == 0
    assert (path.read_bytes() if path.exists() else None) == content


def test_a_second_time_there_is_nothing_to_change(capsys: pytest.CaptureFixture[str]) -> None:
    path = file_of("cursor", PLAIN)
    install("cursor")
    written, moment = path.read_bytes(), path.stat().st_mtime_ns
    capsys.readouterr()
    assert install("cursor") == 0
    assert "nothing to change" in capsys.readouterr().out
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (written, moment)
    assert len(list(path.parent.glob("*.bak"))) == 1
    assert install("cursor", "--remove") == install("cursor", "--remove", "--language", "zh-TW") == 0
    assert "不需要更動" in capsys.readouterr().out


def test_an_entry_is_brought_up_to_date_and_what_was_added_to_it_stays() -> None:
    mine = {"command": "/gone", "args": [], "env": {"HF_HOME": "/big"}, "disabled": True}
    path = file_of("cursor", json.dumps({"mcpServers": {OURS: mine, "b": {}}}, indent=1).encode())
    assert install("cursor") == 0
    entry = json.loads(path.read_bytes())["mcpServers"][OURS]
    assert entry["command"] == command_line()[0] and entry["disabled"] is True
    assert entry["env"]["HF_HOME"] == "/big" and "NLP_SKILLS_WORKSPACE" in entry["env"]


def test_taking_it_out_keeps_what_was_changed_since() -> None:
    path = file_of("claude-desktop", DESKTOP)
    install("claude-desktop")
    later = path.read_bytes().replace(b'"Ctrl+Space"', b'"Alt+Space"')
    path.write_bytes(later)
    assert install("claude-desktop", "--remove") == 0
    assert path.read_bytes() == DESKTOP.replace(b'"Ctrl+Space"', b'"Alt+Space"')


def test_a_file_of_megabytes_takes_seconds_not_minutes() -> None:
    rows = {f"/p/{number}": {"history": [{"display": "x" * 80, "n": 1}] * 20} for number in range(300)}
    original = json.dumps({"projects": rows, "numStartups": 7}, indent=2).encode()
    path = file_of("claude-code", original)
    began = time.process_time()
    assert install("claude-code") == install("claude-code", "--remove") == 0
    assert time.process_time() - began < 10
    assert path.read_bytes() == original


def test_exactly_the_lines_that_change_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    file_of("cursor", b'{\n  "mcpServers": {\n    "a": {}\n  },\n  "b": 1\n}\n')
    install("cursor")
    shown = capsys.readouterr().out.splitlines()
    diff = shown[shown.index(next(line for line in shown if line.startswith("+++"))) + 1 :]
    diff = diff[: diff.index("")]
    assert diff[:4] == ['   "mcpServers": {', '-    "a": {}', '+    "a": {},', '+    "nlp-skills": {']
    assert diff[-1] == "   }," and all(line.startswith("+") for line in diff[2:-1])


def test_the_change_is_shown_without_the_secrets_of_other_servers(capsys: pytest.CaptureFixture[str]) -> None:
    path = file_of("claude-code", b'{"mcpServers": {"g": {"env": {"TOKEN": "ghp_hunter2"}}}}')
    install("claude-code")
    shown = capsys.readouterr().out
    assert str(path) in shown and "+" in shown and '"nlp-skills"' in shown and "ghp_hunter2" not in shown
    assert b"ghp_hunter2" in path.read_bytes()
    assert "I want to train a model" in shown and ".bak" in shown


@pytest.mark.parametrize(
    ("typed", "status", "changes"),
    [("y\n", 0, True), ("好\n", 0, True), ("n\n", 1, False), ("\n", 1, False), ("", 1, False)],
)
def test_the_person_is_asked(typed: str, status: int, changes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    path = file_of("cursor", PLAIN)
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    assert main(["install", "--client", "cursor"]) == status
    assert (path.read_bytes() != PLAIN) is changes


def test_nothing_is_written_where_nobody_can_be_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file_of("cursor", PLAIN)
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert main(["install", "--client", "cursor"]) == 1
    assert "--yes" in capsys.readouterr().err and path.read_bytes() == PLAIN


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{\n  "mcpServers": {\n    "a": {}\n    "b": {}\n  }\n}', "line 4, column 5"),
        (b'{"mcpServers": {', "line 1, column 17"),
        (b'{"mcpServers": []}', "line 1, column 16: mcpServers"),
        (b'{"mcpServers": {"nlp-skills": "x"}}', "line 1, column 31: mcpServers.nlp-skills"),
        (b"[1]", "line 1, column 1:"),
        (b'{\n"a": "\xff"}', "not UTF-8 (line 2)"),
        ("{}".encode("utf-16"), "not UTF-8 (line 1)"),
        (b'{"mcpServers": {}} // mine', "column 20: there is a comment"),
    ],
)
def test_a_broken_file_is_left_alone_and_its_place_named(
    content: bytes, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file_of("claude-desktop", content)
    assert install("claude-desktop") == install("claude-desktop", "--remove") == 1
    told = capsys.readouterr().err
    assert says in told and str(path) in told and "Nothing was changed" in told and "--print" in told
    assert path.read_bytes() == content and list(path.parent.iterdir()) == [path]
    install("claude-desktop", "--language", "zh-TW")
    assert "沒有更動任何內容" in capsys.readouterr().err


def test_a_folder_in_the_files_place_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    path = file_of("cursor")
    path.mkdir(parents=True)
    assert install("cursor") == 1
    assert "there is a folder in its place" in capsys.readouterr().err


def test_a_file_in_the_folders_place_is_said(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / ".cursor").write_text("mine", encoding="utf-8")
    assert install("cursor") == 1
    assert "it is not a folder" in capsys.readouterr().err
    assert (home / ".cursor").read_text(encoding="utf-8") == "mine"


@posix
@pytest.mark.parametrize("which", [lambda path: path, lambda path: path.parent], ids=["file", "folder"])
def test_what_is_read_only_stays_untouched(which: Callable[[Path], Path], capsys: pytest.CaptureFixture[str]) -> None:
    path = file_of("cursor", PLAIN)
    mode = stat.S_IMODE(which(path).stat().st_mode)
    which(path).chmod(mode & ~0o222)
    try:
        assert install("cursor") == 1
        told = capsys.readouterr().err
    finally:
        which(path).chmod(mode)
    assert "read-only" in told and str(which(path)) in told
    assert path.read_bytes() == PLAIN and list(path.parent.iterdir()) == [path]


@posix
def test_a_link_stays_a_link_and_permissions_stay_as_they_are(home: Path) -> None:
    real = home / "dotfiles" / "mcp.json"
    real.parent.mkdir()
    real.write_bytes(PLAIN)
    real.chmod(0o600)
    link = file_of("cursor")
    link.parent.mkdir()
    link.symlink_to(real)
    assert install("cursor") == 0
    assert link.is_symlink() and OURS in json.loads(real.read_bytes())["mcpServers"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in real.parent.iterdir()} == {0o600}
    assert install("cursor", "--remove") == 0
    assert link.is_symlink() and real.read_bytes() == PLAIN


@posix
def test_a_link_that_leads_in_a_circle_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    link = file_of("cursor")
    link.parent.mkdir()
    link.symlink_to(link)
    assert install("cursor") == 1
    assert "cannot be read" in capsys.readouterr().err


def test_what_another_program_wrote_meanwhile_is_not_overwritten(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file_of("cursor", PLAIN)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            path.write_bytes(DESKTOP)  # while the person reads what would change
            return True

    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert main(["install", "--client", "cursor"]) == 1
    assert "changed by another program" in capsys.readouterr().err and path.read_bytes() == DESKTOP


FAKE_CLAUDE = f"""#!{sys.executable}
import json, os, pathlib, sys
file = pathlib.Path(os.environ["HOME"], ".claude.json")
content = json.loads(file.read_text()) if file.is_file() else {{}}
servers = content.setdefault("mcpServers", {{}})
what, name = sys.argv[2:4]
if what == "add-json" and name in servers:
    sys.exit("already exists")
if os.environ.get("BROKEN"):
    sys.exit("cannot today")
servers.pop(name, None) if what == "remove" else servers.update({{name: json.loads(sys.argv[4])}})
file.write_text(json.dumps(content, indent=2))
"""


@posix
def test_claude_code_changes_its_own_file_where_its_command_is_found(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = home / "bin" / "claude"
    program.parent.mkdir()
    program.write_text(FAKE_CLAUDE, encoding="utf-8")
    program.chmod(0o755)
    path = file_of("claude-code", b'{"numStartups": 7, "mcpServers": {"nlp-skills": {"command": "/old"}}}')
    assert install("claude-code") == 0
    shown = capsys.readouterr().out
    assert "mcp add-json nlp-skills" in shown and str(program) in shown
    content = json.loads(path.read_bytes())
    assert content["numStartups"] == 7 and content["mcpServers"][OURS]["type"] == "stdio"
    assert len(list(home.glob(".claude.json.*.bak"))) == 1
    monkeypatch.setenv("BROKEN", "1")
    assert install("claude-code", "--remove") == 1
    assert "cannot today" in capsys.readouterr().err
    monkeypatch.delenv("BROKEN")
    assert install("claude-code", "--remove") == 0
    assert OURS not in json.loads(path.read_bytes())["mcpServers"]


def test_without_a_client_those_of_this_machine_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    file_of("claude-desktop", DESKTOP)
    install("cursor")
    file_of("vscode", b"{")
    capsys.readouterr()
    assert main(["install"]) == 0
    lines = capsys.readouterr().out
    assert "[ ! ] not configured yet  Claude Desktop" in lines and "install --client claude-desktop" in lines
    assert "[ok] configured  Cursor" in lines and "[ - ] not found here  Claude Code" in lines
    assert "[ X ]  VS Code" in lines and "line 1, column 2" in lines


def test_the_doctor_says_which_clients_have_it_and_whose_start_command_is_gone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    file_of("claude-desktop", DESKTOP)
    install("cursor")
    file_of("claude-code", b'{"mcpServers": {"nlp-skills": {"command": "/gone/nlp-skills"}}}')
    main(["doctor"])
    told = capsys.readouterr().out
    assert "Configured in: Claude Code, Cursor" in told
    assert "/gone/nlp-skills" in told and "--client claude-code" in told
    assert "Not configured yet in: Claude Desktop" in told


@pytest.mark.parametrize(
    ("switches", "told"),
    [
        ('{"enabledPlugins": {"nlp-skills@nlp-skills": true}}', "Configured in: Claude Code (plugin)"),
        ('{"enabledPlugins": {"nlp-skills@nlp-skills": false}}', "Not configured yet in: Claude Code"),
        ('{"enabledPlugins": ["what is this"]}', "Not configured yet in: Claude Code"),
        ("{", "Not configured yet in: Claude Code"),
    ],
)
def test_the_plugin_counts_as_configured_where_it_is_switched_on(
    home: Path, switches: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / ".claude").mkdir()
    (home / ".claude" / "settings.json").write_text(switches, encoding="utf-8")
    main(["doctor"])
    assert told in capsys.readouterr().out
    install("claude-code")
    assert ("one of the two is enough" in capsys.readouterr().out) is told.endswith("(plugin)")


def test_a_project_that_is_no_folder_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert install("cursor", "--project", str(tmp_path / "gone")) == 1
    assert "is not a folder" in capsys.readouterr().err


def test_a_passing_environment_is_warned_of_and_a_lasting_one_is_not() -> None:
    warning = passing_warning("/home/mei/.cache/uv/archive-v0/Ab3/bin/python")
    assert warning and "uv tool install" in warning.en and "uv tool install" in warning.zh
    assert passing_warning("/home/mei/.local/share/uv/tools/nlp-skills/bin/python") is None
    assert passing_warning("/home/mei/.local/share/pipx/venvs/nlp-skills/bin/python") is None


def test_the_script_beside_the_running_interpreter_is_what_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "uv" / "tools" / "nlp-skills" / "bin"
    folder.mkdir(parents=True)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    assert command_line("serve") == (str(folder / "python"), ["-P", "-m", "nlp_skills.server.cli", "serve"])
    script = folder / ("nlp-skills.exe" if sys.platform == "win32" else "nlp-skills")
    shutil.copyfile(os.devnull, script)
    assert command_line("serve") == (str(script), ["serve"])
