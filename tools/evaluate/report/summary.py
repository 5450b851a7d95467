"""In short: the goal in the person's words, how this version stands to it, what that means, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator

from ....resources.comparison import Gap
from ....resources.evaluation import Confusion, Evaluation, Measured
from ....resources.foundation.language import SENTENCES, Text, several
from ....resources.pages.intervals import Point, forest, number
from ....resources.pages.markup import Content, Html, both, html, tag
from ..baseline import BASE_MODEL, baseline_title, fitted_title
from ..deciding import selection_effect
from ..diagnosis import Diagnosis
from ..measuring import INVALID
from ..verdict import too_few_said
from .causes import expected_effect
from .figures import day, difference
from .material import Material, score

_MOST_MISTAKES = 1


def summary(material: Material) -> Html:
    record = material.record
    task = material.task
    goal: list[Content] = []
    if task.goal:
        goal.append(tag("blockquote", task.goal, class_="goal-words"))
    if task.pain_point:
        goal.append(tag("p", Text("The problem it started from: ", "起因："), task.pain_point, class_="soft"))
    return html(
        goal,
        tag("p", _standing(material), class_="lead"),
        forest(
            list(_points(material)),
            Text("This version compared with the others", "這個版本與其他方法"),
            material.threshold,
        ),
        _legend(material),
        tag("h3", Text("What it means", "這代表什麼")),
        tag("p", _meaning(material)),
        tag("h3", Text("Is it better than …", "比其他方法好嗎？")),
        _better(material),
        tag("h3", Text("What to do next", "接下來做什麼")),
        _next(material),
        tag("p", Text(f"Evaluated {day(record.created)}.", f"評估時間：{day(record.created)}。"), class_="soft"),
    )


def standing(material: Material) -> str:
    """`met`, `close`, `gap` or `no_goal`: as the diagnosis has it, unless the goal was another at the time."""
    found = material.diagnosis
    if (
        isinstance(found, Diagnosis)
        and found.result
        and found.standing
        and (found.result.metric, found.result.threshold) == (material.metric, material.threshold)
    ):
        return found.standing
    met, threshold = material.record.verdict.met, material.threshold
    if met is None or threshold is None:
        return "no_goal"
    if met:
        return "met"
    own = score(material.record, material.metric)
    return (
        "close" if own and own.low is not None and own.high is not None and own.low <= threshold <= own.high else "gap"
    )


_STANDINGS = {
    "met": Text("Goal met.", "已達成目標。"),
    "close": Text("Close to the goal.", "接近目標。"),
    "gap": Text("Goal not met.", "尚未達成目標。"),
    "no_goal": Text("No goal was set.", "尚未設定目標。"),
}


def _standing(material: Material) -> Content:
    if failed := material.record.not_measured.get(material.metric.partition(".")[0]):
        verdict = tag(
            "strong",
            Text("The goal's metric could not be computed.", "無法計算目標的指標。"),
            class_="standing no_goal",
        )
        return html(verdict, both(" ", ""), Text(failed.en, failed.zh))
    stands, version = standing(material), material.folder.name
    value, title = number(material.record.verdict.value), _spaced(material.metric_title())
    verdict = tag("strong", _STANDINGS[stands], class_=f"standing {stands}")
    if material.threshold is None:
        return html(
            verdict,
            both(" ", ""),
            Text(
                "{version} scores {value} in {title}; without a threshold nothing says whether that is enough.",
                "{version} 的{title}是 {value}；沒有門檻，就無法判斷是否足夠。",
            ).format(version=version, value=value, title=title),
        )
    wanted = f"{material.threshold:.3f}"
    at_least = Text("at least", "至少") if material.higher_is_better else Text("at most", "最多")
    found = score(material.record, material.metric)
    across = (
        found is not None
        and found.low is not None
        and found.high is not None
        and found.low <= material.threshold <= found.high
    )
    doubt = (
        Text(
            " The interval reaches across the goal, so another set of rows might say otherwise.",
            "信賴區間跨過目標，換一批資料結論可能不同。",
        )
        if across
        else Text("", "")
    )
    return html(
        verdict,
        both(" ", ""),
        Text(
            "{version} scores {value} in {title}; you asked for {at_least} {wanted}.",
            "{version} 的{title}是 {value}，你的目標是{at_least} {wanted}。",
        ).format(version=version, value=value, title=title, at_least=at_least, wanted=wanted)
        + doubt,
    )


def _spaced(title: Text) -> Text:
    """A title between Chinese words: a space where it begins or ends in Latin letters."""
    before, after = (" " if edge.isascii() else "" for edge in (title.zh[:1], title.zh[-1:]))
    return Text(title.en, f"{before}{title.zh}{after}")


def _points(material: Material) -> Iterator[Point]:
    """This version, the earlier ones and the baselines, in the goal's metric."""
    metric, record = material.metric, material.record
    if metric.partition(".")[0] not in record.not_measured:
        own = score(record, metric) or Measured(record.verdict.value)
        yield Point(material.folder.name, own.value, own.low, own.high, own=True)
    for compared in material.compared:
        results = next((one.results for one in material.chain if one.version == compared.name), {})
        if compared.result and compared.result.metric == metric and metric in results:
            low, high = (results.get("intervals") or {}).get(metric) or (None, None)
            yield Point(compared.name, results[metric], low, high)
    for name, figures in record.baselines.items():
        if (value := figures.value(metric)) is not None:
            low, high = figures.intervals.get(metric) or (None, None)
            yield Point(fitted_title(name, figures.fitted_on), value, low, high)


