"""What the figures of one evaluation mean, said plainly."""

from __future__ import annotations

from collections.abc import Mapping

from ...resources.evaluation import ClassFigures, Evaluation, Figure, Margin, Measured, Simplest, Verdict, Words
from ...resources.foundation.language import Text, number_of, several
from ...resources.lineage import prediction_of
from ...resources.score import reaches
from ...resources.task import SuccessCriteria, Task
from ...resources.version import VersionFolder
from .baseline import BASE_MODEL, fitted_title
from .deciding import Chosen
from .metric import metric_title
from .significance import Difference

_MOST_LABELS, _LONGEST = 5, 40
_INVALID = {
    "label": Text("no label at all", "不是任何標籤"),
    "spans": Text("no JSON of parts", "不是可讀取的 JSON"),
    "text": Text("empty", "是空白的"),
    "pair": Text("empty", "是空白的"),
}


def headline(record: Evaluation, metric: str) -> Measured:
    """The task's metric in a record, `recall.negative` among them; without edges where the label has too few rows to say.

    Raises:
        KeyError: it was not measured.
    """
    found = record.find_metric(metric)
    if found is None:
        raise KeyError(metric)
    return found


def verdict(
    record: Evaluation, task: Task, margins: Mapping[str, Difference], leaked: int = 0, chosen: Chosen | None = None
) -> Verdict:
    """Whether the goal is met and whether the effort was worth it.

    Arguments:
        record: the evaluation, with `metrics`, `benchmark`, `clusters` and `baselines` (each with the task's metric).
        task: whose goal counts.
        margins: for each baseline how far the version is ahead of it in the task's metric (paired, above 0: better).
        leaked: benchmark rows this version was trained on.
        chosen: what choosing it as the best of several versions did to its score.
    """
    metric, criteria = task.metric, task.success_criteria
    if (failed := record.not_measured.get(metric.partition(".")[0])) is not None:
        return _without_figure(record, metric, criteria, failed, leaked)
    found = headline(record, metric)
    met = None if criteria.threshold is None else reaches(metric, found.value, criteria.threshold)
    simplest = _simplest(record, metric, margins)
    parts = [
        _figure(record, metric, found),
        too_few_said(record, metric),
        _not_measured(record),
        _goal(criteria, found, met),
        chosen.describe() if chosen else None,
        _beside(simplest, metric),
        _compare_untuned(record, metric, margins),
        _invalid(record),
        _describe_simplified(record),
        _leak(leaked),
    ]
    said = [part for part in parts if part is not None]
    result = Verdict(
        met=met,
        threshold=criteria.threshold,
        metric=metric,
        value=found.value,
        simplest_wins=simplest is not None and simplest.outcome == "wins",
        simplest=simplest,
        margins={name: Margin(**margin.to_dict(), outcome=margin.verdict) for name, margin in margins.items()},
        text=Words(en=" ".join(part.en for part in said), zh="".join(part.zh for part in said)),
    )
    if chosen:
        result.chosen = chosen.to_dict()
    return result


def _without_figure(record: Evaluation, metric: str, criteria: SuccessCriteria, failed: Words, leaked: int) -> Verdict:
    """The verdict where the goal's own metric failed: nobody can say whether the goal is met."""
    title = metric_title(metric)
    parts = [
        Text(
            "The metric of the goal, {title}, could not be computed, so nothing says whether the goal is "
            "met: {failed} All other figures stand.",
            "目標的指標「{title}」無法計算，因此無法判斷是否達標：{failed}其他數字不受影響。",
        ).format(title=title, failed=Text(failed.en, failed.zh)),
        _not_measured(record, but=metric.partition(".")[0]),
        _invalid(record),
        _describe_simplified(record),
        _leak(leaked),
    ]
    said = [part for part in parts if part is not None]
    return Verdict(
        threshold=criteria.threshold,
        metric=metric,
        text=Words(en=" ".join(part.en for part in said), zh="".join(part.zh for part in said)),
    )


def _not_measured(record: Evaluation, but: str = "") -> Text | None:
    """Which added metrics failed, each with its reason; None where all were measured.

    Arguments:
        but: one that is told elsewhere.
    """
    failed = {name: why for name, why in record.not_measured.items() if name != but}
    if not failed:
        return None
    return Text(
        f"Without a value: {' '.join(why.en for why in failed.values())}",
        f"沒有分數：{''.join(why.zh for why in failed.values())}",
    )


