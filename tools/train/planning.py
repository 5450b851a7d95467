"""From a wish to a plan on disk, and from a plan to the permission to train it."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ...resources.answer import NextStep
from ...resources.changes import data_changes, setting_changes
from ...resources.data_source import load_data_source
from ...resources.foundation.access import refusal, require
from ...resources.foundation.errors import TrainingError
from ...resources.foundation.language import Text
from ...resources.spending import Cost, amount, require_room
from ...resources.task import TaskFolder
from ...resources.version import VersionFolder
from ...resources.version_config import settings_of
from ...resources.workspace import Workspace
from ..compute.jobs.words import duration
from ..compute.machine import Prospect
from ..data.reach import needs_to_send
from ..evaluate.diagnosis import diagnose
from .answers import Estimate, PlanAnswer
from .choosing import base_model_options, usual_base_model, why_base_model
from .gpu_options import START_SECONDS, describe_options
from .plan import (
    Plan,
    choose_parent,
    find_plan,
    make_plan,
    plan_file,
    read_plan,
    under_our_names,
    write_new_plan,
    write_plan,
)
from .preflight import Finding, Preflight, check, check_trl, count_rows, first_blocking, survey
from .starting_point import whole_name

_COUNTING_SECONDS = 12.0
_CHECKING_SECONDS = 18.0  # a tool answers within 25
_STILL_COUNTING = (
    Text(
        "The tokens of the rows are still being counted: only then is it known that no row stops the training.",
        "還在計算每一列的 token 數：算完才知道有沒有哪一列會讓訓練停下來。",
    ),
    Text("Make the same call again in a minute.", "請過一分鐘再用同樣的參數呼叫一次。"),
)
_STILL_CHECKING = (
    Text("Whether TRL takes the options of trl is still being checked.", "還在檢查 TRL 是否接受 trl 裡的選項。"),
    Text("Make the same call again in a minute.", "請過一分鐘再用同樣的參數呼叫一次。"),
)
_SET_UP = {"worker": "environment", "base_model": "base_model"}


def plan_training(
    workspace: Workspace,
    task: TaskFolder,
    settings: dict[str, Any],
    parent: str | None,
    changes: list[str],
    name: str | None,
    expects: dict[str, Any] | None = None,
) -> PlanAnswer:
    """Write `configs/<name>.yaml` and say what it means.

    Arguments:
        name: writes over the plan of that name; by default a new plan gets a name of its own.
        expects: what a diagnosis predicts for it; by default what the parent's predicts, where this is the change that
            it advises.

    Raises:
        TrainingError: a setting, the plan's name or the parent cannot be used.
    """
    began = time.time()
    building_on = choose_parent(task, parent)
    if name:
        plan_file(task, name)
    ours, renamed = under_our_names(settings, building_on, task.load().type)
    given = _with_whole_name(workspace, task, ours)
    goes_on = building_on is not None and "base_model" not in given and _another_method(building_on, given)
    if building_on and goes_on:  # what the parent learnt is where another method begins
        given["base_model"] = f"{task.name}/{building_on.name}"
    base_model = str(
        given.get("base_model")
        or (building_on.config().base_model if building_on else "")
        or usual_base_model(workspace)
    )
    seen = survey(workspace, task, base_model)
    plan, reasons = make_plan(
        name or "",
        given,
        building_on,
        changes,
        seen.context,
        base_model,
        expects or _expected_effect(building_on, given, seen),
    )
    if not building_on and "base_model" not in given:
        reasons = {"base_model": why_base_model(workspace, base_model), **reasons}
    if building_on and goes_on:
        reasons = {
            "base_model": Text(
                f"It goes on from what {building_on.name} learnt.", f"從 {building_on.name} 學到的繼續。"
            ),
            **reasons,
        }
    if name:
        write_plan(task, plan)
    else:
        plan = write_new_plan(task, plan, began)
    still = _prepare_counts(workspace, task, plan)
    checked = check(workspace, task, replace(plan, renamed=renamed))
    if "counting" in still:
        checked.findings.append(Finding("warning", "counting", *_STILL_COUNTING))
    if "trl" in still and not any(finding.code == "trl" for finding in checked.findings):
        checked.findings.append(Finding("warning", "trl", *_STILL_CHECKING))
    found = _changes(plan, building_on, checked)
    message, next_step = _build_answer(task, plan, checked, found)
    if building_on and not found and next_step.tool == "train":
        say = Text(
            "Training the same again shows nothing new: ask what to change first.",
            "同樣的再訓練一次看不出什麼：先問問該改什麼。",
        )
        next_step = NextStep(say=str(say), tool="diagnose", arguments={"task": task.name, "version": building_on.name})
    return PlanAnswer(
        message=message,
        next_step=next_step,
        plan=plan.name,
        file=str(plan_file(task, plan.name)),
        parent=plan.parent,
        settings=plan.settings.model_dump(mode="json", exclude_none=True),
        reasons={setting: _with_page(why, plan.settings.pages.get(setting)) for setting, why in reasons.items()},
        changes=[str(text) for text in found],
        findings=[finding.to_answer() for finding in checked.findings],
        estimate=checked.estimate,
        elsewhere=checked.elsewhere,
        base_models=[] if building_on or "base_model" in given else base_model_options(workspace, base_model, checked),
    )


def _prepare_counts(workspace: Workspace, task: TaskFolder, plan: Plan) -> set[str]:
    """Have the worker find out what only it can: the tokens of the rows, and whether TRL takes the plan's options. What
    it is still at."""
    with ThreadPoolExecutor(1) as beside:
        checking = beside.submit(check_trl, workspace, task, plan.settings, _CHECKING_SECONDS)
        counting = count_rows(workspace, task, plan.settings.base_model, _COUNTING_SECONDS)
        return {name for name, at_it in (("counting", counting), ("trl", checking.result())) if at_it}


class RemoteTarget(NamedTuple):
    """Another machine to train on: its name, what was seen of it, and where rows sent to it go."""

    name: str
    prospect: Prospect
    place: str = ""


def ready_to_train(workspace: Workspace, task: TaskFolder, plan: str | None, confirm: bool) -> str:
    """The name of the plan to train here, once nothing stands against it.

    Raises:
        NlpSkillsError: the first blocking finding, or the person has not agreed to the time and memory.
    """
    return _ready(workspace, task, plan, confirm, None)[0]


def ready_to_send(
    workspace: Workspace, task: TaskFolder, plan: str | None, confirm: bool, remote: RemoteTarget
) -> tuple[str, Cost | None]:
    """The name of the plan to train there, and what it will cost where it costs something.

    Raises:
        NlpSkillsError: as `ready_to_train`; or the person has not agreed to the price.
        AccessError: the task is on-premise, and nobody has allowed sending its rows to that machine.
        BudgetError: the task's budget does not allow it.
    """
    return _ready(workspace, task, plan, confirm, remote)


def _ready(
    workspace: Workspace, task: TaskFolder, plan: str | None, confirm: bool, remote: RemoteTarget | None
) -> tuple[str, Cost | None]:
    name = find_plan(task, plan)
    chosen = read_plan(task, name)
    still = _prepare_counts(workspace, task, chosen)
    if "counting" in still:
        raise TrainingError(*_STILL_COUNTING, field="plan")
    if "trl" in still:
        raise TrainingError(*_STILL_CHECKING, field="trl")
    checked = check(workspace, task, chosen, remote=remote.prospect.machine if remote else None)
    if blocking := first_blocking(checked.findings):
        raise blocking
    to_confirm = [finding for finding in checked.findings if finding.level == "confirm"]
    cost = _cost(remote.prospect, checked.estimate) if remote else None
    if remote and cost:
        to_confirm.insert(0, _costs(task, remote, cost, require_room(task, cost, remote.name)))
    if remote and (leaving := needs_to_send(task.load(), remote.place or remote.name)):
        require(refusal(leaving, "machine"))
    there = f", machine={remote.name!r}" if remote else ""
    if to_confirm and not confirm:
        raise TrainingError(
            Text(
                " ".join(finding.problem.en for finding in to_confirm),
                "".join(finding.problem.zh for finding in to_confirm),
            ),
            Text(
                f"If the person agrees, call train(task={task.name!r}, plan={name!r}{there}, confirm=True). Otherwise: "
                f"{to_confirm[0].fix.en}",
                f"使用者同意的話，請呼叫 train(task={task.name!r}, plan={name!r}{there}, confirm=True)。"
                f"不同意的話：{to_confirm[0].fix.zh}",
            ),
            field="confirm",
        )
    return name, cost


def _cost(prospect: Prospect, needed: Estimate | None) -> Cost | None:
    """What the training will probably cost there; None where nothing is paid."""
    if not prospect.per_hour:
        return None
    start = START_SECONDS if prospect.rented else (0.0, 0.0)
    low, high = needed.seconds if needed else (0, 3600)
    hours = ((low + start[0]) / 3600, (high + start[1]) / 3600)
    return Cost(prospect.per_hour, round(prospect.per_hour * hours[0], 4), round(prospect.per_hour * hours[1], 4))


def _costs(task: TaskFolder, remote: RemoteTarget, cost: Cost, room: float | None) -> Finding:
    hours = [duration(bound / cost.per_hour * 3600) for bound in (cost.low, cost.high)]
    price = amount(cost.per_hour)
    said = Text(
        f"{remote.name} ({remote.prospect.shown}) costs {price} {cost.currency} an hour: about {cost.format_range()} for this "
        f"training ({hours[0]} to {hours[1]}).",
        f"{remote.name}（{remote.prospect.shown}）每小時 {price} {cost.currency}：這次訓練大約要花 {cost.format_range()}"
        f"（{hours[0]}到 {hours[1]}）。",
    )
    if room is not None:
        said = Text(
            f"{said.en} The budget leaves {amount(room)} {cost.currency}; there it is stopped, the last checkpoint kept.",
            f"{said.zh}預算還剩 {amount(room)} {cost.currency}，用完就會停止並保留最後的檢查點。",
        )
    elif remote.prospect.rented:
        said = Text(
            f"{said.en} No budget is set (update_task: budget.per_task, budget.per_job).",
            f"{said.zh}目前沒有設定預算（update_task 的 budget.per_task、budget.per_job）。",
        )
    return Finding("confirm", "cost", said, Text("Train on this machine.", "請在這台機器上訓練。"))


def _with_page(why: Text, page: str | None) -> str:
    """The reason, and the page that it rests on."""
    return str(Text(f"{why.en} [llm-knowledge/{page}]", f"{why.zh}[llm-knowledge/{page}]") if page else why)


def _expected_effect(parent: VersionFolder | None, given: dict[str, Any], seen: Preflight) -> dict[str, Any] | None:
    """What the parent's diagnosis predicts, where this is the very change it advises."""
    advice = diagnose(parent, texts=False).advice if parent else None
    if parent is None or advice is None or advice.expects is None:
        return None
    other_rows = seen.has_data and seen.snapshot.hash != parent.data_snapshot().hash
    advised = advice.change == given if given else advice.change is None and other_rows
    return advice.expects.to_dict() if advised else None