def _legend(material: Material) -> Html:
    title = _spaced(material.metric_title())
    goal = (
        Text("", "")
        if material.threshold is None
        else Text(f" The upright line is the goal, {material.threshold:.3f}.", f"直線是目標 {material.threshold:.3f}。")
    )
    return tag(
        "p",
        Text(
            "{title} on the same rows; the bars are 95 % intervals.", "橫線是同一批資料上{title}的 95% 信賴區間。"
        ).format(title=title)
        + goal,
        class_="note",
    )


_OF_A_HUNDRED = {
    "accuracy": (
        Text("Of 100 new rows like these it labels about", "每 100 筆類似的新資料，大約會標對"),
        Text("correctly", "筆"),
    ),
    "exact_match": (
        Text("Of 100 new rows like these it answers about", "每 100 筆類似的新資料，大約有"),
        Text("exactly as wanted", "筆和標準答案完全相同"),
    ),
    "preference_accuracy": (
        Text(
            "Of 100 new pairs like these it prefers the answer people prefer in about", "每 100 組類似的新資料，大約有"
        ),
        Text("", "組和人的偏好一致"),
    ),
}


def _meaning(material: Material) -> Content:
    record = material.record
    said: list[Content] = []
    for name, (before, after) in _OF_A_HUNDRED.items():
        if share := record.find_metric(name):
            value, low, high = (round(100 * (edge or 0.0)) for edge in share)
            said.append(
                Text(
                    "{before} {value} {after} (between {low} and {high}). ",
                    "{before} {value} {after}（介於 {low} 到 {high} 之間）。",
                ).format(before=before, value=value, after=after, low=low, high=high)
            )
    measured = {
        label: figures.f1 or 0.0
        for label, figures in record.per_class.items()
        if figures.support and not figures.too_few
    }
    if len(measured) > 1:
        best, worst = (choose(measured, key=lambda one: measured[one]) for choose in (max, min))
        if measured[best] != measured[worst]:
            said.append(
                Text(
                    f"It does best on {best} (F1 {number(measured[best])}) and weakest on {worst} "
                    f"({number(measured[worst])}). ",
                    f"表現最好的是「{best}」（F1 {number(measured[best])}），"
                    f"最弱的是「{worst}」（{number(measured[worst])}）。",
                )
            )
    said += [_mistake(*found) for found in mistakes(record)[:_MOST_MISTAKES]]
    if few := too_few_said(record, material.metric):
        said.append(few + SENTENCES)
    if taken := selection_effect(material.folder):
        said.append(told + SENTENCES if (told := taken.describe()) else "")
    leaked = record.trained_on
    if leaked:
        said.append(
            Text(
                f"Careful: it was trained on {leaked} of these rows, so the figures are too good.",
                f"注意：訓練時用過其中 {leaked} 列，分數會偏高。",
            )
        )
    return html(said)


def mistakes(record: Evaluation) -> list[tuple[str, str, int, int]]:
    """(label, answer, rows, rows of the label) wherever they differ, the most frequent first."""
    confusion = record.confusion or Confusion()
    found = [
        (label, answer, count, sum(counts))
        for label, counts in zip(confusion.labels, confusion.matrix, strict=True)
        for answer, count in zip(confusion.predicted, counts, strict=True)
        if count and answer != label
    ]
    return sorted(found, key=lambda one: -one[2])


