"""A benchmark: a test set frozen with its hash. It outlives versions and is never trained on.

Where the task's labels change it may take another form; the forms before stay in `earlier/<hash12>/`, so that what was
measured on one can still be looked up. One that is frozen beside another `replaces` it as the one in use.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ...resources.benchmark import BenchmarkChange, BenchmarkManifest
from ...resources.foundation.clock import now
from ...resources.foundation.errors import DataError
from ...resources.foundation.files import commit_folder, dump_jsonl, read_jsonl, sha256_bytes, sha256_file, write_atomic
from ...resources.foundation.language import Text
from ...resources.snapshot import BenchmarkName
from ...resources.task import TaskFolder
from .rows import Row
from .task_kind import counted_labels

MAIN = "main"
EARLIER = "earlier"
_ROWS, _MANIFEST, _NEXT = "rows.jsonl", "benchmark.json", "next.json"


@dataclass(frozen=True)
class Benchmark:
    """`hash` is the SHA-256 of `rows.jsonl`; `snapshot` the snapshot whose test split it was, or whose labels it has.

    `changes` are how it came to its form, oldest first.
    """

    name: str
    hash: str
    path: Path
    count: int
    label_counts: dict[str, int]
    snapshot: str | None
    created: str
    changes: tuple[BenchmarkChange, ...] = ()

    def rows(self) -> list[Row]:
        return list(read_jsonl(self.path / _ROWS))

    def reference(self) -> BenchmarkName:
        return BenchmarkName(name=self.name, hash=self.hash)


class Replacement(NamedTuple):
    """The benchmark that another is used instead of from now on, why, and who said so."""

    benchmark: Benchmark
    reason: str
    by: str


def benchmark_names(task: TaskFolder) -> list[str]:
    """The names of the task's frozen benchmarks, the main one first."""
    if not task.benchmarks.is_dir():
        return []
    names = [entry.name for entry in task.benchmarks.iterdir() if (entry / _MANIFEST).is_file()]
    return sorted((name for name in names if not name.startswith(".")), key=lambda name: (name != MAIN, name))


def name_in_use(task: TaskFolder) -> str:
    """The name of the benchmark that versions are measured on where none is named: the main one, or what replaces it."""
    after = {
        BenchmarkManifest.read(task.benchmarks / name / _MANIFEST).replaces: name for name in benchmark_names(task)
    }
    name = MAIN
    while name in after:
        name = after.pop(name)
    return name


def frozen_benchmark(task: TaskFolder, name: str | None = None) -> Benchmark:
    """The benchmark of that name (the one in use, where none is named), its rows checked against its hash.

    Raises:
        DataError: there is none, or its file was changed since it was frozen.
    """
    wanted = name or name_in_use(task)
    names = benchmark_names(task)
    if wanted not in names:
        raise DataError(
            Text(
                f"{task.name} has no frozen benchmark {wanted[:60]!r}.",
                f"{task.name} 沒有凍結的評估基準「{wanted[:60]}」。",
            ),
            Text(
                f"Use one of: {', '.join(names)}."
                if names
                else "Call prepare_data: the first test split becomes the benchmark.",
                f"可用的評估基準：{'、'.join(names)}。"
                if names
                else "請呼叫 prepare_data：第一次切出的測試集就會成為評估基準。",
            ),
            field="benchmark",
        )
    return _read(task.benchmarks / wanted)


def form_measured(task: TaskFolder, reference: BenchmarkName) -> Benchmark | None:
    """The form of a benchmark that a record was measured on, by its name and hash; None where it does not stand here."""
    name, digest = reference.name, reference.hash
    if name not in benchmark_names(task):
        return None
    current = frozen_benchmark(task, name)
    earlier = task.benchmarks / name / EARLIER / digest[:12]
    found = current if current.hash == digest or not (earlier / _MANIFEST).is_file() else _read(earlier, name)
    return found if found.hash == digest else None


def lost_labels(benchmark: Benchmark, labels: Sequence[str]) -> dict[str, int]:
    """The labels of its rows that are none of a task's `labels`, and of how many rows; a task without labels lacks none."""
    return {label: count for label, count in benchmark.label_counts.items() if label not in labels} if labels else {}


