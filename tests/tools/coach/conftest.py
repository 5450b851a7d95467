"""Tasks in every state, as the other tools leave them on disk."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.data_source import DataSource, Source, save_data_source
from nlp_skills.resources.foundation.files import write_json, write_yaml
from nlp_skills.resources.foundation.language import Language
from nlp_skills.resources.foundation.process import identity
from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.task import Task, TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs.rented import Record

SAID: dict[Language, dict[str, Any]] = {
    "en": {
        "title": "Support mail",
        "goal": "Every mail in the right queue within a minute",
        "pain_point": "Two people sort 400 mails by hand every morning",
        "current_method": "By hand",
        "impact": "Ten hours a week",
    },
    "zh-TW": {
        "title": "客服信分類",
        "goal": "每封信一分鐘內進到正確的佇列",
        "pain_point": "兩位同事每天早上手動分 400 封信",
        "current_method": "人工處理",
        "impact": "每週十小時",
    },
}
LABELS = ["billing", "delivery", "other"]


class TaskOnDisk:
    """A task whose folder is filled step by step, file by file."""

    def __init__(self, workspace: Workspace, name: str = "mail", language: Language = "en", **fields: Any) -> None:
        self.workspace = workspace
        self.folder = TaskFolder(workspace.root / name)
        self.folder.root.mkdir(parents=True)
        content: dict[str, Any] = {
            "name": name,
            "language": language,
            "labels": LABELS,
            "constraints": {"deadline": "May", "hardware": "laptop"},
            "success_criteria": {"threshold": 0.8, "baseline": 0.6},
            **SAID[language],
            **fields,
        }
        self.folder.save(Task.model_validate(content))

    def source(self, **fields: Any) -> TaskOnDisk:
        save_data_source(
            self.folder,
            DataSource(sources=[Source.model_validate({"type": "file", "path": "/data/mails.csv", **fields})]),
        )
        return self

    def data(self, train: dict[str, int] | None = None, digest: str = "a" * 64, unlabelled: int = 0) -> TaskOnDisk:
        train = {} if unlabelled else train or {"billing": 200, "delivery": 190, "other": 180}
        counts = {"train": sum(train.values()) or unlabelled, "valid": 120, "test": 150}
        write_json(
            self.folder.snapshots / digest[:12] / "manifest.json",
            {"format": 1, "hash": digest, "counts": counts, "label_counts": {"train": train}, "file_hashes": {}},
        )
        write_json(self.folder.snapshots / digest[:12] / "validation.json", {"format": 1, "errors": [], "warnings": []})
        write_json(self.folder.data / "current.json", {"format": 1, "hash": digest})
        return self

    def plan(self, name: str = "plan-v1") -> TaskOnDisk:
        write_yaml(self.folder.configs / f"{name}.yaml", {"format": 1, "name": name, "method": "sft", "epochs": 4})
        return self

    def version(
        self,
        number: int = 1,
        *,
        train: dict[str, int] | None = None,
        parent: str | None = None,
        training: dict[str, float] | None = None,
        digest: str = "a" * 64,
        **config: Any,
    ) -> TaskOnDisk:
        folder = VersionFolder(self.folder, number)
        write_yaml(
            folder.config_file,
            {"format": 1, "name": f"plan-v{number}", "method": "sft", "epochs": 4, "parent": parent, **config},
        )
        write_json(
            folder.data_snapshot_file,
            {
                "format": 1,
                "hash": digest,
                "label_counts": {"train": train or {"billing": 200, "delivery": 190, "other": 180}},
            },
        )
        write_json(
            folder.model_info_file,
            {"format": 1, "training": {"seconds": 120, "train_loss": 0.01, "valid_loss": 0.05, **(training or {})}},
        )
        return self

    def evaluation(
        self,
        number: int = 1,
        value: float = 0.7,
        *,
        low: float | None = None,
        high: float | None = None,
        f1: dict[str, float] | None = None,
        invalid: float = 0.0,
        tfidf: float = 0.5,
    ) -> TaskOnDisk:
        per_class = {
            label: {"precision": score, "recall": score, "f1": score, "support": 50, "intervals": {}}
            for label, score in (f1 or {"billing": value, "delivery": value, "other": value}).items()
        }
        record = {
            "id": "e1",
            "created": f"2026-11-0{number}T00:00:00Z",
            "benchmark": {"name": "main", "hash": "b" * 64, "count": 150},
            "decoding": "free",
            "metrics": {
                "macro_f1": {
                    "value": value,
                    "low": low if low is not None else value - 0.02,
                    "high": high if high is not None else value + 0.02,
                },
                "accuracy": {"value": value, "low": value, "high": value},
                "invalid_rate": {"value": invalid},
            },
            "per_class": per_class,
            "baselines": {"majority": {"macro_f1": 0.2}, "tfidf": {"macro_f1": tfidf}},
        }
        write_json(VersionFolder(self.folder, number).results_file, {"format": 1, "evaluations": [record]})
        return self

    def deploy(self, version: str = "v1", serving: bool = True) -> TaskOnDisk:
        write_json(
            self.folder.deployments / "current.json",
            {
                "format": 1,
                "id": "d1",
                "task": self.folder.name,
                "version": version,
                "target": "local",
                "url": "http://127.0.0.1:8123",
                "model": "m",
                "job": "20261101-000000-000-serve-aaaa",
                "parity": {"label": 1.0},
                "overrides": [],
                "created": "2026-11-01T00:00:00Z",
            },
        )
        job = self.workspace.jobs / "20261101-000000-000-serve-aaaa"
        write_json(job / "spec.json", _spec(job.name, "serve", None))
        write_json(job / "pid", {**(identity(os.getpid()) if serving else {"pid": 1, "started": 0.0}), "ready": True})
        return self

    def job(self, kind: str, state: str, error: dict[str, Any] | None = None) -> TaskOnDisk:
        job = self.folder.jobs / f"20261102-000000-000-{kind}-bbbb"
        if state == "running":
            write_json(job / "pid", {**identity(os.getpid()), "ready": True})
        elif state == "interrupted":
            write_json(job / "pid", {"pid": 1, "started": 0.0, "ready": True})
        else:
            write_json(job / "exit.json", {"state": state, "ended": "2026-11-02T00:00:00Z", "error": error})
        write_json(job / "spec.json", _spec(job.name, kind, str(self.folder.root)))
        self._older_than(job)
        return self

    def rent_machine(self, kind: str, state: str) -> JobFolder:
        """A job for which a machine was rented that was not given back."""
        self.job(kind, state)
        job = JobFolder(next(self.folder.jobs.glob(f"*-{kind}-*")))
        Record(machine="cloud", cluster="nlps-1", asked="2026-11-02T00:00:00Z").write(job)
        return job

    def _older_than(self, job: Path) -> None:
        """What stood before the job ended is older than its end."""
        past = time.time() - 60
        for path in (self.folder.file, self.folder.data_source_file, *self.folder.configs.glob("*.yaml")):
            if path.is_file():
                os.utime(path, (past, past))


def _spec(name: str, kind: str, task: str | None) -> dict[str, Any]:
    return {
        "id": name,
        "kind": kind,
        "entry": ["-m", "x"],
        "task": task,
        "python": "python",
        "created": "2026-11-02T00:00:00Z",
        "resumable": True,
    }


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def a_task(workspace: Workspace) -> Callable[..., TaskOnDisk]:
    def make(name: str = "mail", language: Language = "en", **fields: Any) -> TaskOnDisk:
        return TaskOnDisk(workspace, name, language, **fields)

    return make
