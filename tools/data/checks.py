"""What validation looks at: fields, labels, lengths, class balance, conflicts, overlap. Errors stop, warnings advise.

A report is `{format, rules, errors: [finding], warnings: [finding], accepted: [finding], figures}`; `accepted` are
errors that a person overrode (see `decisions.py`); a finding is as `findings.py` says.
"""

from __future__ import annotations

import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ...resources.answer import quote_row_text
from ...resources.data_source import DataSource
from ...resources.foundation.files import sha256_bytes
from ...resources.foundation.language import Text, several
from ...resources.task import Task, TaskType
from .content import content_findings, coverage_findings
from .findings import ROW_TEXT, Finding, finding
from .labels_alike import alike_in_words, groups_alike, several_in_one, several_in_words
from .near import near_benchmark, near_findings
from .near_duplicates import Tick
from .prompting import gold_of
from .rows import Row, normalise, plain_name
from .split import SPLITS, group_keys
from .task_kind import TaskKind, counted_labels, task_kind

Report = dict[str, Any]
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
_STAND_INS = frozenset(
    {"null", "n/a", "#n/a", "nan", "undefined", "-", "--", "—", "(blank)", "(空白)", "<na>", "<null>"}
)
_SMALL_TEST_ROWS = 100
_FEW_PER_LABEL = 10


@dataclass(frozen=True)
class Rules:
    """What the rows are held against; a report made under other rules is out of date."""

    labels: tuple[str, ...]
    type: TaskType
    min_characters: int
    max_characters: int
    max_imbalance: float
    group_by: str | None
    traditional: bool = False

    @property
    def kind(self) -> TaskKind:
        return task_kind(self.type)

    @property
    def hash(self) -> str:
        return sha256_bytes(json.dumps(asdict(self), ensure_ascii=False).encode())[:12]


def rules_of(task: Task, data_source: DataSource, group_by: str | None) -> Rules:
    """The rules that `task.yaml` and `data_source.yaml` set."""
    quality = data_source.quality
    return Rules(
        tuple(task.labels),
        task.type,
        quality.min_characters,
        quality.max_characters,
        quality.max_imbalance,
        group_by,
        task.language == "zh-TW",
    )


def validation_report(
    splits: Mapping[str, Sequence[Row]],
    rules: Rules,
    held_out: Sequence[Row] = (),
    notes: Iterable[Finding] = (),
    tick: Tick = lambda: None,
    *,
    apart: bool = False,
) -> Report:
    """Check the rows of all splits together.

    Arguments:
        held_out: the rows of frozen benchmarks.
        notes: warnings of the stages before (rows left out, duplicates removed), kept in the report.
        tick: called now and then; may raise to stop.
        apart: it is known that no row of train and valid all but repeats one that is tested.
    """
    placed = [(name, row) for name in SPLITS for row in splits.get(name, ())]
    broken = _field_errors(placed, rules)
    sound = [(name, row) for name, row in placed if not rules.kind.lacking(row)]
    errors = [
        *broken,
        *_label_errors(sound, rules),
        *_identity_errors(sound),
        *_benchmark_errors(sound, rules, held_out),
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
        *_shape_warnings(sound, rules),
        *_balance_warnings(sound, rules),
        *lacking,
        *_overlap_warnings(sound),
        *near_findings(sound, tick),
        *advice,
    ]
    return {
        "format": 1,
        "rules": rules.hash,
        "errors": [e for e in errors if e],
        "warnings": sorted(filter(None, warnings), key=_weight),
        "accepted": [],
        "figures": figures(placed),
    }


def empty_report(errors: Sequence[Finding]) -> Report:
    """A report of what stops before there are rows to look at."""
    return {"format": 1, "rules": "", "errors": list(errors), "warnings": [], "accepted": [], "figures": figures([])}


def _weight(found: Finding) -> int:
    """Its place: what spoils a measurement or harms somebody first, what was merely tidied last."""
    return WORTH_SAYING.index(found["code"]) if found["code"] in WORTH_SAYING else len(WORTH_SAYING)


