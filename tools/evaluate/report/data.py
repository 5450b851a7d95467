"""The data behind the version: rows by split and label, lengths, what validation said, where the rows came from."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

from ....resources.foundation.files import read_json
from ....resources.foundation.language import Text, several
from ....resources.pages.axes import tick_label, ticks
from ....resources.pages.markup import Content, Html, definitions, html, table, tag
from ....resources.snapshot import DataSnapshot
from ....resources.validation import Finding, Overridden
from ...compute.jobs.redaction import without_secrets
from .figures import day
from .material import Material

_SPLITS = {"train": Text("training", "訓練"), "valid": Text("validation", "驗證"), "test": Text("test", "測試")}
_KINDS = {
    "generated": Text("generated from its sources", "由資料來源產生"),
    "manual": Text("edited by hand", "手動編輯"),
}
_MANY = 12
_BINS = 30


def data(material: Material) -> Html:
    recorded = material.folder.data_snapshot()
    benchmark = material.record.benchmark
    kind = recorded.kind or ""
    facts: dict[Text, Content] = {
        Text("Data snapshot", "資料快照"): _hash(recorded.hash),
        Text("Made", "產生方式"): _KINDS.get(kind, Text(kind, kind)) if kind else None,
        Text("Benchmark", "評估基準"): html(f"{benchmark.name} ", _hash(benchmark.hash)),
        Text("Rows of the benchmark", "評估基準列數"): f"{benchmark.count:,}",
    }
    return html(
        _rows_by_label(recorded),
        _lengths(material),
        _warnings(material),
        _sources(material),
        definitions(facts),
        None
        if material.snapshot
        else tag(
            "p",
            Text(
                "The rows themselves are not on this machine, so only what the version recorded is shown.",
                "這台機器上沒有這份資料，只顯示版本裡記錄的內容。",
            ),
            class_="note",
        ),
    )


def _hash(value: Any) -> Html | None:
    return tag("code", str(value)) if value else None


def _rows_by_label(recorded: DataSnapshot) -> Html | None:
    counted = recorded.label_counts
    splits = [name for name in _SPLITS if name in counted]
    labels = list(dict.fromkeys(label for name in splits for label in counted[name]))
    if not labels:
        counts = recorded.counts
        return definitions({_SPLITS[name]: f"{counts[name]:,}" for name in _SPLITS if counts.get(name)})
    labels.sort(key=lambda label: -counted.get("train", {}).get(label, 0))
    counts = recorded.counts
    totals = {name: int(counts.get(name) or sum(counted[name].values())) for name in splits}
    head = [
        tag("th", Text("label", "標籤"), scope="col"),
        *(tag("th", _SPLITS[name], scope="col", class_="n") for name in splits),
    ]

    def cell(label: str, name: str) -> Html:
        count = counted[name].get(label, 0)
        share = count / totals[name] if totals[name] else 0.0
        return tag("td", f"{count:,} ", tag("small", f"{share:.0%}"), class_="n")

    rows = [tag("tr", tag("th", label, scope="row"), (cell(label, name) for name in splits)) for label in labels]
    rows.append(
        tag(
            "tr",
            tag("th", Text("all", "合計"), scope="row"),
            (tag("td", f"{totals[name]:,}", class_="n") for name in splits),
            class_="own",
        )
    )
    shown = table(head, rows, Text("Rows by split and label", "各切分與標籤的筆數"), "counts")
    return tag("div", shown, class_="long") if len(labels) > _MANY else shown


def _lengths(material: Material) -> Html | None:
    """How long the texts are, in characters; the whole distribution where the rows are at hand."""
    if material.snapshot is None:
        return None
    by_split = {
        name: sorted(len(str(row.get("text") or "")) for row in material.snapshot.rows(name))
        for name in _SPLITS
        if material.snapshot.file(name).is_file()
    }
    by_split = {name: lengths for name, lengths in by_split.items() if lengths}
    if not by_split:
        return None
    head = [
        tag("th", Text("length in characters", "長度（字元）"), scope="col"),
        *(
            tag("th", name, scope="col", class_="n")
            for name in (
                Text("shortest", "最短"),
                Text("median", "中位數"),
                Text("95 % below", "95% 低於"),
                Text("longest", "最長"),
            )
        ),
    ]
    rows = [
        tag(
            "tr",
            tag("th", _SPLITS[name], scope="row"),
            (
                tag("td", f"{value:,}", class_="n")
                for value in (
                    lengths[0],
                    round(statistics.median(lengths)),
                    lengths[math.ceil(0.95 * len(lengths)) - 1],
                    lengths[-1],
                )
            ),
        )
        for name, lengths in by_split.items()
    ]
    first = next(iter(by_split))
    return html(
        _histogram(by_split[first], _SPLITS[first]),
        table(head, rows, Text("Lengths in characters", "文字長度（字元）"), "counts"),
    )


def _histogram(lengths: Sequence[int], split: Text) -> Html | None:
    """Bars of equal width up to the length that 99 % stay below (whole characters wide); the last one holds the rest."""
    most = lengths[math.ceil(0.99 * len(lengths)) - 1]
    if most <= lengths[0]:
        return None
    marks = ticks(lengths[0], most)
    first, last = math.floor(marks[0]), math.ceil(marks[-1])
    width = math.ceil((last - first) / _BINS)
    counts = [0] * math.ceil((last - first) / width)
    for length in lengths:
        counts[min(len(counts) - 1, (length - first) // width)] += 1
    ends = [(first + at * width, first + (at + 1) * width - 1) for at in range(len(counts))]
    bars = [
        tag(
            "i",
            style=f"height:{100 * count / max(counts):.1f}%",
            title=Text(f"{low}–{high} characters: {several(count, 'row', form=',')}", f"{low}–{high} 字：{count:,} 列"),
        )
        for count, (low, high) in zip(counts, ends, strict=True)
    ]
    across = width * len(counts)
    xs = [tag("span", tick_label(mark, marks), style=f"left:{100 * (mark - first) / across:.2f}%") for mark in marks]
    title = Text("Length of the {split} rows in characters", "{split}資料的文字長度（字元）").format(split=split)
    return tag(
        "figure",
        tag("figcaption", title),
        tag("div", bars, class_="bars"),
        tag("div", xs, class_="axis", aria_hidden="true"),
        class_="histogram",
        role="group",
        aria_label=title,
    )


def _warnings(material: Material) -> Html | None:
    """What validation said of the snapshot, duplicates removed among it; what a person overrode, and why."""
    if material.snapshot is None or not (material.snapshot.root / "validation.json").is_file():
        return None
    report = material.snapshot.validation
    found, accepted = report.warnings, _accepted_findings(report.accepted)
    if not found:
        return accepted or tag(
            "p",
            Text(
                "Validation found nothing to report, and no duplicate was removed.",
                "驗證沒有發現問題，也沒有移除重複的資料。",
            ),
        )
    return html(
        accepted,
        tag("p", Text("What validation reported:", "驗證時的提醒：")),
        tag("ul", (tag("li", one.text) for one in found)),
    )


def _accepted_findings(found: Sequence[Finding]) -> Html | None:
    def describe_finding(one: Finding) -> Text:
        message, decision = one.text, one.decision or Overridden()
        return Text("{message} Accepted by {by} on {day}: {reason}", "{message}由 {by} 於 {day} 接受：{reason}").format(
            message=message, by=decision.by, day=day(decision.at), reason=decision.reason
        )

    return (
        html(
            tag("p", Text("What stopped the data and was accepted:", "曾擋下資料、由人接受的項目：")),
            tag("ul", (tag("li", describe_finding(one)) for one in found)),
        )
        if found
        else None
    )


def _sources(material: Material) -> Html | None:
    if material.snapshot is None:
        return None
    rows = []
    for digest in material.snapshot.manifest.raw:
        path = material.folder.task.raw / str(digest)[:12] / "source.json"
        source = read_json(path) if path.is_file() else {}
        rows.append(
            tag(
                "tr",
                tag("td", str((source.get("source") or {}).get("type") or "–")),
                tag("td", without_secrets(str(source.get("origin") or "–")), class_="wrap"),
                tag("td", f"{source['count']:,}" if "count" in source else "–", class_="n"),
                tag("td", day(str(source.get("fetched") or "–")), class_="date"),
                tag("td", tag("code", str(digest)[:12])),
            )
        )
    if not rows:
        return None
    head = [
        tag("th", name, scope="col")
        for name in (
            Text("source", "來源"),
            Text("where", "位置"),
            Text("rows", "列數"),
            Text("fetched", "擷取時間"),
            Text("hash", "雜湊"),
        )
    ]
    return table(head, rows, Text("Sources", "資料來源"))
