"""What must be fetched before the heavy work can begin: said with its size first, done only after the person's yes."""

from __future__ import annotations

import sys
from typing import Any

from ...resources.answer import NextStep
from ...resources.errors import MissingRequirement, TrainingError
from ...resources.job import ACTIVE_STATES, JobFolder, active_job, job_folders
from ...resources.language import Text
from ...resources.workspace import Workspace
from . import download, environment, jobs
from .answers import SetUp, What
from .base_model import cached_model, check_causal_model
from .host_keys import UnknownHostKey
from .machine import describe_machine
from .machines import keep_machine, make_machine, named_machine, named_machines
from .machines.ssh import Ssh
from .words import size
from .worker import built_worker, find_worker, worker_python


def set_up_environment(workspace: Workspace, confirm: bool) -> SetUp | JobFolder:
    """The worker environment: where it stands, what building it would take, or the job that builds it."""
    if running := active_job(workspace.jobs, "environment"):
        return running
    standing = find_worker(workspace)
    if standing and not (confirm and describe_machine(workspace).idle_gpu):
        words = Text(f"A worker environment stands: {standing}.", f"工作環境已建立：{standing}。")
        return _stands(words, str(standing))
    planned = environment.plan(workspace)
    if not confirm:
        return _asks(planned.model_dump(), _environment_words(planned), "environment", None)
    if stopped := _stopped(workspace, "environment", None):
        return jobs.resume(stopped, workspace)
    target = environment.new_target(workspace)
    return jobs.submit(workspace, "environment", environment.ENTRY, ["--target", str(target)], python=sys.executable,
                       resumable=True, alone=True)


def set_up_base_model(workspace: Workspace, name: str | None, confirm: bool) -> SetUp | JobFolder:
    """A hub model: where it stands, what downloading it would take, or the job that does.

    Raises:
        TrainingError: no name was given, or the model is none that can be trained here.
        MissingRequirement: the worker environment, the hub or a token is missing.
    """
    if not name:
        raise TrainingError(
            Text("Which base model?", "要下載哪一個基礎模型？"),
            Text("Give name, a hub id such as Qwen/Qwen3-0.6B or Qwen/Qwen3-4B.",
                 "請提供 name，也就是 Hub 上的名稱，例如 Qwen/Qwen3-0.6B 或 Qwen/Qwen3-4B。"),
            field="name",
        )
    if running := _same_download(workspace, name, active=True):
        return running
    if folder := cached_model(name):
        check_causal_model(folder)
        return _stands(Text(f"{name} is on this machine: {folder}.", f"{name} 已在這台機器上：{folder}。"), str(folder))
    offered = download.offer(name)
    if not confirm:
        plan = offered.model_dump(exclude={"files"}) | {"files": len(offered.files)}
        return _asks(plan, _download_words(offered), "base_model", name)
    if stopped := _stopped(workspace, "base_model", name):
        return jobs.resume(stopped, workspace)
    return jobs.submit(workspace, "base_model", download.ENTRY, ["--name", name, "--commit", offered.commit],
                       python=worker_python(workspace), resumable=True)


def set_up_machine(
    workspace: Workspace, name: str | None, settings: dict[str, Any] | None, confirm: bool
) -> SetUp | JobFolder:
    """A named machine: kept in `machines.yaml` once it answers; its host key and what would be installed there are
    asked first. Without a name: which machines there are.

    Raises:
        MachineError: it is unknown, misdescribed, does not answer, or is not the one it was.
        WorkspaceError: it has no room.
    """
    from .bootstrap import build_there, needed_disk  # what tends a machine is not needed to start the server

    if name is None:
        return _machines(workspace)
    given = dict(settings or {})
    fingerprint = given.pop("fingerprint", None)
    known = named_machines(workspace).get(name)
    if known is None and not given:
        named_machine(workspace, name)
    machine = make_machine(name, {**(known or {}), **given})
    assert isinstance(machine, Ssh)
    try:
        with machine.reached(name, str(fingerprint) if fingerprint and confirm else None) as far:
            keep_machine(workspace, name, machine)
            try:
                worker = far.require_worker()
            except MissingRequirement:
                if machine.python:
                    raise
                download, disk = needed_disk(far)
            else:
                words = Text(f"{name} is ready: {worker} ({far.libraries_shown()}).",
                             f"{name} 可以使用了：{worker}（{far.libraries_shown()}）。")
                return _stands(words, worker)
            if confirm and not fingerprint:  # the yes to a host key is not one to an installation
                return build_there(workspace, name)
            words = Text(
                f"{name} answers (Python {far.python_version}, {far.machine.cores} cores, {len(far.machine.gpus)} GPU) and "
                f"is kept in machines.yaml. It has no worker environment yet: about {size(download)} to download and "
                f"{size(disk)} on disk ({size(far.machine.disk_free)} free) in {far.folder}.",
                f"{name} 有回應（Python {far.python_version}、{far.machine.cores} 核心、{len(far.machine.gpus)} 張 GPU），"
                f"已記在 machines.yaml。它還沒有工作環境：下載約 {size(download)}，占用磁碟約 {size(disk)}"
                f"（可用 {size(far.machine.disk_free)}），位置 {far.folder}。")
            plan = {"machine": name, "folder": far.folder, "download": download, "disk": disk,
                    "disk_free": far.machine.disk_free, "gpus": [gpu.name for gpu in far.machine.gpus]}
            return _asks(plan, words, "machine", name)
    except UnknownHostKey as unknown:
        if fingerprint and confirm and fingerprint == unknown.details["fingerprint"]:
            raise
        plan = {"machine": name, **unknown.details}
        step = NextStep(say=str(unknown.fix), tool="set_up", arguments={
            "what": "machine", "name": name, "confirm": True,
            "settings": {"kind": machine.kind, **machine.model_dump(mode="json", exclude_defaults=True),
                         "fingerprint": unknown.details["fingerprint"]}})
        return SetUp(message=str(unknown.problem), plan=plan, next_step=step)


