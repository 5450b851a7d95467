"""Why a version is as good as it is, and the one change to try next as a ready plan with a predicted effect."""

from __future__ import annotations

from collections.abc import Mapping

from ...resources.answer import NextStep
from ...resources.foundation.errors import TrainingError
from ...resources.foundation.language import COMMAS, SENTENCES, Text, detect_language, speaking
from ...resources.lineage import prediction_of
from ...resources.task import TaskFolder
from ...resources.version import VersionFolder, version, version_numbers
from ...resources.version_config import Expectation
from ...resources.workspace import Workspace
from ..evaluate.diagnosis import Cause, Diagnosis, diagnose
from ..evaluate.diagnosis.standing import against_the_simplest, where_it_stands
from ..evaluate.metric import metric_title
from ..evaluate.verdict import prediction_said
from .answers import CauseFound, DiagnosisAnswer, PlannedChange, Prediction
from .plan import NO_PARENT, Plan, method_of, plan_file, read_plan
from .planning import next_call, plan_training
from .preflight import check

_CAUSES_SHOWN, _ROWS_SHOWN = 3, 3
_TELL_AGAINST_A_SCORE = ("leak", "after_deployment", "wrong_template")
_DONE = ("trained", "evaluated")


def diagnose_version(
    workspace: Workspace, task: TaskFolder, name: str = "latest", complaint: str = ""
) -> DiagnosisAnswer:
    """Diagnose a version and write the plan of the one change advised.

    Arguments:
        name: `latest` is the newest version that is not in training.
        complaint: what the person said, in their words; its language is answered where it is Chinese.

    Raises:
        TaskError: there is no such version.
        TrainingError: it is still being trained.
    """
    with speaking("zh-TW" if detect_language(complaint) == "zh-TW" else None):
        folder = _choose_version(task, name)
        found = diagnose(folder, complaint)
        going_live = _good_enough(found, complaint)
        advice = None if going_live else found.advice
        plan = _plan(workspace, task, found, advice) if advice is not None else None
        return _answer(workspace, task, found, advice, plan)


def _choose_version(task: TaskFolder, name: str) -> VersionFolder:
    if name.strip().lower() == "latest":
        ended = [number for number in version_numbers(task) if VersionFolder(task, number).status() != "reserved"]
        if ended:
            return VersionFolder(task, ended[-1])
    folder = version(task, name)
    if folder.status() == "reserved":
        raise TrainingError(
            Text(
                f"{folder.name} is still being trained, or its training was interrupted: there is nothing to diagnose.",
                f"{folder.name} 還在訓練，或訓練已中斷，還沒有東西可以診斷。",
            ),
            Text(
                "See job_status for it; an interrupted training goes on with manage_job(action='resume').",
                "請用 job_status 查看；中斷的訓練可用 manage_job(action='resume') 接續。",
            ),
            field="version",
        )
    return folder


def _good_enough(found: Diagnosis, complaint: str) -> bool:
    """The goal is met, nothing speaks against the score, and nobody complains."""
    doubted = any(cause.name in _TELL_AGAINST_A_SCORE for cause in found.causes)
    return found.standing == "met" and not doubted and not complaint.strip()


def _plan(workspace: Workspace, task: TaskFolder, found: Diagnosis, advice: Cause) -> Plan | None:
    """The plan of the change, where it is one of settings. One that already exists may have been edited: it is kept."""
    if advice.change is None:
        return None
    folder = found.version
    name = f"after-{folder.name}-{advice.name.replace('_', '-')}"
    if not plan_file(task, name).is_file():
        expects = Expectation.model_validate(advice.expects.to_dict()) if advice.expects else None
        settings, parent = dict(advice.change), folder.name
        if folder.status() not in _DONE:  # nothing can build on it, but its settings can be taken up
            config = folder.config()
            settings = {**method_of(config).model_dump(mode="json", exclude_none=True), **settings}
            parent = config.parent or NO_PARENT
        plan_training(workspace, task, settings, parent, [str(advice.say)], name, expects)
    return read_plan(task, name)


def _answer(
    workspace: Workspace, task: TaskFolder, found: Diagnosis, advice: Cause | None, plan: Plan | None
) -> DiagnosisAnswer:
    folder = found.version
    happened, expects = prediction_of(folder), advice.expects if advice else None
    return DiagnosisAnswer(
        message=_message(found, advice),
        next_step=_next_step(workspace, task, found, advice, plan),
        version=folder.name,
        standing=found.standing,
        best=_beside(found),
        causes=[_describe_cause(cause) for cause in found.causes[:_CAUSES_SHOWN]],
        weaker_signs={cause.name: cause.share for cause in [*found.causes[_CAUSES_SHOWN:], *found.signs]},
        not_known={name: str(because) for name, because in found.unknown.items()},
        predicted=_describe_prediction(happened.to_dict()) if happened else None,
        expected=_describe_prediction(expects.to_dict()) if expects else None,
        plan=PlannedChange(name=plan.name, file=str(plan_file(task, plan.name)), settings=dict(advice.change or {}))
        if plan and advice
        else None,
    )


