"""Claude Code: the person's `~/.claude.json` through its own command where that is found, or a project's `.mcp.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from ...resources.foundation.language import Text
from ..client import SERVER_NAME, Client, Place

_SHELL_SCRIPTS = (".cmd", ".bat", ".ps1")  # a shell between us and the program would mangle JSON


class ClaudeCode(Client):
    title = "Claude Code"
    typed = True
    program = "claude"
    afterwards = Text(
        "Start a new session with `claude`; /mcp shows nlp-skills, and /mcp__nlp-skills__coach begins. For the commands "
        "by name (/nlp-skills:coach …), agents, skills and hooks build the plugin: nlp-skills plugin DIR.",
        "請用 `claude` 開新的工作階段；/mcp 會列出 nlp-skills，輸入 /mcp__nlp-skills__coach 就能開始。想要用名稱下指令"
        "（/nlp-skills:coach …）以及助手、技能與 hooks，請建立外掛：nlp-skills plugin DIR。",
    )

    def file(self, place: Place, project: PurePath | None = None) -> PurePath:
        if project is not None:
            return project / ".mcp.json"
        folder = place.environment.get("CLAUDE_CONFIG_DIR")
        return (type(place.home)(folder) if folder else place.home) / ".claude.json"

    def signs(self, place: Place) -> Sequence[PurePath]:
        return [self.file(place), place.home / ".claude"]

    def plugin_settings(self, place: Place) -> PurePath | None:
        folder = place.environment.get("CLAUDE_CONFIG_DIR")
        return (type(place.home)(folder) if folder else place.home / ".claude") / "settings.json"

    def own_commands(self, program: str | None, entry: Mapping[str, Any] | None, replaces: bool) -> list[list[str]]:
        if program is None or program.lower().endswith(_SHELL_SCRIPTS):
            return []
        removing = [program, "mcp", "remove", SERVER_NAME, "--scope", "user"]
        if entry is None:
            return [removing]
        adding = [program, "mcp", "add-json", SERVER_NAME, json.dumps(entry, ensure_ascii=False), "--scope", "user"]
        return [removing, adding] if replaces else [adding]
