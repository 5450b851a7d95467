"""What preparing the data says: what was lost first, then what there is now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...resources.foundation.language import SENTENCES, Text, several
from ...resources.task import TaskFolder
from ...resources.validation import ValidationReport
from .benchmark import MAIN, benchmark_names, frozen_benchmark
from .checks import WORTH_SAYING, hide_row_texts
from .decisions import KEEP_BENCHMARK
from .difference import Difference, difference, in_words
from .fetch import RawSnapshot
from .left_out import LeftOut
from .preparing import Prepared
from .rows_listed import FOLDER
from .snapshot import working_file
from .split import SPLITS
from .store import Snapshot
from .task_kind import role_title, task_kind

_ALWAYS_SAID = ("benchmark_followed", "benchmark_beside", KEEP_BENCHMARK, "own_split_kept", "labels_found")
_TAKEN_OUT = {
    "duplicates_removed": Text("exact duplicates of another", "完全重複"),
    "near_benchmark_removed": Text("nearly repeat the benchmark", "和評估基準幾乎相同"),
    "own_split_overlap": Text("repeat what the data itself sets aside", "與資料本身留作測試的重複"),
    "synthetic_left_out": Text("written by a model and not used", "模型寫的、未採用"),
}


@dataclass(frozen=True)
class Losses:
    """What of the sources is not in the data: records that make no row, and what was not given at all."""

    left_out: LeftOut
    missing: Sequence[Text]

    def describe(self, task: TaskFolder) -> Text:
        said = [text for text in (self.left_out.describe(task), *self.missing) if text.en]
        return SENTENCES.join(said)

    def figures(self, task: TaskFolder) -> dict[str, Any]:
        missing = {"incomplete": [text._asdict() for text in self.missing]} if self.missing else {}
        return {**self.left_out.figures(task), **missing}

    def told_first(self, task: TaskFolder, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer with what was lost in front of its message."""
        return {**answer, "message": SENTENCES.join([self.describe(task), Text(**answer["message"])])._asdict()}


def outcome(
    task: TaskFolder,
    prepared: Prepared,
    losses: Losses,
    snapshot: Snapshot,
    parent: Snapshot | None,
    raws: Sequence[RawSnapshot],
    replaced: Path | None,
    report: ValidationReport,
    written: Text,
) -> dict[str, Any]:
    """The result of a preparation that went through.

    Arguments:
        replaced: the copy of edits made by hand that gave way.
        written: what is to be said of rows that a model wrote.
    """
    definition = task.load()
    safe = hide_row_texts(report, definition)
    changes = difference(parent, snapshot) if parent else None
    in_use = frozen_benchmark(task) if MAIN in benchmark_names(task) else None
    listed = any(found.file for found in (*report.warnings, *report.accepted))
    return {
        "snapshot": snapshot.hash,
        "unchanged": bool(parent and parent.hash == snapshot.hash),
        "fetched": prepared.fetched,
        **losses.figures(task),
        "duplicates_removed": prepared.removed,
        "counts": snapshot.counts,
        **({"changes": changes} if changes else {}),
        "labels": list(definition.labels),
        "label_counts": safe.figures.label_counts,
        "characters": safe.figures.characters,
        "warnings": [found.to_dict() for found in safe.warnings],
        **({"accepted": [found.to_dict() for found in safe.accepted]} if safe.accepted else {}),
        "benchmark": {"name": in_use.name, "hash": in_use.hash[:12]} if in_use else None,
        "files": {name: str(working_file(task, name)) for name in SPLITS},
        **({"findings": str(task.data / FOLDER)} if listed else {}),
        "report": str(snapshot.root / "validation.json"),
        "raw": [str(raw.root) for raw in raws],
        "replaced_edits": str(replaced) if replaced else None,
        "message": SENTENCES.join(
            [losses.describe(task), _message(prepared, losses, snapshot, changes, report, written)]
        )._asdict(),
        "next_step": {
            "tool": "coach",
            "arguments": {"task": task.name},
            "say": Text(
                "Look at the figures together; the coach says what they mean, and what is still open before a plan.",
                "先一起看過這些數字，教練會說明代表什麼、規劃之前還缺什麼。",
            )._asdict(),
        },
    }


def _message(
    prepared: Prepared,
    losses: Losses,
    snapshot: Snapshot,
    changes: Difference | None,
    report: ValidationReport,
    written: Text,
) -> Text:
    total = sum(snapshot.counts.values())
    train, valid, test = (snapshot.counts[name] for name in SPLITS)
    since = in_words(changes) if changes else Text("", "")
    warned = [found.text for found in report.warnings if found.code in WORTH_SAYING][:1]
    note = Text("".join(f" Note: {one.en}" for one in warned), "".join(f"注意：{one.zh}" for one in warned))
    always = [found.text for found in report.warnings if found.code in _ALWAYS_SAID]
    kept = SENTENCES.join(always)
    taken = [
        (count, _TAKEN_OUT[found.code])
        for found in report.warnings
        if found.code in _TAKEN_OUT and (count := found.count)
    ]
    out = Text(
        f" ({', '.join(f'{count:,} {why.en}' for count, why in taken)}: taken out)" if taken else "",
        f"（已移除：{'、'.join(f'{why.zh} {count:,} 列' for count, why in taken)}）" if taken else "",
    )
    begun = (
        Text(f"{several(prepared.fetched, 'record')} fetched, ", f"擷取 {prepared.fetched} 筆，")
        if not losses.left_out.count
        else Text("", "")
    )
    lacking = role_title(task_kind(prepared.definition.type).key)
    labelled = {row["id"] for row in prepared.rows}  # by hand, since they were fetched without a label
    apart = sum(row["id"] not in labelled for row in prepared.unlabelled)
    waiting = Text(
        f" {several(apart, 'row carries', 'rows carry')} no {lacking.en} and {'is' if apart == 1 else 'are'} set aside "
        f"until labelled."
        if apart
        else "",
        f"另有 {apart:,} 列沒有{lacking.zh}，先另外存放，等標註後再用。" if apart else "",
    )
    return Text(
        f"{begun.en}{several(total, 'distinct row')}{out.en}: {train} train, {valid} valid, {test} test; validated.{waiting.en}"
        f"{f' {kept.en}' if kept.en else ''}{f' {since.en}' if since.en else ''}{note.en}{written.en}",
        f"{begun.zh}不重複的有 {total} 列{out.zh}：訓練 {train}、驗證 {valid}、測試 {test}，已通過驗證。{waiting.zh}"
        f"{kept.zh}{since.zh}{note.zh}{written.zh}",
    )
