"""How the versions came from one another: a tree with what was changed at each step, what it scored, and what was
predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ....resources.foundation.language import Text
from ....resources.lineage import STATUS_WORDS
from ....resources.lineage_record import Lineage
from ....resources.pages.intervals import interval, number
from ....resources.pages.markup import Content, Html, html, tag
from ....resources.version import VersionFolder
from ..metric import metric_title
from .material import Material, score

_LANE = 22  # pixels between two lines of the tree
_NODE = 15  # pixels from a row's top to its node
_MOST_CHANGES = 8


def lineage(material: Material) -> Html:
    chain = material.chain
    if not chain:
        return tag("p", Text("No lineage is recorded.", "沒有版本譜系的紀錄。"))
    parents = {one.version: one.parent for one in chain}
    order = [one.version for one in chain]
    lanes = lanes_of(order, parents)
    width = (max(lanes.values()) + 1) * _LANE
    items = [
        tag(
            "li",
            _rail(order, parents, lanes, place, width),
            _version(material, one),
            class_="own" if one.version == material.folder.name else None,
        )
        for place, one in enumerate(chain)
    ]
    return html(
        tag("ol", items, class_="lineage", style=f"--rail:{width}px"),
        tag(
            "p",
            Text(
                "Oldest first; a line leads from each version to those made from it.",
                "由舊到新；線條從每個版本連到由它產生的版本。",
            ),
            class_="note",
        ),
    )


def lanes_of(order: Sequence[str], parents: Mapping[str, str | None]) -> dict[str, int]:
    """The column of each version: a version's first child stays in its column, others open one that is free.

    Arguments:
        order: versions, oldest first.
        parents: each version's parent; one that is not in `order`, or stands after its child, counts as none.
    """
    place = {name: number for number, name in enumerate(order)}
    lines: list[list[str]] = []  # first-child paths; each keeps one column
    line_of: dict[str, int] = {}
    for name in order:
        parent = str(parents.get(name))
        if _stands(place, parent, name) and lines[line_of[parent]][-1] == parent:
            line_of[name] = line_of[parent]
            lines[line_of[name]].append(name)
        else:
            line_of[name] = len(lines)
            lines.append([name])
    taken: list[list[tuple[int, int]]] = []  # the rows each column is in use
    columns = []
    for line in lines:
        parent = str(parents.get(line[0]))
        first = place[parent] if _stands(place, parent, line[0]) else place[line[0]]
        span = first, place[line[-1]]
        column = next(
            (
                number
                for number, spans in enumerate(taken)
                if all(span[1] < start or end < span[0] for start, end in spans)
            ),
            len(taken),
        )
        taken += [[]] if column == len(taken) else []
        taken[column].append(span)
        columns.append(column)
    return {name: columns[line] for name, line in line_of.items()}


def _stands(place: dict[str, int], parent: str, child: str) -> bool:
    return parent in place and place[parent] < place[child]


def _rail(order: Sequence[str], parents: Mapping[str, str | None], lanes: dict[str, int], row: int, width: int) -> Html:
    """The piece of the tree in one row: lines that pass, the line that arrives, those that leave, and the node."""
    place = {name: number for number, name in enumerate(order)}
    name = order[row]
    here = _x(lanes[name])
    lines: list[Content] = []
    for child in order:
        parent = str(parents.get(child))
        if not _stands(place, parent, child):
            continue
        x = _x(lanes[child])
        if place[parent] < row < place[child]:
            lines.append(tag("line", x1=x, x2=x, y1=0, y2="100%"))
        elif place[child] == row:
            lines.append(tag("line", x1=x, x2=x, y1=0, y2=_NODE))
        elif place[parent] == row:
            lines += [tag("line", x1=here, x2=x, y1=_NODE, y2=_NODE), tag("line", x1=x, x2=x, y1=_NODE, y2="100%")]
    return tag(
        "svg",
        lines,
        tag("circle", cx=here, cy=_NODE, r=6),
        class_="rail",
        width=width,
        height="100%",
        aria_hidden="true",
    )


def _x(lane: int) -> float:
    return lane * _LANE + _LANE / 2


def _version(material: Material, one: Lineage) -> Html:
    name = one.version
    number_ = int(name[1:]) if name[1:].isdigit() else 0
    folder = VersionFolder(material.folder.task, number_)
    own = name == material.folder.name
    title: Content = name
    if not own and folder.report_file.is_file():
        title = tag("a", name, href=f"../{folder.name}/{folder.report_file.name}")
    parent = one.parent
    origin = Text(f"from {parent}", f"由 {parent} 而來") if parent else Text("from the base model", "由基礎模型開始")
    rendered = {sentence for detail in one.change_details for sentence in detail.text.values()}
    found = [Text(**detail.text) for detail in one.change_details]
    said: list[Content] = [*[sentence for sentence in one.changes if sentence not in rendered], *found]
    left = len(said) - _MOST_CHANGES
    return tag(
        "div",
        tag("h3", title, " ", tag("span", origin, class_="soft")),
        tag("p", _outcome(material, folder, one)),
        _predicted_effect(one),
        tag(
            "ul",
            (tag("li", change) for change in said[:_MOST_CHANGES]),
            tag("li", Text(f"and {left} more", f"還有 {left} 項")) if left > 0 else None,
        )
        if said
        else None,
    )


def _outcome(material: Material, folder: VersionFolder, one: Lineage) -> Content:
    """Its score in the goal's metric on this report's benchmark, else how it stands."""
    record = (
        material.record
        if folder.number == material.folder.number
        else folder.latest_evaluation(material.record.benchmark.hash)
    )
    if found := score(record, material.metric):
        return html(
            metric_title(material.metric),
            " ",
            tag("b", number(found.value)),
            " ",
            tag("span", interval(found.low, found.high), class_="soft"),
        )
    if folder.latest_evaluation():
        return Text("evaluated on another benchmark only", "只在其他評估基準上評估過")
    status = one.status or ""
    return STATUS_WORDS.get(status, Text(status, status))


def _predicted_effect(one: Lineage) -> Html | None:
    """The effect its plan foretold, beside what happened."""
    found = one.prediction
    if not found:
        return None
    title = metric_title(found.metric)
    foretold = Text(
        "Predicted: {title} between {low:.3f} and {high:.3f}", "預測：{title} 介於 {low:.3f} 到 {high:.3f}"
    ).format(title=title, low=found.low, high=found.high)
    came = _OUTCOMES[found.outcome]
    value = "" if found.value is None else f"{found.value:.3f}"
    return tag(
        "p",
        Text("{foretold}; {came}.", "{foretold}；{came}。").format(foretold=foretold, came=came.format(value=value)),
        class_="predicted",
    )


_OUTCOMES = {
    "within": Text("it came to {value}, as predicted", "結果是 {value}，與預測相符"),
    "above": Text("it came to {value}, more than predicted", "結果是 {value}，高於預測"),
    "below": Text("it came to {value}, less than predicted", "結果是 {value}，低於預測"),
    "not_measured": Text("not measured yet", "尚未測量"),
}
