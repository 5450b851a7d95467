"""What must be fetched before the heavy work can begin: said with its size first, done only after the person's yes."""

from __future__ import annotations

import sys
from pathlib import Path

from ...resources.answer import NextStep
from ...resources.foundation.errors import TrainingError
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import SENTENCES, Text
from ...resources.job import ACTIVE_STATES, JobFolder, active_job, job_folders
from ...resources.workspace import Workspace
from .answers import SetUp, What, asks, stands
from .environments import dequantise, download, environment, gguf_base
from .environments.base_model import cached_model, check_causal_model, find_folder, find_gguf
from .environments.fingerprint import file_hash
from .hardware import describe_machine
from .jobs import job_control
from .jobs.words import size
from .machines_file import named_machines
from .named_machines import machine_kinds, make_machine, named_machine
from .worker import built_worker, find_worker, worker_python


def set_up_environment(workspace: Workspace, confirm: bool) -> SetUp | JobFolder:
    """The worker environment: where it stands, what building it would take, or the job that builds it."""
    if running := active_job(workspace.jobs, "environment"):
        return running
    standing = find_worker(workspace)
    if standing and not (confirm and describe_machine(workspace).idle_gpu):
        words = Text(f"A worker environment is ready: {standing}.", f"工作環境已建立：{standing}。")
        return stands(words, str(standing))
    planned = environment.plan(workspace)
    if not confirm:
        return asks(planned.model_dump(), _environment_words(planned), "environment", None)
    if stopped := _find_stopped_job(workspace, "environment", None):
        return job_control.resume(stopped, workspace)
    return _build(workspace, [])


def set_up_base_model(workspace: Workspace, name: str | None, confirm: bool) -> SetUp | JobFolder:
    """A hub model: where it stands, what downloading it would take, or the job that does. Where the worker environment is
    missing too, one yes is asked for both, and its job begins the download when it is done.

    Raises:
        TrainingError: no name was given, or the model is none that can be trained here.
        MissingRequirement: the hub or a token is missing.
        WorkspaceError: the disk has no room.
    """
    if not name:
        raise TrainingError(
            Text("Which base model?", "要下載哪一個基礎模型？"),
            Text(
                "Give name, a hub id such as Qwen/Qwen3-0.6B or Qwen/Qwen3-4B, or a GGUF file.",
                "請提供 name：Hub 上的名稱（例如 Qwen/Qwen3-0.6B 或 Qwen/Qwen3-4B），或 GGUF 檔。",
            ),
            field="name",
        )
    if file := find_gguf(workspace, name):
        return _set_up_gguf(workspace, file, confirm)
    if folder := find_folder(workspace, name):
        check_causal_model(folder)
        return stands(Text(f"{name} is a model's folder: {folder}.", f"{name} 是模型資料夾：{folder}。"), str(folder))
    if running := _same_download(workspace, name, active=True) or _built_for(workspace, name):
        return running
    if folder := cached_model(name):
        check_causal_model(folder)
        return stands(Text(f"{name} is on this machine: {folder}.", f"{name} 已在這台機器上：{folder}。"), str(folder))
    offered = download.offer(name)
    lacking = None if find_worker(workspace) else environment.plan(workspace, beside=offered.bytes - offered.present)
    if not confirm:
        plan = offered.model_dump(exclude={"files"}) | {"files": len(offered.files)}
        words = _download_words(offered)
        if lacking:
            plan |= {"environment": lacking.model_dump()}
            first = _environment_words(lacking)
            both = Text("Two downloads before training, one yes for both.", "訓練之前要下載兩樣東西，同意一次即可。")
            words = SENTENCES.join([both, first, words])
        return asks(plan, words, "base_model", name)
    if lacking:
        return _build(workspace, ["--base-model", name, "--commit", offered.commit])
    if stopped := _find_stopped_job(workspace, "base_model", name):
        return job_control.resume(stopped, workspace)
    return job_control.submit(
        workspace,
        "base_model",
        download.ENTRY,
        ["--name", name, "--commit", offered.commit],
        python=worker_python(workspace),
        resumable=True,
    )


