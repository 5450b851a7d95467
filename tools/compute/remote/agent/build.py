"""Build a worker environment, told as one moving percentage."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import subprocess
import threading
import time
from pathlib import Path

from . import installers
from .folders import job_folder, write_file
from .messages import BuildNote, Nothing, RunRequest
from .processes import identity_of

_TICK_SECONDS = 1.0
CHECKING_PERCENT = 95  # all is installed


def build(folder: Path, given: RunRequest) -> Nothing:
    """Build a worker environment out of the wheel; run detached, with its settings in `note.json`:

    `key`, `wheel`, `extra`, `check` (modules), `constraints` (their text), `flavour` (cpu, cuda), and in bytes, where
    they are known, `download` and `disk`.
    """
    job = job_folder(folder, given["run"])
    write_file(job / "pid", {**identity_of(os.getpid()), "ready": True})
    note: BuildNote = json.loads((job / "note.json").read_text(encoding="utf-8"))
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
    installing, tried = Installing(job, folder, note), []
    for name, commands in installers.installers(
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
            f"{installers.PROCESSORS_INDEX}, or a folder of wheels that PIP_FIND_LINKS names); then call "
            "manage_job(action='resume').",
            f"請讓那裡的 pip 連得到套件索引（沒有 GPU 的機器還需要 {installers.PROCESSORS_INDEX}，或用 PIP_FIND_LINKS "
            "指定放 wheel 的資料夾），再呼叫 manage_job(action='resume')。",
        )
    installing.tell(CHECKING_PERCENT, "checking what was installed", "檢查安裝結果")
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
    write_file(ready, {"format": 1, "installer": name, "python": platform.python_version()})
    write_file(job / "exit.json", {"state": "succeeded", "python": str(place / "bin" / "python"), "installer": name})
    return {}


def _not_built(job: Path, why: str, why_zh: str, fix: str, fix_zh: str) -> Nothing:
    """Leave how it failed as an error of resources/foundation/errors.py."""
    write_file(
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


class Installing:
    """Commands run in turn, told as one moving percentage: by the bytes written of those expected, else by the packages
    that were named."""

    def __init__(self, job: Path, folder: Path, note: BuildNote) -> None:
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
        self.tell(1 + int((CHECKING_PERCENT - 2) * share), f"{english}: {whole} written", f"{chinese}：已寫入 {whole}")

    def tell(self, percent: int, english: str, chinese: str) -> None:
        """Say it where it is news; a percentage never falls."""
        self._percent = max(self._percent, percent)
        if (self._percent, english) != self._told:
            self._told = self._percent, english
            tell_progress(self._job, self._percent, 100, english, chinese)


def tell_progress(job: Path, step: int, total: int, english: str, chinese: str) -> None:
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
