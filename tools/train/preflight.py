"""What is checked before time is spent: in the server before a job starts, and in the job before a version is reserved.

Light: it reads files and asks the machine, and imports no training library.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Literal, TypeVar

from ...resources.foundation.errors import MissingRequirement, NlpSkillsError, TrainingError
from ...resources.foundation.language import Text
from ...resources.job import JobFolder, active_jobs
from ...resources.task import TaskFolder
from ...resources.version import VersionFolder, version_numbers
from ...resources.workspace import Workspace
from ..compute.hardware import Machine, describe_machine
from ..compute.jobs.device_queue import best_kind, devices_of, jobs_ahead
from ..compute.worker import find_worker, worker_python
from ..data.benchmark import frozen_benchmark
from ..data.chat_template import template_of
from ..data.prompting import task_prompt
from ..data.snapshot import Snapshot, current_snapshot
from ..data.task_kind import task_kind
from .answers import Estimate, GpuOption
from .audit import refusal
from .base_facts import BaseModel, outline, read_base_model
from .counting import Counted, CountedRow, Request, count_here, count_in_worker, load_counts
from .default_settings import resolve_settings, warn_of_settings
from .environment import choose_processes
from .estimate import Rows, estimate, rows_from_text, share_estimate
from .fitting import LongRows
from .four_bit import missing, stands_in
from .gpu_options import gpu_options
from .long_rows import CODE as LONG_ROWS
from .long_rows import said_of_guess, said_of_long_rows
from .method import Method
from .plan import Plan
from .prompt_checks import clock_in_template, control_in_rows, rows_with_control
from .starting_point import outward_folder
from .tokenise import without_template
from .training_context import TrainingContext
from .trl_check import request_for

_T = TypeVar("_T")
Level = Literal["blocking", "confirm", "warning"]
_FEWEST_ROWS_PER_LABEL = 2
_FEW_ROWS_PER_LABEL = 10
_LONG_SECONDS = 2 * 3600
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
_BUILD_AGAIN = Text("Call set_up(what='environment').", "請呼叫 set_up(what='environment')。")
_CHANGE_IT = Text(
    "Change it with plan_training(settings=…) if unintended.", "若非本意，請用 plan_training(settings=…) 修改。"
)


@dataclass(frozen=True)
class Finding:
    """One thing found: `blocking` stops, `confirm` asks first, `warning` is said."""

    level: Level
    code: str
    problem: Text
    fix: Text
    error: NlpSkillsError | None = None

    def to_answer(self) -> dict[str, str]:
        return {"level": self.level, "code": self.code, "problem": str(self.problem), "fix": str(self.fix)}


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


def first_blocking(findings: list[Finding]) -> NlpSkillsError | None:
    """The first blocking finding as the error it is."""
    for finding in findings:
        if finding.level == "blocking":
            return finding.error or TrainingError(finding.problem, finding.fix, field=finding.code)
    return None


def gpu_memory(machine: Machine) -> int | None:
    """Bytes of the largest GPU the worker can use; None where it trains on the processor."""
    return max((gpu.memory for gpu in machine.gpus), default=None) if machine.device == "cuda" else None


def _gpu_name(machine: Machine) -> str | None:
    return max(machine.gpus, key=lambda gpu: gpu.memory).name if gpu_memory(machine) else None


def survey(workspace: Workspace, task: TaskFolder, base_model: str, remote: Machine | None = None) -> Preflight:
    """Data and base model alone, for the defaults of a plan."""
    findings: list[Finding] = []
    snapshot = _try_finding(findings, "data", lambda: current_snapshot(task))
    base = _try_finding(findings, "base_model", lambda: read_base_model(outward_folder(workspace, base_model)))
    if remote:  # a hub model is downloaded there
        findings = [finding for finding in findings if not isinstance(finding.error, MissingRequirement)]
    machine = remote or describe_machine(workspace)
    return Preflight(findings, _situation(task, machine, snapshot, base, base_model), snapshot, base)


def check(
    workspace: Workspace, task: TaskFolder, plan: Plan, job: str | None = None, remote: Machine | None = None
) -> Preflight:
    """Everything that could stop `plan`, and what it will need.

    Arguments:
        job: the id of the training job that asks; None in the server, before there is one.
        remote: the machine it will be trained on, where that is not this one.
    """
    seen = survey(workspace, task, plan.settings.base_model, remote)
    machine = remote or describe_machine(workspace)
    findings, snapshot = list(seen.findings), seen._snapshot
    _try_finding(findings, "benchmark", lambda: frozen_benchmark(task))
    if job is None and not remote:
        _try_finding(findings, "worker", lambda: worker_python(workspace))
    if job is None:
        findings += [
            _trained_by(other, plan.name) for other in active_jobs(task.jobs, "train") if plan.name == _plan_of(other)
        ][:1]
    ahead = [] if remote else jobs_ahead(machine)
    if ahead:
        findings.append(_in_line(ahead))
    findings += [Finding("warning", "machine", text, _BUILD_AGAIN) for text in machine.warnings()]
    findings += [_can_go_on(folder, owner) for folder, owner in find_interrupted(task) if owner != job]
    if snapshot and task_kind(seen.context.type).needs_labels:
        findings += _labels(task, snapshot)
    findings += _prompts(task, snapshot, seen.base)
    _try_finding(findings, "method", lambda: plan.settings.check_task(seen.context.type, task.load().labels))
    if plan.settings.load_in_4bit and not remote and machine.worker and not stands_in(Path(machine.worker)):
        lacking = missing(machine.worker)
        findings.append(Finding("blocking", "load_in_4bit", lacking.problem, lacking.fix, lacking))
    findings += _names(plan)
    findings += _options(workspace, task, plan.settings, here=job is not None and remote is None)
    base = seen.base or outline(plan.settings.base_model)
    if not snapshot or not base or any(finding.code == "method" for finding in findings):
        return Preflight(findings, seen.context, snapshot, seen.base)
    settings, _ = resolve_settings(plan.settings, seen.context)
    content = settings.model_dump(mode="json")
    request = _request(task, snapshot, seen.base)
    if request and job is not None and not remote:
        count_here(request)
    known = load_counts(request) if request else None
    limit, choice = settings.max_length, settings.long_rows
    findings += _row_findings(task, snapshot, known, settings, seen.base, remote is not None)
    rows = replace(
        _rows(task, snapshot, settings.rows_per_epoch(seen.context), known, limit or inf, choice),
        demand=settings.compute_cost(),
    )
    measured = _find_measured(task, seen.base, plan.method)
    needed = estimate(content, base, rows, machine.cores, _gpu_name(machine), measured)
    asked = int(getattr(settings, "num_processes", None) or 0)
    devices = _devices(machine, remote is not None)
    if devices and asked > devices:
        findings.append(_too_few(asked, devices))
    processes = choose_processes(settings, base.parameters, devices) if devices else max(asked, 1)
    needed = share_estimate(needed, processes, gpu_memory(machine) is not None, measured)
    findings += [Finding("warning", "settings", text, _CHANGE_IT) for text in warn_of_settings(settings, seen.context)]
    # Once it is its turn, those before it have given back what they hold.
    findings += _room(
        needed,
        gpu_memory(machine) or (machine.memory if ahead else machine.free_memory),
        remote.disk_free if remote else shutil.disk_usage(task.root).free,
    )
    if machine.device == "cuda" and not ahead:
        findings += _others_on_gpu(needed, machine)
    train = known.of("train") if known else []
    return Preflight(
        findings,
        seen.context,
        snapshot,
        seen.base,
        needed,
        gpu_options(content, base, rows),
        processes,
        left_out=len(train) - len(_select_trained(train, limit or inf, choice)),
    )


def _prompts(task: TaskFolder, snapshot: Snapshot | None, base: BaseModel | None) -> list[Finding]:
    """Whether the base model can be talked to, always in the same way, and whether rows talk back."""
    found = []
    if base and template_of(base.folder) is None:
        lacking = without_template(str(base.folder))
        found.append(Finding("blocking", "chat_template", lacking.problem, lacking.fix, lacking))
    if base and (clock := clock_in_template(base.folder)):
        found.append(Finding("warning", "clock", *clock))
    if snapshot and (rows := rows_with_control(snapshot, base.folder if base else None)):
        found.append(Finding("warning", "control_tokens", *control_in_rows(task.load(), rows)))
    return found


def _plan_of(job: JobFolder) -> str | None:
    """The plan that a training was started with."""
    words = iter(job.spec().arguments)
    return next((next(words, None) for word in words if word == "--plan"), None)


def _trained_by(job: JobFolder, plan: str) -> Finding:
    return Finding(
        "blocking",
        "running",
        Text(f"Plan {plan} is being trained by job {job.id}.", f"計畫 {plan} 正由工作 {job.id} 訓練。"),
        Text(
            f"Follow it with job_status(job_id={job.id!r}); another plan may wait in line behind it.",
            f"請用 job_status(job_id={job.id!r}) 看進度；想再訓練別的計畫，可以排在它後面。",
        ),
    )


def _in_line(ahead: list[JobFolder]) -> Finding:
    names = ", ".join(job.id for job in ahead)
    return Finding(
        "warning",
        "queue",
        Text(
            f"This machine is busy ({names}): the training will wait in the queue and start by itself.",
            f"這台機器正在執行 {names}：訓練會先排隊，輪到時自動開始。",
        ),
        Text(
            "Nothing to do; manage_job(action='cancel') takes it out of the queue, or stops one before it.",
            "不需要處理；manage_job(action='cancel') 可以取消排隊，也可以停止前面的工作。",
        ),
    )


def _devices(machine: Machine, remote: bool) -> int:
    """How many GPUs a training could have; 0 where it trains on the processors."""
    if gpu_memory(machine) is None:
        return 0
    return len(best_kind(machine.gpus) if remote else devices_of(machine))


def _too_few(asked: int, devices: int) -> Finding:
    return Finding(
        "blocking",
        "num_processes",
        Text(
            f"The plan asks for {asked} GPUs; the machine has {devices} of its best kind.",
            f"計畫需要 {asked} 張 GPU，這台機器同型的只有 {devices} 張。",
        ),
        Text(
            "Plan again with a smaller num_processes, or leave it out: what is free is taken.",
            "請把 num_processes 改小，或省略它：會使用空著的 GPU。",
        ),
    )


def _try_finding(findings: list[Finding], code: str, look: Callable[[], _T]) -> _T | None:
    """What `look` finds, or None with its error among the findings."""
    try:
        return look()
    except NlpSkillsError as error:
        findings.append(Finding("blocking", code, error.problem, error.fix, error))
        return None


def _situation(
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


def _labels(task: TaskFolder, snapshot: Snapshot) -> list[Finding]:
    counts = snapshot.label_counts["train"]
    labels = list(task.load().labels) or sorted(counts)
    if len(labels) < 2:
        return [
            Finding(
                "blocking",
                "labels",
                Text("A classifier needs at least two labels.", "分類至少需要兩個標籤。"),
                Text("Name them with update_task(labels=…).", "請用 update_task(labels=…) 列出標籤。"),
            )
        ]
    few = {label: counts.get(label, 0) for label in labels if counts.get(label, 0) < _FEW_ROWS_PER_LABEL}
    if not few:
        return []
    shown = ", ".join(f"{label}: {count}" for label, count in few.items())
    level: Level = "blocking" if min(few.values()) < _FEWEST_ROWS_PER_LABEL else "warning"
    return [
        Finding(
            level,
            "labels",
            Text(f"Too few training rows ({shown}).", f"訓練資料太少（{shown}）。"),
            Text(
                "Collect more rows of those labels, or remove an unused label with update_task.",
                "請為這些標籤補資料，或用 update_task 移除用不到的標籤。",
            ),
        )
    ]


def find_interrupted(task: TaskFolder) -> list[tuple[VersionFolder, str]]:
    """The versions whose training stopped without a word, oldest first, each with the id of its job."""
    at_work = {job.id for job in active_jobs(task.jobs, "train")}
    found = []
    for number in version_numbers(task):
        folder = VersionFolder(task, number)
        if folder.status() == "reserved" and folder.reservation_file.is_file():
            owner = folder.reservation().job
            if owner not in at_work:
                found.append((folder, owner))
    return found


def _can_go_on(folder: VersionFolder, owner: str) -> Finding:
    return Finding(
        "warning",
        "interrupted",
        Text(
            f"{folder.name} was interrupted and can go on from its last checkpoint.",
            f"{folder.name} 的訓練中斷了，可以從最後的檢查點接續。",
        ),
        Text(
            f"manage_job(job_id={owner!r}, action='resume') carries on; train starts a new version beside it.",
            f"manage_job(job_id={owner!r}, action='resume') 會接續；train 則另開新版本。",
        ),
    )


def count_rows(workspace: Workspace, task: TaskFolder, base_model: str, seconds: float) -> bool:
    """Have the worker count the tokens of the rows for that base model, where both stand here. Whether it is still at it
    after so many seconds."""
    try:
        base = read_base_model(outward_folder(workspace, base_model))
        request, python = _request(task, current_snapshot(task), base), find_worker(workspace)
    except NlpSkillsError:  # what lacks is a finding of its own
        return False
    return request is not None and python is not None and count_in_worker(request, python, seconds)


def check_trl(workspace: Workspace, task: TaskFolder, method: Method, seconds: float) -> bool:
    """Have the worker check the plan's options for TRL, where it stands here. Whether it is still at it after so many
    seconds."""
    options, python = method.trl, find_worker(workspace)
    if not options or not method.configuration or python is None:
        return False
    return request_for(task, method.configuration, options, python).check_in_worker(python, seconds)


def _names(plan: Plan) -> list[Finding]:
    """That settings were given under a name of TRL's."""
    if not plan.renamed:
        return []
    return [
        Finding(
            "warning",
            "names",
            Text(f"{', '.join(text.en for text in plan.renamed)}.", f"{'、'.join(text.zh for text in plan.renamed)}。"),
            Text("Nothing to do: both names are understood.", "不需要處理：兩種名稱都看得懂。"),
        )
    ]


