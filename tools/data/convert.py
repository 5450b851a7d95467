"""Stage 03: canonical rows rendered into the chat rows a trainer eats, in a cache named by hash."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...resources.foundation.files import commit_folder, dump_jsonl, sha256_bytes
from ...resources.foundation.language import Text
from ...resources.task import Prompt, TaskFolder
from ..compute.jobs.running import RunningJob, run_job
from .prompting import task_prompt
from .snapshot import Snapshot, current_snapshot
from .task_kind import kind_of

RENDERED_SPLITS = ("train", "valid")


def render_snapshot(task: TaskFolder, snapshot: Snapshot, prompt: Prompt, labels: Sequence[str]) -> Path:
    """The folder with `train.jsonl` and `valid.jsonl`, rows `{id, prompt: [messages], completion: [message]}`, or
    `{id, prompt, chosen: [message], rejected: [message]}` for preference pairs.

    The same snapshot, prompt and labels always give the same folder.
    """
    key = {"format": 1, "snapshot": snapshot.hash, "system": prompt.system, "user": prompt.user, "labels": list(labels)}
    digest = sha256_bytes(json.dumps(key, ensure_ascii=False, sort_keys=True).encode("utf-8"))
    final = task.cache / "rendered" / digest[:12]

    def fill(folder: Path) -> None:
        for name in RENDERED_SPLITS:
            rows = ({"id": row["id"], **kind_of(row).render_row(row, prompt, labels)} for row in snapshot.rows(name))
            (folder / f"{name}.jsonl").write_bytes(dump_jsonl(rows))

    commit_folder(final, fill)
    return final


def main(task: Path, arguments: list[str]) -> int:
    """Render the current snapshot (script 03)."""
    parser = argparse.ArgumentParser(
        prog="03_convert_format.py",
        description="Render the current data into the chat rows that training reads. "
        "把目前的資料轉成訓練用的對話格式。",
    )
    parser.parse_args(arguments)

    def work(job: RunningJob) -> dict[str, Any]:
        folder = TaskFolder(task)
        definition, snapshot = folder.load(), current_snapshot(folder)
        place = render_snapshot(folder, snapshot, task_prompt(definition), definition.labels)
        train, valid = snapshot.counts["train"], snapshot.counts["valid"]
        done = Text(
            f"{train} train and {valid} valid rows rendered in {place}.",
            f"已轉換 {train} 列訓練與 {valid} 列驗證資料：{place}",
        )
        job.progress(1, 1, done)
        return {
            "folder": str(place),
            "snapshot": snapshot.hash,
            "message": done._asdict(),
            "next_step": {
                "tool": "plan_training",
                "arguments": {"task": folder.name},
                "say": Text("Plan the training.", "接著規劃訓練。")._asdict(),
            },
        }

    return run_job("convert", work, entry=["scripts/03_convert_format.py"], arguments=arguments, task=Path(task))
