"""Jobs as processes of their own, forked from one that has read the libraries: hundreds of them in a minute."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import warnings
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any


class WarmProcess:
    """`python COMMAND` in a process forked from a warm one; what the server asks of it is its number and its end."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str], output: str) -> None:
        warm = multiprocessing.get_context("forkserver")
        warm.set_forkserver_preload(
            [__name__, "nlp_skills.tools.data.fetch", "nlp_skills.tools.data.preparing", "openpyxl"]
        )
        self._process: BaseProcess = warm.Process(target=_run, args=(command, str(folder), environment, output))
        self._process.start()
        self.pid = self._process.pid

    def wait(self) -> Any:
        self._process.join()
        return self._process.exitcode


def _run(command: list[str], folder: str, environment: dict[str, str], output: str) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.stdout = sys.stderr = Path(output).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115
    warnings.simplefilter("ignore")
    if command[0] == "-m":
        sys.argv = [command[1], *command[2:]]
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = command
        sys.path.insert(0, str(Path(command[0]).resolve().parent))
        runpy.run_path(command[0], run_name="__main__")
