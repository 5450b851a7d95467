"""What runs on a machine reached over SSH: this one file, sent there. Standard library alone, Linux.

    python remote_agent.py VERB FOLDER      reads one JSON object from stdin, prints `NLP-SKILLS {json}` as its last line
    python remote_agent.py build FOLDER RUN           builds a worker environment as `note.json` of the run says
    python remote_agent.py attend FOLDER RUN SECONDS  starts the run once `start` asks for it, and ends with it

FOLDER is the person's folder there:

    blobs/<sha256>          what was sent, by content; `<sha256>.part` is still arriving
    environments/<key>/     worker environments; one counts once `<key>.json` beside it says so
    packages/<sha256>/      our own package, unpacked
    runs/<job>/             one job: its inputs out of blobs, and in `jobs/<job>/` the files of resources/job.py

Every verb may be repeated: the link can be cut between what was done and the answer.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MARK = "NLP-SKILLS "
FAMILY = "NLP_SKILLS_JOB_FAMILY"
_CHUNK = 256 * 1024
_ASK_SECONDS = 20
_POLITE_SECONDS = 3.0  # between asking a job to end and ending it
_ATTENTION_SECONDS = 0.5
_TICK_SECONDS = 1.0
_CHECKING = 95  # per cent of a build: all is installed
PROCESSORS_INDEX = "https://download.pytorch.org/whl/cpu"  # PyTorch's own, of builds without CUDA
_CREATING, _FETCHING = ("creating the environment", "建立環境"), ("downloading and installing", "下載並安裝")
_LIBRARIES = """
import importlib.metadata as metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        found[name] = None
try:
    import importlib.util, pathlib
    torch = importlib.util.find_spec("torch")
    scope = {}
    if torch and torch.submodule_search_locations:
        exec(pathlib.Path(torch.submodule_search_locations[0], "version.py").read_text(encoding="utf-8"), scope)
    found["cuda"] = scope.get("cuda") or scope.get("hip")
except OSError:
    found["cuda"] = None
print(json.dumps(found))
"""


def probe(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    """What this machine has, and whether the worker environment `key` (or the interpreter `python`) can be used."""
    folder.mkdir(parents=True, exist_ok=True)
    python = given.get("python") or environment_python(folder, str(given["key"]))
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "version": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        **_memory(),
        "disk_free": shutil.disk_usage(folder).free,
        "gpus": _gpus(),
        "uv": _uv(),
        "worker": python,
        "libraries": _libraries(python, given["libraries"]) if python else {},
    }


def environment_python(folder: Path, key: str) -> str | None:
    """The interpreter of a worker environment that is whole."""
    python = folder / "environments" / key / "bin" / "python"
    return str(python) if (folder / "environments" / f"{key}.json").is_file() and python.is_file() else None


def have(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Of the blobs `[[sha256, size], …]` those that are not here whole, with the bytes that have arrived."""
    blobs = folder / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    missing = {
        sha: _size(blobs / f"{sha}.part")
        for sha, size in given["blobs"]
        if not (blobs / sha).is_file() or _size(blobs / sha) != size
    }
    return {"missing": missing, "disk_free": shutil.disk_usage(folder).free}