def _options(workspace: Workspace, task: TaskFolder, method: Method, here: bool) -> list[Finding]:
    """Whether TRL refuses the plan's options: the one of this process (`here`), else the worker's, where it was asked."""
    options = method.trl
    python = Path(sys.executable) if here else find_worker(workspace)
    if not options or not method.configuration or python is None:
        return []
    request = request_for(task, method.configuration, options, python)
    if here:
        request.check_here()
    found = request.outcome()
    if not isinstance(found, NlpSkillsError):
        return []
    return [Finding("blocking", "trl", found.problem, found.fix, found)]


def _request(task: TaskFolder, snapshot: Snapshot, base: BaseModel | None) -> Request | None:
    if (
        base is None
        or template_of(base.folder) is None
        or not any((base.folder / name).is_file() for name in _TOKENIZERS)
    ):
        return None
    definition = task.load()
    labels = definition.labels or sorted(snapshot.label_counts["train"])
    return Request(task, snapshot, task_prompt(definition), labels, base.folder)


def _row_findings(
    task: TaskFolder, snapshot: Snapshot, known: Counted | None, method: Method, base: BaseModel | None, remote: bool
) -> list[Finding]:
    """Whether the training would refuse a row: for its length, or for what exactly would be trained."""
    limit, choice = method.max_length or 0, method.long_rows
    if known is None:
        longest = _guess_rows(task, snapshot, 1).longest
        if not limit or choice or (longest if remote else longest / 2.8) <= limit:
            return []
        said = said_of_guess(longest, limit)
        return [Finding("blocking" if remote else "warning", LONG_ROWS, said.problem, said.fix)]
    if known.error:
        return [Finding("blocking", "label_audit", known.error.problem, known.error.fix, known.error)]
    said_of_each = (
        said_of_long_rows(task, snapshot, known, limit, choice, base.context if base else None) if limit else []
    )
    found = [
        Finding("blocking" if said.stops else "warning", LONG_ROWS, said.problem, said.fix) for said in said_of_each
    ]
    definition = task.load()
    errors = [
        refusal(
            definition,
            [one for one in known.problems if method.trains_on_answers or one.problem != "context"],
            len(known.rows),
        )
    ]
    rows = (row for split in ("train", "valid") for row in snapshot.rows(split))
    errors.append(method.unfit_error(definition, {row.id: row.answer for row in known.rows}, rows))
    return [*found, *(Finding("blocking", "label_audit", error.problem, error.fix, error) for error in errors if error)]


