"""Which version a person stands behind: promoting one, and rolling back to the one before. Deploying is another step."""

from __future__ import annotations

from typing import NamedTuple

from ...resources.foundation.clock import now
from ...resources.foundation.errors import TaskError
from ...resources.foundation.files import lock
from ...resources.foundation.language import Text
from ...resources.promotion import Current, Promotion, current_file, load_current, save_current
from ...resources.removal import removal
from ...resources.score import reaches, score_of
from ...resources.task import TaskFolder
from ...resources.version import VersionFolder, version
from ..evaluate.metric import metric_title
from ..evaluate.verified import latest_results


class Promoted(NamedTuple):
    """The current version after the step, the one before it, which version is live, and what should be known."""

    version: str
    before: str | None
    deployed: str | None
    changed: bool
    warnings: list[Text]


def promote(folder: TaskFolder, name: str, reason: str = "") -> Promoted:
    """Make a version the current one.

    Arguments:
        reason: why a version that is not evaluated, or is below the success criteria, is promoted all the same; kept.

    Raises:
        TaskError: there is no such version, it is not trained, or it needs a reason.
    """
    chosen = version(folder, name)
    with lock(current_file(folder)):
        current = load_current(folder)
        if chosen.name == current.version:
            return _build_answer(folder, chosen, current.version, changed=False)
        step = _step(chosen, reason)
        save_current(folder, current.model_copy(update={"version": chosen.name, "history": [*current.history, step]}))
        return _build_answer(folder, chosen, current.version)


def roll_back(folder: TaskFolder, reason: str = "") -> Promoted:
    """Return to the version that was current before this one; the history keeps both.

    Raises:
        TaskError: nothing was promoted before.
    """
    with lock(current_file(folder)):
        current = load_current(folder)
        stack = current.stack()
        if len(stack) < 2:
            raise _nothing_before(folder, current)
        chosen = version(folder, stack[-2])
        task, evaluation = folder.load(), chosen.latest_evaluation()
        step = Promotion(
            version=chosen.name,
            action="roll_back",
            date=now(),
            reason=reason,
            metric=task.metric,
            score=score_of(evaluation, task.metric) if evaluation else None,
            threshold=task.success_criteria.threshold,
        )
        save_current(folder, current.model_copy(update={"version": chosen.name, "history": [*current.history, step]}))
        return _build_answer(folder, chosen, current.version)


def _step(chosen: VersionFolder, reason: str) -> Promotion:
    """The entry of the history, once the version may be promoted."""
    if chosen.status() not in ("trained", "evaluated"):
        raise TaskError(
            Text(
                f"{chosen.name} was never fully trained, so it cannot become the current version.",
                f"{chosen.name} 沒有訓練完成，不能設為目前版本。",
            ),
            Text(
                "Name a trained version; list them with read_resource "
                f"(uri='nlp-skills://tasks/{chosen.task.name}/versions').",
                "請指定訓練完成的版本；可用 read_resource 查看"
                f"（uri='nlp-skills://tasks/{chosen.task.name}/versions'）。",
            ),
            field="version",
        )
    known = latest_results(chosen)
    task, evaluation = chosen.task.load(), known.record if known else None
    score, threshold = score_of(evaluation, task.metric) if evaluation else None, task.success_criteria.threshold
    if not reason:
        if score is None:
            raise _unmeasured_error(chosen, task.metric)
        if threshold is not None and not reaches(task.metric, score, threshold):
            raise _below(chosen, task.metric, score, threshold)
    return Promotion(
        version=chosen.name,
        action="promote",
        date=now(),
        reason=reason,
        metric=task.metric,
        score=score,
        threshold=threshold,
    )


def _build_answer(folder: TaskFolder, chosen: VersionFolder, before: str | None, changed: bool = True) -> Promoted:
    deployed = folder.deployed_version()
    warnings = []
    if removal(chosen):
        warnings.append(
            Text(
                f"The model of {chosen.name} was removed; reproduce brings it back before a deployment.",
                f"{chosen.name} 的模型已被移除；部署前要先用 reproduce 取回。",
            )
        )
    return Promoted(chosen.name, before, deployed, changed, warnings)


def _unmeasured_error(chosen: VersionFolder, metric: str) -> TaskError:
    title, call = metric_title(metric), f"evaluate(task={chosen.task.name!r}, version={chosen.name!r})"
    return TaskError(
        Text(
            "{version} has no {metric} yet: nothing says whether it is good enough.",
            "{version} 還沒有{metric}的評估結果，無法判斷夠不夠好。",
        ).format(version=chosen.name, metric=title),
        Text(
            f"Measure it first: {call}. Or give reason= in the person's words; it is recorded.",
            f"請先評估：{call}。或用 reason= 寫下使用者的理由，會留下紀錄。",
        ),
        field="version",
    )


def _below(chosen: VersionFolder, metric: str, score: float, threshold: float) -> TaskError:
    title = metric_title(metric)
    return TaskError(
        Text(
            "{version} is below the person's own goal: {metric} {score:.3f}, wanted {goal:.3f}.",
            "{version} 未達使用者自訂的目標：{metric} {score:.3f}，目標 {goal:.3f}。",
        ).format(version=chosen.name, metric=title, score=score, goal=threshold),
        Text(
            "Ask diagnose what would help, or promote it with reason= in the person's words; it is recorded.",
            "可用 diagnose 找出怎麼改善，或用 reason= 寫下使用者的理由後再設為目前版本，會留下紀錄。",
        ),
        field="version",
        details={"measured": score, "threshold": threshold},
    )


def _nothing_before(folder: TaskFolder, current: Current) -> TaskError:
    if current.version:
        return TaskError(
            Text(
                f"Before {current.version} no other version was current, so there is nothing to roll back to.",
                f"在 {current.version} 之前沒有其他目前版本，無法退回。",
            ),
            Text(
                "Name the version you want: manage_task(action='promote', version=…).",
                "請直接指定版本：manage_task(action='promote', version=…)。",
            ),
            field="version",
        )
    return TaskError(
        Text(f"{folder.name} has no current version yet.", f"{folder.name} 還沒有設定目前版本。"),
        Text(
            "Promote one: manage_task(action='promote', version=…).",
            "請先設定：manage_task(action='promote', version=…)。",
        ),
        field="version",
    )
