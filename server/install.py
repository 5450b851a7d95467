"""The configuration a client needs to start this server: absolute paths, because clients have a PATH of their own."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Literal

from ..resources.language import Text
from ..tools.compute.worker import WORKER_VARIABLE
from .settings import Settings

Client = Literal["claude-desktop", "claude-code", "vscode", "cursor"]

_PLACES: dict[Client, Text] = {
    "claude-desktop": Text("Settings → Developer → Edit Config (claude_desktop_config.json)",
                           "設定 → 開發者 → 編輯設定（claude_desktop_config.json）"),
    "claude-code": Text(".mcp.json in your project", "專案裡的 .mcp.json"),
    "vscode": Text(".vscode/mcp.json in your project", "專案裡的 .vscode/mcp.json"),
    "cursor": Text("~/.cursor/mcp.json", "~/.cursor/mcp.json"),
}


def configuration(client: Client, settings: Settings) -> str:
    """The JSON that client reads, naming this installation and this workspace by absolute path."""
    command, arguments = command_line()
    entry: dict[str, Any] = {"command": command, "args": arguments, "env": _environment(settings)}
    if client in ("claude-code", "vscode"):
        entry = {"type": "stdio", **entry}
    section = "servers" if client == "vscode" else "mcpServers"
    return json.dumps({section: {"nlp-skills": entry}}, ensure_ascii=False, indent=2)


def where_it_goes(client: Client) -> Text:
    """Which file of the client takes that JSON."""
    place = _PLACES[client]
    return Text(f"Put this into {place.en}, then restart the client.", f"請貼進 {place.zh}，再重新啟動用戶端。")


def command_line() -> tuple[str, list[str]]:
    """The absolute command that starts this installation's server, and its arguments."""
    script = Path(sys.executable).with_name("nlp-skills.exe" if sys.platform == "win32" else "nlp-skills")
    if script.is_file():
        return str(script), ["serve"]
    return sys.executable, ["-m", "nlp_skills.server.cli", "serve"]


def _environment(settings: Settings) -> dict[str, str]:
    environment = {"NLP_SKILLS_WORKSPACE": str(settings.workspace), "PYTHONUTF8": "1"}
    if settings.language:
        environment["NLP_SKILLS_LANGUAGE"] = settings.language
    if worker := os.environ.get(WORKER_VARIABLE):
        environment[WORKER_VARIABLE] = str(Path(worker).absolute())
    return environment
