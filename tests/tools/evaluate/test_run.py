"""Evaluation in this process: what the record, the files and the words say."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.errors import DataError, EvaluationError, TaskError
from nlp_skills.resources.foundation.files import read_jsonl, read_yaml, sha256_file, write_json
from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.task import Constraints, SuccessCriteria, TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.tools.compute.jobs.events import JobEvents
from nlp_skills.tools.compute.jobs.running import RunningJob
from nlp_skills.tools.evaluate import predicting, run
from nlp_skills.tools.evaluate import record as records
from nlp_skills.tools.evaluate.baselines.majority import Majority
from nlp_skills.tools.evaluate.baselines.tfidf import Tfidf
from nlp_skills.tools.evaluate.loading import find_snapshot
from nlp_skills.tools.evaluate.metric import Answered
from nlp_skills.tools.evaluate.model import trained_version, verified_base
from nlp_skills.tools.evaluate.predict import Prediction
from nlp_skills.tools.evaluate.record import evaluated_answers, settle
from nlp_skills.tools.evaluate.results import EvaluatedVersion

pytestmark = pytest.mark.worker
MakeTask = Callable[..., TaskFolder]
MakeVersion = Callable[..., VersionFolder]
LABELS = ["positive", "neutral", "negative"]
Answering = Callable[[int, str], str | None]


def job_for(task: TaskFolder, name: str = "by-test") -> RunningJob:
    folder = JobFolder(task.jobs / name)
    folder.root.mkdir(parents=True, exist_ok=True)
    write_json(
        folder.spec_file,
        {"id": name, "kind": "evaluate", "entry": run.ENTRY, "python": "python", "created": "2026-01-06T14:00:00Z"},
    )
    return RunningJob(folder, task, by_hand=False)


def evaluate(folder: VersionFolder, job: str = "by-test", **options: Any) -> EvaluatedVersion:
    return run.evaluate_version(job_for(folder.task, job), folder, **options)


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Answer for the model: `free` and `base` say what is answered to a row's gold label."""

    def set_answers(free: Answering, base: Answering | None = None) -> None:
        def predict(
            _loaded: Any,
            rows: list[dict[str, Any]],
            _prompt: Any,
            _labels: Any,
            constrained: bool = False,
            *,
            kept: Path,
            report: Callable[[int, int], None],
            **_: Any,
        ) -> list[Prediction]:
            chosen = base if base and kept.stem == "base" else free
            said = [chosen(number, row["label"]) for number, row in enumerate(rows)]
            report(len(rows), len(rows))
            return [
                Prediction(row["id"], row["label"], answer or "whatever", answer)
                for row, answer in zip(rows, said, strict=True)
            ]

        monkeypatch.setattr(predicting, "predict", predict)
        monkeypatch.setattr(predicting, "load_for_inference", lambda *_: None)

    return set_answers


def test_a_random_model_is_measured_for_what_it_is(make_task: MakeTask, versions: MakeVersion, tiny: Path) -> None:
    task = make_task(test=12)
    folder = versions(task, tiny)
    result = evaluate(folder)
    record = folder.latest_evaluation()
    assert record is not None
    assert set(record.metrics) >= {"macro_f1", "accuracy", "invalid_rate"}
    assert record.metrics["invalid_rate"].value == 1.0 and record.decoding == "free"
    assert record.other_decoding and record.other_decoding.decoding == "constrained"
    assert record.other_decoding.metrics["invalid_rate"].value == 0.0
    assert (record.baselines["tfidf"].value("macro_f1") or 0) > 0.9  # the verbs give the label away
    assert record.baselines["base_model"].value("accuracy") == 0.0
    assert record.verdict.met is False and record.verdict.simplest_wins is True
    assert "TF-IDF" in result["message"]["en"] and "最簡單的方法勝出" in result["message"]["zh"]
    assert result["next_step"]["tool"] == "coach"
    assert record.predictions_hash == sha256_file(folder.predictions_file)
    rows = list(read_jsonl(folder.predictions_file))
    assert len(rows) == 12
    assert rows[0].keys() - {"ended"} == {"id", "text", "entity", "gold", "predicted", "raw", "correct"}
    assert any(row.get("ended") is False for row in rows), "a random model does not know when to stop"
    lineage = read_yaml(folder.lineage_file)
    assert lineage["results"]["macro_f1"] == record.metrics["macro_f1"].value
    assert lineage["status"] == "evaluated"
    json.dumps(record.to_dict(), allow_nan=False)
    progress = JobEvents(JobFolder(task.jobs / "by-test")).progress()
    assert (progress.step, progress.total) == (36, 36)


def test_evaluating_again_appends_a_dated_record_and_reuses_the_baselines(
    make_task: MakeTask, versions: MakeVersion, answering: Callable[..., None], tiny: Path
) -> None:
    folder = versions(make_task(), tiny)
    answering(lambda _, gold: gold, lambda *_: None)
    evaluate(folder)
    answering(lambda _, gold: gold, lambda *_: pytest.fail("the base model was asked again"))
    evaluate(folder, job="another")
    first, second = folder.evaluations()
    assert (first.id, second.id) == ("e1", "e2")
    assert first.predictions_hash == second.predictions_hash and first.created <= second.created
    assert first.baselines == second.baselines
    assert first.baselines["base_model"].value("invalid_rate") == 1.0


