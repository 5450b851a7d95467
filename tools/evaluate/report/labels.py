"""How each label fares: precision, recall and F1 with their intervals, and which labels are taken for which."""

from __future__ import annotations

from ....resources.evaluation import ClassFigures, Confusion
from ....resources.foundation.language import Text, number_of, several
from ....resources.pages.intervals import bar, number
from ....resources.pages.markup import Content, Html, html, table, tag
from ..measuring import INVALID
from ..metric import metric_title
from .material import Material
from .summary import mistakes

_NAMES = ("precision", "recall", "f1")
_MANY = 12  # from here on the list scrolls by itself
_WIDEST_MATRIX = 24
_MOST_MISTAKES = 60
_LONGEST_HEAD = 24


_HOW_LABELS = Text(
    "Precision: how many rows given a label really have it. Recall: how many rows that have a label were found. F1 "
    "balances the two. The thin lines are 95 % intervals.",
    "精確率：被標成這個標籤的資料，有多少真的是。召回率：真的是這個標籤的資料，找到了多少。F1 是兩者的平衡。細線是 95% 信賴區間。",
)
_HOW_PARTS = Text(
    "Precision: how many parts it named are right. Recall: how many parts it should name were found. A part counts where "
    "its type and its text are exactly right. The thin lines are 95 % intervals.",
    "精確率：模型擷取的片段有多少是對的。召回率：應該擷取的片段找到了多少。種類和文字都完全正確才算對。細線是 95% 信賴區間。",
)


def per_label(material: Material) -> Html:
    head = [
        tag("th", _sorter(Text("label", "標籤"), "label"), scope="col"),
        *(tag("th", _sorter(metric_title(name), name), scope="col") for name in _NAMES),
        tag("th", _sorter(Text("rows", "筆數"), "support"), scope="col", class_="n"),
    ]
    rows = [
        _label_row(place, label, figures) for place, (label, figures) in enumerate(material.record.per_class.items())
    ]
    body = table(head, rows, Text("Figures by label", "各標籤表現"), "labels")
    how = _HOW_PARTS if material.record.answers == "spans" else _HOW_LABELS
    return html(tag("div", body, class_="long") if len(rows) > _MANY else body, tag("p", how, class_="note"))


def _sorter(title: Content, key: str) -> Html:
    return tag("button", title, type="button", class_="sorter", data_key=key)


def _label_row(place: int, label: str, figures: ClassFigures) -> Html:
    measured = {name: figures.value(name) or 0.0 for name in _NAMES}
    values = {f"data_{name}": value for name, value in measured.items()}
    cells = []
    for name in _NAMES:
        low, high = figures.intervals.get(name) or (None, None)
        title = (
            None if low is None else Text(f"95 % interval {low:.3f}–{high:.3f}", f"95% 信賴區間 {low:.3f}–{high:.3f}")
        )
        drawn: Content = (tag("span", number(measured[name]), class_="value"), bar(measured[name], low, high))
        if figures.too_few:
            drawn = tag("span", _describe_few_rows(name, figures), class_="value few")
        if not figures.support and name == "recall":
            drawn = tag("span", "–", class_="value")
        cells.append(tag("td", tag("span", metric_title(name), class_="name"), drawn, title=title, class_="measure"))
    return tag(
        "tr",
        tag("th", label, scope="row"),
        cells,
        tag("td", tag("span", Text("rows", "筆數"), class_="name"), figures.support, class_="n support"),
        data_label=place,
        data_support=figures.support,
        **values,
    )


_TOO_FEW = Text("too few to say", "太少，無法判斷")


def _describe_few_rows(name: str, figures: ClassFigures) -> Text:
    """What was counted of a label with few rows, in place of a share of them."""
    right, of = (figures.right, {"precision": figures.answered, "recall": figures.support}.get(name))
    return _TOO_FEW if of is None else Text(f"{right} of {of}", f"{of} 列中 {right} 列")


