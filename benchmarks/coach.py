"""How long `coach` takes to answer on a workspace of many tasks, each a folder on disk with data, versions and jobs.

Every message is asked with and without naming a task, in both languages. Run:
`python benchmarks/coach.py [--tasks 1000] [--rounds 15] [--json]`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from nlp_skills.resources.data_source import DataSource, Source, save_data_source
from nlp_skills.resources.foundation.files import write_json, write_yaml
from nlp_skills.resources.task import Task, TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.coach.coach import coach

BAR_SECONDS = 0.050
LABELS = ["billing", "delivery", "product", "other"]
_DIGEST = "a" * 64
# message, and the task it is about: None leaves it out, "unknown" names one that does not exist
ASKED: list[tuple[str, str | None]] = [
    ("", "task-0500"),
    ("The results are bad", "task-0500"),
    ("效果不好，為什麼一直答錯？", "task-0501"),
    ("What comes next?", "task-0502"),
    ("部署 v2", "task-0503"),
    ("I want to stop", "task-0504"),
    ("我想訓練一個模型", None),
    ("I want to train a model", None),
    ("task-0500 的狀況如何", None),
    ("Compare task-0500 v1 and v2", None),
    ("客服信第 7 號的效果不好", None),
    ("How good is it?", None),
    ("Compare task-0003 with task-0004", None),
    ("想做一個知道公司文件的機器人", None),
    ("不知道", None),
    ("", None),
    ("x " * 50_000, None),
    ("資料 " * 30_000, "task-0500"),
    ("How good is it?", "unknown"),
]


def build(workspace: Workspace, tasks: int) -> None:
    """Write the tasks: task.yaml, source, a snapshot, two evaluated versions and four ended jobs each."""
    first = TaskFolder(workspace.root / _name(0))
    first.root.mkdir(parents=True)
    first.save(
        Task(
            name=first.name,
            title="客服信第 0 號",
            labels=LABELS,
            goal="Every mail in the right queue within a minute",
            pain_point="兩位同事每天早上手動分 400 封信",
            current_method="By hand",
            impact="Ten hours a week",
            notes=["Read the errors"] * 5,
        )
    )
    save_data_source(first, DataSource(sources=[Source.model_validate({"type": "file", "path": "/data/a.csv"})]))
    _data(first)
    for version in (1, 2):
        _version(first, version)
    for kind in ("preview", "regenerate", "train", "evaluate"):
        _job(first, kind)
    content = first.file.read_text(encoding="utf-8")
    for number in range(1, tasks):
        folder = workspace.root / _name(number)
        shutil.copytree(first.root, folder)
        told = content.replace(first.name, folder.name).replace("第 0 號", f"第 {number} 號")
        (folder / "task.yaml").write_text(told, encoding="utf-8")


def _name(number: int) -> str:
    return f"task-{number:04}"


def measure(tasks: int, rounds: int) -> dict[str, Any]:
    """Median and 95th percentile of seconds over all messages and rounds, and the slowest message's median."""
    with tempfile.TemporaryDirectory() as place:
        workspace = Workspace(Path(place))
        build(workspace, tasks)
        taken: dict[str, list[float]] = {}
        for round_ in range(rounds + 1):
            for message, task in ASKED:
                began = time.perf_counter()
                coach(workspace, message, task=task)
                if round_:  # the first round fills caches, as a server's first call does
                    taken.setdefault(f"{message[:40]!r}, task {task}", []).append(time.perf_counter() - began)
    every = sorted(seconds for each in taken.values() for seconds in each)
    medians = {asked: statistics.median(each) for asked, each in taken.items()}
    slowest = max(medians, key=lambda asked: medians[asked])
    return {
        "tasks": tasks,
        "messages": len(ASKED),
        "calls": len(every),
        "median_ms": round(1000 * statistics.median(every), 2),
        "p95_ms": round(1000 * every[int(0.95 * (len(every) - 1))], 2),
        "slowest": slowest,
        "slowest_median_ms": round(1000 * medians[slowest], 2),
        "each_median_ms": {asked: round(1000 * seconds, 2) for asked, seconds in medians.items()},
    }


def _data(folder: TaskFolder) -> None:
    counts = {"train": 570, "valid": 120, "test": 150}
    snapshot = folder.snapshots / _DIGEST[:12]
    write_json(
        snapshot / "manifest.json",
        {
            "format": 1,
            "hash": _DIGEST,
            "counts": counts,
            "file_hashes": {},
            "label_counts": {"train": dict.fromkeys(LABELS, 140)},
        },
    )
    write_json(snapshot / "validation.json", {"format": 1, "errors": [], "warnings": []})
    write_json(folder.data / "current.json", {"format": 1, "hash": _DIGEST})


def _version(folder: TaskFolder, number: int) -> None:
    version = VersionFolder(folder, number)
    write_yaml(
        version.config_file,
        {
            "format": 1,
            "name": f"plan-v{number}",
            "method": "sft",
            "epochs": 4,
            "parent": f"v{number - 1}" if number > 1 else None,
        },
    )
    write_json(
        version.data_snapshot_file,
        {"format": 1, "hash": _DIGEST, "label_counts": {"train": dict.fromkeys(LABELS, 140)}},
    )
    write_json(
        version.model_info_file,
        {"format": 1, "training": {"seconds": 120, "tokens": 173_480, "train_loss": 0.01, "valid_loss": 0.05}},
    )
    figures = {"precision": 0.7, "recall": 0.7, "f1": 0.7, "support": 38, "intervals": {}}
    write_json(
        version.results_file,
        {
            "format": 1,
            "evaluations": [
                {
                    "id": "e1",
                    "created": "2026-11-01T00:00:00Z",
                    "seconds": 6.6,
                    "decoding": "free",
                    "benchmark": {"name": "main", "hash": "b" * 64, "count": 150},
                    "metrics": {"macro_f1": {"value": 0.7, "low": 0.64, "high": 0.76}, "invalid_rate": {"value": 0.0}},
                    "per_class": dict.fromkeys(LABELS, figures),
                    "baselines": {"tfidf": {"macro_f1": 0.6}},
                }
            ],
        },
    )


def _job(folder: TaskFolder, kind: str) -> None:
    job = folder.jobs / f"20261102-000000-000-{kind}-bbbb"
    write_json(
        job / "spec.json",
        {
            "id": job.name,
            "kind": kind,
            "entry": ["-m", "x"],
            "task": str(folder.root),
            "python": "python",
            "created": "2026-11-02T00:00:00Z",
            "resumable": True,
        },
    )
    write_json(job / "exit.json", {"state": "succeeded", "ended": "2026-11-02T00:02:00Z"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = measure(arguments.tasks, arguments.rounds)
    if arguments.json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
        return
    for asked, milliseconds in found["each_median_ms"].items():
        print(f"{milliseconds:8.2f} ms  {asked}")
    verdict = "within" if found["median_ms"] <= 1000 * BAR_SECONDS else "ABOVE"
    print(
        f"\n{found['tasks']} tasks, {found['calls']} calls: median {found['median_ms']} ms, "
        f"p95 {found['p95_ms']} ms ({verdict} the bar of {1000 * BAR_SECONDS:.0f} ms at the median)"
    )


if __name__ == "__main__":
    main()