def _rows(
    task: TaskFolder, snapshot: Snapshot, count: int, known: Counted | None, limit: float, choice: LongRows | None
) -> Rows:
    """The rows of an epoch: counted where they are tokenised for that base model already, else guessed from text; none
    of them is longer than `limit` tokens once it is trained."""
    if known is None or not (train := known.of("train")):
        return _guess_rows(task, snapshot, count, limit)
    kept = _select_trained(train, limit, choice) or train
    answers = 2 if task_kind(task.load().type).answers == "pair" else 1
    count = round(count * len(kept) / len(train))
    tokens = sum(min(row.all_tokens, answers * limit) for row in kept) / len(kept) * count
    return Rows(count, (tokens, tokens), min(max(row.tokens for row in kept), limit))


def _select_trained(rows: list[CountedRow], limit: float, choice: LongRows | None) -> list[CountedRow]:
    """The rows that are trained on, whole or cut."""
    return [row for row in rows if choice is None or (row.tokens if choice == "drop" else row.least) <= limit]


def _guess_rows(task: TaskFolder, snapshot: Snapshot, count: int, limit: float = inf) -> Rows:
    definition = task.load()
    prompt, labels = task_prompt(definition), definition.labels or sorted(snapshot.label_counts["train"])
    answers = ("output", "chosen", "rejected")  # those that are as long as texts
    texts = ["".join(str(row.get(name) or "") for name in ("text", *answers)) for row in snapshot.rows("train")]
    return rows_from_text(texts, count, len(prompt.system) + len(prompt.user) + sum(map(len, labels)) + 40, limit)


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


