"""Where each client keeps its configuration, on all three systems."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

import pytest

from nlp_skills.server.client import ClientError, Place, client_named, clients

LINUX = Place("linux", PurePosixPath("/home/mei"))
MAC = Place("darwin", PurePosixPath("/Users/mei"), {"XDG_CONFIG_HOME": "/elsewhere"})
WINDOWS = Place(
    "windows",
    PureWindowsPath(r"C:\Users\陳美"),
    {"APPDATA": r"C:\Users\陳美\AppData\Roaming", "LOCALAPPDATA": r"C:\Users\陳美\AppData\Local"},
)
PROJECT = PurePosixPath("/srv/app")


def test_each_file_of_the_folder_is_a_client() -> None:
    assert sorted(clients()) == ["claude-code", "claude-desktop", "cursor", "vscode"]
    for name, client in clients().items():
        assert client.name == name and client.title and client.afterwards.en and client.afterwards.zh


@pytest.mark.parametrize(
    ("name", "place", "path"),
    [
        ("claude-desktop", LINUX, "/home/mei/.config/Claude/claude_desktop_config.json"),
        ("claude-desktop", MAC, "/Users/mei/Library/Application Support/Claude/claude_desktop_config.json"),
        ("claude-desktop", WINDOWS, r"C:\Users\陳美\AppData\Roaming\Claude\claude_desktop_config.json"),
        ("claude-code", LINUX, "/home/mei/.claude.json"),
        ("claude-code", MAC, "/Users/mei/.claude.json"),
        ("claude-code", WINDOWS, r"C:\Users\陳美\.claude.json"),
        ("vscode", LINUX, "/home/mei/.config/Code/User/mcp.json"),
        ("vscode", MAC, "/Users/mei/Library/Application Support/Code/User/mcp.json"),
        ("vscode", WINDOWS, r"C:\Users\陳美\AppData\Roaming\Code\User\mcp.json"),
        ("cursor", LINUX, "/home/mei/.cursor/mcp.json"),
        ("cursor", MAC, "/Users/mei/.cursor/mcp.json"),
        ("cursor", WINDOWS, r"C:\Users\陳美\.cursor\mcp.json"),
    ],
)
def test_the_persons_own_configuration(name: str, place: Place, path: str) -> None:
    assert str(client_named(name).file(place)) == path


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("claude-code", "/srv/app/.mcp.json"),
        ("vscode", "/srv/app/.vscode/mcp.json"),
        ("cursor", "/srv/app/.cursor/mcp.json"),
    ],
)
def test_a_projects_configuration(name: str, path: str) -> None:
    assert client_named(name).file(LINUX, PROJECT) == PurePosixPath(path)


def test_claude_desktop_has_none_for_a_project() -> None:
    with pytest.raises(ClientError, match="none for a project"):
        client_named("claude-desktop").file(LINUX, PROJECT)


@pytest.mark.parametrize(
    ("packages", "folder"),
    [
        (("Microsoft.Paint_8wekyb3d8bbwe", "Claude_pzs8sxrjxfjjc"), "Claude_pzs8sxrjxfjjc"),
        (("Claude_another", "Claude_pzs8sxrjxfjjc"), "Claude_pzs8sxrjxfjjc"),
        (("Claude_another",), "Claude_another"),
    ],
)
def test_claude_desktop_from_the_store_reads_its_packages_own_folder(packages: tuple[str, ...], folder: str) -> None:
    place = Place("windows", WINDOWS.home, WINDOWS.environment, packages)
    assert str(client_named("claude-desktop").file(place)) == (
        rf"C:\Users\陳美\AppData\Local\Packages\{folder}\LocalCache\Roaming\Claude\claude_desktop_config.json"
    )


@pytest.mark.parametrize(
    ("name", "place", "path"),
    [
        ("vscode", Place("linux", LINUX.home, {"XDG_CONFIG_HOME": "/data/config"}), "/data/config/Code/User/mcp.json"),
        ("vscode", Place("linux", LINUX.home, {"XDG_CONFIG_HOME": "relative"}), "/home/mei/.config/Code/User/mcp.json"),
        ("vscode", Place("windows", WINDOWS.home, {"APPDATA": r"D:\Profile"}), r"D:\Profile\Code\User\mcp.json"),
        ("vscode", Place("windows", WINDOWS.home), r"C:\Users\陳美\AppData\Roaming\Code\User\mcp.json"),
        ("claude-code", Place("linux", LINUX.home, {"CLAUDE_CONFIG_DIR": "/data/claude"}), "/data/claude/.claude.json"),
    ],
)
def test_variables_that_move_folders_are_followed(name: str, place: Place, path: str) -> None:
    assert str(client_named(name).file(place)) == path


def test_every_client_is_known_by_something_that_stands_where_it_is_installed() -> None:
    for place in (LINUX, MAC, WINDOWS):
        for client in clients().values():
            signs = client.signs(place)
            assert signs and all(isinstance(sign, type(place.home)) for sign in signs)


def test_an_unknown_client_is_answered_with_the_nearest() -> None:
    with pytest.raises(ClientError) as refused:
        client_named("claude-destkop")
    assert "claude-desktop" in refused.value.fix.en and "claude-desktop" in refused.value.fix.zh


@pytest.mark.parametrize("program", [None, r"C:\npm\claude.cmd"])
def test_claude_codes_own_command_is_left_out_where_it_is_missing_or_a_shell_script(program: str | None) -> None:
    assert client_named("claude-code").own_commands(program, {"command": "x"}, replaces=False) == []


def test_claude_code_is_told_to_replace_an_entry_by_removing_it_first() -> None:
    commands = client_named("claude-code").own_commands("/bin/claude", {"command": "x"}, replaces=True)
    assert [command[2] for command in commands] == ["remove", "add-json"]
    assert all(command[-2:] == ["--scope", "user"] for command in commands)