def hide_row_texts(report: Report, task: Task) -> Report:
    """`report` fit for a tool result: row text cut short, or hidden where the task's privacy forbids it."""

    def safe(found: Finding) -> Finding:
        return {
            **{key: value for key, value in found.items() if key != "ids"},
            "examples": [
                {key: quote_row_text(task, _plain(value)) if key in ROW_TEXT else value for key, value in row.items()}
                for row in found["examples"]
            ],
        }

    known = set(task.labels)
    counts = {
        name: {label: n for label, n in by_label.items() if label in known}
        for name, by_label in report["figures"]["label_counts"].items()
    }
    return {
        "errors": [safe(found) for found in report["errors"]],
        "warnings": [safe(found) for found in report["warnings"]],
        "accepted": [safe(found) for found in report.get("accepted", [])],
        "figures": {**report["figures"], "label_counts": counts},
    }


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def figures(placed: Sequence[tuple[str, Row]]) -> dict[str, Any]:
    """Rows and labels per split, and text lengths in characters."""
    by_split = {name: [row for split, row in placed if split == name] for name in SPLITS}
    lengths = sorted(len(str(row.get("text") or "")) for _, row in placed)
    return {
        "rows": len(placed),
        "counts": {name: len(rows) for name, rows in by_split.items()},
        "label_counts": {name: counted_labels(rows) for name, rows in by_split.items()},
        "characters": {
            "min": lengths[0],
            "median": int(statistics.median(lengths)),
            "p95": lengths[min(len(lengths) - 1, int(len(lengths) * 0.95))],
            "max": lengths[-1],
        }
        if lengths
        else {},
    }


def _field_errors(placed: Sequence[tuple[str, Row]], rules: Rules) -> list[Finding]:
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


def _label_errors(placed: Sequence[tuple[str, Row]], rules: Rules) -> list[Finding]:
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


def _identity_errors(placed: Sequence[tuple[str, Row]]) -> list[Finding]:
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
                        f"{several(len(overlaps), 'row stands', 'rows stand')} in more than one split: the test would be of what was "
                        "memorised.",
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
                        f"{several(len(doubled), 'row stands', 'rows stand')} twice in one split.",
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


def _benchmark_errors(placed: Sequence[tuple[str, Row]], rules: Rules, held_out: Sequence[Row]) -> list[Finding]:
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


def _shape_warnings(placed: Sequence[tuple[str, Row]], rules: Rules) -> list[Finding]:
    short = [pair for pair in placed if len(pair[1]["text"]) < rules.min_characters]
    long = [pair for pair in placed if len(pair[1]["text"]) > rules.max_characters]
    stand_ins = [
        pair
        for pair in placed
        if not _STAND_INS.isdisjoint(
            plain_name(pair[1][role]) for role in ("text", "label", "output") if isinstance(pair[1].get(role), str)
        )
    ]
    absent = [
        pair
        for pair in placed
        if "entity" in rules.kind.roles
        and normalise(pair[1]["entity"]).casefold() not in normalise(pair[1]["text"]).casefold()
    ]
    return [
        *(
            [
                finding(
                    "stand_in",
                    len(stand_ins),
                    Text(
                        f"{several(len(stand_ins), 'row holds', 'rows hold')} a mark such as NULL, N/A or - where a text or a label should "
                        "stand. Leave those cells empty where nothing is meant.",
                        f"有 {len(stand_ins)} 列的文字或標籤是 NULL、N/A、- 之類的符號。如果其實是空的，請把這些儲存格清空。",
                    ),
                    stand_ins,
                )
            ]
            if stand_ins
            else []
        ),
        *(
            [
                finding(
                    "too_short",
                    len(short),
                    Text(
                        f"{several(len(short), 'text is', 'texts are')} shorter than {rules.min_characters} characters.",
                        f"有 {len(short)} 筆文字少於 {rules.min_characters} 個字元。",
                    ),
                    short,
                )
            ]
            if short
            else []
        ),
        *(
            [
                finding(
                    "too_long",
                    len(long),
                    Text(
                        f"{several(len(long), 'text is', 'texts are')} longer than {rules.max_characters} characters.",
                        f"有 {len(long)} 筆文字超過 {rules.max_characters} 個字元。",
                    ),
                    long,
                )
            ]
            if long
            else []
        ),
        *(
            [
                finding(
                    "entity_not_in_text",
                    len(absent),
                    Text(
                        f"{several(len(absent), 'row names', 'rows name')} an entity that the text does not contain.",
                        f"有 {len(absent)} 列的對象沒有出現在文字裡。",
                    ),
                    absent,
                )
            ]
            if absent
            else []
        ),
    ]


