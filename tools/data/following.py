"""How the benchmark in use stands to the rows as they are now.

Where the task's labels change, it follows: its rows get the answers that the data now has, and its form before is kept.
Where the data says something else of a row whose labels the task still has, or has that row no more, a person decides:
keep the benchmark, or freeze another beside it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...resources.benchmark import BenchmarkChange
from ...resources.foundation.files import dump_jsonl, sha256_bytes
from ...resources.foundation.language import Text, several
from ...resources.snapshot import BenchmarkName
from ...resources.task import TaskFolder
from ...resources.validation import Finding
from ...resources.version import VersionFolder, version_numbers
from .benchmark import (
    MAIN,
    Benchmark,
    Replacement,
    benchmark_names,
    change_form,
    freeze,
    frozen_benchmark,
    lost_labels,
    name_in_use,
)
from .decisions import KEEP_BENCHMARK, NEW_BENCHMARK, Decision, who
from .findings import Pair, finding
from .prompting import gold_of
from .rows import Row, normalise
from .store import Snapshot
from .task_kind import kind_of

_CHOICE = Text(
    f"Ask the person: keep the benchmark as it is, prepare_data(accept={{'{KEEP_BENCHMARK}': 'why'}}), or freeze a new one "
    f"beside it, of the test rows as they are now, prepare_data(accept={{'{NEW_BENCHMARK}': 'why'}})?",
    f"請問對方：照舊保留評估基準，prepare_data(accept={{'{KEEP_BENCHMARK}': '理由'}})；"
    f"還是用現在的測試資料另外凍結一份，prepare_data(accept={{'{NEW_BENCHMARK}': '理由'}})？",
)
_Question = tuple[str, str]


@dataclass(frozen=True)
class Following:
    """What becomes of the benchmark in use, None where nothing is frozen yet.

    `held_out` are the rows of all benchmarks as they are to be. It changes to `rows`, where there are some, `meanings`
    saying what the labels that went are called since; or one is frozen `beside` it.
    """

    benchmark: Benchmark | None = None
    held_out: Sequence[Row] = ()
    rows: Sequence[Row] = ()
    meanings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    beside: Decision | None = None
    errors: Sequence[Finding] = ()
    notes: Sequence[Finding] = ()

    def reference(self, task: TaskFolder, tested: Sequence[Row]) -> BenchmarkName | None:
        """The name and hash of the benchmark in use once that is done; None where the first is to be frozen."""
        if self.benchmark is None:
            return None
        if self.beside:
            return BenchmarkName(name=_free_name(task), hash=sha256_bytes(dump_jsonl(tested)))
        return BenchmarkName(
            name=self.benchmark.name, hash=sha256_bytes(dump_jsonl(self.rows)) if self.rows else self.benchmark.hash
        )

    def commit(self, task: TaskFolder, snapshot: Snapshot) -> None:
        """Let it be so, now that the snapshot of the rows stands; what was done before a kill is not done twice."""
        if self.benchmark is None:
            return
        if self.beside:
            freeze(
                task,
                snapshot.rows("test"),
                snapshot.hash,
                _free_name(task),
                Replacement(self.benchmark, self.beside.reason, self.beside.by),
            )
        elif self.rows:
            change_form(
                self.benchmark,
                self.rows,
                snapshot.hash,
                BenchmarkChange(
                    by=who(),
                    labels={label: list(names) for label, names in self.meanings.items()},
                    left_out=max(0, self.benchmark.count - len(self.rows)),
                ),
            )


def follow(
    task: TaskFolder,
    tested: Sequence[Row],
    labels: Sequence[str],
    decisions: Mapping[str, Decision],
    *,
    whole: bool = True,
) -> Following:
    """How the benchmark in use is to follow the rows of the test split, where all rows that it has stand.

    Arguments:
        labels: the task's, as they are now.
        decisions: what the person decided in this call.
        whole: whether every source gave all it has, so that a row that is not there is gone.
    """
    names = benchmark_names(task)
    if MAIN not in names:
        return Following()
    benchmark = frozen_benchmark(task, name_in_use(task))
    frozen = benchmark.rows()
    others = [row for name in names if name != benchmark.name for row in frozen_benchmark(task, name).rows()]
    if NEW_BENCHMARK in decisions and tested and sha256_bytes(dump_jsonl(tested)) != benchmark.hash:
        return Following(
            benchmark,
            [*others, *frozen, *tested],
            beside=decisions[NEW_BENCHMARK],
            notes=[_frozen_beside(benchmark, len(tested))],
        )
    now = _by_question(tested)
    lost = lost_labels(benchmark, labels)
    standing = [row for row in frozen if lost.keys().isdisjoint(kind_of(row).labels_of(row))]
    found = _differences(benchmark, standing, now, whole)
    stops = found is not None and bool(found.changed)
    errors, notes = [found] if found and stops else [], [found] if found and not stops else []
    if not lost:
        return Following(benchmark, [*others, *frozen], errors=errors, notes=notes)
    meanings = _meanings(frozen, now, lost)
    # Where nothing of it is left, the rows that are tested now are what can be measured on.
    rows = _with_labels_of_now(frozen, now, meanings) or list(tested)
    return Following(
        benchmark,
        [*others, *(rows or frozen)],
        rows,
        meanings,
        errors=errors,
        notes=[*([_benchmark_followed_finding(task, benchmark, lost, meanings, len(rows))] if rows else []), *notes],
    )


def _question(row: Row) -> _Question:
    return normalise(row["text"]), normalise(row.get("entity") or "")


def _by_question(rows: Sequence[Row]) -> dict[_Question, list[Row]]:
    found: dict[_Question, list[Row]] = defaultdict(list)
    for row in rows:
        found[_question(row)].append(row)
    return dict(found)


def _differences(
    benchmark: Benchmark, frozen: Sequence[Row], now: Mapping[_Question, Sequence[Row]], whole: bool
) -> Finding | None:
    """The finding that rows have another answer now, or are gone; with how many are `changed` and `gone`."""
    changed = [
        [("benchmark", row), *(("test", other) for other in there)]
        for row in frozen
        if (there := now.get(_question(row))) and gold_of(row) not in map(gold_of, there)
    ]
    gone: list[list[Pair]] = [[("benchmark", row)] for row in frozen if _question(row) not in now] if whole else []
    if not changed and not gone:
        return None
    what = (
        [
            Text(
                f"{several(len(changed), 'row has', 'rows have')} a different answer in the data now",
                f"有 {len(changed)} 列在資料裡的答案已經不同",
            )
        ]
        if changed
        else []
    )
    what += (
        [Text(f"{several(len(gone), 'row is', 'rows are')} no longer there", f"有 {len(gone)} 列已經不在資料裡")]
        if gone
        else []
    )
    groups = [*changed, *gone]
    found = finding(
        KEEP_BENCHMARK,
        len(groups),
        Text(
            f"Of the frozen benchmark {benchmark.name}, {' and '.join(one.en for one in what)}. {_CHOICE.en}",
            f"凍結的評估基準 {benchmark.name} {'，'.join(one.zh for one in what)}。{_CHOICE.zh}",
        ),
        [group[0] for group in groups],
        groups,
    )
    return found.model_copy(update={"changed": len(changed), "gone": len(gone)})


def _meanings(
    frozen: Sequence[Row], now: Mapping[_Question, Sequence[Row]], lost: Mapping[str, int]
) -> dict[str, list[str]]:
    """What each label that went is called since, by the rows that had it; nothing where none of them is there."""
    found: dict[str, dict[str, None]] = {label: {} for label in lost}
    for row in frozen:
        before = kind_of(row).labels_of(row)
        after = [label for other in now.get(_question(row), [])[:1] for label in kind_of(other).labels_of(other)]
        for label in lost.keys() & set(before):
            found[label].update(
                dict.fromkeys(after if len(before) == 1 else [one for one in after if one not in before])
            )
    return {label: list(names) for label, names in found.items()}


def _with_labels_of_now(
    frozen: Sequence[Row], now: Mapping[_Question, Sequence[Row]], meanings: Mapping[str, Sequence[str]]
) -> list[Row]:
    """The rows, those whose label went as the data has them now; one that is gone is called as the others of its label
    are, if they are all called alike, and else left out."""
    rows = []
    for row in frozen:
        there = now.get(_question(row))
        if meanings.keys().isdisjoint(kind_of(row).labels_of(row)):
            rows.append(row)
        elif there:
            rows.append(there[0])
        elif len(names := meanings.get(row.get("label", ""), ())) == 1:
            rows.append({**row, "label": names[0]})
    return rows


def _benchmark_followed_finding(
    task: TaskFolder, benchmark: Benchmark, lost: Mapping[str, int], meanings: Mapping[str, Sequence[str]], left: int
) -> Finding:
    """What to say of a benchmark that follows the labels."""
    called = [f"{label} → {' / '.join(meanings[label])}" for label in lost if meanings[label]]
    renamed = Text(f": {', '.join(called)}" if called else "", f"：{'、'.join(called)}" if called else "")
    out = benchmark.count - left
    dropped = ", ".join(label for label in lost if not meanings[label])
    measured = _measured_on(task, benchmark)
    en = f"The benchmark {benchmark.name} follows the task's labels{renamed.en}"
    zh = f"評估基準 {benchmark.name} 已跟著任務的標籤調整{renamed.zh}"
    if out > 0:
        en += f"; {several(out, 'row')} left out{f', whose label no longer exists ({dropped})' if dropped else ''}"
        zh += f"；拿掉 {out} 列{f'（標籤已不存在：{dropped}）' if dropped else ''}"
    en += f", {several(left, 'row')} now. "
    zh += f"，現在共 {left} 列。"
    if measured:
        names = ", ".join(measured)
        en += f"Figures of {names} were measured on its previous form (kept) and are not comparable with new ones."
        zh += f"{names} 的分數是用之前的版本量的（原版保留），不能和新的分數相比。"
    else:
        en += "No version had been measured on it."
        zh += "還沒有版本用它評估過。"
    return finding("benchmark_followed", benchmark.count, Text(en, zh))


def _frozen_beside(benchmark: Benchmark, count: int) -> Finding:
    return finding(
        "benchmark_beside",
        count,
        Text(
            f"A new benchmark of {several(count, 'row')} is frozen beside {benchmark.name} and used from now on; "
            f"{benchmark.name} is kept. Figures on the two are not comparable.",
            f"已在 {benchmark.name} 旁另外凍結 {count} 列的新評估基準，之後就用它；{benchmark.name} 保留。兩份的分數不能互相比較。",
        ),
    )


def _measured_on(task: TaskFolder, benchmark: Benchmark) -> list[str]:
    """The versions with an evaluation on this form of it."""
    versions = (VersionFolder(task, number) for number in version_numbers(task))
    return [version.name for version in versions if version.latest_evaluation(benchmark.hash)]


def _free_name(task: TaskFolder) -> str:
    taken, number = benchmark_names(task), 2
    while f"{MAIN}-{number}" in taken:
        number += 1
    return f"{MAIN}-{number}"
