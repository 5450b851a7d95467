"""Tasks of every type, trained for real on the small base model and evaluated: what was learnt shows in the metric."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.files import read_jsonl
from nlp_skills.resources.foundation.language import Text
from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.task import TaskFolder, TaskType
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.compute.worker import worker_python
from nlp_skills.tools.data.labelling.acting import act
from nlp_skills.tools.data.labelling.answer import LabellingAnswer, LabellingRequest
from nlp_skills.tools.data.rows import row_id
from nlp_skills.tools.data.unlabelled import keep_unlabelled
from nlp_skills.tools.evaluate import run as evaluating
from nlp_skills.tools.evaluate.compare import compare
from nlp_skills.tools.evaluate.diagnosis import diagnose
from nlp_skills.tools.evaluate.proposing import start
from nlp_skills.tools.train.planning import plan_training
from nlp_skills.tools.train.preflight import require_ready
from tests.tools.evaluate.typed_tasks import visit, write_typed_task

pytestmark = pytest.mark.worker
SECONDS = 240.0
SETTINGS: dict[str, Any] = {"epochs": 12, "batch_size": 8, "gradient_accumulation": 1, "lora_r": 0, "threads": 1}


class Measured:
    """Trains and evaluates one version of each type of task, once."""

    def __init__(self, workspace: Workspace, base: Path) -> None:
        self.workspace, self.base = workspace, base
        self.versions: dict[str, VersionFolder] = {}

    def of(self, kind: TaskType) -> VersionFolder:
        if kind not in self.versions:
            task = write_typed_task(self.workspace.root / kind, kind)
            own = {"epochs": 4, "learning_rate": 2e-3} if kind == "preference" else {"learning_rate": 2e-3}
            self.versions[kind] = self.train_version(task, {**SETTINGS, **own})
        return self.versions[kind]

    def train_version(self, task: TaskFolder, settings: dict[str, Any], parent: str = "none") -> VersionFolder:
        given = {"base_model": str(self.base), **settings}
        plan = plan_training(self.workspace, task, given, parent, [], None).plan
        name = require_ready(self.workspace, task, plan, confirm=False).plan.name
        self.run_to_end(task, "train", ["scripts/04_train.py"], ["--plan", name])
        result = self.run_to_end(task, "evaluate", evaluating.ENTRY, ["--version", "latest"])
        return VersionFolder(task, int(result["version"][1:]))

    def run_to_end(self, task: TaskFolder, kind: str, entry: list[str], arguments: list[str]) -> dict[str, Any]:
        job = job_control.submit(
            self.workspace, kind, entry, arguments, python=worker_python(self.workspace), task=task
        )
        state = job_control.wait(job, SECONDS)
        assert state == "succeeded", (job_control.failure(job), job.output_file.read_text(encoding="utf-8"))
        done = job.exit()
        assert done is not None
        return done.result


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, demo_base_model: Path, worker: Path) -> Iterator[Measured]:
    workspace = Workspace(tmp_path_factory.mktemp("typed") / "workspace")
    workspace.root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NLP_SKILLS_WORKSPACE", str(workspace.root))
        patch.setenv("NLP_SKILLS_WORKER", str(worker))
        yield Measured(workspace, demo_base_model)


def values(record: dict[str, Any], metric: str) -> tuple[float, dict[str, float]]:
    """The version's figure, and that of each baseline which has one."""
    beside = {name: figures[metric] for name, figures in record["baselines"].items() if metric in figures}
    return record["metrics"][metric]["value"], beside


def evaluation(version: VersionFolder) -> dict[str, Any]:
    found = version.latest_evaluation()
    assert found is not None
    record = found.to_dict()
    json.dumps(record, allow_nan=False)
    assert "confusion" not in record and "other_decoding" not in record
    return record


def test_extraction_tells_types_apart_where_a_dictionary_and_the_untuned_model_cannot(measured: Measured) -> None:
    version = measured.of("extraction")
    record = evaluation(version)
    own, beside = values(record, "entity_f1")
    assert set(beside) == {"dictionary", "base_model"}
    assert own > 0.6 and own > max(beside.values()) + 0.4, (own, beside)
    assert record["metrics"]["json_validity"]["value"] > 0.9
    assert set(record["per_class"]) == {"person", "place"} and record["per_class"]["person"]["support"] == 40
    assert record["verdict"]["metric"] == "entity_f1" and record["verdict"]["simplest"]["outcome"] == "loses"
    assert "a dictionary of the parts seen in training" in record["verdict"]["text"]["en"]
    lines = list(read_jsonl(version.predictions_file))
    assert any(line["correct"] and json.loads(line["gold"]) == json.loads(line["predicted"]) for line in lines)


