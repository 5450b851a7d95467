"""Snapshots on disk: `data/snapshots/<hash12>/`, immutable and addressed by their content."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from ...resources.data_source import SplitPolicy
from ...resources.foundation.clock import now
from ...resources.foundation.errors import DataError
from ...resources.foundation.files import commit_folder, dump_jsonl, read_jsonl, sha256_bytes, sha256_file
from ...resources.foundation.language import Text
from ...resources.snapshot import BenchmarkName, DataSnapshot, SnapshotKind, SnapshotManifest
from ...resources.task import TaskFolder
from ...resources.validation import ValidationReport
from .benchmark import MAIN
from .decisions import summary
from .rows import Row
from .split import SPLITS
from .task_kind import counted_labels

REPORT = "validation.json"
_SHORT = 12


class Snapshot:
    """One state of the data: its three splits, the manifest that says where they come from, the validation report."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.manifest = SnapshotManifest.read(root / "manifest.json")
        self.hash = self.manifest.hash

    @property
    def counts(self) -> dict[str, int]:
        return self.manifest.counts

    @property
    def label_counts(self) -> dict[str, dict[str, int]]:
        return self.manifest.label_counts

    @property
    def file_hashes(self) -> dict[str, str]:
        """SHA-256 of each split's file."""
        return self.manifest.file_hashes

    @property
    def source_hash(self) -> str:
        return self.manifest.source_hash

    @property
    def validation(self) -> ValidationReport:
        return ValidationReport.read(self.root / REPORT)

    def file(self, split: str) -> Path:
        return self.root / f"{split}.jsonl"

    def rows(self, split: str) -> list[Row]:
        """The rows of `train`, `valid` or `test`."""
        return list(read_jsonl(self.file(split)))

    @cached_property
    def assignment(self) -> dict[str, str]:
        """Row id → split."""
        return {row["id"]: name for name in SPLITS for row in self.rows(name)}

    def summary(self) -> DataSnapshot:
        """What a version records of the data it was trained on."""
        recorded = {name: value for name, value in self.manifest.to_dict().items() if name in DataSnapshot.model_fields}
        accepted = summary(self.validation)
        return DataSnapshot.model_validate(recorded | ({"accepted": accepted} if accepted else {}))


def snapshot_hash(file_hashes: Mapping[str, str], source_hash: str) -> str:
    """A snapshot is its three files and what they were made from."""
    content = {"files": {name: file_hashes[name] for name in SPLITS}, "source": source_hash}
    return sha256_bytes(json.dumps(content, sort_keys=True).encode())


def commit_snapshot(
    task: TaskFolder,
    splits: Mapping[str, Sequence[Row]],
    report: ValidationReport,
    *,
    kind: SnapshotKind,
    parent: str | None,
    raw: Sequence[str],
    source_hash: str,
    policy: SplitPolicy,
    benchmark: BenchmarkName | None = None,
) -> Snapshot:
    """Write a snapshot whole and return it; the same content is the same snapshot.

    Arguments:
        benchmark: name and hash of the one in use with it; None where its test split is about to be frozen as the first.
    """
    contents = {name: dump_jsonl(splits.get(name, ())) for name in SPLITS}
    file_hashes = {name: sha256_bytes(content) for name, content in contents.items()}
    digest = snapshot_hash(file_hashes, source_hash)
    if benchmark is None and splits.get("test"):
        benchmark = BenchmarkName(name=MAIN, hash=file_hashes["test"])

    def fill(folder: Path) -> None:
        for name, content in contents.items():
            (folder / f"{name}.jsonl").write_bytes(content)
        write_report(folder, report)
        SnapshotManifest(
            hash=digest,
            source_hash=source_hash,
            counts={name: len(splits.get(name, ())) for name in SPLITS},
            label_counts={name: counted_labels(splits.get(name, ())) for name in SPLITS},
            file_hashes=file_hashes,
            benchmark=benchmark,
            kind=kind,
            parent=parent,
            created=now(),
            raw=list(raw),
            split=SplitPolicy.model_validate(policy.model_dump(mode="json")),  # every field, as it was decided
        ).write(folder / "manifest.json")

    final = task.snapshots / digest[:_SHORT]
    commit_folder(final, fill)
    return Snapshot(final)


def write_report(folder: Path, report: ValidationReport) -> None:
    """Leave what validation found in `folder`: a snapshot's, or the task's data where no snapshot came of it."""
    report.write(folder / REPORT)


def load_snapshot(task: TaskFolder, digest: str) -> Snapshot:
    """The committed snapshot of that hash (its first characters suffice), its files checked against their hashes.

    Raises:
        DataError: there is none, it lacks its validation report, or a file of it was changed.
    """
    root = task.snapshots / digest[:_SHORT]
    if len(digest) < _SHORT or not digest.isalnum() or not (root / "manifest.json").is_file():
        raise DataError(
            Text(
                f"There is no data snapshot {digest[:20]!r} in {task.snapshots}.",
                f"{task.snapshots} 裡沒有資料快照「{digest[:20]}」。",
            ),
            Text(
                "Call prepare_data to make one, or copy the task's whole data folder.",
                "請呼叫 prepare_data 產生，或把任務的 data 資料夾完整複製過來。",
            ),
            field="snapshot",
        )
    if not (root / REPORT).is_file():
        raise DataError(
            Text(
                f"{root} has no validation report, so it does not count as a snapshot.",
                f"{root} 沒有驗證報告，不能算是資料快照。",
            ),
            Text("Call prepare_data; it validates before it commits.", "請呼叫 prepare_data；它會先驗證再保存。"),
            field="snapshot",
        )
    snapshot = Snapshot(root)
    if snapshot.hash != snapshot_hash(snapshot.file_hashes, snapshot.source_hash) or not snapshot.hash.startswith(
        digest
    ):
        raise DataError(
            Text(
                f"{root / 'manifest.json'} was changed: it is not the one of snapshot {digest[:_SHORT]}.",
                f"{root / 'manifest.json'} 被改過，已經不是快照 {digest[:_SHORT]} 的內容。",
            ),
            Text("Restore that file from a backup, or prepare the data again.", "請從備份還原該檔案，或重新準備資料。"),
            field="snapshot",
        )
    for name, expected in snapshot.file_hashes.items():
        if not snapshot.file(name).is_file() or sha256_file(snapshot.file(name)) != expected:
            raise DataError(
                Text(
                    f"{snapshot.file(name)} was changed; snapshots are immutable.",
                    f"{snapshot.file(name)} 被改過；資料快照不可更動。",
                ),
                Text(
                    f"Edit {task.data / f'{name}.jsonl'} instead, and restore that file from a backup.",
                    f"請改編輯 {task.data / f'{name}.jsonl'}，並從備份還原該檔案。",
                ),
                field="snapshot",
            )
    return snapshot