def _with_whole_name(workspace: Workspace, task: TaskFolder, settings: dict[str, Any]) -> dict[str, Any]:
    """A folder named by a short path, or a version without its task, is written down whole: the job runs elsewhere."""
    named = settings.get("base_model")
    return {**settings, "base_model": whole_name(workspace, task, named)} if isinstance(named, str) else dict(settings)


def _another_method(parent: VersionFolder, given: dict[str, Any]) -> bool:
    return given.get("method") not in (None, parent.config().method)


def _changes(plan: Plan, parent: VersionFolder | None, checked: Preflight) -> list[Text]:
    if parent is None:
        return []
    content = plan.content()
    before = {key: value for key, value in parent.config().settings().items() if key not in ("prompt", "labels")}
    found = setting_changes(before, settings_of(content))
    if checked.has_data:
        found += data_changes(parent.data_snapshot(), checked.snapshot.summary())
    return [change.text for change in found]


def _build_answer(task: TaskFolder, plan: Plan, checked: Preflight, changes: list[Text]) -> tuple[str, NextStep]:
    named, short = plan.settings.base_model, Path(plan.settings.base_model).name
    base, said_so = (
        named if re.fullmatch(r"v\d+", short) else short,
        plan.settings.describe_settings(checked.context.train_rows - checked.left_out),
    )
    parts = [Text(f"{plan.name}: on {base}, {said_so.en}.", f"{plan.name}：以 {base} 為基礎，{said_so.zh}。")]
    if plan.parent and changes:
        parts.append(
            Text(
                f"Against {plan.parent}: {'; '.join(text.en for text in changes)}.",
                f"和 {plan.parent} 相比：{'；'.join(text.zh for text in changes)}。",
            )
        )
    elif plan.parent:
        parts.append(
            Text(
                f"Nothing differs from {plan.parent}: it would be trained again.",
                f"和 {plan.parent} 完全相同：等於再訓練一次。",
            )
        )
    if needed := checked.estimate:
        low, high = (duration(seconds) for seconds in needed.seconds)
        size = needed.memory_bytes["total"] / 1e9
        parts.append(
            Text(
                f"About {low} to {high} ({needed.source}), about {size:.1f} GB of memory.",
                f"大約 {low}到 {high}（{needed.source}），記憶體約 {size:.1f} GB。",
            )
        )
    if checked.processes > 1:
        count = checked.processes
        parts.append(
            Text(
                f"Shared by {count} GPUs, as far as they are free when its turn comes.",
                f"由 {count} 張 GPU 分攤（以輪到時空著的為準）。",
            )
            if checked.context.gpu_bytes
            else Text(f"Shared by {count} processes.", f"由 {count} 個程序分攤。")
        )
    if not checked.context.gpu_bytes and (rented := describe_options(checked.elsewhere)):
        parts.append(rented)
    said = [finding for finding in checked.findings if finding.level != "blocking"]
    parts += [Text(f"Note: {finding.problem.en}", f"注意：{finding.problem.zh}") for finding in said]
    blocking = _first_blocking(checked)
    if blocking:
        parts.append(Text(f"Before training: {blocking.problem.en}", f"訓練之前：{blocking.problem.zh}"))
    message = Text(" ".join(part.en for part in parts), "".join(part.zh for part in parts))
    return str(message), _next(task, plan, blocking, any(finding.level == "confirm" for finding in said))