def confusion(material: Material) -> Html:
    found = material.record.confusion or Confusion()
    if len(found.labels) > _WIDEST_MATRIX:
        return _list_of_mistakes(material)
    predicted = found.predicted
    if not any(counts[-1] for counts in found.matrix):
        predicted = [name for name in predicted if name != INVALID]
    head = [
        tag("th", Text("label ↓ answer →", "正解 ↓ 回答 →"), class_="corner"),
        *(tag("th", _short(name), scope="col") for name in predicted),
    ]
    rows = []
    for gold, counts in enumerate(found.matrix):
        total = sum(counts)
        cells = [_cell(found, gold, place, count, total) for place, count in enumerate(counts[: len(predicted)])]
        rows.append(tag("tr", tag("th", _short(found.labels[gold]), scope="row"), cells))
    how = Text(
        "Each row of the matrix is one label: how many of its rows got which answer, and what share that is. "
        "Choose a cell to read its rows.",
        "每一列是一個正解標籤：有幾筆得到哪個回答，各占多少比例。點選格子就能看到那些資料。",
    )
    return html(table(head, rows, Text("Confusion matrix", "混淆矩陣"), "matrix"), tag("p", how, class_="note"))


def display_label(answer: str) -> Content:
    """An answer as a reader sees it: a label, or that it is none."""
    return Text("no label", "不是標籤") if answer == INVALID else answer


def _short(name: str) -> Content:
    """A label as a matrix has room for it, whole when pointed at."""
    if name == INVALID or len(name) <= _LONGEST_HEAD:
        return display_label(name)
    return tag("span", f"{name[:_LONGEST_HEAD]}…", title=name)


def _cell(found: Confusion, gold: int, place: int, count: int, total: int) -> Html:
    right = gold == place
    share = count / total if total else 0.0
    label, answer = found.labels[gold], display_label(found.predicted[place])
    answered = answer if isinstance(answer, Text) else Text(str(answer), str(answer))
    inside: Content = tag("span", "0", class_="none")
    if count:
        inside = tag(
            "button",
            tag("b", count),
            tag("small", f"{share:.0%}"),
            type="button",
            class_="pick",
            data_gold=gold,
            data_said=place,
            aria_label=Text(
                "{rows} of {label} answered {answered}, {share:.0%}",
                "「{label}」有 {rows} 列的回答是「{answered}」，占 {share:.0%}",
            ).format(rows=number_of(count, "row"), label=label, answered=answered, share=share),
        )
    return tag("td", inside, class_="right" if right else "wrong", style=f"--share:{round(100 * share)}%")


def _list_of_mistakes(material: Material) -> Html:
    """The most frequent mistakes, where a matrix would be too wide to read."""
    found = material.record.confusion or Confusion()
    every = mistakes(material.record)
    if not every:
        return tag("p", Text("No label was taken for another.", "沒有任何標籤被混淆。"))
    head = [
        tag("th", Text("label", "正解"), scope="col"),
        tag("th", Text("answer", "回答"), scope="col"),
        tag("th", Text("rows", "列數"), scope="col", class_="n"),
        tag("th", Text("share of the label", "占該標籤"), scope="col", class_="n"),
    ]
    golds = {name: place for place, name in enumerate(found.labels)}
    answers = {name: place for place, name in enumerate(found.predicted)}
    rows = [
        tag(
            "tr",
            tag("td", label),
            tag("td", display_label(answer)),
            tag(
                "td",
                tag("button", count, type="button", class_="pick", data_gold=golds[label], data_said=answers[answer]),
                class_="n",
            ),
            tag("td", f"{count / total:.0%}", class_="n"),
        )
        for label, answer, count, total in every[:_MOST_MISTAKES]
    ]
    left = len(every) - _MOST_MISTAKES
    more = (
        Text(f" {several(left, 'rarer one is', 'rarer ones are')} left out.", f"另有 {left} 種較少見的沒有列出。")
        if left > 0
        else Text("", "")
    )
    how = Text(
        "With {labels} labels a matrix cannot be read, so these are the most frequent mistakes.{more}",
        "標籤有 {labels} 個，矩陣難以閱讀，這裡列出最常見的混淆。{more}",
    ).format(labels=len(found.labels), more=more)
    return html(
        tag("div", table(head, rows, Text("Most frequent mistakes", "最常見的混淆")), class_="long"),
        tag("p", how, class_="note"),
    )