def _others_on_gpu(needed: Estimate, machine: Machine) -> list[Finding]:
    """Whether programs that stand in no line leave too little of the GPU."""
    total, free = needed.memory_bytes["total"], max(gpu.free for gpu in best_kind(machine.gpus))
    if free >= total:
        return []
    return [
        Finding(
            "warning",
            "gpu",
            Text(
                f"It may need about {_size(total)}; {_size(free)} of the GPU's memory are free just now.",
                f"估計約需 {_size(total)}，GPU 目前只剩 {_size(free)}。",
            ),
            Text(
                "End what else uses the GPU (nvidia-smi names it; deploy(action='list') what serves a model).",
                "請結束其他使用 GPU 的程式（nvidia-smi 看得到；提供中的模型用 deploy(action='list') 查）。",
            ),
        )
    ]


def _room(needed: Estimate, available: int, free: int) -> list[Finding]:
    """Whether memory (`available` bytes) and disk (`free` bytes) suffice, and how long it takes."""
    found = []
    if needed.disk_bytes > free:
        found.append(
            Finding(
                "blocking",
                "disk",
                Text(
                    f"Checkpoints need about {_size(needed.disk_bytes)}, {_size(free)} are free.",
                    f"檢查點約需 {_size(needed.disk_bytes)}，磁碟只剩 {_size(free)}。",
                ),
                Text(
                    "Free some space, or move the workspace (NLP_SKILLS_WORKSPACE).",
                    "請清出空間，或把工作區移到別處（NLP_SKILLS_WORKSPACE）。",
                ),
            )
        )
    total = needed.memory_bytes["total"]
    least = needed.memory_bytes["weights"] + needed.memory_bytes["trained"]
    smaller = Text(
        "Use a smaller base model, batch_size 1, activation_checkpointing, or LoRA instead of full; or train "
        "on a larger machine over SSH (set_up what='machine').",
        "請換小一點的基礎模型、batch_size 設 1、開啟 activation_checkpointing，或改用 LoRA；"
        "也可以透過 SSH 到較大的機器上訓練（set_up what='machine'）。",
    )
    if least > available:
        found.append(
            Finding(
                "blocking",
                "memory",
                Text(
                    f"Weights and optimiser alone need {_size(least)}; {_size(available)} are free.",
                    f"光是權重與最佳化器就需要 {_size(least)}，可用的只有 {_size(available)}。",
                ),
                smaller,
            )
        )
    elif total > available:
        found.append(
            Finding(
                "confirm",
                "memory",
                Text(
                    f"It may need about {_size(total)}; {_size(available)} are free.",
                    f"估計約需 {_size(total)}，可用的有 {_size(available)}。",
                ),
                smaller,
            )
        )
    if needed.seconds[0] > _LONG_SECONDS:
        hours = [seconds / 3600 for seconds in needed.seconds]
        found.append(
            Finding(
                "confirm",
                "time",
                Text(
                    f"It will probably take {hours[0]:.1f} to {hours[1]:.1f} hours.",
                    f"大約需要 {hours[0]:.1f} 到 {hours[1]:.1f} 小時。",
                ),
                Text(
                    "Fewer epochs or a smaller base model are faster; it can run in the background and be cancelled.",
                    "減少輪數或換小模型會比較快；也可以讓它在背景執行，隨時能取消。",
                ),
            )
        )
    return found


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"
