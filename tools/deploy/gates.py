"""What stands between a version and its users: the task's own success criteria, and parity with the evaluation."""

from __future__ import annotations

from ...resources.answer import quote_row_text
from ...resources.foundation.errors import DeploymentError, EvaluationError
from ...resources.foundation.language import Text
from ...resources.score import lower_is_better, reaches
from ...resources.task import Task
from ...resources.version import VersionFolder
from ..evaluate.metric import answers_of, check_metric, metric_title
from ..evaluate.verdict import headline
from ..evaluate.verified import latest_results
from .overrides import CRITERIA, PARITY, Override
from .parity import Parity, shares

PARITY_THRESHOLD = 0.99
_EXAMPLES_SHOWN = 5


def criteria_gate(task: Task, chosen: VersionFolder, override: Override | None = None) -> list[dict[str, str]]:
    """Refuse a version below the task's own success criteria, unless a reason is recorded.

    The goal may be over all labels (`macro_f1`), one label's (`recall.negative`), or a metric that is better lower
    (`invalid_rate`). The figures are those that the version's answers give.

    Returns:
        the overrides used, `{gate, reason, figures}`.
    """
    criteria, known = task.success_criteria, latest_results(chosen)
    if known is None:
        raise DeploymentError(
            Text(f"{chosen.name} has not been evaluated.", f"{chosen.name} 還沒有評估。"),
            Text(
                "Call evaluate for this version first; nothing unmeasured is deployed.",
                "請先呼叫 evaluate；沒有量測過的模型不部署。",
            ),
            field="version",
        )
    evaluation = known.record
    if criteria.threshold is None:
        return []
    try:
        check_metric(task.metric, list(evaluation.per_class), answers_of(task.type))
        measured = float(headline(evaluation, task.metric).value)
    except (EvaluationError, KeyError) as error:
        raise DeploymentError(
            Text(
                f"The goal is about {task.metric}, which the newest evaluation of {chosen.name} did not measure.",
                f"目標是 {task.metric}，但 {chosen.name} 最近一次評估沒有量到它。",
            ),
            Text(
                "Correct success_criteria.metric with update_task, or evaluate the version again.",
                "請用 update_task 更正 success_criteria.metric，或重新評估這個版本。",
            ),
            field="success_criteria.metric",
        ) from error
    if reaches(task.metric, measured, criteria.threshold):
        return []
    lower = lower_is_better(task.metric)
    title, sign = metric_title(task.metric), ">" if lower else "<"
    found = f"{measured:.4f} {sign} {criteria.threshold}"
    figures = f"{task.metric} {found}"
    if override and (opened := override.opens(CRITERIA, figures, {task.metric: -measured if lower else measured})):
        return [opened]
    if override and override.gate != CRITERIA:
        override.record_refusal(CRITERIA, figures, {})  # these figures are new to the person
    beyond = Text("above", "高於") if lower else Text("below", "低於")
    raise DeploymentError(
        Text(
            "{version} is {beyond} your own success criteria: {title} {found}.",
            "{version} {beyond}你設定的成功標準：{title} {found}。",
        ).format(version=chosen.name, beyond=beyond, title=title, found=found),
        Text(
            "Improve it (ask coach what to change), or, where the person accepts this figure, deploy with override_reason "
            "and their words on it.",
            "請先改善（可問 coach 該改什麼）；使用者若接受這個數字，請在 override_reason 寫下他的理由後部署。",
        ),
        field="override_reason",
        details={"measured": measured, "threshold": criteria.threshold},
    )


def parity_gate(
    task: Task, chosen: VersionFolder, parity: Parity, threshold: float, override: Override | None = None
) -> list[dict[str, str]]:
    """Refuse an endpoint that answers differently from what was evaluated, unless a reason about these very figures is
    recorded."""
    if min(parity.raw, parity.label) >= threshold:
        return []
    figures, seen = (
        f"label {parity.label:.3f}, text {parity.raw:.3f} < {threshold}",
        {"label": parity.label, "raw": parity.raw},
    )
    if override and (opened := override.opens(PARITY, figures, seen)):
        return [opened]
    if override:
        override.record_refusal(PARITY, figures, seen)
    given = (
        Text("", "")
        if not override or not override.reason
        else Text(
            " The reason given was about another gate; this figure is new to the person.",
            "先前的理由是針對另一道關卡；使用者還沒看過這個數字。",
        )
    )
    agree = shares(task.type, parity.label, parity.raw)
    rows = [
        {
            "id": row.id,
            "text": quote_row_text(task, row.text),
            "evaluated": quote_row_text(task, row.evaluated),
            "deployed": quote_row_text(task, row.deployed),
        }
        for row in parity.disagreements[:_EXAMPLES_SHOWN]
    ]
    first = (
        Text("", "")
        if not rows or task.constraints.privacy == "on-premise"
        else Text(
            f" The first: {rows[0]['text']!r}, evaluated {rows[0]['evaluated']!r}, deployed {rows[0]['deployed']!r}.",
            f"第一筆：「{rows[0]['text']}」，評估時回答「{rows[0]['evaluated']}」，部署後回答「{rows[0]['deployed']}」。",
        )
    )
    raise DeploymentError(
        Text(
            "The endpoint does not answer as {version} did when it was evaluated ({count} rows: {agree}; "
            "{threshold:.1%} is required).{first}{given}",
            "端點的回答與 {version} 評估時不一致（共 {count} 筆：{agree}，至少要 {threshold:.1%}）。{first}{given}",
        ).format(version=chosen.name, count=parity.count, agree=agree, threshold=threshold, first=first, given=given),
        Text(
            "Usual causes: another chat template or system prompt, a missing end-of-turn, an unmerged adapter, another "
            "base model, fewer bits. job_status shows more rows under result; what was live before still "
            "answers. Where the person accepts the difference, deploy with override_reason and say why.",
            "常見原因：對話模板或系統提示不同、缺少結束標記、轉接器沒有合併、基礎模型不同、量化位元較少。"
            "更多不一致的資料列可用 job_status 查看（在 result 中）；先前的部署仍在服務。"
            "若使用者能接受這個差異，請在 override_reason 寫明理由後部署。",
        ),
        field="version",
        details={"label": parity.label, "raw": parity.raw, "disagreements": rows},
    )
