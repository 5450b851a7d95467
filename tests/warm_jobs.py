"""Jobs as processes of their own, forked from one that has read the libraries: most of a small job's time is that."""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

_SERVER = Path(__file__).with_name("warm_server.py")
_LIGHT = (
    "nlp_skills.tools.data.fetch",
    "nlp_skills.tools.data.preparing",
    "nlp_skills.tools.compute.jobs.task_script",
    "openpyxl",
)
_TRAINING = (
    *_LIGHT,
    "transformers",
    "transformers.modeling_utils",
    "peft",
    "trl.trainer.sft_trainer",
    "sklearn.linear_model",
)
# What asks the network reads at its import where the Hub is.
_COLD = ("HF_ENDPOINT", "HF_HUB_OFFLINE")


class WarmProcess:
    """`python COMMAND`; what the server asks of it is its number and its end."""

    def __init__(self, python: str, command: list[str], folder: Path, environment: dict[str, str], output: str) -> None:
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(_server(python))
        asked = {"command": command, "folder": str(folder), "environment": environment, "output": output}
        self._connection.sendall(json.dumps(asked).encode() + b"\n")
        self.pid = int(self._connection.recv(16))

    def wait(self) -> None:
        with self._connection:
            self._connection.recv(1)


def starts_warm(command: list[str], environment: dict[str, str], pythons: set[str]) -> bool:
    """Whether this command may be run by a process that has read the libraries before it was asked."""
    return command[0] in pythons and not any(name in environment for name in _COLD)


_running: list[subprocess.Popen[str]] = []


@cache
def _server(python: str) -> str:
    """Where the warm process of this interpreter listens; it is started at the first need and ends with the tests."""
    address = str(Path(tempfile.mkdtemp(prefix="warm-")) / "socket")
    modules = _LIGHT if python == sys.executable else _TRAINING
    package = str(Path(__file__).parents[1] / ".dev")
    process = subprocess.Popen(
        [python, _SERVER, address, *modules],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": package, "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1"},
        start_new_session=True,
    )
    assert process.stdin and process.stdout
    with process.stdout:
        assert process.stdout.readline() == "ready\n"
    atexit.register(process.communicate)  # closes its input, and waits until it has ended
    _running.append(process)
    return address
