from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.files import dump_jsonl, write_yaml
from nlp_skills.resources.job import job_folders
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.data.benchmark import benchmark_names, frozen_benchmark
from nlp_skills.tools.data.snapshot import current_snapshot
from nlp_skills.tools.data.split import SPLITS
from tests.tools.data.conftest import sentences

Prepare = Callable[..., dict[str, Any]]
DATA = "nlp_skills.tools.data"


def kill_at(task: TaskFolder, module: str, function: str, nth: int) -> None:
    """Run the stage in a process of its own and kill -9 it when it calls `function` for the nth time."""
    with subprocess.Popen(
        [
            sys.executable,
            Path(__file__).with_name("stopping.py"),
            f"{DATA}.{module}",
            function,
            str(nth),
            str(task.root),
        ],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        try:
            assert any("reached" in line for line in process.stdout), f"never called {function} {nth} times"
        finally:
            process.kill()


def write_source(task: TaskFolder, count: int) -> None:
    (task.root / "news.jsonl").write_bytes(dump_jsonl(sentences(count)))
    write_yaml(task.data_source_file, {"sources": [{"type": "file", "path": "news.jsonl"}]})


@pytest.mark.parametrize(
    ("module", "function", "nth"),
    [
        ("fetch", "write_json", 1),  # the raw rows are written, not yet committed
        ("regeneration", "into_own_splits", 1),
        ("store", "write_report", 1),  # inside the snapshot's folder: the splits are there, the report is not
        ("store", "now", 1),  # … the report is there, the manifest is not
        ("snapshot", "write_json", 1),  # the snapshot is committed, nothing points to it
    ],
)
def test_killed_before_the_switch_the_old_data_stands(
    task: TaskFolder, workspace: Workspace, prepare: Prepare, module: str, function: str, nth: int
) -> None:
    write_source(task, 30)
    prepare()
    before = current_snapshot(task)
    write_source(task, 50)
    kill_at(task, module, function, nth)

    assert job_folders(workspace, task)[0].state() == "interrupted"
    after = current_snapshot(task)
    assert after.hash == before.hash
    assert [(task.data / f"{name}.jsonl").read_bytes() for name in SPLITS] == [
        before.file(name).read_bytes() for name in SPLITS
    ]
    assert sum(prepare()["counts"].values()) == 50
    assert not list(task.data.rglob("*.tmp"))


@pytest.mark.parametrize(
    ("function", "nth"), [("write_atomic", 1), ("write_atomic", 2), ("write_atomic", 3), ("write_json", 2)]
)
def test_a_checkout_killed_half_way_is_finished_and_not_taken_for_an_edit(
    task: TaskFolder, prepare: Prepare, function: str, nth: int
) -> None:
    write_source(task, 30)
    prepare()
    write_source(task, 50)
    kill_at(task, "snapshot", function, nth)
    healed = current_snapshot(task)

    assert healed.manifest.kind == "generated" and sum(healed.counts.values()) == 50
    assert [(task.data / f"{name}.jsonl").read_bytes() for name in SPLITS] == [
        healed.file(name).read_bytes() for name in SPLITS
    ]
    assert len(list(task.snapshots.iterdir())) == 2


def test_an_edit_made_after_the_kill_survives_the_healing(task: TaskFolder, prepare: Prepare) -> None:
    write_source(task, 30)
    prepare()
    write_source(task, 50)
    kill_at(task, "snapshot", "write_atomic", 2)
    rows = dump_jsonl([{"text": "自己寫的", "entity": "自己", "label": "正面"}])
    (task.data / "train.jsonl").write_bytes(rows)
    healed = current_snapshot(task)

    assert healed.manifest.kind == "manual"
    assert [row["text"] for row in healed.rows("train")] == ["自己寫的"]


def test_killed_before_the_first_benchmark_is_frozen_it_is_frozen_later(task: TaskFolder) -> None:
    write_source(task, 40)
    kill_at(task, "snapshot", "freeze", 1)
    assert not benchmark_names(task)
    snapshot = current_snapshot(task)

    assert frozen_benchmark(task).rows() == snapshot.rows("test")
    assert frozen_benchmark(task).reference() == snapshot.manifest.benchmark
