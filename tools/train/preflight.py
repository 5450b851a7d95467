"""What is checked before time is spent: when a training is planned, before its job starts, and in the job before a version
is reserved.

Light: it reads files and asks the machine, and imports no training library.
"""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import NamedTuple

from ...resources.foundation.access import refusal, require
from ...resources.foundation.errors import MissingRequirement, TrainingError
from ...resources.foundation.language import COMMAS, SENTENCES, Text
from ...resources.job import JobFolder
from ...resources.spending import Cost
from ...resources.task import TaskFolder
from ...resources.version import VersionFolder, version_numbers
from ...resources.workspace import Workspace
from ..compute.environments.base_model import check_unchanged
from ..compute.hardware import Machine, describe_machine
from ..compute.jobs.device_queue import jobs_ahead
from ..compute.machine import Prospect
from ..compute.worker import worker_python
from ..data.benchmark import frozen_benchmark
from ..data.reach import needs_to_send
from ..data.snapshot import Snapshot, current_snapshot
from ..data.task_kind import task_kind
from .answers import Estimate, GpuOption
from .base_facts import BaseModel, Outline, outline, read_base_model
from .counting import count_here, load_counts
from .default_settings import resolve_settings, warn_of_settings
from .environment import choose_processes
from .estimate import estimate, share_estimate
from .finding import Finding, first_blocking, try_finding
from .four_bit import missing, stands_in
from .gpu_options import gpu_options
from .job_checks import check_interrupted, check_jobs
from .machine_checks import check_gpu, check_room, count_devices, gpu_memory, gpu_name, too_few_devices
from .plan import Plan, find_plan, read_plan
from .price import ask_for_price, price_training
from .prompt_checks import check_prompts
from .row_checks import check_labels, check_rows, count_rows, epoch_rows, request_for_rows, select_trained
from .starting_point import outward_folder
from .training_context import TrainingContext
from .trl_check import check_trl, check_trl_in_worker

_COUNTING_SECONDS = 12.0
_CHECKING_SECONDS = 18.0  # a tool answers within 25
_STILL_COUNTING = Finding(
    "warning",
    "counting",
    Text(
        "The tokens of the rows are still being counted: only then is it certain that no row stops the training.",
        "還在計算每一列的 token 數：算完才知道有沒有哪一列會讓訓練停下來。",
    ),
    Text("Make the same call again in a minute.", "請過一分鐘再用同樣的參數呼叫一次。"),
)
_STILL_CHECKING = Finding(
    "warning",
    "trl",
    Text("Whether TRL takes the options of trl is still being checked.", "還在檢查 TRL 是否接受 trl 裡的選項。"),
    Text("Make the same call again in a minute.", "請過一分鐘再用同樣的參數呼叫一次。"),
)
_BUILD_AGAIN = Text("Call set_up(what='environment').", "請呼叫 set_up(what='environment')。")
_CHANGE_IT = Text(
    "Change it with plan_training(settings=…) if unintended.", "若非本意，請用 plan_training(settings=…) 修改。"
)


@dataclass(frozen=True)
class Preflight:
    """What was found. `snapshot`, `base` and `estimate` are None where that part could not be read; `elsewhere` is what
    the same training would take on other machines; `processes` share it where every GPU is free; `left_out` training rows
    are too long for it."""

    findings: list[Finding]
    context: TrainingContext
    _snapshot: Snapshot | None = field(default=None)
    base: BaseModel | None = None
    estimate: Estimate | None = None
    elsewhere: list[GpuOption] = field(default_factory=list)
    processes: int = 1
    left_out: int = 0

    @property
    def has_data(self) -> bool:
        return self._snapshot is not None

    @property
    def snapshot(self) -> Snapshot:
        """The data; there is some once nothing blocks."""
        if self._snapshot is None:
            raise first_blocking(self.findings) or AssertionError("a missing snapshot is a blocking finding")
        return self._snapshot


def survey(
    workspace: Workspace, task: TaskFolder, base_model: str, remote: Machine | None = None, recorded: str | None = None
) -> Preflight:
    """Data and base model alone, for the defaults of a plan.

    Arguments:
        recorded: the hash of the GGUF file that the plan was made on.
    """
    findings: list[Finding] = []
    snapshot = try_finding(findings, "data", lambda: current_snapshot(task))
    base = try_finding(findings, "base_model", lambda: read_base_model(outward_folder(workspace, base_model, recorded)))
    if remote:  # a hub model is downloaded there
        findings = [finding for finding in findings if not isinstance(finding.error, MissingRequirement)]
    machine = remote or describe_machine(workspace)
    return Preflight(findings, _context(task, machine, snapshot, base, base_model), snapshot, base)


