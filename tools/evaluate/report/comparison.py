"""This version beside its parent and the version before it: what changed, and whether the difference is more than chance."""

from __future__ import annotations

from ....resources.comparison import Comparison, MetricPair
from ....resources.foundation.language import Text, several
from ....resources.pages.intervals import number
from ....resources.pages.markup import Content, Html, html, table, tag
from ....resources.score import lower_is_better
from ..metric import metric_title
from .figures import format_signed, paragraphs
from .material import Compared, Material
from .summary import outcome_of

_WORDS = {"better": Text("better", "較好"), "worse": Text("worse", "較差"), "not_shown": Text("not shown", "未能證明")}
_MOST_LABELS = 12


def comparison(material: Material) -> Html:
    if not material.compared:
        return tag(
            "p",
            Text(
                "This is the first version on this benchmark; there is no earlier one to compare it with.",
                "這是這個評估基準上的第一個版本，還沒有更早的版本可以比較。",
            ),
        )
    return html([_beside(compared, material) for compared in material.compared])


def _beside(compared: Compared, material: Material) -> Html:
    title = tag("h3", Text(f"Beside {compared.name}", f"和 {compared.name} 比較"))
    if problem := compared.problem:
        return html(title, paragraphs([problem.problem, problem.fix]))
    result = compared.result
    assert result is not None, "where there is no problem there is a result"
    verdict, right, version = result.verdict, result.right, material.folder.name
    changes = [Text(**change.text) for change in result.changes]
    rows = Text(
        f"Only {compared.name} is right on {several(right.only_a, 'row')}, only {version} on {right.only_b}.",
        f"只有 {compared.name} 答對的有 {right.only_a} 列，只有 {version} 答對的有 {right.only_b} 列。",
    )
    return html(
        title,
        tag("p", Text(verdict.text.en, verdict.text.zh), class_=f"verdict {verdict.outcome}"),
        tag("p", rows),
        tag("p", Text("What was changed:", "改了什麼："), class_="before-list")
        if changes
        else tag("p", Text("Nothing was changed in settings or data.", "設定和資料都沒有改變。")),
        tag("ul", (tag("li", change) for change in changes)) if changes else None,
        _metrics(compared.name, version, result),
        _labels(compared.name, version, result),
    )


def _metrics(a: str, b: str, result: Comparison) -> Html:
    rows = [_row(metric_title(name), found, not lower_is_better(name)) for name, found in result.metrics.items()]
    return table(_head(Text("metric", "指標"), a, b), rows, Text("Differences", "差異"), "compared")


def _labels(a: str, b: str, result: Comparison) -> Html | None:
    """F1 by label, the largest differences first where there are many labels."""
    every = sorted(result.per_class, key=lambda one: -abs(one.difference.value))
    if len(every) <= _MOST_LABELS:
        every = result.per_class
    if not every:
        return None
    rows = [_row(html("F1 · ", found.label), found, True, found.outcome) for found in every[:_MOST_LABELS]]
    left = len(every) - _MOST_LABELS
    return html(
        table(_head(Text("label", "標籤"), a, b), rows, Text("Differences by label", "各標籤的差異"), "compared"),
        tag(
            "p",
            Text(
                f"Left out: {several(left, 'label')} with smaller differences.",
                f"另有 {left} 個差異較小的標籤沒有列出。",
            ),
            class_="note",
        )
        if left > 0
        else None,
    )


def _head(first: Text, a: str, b: str) -> list[Content]:
    return [
        tag("th", first, scope="col"),
        tag("th", a, scope="col", class_="n"),
        tag("th", b, scope="col", class_="n"),
        tag("th", Text("difference (95 % interval)", "差異（95% 信賴區間）"), scope="col", class_="n"),
    ]


def _row(title: Content, found: MetricPair, higher_is_better: bool, outcome: str = "") -> Html:
    gap = found.difference
    outcome = outcome or outcome_of(gap, higher_is_better)
    return tag(
        "tr",
        tag("th", title, scope="row"),
        tag("td", number(found.a), class_="n"),
        tag("td", number(found.b), class_="n"),
        tag(
            "td",
            format_signed(gap.value),
            tag(
                "small",
                Text(
                    f"{format_signed(gap.low)} to {format_signed(gap.high)}",
                    f"{format_signed(gap.low)} 到 {format_signed(gap.high)}",
                ),
            ),
            tag("small", _WORDS[outcome], class_=outcome),
            class_="n",
        ),
    )
