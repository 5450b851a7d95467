"""Stage 04: train a plan into a version.

The version is reserved with all that shapes it, trained with checkpoints, committed by `model_info.json`, and tracked.
Killed at any point, the same job (or `--resume vN` by hand) carries on from there.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import Any

from ...resources.foundation.clock import now
from ...resources.foundation.errors import Cancelled, NlpSkillsError, TrainingError
from ...resources.foundation.files import (
    commit_folder,
    dump_jsonl,
    lock,
    read_json,
    sha256_file,
    write_atomic,
    write_json,
    write_yaml,
)
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import SENTENCES, Text, several
from ...resources.lineage import track_version
from ...resources.model_info import BaseModelInfo, ModelInfo
from ...resources.reservation import AgreedCost, Failure, Reservation
from ...resources.spending import Cost
from ...resources.task import Task, TaskFolder
from ...resources.version import VersionFolder, reserve_version, version
from ...resources.workspace import Workspace
from ..compute.environments.base_model import hash_of_gguf
from ..compute.environments.fingerprint import model_files as model_hashes
from ..compute.environments.gguf_base import hash_of_origin
from ..compute.environments.libraries import settle_libraries
from ..compute.hardware import Machine, describe_machine
from ..compute.jobs.device_queue import DeviceRequest, acquire_devices, devices_of
from ..compute.jobs.running import RunningJob, run_job
from ..data.convert import render_snapshot
from ..data.prompting import task_prompt
from ..data.snapshot import load_snapshot
from .base_facts import BaseModel, read_base_model
from .checkpoints import LogEntry, model_files
from .default_settings import resolve_settings
from .environment import choose_processes, choose_threads, environment_of
from .finding import first_blocking
from .fitting import said_of_fitted
from .job_checks import find_interrupted, reserved_by
from .job_results import NextCall, TrainedVersion
from .plan import find_plan, method_of, plan_file, read_plan
from .preflight import check
from .starting_point import base_folder_of, origin
from .together import train_together
from .training_run import TrainingResult, TrainingRun

ENTRY = ["scripts/04_train.py"]


def main(task: Path, arguments: list[str]) -> int:
    """Train (script 04)."""
    parser = argparse.ArgumentParser(
        prog="04_train.py",
        description="Train a plan of configs/ into a new version, or resume an interrupted one. "
        "依 configs/ 裡的計畫訓練新版本，或接續中斷的訓練。",
    )
    parser.add_argument(
        "--plan",
        help="the plan's name; if left out, an interrupted training goes on, "
        "else the newest plan is trained "
        "計畫名稱；省略時接續中斷的訓練，否則用最新的計畫",
    )
    parser.add_argument("--resume", metavar="vN", help="carry on with an interrupted version 接續中斷的版本")
    options = parser.parse_args(arguments)
    settle_libraries()

    def work(job: RunningJob) -> dict[str, Any]:
        folder = TaskFolder(task)
        chosen = _version_of(job, folder, options.plan, options.resume)
        with lock(chosen.root):
            return train_version(job, folder.load(), chosen).to_dict()

    return run_job("train", work, entry=ENTRY, arguments=arguments, task=Path(task), resumable=True)


def _event(entry: LogEntry) -> dict[str, object]:
    """An entry of the trainer's history in the shape of a job's progress event, so that both are drawn alike."""
    measures = {name: value for name, value in entry.items() if name != "step"}
    return {"time": now(), "kind": "progress", "step": entry["step"], "total": None, "measures": measures}


def _version_of(job: RunningJob, task: TaskFolder, plan: str | None, resume: str | None) -> VersionFolder:
    """The version this job trains: the named one, the one it reserved before it was interrupted, else a new one.
    Run by hand without a word, the newest interrupted training goes on."""
    if resume:
        return version(task, resume)
    if reserved := reserved_by(task, job.folder.id):
        return reserved
    if plan is None and (left := find_interrupted(task)):
        return left[-1][0]
    return reserve(job, task, find_plan(task, plan))


def reserve(
    job: RunningJob, task: TaskFolder, name: str, remote: Machine | None = None, cost: Cost | None = None
) -> VersionFolder:
    """Reserve the next version with all that shapes its run, so that resuming needs neither plan nor working copies.

    Arguments:
        remote: the machine it will be trained on, where that is not this one.
        cost: what the person agreed to pay for it.
    """
    workspace = Workspace()
    plan, definition = read_plan(task, name), task.load()
    checked = check(workspace, task, plan, job=job.folder.id, remote=remote)
    if blocking := first_blocking(checked.findings):
        raise blocking
    snapshot, context = checked.snapshot, checked.context
    settings, _ = resolve_settings(plan.settings, context)
    prompt = task_prompt(definition)
    file_hash = plan.base_model_sha256 or hash_of_gguf(Workspace(), plan.settings.base_model)
    config = {
        **plan.content(),
        **({"base_model_sha256": file_hash} if file_hash else {}),
        **settings.model_dump(mode="json", exclude_none=True),
        "labels": list(definition.labels) or sorted(snapshot.label_counts["train"]),
        "prompt": {"system": prompt.system, "user": prompt.user},
    }

    def fill(draft: Path) -> None:
        write_yaml(draft / "config.yaml", config)
        snapshot.summary().write(draft / "data_snapshot.json")
        reservation = Reservation(
            job=job.folder.id, plan=plan.name, plan_hash=sha256_file(plan_file(task, plan.name)), created=now()
        )
        if cost:
            reservation.cost = AgreedCost(**cost._asdict())
        reservation.write(draft / "reservation.json")

    folder = reserve_version(task, fill)
    job.event("version", version=folder.name)
    return folder


def train_version(
    job: RunningJob, task: Task, folder: VersionFolder, base_folder: Path | None = None
) -> TrainedVersion:
    """Train the reserved version, from its last checkpoint where it has one; what is trained already is kept.

    Arguments:
        base_folder: where the base model stands on this machine, if the name in the config means another one's disk.
    """
    if folder.status() not in ("trained", "evaluated"):
        folder.failure_file.unlink(missing_ok=True)
        try:
            base = _base_model(job, folder, base_folder)
            with acquire_devices(
                job, machine := describe_machine(Workspace()), _wish(folder, base, machine)
            ) as devices:
                run = _prepare_run(job, task, folder, base, devices)
                result = train_together(run) if run.processes > 1 else _train_here(run)
                _commit(job, folder, base, run, result, folder.config().base_model if base_folder else None)
        except BaseException as error:
            try:
                record_failure(job, folder, error)
            except Cancelled:  # the marker and the signal of one cancellation can come a moment apart; no third does
                record_failure(job, folder, error)
            raise
    track_version(folder)
    shutil.rmtree(folder.models / "checkpoints", ignore_errors=True)
    forget_plan(folder)
    return trained_result(folder)


def _base_model(job: RunningJob, folder: VersionFolder, base_folder: Path | None) -> BaseModel:
    """The base model on this machine, if it is the one the version began with."""
    job.progress(0, None, Text("Checking the base model's files", "檢查基礎模型檔案"))
    config = folder.config()
    base = read_base_model(base_folder or base_folder_of(Workspace(), config.base_model, config.base_model_sha256))
    if folder.environment_file.is_file() and folder.environment().base_model_hash != base.content_hash:
        raise TrainingError(
            Text(
                f"{base.folder} is no longer the base model {folder.name} began with.",
                f"{base.folder} 已經不是 {folder.name} 開始訓練時的基礎模型。",
            ),
            Text("Restore its files, or train a new version.", "請還原它的檔案，或訓練新的版本。"),
            field="base_model",
        )
    return base


def _wish(folder: VersionFolder, base: BaseModel, machine: Machine) -> DeviceRequest:
    """The GPUs to wait for: as many as the run began with, as the plan says, or one and what else is free."""
    method, devices = method_of(folder.config()), len(devices_of(machine))
    if machine.device != "cuda":
        return DeviceRequest()
    begun = folder.environment().processes
    if begun and begun <= devices:
        return DeviceRequest(begun, begun)
    if asked := method.processes_asked:
        return DeviceRequest(asked, asked)
    return DeviceRequest(1, choose_processes(method, base.parameters, devices))


def _prepare_run(
    job: RunningJob, task: Task, folder: VersionFolder, base: BaseModel, devices: list[str]
) -> TrainingRun:
    """Everything the method works with, the environment written down first and unchanged since."""
    config = folder.config()
    method = method_of(config)
    machine = describe_machine(Workspace())
    gpu = machine.device == "cuda"
    if folder.environment_file.is_file():
        environment = folder.environment()
    else:
        environment = environment_of(machine)
        environment.threads = config.threads or choose_threads(machine, base.parameters)
        environment.base_model_hash = base.content_hash
    processes = choose_processes(method, base.parameters, len(devices)) if gpu else config.num_processes or 1
    environment.processes = processes
    environment.write(folder.environment_file)
    prompt, labels = config.prompt or task_prompt(task), [str(label) for label in config.labels]
    snapshot = load_snapshot(folder.task, folder.data_snapshot().hash)
    return TrainingRun(
        task=task,
        version=folder,
        running=job,
        base_path=base.folder,
        rendered=render_snapshot(folder.task, snapshot, prompt, labels),
        labels=labels,
        prompt=prompt,
        threads=environment.threads or 1,
        processes=processes,
        gpu=gpu,
    )


def _train_here(run: TrainingRun) -> TrainingResult:
    from .run_training import run_training  # it reads PyTorch, which the server has not

    return run_training(method_of(run.version.config()), run)


def _commit(
    job: RunningJob,
    folder: VersionFolder,
    base: BaseModel,
    run: TrainingRun,
    result: TrainingResult,
    base_name: str | None,
) -> None:
    """Put the model in its place and freeze the version: `model_info.json` comes last and is the commit.

    Arguments:
        base_name: where the base model is to be looked for; None: in the folder it stands in here.
    """
    base_name = base_name or str(base.folder)
    place = folder.models / result.kind
    shutil.rmtree(place, ignore_errors=True)  # of an earlier try that was killed before its commit

    def fill(draft: Path) -> None:
        for file in model_files(result.checkpoint):
            if file.name == "adapter_config.json":
                named = {"base_model_name_or_path": folder.config().base_model}
                write_json(draft / file.name, _in_order({**read_json(file), **named}))
            else:
                _link(file, draft / file.name)

    commit_folder(place, fill)
    root = folder.task.root
    files = {file.relative_to(root).as_posix(): sha256_file(file) for file in sorted(place.iterdir())}
    folder.environment().model_copy(update=dict(result.environment)).write(folder.environment_file)
    write_atomic(folder.events_file, dump_jsonl(_event(entry) for entry in result.history))
    evidence = folder.evidence()
    evidence.training = result.evidence.to_dict()
    evidence.write(folder.evidence_file)
    relative = place.relative_to(root).as_posix()
    config = folder.config()
    base_model = BaseModelInfo(
        name=config.base_model, path=base_name, hash=base.content_hash, files=model_hashes(base.folder)
    )
    if file_hash := hash_of_origin(base.folder):
        base_model.file_hash = file_hash
    if earlier := origin(Workspace(), config.base_model):
        base_model.version = earlier
    ModelInfo(
        created=now(),
        base_model=base_model,
        method=config.method,
        adapter=relative if result.kind == "adapter" else None,
        model=relative if result.kind == "model" else None,
        files=files,
        parameters=result.parameters,
        training=result.training,
        label_audit=result.audit,
        prompt=run.prompt,
        labels=run.labels,
        job=job.folder.id,
    ).write(folder.model_info_file)


def _in_order(adapter: JsonObject) -> JsonObject:
    """PEFT writes the names of the layers in an order that changes from run to run; a version's files must not. Nor
    may they name the place where one machine keeps the base model."""
    return {
        name: sorted(value) if name == "target_modules" and isinstance(value, list) else value
        for name, value in sorted(adapter.items())
    }


def _link(source: Path, target: Path) -> None:
    """The same bytes under a second name where the disk can, so that a large model is not written twice."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def record_failure(job: RunningJob, folder: VersionFolder, error: BaseException) -> None:
    """The version keeps its number and says why it was not trained."""
    if folder.model_info_file.is_file():
        return
    told = error.to_dict() if isinstance(error, NlpSkillsError) else {"code": type(error).__name__}
    stopped = isinstance(error, Cancelled) or job.folder.cancel_file.exists()
    Failure(cancelled=stopped, ended=now(), job=job.folder.id, error=told).write(folder.failure_file)


