"""Train a plan on another machine: `python -m nlp_skills.tools.train.remote_submit TASK_FOLDER --machine NAME --plan NAME`.

The version is reserved here, with all that shapes it; what the training needs is sent; what comes of it is fetched,
checked by hash and committed here as if it had been trained here. The process that does this only follows the job there.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...resources.foundation.access import refusal, require
from ...resources.foundation.errors import BudgetError, Cancelled, TrainingError
from ...resources.foundation.files import commit_folder, lock, read_json, sha256_file, write_atomic
from ...resources.foundation.kinds import Registry
from ...resources.foundation.language import SENTENCES, Text
from ...resources.job import JobFolder
from ...resources.lineage import cost_of as cost_of_version
from ...resources.lineage import cost_said, track_version
from ...resources.paths import expand_home
from ...resources.spending import standing
from ...resources.task import TaskFolder, TaskType
from ...resources.version import VersionFolder
from ...resources.workspace import Workspace
from ..compute.environments.base_model import HUB_NAME, resolve_base_model
from ..compute.environments.gguf_base import is_gguf
from ..compute.jobs import job_control
from ..compute.jobs.result import GivenBack
from ..compute.jobs.running import RunningJob, run_job
from ..compute.machine import LinkedMachine
from ..compute.named_machines import linked_machine
from ..compute.remote.lease import Meter, cost_argument, cost_of
from ..compute.remote.remote_job import Keep, RemoteJob, RemoteTask, open_remote_job
from ..data.reach import needs_to_send
from ..data.snapshot import load_snapshot
from ..data.task_kind import TYPES
from ..evaluate.merge import merged_place
from . import remote_worker
from .checkpoints import SEAL, is_sealed, sealed_checkpoints
from .job_checks import reserved_by
from .job_results import TrainedVersion
from .method import METHODS
from .plan import Plan
from .preflight import RemoteTarget, require_ready
from .reward import REWARDS
from .run import forget_plan, record_failure, reserve, trained_result
from .starting_point import named_version

ENTRY = ["-m", "nlp_skills.tools.train.remote_submit"]
_OF_A_MODEL = (".safetensors", ".bin", ".json", ".model", ".txt", ".jinja", ".py", ".tiktoken", ".spm")
_FETCHED = ("environment.json", "events.jsonl", "evidence.json", "model_info.json")  # the last one is the commit


def submit_remote(workspace: Workspace, task: TaskFolder, plan: str | None, machine: str, confirm: bool) -> JobFolder:
    """Start the job that has the plan trained on that machine, once nothing stands against it.

    Raises:
        NlpSkillsError: the machine cannot be used, or the first blocking finding of the plan.
    """
    linked = linked_machine(workspace, machine)
    remote = RemoteTarget(machine, linked.prospect(workspace, machine), linked.place(machine))
    ready = require_ready(workspace, task, plan, confirm, remote)
    _check_travels(ready.plan, task.load().type)
    return job_control.submit(
        workspace,
        "train",
        ENTRY,
        [str(task.root), "--machine", machine, "--plan", ready.plan.name, *cost_argument(ready.cost)],
        python=sys.executable,
        task=task,
        resumable=True,
        machine=machine,
    )


def _check_travels(plan: Plan, type: TaskType) -> None:
    """Refuse a type of task, a method or a reward that only a file of this workspace holds."""
    rewards = getattr(plan.settings, "rewards", None) or ()
    used: list[tuple[Registry[Any], str, str]] = [(TYPES, type, "type"), (METHODS, plan.method, "method")]
    used += [(REWARDS, name, "rewards") for name in rewards]
    for kinds, name, field in used:
        if kinds.is_of_a_file(name):
            file = f"plugins/{name.replace('-', '_')}.py"
            raise TrainingError(
                Text(
                    f"The {kinds.noun.en} {name} is in {file} of this workspace, which is not sent to other machines.",
                    f"{name} 寫在這個工作區的 {file}，不會送到其他機器。",
                ),
                Text(
                    "Train here, or make it a package and install it on that machine (docs/extending.md).",
                    "請在這台機器訓練，或做成套件並安裝到那台機器（見 docs/extending.zh-TW.md）。",
                ),
                field=field,
            )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m nlp_skills.tools.train.remote_submit", description=__doc__)
    parser.add_argument("task", type=Path, help="the task's folder")
    parser.add_argument("--machine", required=True, help="a name of machines.yaml")
    parser.add_argument("--plan", required=True, help="a plan of configs/")
    parser.add_argument("--cost", help="what was agreed to, as JSON")
    parser.add_argument("--give-back", metavar="JOB", help="end what that job left on its machine, instead")
    given = parser.parse_args(arguments)

    def work(job: RunningJob) -> Mapping[str, Any]:
        task = TaskFolder(job.folder.root.parents[1]) if not job.by_hand else TaskFolder(given.task)
        machine, cost = linked_machine(Workspace(), given.machine), cost_of(given.cost)
        owner = given.give_back or job.folder.id
        meter = Meter(task, owner, given.machine, cost)

        def keep(remote_job: RemoteJob) -> None:
            if folder := reserved_by(task, owner):
                _keep_checkpoint(folder, remote_job)

        if not given.give_back and (leaving := needs_to_send(task.load(), machine.place(given.machine))):
            require(refusal(leaving, "machine"))  # the name may stand for another machine since
        if given.give_back:
            return _give_back(job, JobFolder(task.jobs / owner), given.machine, machine, meter, keep)
        folder = reserved_by(task, job.folder.id)
        if folder is None and machine.rented:  # before anything is spent
            folder = reserve(job, task, given.plan, machine.prospect(Workspace(), given.machine).machine, cost)
        try:
            with open_remote_job(job, given.machine, machine, meter, keep=keep) as remote_job:
                folder = folder or reserve(
                    job, task, given.plan, remote_job.retry(lambda: remote_job.remote).machine, cost
                )
                with lock(folder.root):
                    result = train_remote(job, folder, remote_job)
            track_version(folder)  # what it cost is known once the machine is given back
            return _with_cost(folder, result).to_dict()
        except (BudgetError, Cancelled) as error:
            if folder:
                record_failure(job, folder, error)
            raise

    return run_job("train", work, entry=ENTRY, arguments=arguments, task=given.task, resumable=True)


def _with_cost(folder: VersionFolder, result: TrainedVersion) -> TrainedVersion:
    """The result, its message saying what it cost and what is left."""
    said = SENTENCES.join([cost_said(folder), standing(folder.task)])
    if not said:
        return result
    message = SENTENCES.join([Text(**result.message), said])
    return result.model_copy(update={"cost": cost_of_version(folder), "message": message._asdict()})


def _give_back(
    job: RunningJob, owner: JobFolder, name: str, machine: LinkedMachine, meter: Meter, keep: Keep
) -> GivenBack:
    from ..compute.machines.sky import Sky
    from ..compute.skypilot.rental import give_back

    assert isinstance(machine, Sky)
    return give_back(job, owner, name, machine, meter, keep)


def train_remote(job: RunningJob, folder: VersionFolder, remote_job: RemoteJob) -> TrainedVersion:
    """Have the reserved version trained there and commit what came of it; what is trained already is kept."""
    if folder.status() not in ("trained", "evaluated"):
        folder.failure_file.unlink(missing_ok=True)
        try:
            remote_job.run_task(_remote_task(folder))
            _fetch(folder, remote_job)
        except (BudgetError, Cancelled, TrainingError) as error:
            record_failure(job, folder, error)
            raise
    track_version(folder)
    shutil.rmtree(_arriving(folder), ignore_errors=True)
    remote_job.forget()
    forget_plan(folder)
    return trained_result(folder)


def _remote_task(folder: VersionFolder) -> RemoteTask:
    """What the training needs: the task's description, its snapshot, the reserved version, and a base model that is a
    folder here (a hub model is downloaded there)."""
    task = folder.task
    snapshot = load_snapshot(task, folder.data_snapshot().hash)
    needed = [
        task.file,
        *(file for file in sorted(snapshot.root.iterdir()) if file.is_file()),
        folder.config_file,
        folder.data_snapshot_file,
        folder.reservation_file,
    ]
    files = {f"{task.name}/{file.relative_to(task.root).as_posix()}": file for file in needed}
    name = folder.config().base_model
    checkpoints = folder.models / "checkpoints"
    files |= {
        f"{task.name}/{file.relative_to(task.root).as_posix()}": file  # kept from a machine that was given back
        for checkpoint in list(sealed_checkpoints(checkpoints).values())[-1:]
        for file in sorted(checkpoint.rglob("*"))
        if file.is_file()
    }
    if (clock := checkpoints / "clock.json").is_file():
        files[f"{task.name}/{clock.relative_to(task.root).as_posix()}"] = clock
    command = [*remote_worker.ENTRY, task.name, folder.name]
    if _is_hub_name(name):
        return RemoteTask(files, [*command, "--hub", name])
    base = _standing_base(name, folder.config().base_model_sha256)
    return RemoteTask(
        {**files, **{f"base/{file.name}": file for file in _base_files(base)}}, [*command, "--base", "base"]
    )


def _standing_base(name: str, recorded: str | None) -> Path:
    """The base model's folder here; this process may have no library to merge a version's model with.

    Arguments:
        recorded: the hash of the GGUF file of that name, where it is one's.

    Raises:
        NlpSkillsError: it is not on this machine, or a version's model was not merged yet.
    """
    chosen = named_version(Workspace(), name)
    if chosen is None:
        return resolve_base_model(Workspace(), name, recorded)
    merged = merged_place(chosen)
    if not merged.is_dir():
        call = f"deploy(task={chosen.task.name!r}, version={chosen.name!r}, target='merged')"
        raise TrainingError(
            Text(
                f"The model of {name} has not been merged yet, so it cannot be sent.",
                f"{name} 的模型還沒有合併，無法傳送。",
            ),
            Text(f"Call {call}, then train again.", f"請先呼叫 {call}，再訓練一次。"),
            field="base_model",
        )
    return merged


def _is_hub_name(name: str) -> bool:
    if named_version(Workspace(), name) or is_gguf(name):
        return False
    standing = any(folder.is_dir() for folder in (expand_home(name), Workspace().root / name))
    return bool(HUB_NAME.fullmatch(name)) and not standing


def _base_files(base: Path) -> list[Path]:
    """Weights, config and tokenizer."""
    return [file for file in sorted(base.iterdir()) if file.is_file() and file.suffix in _OF_A_MODEL]


def _fetch(folder: VersionFolder, remote_job: RemoteJob) -> None:
    """Bring the version's parts home and commit them: first the model, checked against `model_info.json` as it was
    written there, then the files beside it, that one last."""
    task = folder.task
    arrived = _arriving(folder)
    version = f"{task.name}/versions/{folder.name}"
    remote_job.fetch(
        [
            *(f"{version}/{name}" for name in _FETCHED),
            f"{task.name}/models/{folder.name}/adapter/*",
            f"{task.name}/models/{folder.name}/model/*",
        ],
        arrived,
    )
    info = read_json(arrived / version / "model_info.json")
    for relative, expected in info["files"].items():
        file = arrived / task.name / relative
        if not file.is_file() or sha256_file(file) != expected:
            raise TrainingError(
                Text(
                    f"{relative} did not arrive complete from {remote_job.name}.",
                    f"{relative} 沒有從 {remote_job.name} 完整取回。",
                ),
                Text(
                    "Call manage_job(action='resume') to fetch it again.",
                    "請呼叫 manage_job(action='resume') 重新取回。",
                ),
                field="machine",
            )
    place = str(info["adapter"] or info["model"])
    final = task.root / place
    shutil.rmtree(final, ignore_errors=True)  # of an earlier try that was killed before its commit

    def fill(draft: Path) -> None:
        for relative in info["files"]:
            shutil.copyfile(arrived / task.name / relative, draft / Path(relative).name)

    commit_folder(final, fill)
    for name in _FETCHED:
        if (file := arrived / version / name).is_file():
            write_atomic(folder.root / name, file.read_bytes())


def _keep_checkpoint(folder: VersionFolder, remote_job: RemoteJob) -> None:
    """Bring the newest whole checkpoint home, for another machine to go on from."""
    if folder.status() in ("trained", "evaluated"):
        return
    place = f"{folder.task.name}/models/{folder.name}/checkpoints"
    seals = remote_job.verb("manifest", patterns=[f"{place}/checkpoint-*/{SEAL}"])["files"]
    if not seals:
        return
    newest = max((Path(seal[0]).parent for seal in seals), key=lambda one: int(one.name.rpartition("-")[2]))
    kept = folder.models / "checkpoints" / newest.name
    if is_sealed(kept):
        return
    home = remote_job.fetch([f"{newest.as_posix()}/**/*", f"{place}/clock.json"], _arriving(folder))
    arrived = home / newest
    if (clock := home / place / "clock.json").is_file():
        write_atomic(folder.models / "checkpoints" / "clock.json", clock.read_bytes())
    shutil.rmtree(kept, ignore_errors=True)

    def fill(draft: Path) -> None:
        shutil.copytree(arrived, draft, dirs_exist_ok=True)

    commit_folder(kept, fill)
    remote_job.job.event("checkpoint_kept", checkpoint=newest.name)


def _arriving(folder: VersionFolder) -> Path:
    return folder.task.cache / "arriving" / folder.name


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