def check(
    workspace: Workspace, task: TaskFolder, plan: Plan, job: str | None = None, remote: Machine | None = None
) -> Preflight:
    """Everything that could stop `plan`, and what it will need.

    Arguments:
        job: the id of the training job that asks; None in the server, before there is one.
        remote: the machine it will be trained on, where that is not this one.
    """
    method, machine = plan.settings, remote or describe_machine(workspace)
    in_the_job = job is not None and remote is None
    seen = survey(workspace, task, method.base_model, remote, plan.base_model_sha256)
    findings, snapshot = _check_base_file(workspace, plan), seen._snapshot
    findings += seen.findings
    try_finding(findings, "benchmark", lambda: frozen_benchmark(task))
    if job is None and not remote:
        try_finding(findings, "worker", lambda: worker_python(workspace))
    ahead = [] if remote else jobs_ahead(machine)
    findings += check_jobs(task, plan.name, job, ahead)
    findings += [Finding("warning", "machine", text, _BUILD_AGAIN) for text in machine.warnings()]
    findings += check_interrupted(task, job)
    if snapshot and task_kind(seen.context.type).needs_labels:
        findings += check_labels(task, snapshot)
    findings += check_prompts(task, snapshot, seen.base)
    try_finding(findings, "method", lambda: method.check_task(seen.context.type, task.load().labels))
    if method.load_in_4bit and not remote and machine.worker and not stands_in(Path(machine.worker)):
        findings.append(Finding.of_error("load_in_4bit", missing(machine.worker)))
    findings += _check_names(plan)
    findings += check_trl(workspace, task, method, here=in_the_job)
    checked = replace(seen, findings=findings)
    if not snapshot or any(finding.code == "method" for finding in findings):
        return checked
    base = seen.base or outline(method.base_model)
    return _measure(checked, task, plan, snapshot, base, machine, ahead, remote, in_the_job) if base else checked


def _measure(
    seen: Preflight,
    task: TaskFolder,
    plan: Plan,
    snapshot: Snapshot,
    base: BaseModel | Outline,
    machine: Machine,
    ahead: list[JobFolder],
    remote: Machine | None,
    in_the_job: bool,
) -> Preflight:
    """What the plan's settings mean for these rows on that machine, beside what was `seen` already."""
    settings, _ = resolve_settings(plan.settings, seen.context)
    content, limit, choice = settings.model_dump(mode="json"), settings.max_length or inf, settings.long_rows
    request = request_for_rows(task, snapshot, seen.base)
    if request and in_the_job:
        count_here(request)
    known = load_counts(request) if request else None
    findings = [*seen.findings, *check_rows(task, snapshot, known, settings, seen.base, remote is not None)]
    rows = replace(
        epoch_rows(task, snapshot, settings.rows_per_epoch(seen.context), known, limit, choice),
        demand=settings.compute_cost(),
    )
    measured = _find_measured(task, seen.base, plan.method)
    asked, devices = settings.processes_asked or 0, count_devices(machine, remote is not None)
    if devices and asked > devices:
        findings.append(too_few_devices(asked, devices))
    processes = choose_processes(settings, base.parameters, devices) if devices else max(asked, 1)
    needed = share_estimate(
        estimate(content, base, rows, machine.cores, gpu_name(machine), measured),
        processes,
        gpu_memory(machine) is not None,
        measured,
    )
    findings += [Finding("warning", "settings", text, _CHANGE_IT) for text in warn_of_settings(settings, seen.context)]
    # Once it is its turn, those before it have given back what they hold.
    available = gpu_memory(machine) or (machine.memory if ahead else machine.free_memory)
    findings += check_room(needed, available, remote.disk_free if remote else shutil.disk_usage(task.root).free)
    if machine.device == "cuda" and not ahead:
        findings += check_gpu(needed, machine)
    train = known.of("train") if known else []
    return replace(
        seen,
        findings=findings,
        estimate=needed,
        elsewhere=gpu_options(content, base, rows),
        processes=processes,
        left_out=len(train) - len(select_trained(train, limit, choice)),
    )


