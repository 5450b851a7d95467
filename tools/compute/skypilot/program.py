"""The `sky` program: where it is found or built, and how it is run."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ....resources.foundation.errors import JobError, MachineError, MissingRequirement
from ....resources.foundation.files import read_json, write_json
from ....resources.foundation.language import Text
from ....resources.foundation.reasons import reason_of
from ....resources.job import FAMILY_VARIABLE, JOB_VARIABLE
from ....resources.workspace import cache_folder
from ..jobs.redaction import without_secrets
from ..jobs.running import RunningJob
from ..worker import interpreter

VERSION = "0.14.1"
DOWNLOAD, DISK = 260_000_000, 1_100_000_000  # bytes, with the libraries of one cloud, as measured
_OLDEST = (0, 12)
_ASK_SECONDS = 90.0
_POLL_SECONDS = 0.5
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_TROUBLE = re.compile(r"(?i)error|fail|denied|not found|unable|invalid|no cloud|quota|insufficient|capacity")
_NOT_HANDED_ON = (
    JOB_VARIABLE,
    FAMILY_VARIABLE,
    "PYTHONPATH",
    "PYTHONSAFEPATH",
    "PYTHONUNBUFFERED",
    "VIRTUAL_ENV",
    "OMP_WAIT_POLICY",
    "__PYVENV_LAUNCHER__",
)
# What each kind of place needs beside SkyPilot itself; others have the name of their cloud.
_EXTRAS = {"k8s": "kubernetes"}


class Said(NamedTuple):
    """What a command answered: its exit status and all it printed, without colours."""

    code: int
    text: str

    def last(self, count: int = 3) -> str:
        """Its last lines that tell of trouble, else its last lines, on one line and without secrets."""
        lines = [line.strip(" │├└─✗⨯↺⚙︎") for line in self.text.splitlines() if line.strip()]
        told = [line for line in lines if _TROUBLE.search(line)] or lines
        return without_secrets(" ".join(told[-count:]))[:400]


class Program:
    """A `sky` that can be run.

    Arguments:
        command: what starts it.
    """

    def __init__(self, command: list[str]) -> None:
        self.command = command

    def ask(self, *arguments: str, seconds: float = _ASK_SECONDS) -> Said:
        """Run a command that ends soon.

        Raises:
            MachineError: it did not end in time, or could not be started.
        """
        with tempfile.TemporaryFile() as output:  # what it starts may outlive it and hold a pipe open
            try:
                done = subprocess.run(
                    [*self.command, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=seconds,
                    check=False,
                    env=_environment(),
                )
            except subprocess.TimeoutExpired as error:
                raise _silent(arguments[0]) from error
            except OSError as error:
                raise MachineError(
                    Text("{program} cannot be started: {reason}.", "無法啟動 {program}：{reason}。").format(
                        program=self.command[0], reason=reason_of(error)
                    ),
                    Text(
                        "Install SkyPilot again with set_up(what='machine', name=…, confirm=True).",
                        "請以 set_up(what='machine', name=…, confirm=True) 重新安裝 SkyPilot。",
                    ),
                    field="machine",
                ) from error
            return Said(done.returncode, _read(output))

    def ask_json(self, *arguments: str) -> Any:
        """The JSON that a command with `-o json` answers.

        Raises:
            MachineError: it failed, or answered something else.
        """
        said = self.ask(*arguments, "-o", "json")
        for begun in re.finditer(r"^[\[{]", said.text, re.MULTILINE):
            with contextlib.suppress(ValueError):
                return json.JSONDecoder().raw_decode(said.text, begun.start())[0]
        raise sky_error(arguments[0], said)

    def follow(self, job: RunningJob, tell: Callable[[str], None], *arguments: str) -> Said:
        """Run a long command, its output into the job's log and each line to `tell`; ended with the job.

        Raises:
            Cancelled: the person asked the job to stop; what the command began in SkyPilot's server goes on.
        """
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                [*self.command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_environment(),
            )
            seen = ""
            try:
                while True:
                    ended = process.poll() is not None
                    whole = _read(output)
                    whole = whole if ended else whole[: whole.rfind("\n") + 1]
                    for line in whole[len(seen) :].splitlines():
                        print(line, flush=True)
                        if line.strip():
                            tell(line.strip())
                    seen = whole
                    if ended:
                        return Said(process.returncode, whole)
                    job.check_cancelled()
                    time.sleep(_POLL_SECONDS)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()


def find_program() -> Program | None:
    """The person's own `sky` where its version will do, else the one built here."""
    own = shutil.which("sky")
    if own and _new_enough(own):
        return Program([own])
    built = _built_environment() / ("Scripts/sky.exe" if sys.platform == "win32" else "bin/sky")
    return Program([str(built)]) if (_built_environment() / "whole.json").is_file() and built.is_file() else None


