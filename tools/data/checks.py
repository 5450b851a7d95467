"""What validation looks at: fields, labels, lengths, class balance, conflicts, overlap. Errors stop, warnings advise.

The errors are found by `row_errors.py`, the warnings by `row_warnings.py`, what concerns the texts themselves by `content.py`.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...resources.answer import quote_row_text
from ...resources.foundation.language import Text
from ...resources.task import Task
from ...resources.validation import Finding, RowFigures, ValidationReport
from .content import content_findings, coverage_findings
from .findings import ROW_TEXT, finding
from .near import near_benchmark, near_findings
from .near_duplicates import Tick
from .row_errors import find_benchmark_errors, find_field_errors, find_identity_errors, find_label_errors
from .row_warnings import find_balance_warnings, find_overlap_warnings, find_shape_warnings
from .rows import Row
from .rules import Rules
from .split import SPLITS
from .task_kind import counted_labels

# The warnings that are worth a word in the answer, the heaviest first.
WORTH_SAYING = (
    "no_test",
    "one_label",
    "damaged_text",
    "stand_in",
    "several_labels_in_one",
    "labels_alike",
    "without_time",
    "label_without_rows",
    "label_not_in_benchmark",
    "own_split_not_followed",
    "group_column",
    "near_conflicts",
    "near_overlap",
    "simplified_characters",
    "personal_mobile",
    "personal_landline",
    "personal_email",
    "secret_password",
    "imbalance",
    "few_rows",
    "small_test",
)


def validation_report(
    splits: Mapping[str, Sequence[Row]],
    rules: Rules,
    held_out: Sequence[Row] = (),
    notes: Iterable[Finding] = (),
    tick: Tick = lambda: None,
    *,
    apart: bool = False,
) -> ValidationReport:
    """Check the rows of all splits together.

    Arguments:
        held_out: the rows of frozen benchmarks.
        notes: warnings of the stages before (rows left out, duplicates removed), kept in the report.
        tick: called now and then; may raise to stop.
        apart: it is known that no row of train and valid nearly repeats one that is tested.
    """
    placed = [(name, row) for name in SPLITS for row in splits.get(name, ())]
    broken = find_field_errors(placed, rules)
    sound = [(name, row) for name, row in placed if not rules.kind.lacking(row)]
    errors = [
        *broken,
        *find_label_errors(sound, rules),
        *find_identity_errors(sound),
        *find_benchmark_errors(sound, rules, held_out),
    ]
    tested = held_out or splits.get("test", ())  # the first test split becomes the benchmark
    same = {row["id"] for row in tested}
    if not apart:
        errors += near_benchmark([(name, row) for name, row in sound if row["id"] not in same], tested, tick)
    blocking, advice = content_findings(sound, rules.traditional)
    uncovered, lacking = coverage_findings(sound, rules.labels, held_out, rules.kind.answers == "label")
    errors += [*blocking, *uncovered]
    if not splits.get("train"):
        errors.append(finding("empty_train", 0, Text("There is no row to train on.", "沒有可訓練的資料列。")))
    warnings = [
        *notes,
        *find_shape_warnings(sound, rules),
        *find_balance_warnings(sound, rules),
        *lacking,
        *find_overlap_warnings(sound),
        *near_findings(sound, tick),
        *advice,
    ]
    return ValidationReport(
        format=1,
        rules=rules.hash,
        errors=errors,
        warnings=sorted(warnings, key=_weight),
        accepted=[],
        figures=figures(placed),
    )


def empty_report(errors: Sequence[Finding]) -> ValidationReport:
    """A report of what stops before there are rows to look at."""
    return ValidationReport(format=1, rules="", errors=list(errors), warnings=[], accepted=[], figures=figures([]))


def _weight(found: Finding) -> int:
    """Its place: what spoils a measurement or harms somebody first, what was merely tidied last."""
    return WORTH_SAYING.index(found.code) if found.code in WORTH_SAYING else len(WORTH_SAYING)


def hide_row_texts(report: ValidationReport, task: Task) -> ValidationReport:
    """`report` fit for a tool result: row text cut short, or hidden where the task's privacy forbids it."""

    def safe(found: Finding) -> Finding:
        shown = {key: value for key, value in found.to_dict().items() if key != "ids"}
        examples = [
            {key: quote_row_text(task, _plain(value)) if key in ROW_TEXT else value for key, value in row.items()}
            for row in found.examples
        ]
        return Finding.model_validate({**shown, "examples": examples})

    known = set(task.labels)
    counts = {
        name: {label: n for label, n in by_label.items() if label in known}
        for name, by_label in report.figures.label_counts.items()
    }
    return ValidationReport(
        errors=[safe(found) for found in report.errors],
        warnings=[safe(found) for found in report.warnings],
        accepted=[safe(found) for found in report.accepted],
        figures=report.figures.model_copy(update={"label_counts": counts}),
    )


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def figures(placed: Sequence[tuple[str, Row]]) -> RowFigures:
    """Rows and labels per split, and text lengths in characters."""
    by_split = {name: [row for split, row in placed if split == name] for name in SPLITS}
    lengths = sorted(len(str(row.get("text") or "")) for _, row in placed)
    return RowFigures(
        rows=len(placed),
        counts={name: len(rows) for name, rows in by_split.items()},
        label_counts={name: counted_labels(rows) for name, rows in by_split.items()},
        characters={
            "min": lengths[0],
            "median": int(statistics.median(lengths)),
            "p95": lengths[min(len(lengths) - 1, int(len(lengths) * 0.95))],
            "max": lengths[-1],
        }
        if lengths
        else {},
    )