def test_a_good_model_meets_its_goal_and_is_offered_for_deployment(
    make_task: MakeTask, versions: MakeVersion, answering: Callable[..., None], tiny: Path
) -> None:
    folder = versions(make_task(test=60), tiny)
    answering(lambda _, gold: gold, lambda *_: None)
    result = evaluate(folder, baselines=False)
    assert result["met"] is True and "is met" in result["message"]["en"]
    assert result["next_step"]["tool"] == "deploy"
    assert result["next_step"]["arguments"] == {"task": "news", "version": "v1"}
    assert result["baselines"] == {} and result["metrics"]["macro_f1"]["value"] == 1.0


def test_a_tie_with_the_simplest_method_is_said(
    make_task: MakeTask,
    versions: MakeVersion,
    answering: Callable[..., None],
    tiny: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = versions(make_task(), tiny)
    answering(lambda _, gold: gold, lambda *_: None)

    def but_for_the_first(_self: Any, _t: Any, _v: Any, rows: list[dict[str, Any]], _l: str) -> list[Answered]:
        return [
            Answered(row["label"], row["label"] if number else LABELS[LABELS.index(row["label"]) - 1])
            for number, row in enumerate(rows)
        ]

    for kind in (Tfidf, Majority):
        monkeypatch.setattr(kind, "answers", but_for_the_first)
    record = evaluate(folder)
    verdict = folder.evaluations()[0].verdict
    assert verdict.simplest and verdict.simplest.outcome == "ties" and verdict.simplest_wins is False
    assert "not shown to beat" in record["message"]["en"]
    assert "未能證明它優於最簡單的方法" in record["message"]["zh"]


def test_an_untuned_model_that_is_as_good_is_said(
    make_task: MakeTask, versions: MakeVersion, answering: Callable[..., None], tiny: Path
) -> None:
    folder = versions(make_task(), tiny)
    answering(lambda _, gold: gold)
    assert "not shown to help" in evaluate(folder)["message"]["en"]


def test_the_headline_is_constrained_where_the_task_is_deployed_so(
    make_task: MakeTask, versions: MakeVersion, tiny: Path
) -> None:
    folder = versions(make_task(test=8, constrained_decoding=True), tiny)
    evaluate(folder, baselines=False)
    record = folder.evaluations()[0]
    assert record.decoding == "constrained" and record.metrics["invalid_rate"].value == 0.0
    assert record.other_decoding and record.other_decoding.decoding == "free"
    free = evaluated_answers(folder, record, "free")
    assert all(row["predicted"] is None for row in free)


def test_a_per_class_goal_is_measured(
    make_task: MakeTask, versions: MakeVersion, answering: Callable[..., None], tiny: Path
) -> None:
    folder = versions(make_task(success_criteria=SuccessCriteria(metric="recall.negative", threshold=0.9)), tiny)
    answering(lambda _, gold: None if gold == "negative" else gold, lambda *_: None)
    result = evaluate(folder)
    assert result["met"] is False and result["baselines"]["majority"]["recall.negative"] in (0.0, 1.0)
    assert "recall of negative 0.000" in result["message"]["en"]


def test_a_misspelt_goal_is_told_before_the_model_is_loaded(
    make_task: MakeTask, versions: MakeVersion, tiny: Path
) -> None:
    folder = versions(make_task(success_criteria=SuccessCriteria(metric="macro-f1")), tiny)
    with pytest.raises(EvaluationError) as caught:
        evaluate(folder)
    assert "macro_f1" in caught.value.fix.en and not folder.results_file.exists()


def test_no_row_text_leaves_an_on_premise_task(
    make_task: MakeTask, versions: MakeVersion, answering: Callable[..., None], tiny: Path
) -> None:
    folder = versions(make_task(constraints=Constraints(privacy="on-premise")), tiny)
    answering(lambda number, gold: "neutral" if number % 2 else gold, lambda *_: None)
    result = json.dumps(evaluate(folder), ensure_ascii=False)
    assert "Company" not in result and "quarter" not in result


def test_rows_trained_on_are_called_out(
    make_task: MakeTask, versions: MakeVersion, answering: Callable[..., None], tiny: Path
) -> None:
    task = make_task()
    folder = versions(task, tiny)
    train = find_snapshot(folder)
    assert train is not None
    from nlp_skills.tools.data.benchmark import freeze

    freeze(task, train.rows("train")[:5], name="leaky")
    answering(lambda _, gold: gold, lambda *_: None)
    result = evaluate(folder, benchmark_name="leaky")
    assert "trained on 5 rows" in result["message"]["en"]


def test_a_model_file_that_was_changed_is_refused(make_task: MakeTask, versions: MakeVersion, tiny: Path) -> None:
    folder = versions(make_task(), tiny)
    (folder.models / "model" / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"config\.json is not the file"):
        evaluate(folder)


def test_latest_is_the_newest_trained_version(make_task: MakeTask, versions: MakeVersion, tiny: Path) -> None:
    task = make_task()
    versions(task, tiny)
    running = versions(task, tiny)
    running.model_info_file.unlink()
    assert trained_version(task, "latest").name == "v1"
    with pytest.raises(EvaluationError, match="still being trained"):
        trained_version(task, "v2")
    write_json(running.failure_file, {"cancelled": False})
    with pytest.raises(EvaluationError, match="did not finish"):
        trained_version(task, "v2")
    with pytest.raises(TaskError, match="no version"):
        trained_version(task, "v7")


def test_an_unknown_benchmark_is_one_clear_error(make_task: MakeTask, versions: MakeVersion, tiny: Path) -> None:
    with pytest.raises(DataError, match="no frozen benchmark"):
        evaluate(versions(make_task(), tiny), benchmark_name="mian")


def test_answers_without_a_record_are_not_an_evaluation(
    make_task: MakeTask,
    versions: MakeVersion,
    answering: Callable[..., None],
    tiny: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Killed(BaseException):
        pass

    def kill_run(*_: Any) -> None:
        raise Killed

    folder = versions(make_task(), tiny)
    answering(lambda _, gold: gold, lambda *_: None)
    with monkeypatch.context() as patched:
        patched.setattr(records, "write_json", kill_run)
        with pytest.raises(Killed):
            evaluate(folder)
    assert folder.status() == "trained" and folder.evaluations() == []
    evaluate(folder)
    assert [found.id for found in folder.evaluations()] == ["e1"]


def test_predictions_left_torn_by_a_kill_are_put_right(
    make_task: MakeTask, versions: MakeVersion, answering: Callable[..., None], tiny: Path
) -> None:
    folder = versions(make_task(), tiny)
    answering(lambda _, gold: gold, lambda *_: None)
    evaluate(folder, baselines=False)
    before = folder.predictions_file.read_bytes()
    folder.predictions_file.write_bytes(b"{}\n")  # a newer evaluation was killed before its commit
    settle(folder)
    assert folder.predictions_file.read_bytes() == before
    folder.predictions_file.unlink()
    record = folder.evaluations()[0]
    assert len(evaluated_answers(folder, record)) == 20 and folder.predictions_file.read_bytes() == before


def test_without_the_training_data_the_simple_baselines_are_left_out_and_said(
    make_task: MakeTask, versions: MakeVersion, answering: Callable[..., None], tiny: Path
) -> None:
    import shutil

    task = make_task()
    folder = versions(task, tiny)
    shutil.rmtree(task.snapshots)
    answering(lambda _, gold: gold, lambda *_: None)
    assert set(evaluate(folder)["baselines"]) == {"base_model"}
    assert "not on this machine" in JobEvents(JobFolder(task.jobs / "by-test")).warnings()[0]


@pytest.mark.parametrize("fault", ["template", "weights", "beside"])
def test_a_model_whose_files_are_not_the_committed_ones_is_not_evaluated(
    make_task: MakeTask, versions: MakeVersion, tiny: Path, answering: Callable[..., None], fault: str
) -> None:
    folder = versions(make_task(), tiny)
    answering(lambda _number, gold: gold)
    place = folder.models / "model"
    if fault == "template":
        file = place / "chat_template.jinja"
        file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    elif fault == "weights":
        file = place / "model.safetensors"
        content = bytearray(file.read_bytes())
        content[-3] ^= 1
        file.write_bytes(content)
    else:
        file = place / "tokenizer.model"
        file.write_bytes(b"another tokenizer")
    with pytest.raises(EvaluationError, match=file.name):
        evaluate(folder)
    assert folder.latest_evaluation() is None


def test_a_base_model_with_noise_in_it_is_no_baseline_any_more_and_one_never_recorded_is_said(
    make_task: MakeTask, versions: MakeVersion, tiny: Path, tmp_path: Path, answering: Callable[..., None]
) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny, base)
    folder = versions(make_task(), base)
    answering(lambda _number, gold: gold)
    weights = base / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-3] ^= 1
    weights.write_bytes(content)
    with pytest.raises(EvaluationError, match=re.escape(str(base))):
        verified_base(folder)
    evaluate(folder)
    evaluation = folder.latest_evaluation()
    assert evaluation and "base_model" not in evaluation.baselines
    assert any(str(base) in said for said in JobEvents(job_for(folder.task).folder).warnings())

    info = json.loads(folder.model_info_file.read_text(encoding="utf-8"))
    write_json(folder.model_info_file, {**info, "base_model": {"name": str(base), "path": str(base)}})
    evaluate(folder, "again")
    assert any("could not be verified" in said for said in JobEvents(job_for(folder.task, "again").folder).warnings())
