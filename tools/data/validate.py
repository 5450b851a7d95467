"""Stage 02: validate the data as it now stands, hand edits included."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ...resources.foundation.language import Text, several
from ...resources.task import TaskFolder
from ..compute.jobs.running import RunningJob, run_job
from .checks import hide_row_texts
from .snapshot import Snapshot, current_snapshot

SCRIPT = "scripts/02_validate_data.py"


def main(task: Path, arguments: list[str]) -> int:
    """Validate the task's data (script 02)."""
    parser = argparse.ArgumentParser(
        prog=Path(SCRIPT).name,
        description="Validate the task's data: fields, labels, lengths, balance, overlap. "
        "驗證資料：欄位、標籤、長度、類別分布、切分重疊。",
    )
    parser.parse_args(arguments)
    folder = TaskFolder(task)
    return run_job("validate", lambda job: validate(folder, job), entry=[SCRIPT], arguments=arguments, task=Path(task))


def validate(task: TaskFolder, job: RunningJob) -> dict[str, Any]:
    """The validation report of the current data as the job's result.

    Raises:
        DataError: there is no data, or validation found errors.
    """
    result = describe_validation_passed(task, current_snapshot(task))
    for found in result["warnings"]:
        job.warn(Text(**found["message"]))
    job.progress(1, 1, Text(**result["message"]))
    return result


def describe_validation_passed(task: TaskFolder, snapshot: Snapshot) -> dict[str, Any]:
    """What is said of a snapshot that passed."""
    report = hide_row_texts(snapshot.validation, task.load())
    counts = snapshot.counts
    message = Text(
        f"The data is valid: {counts['train']} train, {counts['valid']} valid, {counts['test']} test rows; "
        f"{several(len(report.warnings), 'warning')}.",
        f"資料通過驗證：訓練 {counts['train']} 列、驗證 {counts['valid']} 列、測試 {counts['test']} 列；"
        f"{len(report.warnings)} 項提醒。",
    )
    return {
        "snapshot": snapshot.hash,
        "kind": snapshot.manifest.kind,
        **report.to_dict(),
        "message": message._asdict(),
        "next_step": {
            "tool": "plan_training",
            "arguments": {"task": task.name},
            "say": Text("Plan the training.", "接著規劃訓練。")._asdict(),
        },
    }