def _simplest(record: Evaluation, metric: str, margins: Mapping[str, Difference]) -> Simplest | None:
    """The best of the simple baselines, and whether it wins, ties (no difference shown) or loses."""
    stand = [name for name in margins if name != BASE_MODEL]
    if not stand:
        return None
    name = min(stand, key=lambda one: margins[one].value)
    margin = margins[name]
    outcome = "wins" if margin.value <= 0 else "ties" if margin.verdict == "not_shown" else "loses"
    figures = record.baselines[name]
    simplest = Simplest(
        name=name, outcome=outcome, value=figures.value(metric) or 0.0, ahead=Margin(**margin.to_dict())
    )
    if figures.fitted_on:
        simplest.fitted_on = figures.fitted_on
    return simplest


def _figure(record: Evaluation, metric: str, found: Measured) -> Text:
    title, benchmark = metric_title(metric), record.benchmark
    rows = benchmark.count
    groups = record.clusters.count if record.clusters and record.clusters.count is not None else rows
    alike = (
        Text(f" in {several(groups, 'group')} of like sentences", f"、{groups} 組句型")
        if groups < rows
        else Text("", "")
    )
    interval = Text("too few rows to say how sure that is", "筆數太少，無法判斷有多可靠")
    if found.low is not None:
        edges = f"{found.low:.3f}–{found.high:.3f}"
        interval = Text(f"95 % interval {edges}", f"95% 信賴區間 {edges}")
    return Text(
        "{title} {value:.3f} ({interval}) on {rows}{alike} of benchmark {benchmark}.",
        "{title} {value:.3f}（{interval}），評估基準 {benchmark}（{rows} 列{alike}）。",
    ).format(
        title=title,
        value=found.value,
        interval=interval,
        rows=number_of(rows, "row"),
        alike=alike,
        benchmark=benchmark.name,
    )


def too_few_said(record: Evaluation, metric: str) -> Text | None:
    """Which labels have too few rows to say, and what the metric made of them; None where all have enough."""
    kind, _, label = metric.partition(".")
    if label:
        figures = record.per_class.get(label) or ClassFigures()
        return (
            Text("“{label}”: {counts}.", "「{label}」：{counts}。").format(label=label, counts=counts_said(figures))
            if figures.too_few
            else None
        )
    found = record.metrics.get(kind) or Figure()
    listed = found.left_out or found.too_few
    if not listed:
        return None
    shown = list(listed.items())[:_MOST_LABELS]
    more = (
        Text(f" and {len(listed) - len(shown)} more", f"等 {len(listed)} 個標籤")
        if len(listed) > len(shown)
        else Text("", "")
    )
    en = ", ".join(f"{name[:_LONGEST]} ({several(rows, 'row')})" for name, rows in shown) + more.en
    zh = "、".join(f"{name[:_LONGEST]}（{rows} 列）" for name, rows in shown) + more.zh
    if found.left_out:
        return Text(
            f"macro-F1 leaves out {en}: too few test rows to say.", f"測試資料太少、無法判斷，macro-F1 不列入：{zh}。"
        )
    return Text(f"Too few test rows to say much: {en}.", f"測試資料太少，分數參考就好：{zh}。")


def counts_said(figures: ClassFigures) -> Text:
    """Of a label with few rows what was counted, in place of figures."""
    right, rows = figures.right, figures.support
    return Text(f"{right} of {several(rows, 'row')} right, too few to say", f"{rows} 列答對 {right} 列，太少，無法判斷")


def _goal(criteria: SuccessCriteria, found: Measured, met: bool | None) -> Text | None:
    if met is None:
        return Text(
            "The task has no threshold yet, so nothing says whether this is enough.",
            "這個任務還沒有設定門檻，無法判斷是否足夠。",
        )
    threshold = f"{criteria.threshold:.3f}"
    sure = found.low is None or found.high is None or not found.low <= (criteria.threshold or 0) <= found.high
    doubt = Text(
        "" if sure else " The interval reaches across it, so another set of rows might say otherwise.",
        "" if sure else "不過信賴區間跨過門檻，換一批資料結論可能不同。",
    )
    if met:
        return Text("The goal of {threshold} is met.{doubt}", "已達成目標 {threshold}。{doubt}").format(
            threshold=threshold, doubt=doubt
        )
    return Text("The goal of {threshold} is not met.{doubt}", "尚未達成目標 {threshold}。{doubt}").format(
        threshold=threshold, doubt=doubt
    )


