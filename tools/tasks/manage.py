"""What `manage_task` does: one function an action, each answering with what happened and the one next step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from ...resources.answer import NextStep
from ...resources.foundation.errors import TaskError
from ...resources.foundation.language import SENTENCES, Text, several
from ...resources.job import JobFolder
from ...resources.score import best_version
from ...resources.task import TaskFolder
from ...resources.workspace import Workspace, check_name
from ..compute.jobs import job_control
from ..compute.jobs.words import size
from ..compute.worker import light_python
from . import clone, exporting, importing, project, promote, tidy
from .answers import Action, KeptStep, Managed, Part
from .export_file import JOB_BYTES
from .next_step import next_step
from .update import update_task

_PARTS: dict[Action, tuple[Part, ...]] = {"clone": ("data", "plans"), "export": ("models",)}
_SHOWN = 8
_ARCHIVED = Text("Archived", "封存")


@dataclass(frozen=True)
class ManageRequest:
    """What a call asks for; each action reads the fields it needs."""

    task: str = ""
    version: str = ""
    name: str = ""
    path: str = ""
    keep: int = tidy.RECENT
    include: list[Part] = field(default_factory=list)
    reason: str = ""
    confirm: bool = False


def manage(workspace: Workspace, action: Action, wish: ManageRequest) -> Managed | JobFolder:
    """Do one action on a task.

    Returns:
        what happened; or the job that does it, where it takes more than a few seconds.

    Raises:
        NlpSkillsError: the task, version, name, path or part is wrong, or a gate says no.
    """
    allowed = _PARTS.get(action, ())
    foreign = [part for part in wish.include if part not in allowed]
    if foreign:
        raise TaskError(
            Text(f"{action} does not accept include={foreign}.", f"{action} 不接受 include={foreign}。"),
            Text(
                f"It may include: {', '.join(allowed)}." if allowed else "Leave include out.",
                f"可以包含：{'、'.join(allowed)}。" if allowed else "請省略 include。",
            ),
            field="include",
        )
    if action == "import":
        return _import(workspace, wish)
    return _ACTIONS[action](workspace, workspace.task(wish.task), wish)


def _promote(_workspace: Workspace, folder: TaskFolder, wish: ManageRequest) -> Managed:
    if not wish.version:
        best = best_version(folder, folder.load().metric)
        name = best.version if best else "v1"
        raise TaskError(
            Text("Which version?", "要設哪一個版本？"),
            Text(
                f"Call again with version={name!r}" + (" (the best so far)." if best else "."),
                f"請用 version={name!r} 再呼叫一次" + ("（目前最好的版本）。" if best else "。"),
            ),
            field="version",
        )
    done = promote.promote(folder, wish.version, wish.reason)
    said = (
        Text(
            f"{done.version} is now the current version of {folder.name}.",
            f"{done.version} 已設為 {folder.name} 的目前版本。",
        )
        if done.changed
        else Text(
            f"{done.version} is already the current version of {folder.name}.",
            f"{done.version} 本來就是 {folder.name} 的目前版本。",
        )
    )
    return _after_promotion(folder, done, said)


def _roll_back(_workspace: Workspace, folder: TaskFolder, wish: ManageRequest) -> Managed:
    done = promote.roll_back(folder, wish.reason)
    return _after_promotion(
        folder,
        done,
        Text(
            f"Rolled back from {done.before} to {done.version}; the history keeps both.",
            f"已從 {done.before} 退回 {done.version}；歷程保留兩者。",
        ),
    )


def _after_promotion(folder: TaskFolder, done: promote.Promoted, said: Text) -> Managed:
    """Standing behind a version changes nothing that answers: deploying is said to be another step."""
    if done.deployed == done.version:
        say = Text(
            f"{done.version} is also what is deployed. Ask the coach what comes next.",
            f"部署中的也是 {done.version}。問教練下一步該做什麼。",
        )
        step = NextStep(say=str(say), tool="coach", arguments={"task": folder.name})
    else:
        live = (
            Text(
                f"{done.deployed} is still what answers: deploying {done.version} is another step.",
                f"目前在線上回答的仍是 {done.deployed}：部署 {done.version} 是另一個步驟。",
            )
            if done.deployed
            else Text(
                f"Nothing is deployed; deploying {done.version} is another step, if they want it.",
                f"目前沒有部署；需要的話，部署 {done.version} 是另一個步驟。",
            )
        )
        said = SENTENCES.join([said, live if done.deployed else None])
        step = NextStep(say=str(live), tool="deploy", arguments={"task": folder.name, "version": done.version})
    return Managed(
        message=str(said),
        next_step=step,
        task=folder.name,
        path=str(folder.root),
        details={"current": done.version, "before": done.before, "deployed": done.deployed},
        warnings=list(map(str, done.warnings)),
    )


def _tidy(_workspace: Workspace, folder: TaskFolder, wish: ManageRequest) -> Managed:
    done = tidy.tidy(folder, wish.keep, wish.confirm)
    listed = _list_entries([(one.path, [one.what, size(one.bytes)]) for one in done.removed])
    kept = _list_entries([(one.version, one.why) for one in done.kept])
    stays = Text(
        f" Kept: {kept}. Records of versions, snapshots and benchmarks are never removed." if kept else "",
        f"保留：{kept}。版本紀錄、快照與評估基準絕不移除。" if kept else "",
    )
    details = {
        **done.model_dump(exclude={"removed", "done"}),
        "removed": [one.model_dump() for one in done.removed[: _SHOWN * 3]],
        "removed_count": len(done.removed),
    }
    if not done.removed:
        said = Text(f"Nothing to remove in {folder.name}.", f"{folder.name} 沒有可以清理的內容。") + stays
        return _build_answer(folder, said, next_step(folder.name, folder.state()), details=details)
    if not done.done:
        said = Text(
            f"Would free {size(done.bytes)} in {folder.name}: {listed}.",
            f"{folder.name} 可以騰出 {size(done.bytes)}：{listed}。",
        )
        said += stays + Text(" Nothing was removed yet.", "目前還沒有移除任何東西。")
        say = Text(
            "Show what would be removed and ask; if they agree, make this call.",
            "請說明會移除什麼並詢問對方；對方同意後再用這個呼叫。",
        )
        step = NextStep(
            say=str(say),
            tool="manage_task",
            arguments={"action": "tidy", "task": folder.name, "keep": wish.keep, "confirm": True},
        )
        return _build_answer(folder, said, step, details=details, done=False)
    said = Text(
        f"Freed {size(done.bytes)} in {folder.name}: {listed}.", f"{folder.name} 已騰出 {size(done.bytes)}：{listed}。"
    )
    said += stays + Text(" A removed model is trained again with reproduce.", "移除的模型可用 reproduce 重新訓練。")
    return _build_answer(folder, said, next_step(folder.name, folder.state()), details=details)


def _archive(_workspace: Workspace, folder: TaskFolder, wish: ManageRequest) -> Managed:
    decision = _ARCHIVED.to(folder.load().language) if wish.reason else None
    update_task(folder, archived=True, decision=decision, reason=wish.reason)
    live = folder.deployed_version()
    said = Text(
        f"{folder.name} is archived: lists leave it out, nothing was removed.",
        f"{folder.name} 已封存：清單不再列出，內容都還在。",
    )
    if not live:
        return _build_answer(folder, said, next_step(folder.name, "archived"))
    warning = Text(
        f"{live} is still deployed and answers; stopping it is another step.",
        f"{live} 仍在部署中並持續回答；停止是另一個步驟。",
    )
    step = NextStep(say=str(warning), tool="deploy", arguments={"task": folder.name, "action": "undeploy"})
    return _build_answer(folder, said, step, warnings=[str(warning)])


def _restore(_workspace: Workspace, folder: TaskFolder, _wish: ManageRequest) -> Managed:
    update_task(folder, archived=False)
    said = Text(f"{folder.name} is back where it was.", f"{folder.name} 已恢復。")
    return _build_answer(folder, said, next_step(folder.name, folder.state()))


def _clone(workspace: Workspace, folder: TaskFolder, wish: ManageRequest) -> Managed:
    made = clone.clone(workspace, folder, wish.name, data="data" in wish.include, plans="plans" in wish.include)
    parts = Text(
        "with its data" if "data" in wish.include else "without its data",
        "含資料" if "data" in wish.include else "不含資料",
    )
    said = Text(
        f"{made.name} in {made.root} starts from where {folder.name} is, ",
        f"已由 {folder.name} 複製出 {made.name}，位於 {made.root}，",
    )
    said += parts + Text(" and without versions.", "、不含版本。")
    return _build_answer(made, said, next_step(made.name, made.state()), details={"cloned_from": folder.name})


def _export(workspace: Workspace, folder: TaskFolder, wish: ManageRequest) -> Managed | JobFolder:
    models = "models" in wish.include
    to = exporting.destination(workspace.root, folder, wish.path, wish.confirm)
    if exporting.bytes_to_export(folder, models) > JOB_BYTES:
        arguments = [str(folder.root), "--to", str(to), *(["--models"] if models else [])]
        return job_control.submit(
            workspace, "export", exporting.ENTRY, arguments, python=light_python(workspace), task=folder, resumable=True
        )
    done = exporting.export(folder, to, models=models)
    return _build_answer(
        folder,
        exporting.said_of(done),
        _localise_step(exporting.next_of(done)),
        path=done.path,
        details=exporting.result_of(done),
    )


def _import(workspace: Workspace, wish: ManageRequest) -> Managed | JobFolder:
    file = importing.locate_file(workspace, wish.path)
    manifest = importing.inspect(workspace, file)  # what is wrong with the file is told before a job is started
    name = check_name(wish.name or manifest.task)
    if manifest.bytes > JOB_BYTES:
        arguments = [str(file), *(["--name", name] if wish.name else [])]
        return job_control.submit(
            workspace, "import", importing.ENTRY, arguments, python=light_python(workspace), resumable=True
        )
    done = importing.import_task(workspace, file, wish.name)
    return _build_answer(
        done.folder, importing.said_of(done), _localise_step(importing.next_of(done)), details=importing.result_of(done)
    )


def _generate(_workspace: Workspace, folder: TaskFolder, wish: ManageRequest) -> Managed:
    done = project.generate(folder, overwrite_scripts=wish.confirm)
    new, kept = len(done.written) + len(done.updated) + len(done.replaced), ", ".join(done.kept)
    said = Text(
        f"{several(new, 'file')} written in {folder.root}, {len(done.unchanged)} up to date already.",
        f"已在 {folder.root} 寫入 {new} 個檔案，{len(done.unchanged)} 個原本就是最新的。",
    )
    if kept:
        said += Text(
            f" Edited by hand and kept: {kept}; confirm=true renews edited scripts, old ones aside.",
            f"手動修改過而保留的：{kept}；confirm=true 會更新改過的腳本，舊檔移到一旁。",
        )
    details = {name: files for name, files in done.model_dump().items() if name != "unchanged"}
    return _build_answer(folder, said, next_step(folder.name, folder.state()), details=details)


_ACTIONS: dict[Action, Callable[[Workspace, TaskFolder, ManageRequest], Managed | JobFolder]] = {
    "promote": _promote,
    "roll_back": _roll_back,
    "tidy": _tidy,
    "archive": _archive,
    "restore": _restore,
    "clone": _clone,
    "export": _export,
    "generate": _generate,
}
assert {*_ACTIONS, "import"} == set(get_args(Action))


def _build_answer(
    folder: TaskFolder,
    said: Text,
    step: NextStep,
    *,
    path: Path | None = None,
    done: bool = True,
    details: Mapping[str, object] | None = None,
    warnings: list[str] | None = None,
) -> Managed:
    return Managed(
        message=str(said),
        next_step=step,
        task=folder.name,
        done=done,
        path=str(path or folder.root),
        details=dict(details or {}),
        warnings=warnings or [],
    )


def _list_entries(entries: list[tuple[str, list[str]]]) -> str:
    """`v3 (recent, best score); v1 (deployed); +2`, in the call's language."""
    shown = [
        str(Text(f"{name} ({', '.join(said)})", f"{name}（{'，'.join(said)}）")) for name, said in entries[:_SHOWN]
    ]
    more = [f"+{len(entries) - _SHOWN}"] if len(entries) > _SHOWN else []
    return str(Text("; ", "；")).join([*shown, *more])


def _localise_step(step: KeptStep) -> NextStep:
    return NextStep(say=str(Text(**step["say"])), tool=step["tool"], arguments=step["arguments"])
