"""Every metric of this version, with the other decoding and the baselines beside it."""

from __future__ import annotations

from collections.abc import Mapping

from ....resources.evaluation import BaselineFigures, Figure, Measured, SimplifiedLeak
from ....resources.foundation.language import Text, several
from ....resources.pages.intervals import interval, number
from ....resources.pages.markup import Content, Html, html, table, tag
from ....resources.task import usual_metric
from ..baseline import fitted_title
from ..metric import known_metrics, metric_title
from .material import Material, score

_DECODINGS = {
    "constrained": Text("limited to the labels", "限定只能回答標籤"),
    "free": Text("writing freely", "自由生成"),
}


def measures(material: Material) -> Html:
    record, metric, usual = material.record, material.metric, usual_metric(material.task.type)
    names = list(dict.fromkeys([metric, *sorted(record.metrics, key=lambda name: name != usual), *record.not_measured]))
    head = [tag("th"), *(tag("th", metric_title(name), scope="col", class_="n") for name in names)]
    decoding = _DECODINGS.get(record.decoding, Text(record.decoding, record.decoding))
    version = material.folder.name
    own: Content = Text("{version}, {decoding} (as deployed)", "{version}，{decoding}（與部署相同）").format(
        version=version, decoding=decoding
    )
    rows = [_row(own, {name: score(record, name) for name in names}, own=True)]
    if other := record.other_decoding:
        said = _DECODINGS.get(other.decoding, Text(other.decoding, other.decoding))
        rows.append(
            _row(
                Text("{version}, {said}", "{version}，{said}").format(version=version, said=said),
                {name: _measured_of(other.metrics.get(name)) for name in names},
            )
        )
    for name, figures in record.baselines.items():
        rows.append(_row(fitted_title(name, figures.fitted_on), {kind: _beside(figures, kind) for kind in names}))
    known = known_metrics()
    explained = [words for name in names if name in known and (words := known[name].explained)]
    failed = [Text(why.en, why.zh) for why in record.not_measured.values()]
    return html(
        table(head, rows, Text("Metrics", "各項指標"), "measures"),
        tag("ul", (tag("li", one) for one in [*explained, *failed]), class_="note"),
        _fitted_note(record.baselines),
        _simplified_note(record.simplified),
        None
        if record.baselines
        else tag(
            "p", Text("No other method was measured with this evaluation.", "這次評估沒有測量其他方法。"), class_="note"
        ),
    )


def _fitted_note(baselines: Mapping[str, BaselineFigures]) -> Html | None:
    """On which rows the simple methods were fitted: on others they are other figures."""
    fitted = next((figures.fitted_on for figures in baselines.values() if figures.fitted_on), None)
    if fitted is None:
        return None
    rows, data = fitted.rows or 0, fitted.snapshot[:8]
    return tag(
        "p",
        Text(
            f"The simple methods were fitted on the {several(rows, 'training row')} of data {data}. Beside a version that was "
            "trained on other rows they are fitted on those, and score otherwise.",
            f"簡單的方法是以資料 {data} 的 {rows} 筆訓練資料訓練的；版本用的資料不同，它們就用那批資料重新訓練，分數也會不同。",
        ),
        class_="note",
    )


def _simplified_note(found: SimplifiedLeak | None) -> Html | None:
    """How many answers of a Traditional Chinese task hold Simplified characters."""
    if not found:
        return None
    said = Text(
        f"Answers with Simplified characters: {found.rate:.1%} ({found.answers}",
        f"含有簡體字的回答：{found.rate:.1%}（{found.answers} 列",
    )
    shown = found.characters
    return tag(
        "p",
        Text("{said}{text}).", "{said}{text}）。").format(
            said=said, text=Text(f": {shown}", f"：{shown}") if shown else ""
        ),
    )


def _measured_of(figure: Figure | None) -> Measured | None:
    return Measured(figure.value, figure.low, figure.high) if figure and figure.value is not None else None


def _beside(figures: BaselineFigures, metric: str) -> Measured | None:
    value, (low, high) = figures.value(metric), figures.intervals.get(metric) or (None, None)
    return None if value is None else Measured(value, low, high)


def _row(title: Content, figures: Mapping[str, Measured | None], own: bool = False) -> Html:
    cells = []
    for found in figures.values():
        low, high = (found.low, found.high) if found else (None, None)
        cells.append(tag("td", number(found.value if found else None), tag("small", interval(low, high)), class_="n"))
    return tag("tr", tag("th", title, scope="row"), cells, class_="own" if own else None)