def _machines(workspace: Workspace) -> SetUp:
    known = named_machines(workspace)
    shown = ", ".join(f"{name} ({settings.get('host', '?')})" for name, settings in sorted(known.items()))
    words = Text(f"Machines: {shown}." if shown else "No other machine is known yet.",
                 f"機器：{shown}。" if shown else "目前還沒有其他機器。")
    say = Text("Name one to check it, or a new one with settings={'host': alias of the SSH config}.",
               "指定一台來檢查，或以 settings={'host': SSH 設定裡的別名} 新增一台。")
    return SetUp(message=str(words), plan={"machines": known}, next_step=NextStep(say=str(say), tool="set_up"))


def _stopped(workspace: Workspace, kind: What, name: str | None) -> JobFolder | None:
    """The newest job that was to do the same, if it did not end well: it is carried on, not begun anew."""
    if kind == "base_model" and name:
        return _same_download(workspace, name, active=False)
    newest = next((folder for folder in job_folders(workspace) if folder.spec().kind == kind), None)
    if newest is None or newest.state() in (*ACTIVE_STATES, "succeeded"):
        return None
    # Built from another installation of nlp-skills: begin anew.
    return newest if newest.spec().python == sys.executable and built_worker(workspace) is None else None


def _same_download(workspace: Workspace, name: str, active: bool) -> JobFolder | None:
    for folder in job_folders(workspace):
        spec = folder.spec()
        if spec.kind == "base_model" and name in spec.arguments:
            state = folder.state()
            fits = state in ACTIVE_STATES if active else state not in (*ACTIVE_STATES, "succeeded")
            return folder if fits else None
    return None


def _environment_words(planned: environment.Plan) -> Text:
    flavour = {"cpu": Text("CPU", "CPU"), "cuda": Text("NVIDIA GPU (CUDA)", "NVIDIA GPU（CUDA）"),
               "mps": Text("Apple GPU (MPS)", "Apple GPU（MPS）")}[planned.flavour]
    note = f" {planned.note}" if planned.note else ""
    return Text(
        f"The worker environment (PyTorch for {flavour.en}, Transformers, TRL) is not built yet: about "
        f"{size(planned.download)} to download, {size(planned.disk)} on disk ({size(planned.disk_free)} free) at "
        f"{planned.folder}, with {planned.installer}.{note}",
        f"工作環境（{flavour.zh} 版 PyTorch、Transformers、TRL）還沒有建立：下載約 {size(planned.download)}，"
        f"占用磁碟約 {size(planned.disk)}（可用 {size(planned.disk_free)}），位置 {planned.folder}，"
        f"使用 {planned.installer} 安裝。{note}",
    )


def _download_words(offered: download.Offer) -> Text:
    licence = offered.licence or "?"
    return Text(
        f"{offered.name}: {size(offered.bytes)} to download ({size(offered.present)} here already), "
        f"{size(offered.disk_free)} of disk free, licence {licence} ({offered.page}), into {offered.folder}.",
        f"{offered.name}：需下載 {size(offered.bytes)}（已有 {size(offered.present)}），"
        f"磁碟可用 {size(offered.disk_free)}，授權條款 {licence}（{offered.page}），存放於 {offered.folder}。",
    )


def _asks(plan: dict[str, Any], words: Text, what: What, name: str | None) -> SetUp:
    say = Text("Tell the person the size and the licence or place, and call again with confirm=true after their yes.",
               "請把大小與授權或位置告訴使用者，得到同意後再以 confirm=true 呼叫一次。")
    arguments = {"what": what, "confirm": True} | ({"name": name} if name else {})
    return SetUp(message=str(words), plan=plan,
                 next_step=NextStep(say=str(say), tool="set_up", arguments=arguments))


def _stands(words: Text, path: str) -> SetUp:
    say = Text("Nothing to do; go on with the task.", "不需要再設定，請繼續任務。")
    return SetUp(message=str(words), path=path, next_step=NextStep(say=str(say), tool="coach"))
