"""Eight faults planted for real, and one remedy taken: is the true cause named? That healthy runs are accused of nothing is
seen beside other faults, in `tests/faults/test_diagnosis.py`.

The thresholds were set on seeds 101 and 202 of `faults.py`, and no row, split or weight of the seeds asserted here was
looked at for them. Over seeds 7, 303 and 404 (24 faults) the true cause came first in all 24.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import pytest

from nlp_skills.resources.foundation.language import speaking
from nlp_skills.resources.lineage import load_lineage
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.evaluate.diagnosis import diagnose
from nlp_skills.tools.train.diagnose import diagnose_version
from tests.tools.train import faults

pytestmark = [pytest.mark.worker, pytest.mark.diagnosis]
SEED = 7
LONGEST_FIRST = (
    "rate_too_high",
    "overfitting",
    "label_noise",
    "imbalance",
    "wrong_template",
    "end_of_turn",
    "truncation",
    "underfitting",
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, demo_base_model: Path) -> Iterator[Path]:
    """A task for each fault, trained two at a time with one thread each."""
    root = tmp_path_factory.mktemp("faults")
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn"), initializer=faults.quiet) as pool:
        running: list[Future[None]] = [
            pool.submit(faults.plant, name, root / f"{name}-{SEED}".replace("_", "-"), demo_base_model, SEED)
            for name in LONGEST_FIRST
        ]
        for one in running:
            one.result()
    yield root


def accused_causes(workspace: Path, name: str) -> list[str]:
    folder = TaskFolder(workspace / f"{name}-{SEED}".replace("_", "-"))
    return [cause.name for cause in diagnose(VersionFolder(folder, 1)).causes]


def test_the_true_cause_comes_first_in_six_of_eight_and_among_the_first_three_in_all(workspace: Path) -> None:
    assert set(LONGEST_FIRST) == set(faults.FAULTS)
    named = {name: accused_causes(workspace, name) for name in faults.FAULTS}
    assert all(name in causes[:3] for name, causes in named.items()), named
    assert sum(causes[0] == name for name, causes in named.items()) >= 6, named


def test_the_planned_remedy_brings_what_was_predicted(workspace: Path) -> None:
    task = TaskFolder(workspace / f"underfitting-{SEED}")
    with speaking("en"):
        advised = diagnose_version(Workspace(workspace), task)
    assert advised.plan and advised.plan.settings == {"epochs": 8} and advised.expected
    second = faults.trained_from(task, advised.plan.name)
    expects = second.config().expects
    assert expects and expects.low == advised.expected.low and second.config().parent == "v1"
    prediction = load_lineage(second).prediction
    assert prediction and prediction.outcome == "within" and prediction.value and prediction.value > 0.8
    with speaking("en"):
        later = diagnose_version(Workspace(workspace), task, "v2")
    assert later.predicted and later.predicted.outcome == "within" and "as predicted" in later.message
