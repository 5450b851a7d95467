"""What makes rows unfit to train or test with: fields that are missing, unknown labels, rows that stand twice or contradict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from ...resources.foundation.language import Text, several
from ...resources.validation import Finding
from .findings import finding
from .prompting import gold_of
from .rows import Row
from .rules import Rules
from .split import group_keys


def find_field_errors(placed: Sequence[tuple[str, Row]], rules: Rules) -> list[Finding]:
    found = []
    lacking = [(pair, rules.kind.lacking(pair[1])) for pair in placed]
    for column in rules.kind.roles:
        rows = [pair for pair, columns in lacking if column in columns]
        if rows:
            found.append(
                finding(
                    f"missing_{column}",
                    len(rows),
                    Text(
                        f"{several(len(rows), 'row has', 'rows have')} no {column}.",
                        f"有 {len(rows)} 列沒有 {column}。",
                    ),
                    rows,
                )
            )
    return found


def find_label_errors(placed: Sequence[tuple[str, Row]], rules: Rules) -> list[Finding]:
    known = set(rules.labels)
    rows = [(name, row) for name, row in placed if not known.issuperset(rules.kind.labels_of(row))]
    if not rows:
        return []
    return [
        finding(
            "unknown_label",
            len(rows),
            Text(
                f"{several(len(rows), 'row has', 'rows have')} a label that task.yaml does not list "
                f"({', '.join(rules.labels) or 'it lists none'}).",
                f"有 {len(rows)} 列的標籤不在 task.yaml 的清單裡（{'、'.join(rules.labels) or '清單是空的'}）。",
            ),
            rows,
        )
    ]


def find_identity_errors(placed: Sequence[tuple[str, Row]]) -> list[Finding]:
    by_id: dict[str, list[tuple[str, Row]]] = defaultdict(list)
    for name, row in placed:
        by_id[row["id"]].append((name, row))
    repeated = [rows for rows in by_id.values() if len(rows) > 1]
    conflicts = [rows for rows in repeated if len({gold_of(row) for _, row in rows}) > 1]
    overlaps = [rows for rows in repeated if len({name for name, _ in rows}) > 1]
    doubled = [rows for rows in repeated if rows not in conflicts and rows not in overlaps]
    return [
        *([conflict_finding([rows[0:2] for rows in conflicts])] if conflicts else []),
        *(
            [
                finding(
                    "overlap",
                    len(overlaps),
                    Text(
                        f"{several(len(overlaps), 'row appears', 'rows appear')} in more than one split: the test "
                        f"would measure what was memorised.",
                        f"有 {len(overlaps)} 列同時出現在不同的切分裡：測試等於考背過的題目。",
                    ),
                    [pair for rows in overlaps for pair in rows[:2]],
                )
            ]
            if overlaps
            else []
        ),
        *(
            [
                finding(
                    "duplicate",
                    len(doubled),
                    Text(
                        f"{several(len(doubled), 'row appears', 'rows appear')} twice in one split.",
                        f"有 {len(doubled)} 列在同一個切分裡重複。",
                    ),
                    [rows[0] for rows in doubled],
                )
            ]
            if doubled
            else []
        ),
    ]


def conflict_finding(pairs: Sequence[Sequence[tuple[str, Row]]]) -> Finding:
    """The same input with different labels."""
    return finding(
        "conflicting_labels",
        len(pairs),
        Text(
            f"{several(len(pairs), 'input carries', 'inputs carry')} different labels in different rows: a model "
            "cannot learn both.",
            f"有 {len(pairs)} 筆相同的輸入，在不同列標了不同的標籤：模型無法同時學會兩種答案。",
        ),
        [row for pair in pairs for row in pair],
    )


def find_benchmark_errors(placed: Sequence[tuple[str, Row]], rules: Rules, held_out: Sequence[Row]) -> list[Finding]:
    if not held_out:
        return []
    trained = [(name, row) for name, row in placed if name != "test"]
    keys = group_keys([*(row for _, row in trained), *held_out], rules.group_by)
    frozen_keys, frozen_ids = set(keys[len(trained) :]), {row["id"] for row in held_out}
    leaks = [
        pair for pair, key in zip(trained, keys, strict=False) if key in frozen_keys or pair[1]["id"] in frozen_ids
    ]
    return (
        [
            finding(
                "benchmark_leak",
                len(leaks),
                Text(
                    f"{several(len(leaks), 'row of train or valid belongs', 'rows of train or valid belong')} to the frozen benchmark "
                    "(or to a group of it).",
                    f"train 或 valid 有 {len(leaks)} 列屬於已凍結的評估基準（或與它同一組）。",
                ),
                leaks,
            )
        ]
        if leaks
        else []
    )