def require_program(name: str, infra: str) -> Program:
    """The program, with what that infrastructure needs.

    Raises:
        MissingRequirement: it stands nowhere; names the call that installs it.
    """
    if (found := find_program()) and not lacks(found, infra):
        return found
    raise MissingRequirement(
        Text(
            f"{name} is rented through SkyPilot {VERSION}, which is not installed for {cloud_of(infra) or 'any cloud'}.",
            f"{name} 要透過 SkyPilot {VERSION} 租用，但還沒有安裝（{cloud_of(infra) or '任何雲端'}）。",
        ),
        Text(
            f"Call set_up(what='machine', name={name!r}, confirm=True): it goes into an environment of its own. Or: uv tool "
            f"install 'skypilot[{extra_of(infra)}]=={VERSION}'.",
            f"請呼叫 set_up(what='machine', name={name!r}, confirm=True)，會裝在獨立的環境裡；或執行 uv tool install "
            f"'skypilot[{extra_of(infra)}]=={VERSION}'。",
        ),
        field="machine",
    )


def lacks(program: Program, infra: str) -> str | None:
    """The extra that an environment built here has not got yet; the person's own is theirs to keep."""
    if program.command != [str(_built_environment() / "bin" / "sky")]:
        return None
    extra = extra_of(infra)
    return None if extra in read_json(_built_environment() / "whole.json")["extras"] else extra


def install(job: RunningJob, infra: str) -> Program:
    """Build the environment, or add to it what that infrastructure needs; with uv where it stands, else with pip.

    Raises:
        JobError: the installer failed; its last words are told.
    """
    place = _built_environment()
    before = read_json(place / "whole.json")["extras"] if (place / "whole.json").is_file() else []
    extras = sorted({*before, extra_of(infra)})
    python, uv = str(interpreter(place)), shutil.which("uv")
    wanted = f"skypilot[{','.join(extras)}]=={VERSION}"
    told = any(os.environ.get(name) for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"))
    steps = (
        [[uv, "venv", "--python", sys.executable, str(place)], [uv, "pip", "install", "--python", python, wanted]]
        if uv and not told
        else [
            [sys.executable, "-m", "venv", str(place)],
            [python, "-m", "pip", "install", "--progress-bar", "off", "--disable-pip-version-check", wanted],
        ]
    )
    for number, step in enumerate(steps if not before else steps[1:]):
        job.progress(number, len(steps), Text(f"installing SkyPilot {VERSION}", f"安裝 SkyPilot {VERSION}"), even=False)
        said = Program(step[:1]).follow(job, lambda line: None, *step[1:])
        if said.code:
            raise JobError(
                Text(f"SkyPilot could not be installed: {said.last()}", f"SkyPilot 安裝失敗：{said.last()}"),
                Text(
                    "Fix that and resume the job, or install it yourself so that `sky` is found on PATH.",
                    "排除後接續這個工作，或自行安裝，讓 PATH 找得到 sky。",
                ),
                field="machine",
            )
    write_json(place / "whole.json", {"format": 1, "version": VERSION, "extras": extras})
    found = find_program()
    assert found is not None
    return found


def cloud_of(infra: str) -> str:
    """`aws` of `aws/us-east-1/us-east-1a`."""
    return infra.partition("/")[0].lower()


def extra_of(infra: str) -> str:
    cloud = cloud_of(infra)
    return _EXTRAS.get(cloud, cloud) or "aws,gcp,runpod"


def sky_error(what: str, said: Said) -> MachineError:
    """SkyPilot's own words as an error."""
    return MachineError(
        Text(f"SkyPilot's `{what}` failed: {said.last()}", f"SkyPilot 的 {what} 失敗：{said.last()}"),
        Text(
            "Fix what it names; `sky check` in a terminal tells more. Then call the same tool again.",
            "請依其說明排除；在終端機執行 sky check 可看到更多。之後再呼叫同一個工具。",
        ),
        field="machine",
    )


def _silent(what: str) -> MachineError:
    return MachineError(
        Text(f"SkyPilot's `{what}` did not answer in time.", f"SkyPilot 的 {what} 沒有在時限內回應。"),
        Text(
            "Look at its server: sky api info; sky api stop restarts it at the next call.",
            "請檢查它的伺服器：sky api info；sky api stop 之後，下一次呼叫會重新啟動。",
        ),
        field="machine",
    )


def _built_environment() -> Path:
    return cache_folder() / f"skypilot-{VERSION}"


def _new_enough(program: str) -> bool:
    said = Program([program]).ask("--version", seconds=30)
    version = re.search(r"(\d+)\.(\d+)", said.text)
    return bool(version) and (int(version[1]), int(version[2])) >= _OLDEST if version else False


def _environment() -> dict[str, str]:
    """Without what names our job: SkyPilot's server outlives it."""
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_HANDED_ON}
    return {**kept, "SKYPILOT_DISABLE_USAGE_COLLECTION": "1", "NO_COLOR": "1", "COLUMNS": "240", "PYTHONUTF8": "1"}


def _read(output: Any) -> str:
    """All that was written; the place where the process writes on is shared, and stays."""
    written = os.pread(output.fileno(), os.fstat(output.fileno()).st_size, 0)
    return _COLOURS.sub("", written.decode(errors="replace").replace("\r", "\n"))