def _beside(simplest: Simplest | None, metric: str) -> Text | None:
    if simplest is None:
        return None
    title, value = fitted_title(simplest.name, simplest.fitted_on), f"{simplest.value:.3f}"
    if simplest.outcome == "wins" and simplest.ahead and simplest.ahead.value == 0:
        return Text(
            "The simplest method does as well: {title} scores {value} too, takes seconds and needs no GPU. "
            "Use it unless the model offers you something else.",
            "最簡單的方法一樣好：{title}也得到 {value}，只要幾秒、不需要 GPU。除非模型另有好處，否則直接用它就好。",
        ).format(title=title, value=value)
    if simplest.outcome == "wins":
        return Text(
            "The simplest method wins: {title} scores {value}, takes seconds and needs no GPU. Use it unless "
            "the model offers you something else.",
            "最簡單的方法勝出：{title}得到 {value}，只要幾秒、不需要 GPU。除非模型另有好處，否則直接用它就好。",
        ).format(title=title, value=value)
    if simplest.outcome == "ties":
        return Text(
            "It is not shown to beat the simplest method: {title} scores {value}.",
            "未能證明它優於最簡單的方法：{title}得到 {value}。",
        ).format(title=title, value=value)
    return Text(
        "It beats the best simple method ({title}, {value}).", "它優於最好的簡單方法（{title}，{value}）。"
    ).format(title=title, value=value)


def _compare_untuned(record: Evaluation, metric: str, margins: Mapping[str, Difference]) -> Text | None:
    margin = margins.get(BASE_MODEL)
    if margin is None or margin.verdict == "better":
        return None
    value = f"{record.baselines[BASE_MODEL].value(metric) or 0.0:.3f}"
    return Text(
        f"The model it was trained from scores {value}: this training is not shown to help.",
        f"訓練前的模型得到 {value}：未能證明這次訓練有幫助。",
    )


def _invalid(record: Evaluation) -> Text | None:
    rate = found.value if (found := record.find_metric("invalid_rate")) else 0
    if rate == 0:
        return None
    what = invalid_words(record)
    wrong = Text("", "") if record.answers == "pair" else Text(" and count as wrong", "，都算錯")
    return Text("{rate:.1%} of the answers are {what}{wrong}.", "有 {rate:.1%} 的回答{what}{wrong}。").format(
        rate=rate, what=what, wrong=wrong
    )


def invalid_words(record: Evaluation) -> Text:
    """What an invalid answer is in this record, after `answers that are`."""
    return _INVALID[record.answers or "label"]


def _describe_simplified(record: Evaluation) -> Text | None:
    found = record.simplified
    if not found or not found.answers:
        return None
    return Text(
        f"{found.rate:.1%} of the answers contain Simplified characters ({found.characters}).",
        f"有 {found.rate:.1%} 的回答混入簡體字（{found.characters}）。",
    )


def _leak(leaked: int) -> Text | None:
    if not leaked:
        return None
    return Text(
        f"Careful: this version was trained on {several(leaked, 'row')} of this benchmark, so the figures are too "
        "good.",
        f"注意：這個版本訓練時用過此基準的 {leaked} 列資料，分數會偏高。",
    )


def prediction_said(folder: VersionFolder) -> Text | None:
    """What its plan foretold beside what came; None where nothing was predicted or measured."""
    found = prediction_of(folder)
    if found is None or found.value is None:
        return None
    title = metric_title(found.metric)
    word = {
        "within": Text("as predicted", "和預測相符"),
        "above": Text("above the prediction", "高於預測"),
        "below": Text("below the prediction", "低於預測"),
    }[found.outcome]
    return Text(
        "Predicted for {version}: {title} {low:.3f}–{high:.3f}; it came to {value:.3f}, {word}.",
        "{version} 的預測：{title} {low:.3f}–{high:.3f}；實際是 {value:.3f}，{word}。",
    ).format(version=folder.name, title=title, low=found.low, high=found.high, value=found.value, word=word)