def next_call(task: TaskFolder, plan: Plan, checked: Preflight) -> NextStep:
    """What to call for a plan that was checked: train it, or first what stands against it."""
    blocking = _first_blocking(checked)
    return _next(task, plan, blocking, any(finding.level == "confirm" for finding in checked.findings))


def _first_blocking(checked: Preflight) -> Finding | None:
    """What stands against a plan first: nothing is downloaded for a model that memory cannot hold."""
    blocking = [finding for finding in checked.findings if finding.level == "blocking"]
    return next((finding for finding in blocking if finding.code == "memory"), blocking[0] if blocking else None)


def _next(task: TaskFolder, plan: Plan, blocking: Finding | None, confirm: bool) -> NextStep:
    if blocking is None:
        say = Text("If this suits, start the training.", "沒問題的話就開始訓練。")
        return NextStep(
            say=str(say),
            tool="train",
            arguments={"task": task.name, "plan": plan.name, **({"confirm": True} if confirm else {})},
        )
    if blocking.code in _SET_UP:
        arguments = {"what": _SET_UP[blocking.code]}
        if blocking.code == "base_model":
            arguments["name"] = plan.settings.base_model
        return NextStep(say=str(blocking.fix), tool="set_up", arguments=arguments)
    if blocking.code == "running":
        return NextStep(say=str(blocking.fix), tool="job_status", arguments={"task": task.name})
    if blocking.code == "chat_template":
        return NextStep(
            say=str(blocking.fix),
            tool="plan_training",
            arguments={"task": task.name, "name": plan.name, "settings": {"base_model": "<its chat variant>"}},
        )
    if blocking.code == "long_rows":
        return NextStep(
            say=str(blocking.fix),
            tool="plan_training",
            arguments={
                "task": task.name,
                "name": plan.name,
                "settings": {"base_model": plan.settings.base_model, "long_rows": "<drop or cut>"},
            },
        )
    if blocking.code == "trl":
        return NextStep(
            say=str(blocking.fix),
            tool="plan_training",
            arguments={"task": task.name, "name": plan.name, "settings": {"trl": "<without it, or another value>"}},
        )
    if blocking.code == "memory":
        return NextStep(
            say=str(blocking.fix),
            tool="plan_training",
            arguments={"task": task.name, "name": plan.name, "settings": {"base_model": "<a smaller base model>"}},
        )
    if blocking.code == "data" and not load_data_source(task).sources:
        return NextStep(
            say=str(Text("First the rows: the coach asks where they are.", "先要有資料：教練會問資料在哪裡。")),
            tool="coach",
            arguments={"task": task.name},
        )
    tool = "prepare_data" if blocking.code in ("data", "benchmark") else None
    return NextStep(say=str(blocking.fix), tool=tool, arguments={"task": task.name} if tool else {})
