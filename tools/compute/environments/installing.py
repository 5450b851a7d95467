"""What installs a worker environment: uv or pip, what they are asked for, and how their commands run."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from .... import __version__
from ....resources.foundation.errors import JobError
from ....resources.foundation.language import Text
from ....resources.foundation.reasons import reason_of
from ..hardware import Accelerator
from ..jobs.redaction import without_secrets
from ..worker import interpreter

_NAME = "nlp-skills"
_EXTRA = "train"
_POLL_SECONDS = 0.5
_KEPT_LINES = 40


def find_uv() -> str | None:
    """uv, as it told the processes it started, or on the path."""
    named = os.environ.get("UV")
    return named if named and Path(named).is_file() else shutil.which("uv")


def own_requirement() -> list[str]:
    """The installer's arguments that bring this same nlp-skills with its training libraries."""
    try:
        told = metadata.distribution(_NAME).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return _of_checkout(Path(__file__).resolve().parents[3])
    if told is None:
        return [f"{_NAME}[{_EXTRA}]=={__version__}"]
    source = json.loads(told)
    if "vcs_info" in source:
        address = f"{source['vcs_info']['vcs']}+{source['url']}@{source['vcs_info']['commit_id']}"
        return [f"{_NAME}[{_EXTRA}] @ {address}"]
    if source.get("dir_info", {}).get("editable"):
        return _of_checkout(_path_of(source["url"]))
    return [f"{_NAME}[{_EXTRA}] @ {source['url']}"]


def _of_checkout(root: Path) -> list[str]:
    constraints = root / "constraints.txt"
    pinned = ["--constraint", str(constraints)] if constraints.is_file() else []
    return [*pinned, "--editable", f"{root}[{_EXTRA}]"]


def _path_of(address: str) -> Path:
    return Path(url2pathname(unquote(urlsplit(address).path)))


Command = tuple[list[str], Text, dict[str, str]]


def uv_commands(uv: str, target: Path, requirement: list[str], flavour: Accelerator) -> list[Command]:
    environment = uv_environment()
    backend = [] if own_wheels() or flavour == "mps" else ["--torch-backend", "auto" if flavour == "cuda" else "cpu"]
    install = [uv, "pip", "install", "--python", str(interpreter(target)), "--compile-bytecode", *backend]
    return [
        (
            [uv, "venv", "--clear", "--python", sys.executable, str(target)],
            Text("creating the environment", "建立環境"),
            environment,
        ),
        ([*install, *requirement], Text("downloading and installing", "下載並安裝"), environment),
    ]


def pip_commands(target: Path, requirement: list[str]) -> list[Command]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    python = str(interpreter(target))
    return [
        (
            [sys.executable, "-m", "venv", "--clear", str(target)],
            Text("creating the environment", "建立環境"),
            environment,
        ),
        (
            [python, "-m", "pip", "install", "--progress-bar", "off", "--disable-pip-version-check", *requirement],
            Text("downloading and installing", "下載並安裝"),
            environment,
        ),
        ([python, "-c", _COMPILE], Text("compiling", "編譯"), environment),
    ]


# Some packages carry files for other Pythons that do not compile here; that is no failure.
_COMPILE = "import compileall, sysconfig; compileall.compile_dir(sysconfig.get_path('purelib'), quiet=2, workers=0)"


def uv_environment() -> dict[str, str]:
    """uv does not read pip's settings; where the person has made them, it shall know them."""
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    for theirs, ours in (
        ("PIP_FIND_LINKS", "UV_FIND_LINKS"),
        ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"),
        ("PIP_EXTRA_INDEX_URL", "UV_INDEX"),
        ("PIP_CERT", "SSL_CERT_FILE"),
    ):
        if (value := os.environ.get(theirs)) and ours not in environment:
            environment[ours] = value
    return environment


def own_wheels() -> bool:
    """Whether the person says where wheels come from; then the build of PyTorch is theirs to choose too."""
    return any(os.environ.get(name) for name in ("UV_FIND_LINKS", "PIP_FIND_LINKS", "UV_TORCH_BACKEND"))


def run_all(commands: list[Command], tell: Callable[[int, Text], None]) -> str | None:
    """Run the commands in turn; None when all went well, else the last words of the one that did not."""
    for stage, (command, message, environment) in enumerate(commands):
        said: list[str] = []
        with _running(command, environment, said) as process:
            while process.poll() is None:
                latest = said[-1][:100] if said else ""
                tell(stage, message + Text(f": {latest}", f"：{latest}") if latest else message)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_POLL_SECONDS)
        if process.returncode:
            return " ".join(said[-3:])[:500] or f"{command[0]} ended with {process.returncode}"
    return None


@contextlib.contextmanager
def _running(command: list[str], environment: dict[str, str], said: list[str]) -> Iterator[subprocess.Popen[str]]:
    """The command's process, its lines printed and kept; ended if the block is left early."""
    print("$ " + without_secrets(" ".join(command)), flush=True)
    try:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
        )
    except OSError as error:
        raise JobError(
            Text("{program} cannot be run: {reason}.", "無法執行 {program}：{reason}。").format(
                program=command[0], reason=reason_of(error)
            ),
            Text("Call manage_job(action='resume') once that is fixed.", "排除後請呼叫 manage_job(action='resume')。"),
        ) from error

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line := without_secrets(line.rstrip()):
                print(line, flush=True)
                said.append(line)
                del said[:-_KEPT_LINES]

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()
        listener.join(5)
        if process.stdout:
            process.stdout.close()
