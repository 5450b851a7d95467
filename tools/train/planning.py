"""From a wish to a plan on disk, and what is said of it."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

from ...resources.answer import NextStep
from ...resources.changes import data_changes, setting_changes
from ...resources.data_source import load_data_source
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import CLAUSES, SENTENCES, Text
from ...resources.task import TaskFolder
from ...resources.version import VersionFolder
from ...resources.version_config import Expectation, settings_of
from ...resources.workspace import Workspace
from ..compute.environments.base_model import hash_of_gguf
from ..compute.jobs.words import duration
from ..evaluate.diagnosis import diagnose
from .answers import PlanAnswer
from .choosing import base_model_options, usual_base_model, why_base_model
from .finding import Finding
from .gpu_options import describe_options
from .plan import Plan, choose_parent, make_plan, plan_file, under_our_names, write_new_plan, write_plan
from .preflight import Preflight, ask_worker, check, survey
from .starting_point import whole_name

_SET_UP = {"worker": "environment", "base_model": "base_model"}


def plan_training(
    workspace: Workspace,
    task: TaskFolder,
    settings: JsonObject,
    parent: str | None,
    changes: list[str],
    name: str | None,
    expects: Expectation | None = None,
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
    file_hash = hash_of_gguf(workspace, base_model)
    if file_hash is None and building_on and base_model == building_on.config().base_model:
        file_hash = building_on.config().base_model_sha256  # the file was put away, what was made of it may stand
    seen = survey(workspace, task, base_model, recorded=file_hash)
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
    plan = replace(plan, base_model_sha256=file_hash)
    if name:
        write_plan(task, plan)
    else:
        plan = write_new_plan(task, plan, began)
    still = ask_worker(workspace, task, plan)
    checked = check(workspace, task, replace(plan, renamed=renamed))
    told = {finding.code for finding in checked.findings}
    checked.findings.extend(finding for finding in still if finding.code not in told)
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


def _with_page(why: Text, page: str | None) -> str:
    """The reason, and the page that it rests on."""
    return str(SENTENCES.join([why, f"[llm-knowledge/{page}]" if page else None]))


def _expected_effect(parent: VersionFolder | None, given: JsonObject, seen: Preflight) -> Expectation | None:
    """What the parent's diagnosis predicts, where this is the very change it advises."""
    advice = diagnose(parent, texts=False).advice if parent else None
    if parent is None or advice is None or advice.expects is None:
        return None
    other_rows = seen.has_data and seen.snapshot.hash != parent.data_snapshot().hash
    advised = advice.change == given if given else advice.change is None and other_rows
    return Expectation.model_validate(advice.expects.to_dict()) if advised else None


def _with_whole_name(workspace: Workspace, task: TaskFolder, settings: JsonObject) -> JsonObject:
    """A folder named by a short path, or a version without its task, is written down whole: the job runs elsewhere."""
    named = settings.get("base_model")
    return {**settings, "base_model": whole_name(workspace, task, named)} if isinstance(named, str) else dict(settings)


def _another_method(parent: VersionFolder, given: JsonObject) -> bool:
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
    opening = Text("{plan}: on {base}, {settings}.", "{plan}：以 {base} 為基礎，{settings}。")
    parts = [opening.format(plan=plan.name, base=base, settings=said_so)]
    if plan.parent and changes:
        parts.append(
            Text("Compared with {parent}: {changes}.", "和 {parent} 相比：{changes}。").format(
                parent=plan.parent, changes=CLAUSES.join(changes)
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
    parts += [Text("Note: ", "注意：") + finding.problem for finding in said]
    blocking = _first_blocking(checked)
    if blocking:
        parts.append(Text("Before training: ", "訓練之前：") + blocking.problem)
    return str(SENTENCES.join(parts)), _next(task, plan, blocking, any(finding.level == "confirm" for finding in said))


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
        say = Text("If this looks right, start the training.", "沒問題的話就開始訓練。")
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