def seal(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Let an arrived blob count, if it is what its name says; one that is damaged is removed."""
    blob = folder / "blobs" / given["sha256"]
    part = blob.with_name(f"{blob.name}.part")
    if not part.exists():
        return {"sealed": blob.exists()}
    if _sha256(part) != given["sha256"]:
        part.unlink()
        return {"sealed": False}
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(part, blob)
    return {"sealed": True}


def deliver(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Small blobs in the request itself: `{sha256: base64}`, each checked."""
    blobs = folder / "blobs"
    for sha, encoded in given["contents"].items():
        content = base64.b64decode(encoded)
        if hashlib.sha256(content).hexdigest() == sha:
            draft = blobs / f".{sha}.{os.getpid()}"
            draft.write_bytes(content)
            os.replace(draft, blobs / sha)
    return {}


def lay(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Put blobs in their places below the run's folder, and the package `[sha256]` where it can be imported."""
    run, job = folder / "runs" / given["run"], _job(folder, given["run"])
    job.mkdir(parents=True, exist_ok=True)
    for relative, sha in given["files"].items():
        place = run / relative
        if place.exists():
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name(f".{place.name}.{os.getpid()}")
        shutil.copyfile(folder / "blobs" / sha, draft) if _size(folder / "blobs" / sha) < _CHUNK else _link(
            folder / "blobs" / sha, draft
        )
        os.replace(draft, place)
    package = folder / "packages" / given["package"][:16]
    if not package.is_dir():
        draft = package.with_name(f".{package.name}.{os.getpid()}")
        with zipfile.ZipFile(folder / "blobs" / given["package"]) as wheel:
            wheel.extractall(draft)
        with contextlib.suppress(OSError):  # another job unpacked it at the same time
            os.rename(draft, package)
        shutil.rmtree(draft, ignore_errors=True)
    return {"run": str(run), "job": str(job), "package": str(package)}


def start(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Start the run's command detached, unless it runs already or this very attempt has been started before.

    With `attended`, an attending process starts it, as its own child: a batch system ends what a connection leaves.
    """
    import fcntl  # Linux; this module is imported on other systems too

    run, job = folder / "runs" / given["run"], _job(folder, given["run"])
    with (run / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        attempt = job / "attempt"
        if _living(job) or (attempt.is_file() and attempt.read_text() == given["attempt"]):
            return {"state": _state(job)}
        _end_family(job)  # a killed process may have left children
        for stale in ("exit.json", "pid", "cancel"):
            (job / stale).unlink(missing_ok=True)
        if "note" in given:
            _write(job / "note.json", given["note"])
        _close_torn_line(job / "events.jsonl")
        asked = {"command": given["command"], "environment": given["environment"]}
        if given.get("attended"):
            _write(job / "asked.json", asked)
        else:
            _begin(run, job, asked)
        _write(attempt, given["attempt"], plain=True)
        return {"state": _state(job)}


def attend(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Wait at most `seconds` for the run to be asked for, start it, and wait for its end."""
    run, job = folder / "runs" / given["run"], _job(folder, given["run"])
    job.mkdir(parents=True, exist_ok=True)
    _write(job / "attendant", _identity(os.getpid()))
    until = time.monotonic() + given["seconds"]
    while not (job / "asked.json").is_file():
        if time.monotonic() > until:
            return {"attended": False}
        time.sleep(_ATTENTION_SECONDS)
    asked = json.loads((job / "asked.json").read_text(encoding="utf-8"))
    process = _begin(run, job, asked)
    (job / "asked.json").unlink()
    process.wait()
    return {"attended": True, "code": process.returncode}


def _begin(run: Path, job: Path, asked: dict[str, Any]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **asked["environment"], FAMILY: str(job)}
    with (job / "output.log").open("ab") as output:
        process = subprocess.Popen(
            asked["command"],
            cwd=run,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    if not (job / "pid").exists():
        _write(job / "pid", _identity(process.pid))
    return process


def look(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    """The run's state, and what its events and its log hold from those byte offsets on (whole lines, base64)."""
    job = _job(folder, given["run"])
    state = _state(job)  # before the reading, so that an ended run has nothing more to say after it
    events, log = _from(job / "events.jsonl", given["events"]), _from(job / "output.log", given["log"])
    if state == "running" or len(events) == _CHUNK:
        events = events[: events.rfind(b"\n") + 1]
    more = len(events) + given["events"] < _size(job / "events.jsonl") and bool(events)
    ended = json.loads((job / "exit.json").read_text(encoding="utf-8")) if (job / "exit.json").is_file() else None
    return {
        "state": state,
        "exit": ended,
        "events": base64.b64encode(events).decode(),
        "attended": _alive(job / "attendant") is not None,
        "asked": (job / "asked.json").is_file(),
        "log": base64.b64encode(log).decode(),
        "more": more or len(log) == _CHUNK,
    }


def cancel(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    """End the run and everything it started: ask, wait a little, end what is left."""
    job = _job(folder, given["run"])
    if not job.is_dir():
        return {"state": "absent"}
    (job / "cancel").touch()
    (job / "asked.json").unlink(missing_ok=True)
    for pid in _family(job):
        _signal(pid, signal.SIGTERM)
    until = time.monotonic() + _POLITE_SECONDS
    while _family(job) and time.monotonic() < until:
        time.sleep(0.05)
    _end_family(job)
    return {"state": _state(job)}


def manifest(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Size and SHA-256 of the files of the run that match the patterns."""
    run = folder / "runs" / given["run"]
    found = sorted({path for pattern in given["patterns"] for path in run.glob(pattern) if path.is_file()})
    return {
        "files": [[path.relative_to(run).as_posix(), path.stat().st_size, _sha256(path)] for path in found],
        "run": str(run),
    }


def forget(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Remove the run's folder; what was sent stays among the blobs for the next run."""
    run = folder / "runs" / given["run"]
    _end_family(_job(folder, given["run"]))
    shutil.rmtree(run, ignore_errors=True)
    return {}


def build(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Build a worker environment out of the wheel; run detached, with its settings in `note.json`:

    `key`, `wheel`, `extra`, `check` (modules), `constraints` (their text), `flavour` (cpu, cuda), and in bytes, where
    they are known, `download` and `disk`.
    """
    job = _job(folder, given["run"])
    _write(job / "pid", {**_identity(os.getpid()), "ready": True})
    note = json.loads((job / "note.json").read_text(encoding="utf-8"))
    place = folder / "environments" / note["key"]
    ready = place.with_name(f"{place.name}.json")
    shutil.rmtree(place, ignore_errors=True)
    free, needed = shutil.disk_usage(folder).free, note.get("disk", 0)
    if free < needed:
        return _not_built(
            job,
            f"it needs {needed / 1e9:.1f} GB of disk, {free / 1e9:.1f} GB are free",
            f"需要 {needed / 1e9:.1f} GB 磁碟空間，只有 {free / 1e9:.1f} GB",
            "Free some space there, or set the machine's folder to a larger disk; then call "
            "manage_job(action='resume').",
            "請清出空間，或把這台機器的 folder 設到較大的磁碟，再呼叫 manage_job(action='resume')。",
        )
    (job / "constraints.txt").write_text(note.get("constraints", ""), encoding="utf-8")
    installing, tried = _Installing(job, folder, note), []
    for name, commands in _installers(
        place, folder / "runs" / given["run"] / note["wheel"], job / "constraints.txt", note
    ):
        shutil.rmtree(place, ignore_errors=True)
        problem = next(
            (
                problem
                for english, chinese, command in commands
                if (problem := installing.run(command, f"{english} ({name})", f"{chinese}（{name}）"))
            ),
            None,
        )
        if problem is None:
            break
        tried.append(f"{name}: {problem}")
    else:
        shutil.rmtree(place, ignore_errors=True)
        said = " / ".join(tried)
        return _not_built(
            job,
            said,
            said,
            "There, let pip reach a package index (for a machine without a GPU also "
            f"{PROCESSORS_INDEX}, or a folder of wheels that PIP_FIND_LINKS names); then call "
            "manage_job(action='resume').",
            f"請讓那裡的 pip 連得到套件索引（沒有 GPU 的機器還需要 {PROCESSORS_INDEX}，或用 PIP_FIND_LINKS "
            "指定放 wheel 的資料夾），再呼叫 manage_job(action='resume')。",
        )
    installing.tell(_CHECKING, "checking what was installed", "檢查安裝結果")
    checked = subprocess.run(
        [str(place / "bin" / "python"), "-I", "-c", f"import {', '.join(note['check'])}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if checked.returncode:
        said = (checked.stderr.strip().splitlines() or ["?"])[-1][-500:]
        return _not_built(
            job,
            said,
            said,
            "Call manage_job(action='resume') to build it again; if that does not help, report it.",
            "請呼叫 manage_job(action='resume') 重建；若仍如此請回報。",
        )
    installing.tell(100, "the worker environment is ready", "工作環境已建立")
    _write(ready, {"format": 1, "installer": name, "python": platform.python_version()})
    _write(job / "exit.json", {"state": "succeeded", "python": str(place / "bin" / "python"), "installer": name})
    return {}


def _not_built(job: Path, why: str, why_zh: str, fix: str, fix_zh: str) -> dict[str, Any]:
    """Leave how it failed as an error of resources/foundation/errors.py."""
    _write(
        job / "exit.json",
        {
            "state": "failed",
            "error": {
                "code": "job",
                "field": "machine",
                "details": {},
                "fix": {"en": fix, "zh": fix_zh},
                "problem": {
                    "en": f"The worker environment could not be built there: {why}",
                    "zh": f"無法在那裡建立工作環境：{why_zh}",
                },
            },
        },
    )
    return {}


class _Installing:
    """Commands run in turn, told as one moving percentage: by the bytes written of those expected, else by the packages
    that were named."""

    def __init__(self, job: Path, folder: Path, note: dict[str, Any]) -> None:
        self._job, self._folder = job, folder
        self._expected = note.get("download", 0) + note.get("disk", 0)
        self._free = shutil.disk_usage(folder).free
        self._percent = self._written = self._named = 0
        self._told: tuple[int, str] | None = None

    def run(self, command: list[str], english: str, chinese: str) -> str | None:
        """Run it; its last words where it failed."""
        print("$", *command, flush=True)
        last: list[str] = []
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        ) as process:
            listening = threading.Thread(target=self._listen, args=(process, last), daemon=True)
            listening.start()
            while process.poll() is None:
                self._tell_written(english, chinese)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_TICK_SECONDS)
            listening.join()
        self._tell_written(english, chinese)
        return " ".join(last)[-500:] or f"{command[0]} ended with {process.returncode}" if process.returncode else None

    def _listen(self, process: subprocess.Popen[str], last: list[str]) -> None:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            last.append(line.strip())
            del last[:-6]
            self._named += line.startswith(("Collecting ", "Downloading ", " + "))

    def _tell_written(self, english: str, chinese: str) -> None:
        self._written = max(self._written, self._free - shutil.disk_usage(self._folder).free)
        share = min(1.0, self._written / self._expected) if self._expected else self._named / (self._named + 20)
        whole = f"{self._written / 1e6:.0f} MB"
        self.tell(1 + int((_CHECKING - 2) * share), f"{english}: {whole} written", f"{chinese}：已寫入 {whole}")

    def tell(self, percent: int, english: str, chinese: str) -> None:
        """Say it where it is news; a percentage never falls."""
        self._percent = max(self._percent, percent)
        if (self._percent, english) != self._told:
            self._told = self._percent, english
            _tell(self._job, self._percent, 100, english, chinese)


Command = tuple[str, str, list[str]]


def _installers(
    place: Path, wheel: Path, constraints: Path, note: dict[str, Any]
) -> Iterator[tuple[str, Iterator[Command]]]:
    """uv where it stands and the person's pip is not told where packages come from (uv would not know), then pip."""
    if (uv := _uv()) and not _pip_is_told():
        backend = "auto" if note.get("flavour") == "cuda" else "cpu"
        yield (
            "uv",
            iter(
                [
                    (*_CREATING, [uv, "venv", "--clear", "--python", sys.executable, str(place)]),
                    (
                        *_FETCHING,
                        [
                            uv,
                            "pip",
                            "install",
                            "--python",
                            str(place / "bin" / "python"),
                            "--torch-backend",
                            backend,
                            "--constraint",
                            str(constraints),
                            f"{wheel}{note['extra']}",
                        ],
                    ),
                ]
            ),
        )
    yield "pip", _pip_commands(place, wheel, constraints, note)


def _pip_commands(place: Path, wheel: Path, constraints: Path, note: dict[str, Any]) -> Iterator[Command]:
    """What pip does, each command made when the one before is done. Where there is no GPU, and the index that pip is told
    gives PyTorch for CUDA (PyPI does), PyTorch comes first, from the index of builds for processors."""
    yield *_CREATING, [sys.executable, "-m", "venv", "--clear", str(place)]
    install = [str(place / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    pinned = {line.partition("==")[0]: line for line in note.get("constraints", "").split() if "==" in line}
    if note["extra"] and note.get("flavour") == "cpu":
        torch = pinned.get("torch", "torch")
        if not _is_for_processors([*install, "--quiet", "--no-deps", "--dry-run", "--report", "-", torch]):
            yield *_FETCHING, [*install, "--progress-bar", "off", "--no-deps", "--index-url", PROCESSORS_INDEX, torch]
    yield (
        *_FETCHING,
        [
            *install,
            "--progress-bar",
            "off",
            "--constraint",
            str(constraints),
            f"{wheel}{note['extra']}",
            *filter(None, [pinned.get("setuptools")]),
        ],
    )  # `venv` has brought an older one


def _is_for_processors(asking: list[str]) -> bool:
    """Whether what pip would install asks for no CUDA libraries; pip is only asked, and nothing is installed."""
    with contextlib.suppress(OSError, ValueError, KeyError, IndexError):
        told = subprocess.run(asking, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        needs = json.loads(told.stdout)["install"][0]["metadata"].get("requires_dist", [])
        return not any(need.startswith(("nvidia", "cuda")) for need in needs)
    return False


def _pip_is_told() -> bool:
    if any(os.environ.get(name) for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL")):
        return True
    told = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    return any(word in told.stdout for word in ("index-url", "find-links"))


def _tell(job: Path, step: int, total: int, english: str, chinese: str) -> None:
    event = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "kind": "progress",
        "step": step,
        "total": total,
        "eta_seconds": None,
        "measures": {},
        "message": {"en": english, "zh": chinese},
    }
    with (job / "events.jsonl").open("ab") as events:
        events.write(json.dumps(event, ensure_ascii=False).encode() + b"\n")


def _job(folder: Path, run: str) -> Path:
    return folder / "runs" / run / "jobs" / run


def _state(job: Path) -> str:
    """As resources/job.py has it; `absent` where it was never started."""
    for _ in range(2):  # it may end between the two looks
        if (job / "exit.json").is_file():
            return str(json.loads((job / "exit.json").read_text(encoding="utf-8"))["state"])
        if _living(job):
            return "running"
    if not (job / "pid").is_file():
        return "absent"
    if (job / "cancel").exists():
        return "cancelled"
    return "interrupted" if json.loads((job / "pid").read_text(encoding="utf-8")).get("ready") else "failed"


def _living(job: Path) -> int | None:
    """The pid of the job's process if that very process is alive."""
    return _alive(job / "pid")


def _alive(record: Path) -> int | None:
    """The pid that a file records, if that very process is alive."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        recorded = json.loads(record.read_text(encoding="utf-8"))
        now = _identity(recorded["pid"])
        if now.get("ticks") == recorded["ticks"] and now["boot"] == recorded["boot"] and now["status"] != "Z":
            return int(recorded["pid"])
    return None


def _identity(pid: int) -> dict[str, Any]:
    """pid, start in ticks since boot, and which boot: a pid alone is reused (proc(5), fields 3 and 22)."""
    with contextlib.suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return {"pid": pid, "started": time.time(), "ticks": int(fields[19]), "boot": boot, "status": fields[0]}
    return {"pid": pid, "started": time.time()}


def _family(job: Path) -> list[int]:
    """Every living process of the job: those that carry its name in their environment."""
    wanted = f"{FAMILY}={job}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def _end_family(job: Path) -> None:
    for _ in range(100):
        left = _family(job)
        if not left:
            return
        for pid in left:
            _signal(pid, signal.SIGKILL)
        time.sleep(0.05)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _memory() -> dict[str, int]:
    fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    total, free = (int(fields[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    with contextlib.suppress(OSError, ValueError):  # a container's limit
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
        total, free = min(total, limit), min(free, limit)
    return {"memory": total, "free_memory": free}


def _gpus() -> str:
    found = shutil.which("nvidia-smi")
    if found is None:
        return ""
    query = [found, "--query-gpu=name,memory.total,memory.free,driver_version,uuid", "--format=csv,noheader,nounits"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(query, capture_output=True, text=True, timeout=_ASK_SECONDS, check=True).stdout
    return ""


def _uv() -> str | None:
    places = os.pathsep.join(
        [os.environ.get("PATH", ""), str(Path.home() / ".local/bin"), str(Path.home() / ".cargo/bin")]
    )
    return shutil.which("uv", path=places)


def _libraries(python: str, names: list[str]) -> dict[str, Any] | None:
    """The versions of those packages for that interpreter; None where it cannot be run."""
    try:
        told = subprocess.run(
            [python, "-I", "-c", _LIBRARIES, *names],
            capture_output=True,
            text=True,
            check=True,
            timeout=_ASK_SECONDS,
            stdin=subprocess.DEVNULL,
        ).stdout
        return dict(json.loads(told))
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def _from(path: Path, offset: int) -> bytes:
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(offset)
        return file.read(_CHUNK)
    return b""


def _close_torn_line(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError), path.open("r+b") as events:
        content = events.read()
        events.truncate(content.rfind(b"\n") + 1)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _write(path: Path, content: Any, plain: bool = False) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(content if plain else json.dumps(content, ensure_ascii=False), encoding="utf-8")
    os.replace(draft, path)


VERBS = {
    verb.__name__: verb
    for verb in (probe, have, seal, deliver, lay, start, attend, look, cancel, manifest, forget, build)
}
_DETACHED = ("attend", "build")  # asked for by arguments


def main(verb: str, folder: Path) -> int:
    given = (
        json.loads(sys.stdin.read())
        if verb not in _DETACHED
        else {"run": sys.argv[3], "seconds": float((sys.argv[4:] or ["0"])[0])}
    )
    try:
        answer = VERBS[verb](folder, given)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        answer = {
            "error": "full"
            if full
            else "forbidden"
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
            else "system",
            "said": f"{error.strerror}: {error.filename}",
        }
    print(MARK + json.dumps(answer), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