def _context(
    task: TaskFolder, machine: Machine, snapshot: Snapshot | None, base: BaseModel | None, base_model: str
) -> TrainingContext:
    counts = snapshot.counts if snapshot else {"train": 0, "valid": 0}
    return TrainingContext(
        train_rows=counts["train"],
        valid_rows=counts["valid"],
        type=task.load().type,
        label_counts=snapshot.label_counts["train"] if snapshot else {},
        parameters=base.parameters if base else known.parameters if (known := outline(base_model)) else None,
        context_tokens=base.context if base else None,
        gpu_bytes=gpu_memory(machine),
    )


def _check_base_file(workspace: Workspace, plan: Plan) -> list[Finding]:
    """That a GGUF file still holds what it did when it was planned with."""
    findings: list[Finding] = []
    if recorded := plan.base_model_sha256:
        try_finding(findings, "base_model_file", lambda: check_unchanged(workspace, plan.settings.base_model, recorded))
    return findings


def _check_names(plan: Plan) -> list[Finding]:
    """That settings were given under a name of TRL's."""
    if not plan.renamed:
        return []
    return [
        Finding(
            "warning",
            "names",
            COMMAS.join(plan.renamed) + Text(".", "。"),
            Text("Nothing to do: both names are understood.", "不需要處理：兩種名稱都看得懂。"),
        )
    ]


def _find_measured(task: TaskFolder, base: BaseModel | None, method: str) -> VersionFolder | None:
    """The newest version trained by the same method on the same base model on this machine."""
    if base is None:
        return None
    for number in reversed(version_numbers(task)):
        folder = VersionFolder(task, number)
        if folder.status() not in ("trained", "evaluated"):
            continue
        info = folder.model_info()
        if info.base_model.hash == base.hash and info.method == method:
            return folder
    return None


def ask_worker(workspace: Workspace, task: TaskFolder, plan: Plan) -> list[Finding]:
    """Have the worker find out what only it can: the tokens of the rows, and whether TRL takes the plan's options. What
    it is still at."""
    with ThreadPoolExecutor(1) as beside:
        checking = beside.submit(check_trl_in_worker, workspace, task, plan.settings, _CHECKING_SECONDS)
        counting = count_rows(workspace, task, plan.settings.base_model, _COUNTING_SECONDS, plan.base_model_sha256)
        at_it = ((_STILL_COUNTING, counting), (_STILL_CHECKING, checking.result()))
    return [finding for finding, still in at_it if still]


class RemoteTarget(NamedTuple):
    """Another machine to train on: its name, what was seen of it, and where rows sent to it go."""

    name: str
    prospect: Prospect
    place: str = ""


class ReadyPlan(NamedTuple):
    """A plan that nothing stands against, and what it will cost where it costs something."""

    plan: Plan
    cost: Cost | None = None


def require_ready(
    workspace: Workspace, task: TaskFolder, plan: str | None, confirm: bool, remote: RemoteTarget | None = None
) -> ReadyPlan:
    """The plan to train (the newest where none is named), once nothing stands against it.

    Arguments:
        confirm: the person agreed to the time, the memory and the price.
        remote: the machine to train on, where that is not this one.

    Raises:
        NlpSkillsError: the first blocking finding, or the person has not agreed.
        AccessError: the task is on-premise, and nobody has allowed sending its rows to that machine.
        BudgetError: the task's budget does not allow it.
    """
    chosen = read_plan(task, find_plan(task, plan))
    for still in ask_worker(workspace, task, chosen):
        raise TrainingError(still.problem, still.fix, field="trl" if still.code == "trl" else "plan")
    checked = check(workspace, task, chosen, remote=remote.prospect.machine if remote else None)
    if blocking := first_blocking(checked.findings):
        raise blocking
    to_confirm = [finding for finding in checked.findings if finding.level == "confirm"]
    cost = price_training(remote.prospect, checked.estimate) if remote else None
    if remote and cost:
        to_confirm.insert(0, ask_for_price(task, remote.name, remote.prospect, cost))
    if remote and (leaving := needs_to_send(task.load(), remote.place or remote.name)):
        require(refusal(leaving, "machine"))
    if to_confirm and not confirm:
        there = f", machine={remote.name!r}" if remote else ""
        call = f"train(task={task.name!r}, plan={chosen.name!r}{there}, confirm=True)"
        agree = Text(f"If the person agrees, call {call}. Otherwise: ", f"使用者同意的話，請呼叫 {call}。不同意的話：")
        raise TrainingError(
            SENTENCES.join(finding.problem for finding in to_confirm), agree + to_confirm[0].fix, field="confirm"
        )
    return ReadyPlan(chosen, cost)
