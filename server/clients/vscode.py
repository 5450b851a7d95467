"""Visual Studio Code: `mcp.json` of the person's profile, or of a workspace; comments are allowed in both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from ...resources.foundation.language import Text
from ..client import Client, Place


class VSCode(Client):
    title = "VS Code"
    section = "servers"
    typed = True
    comments = True
    program = "code"
    afterwards = Text(
        "Run “MCP: List Servers” from the Command Palette, start nlp-skills and trust it; then open Chat in Agent mode "
        "(prompts: /mcp.nlp-skills.coach).",
        "請從命令選擇區執行「MCP: List Servers」，啟動並信任 nlp-skills；再用 Agent 模式開啟聊天"
        "（提示：/mcp.nlp-skills.coach）。",
    )

    def file(self, place: Place, project: PurePath | None = None) -> PurePath:
        if project is not None:
            return project / ".vscode" / "mcp.json"
        return place.application_data() / "Code" / "User" / "mcp.json"

    def signs(self, place: Place) -> Sequence[PurePath]:
        return [place.application_data() / "Code" / "User"]
