"""Tasks and versions by hand: the files the stages leave."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nlp_skills.resources.foundation.files import write_json, write_yaml
from nlp_skills.resources.task import Task, TaskFolder
from nlp_skills.resources.version import VersionFolder, reserve_version
from nlp_skills.resources.workspace import Workspace

MakeTask = Callable[..., TaskFolder]
MakeVersion = Callable[..., VersionFolder]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def make_task(workspace: Workspace) -> MakeTask:
    def make(name: str, **fields: object) -> TaskFolder:
        folder = TaskFolder(workspace.root / name)
        folder.root.mkdir(parents=True)
        folder.save(Task.model_validate({"name": name, "labels": ["good", "bad"], **fields}))
        return folder

    return make


@pytest.fixture
def make_version() -> MakeVersion:
    def make(
        task: TaskFolder,
        macro_f1: float | None = None,
        benchmark: str = "aa" * 32,
        created: str = "2026-01-06T15:00:00Z",
        **config: object,
    ) -> VersionFolder:
        folder = reserve_version(task)
        write_yaml(
            folder.config_file,
            {
                "format": 1,
                "name": "plan",
                "parent": None,
                "base_model": "Qwen/Qwen3-4B",
                "method": "sft",
                "lora_r": 32,
                "seed": 42,
                **config,
            },
        )
        write_json(
            folder.data_snapshot_file,
            {
                "format": 1,
                "hash": "11" * 32,
                "source_hash": "22" * 32,
                "counts": {"train": 8, "valid": 2, "test": 2},
                "label_counts": {"train": {"good": 4, "bad": 4}},
                "file_hashes": {},
            },
        )
        write_json(
            folder.model_info_file,
            {
                "format": 1,
                "created": created,
                "files": {"adapter": "33" * 32},
                "base_model": {"name": "Qwen/Qwen3-4B", "hash": "44" * 32},
            },
        )
        if macro_f1 is not None:
            figure = {"value": macro_f1, "low": macro_f1 - 0.05, "high": macro_f1 + 0.05}
            write_json(
                folder.results_file,
                {
                    "format": 1,
                    "evaluations": [
                        {
                            "id": "e1",
                            "created": created,
                            "benchmark": {"name": "main", "hash": benchmark, "count": 150},
                            "metrics": {"macro_f1": figure, "accuracy": figure, "invalid_rate": {"value": 0.0}},
                            "predictions_hash": "55" * 32,
                        }
                    ],
                },
            )
        return folder

    return make
