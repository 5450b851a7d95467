"""Workspaces as the prompts meet them: empty, with a task just made, with an evaluated version, with many tasks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from nlp_skills.resources.data_source import DataSource, Source, save_data_source
from nlp_skills.resources.foundation.files import write_json, write_yaml
from nlp_skills.resources.task import Task, TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace

Filled = Literal["empty", "new", "evaluated", "many"]
FILLED: tuple[Filled, ...] = ("empty", "new", "evaluated", "many")
MANY = 60


@pytest.fixture
def workspace_with(tmp_path: Path) -> Callable[[Filled], Workspace]:
    def make(filled: Filled) -> Workspace:
        workspace = Workspace(tmp_path / "workspace")
        workspace.root.mkdir()
        if filled != "empty":
            mail = _task(workspace, "mail", "客服信分類")
            if filled == "evaluated":
                _write_evaluated(mail)
        if filled == "many":
            for number in range(MANY):
                _task(workspace, f"task-{number:03}", f"第 {number} 個任務，標題比較長，好讓清單放不下")
        return workspace

    return make


def _task(workspace: Workspace, name: str, title: str) -> TaskFolder:
    folder = TaskFolder(workspace.root / name)
    folder.root.mkdir(parents=True)
    folder.save(
        Task.model_validate(
            {
                "name": name,
                "title": title,
                "language": "zh-TW",
                "labels": ["帳務", "物流", "其他"],
                "goal": "分到正確的佇列",
                "pain_point": "每天早上手動分 400 封信",
                "current_method": "人工",
                "impact": "每週十小時",
                "constraints": {"deadline": "五月", "hardware": "筆電"},
                "success_criteria": {"threshold": 0.9, "baseline": 0.6},
            }
        )
    )
    return folder


def _write_evaluated(task: TaskFolder) -> None:
    """A prepared snapshot and v1, trained on it and evaluated below its goal."""
    digest, counts = "a" * 64, {"帳務": 200, "物流": 190, "其他": 180}
    save_data_source(task, DataSource(sources=[Source.model_validate({"type": "file", "path": "/data/mails.csv"})]))
    snapshot = task.snapshots / digest[:12]
    write_json(
        snapshot / "manifest.json",
        {
            "format": 1,
            "hash": digest,
            "counts": {"train": 570, "valid": 120, "test": 150},
            "label_counts": {"train": counts},
            "file_hashes": {},
        },
    )
    write_json(snapshot / "validation.json", {"format": 1, "errors": [], "warnings": []})
    write_json(task.data / "current.json", {"format": 1, "hash": digest})
    version = VersionFolder(task, 1)
    write_yaml(version.config_file, {"format": 1, "name": "plan-v1", "method": "sft", "epochs": 4, "parent": None})
    write_json(version.data_snapshot_file, {"format": 1, "hash": digest, "label_counts": {"train": counts}})
    write_json(
        version.model_info_file, {"format": 1, "training": {"seconds": 120, "train_loss": 0.01, "valid_loss": 0.05}}
    )
    per_class = {
        label: {"precision": 0.7, "recall": 0.7, "f1": 0.7, "support": 50, "intervals": {}} for label in counts
    }
    write_json(
        version.results_file,
        {
            "format": 1,
            "evaluations": [
                {
                    "id": "e1",
                    "created": "2026-11-01T00:00:00Z",
                    "decoding": "free",
                    "benchmark": {"name": "main", "hash": "b" * 64, "count": 150},
                    "metrics": {
                        "macro_f1": {"value": 0.7, "low": 0.65, "high": 0.75},
                        "accuracy": {"value": 0.7, "low": 0.65, "high": 0.75},
                        "invalid_rate": {"value": 0.0},
                    },
                    "per_class": per_class,
                    "baselines": {"majority": {"macro_f1": 0.2}, "tfidf": {"macro_f1": 0.5}},
                }
            ],
        },
    )