def _mistake(label: str, answer: str, count: int, total: int) -> Text:
    if answer == INVALID:
        return Text(
            f"Its most frequent mistake: {count} of {several(total, f'{label} row')} got an answer that is not a label. ",
            f"最常見的錯誤：「{label}」的 {total} 列中有 {count} 列的回答不是任何標籤。",
        )
    return Text(
        f"Its most frequent mistake: {count} of {several(total, f'{label} row')} called {answer}. ",
        f"最常見的錯誤：「{label}」的 {total} 列中有 {count} 列被當成「{answer}」。",
    )


_ANSWERS = {
    "better": Text("Yes", "是"),
    "worse": Text("No, it is worse", "否，反而較差"),
    "not_shown": Text("Not shown; it may be chance", "未能證明，可能只是運氣"),
}


def _better(material: Material) -> Html:
    rows = []
    baselines = material.record.baselines
    simplest = material.record.verdict.simplest.name if material.record.verdict.simplest else None
    for name in [*([simplest] if simplest else []), BASE_MODEL]:
        title = fitted_title(name, baselines[name].fitted_on if name in baselines else None)
        asked = (
            Text("the simplest method ({title})", "最簡單的方法（{title}）").format(title=title)
            if name == simplest
            else title
        )
        if name in material.margins:
            margin = material.margins[name]
            gap = Gap(value=margin.value, low=margin.low, high=margin.high)
            rows.append(_row(asked, gap, margin.outcome or outcome_of(gap)))
        elif name in baselines:
            value = baselines[name].value(material.metric)
            rows.append(
                tag(
                    "div",
                    tag("dt", asked),
                    tag(
                        "dd",
                        Text(
                            f"It scores {number(value)}; this record holds no paired test.",
                            f"分數是 {number(value)}；這份紀錄沒有成對檢定。",
                        ),
                    ),
                )
            )
    for compared in material.compared:
        if compared.result:
            verdict = compared.result.verdict
            outcome = verdict.outcome or outcome_of(verdict.difference, material.higher_is_better)
            rows.append(_row(compared.name, verdict.difference, outcome))
    if not rows:
        return tag("p", Text("There is nothing to compare it with yet.", "目前還沒有可以比較的對象。"))
    return tag("dl", rows, class_="questions")


def _row(asked: Content, found: Gap, outcome: str) -> Html:
    return tag(
        "div",
        tag("dt", asked),
        tag("dd", tag("strong", _ANSWERS[outcome], class_=outcome), tag("span", difference(found), class_="gapped")),
    )


def outcome_of(found: Gap, higher_is_better: bool = True) -> str:
    """`better` or `worse` where the interval leaves out 0, else `not_shown`."""
    if found.low <= 0 <= found.high:
        return "not_shown"
    return "better" if (found.low > 0) == higher_is_better else "worse"


def _next(material: Material) -> Html:
    name, verdict = material.folder.name, material.record.verdict
    if verdict.simplest_wins and verdict.simplest:
        title = baseline_title(verdict.simplest.name)
        return tag(
            "p",
            Text(
                "Use {title}: it scores at least as well, takes seconds and needs no GPU. Keep the model only if it "
                "offers you something else.",
                "直接用{title}：分數不輸，只要幾秒、不需要 GPU。除非模型另有好處，否則不必用它。",
            ).format(title=title),
        )
    stands = standing(material)
    if stands == "met":
        return tag(
            "p",
            Text(
                f"It is ready to be tried. Say to your assistant: “Deploy {name}.”",
                f"可以試用了。對助理說：「部署 {name}」。",
            ),
        )
    if stands == "no_goal":
        title = material.metric_title()
        return tag(
            "p",
            Text(
                "Settle what is good enough. Say to your assistant: “The goal is {title} 0.8.”",
                "先決定多好才算夠。對助理說：「目標是 {title} 0.8」。",
            ).format(title=title),
        )
    found = material.diagnosis
    if isinstance(found, Diagnosis) and found.causes:
        likeliest = found.causes[0]
        return html(
            tag(
                "p",
                Text("The likeliest cause: ", "最可能的原因："),
                likeliest.title,
                Text(". ", "。"),
                tag("b", likeliest.say),
                Text(".", "。"),
            ),
            tag("p", foretold, class_="predicted") if (foretold := expected_effect(likeliest)) else None,
            tag("p", Text("Say to your assistant: “Why is it not good enough?”", "對助理說：「為什麼效果不夠好？」")),
        )
    return tag(
        "p",
        Text(
            "Read the mistakes below, then say to your assistant: “Why is it not good enough?”",
            "先看看下面答錯的資料，再對助理說：「為什麼效果不夠好？」",
        ),
    )