def test_generation_writes_the_json_that_was_wanted(measured: Measured) -> None:
    version = measured.of("generation")
    record = evaluation(version)
    own, beside = values(record, "exact_match")
    assert own > 0.5 and own > max(beside.values()) + 0.3, (own, beside)
    assert set(beside) == {"nearest", "copied", "base_model"}
    assert values(record, "chrf")[0] > values(record, "chrf")[1]["base_model"] + 0.3
    assert record["metrics"]["json_validity"]["value"] > 0.9 and record["per_class"] == {}
    assert record["verdict"]["metric"] == "chrf"


def test_a_conversation_is_answered_with_what_was_said_before(measured: Measured) -> None:
    record = evaluation(measured.of("chat"))
    own, beside = values(record, "chrf")
    assert set(beside) == {"nearest", "base_model"} and own > max(beside.values()) + 0.1, (own, beside)
    assert record["metrics"]["invalid_rate"]["value"] == 0.0 and "json_validity" not in record["metrics"]


def test_preferences_are_learnt_beyond_length(measured: Measured) -> None:
    record = evaluation(measured.of("preference"))
    own, beside = values(record, "preference_accuracy")
    assert set(beside) == {"longer", "base_model"} and own > max(beside.values()) + 0.1, (own, beside)
    assert "chrf" in record["metrics"] and set(values(record, "chrf")[1]) == {"base_model"}
    line = next(iter(read_jsonl(measured.of("preference").predictions_file)))
    assert line["correct"] == (line["margin"] > 0) and line["rejected"]


@pytest.mark.parametrize("kind", ["extraction", "generation", "chat", "preference"])
def test_the_report_and_the_diagnosis_speak_of_answers_of_that_kind(measured: Measured, kind: TaskType) -> None:
    version = measured.of(kind)
    page = version.report_file.read_text(encoding="utf-8")
    assert 'id="confusion"' not in page and ('id="labels"' in page) == (kind == "extraction")
    found = diagnose(version)
    assert found.result is not None and found.result.metric == version.task.load().metric
    accused = {cause.name for cause in (*found.causes, *found.signs)}
    assert not accused & {"confused_labels", "imbalance", "label_noise"}
    assert all(isinstance(reason, Text) for cause in found.causes for reason in cause.reasons)


def test_texts_that_are_hardly_learnt_are_called_so_and_no_score_is_promised(measured: Measured) -> None:
    first = measured.of("generation")
    found = diagnose(measured.train_version(first.task, {**SETTINGS, "learning_rate": 2e-6, "epochs": 1}, "v1"))
    cause = next(cause for cause in found.causes if cause.name == "underfitting")
    assert "next to nothing is learnt" in cause.reasons[0].en and cause.change and "learning_rate" in cause.change
    assert cause.expects is None


def test_an_earlier_version_proposes_the_spans_of_new_texts(measured: Measured) -> None:
    task = measured.of("extraction").task
    rows = [visit(random.Random(seed)) for seed in range(7000, 7400)]  # some of them are in no split
    keep_unlabelled(
        task,
        [
            {
                "id": row_id(row["text"]),
                "text": row["text"],
                "source": "new",
                "provenance": {"raw": "0" * 12, "line": 1},
            }
            for row in rows
        ],
    )
    job = act(measured.workspace, task, LabellingRequest("propose", by="v1"), start)
    assert isinstance(job, JobFolder) and job_control.wait(job, SECONDS) == "succeeded", job
    shown = act(measured.workspace, task, LabellingRequest("review", count=50), start)
    assert isinstance(shown, LabellingAnswer) and shown.rows
    wanted = {row["text"]: {span["type"]: [span["text"]] for span in row["spans"]} for row in rows}
    right = [one for one in shown.rows if one.get("proposed") == wanted[one["text"]]]
    assert len(right) > len(shown.rows) / 2 and {one["by"] for one in right} == {"v1"}
    assert all(
        part in one["text"] for one in shown.rows for parts in one.get("proposed", {}).values() for part in parts
    )


def test_a_half_trained_version_is_shown_to_be_worse_in_the_tasks_own_metric(measured: Measured) -> None:
    first = measured.of("extraction")
    second = measured.train_version(first.task, {**SETTINGS, "learning_rate": 2e-3, "epochs": 1}, "v1")
    found = compare(first, second).to_dict()
    assert found["metric"] == "entity_f1" and found["verdict"]["outcome"] == "worse"
    assert {"entity_f1", "exact_match"} <= set(found["metrics"]) and len(found["per_class"]) == 2
    assert found["verdict"]["difference"]["p"] < 0.05
    broken = found["examples"]["broken"][0]
    assert broken["gold"] in {line["gold"] for line in read_jsonl(first.predictions_file)}
    with first.task.change() as task:
        task.constraints.privacy = "on-premise"
    hidden = json.dumps(
        [compare(first, second).to_dict()["examples"], [cause.rows for cause in diagnose(second).causes]]
    )
    assert broken["gold"] not in hidden and json.loads(broken["gold"])["person"][0] not in hidden
