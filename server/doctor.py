"""`nlp-skills doctor`: what this machine and each named one has and can do, what is missing, and what fixes it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .. import __version__
from ..resources.foundation import secrets
from ..resources.foundation.errors import MachineError, NlpSkillsError
from ..resources.foundation.kinds import added_packages, use_plugins_of
from ..resources.foundation.language import Text, several
from ..resources.foundation.plugin_files import unreadable_plugin_files
from ..resources.foundation.reasons import reason_of
from ..resources.workspace import Workspace
from ..tools.compute.hardware import Machine, describe_machine
from ..tools.compute.jobs.device_queue import jobs_ahead
from ..tools.compute.machine import LOCAL, State
from ..tools.compute.machines_file import named_machines
from ..tools.compute.named_machines import named_machine
from ..tools.compute.worker import WORKER_VARIABLE
from . import abilities
from .added_kinds import added_kinds
from .install import standings
from .settings import Settings

_MARKS: dict[State, str] = {"ok": "[ok]", "warning": "[ ! ]", "broken": "[ X ]"}
_GB = 1e9
_NEEDED_DISK_GB, _ROOMY_DISK_GB, _NEEDED_MEMORY_GB = 1.0, 8.0, 3.0
_OLDEST_PYTHON = (3, 11)
_ASK_SECONDS = 30
_WORKER_PROBE = """
import importlib.metadata as m, importlib.util as u, json, sys
held = {d.name.lower().replace("_", "-"): d.version for d in m.distributions()}
found = {n: held.get(n) for n in sys.argv[1:]}
found |= {n: found.get(n) if u.find_spec(n) else None for n in ("torch", "transformers", "trl", "peft", "datasets")}
import nlp_skills
found["nlp-skills"] = nlp_skills.__version__
print(json.dumps(found))
"""
_NEEDED = ("torch", "transformers", "trl", "peft", "datasets")
_BUILD = Text("In the client, ask for set_up(what='environment').", "請在用戶端要求執行 set_up(what='environment')。")


@dataclass(frozen=True)
class Finding:
    """One thing looked at: how it is, and what fixes it where it is not well; `about` is the machine."""

    state: State
    says: Text
    mends: Text | None = None
    about: str = LOCAL


def examine(settings: Settings) -> list[Finding]:
    """Look at everything the work needs, here and on each named machine; takes a few seconds and changes nothing."""
    workspace = Workspace(settings.workspace)
    use_plugins_of(workspace.root)
    machine = describe_machine(workspace)
    with ThreadPoolExecutor(max_workers=8) as others:  # one that does not answer keeps nobody waiting but itself
        away = _machines(workspace, others)
        libraries = _libraries(machine)
        findings = [
            _python(),
            _workspace(workspace),
            _disk(machine),
            _memory(machine),
            *_worker(machine, libraries),
            *_abilities(machine, libraries or {}),
            *(Finding("broken", error.problem, error.fix) for error in unreadable_plugin_files(workspace.root)),
            *_line(machine),
        ]
        return [*findings, *away(), _secrets(), *_clients()]


def show(findings: list[Finding]) -> int:
    """Print the findings in the language being spoken; returns 1 when something is broken."""
    for finding in findings:
        print(f"{_MARKS[finding.state]} {finding.says}")
        if finding.mends:
            print(f"      → {finding.mends}")
    broken = _count_broken(findings)
    print(
        Text(
            f"\n{several(broken, 'thing')} to fix." if broken else "\nReady.",
            f"\n有 {broken} 項需要修正。" if broken else "\n可以使用了。",
        )
    )
    return 1 if broken else 0


def show_json(findings: list[Finding]) -> int:
    """Print the findings for a program, their words in the language being spoken; returns 1 when something is broken."""
    told = [
        {
            "about": finding.about,
            "state": finding.state,
            "says": str(finding.says),
            "mends": str(finding.mends) if finding.mends else None,
        }
        for finding in findings
    ]
    print(
        json.dumps(
            {"format": 1, "nlp_skills": __version__, "broken": _count_broken(findings), "findings": told},
            ensure_ascii=False,
            indent=2,
        )
    )
    return 1 if _count_broken(findings) else 0


def _count_broken(findings: list[Finding]) -> int:
    return sum(finding.state == "broken" for finding in findings)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return Finding(
            "broken",
            Text(f"Python {version} is too old.", f"Python {version} 版本太舊。"),
            Text("Install Python 3.11 or newer.", "請安裝 Python 3.11 以上版本。"),
        )
    says = Text(f"nlp-skills {__version__} on Python {version}", f"nlp-skills {__version__}，Python {version}")
    return Finding("ok", says)


def _workspace(workspace: Workspace) -> Finding:
    root = workspace.root
    standing = next(place for place in (root, *root.parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=standing):
            pass
    except OSError as error:
        return Finding(
            "broken",
            Text("The workspace {root} cannot be written: {reason}.", "工作區 {root} 無法寫入：{reason}。").format(
                root=root, reason=reason_of(error)
            ),
            Text("Set NLP_SKILLS_WORKSPACE to a folder you own.", "請把 NLP_SKILLS_WORKSPACE 設成你有權限的資料夾。"),
        )
    count = len(workspace.task_names())
    return Finding("ok", Text(f"Workspace {root}: {several(count, 'task')}", f"工作區 {root}：{count} 個任務"))


def _disk(machine: Machine) -> Finding:
    free = machine.disk_free / _GB
    says = Text(f"Free disk {free:.1f} GB", f"可用磁碟空間 {free:.1f} GB")
    room = Text(
        "Free some space: the worker environment takes about 2 GB (7 GB with CUDA), a 4B base model 8 GB.",
        "請清出空間：工作環境約需 2 GB（CUDA 版 7 GB），4B 基礎模型約 8 GB。",
    )
    if free < _NEEDED_DISK_GB:
        return Finding("broken", says, room)
    return Finding("warning", says, room) if free < _ROOMY_DISK_GB else Finding("ok", says)


def _memory(machine: Machine) -> Finding:
    total, free = machine.memory / _GB, machine.free_memory / _GB
    says = Text(
        f"{several(machine.cores, 'core')}, memory {free:.1f} GB free of {total:.1f} GB",
        f"{machine.cores} 核心，記憶體可用 {free:.1f} GB，共 {total:.1f} GB",
    )
    if free < _NEEDED_MEMORY_GB:
        return Finding(
            "warning",
            says,
            Text(
                "Close other programs before training, or train on another machine.",
                "訓練前請先關閉其他程式，或改在別台機器上訓練。",
            ),
        )
    return Finding("ok", says)


def _worker(machine: Machine, found: dict[str, str | None] | None) -> Iterator[Finding]:
    named = os.environ.get(WORKER_VARIABLE)
    worker = machine.worker
    if worker is None and named:
        yield Finding(
            "broken",
            Text(
                f"{WORKER_VARIABLE} names {named}, which does not exist.",
                f"{WORKER_VARIABLE} 指到 {named}，但那裡沒有檔案。",
            ),
            Text("Correct or unset it.", "請更正或移除這個環境變數。"),
        )
        return
    if worker is None:
        yield Finding(
            "warning",
            Text(
                "No worker environment yet: needed for training, not for preparing data.",
                "尚未建立工作環境：訓練時需要，準備資料時不需要。",
            ),
            _BUILD,
        )
        return
    yield _worker_libraries(worker, found)
    for warning in machine.warnings():
        yield Finding("warning", warning, _BUILD)


def _libraries(machine: Machine) -> dict[str, str | None] | None:
    """The versions of what the worker environment holds; None where there is none, or it cannot be asked."""
    if machine.worker is None:
        return None
    try:
        asked = [*_NEEDED, *abilities.optional_packages(), *added_packages()]
        told = subprocess.run(
            [machine.worker, "-P", "-c", _WORKER_PROBE, *asked],
            capture_output=True,
            text=True,
            check=True,
            timeout=_ASK_SECONDS,
            stdin=subprocess.DEVNULL,
        )
        return dict(json.loads(told.stdout))
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def _worker_libraries(worker: str, found: dict[str, str | None] | None) -> Finding:
    if found is None:
        return Finding(
            "broken",
            Text(f"The worker environment {worker} cannot run nlp-skills.", f"工作環境 {worker} 無法執行 nlp-skills。"),
            _BUILD,
        )
    if missing := ", ".join(name for name in _NEEDED if not found.get(name)):
        return Finding(
            "broken",
            Text(f"The worker environment {worker} lacks {missing}.", f"工作環境 {worker} 缺少 {missing}。"),
            _BUILD,
        )
    if (other := found["nlp-skills"]) != __version__:
        return Finding(
            "broken",
            Text(
                f"The worker environment holds nlp-skills {other}, not {__version__}.",
                f"工作環境裡是 nlp-skills {other}，不是 {__version__}。",
            ),
            _BUILD,
        )
    shown = ", ".join(f"{name} {found[name]}" for name in _NEEDED)
    return Finding("ok", Text(f"Worker environment {worker}: {shown}", f"工作環境 {worker}：{shown}"))


def _abilities(machine: Machine, libraries: dict[str, str | None]) -> Iterator[Finding]:
    """What this machine can train, read and deploy."""
    reads = libraries or {
        found.name.lower().replace("_", "-"): found.version for found in importlib.metadata.distributions()
    }
    for standing in (
        *abilities.training("", machine, libraries),
        *abilities.roads(machine.worker or sys.executable, reads),
        *abilities.deployment(libraries),
        *added_kinds(machine.worker, libraries),
    ):
        yield Finding(*standing[:3])


def _line(machine: Machine) -> Iterator[Finding]:
    """Who holds the device that a training would want now."""
    if ahead := ", ".join(job.id for job in jobs_ahead(machine)):
        yield Finding(
            "ok",
            Text(
                f"Running or queued: {ahead}; a training started now waits in the queue",
                f"執行或排隊中：{ahead}；現在開始的訓練會排隊",
            ),
        )


def _machines(workspace: Workspace, others: ThreadPoolExecutor) -> Callable[[], Iterator[Finding]]:
    """Begin to look at each machine of `machines.yaml`; what is returned waits for what was found."""
    try:
        asked = [(name, others.submit(_machine, workspace, name)) for name in named_machines(workspace)]
    except MachineError as error:
        broken = Finding("broken", error.problem, error.fix)
        return lambda: iter([broken])
    return lambda: (finding for _, found in asked for finding in found.result())


def _machine(workspace: Workspace, name: str) -> list[Finding]:
    findings = []
    try:
        for standing in named_machine(workspace, name).examine(name):
            findings.append(Finding(*standing[:3], about=name))
            if standing.hardware:
                findings += [
                    Finding(*able[:3], about=name)
                    for able in abilities.training(name, standing.hardware, standing.libraries or {})
                ]
    except NlpSkillsError as error:
        findings.append(
            Finding(
                "broken",
                Text("Machine {name}: {problem}", "機器 {name}：{problem}").format(name=name, problem=error.problem),
                error.fix,
                name,
            )
        )
    return findings


def _secrets() -> Finding:
    place = secrets.place()
    return Finding("ok", Text("Secrets are stored in {place}.", "密鑰存放在{place}。").format(place=place))


def _clients() -> Iterator[Finding]:
    """Which clients on this machine start this server, which could, and whose start command is gone."""
    found = [standing for standing in standings() if standing.found or standing.configured or standing.problem]
    configured = [standing for standing in found if standing.configured]
    names = ", ".join(
        f"{standing.client.title}{Text(' (plugin)', '（外掛）') if standing.plugin else ''}" for standing in configured
    )
    if names:
        yield Finding("ok", Text(f"Configured in: {names}", f"已設定的用戶端：{names}"))
    for standing in configured:
        again = f"nlp-skills install --client {standing.client.name}"
        if standing.command is not None and not shutil.which(standing.command):
            yield Finding(
                "warning",
                Text(
                    f"{standing.client.title} starts {standing.command}, which does not exist.",
                    f"{standing.client.title} 要啟動 {standing.command}，但那裡沒有檔案。",
                ),
                Text(f"Run: {again}", f"請執行：{again}"),
            )
    for standing in found:
        title = standing.client.title
        if standing.problem:
            yield Finding(
                "warning",
                Text("{title}: {problem}", "{title}：{problem}").format(title=title, problem=standing.problem.problem),
                standing.problem.fix,
            )
    waiting = [standing.client for standing in found if not standing.configured and not standing.problem]
    if waiting:
        titles = ", ".join(client.title for client in waiting)
        yield Finding(
            "ok",
            Text(
                f"Not configured yet in: {titles} (nlp-skills install --client {waiting[0].name})",
                f"尚未設定的用戶端：{titles}（nlp-skills install --client {waiting[0].name}）",
            ),
        )
