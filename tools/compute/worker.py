"""Which interpreter does the heavy work. The server's own environment stays light."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from ... import __version__
from ...resources.foundation.errors import MissingRequirement
from ...resources.foundation.files import read_json
from ...resources.foundation.language import Text
from ...resources.workspace import Workspace

WORKER_VARIABLE = "NLP_SKILLS_WORKER"


def find_worker(workspace: Workspace) -> Path | None:
    """The worker environment's interpreter: `NLP_SKILLS_WORKER`, else the one built for this workspace, else this
    interpreter when the training libraries stand beside it; None when there is none."""
    if named := os.environ.get(WORKER_VARIABLE):
        return Path(named) if Path(named).is_file() else None
    if built := built_worker(workspace):
        return built
    return Path(sys.executable) if importlib.util.find_spec("trl") else None


def worker_root(workspace: Workspace) -> Path:
    """Where worker environments are built: one folder each, and `current.json` naming the last one that was whole."""
    return workspace.root / ".nlp-skills" / "worker"


def built_worker(workspace: Workspace) -> Path | None:
    """The interpreter of the environment built for this workspace; one half built does not count, nor
    one that another version of nlp-skills built: jobs must run the code that the server speaks of."""
    try:
        current = read_json(worker_root(workspace) / "current.json")
    except FileNotFoundError:
        return None
    python = interpreter(worker_root(workspace) / current["folder"])
    return python if python.is_file() and current["nlp_skills"] == __version__ else None


def interpreter(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def worker_python(workspace: Workspace) -> Path:
    """The worker environment's interpreter.

    Raises:
        MissingRequirement: none stands; names the tool call that builds it.
    """
    if found := find_worker(workspace):
        return found
    if named := os.environ.get(WORKER_VARIABLE):
        raise MissingRequirement(
            Text(
                f"{WORKER_VARIABLE} names {named}, and there is no interpreter there.",
                f"{WORKER_VARIABLE} 指向 {named}，但那裡沒有 Python。",
            ),
            Text(
                "Correct it, or unset it and call set_up(what='environment').",
                "請更正，或取消這個設定後呼叫 set_up(what='environment')。",
            ),
            field=WORKER_VARIABLE,
        )
    raise MissingRequirement(
        Text(
            "Training needs the worker environment (PyTorch, Transformers, TRL), and there is none yet.",
            "訓練需要工作環境（PyTorch、Transformers、TRL），目前還沒有建立。",
        ),
        Text(
            "Call set_up(what='environment') to see its size and build it.",
            "請呼叫 set_up(what='environment')，看過大小後建立。",
        ),
    )


def light_python(workspace: Workspace) -> Path:
    """The interpreter for stages that need no training library: the worker's where it stands, else this one."""
    return find_worker(workspace) or Path(sys.executable)
