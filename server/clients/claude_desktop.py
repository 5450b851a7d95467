"""Claude Desktop: one file for the person, none for a project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from ...resources.foundation.language import Text
from ..client import Client, ClientError, Place

_OFFICIAL_PACKAGE = "Claude_pzs8sxrjxfjjc"


class ClaudeDesktop(Client):
    title = "Claude Desktop"
    afterwards = Text(
        "Quit Claude Desktop completely (menu or tray icon → Quit) and open it again; the + button then shows "
        "nlp-skills and its prompts.",
        "請完全結束 Claude Desktop（選單或系統列圖示 → 結束）再重新開啟；之後按 + 就看得到 nlp-skills 和它的提示。",
    )

    def file(self, place: Place, project: PurePath | None = None) -> PurePath:
        if project is not None:
            raise ClientError(
                Text(
                    "Claude Desktop has one configuration for everything, none for a project.",
                    "Claude Desktop 只有一份共用的設定，沒有個別專案的設定。",
                ),
                Text(
                    "Leave out --project, or choose claude-code, vscode or cursor.",
                    "請拿掉 --project，或改用 claude-code、vscode、cursor。",
                ),
                field="project",
            )
        return _folder(place) / "claude_desktop_config.json"

    def signs(self, place: Place) -> Sequence[PurePath]:
        return [_folder(place), type(place.home)("/Applications/Claude.app")]


def _folder(place: Place) -> PurePath:
    """The app's data; as an MSIX package on Windows it reads a redirected folder, never `%APPDATA%\\Claude`
    (github.com/anthropics/claude-code/issues/26073)."""
    packages = [name for name in place.packages if name.startswith("Claude_")]
    if place.system == "windows" and packages:
        package = _OFFICIAL_PACKAGE if _OFFICIAL_PACKAGE in packages else packages[0]
        return place.local_data() / "Packages" / package / "LocalCache" / "Roaming" / "Claude"
    return place.application_data() / "Claude"