def _read(path: Path, name: str | None = None) -> Benchmark:
    manifest = _manifest(path)
    if sha256_file(path / _ROWS) != manifest.hash:
        manifest = _manifest(path)  # its form may have changed between the two
    if sha256_file(path / _ROWS) != manifest.hash:
        raise DataError(
            Text(
                f"The frozen benchmark {path / _ROWS} was changed: its hash is no longer the recorded one.",
                f"凍結的評估基準 {path / _ROWS} 被改過：雜湊值與紀錄不符。",
            ),
            Text(
                "Restore that file from a backup; results on another test set cannot be compared with earlier ones.",
                "請從備份還原該檔案；換了測試集，結果就無法和先前比較。",
            ),
            field="benchmark",
        )
    return Benchmark(
        name=name or path.name,
        hash=manifest.hash,
        path=path,
        count=manifest.count,
        label_counts=manifest.label_counts,
        snapshot=manifest.snapshot,
        created=manifest.created,
        changes=tuple(manifest.changes),
    )


def _manifest(path: Path) -> BenchmarkManifest:
    """What is recorded of the benchmark; a change of its form that was killed half way is finished."""
    with contextlib.suppress(FileNotFoundError):
        if BenchmarkManifest.read(path / _NEXT).hash == sha256_file(path / _ROWS):
            os.replace(path / _NEXT, path / _MANIFEST)
    return BenchmarkManifest.read(path / _MANIFEST)


def held_out_rows(task: TaskFolder) -> list[Row]:
    """The rows of all frozen benchmarks: neither they nor their groups may be trained on."""
    return [row for name in benchmark_names(task) for row in _read(task.benchmarks / name).rows()]


def freeze(
    task: TaskFolder,
    rows: Sequence[Row],
    snapshot: str | None = None,
    name: str = MAIN,
    instead: Replacement | None = None,
) -> Benchmark:
    """Freeze `rows` as the benchmark `name`; one that already exists is kept as it is.

    Arguments:
        instead: the one that it is used instead of, and why.
    """

    def fill(folder: Path) -> None:
        content = dump_jsonl(rows)
        (folder / _ROWS).write_bytes(content)
        manifest = _manifest_of(name, content, rows, snapshot)
        if instead:
            manifest.replaces, manifest.reason, manifest.by = instead.benchmark.name, instead.reason, instead.by
            manifest.changes = list(instead.benchmark.changes)
        manifest.write(folder / _MANIFEST)

    commit_folder(task.benchmarks / name, fill)
    return _read(task.benchmarks / name)


def change_form(benchmark: Benchmark, rows: Sequence[Row], snapshot: str, change: BenchmarkChange) -> Benchmark:
    """Let the benchmark be these rows from now on; its form before is kept in `earlier/<hash12>/`.

    Arguments:
        snapshot: the one whose labels the rows have.
        change: what its record says of the change; when it was made, and of which form, is added.
    """
    path, content = benchmark.path, dump_jsonl(rows)

    def keep(folder: Path) -> None:
        shutil.copyfile(path / _ROWS, folder / _ROWS)
        shutil.copyfile(path / _MANIFEST, folder / _MANIFEST)

    commit_folder(path / EARLIER / benchmark.hash[:12], keep)
    made = BenchmarkChange.model_validate({"at": now(), "before": benchmark.hash, **change.to_dict()})
    of_now = _manifest_of(benchmark.name, content, rows, snapshot).to_dict()
    BenchmarkManifest.read(path / _MANIFEST).model_copy(update={**of_now, "changes": [*benchmark.changes, made]}).write(
        path / _NEXT
    )
    write_atomic(path / _ROWS, content)
    return _read(path)


def _manifest_of(name: str, content: bytes, rows: Sequence[Row], snapshot: str | None) -> BenchmarkManifest:
    return BenchmarkManifest(
        format=1,
        name=name,
        hash=sha256_bytes(content),
        count=len(rows),
        snapshot=snapshot,
        label_counts=counted_labels(rows),
        created=now(),
    )