def forget_plan(folder: VersionFolder) -> None:
    """`configs/` holds plans for versions not yet trained: this one is in config.yaml now, unless edited since."""
    if not folder.reservation_file.is_file():
        return
    reservation = folder.reservation()
    path = plan_file(folder.task, reservation.plan)
    if path.is_file() and sha256_file(path) == reservation.plan_hash:
        path.unlink()


def trained_result(folder: VersionFolder) -> TrainedVersion:
    """What is said of a version that is trained."""
    info = folder.model_info()
    training, audit = info.training, info.label_audit
    scored = method_of(folder.config()).describe_scores(training)
    steps, seconds, speed = training.steps or 0, training.seconds or 0, training.tokens_per_second
    fast = Text(f", {speed:,.0f} tokens per second", f"，每秒 {speed:,.0f} 個 token") if speed else ""
    said = Text(
        f"{folder.name} is trained: {several(steps, 'step')} in {seconds:.0f} s",
        f"{folder.name} 訓練完成：{steps} 步，{seconds:.0f} 秒",
    )
    audited = Text(f"The label audit passed on all {audit.rows} rows.", f"{audit.rows} 列全部通過標籤稽核。")
    plainly = len(audit.neutralised)
    neutral = Text(
        f"In {several(plainly, 'row')} control tokens in the text were read as plain letters.",
        f"其中 {plainly} 列內文的控制符號已當成一般文字。",
    )
    message = SENTENCES.join(
        [said + fast + Text(".", "。"), audited, neutral if plainly else None, said_of_fitted(audit.long_rows), scored]
    )
    say = Text(f"Evaluate {folder.name} on the frozen benchmark.", f"接著在凍結的評估基準上評估 {folder.name}。")
    return TrainedVersion(
        version=folder.name,
        parameters=info.parameters,
        training=training,
        folder=str(folder.root),
        model=str(folder.task.root / info.place),
        message=message._asdict(),
        next_step=NextCall(
            tool="evaluate", arguments={"task": folder.task.name, "version": folder.name}, say=say._asdict()
        ),
    )