def _set_up_gguf(workspace: Workspace, file: Path, confirm: bool) -> SetUp | JobFolder:
    """A GGUF file: its trainable form, what making it takes, or the job that does."""
    if running := _same_download(workspace, str(file), active=True):
        return running
    sha256 = file_hash(file)
    if folder := gguf_base.find_converted(sha256):
        return stands(
            Text(f"{file.name} can be trained: {folder}.", f"{file.name} 已可用來訓練：{folder}。"), str(folder)
        )
    header = gguf_base.check_gguf(file)
    gguf_base.check_room(file, header)
    if not find_worker(workspace):
        return set_up_environment(workspace, confirm)
    if not confirm:
        needed, place = gguf_base.needed_disk(header), gguf_base.converted_folder(sha256)
        words = Text(
            "{name} ({described}) is dequantised once so that it can be trained: at most {needed} of disk at {place} and "
            "a few minutes per gigabyte; the file itself stays as it is.",
            "要訓練 {name}（{described}），得先把權重還原一次：最多占用 {needed} 磁碟空間，每 GB 約需幾分鐘，位置 {place}；"
            "原檔不會更動。",
        ).format(name=file.name, described=gguf_base.describe_header(header), needed=size(needed), place=place)
        plan = {
            "file": str(file),
            "bytes": needed,
            "folder": str(place),
            "architecture": header.architecture,
            "parameters": header.parameters,
            "quantization": header.main_type,
            "licence": header.licence,
        }
        return asks(plan, words, "base_model", str(file))
    if stopped := _find_stopped_job(workspace, "base_model", str(file)):
        return job_control.resume(stopped, workspace)
    return job_control.submit(
        workspace,
        "base_model",
        dequantise.ENTRY,
        ["--file", str(file)],
        python=worker_python(workspace),
        resumable=True,
    )


def _build(workspace: Workspace, then: list[str]) -> JobFolder:
    target = environment.new_target(workspace)
    return job_control.submit(
        workspace,
        "environment",
        environment.ENTRY,
        ["--target", str(target), *then],
        python=sys.executable,
        resumable=True,
        alone=True,
    )


def _built_for(workspace: Workspace, name: str) -> JobFolder | None:
    """The environment that is being built, where the download of that model comes after it."""
    building = active_job(workspace.jobs, "environment")
    return building if building and name in building.spec().arguments else None


def set_up_machine(
    workspace: Workspace, name: str | None, settings: JsonObject | None, confirm: bool
) -> SetUp | JobFolder:
    """A named machine: its kind looks at it, asks what must be asked, and makes it ready. Without a name: which
    machines there are.

    Raises:
        MachineError: it is unknown, misdescribed, does not answer, or is not the one it was.
        MissingRequirement, WorkspaceError: something is missing for it, or it has no room.
    """
    if name is None:
        return _machines(workspace)
    given = dict(settings or {})
    known = named_machines(workspace).get(name)
    if known is None and not given:
        named_machine(workspace, name)
    kind = machine_kinds().get(str(given.get("kind", (known or {}).get("kind", "ssh"))))
    extra = {answer: given.pop(answer) for answer in (kind.answers if kind else ()) if answer in given}
    before = known if known and given.get("kind", known.get("kind", "ssh")) == known.get("kind", "ssh") else {}
    return make_machine(name, {**before, **given}).set_up(workspace, name, confirm, extra)


def _machines(workspace: Workspace) -> SetUp:
    known = named_machines(workspace)
    shown = ", ".join(f"{name} ({_format_settings(settings)})" for name, settings in sorted(known.items()))
    words = Text(
        f"Machines: {shown}." if shown else "No other machine is known yet.",
        f"機器：{shown}。" if shown else "目前還沒有其他機器。",
    )
    say = Text(
        "Name one to check it, or a new one with settings={'host': alias of the SSH config}, or rented: "
        "settings={'kind': 'sky', 'infra': 'aws', 'gpus': 'A10G:1'}.",
        "指定一台來檢查；新增請用 settings={'host': SSH 設定裡的別名}，租用雲端請用 "
        "settings={'kind': 'sky', 'infra': 'aws', 'gpus': 'A10G:1'}。",
    )
    return SetUp(message=str(words), plan={"machines": known}, next_step=NextStep(say=str(say), tool="set_up"))


def _format_settings(settings: JsonObject) -> str:
    kind = machine_kinds().get(str(settings.get("kind", "ssh")))
    return str(settings.get(kind.shown_by if kind else "host", "?"))


def _find_stopped_job(workspace: Workspace, kind: What, name: str | None) -> JobFolder | None:
    """The newest job that was to do the same, if it did not end well: it is carried on, not begun again."""
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
    flavour = {
        "cpu": Text("CPU", "CPU"),
        "cuda": Text("NVIDIA GPU (CUDA)", "NVIDIA GPU（CUDA）"),
        "mps": Text("Apple GPU (MPS)", "Apple GPU（MPS）"),
    }[planned.flavour]
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
