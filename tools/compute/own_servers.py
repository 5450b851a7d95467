"""The servers that are ours to ask without anybody's permission: what was deployed from here, and the person's Ollama."""

from __future__ import annotations

import os
from itertools import pairwise
from urllib.parse import urlsplit

from ...resources.job import JobFolder
from ...resources.workspace import Workspace

OLLAMA_VARIABLE = "OLLAMA_HOST"
_OLLAMA_PORT = 11434
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def ollama_url() -> str:
    """Where Ollama listens: `OLLAMA_HOST`, else this machine."""
    named = (os.environ.get(OLLAMA_VARIABLE) or "").strip().rstrip("/")
    if not named or named.startswith("0.0.0.0"):
        named = named.replace("0.0.0.0", "127.0.0.1") or "127.0.0.1"
    if "://" not in named:
        named = f"http://{named}"
    return named if urlsplit(named).port or named.startswith("https") else f"{named}:{_OLLAMA_PORT}"


def is_own_server(host: str, port: int, workspace: Workspace | None = None) -> bool:
    """Whether Ollama listens at that host and port, or an endpoint that was started from here."""
    ollama = urlsplit(ollama_url())
    if (host, port) == (ollama.hostname, ollama.port or 443):
        return True
    if host not in _LOOPBACK:
        return False
    if ollama.hostname in _LOOPBACK and port == ollama.port:
        return True
    started = (JobFolder(entry).spec() for entry in (workspace or Workspace()).jobs.glob("*-serve-*"))
    return any(spec.kind == "serve" and _port(spec.arguments) == port for spec in started)


def _port(arguments: list[str]) -> int | None:
    """What stands behind `--port`."""
    named = next((value for option, value in pairwise(arguments) if option == "--port"), "")
    return int(named) if named.isdigit() else None
