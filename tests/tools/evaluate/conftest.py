"""A task with data, a frozen benchmark and versions made by hand, as the stages before evaluation leave them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.data_source import SplitPolicy
from nlp_skills.resources.foundation.files import sha256_file, write_json, write_yaml
from nlp_skills.resources.task import Constraints, SuccessCriteria, Task, TaskFolder
from nlp_skills.resources.validation import ValidationReport
from nlp_skills.resources.version import VersionFolder, reserve_version
from nlp_skills.tools.compute.environments.fingerprint import model_hash
from nlp_skills.tools.data.benchmark import freeze
from nlp_skills.tools.data.rows import row_id
from nlp_skills.tools.data.store import Snapshot, commit_snapshot
from tests.permissions import agree_to_script

LABELS = ["positive", "neutral", "negative"]
_WORDS = {
    "positive": "rose surged gained record",
    "neutral": "met announced named held",
    "negative": "fell dropped lost warned",
}
# The task's own script, with the power to kill itself where the file `kill-at` says.
_SCRIPT = """import os
import signal
import sys
from pathlib import Path

from nlp_skills.tools.evaluate import loading, run

task = Path(__file__).resolve().parents[1]
point = (task / "kill-at").read_text() if (task / "kill-at").exists() else ""


def kill(*_args, **_kept):
    os.kill(os.getpid(), signal.SIGKILL)


if point == "batch":
    say = loading.Progress.say
    loading.Progress.say = lambda self, doing: kill() if self.done > self.total / 3 else say(self, doing)
elif point == "results":
    run.track_version = kill
if __name__ == "__main__":
    sys.exit(run.main(task, sys.argv[1:]))
"""


def rows_of(count: int, seed: int) -> list[dict[str, Any]]:
    """Sentences about a company whose verb gives the label away."""
    source = random.Random(seed)
    found: dict[str, dict[str, Any]] = {}
    while len(found) < count:
        label = source.choice(LABELS)
        entity = f"Company{source.randrange(10**6)}"
        verb = source.choice(_WORDS[label].split())
        text = f"{entity} {verb} in quarter {source.randrange(1, 5)}"
        found[text] = {"id": row_id(text, entity), "text": text, "entity": entity, "label": label}
    return list(found.values())


@pytest.fixture(scope="session")
def tiny(tiny_model: Path) -> Path:
    return tiny_model


@pytest.fixture
def make_task(tmp_path: Path) -> Callable[..., TaskFolder]:
    """Write a task with 90 training, 20 validation and `test` benchmark rows."""

    def make(test: int = 20, **fields: Any) -> TaskFolder:
        folder = TaskFolder(tmp_path / "workspace" / "news")
        (folder.root / "scripts").mkdir(parents=True)
        (folder.root / "scripts" / "05_evaluate.py").write_text(_SCRIPT, encoding="utf-8")
        agree_to_script(folder.root / "scripts" / "05_evaluate.py")
        folder.save(
            Task(
                name="news",
                type="entity-classification",
                labels=LABELS,
                **{"success_criteria": SuccessCriteria(threshold=0.8), "constraints": Constraints(), **fields},
            )
        )
        snapshot = commit_snapshot(
            folder,
            {"train": rows_of(90, 1), "valid": rows_of(20, 2), "test": rows_of(test, 3)},
            ValidationReport(errors=[]),
            kind="generated",
            parent=None,
            raw=[],
            source_hash="ab" * 32,
            policy=SplitPolicy(),
        )
        freeze(folder, snapshot.rows("test"), snapshot.hash)
        return folder

    return make


def make_version(task: TaskFolder, base: Path, parent: str | None = None, **config: Any) -> VersionFolder:
    """Write a trained version whose whole model is `base`."""
    [place] = [path for path in task.snapshots.iterdir() if path.is_dir()]
    snapshot = Snapshot(place)
    folder = reserve_version(task)
    write_yaml(
        folder.config_file,
        {"format": 1, "parent": parent, "base_model": str(base), "method": "sft", "seed": 42, **config},
    )
    snapshot.summary().write(folder.data_snapshot_file)
    model = folder.models / "model"
    model.mkdir(parents=True)
    for path in base.iterdir():
        (model / path.name).write_bytes(path.read_bytes())
    write_json(folder.environment_file, {"threads": 1})
    definition = task.load()
    write_json(
        folder.model_info_file,
        {
            "format": 1,
            "created": "2026-01-06T14:00:00Z",
            "adapter": None,
            "method": "sft",
            "model": str(model.relative_to(task.root)),
            "labels": definition.labels,
            "base_model": {"name": str(base), "path": str(base), "hash": model_hash(base)},
            "prompt": {"system": "One label of: {labels}", "user": "{text} / {entity}"},
            "files": {str(path.relative_to(task.root)): sha256_file(path) for path in model.iterdir()},
        },
    )
    return folder


@pytest.fixture
def versions() -> Callable[..., VersionFolder]:
    return make_version
