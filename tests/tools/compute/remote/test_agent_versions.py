"""What an earlier version left at work on a machine is followed and ended by this one: they meet in files, whose shapes stay."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.tools.compute.remote.agent.program import MARK
from nlp_skills.tools.compute.remote.sent_agent import agent_name, build_agent

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the agent runs on Linux machines")
RUN = "job-1"
WORK = "import time; print('at work', flush=True); time.sleep(60)"

# What every version writes of a process: its pid, its start in ticks since boot, and which boot.
EARLIER = """
import json, os, pathlib, subprocess, sys, time

def identity(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return json.dumps({"pid": pid, "started": 0.0, "ticks": int(fields[19]), "boot": boot, "status": fields[0]})

def begin(command, environment):
    with (job / "output.log").open("ab") as log:
        family = {"NLP_SKILLS_JOB_FAMILY": str(job)}
        return subprocess.Popen(command, env=os.environ | environment | family, stdout=log, start_new_session=True)

job = pathlib.Path(sys.argv[1])
"""
STARTING = """
process = begin(json.loads(sys.argv[2]), {})
(job / "pid").write_text(identity(process.pid))
(job / "attempt").write_text("the first")
"""
ATTENDING = """
(job / "attendant").write_text(identity(os.getpid()))
while not (job / "asked.json").is_file():
    time.sleep(0.1)
asked = json.loads((job / "asked.json").read_text())
process = begin(asked["command"], asked["environment"])
(job / "pid").write_text(identity(process.pid))
(job / "asked.json").unlink()
process.wait()
"""
Ask = Callable[..., dict[str, Any]]
Leave = Callable[..., None]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """A verb of this version's agent, run as it is sent: one file."""
    sent = tmp_path / agent_name()
    sent.write_bytes(build_agent())

    def ask(verb: str, **given: object) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-I", str(sent), verb, str(tmp_path)],
            input=json.dumps({"run": RUN, **given}),
            capture_output=True,
            text=True,
            check=True,
        )
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1].removeprefix(MARK))
        return answer

    return ask


@pytest.fixture
def leave(tmp_path: Path) -> Iterator[Leave]:
    """Let an earlier version's program do its part in the job's folder."""
    job = tmp_path / "runs" / RUN / "jobs" / RUN
    job.mkdir(parents=True)
    left: list[subprocess.Popen[bytes]] = []

    def leave(program: str, *arguments: str) -> None:
        left.append(subprocess.Popen([sys.executable, "-c", EARLIER + program, str(job), *arguments]))

    yield leave
    for process in left:
        process.kill()
        process.wait()


def wait_until(ask: Ask, reached: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    until = time.monotonic() + 30
    while not reached(seen := ask("look", events=0, log=0)):
        assert time.monotonic() < until, seen
    return seen


def test_a_run_that_an_earlier_version_started_is_followed_not_started_twice_and_ended(ask: Ask, leave: Leave) -> None:
    leave(STARTING, json.dumps([sys.executable, "-c", WORK]))
    seen = wait_until(ask, lambda seen: seen["log"] and seen["state"] == "running")
    assert base64.b64decode(seen["log"]) == b"at work\n"
    again = {"command": [sys.executable, "-c", "raise SystemExit(1)"], "environment": {}}
    assert ask("start", attempt="another", **again) == {"state": "running"}
    assert ask("cancel") == {"state": "cancelled"}


def test_an_earlier_version_s_attending_process_begins_what_this_one_asks_for(ask: Ask, leave: Leave) -> None:
    leave(ATTENDING)
    wait_until(ask, lambda seen: seen["attended"])
    asked = {"command": [sys.executable, "-c", WORK], "environment": {"PYTHONUTF8": "1"}, "attended": True}
    assert ask("start", attempt="the first", **asked) == {"state": "absent"}
    seen = wait_until(ask, lambda seen: seen["log"] and not seen["asked"])
    assert (seen["state"], seen["attended"]) == ("running", True)
    assert ask("cancel") == {"state": "cancelled"}