def _describe_prediction(prediction: Mapping[str, object]) -> Prediction:
    because = prediction.get("because")
    told = str(Text(**because)) if isinstance(because, dict) and because.keys() == {"en", "zh"} else str(because or "")
    return Prediction.model_validate({**prediction, "because": told})


def _describe_cause(cause: Cause) -> CauseFound:
    return CauseFound(
        name=cause.name,
        title=str(cause.title),
        share=round(cause.share, 2),
        page=cause.page,
        reasons=[str(reason) for reason in cause.reasons],
        figures={name: value for name, value in cause.figures.items() if value not in (None, [], {})},
        rows=cause.rows[:_ROWS_SHOWN],
        remedy=str(cause.say),
    )


def _beside(found: Diagnosis) -> str | None:
    """Which of several versions is the best, and whether that is shown."""
    if found.beside_best is None:
        return None
    best = found.beside_best.chosen
    said = [found.beside_best.describe(), best.describe() if best else None]
    return str(SENTENCES).join(str(one) for one in said if one is not None)


def _message(found: Diagnosis, advice: Cause | None) -> str:
    beside_simple = against_the_simplest(found.result) if found.result and found.standing == "met" else None
    parts = [_standing(found), beside_simple, prediction_said(found.version), _because(found)]
    first = found.causes[0] if found.causes else None
    told = first is not None and found.best is not None and first.figures.get("parent") == found.best.version.name
    beside = None if told else _beside(found)
    said = [str(part) for part in parts if part] + ([beside] if beside else [])
    if advice is not None:
        said.append(str(Text("One change: {change}.", "只改一件事：{change}。").format(change=advice.say)))
    if advice is not None and advice.expects is not None:
        low, high = advice.expects.low, advice.expects.high
        title, span = metric_title(advice.expects.metric), f"{low:.2f}" if low == high else f"{low:.2f}–{high:.2f}"
        said.append(str(Text("Expected: {title} {span}.", "預測：{title} {span}。").format(title=title, span=span)))
    return str(SENTENCES).join(said)


def _standing(found: Diagnosis) -> Text:
    name = found.version.name
    if found.result is not None:
        return where_it_stands(found.result)
    if found.version.status() in _DONE:
        return Text(
            f"{name} has not been evaluated yet, so this is known from its training alone.",
            f"{name} 還沒有評估，以下只根據訓練紀錄判斷。",
        )
    failure = found.version.failure_file.is_file() and found.version.status() == "failed"
    return Text(
        f"The training of {name} {'failed' if failure else 'was cancelled'}, so there is no model to measure.",
        f"{name} 的訓練{'失敗了' if failure else '已取消'}，沒有模型可以量。",
    )


def _because(found: Diagnosis) -> Text:
    if not found.causes:
        return Text("No cause stands out in the figures.", "數字裡沒有特別突出的原因。")
    first, more = found.causes[0], [cause.title for cause in found.causes[1:_CAUSES_SHOWN]]
    likeliest = Text("The likeliest cause: {title}.", "最可能的原因：{title}。").format(title=first.title)
    also = Text("Also: {titles}.", "其次：{titles}。").format(titles=COMMAS.join(more)) if more else None
    return SENTENCES.join([likeliest, first.reasons[0], also])


def _next_step(
    workspace: Workspace, task: TaskFolder, found: Diagnosis, advice: Cause | None, plan: Plan | None
) -> NextStep:
    if plan is not None:
        return next_call(task, plan, check(workspace, task, plan))
    if found.result is None and found.version.status() in _DONE:
        say = Text("Evaluate it first, then ask again.", "先評估，再診斷一次。")
        return NextStep(say=str(say), tool="evaluate", arguments={"task": task.name, "version": found.version.name})
    if advice is not None and advice.call is not None:
        say = Text(
            "{change}; then this call. Fill in the <…>.", "{change}；完成後呼叫這個工具，<…> 的部分請填好。"
        ).format(change=advice.say)
        return NextStep(say=str(say), tool=advice.call["tool"], arguments=dict(advice.call["arguments"]))
    live = task.deployed_version()
    if found.standing == "met" and live == found.version.name:
        say = Text(
            f"The goal is met and {live} is live: nothing to change. The coach says what keeps it good.",
            f"已達標，{live} 也已上線，不需要改。教練會說怎麼讓它一直好用。",
        )
        return NextStep(say=str(say), tool="coach", arguments={"task": task.name})
    if found.standing == "met":
        say = Text(f"The goal is met. Deploy {found.version.name}?", f"已達標。要部署 {found.version.name} 嗎？")
        return NextStep(say=str(say), tool="deploy", arguments={"task": task.name, "version": found.version.name})
    say = Text("Nothing here says more; plan a new training.", "這裡看不出更多，重新規劃訓練。")
    return NextStep(say=str(say), tool="plan_training", arguments={"task": task.name})