def _balance_warnings(placed: Sequence[tuple[str, Row]], rules: Rules) -> list[Finding]:
    rows = [row for name, row in placed if name == "train"]
    train = Counter({label: count for label, count in counted_labels(rows).items() if label in rules.labels})
    test = sum(name == "test" for name, _ in placed)
    found = []
    if combined := several_in_one(rules.labels):
        found.append(finding("several_labels_in_one", len(combined), several_in_words(combined)))
    if alike := groups_alike(rules.labels):
        found.append(finding("labels_alike", len(alike), alike_in_words(alike)))
    if rules.kind.one_label and len(+train) == 1 and len(rules.labels) == 1:
        found.append(
            finding(
                "one_label",
                1,
                Text(
                    f"Every row has the label {rules.labels[0]}: there is nothing to tell apart. Bring rows of the other labels too.",
                    f"每一列的標籤都是「{rules.labels[0]}」，沒有東西可以分辨。請也準備其他標籤的資料。",
                ),
            )
        )
    unseen = [label for label in rules.labels if not train[label]]
    if train and unseen:
        found.append(
            finding(
                "label_without_rows",
                len(unseen),
                Text(
                    f"No row of train has the label {', '.join(unseen)}.",
                    f"訓練資料裡沒有這些標籤：{'、'.join(unseen)}。",
                ),
            )
        )
    rare = [f"{label} ({train[label]})" for label in rules.labels if 0 < train[label] < _FEW_PER_LABEL]
    if rare:
        found.append(
            finding(
                "few_rows",
                len(rare),
                Text(
                    f"Fewer than {_FEW_PER_LABEL} rows to learn from: {', '.join(rare)}.",
                    f"可學習的資料不到 {_FEW_PER_LABEL} 列：{'、'.join(rare)}。",
                ),
            )
        )
    if train and (ratio := max(train.values()) / min(train.values())) > rules.max_imbalance:
        (most, _), (least, _) = train.most_common(1)[0], train.most_common()[-1]
        found.append(
            finding(
                "imbalance",
                1,
                Text(
                    f"{most} has {ratio:.1f} times as many rows as {least} (advice begins at {rules.max_imbalance:g}). Collect more "
                    f"of {least}; or train once as it is, and plan balance: oversample where its F1 stays behind.",
                    f"「{most}」的列數是「{least}」的 {ratio:.1f} 倍（超過 {rules.max_imbalance:g} 倍就建議處理）。"
                    f"最好多收集「{least}」；也可以先照原樣訓練一次，若它的 F1 落後，再規劃 balance: oversample。",
                ),
            )
        )
    if rows and not test:
        found.append(
            finding(
                "no_test", 0, Text("There is no test split, so nothing can be evaluated.", "沒有測試集，之後無法評估。")
            )
        )
    elif rows and test < _SMALL_TEST_ROWS:
        found.append(
            finding(
                "small_test",
                test,
                Text(
                    f"The test split has only {several(test, 'row')}: small differences between versions will not show.",
                    f"測試集只有 {test} 列：版本之間的小差距會看不出來。",
                ),
            )
        )
    return found


def _overlap_warnings(placed: Sequence[tuple[str, Row]]) -> list[Finding]:
    where: dict[str, set[str]] = defaultdict(set)
    keyed = [(normalise(row["text"]), name, row) for name, row in placed]
    for key, name, _ in keyed:
        where[key].add(name)
    rows = [(name, row) for key, name, row in keyed if name != "train" and "train" in where[key]]
    ids = {row["id"] for name, row in placed if name == "train"}
    rows = [(name, row) for name, row in rows if row["id"] not in ids]  # the same input is an error already
    return (
        [
            finding(
                "text_overlap",
                len(rows),
                Text(
                    f"{several(len(rows), 'text of valid or test stands', 'texts of valid or test stand')} in train too, about another "
                    "entity.",
                    f"valid 或 test 有 {len(rows)} 筆文字也出現在 train（對象不同）。",
                ),
                rows,
            )
        ]
        if rows
        else []
    )
