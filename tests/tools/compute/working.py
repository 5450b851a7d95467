"""Jobs whose work the tests write themselves, run as real processes."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.task import TaskFolder
from tests.permissions import agree_to_script

HEAD = """
import sys, time, os, subprocess
from pathlib import Path
from nlp_skills.resources.foundation.language import Text
from nlp_skills.resources.foundation.errors import DataError, Cancelled
from nlp_skills.tools.compute.jobs.running import run_job
TASK = Path(__file__).resolve().parents[1]

def until(file):  # the test lets the work go on by creating a file
    deadline = time.monotonic() + 60
    while not (TASK / file).exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)

"""
FOOT = """
sys.exit(run_job("train", work, entry=["scripts/work.py"], arguments=sys.argv[1:], task=TASK, resumable=True))
"""


T = TypeVar("T")


def eventually(look: Callable[[], T | None], seconds: float = 30.0, every: float = 0.02) -> T:
    """What `look` gives as soon as it is true; looked at again after `every` seconds."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(every)
    return seen


def write_work(task: TaskFolder, body: str, head: str = "", kind: str = "train") -> Path:
    script = task.scripts / "work.py"
    work = "def work(job):\n" + textwrap.indent(textwrap.dedent(body).strip(), "    ") + "\n"
    foot = FOOT.replace('"train"', repr(kind))
    script.write_text(textwrap.dedent(head) + HEAD + work + foot, encoding="utf-8")
    return agree_to_script(script)


def kill_hard(folder: JobFolder) -> None:
    process = eventually(folder.process)
    process.kill()
    psutil.wait_procs([process], timeout=10)
