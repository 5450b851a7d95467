"""How a client starts this server: by absolute paths, because clients have a PATH of their own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..resources.foundation.json_object import JsonObject
from ..resources.foundation.language import Text
from ..tools.compute.worker import WORKER_VARIABLE
from .settings import Settings

_UVX_CACHES = ("archive-v", "environments-v", "builds-v")  # folders of uv's cache, which `uv cache clean` empties


def launch_entry(settings: Settings, *, typed: bool) -> JsonObject:
    """What a client's configuration says about this server: this installation and this workspace, never a secret.

    Arguments:
        typed: whether the client wants to read `"type": "stdio"`.
    """
    command, arguments = command_line("serve")
    entry = {"command": command, "args": arguments, "env": launch_environment(settings)}
    return {"type": "stdio", **entry} if typed else entry


def command_line(*arguments: str) -> tuple[str, list[str]]:
    """The absolute command that runs this installation with `arguments`: its script beside the interpreter that runs
    now (a virtual environment, pipx, `uv tool`), else that interpreter itself."""
    script = Path(sys.executable).with_name("nlp-skills.exe" if sys.platform == "win32" else "nlp-skills")
    if script.is_file():
        return str(script), [*arguments]
    return sys.executable, ["-P", "-m", "nlp_skills.server.cli", *arguments]


def launch_environment(settings: Settings) -> dict[str, str]:
    """The settings a client has to hand over, because it does not know the person's shell."""
    environment = {"NLP_SKILLS_WORKSPACE": str(settings.workspace), "PYTHONUTF8": "1"}
    if settings.language:
        environment["NLP_SKILLS_LANGUAGE"] = settings.language
    if worker := os.environ.get(WORKER_VARIABLE):
        environment[WORKER_VARIABLE] = str(Path(worker).absolute())
    return environment


def passing_warning(interpreter: str = sys.executable) -> Text | None:
    """What to say where the interpreter stands in a cache that may be emptied any day (`uvx`, `uv run --with`)."""
    parts = Path(interpreter).parts
    if not any(part.startswith(_UVX_CACHES) for part in parts):
        return None
    return Text(
        "This runs from uv's cache, which `uv cache clean` empties; for a permanent start command run `uv tool install "
        "nlp-skills` and install again.",
        "目前是從 uv 的快取執行，`uv cache clean` 之後就會消失；要有長久可用的啟動指令，請先執行 "
        "`uv tool install nlp-skills`，再安裝一次。",
    )
