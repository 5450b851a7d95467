"""Labels proposed by an earlier version: asked in a job, kept as proposals, trained on only once people accepted them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.errors import NlpSkillsError
from nlp_skills.resources.foundation.files import dump_jsonl, write_yaml
from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.compute.jobs.job_control import wait
from nlp_skills.tools.compute.jobs.running import RunningJob
from nlp_skills.tools.data.labelling.acting import act
from nlp_skills.tools.data.labelling.answer import LabellingAnswer, LabellingRequest
from nlp_skills.tools.data.labelling.endpoint import KIND
from nlp_skills.tools.data.regenerate import regenerate
from nlp_skills.tools.evaluate.proposing import start
from tests.permissions import agree_to_script
from tests.tools.compute.jobs.test_device_queue import HEAD, Line

TEXTS = [
    {"text": f"{word} {number} {ending}", "entity": f"{word} {number}"}
    for number, (word, ending) in enumerate(
        [
            ("Hotel", "was wonderful, we loved every minute"),
            ("Phone", "broke after one day, a terrible purchase"),
            ("Train", "arrived at noon as announced"),
            ("Soup", "was cold and the waiter rude"),
            ("Concert", "was brilliant, the best in years"),
            ("Parcel", "came on Tuesday"),
        ]
        * 3
    )
]

# On a machine with a GPU that only the jobs of this test believe in.
PROPOSES = (
    HEAD
    + """
import sys
from nlp_skills.tools.compute.jobs import device_queue as turns
from nlp_skills.tools.evaluate import proposing
turns.describe_machine = lambda workspace: machine(1)
sys.exit(proposing.main(sys.argv[1:]))
"""
)


@pytest.fixture
def waiting(
    make_task: Callable[..., TaskFolder], versions: Callable[..., VersionFolder], demo_base_model: Path, tmp_path: Path
) -> TaskFolder:
    """A task with a version that has learnt to answer with labels, and rows that have none."""
    task = make_task()
    versions(task, demo_base_model)
    (task.root / "more.jsonl").write_bytes(dump_jsonl(TEXTS))
    write_yaml(task.data_source_file, {"sources": [{"type": "file", "path": "more.jsonl", "unlabelled": True}]})
    folder = JobFolder(tmp_path / "job")
    folder.root.mkdir()
    regenerate(task, RunningJob(folder, None, by_hand=False))
    return task


def test_a_version_proposes_labels_that_wait_for_a_person(waiting: TaskFolder, worker: Path) -> None:
    workspace = Workspace(waiting.root.parent)
    job = act(workspace, waiting, LabellingRequest("propose", by="v1"), start)
    assert isinstance(job, JobFolder)
    assert wait(job, 120) == "succeeded", job.output_file.read_text()
    result: dict[str, Any] = dict(job.exit().result)  # type: ignore[union-attr]
    assert result["proposed"] >= len(TEXTS) // 2 and result["proposed"] + result["no_label"] == len(TEXTS)
    shown = act(workspace, waiting, LabellingRequest("review"), start)
    assert isinstance(shown, LabellingAnswer)
    proposed = [row["proposed"] for row in shown.rows if row.get("proposed")]
    assert proposed and set(proposed) <= {"positive", "neutral", "negative"}


def test_a_version_that_is_asked_on_the_gpu_waits_for_the_training_that_has_it(
    waiting: TaskFolder, worker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLP_SKILLS_QUEUE_DIR", str(tmp_path / "queue"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    workspace = Workspace(waiting.root.parent)
    (waiting.scripts / "proposes.py").write_text(PROPOSES)
    agree_to_script(waiting.scripts / "proposes.py")
    line = Line(workspace, waiting)
    line.submit("training", gpus=1)
    line.at_work("training")
    proposing = job_control.submit(
        workspace, KIND, ["scripts/proposes.py"], [str(waiting.root), "--model", "v1"], python=worker, task=waiting
    )
    line.waits(proposing, 1)
    assert job_control.cancel(proposing) == "cancelled"
    line.end("training")


def test_a_version_that_does_not_stand_is_named(waiting: TaskFolder) -> None:
    with pytest.raises(NlpSkillsError) as refused:
        act(Workspace(waiting.root.parent), waiting, LabellingRequest("propose", by="v7"), start)
    assert "v7" in refused.value.problem.en
