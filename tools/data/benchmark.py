"""A benchmark: a test set frozen once, with its hash. It outlives versions and is never trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...resources.clock import now
from ...resources.errors import DataError
from ...resources.files import commit_folder, dump_jsonl, read_json, read_jsonl, sha256_bytes, sha256_file, write_json
from ...resources.language import Text
from ...resources.task import TaskFolder
from .rows import Row
from .types import counted_labels

MAIN = "main"
_ROWS, _MANIFEST = "rows.jsonl", "benchmark.json"


@dataclass(frozen=True)
class Benchmark:
    """`hash` is the SHA-256 of `rows.jsonl`; `snapshot` the snapshot whose test split it was."""

    name: str
    hash: str
    path: Path
    count: int
    label_counts: dict[str, int]
    snapshot: str | None
    created: str

    def rows(self) -> list[Row]:
        return list(read_jsonl(self.path / _ROWS))

    def reference(self) -> dict[str, str]:
        return {"name": self.name, "hash": self.hash}


def benchmark_names(task: TaskFolder) -> list[str]:
    """The names of the task's frozen benchmarks, the main one first."""
    if not task.benchmarks.is_dir():
        return []
    names = [entry.name for entry in task.benchmarks.iterdir() if (entry / _MANIFEST).is_file()]
    return sorted((name for name in names if not name.startswith(".")), key=lambda name: (name != MAIN, name))


def frozen_benchmark(task: TaskFolder, name: str | None = None) -> Benchmark:
    """The benchmark of that name (the main one, where none is named), its rows checked against its hash.

    Raises:
        DataError: there is none, or its file was changed since it was frozen.
    """
    wanted = name or MAIN
    names = benchmark_names(task)
    if wanted not in names:
        raise DataError(
            Text(f"{task.name} has no frozen benchmark {wanted[:60]!r}.",
                 f"{task.name} 沒有凍結的評估基準「{wanted[:60]}」。"),
            Text(f"Use one of: {', '.join(names)}." if names
                 else "Call prepare_data: the first test split becomes the benchmark.",
                 f"可用的評估基準：{'、'.join(names)}。" if names
                 else "請呼叫 prepare_data：第一次切出的測試集就會成為評估基準。"),
            field="benchmark",
        )
    return _read(task.benchmarks / wanted)


def _read(path: Path) -> Benchmark:
    manifest = read_json(path / _MANIFEST)
    if sha256_file(path / _ROWS) != manifest["hash"]:
        raise DataError(
            Text(f"The frozen benchmark {path / _ROWS} was changed: its hash is no longer the recorded one.",
                 f"凍結的評估基準 {path / _ROWS} 被改過：雜湊值與紀錄不符。"),
            Text("Restore that file from a backup; results on another test set cannot be compared with earlier ones.",
                 "請從備份還原該檔案；換了測試集，結果就無法和先前比較。"),
            field="benchmark",
        )
    return Benchmark(
        name=path.name, hash=manifest["hash"], path=path, count=manifest["count"],
        label_counts=manifest["label_counts"], snapshot=manifest.get("snapshot"), created=manifest["created"],
    )


def held_out_rows(task: TaskFolder) -> list[Row]:
    """The rows of all frozen benchmarks: neither they nor their groups may be trained on."""
    return [row for name in benchmark_names(task) for row in _read(task.benchmarks / name).rows()]


def freeze(task: TaskFolder, rows: Sequence[Row], snapshot: str | None = None, name: str = MAIN) -> Benchmark:
    """Freeze `rows` as the benchmark `name`; one that stands already is kept as it is."""

    def fill(folder: Path) -> None:
        content = dump_jsonl(rows)
        (folder / _ROWS).write_bytes(content)
        write_json(folder / _MANIFEST, {
            "format": 1, "name": name, "hash": sha256_bytes(content), "count": len(rows), "snapshot": snapshot,
            "label_counts": counted_labels(rows), "created": now(),
        })

    commit_folder(task.benchmarks / name, fill)
    return _read(task.benchmarks / name)
