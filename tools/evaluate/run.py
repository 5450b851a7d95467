"""Stage 05: evaluate a version on a frozen benchmark, with what it must be compared to beside it."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ...resources.evaluation import Evaluation
from ...resources.foundation.errors import EvaluationError, MissingRequirement, TrainingError
from ...resources.foundation.files import sha256_bytes
from ...resources.foundation.language import Text
from ...resources.lineage import parent_of, track_version
from ...resources.task import Task, TaskFolder
from ...resources.version import VersionFolder
from ..compute.environments.libraries import settle_libraries
from ..compute.jobs.device_queue import acquire_gpu
from ..compute.jobs.running import RunningJob, run_job
from ..compute.jobs.stopwatch import Stopwatch
from ..data.benchmark import Benchmark, frozen_benchmark
from ..data.prompting import gold_of, trained_prompt
from ..data.rows import Row
from ..data.store import Snapshot, load_snapshot
from ..data.task_kind import Answers
from .asked import Asked, as_asked, asking_limit, said_of_cut
from .baseline import BASE_MODEL, baselines_for, cached_answers
from .deciding import chosen_by
from .evidence import answer_evidence, data_evidence, same_prompt
from .measurable import check_labels, check_version
from .metric import Answered, answers_of, check_metric
from .model import (
    LoadedModel,
    ModelPaths,
    describe_unverified,
    load_for_inference,
    trained_version,
    verified_base,
    version_paths,
)
from .predict import Prediction, margins, predict
from .record import (
    FORMULA,
    answer_rows,
    benchmark_reference,
    commit_evaluation,
    keep_answers,
    measure_answers,
    measured_classes,
    measured_labels,
    row_groups,
    settle,
)
from .significance import Difference, Scores
from .simplified import simplified_leak
from .verdict import headline, verdict

ENTRY = ["scripts/05_evaluate.py"]


def main(task: Path, arguments: list[str]) -> int:
    """Evaluate a version (script 05)."""
    parser = argparse.ArgumentParser(
        prog="05_evaluate.py",
        description="Evaluate a trained version on a frozen benchmark. 用凍結的評估基準評估一個訓練好的版本。",
    )
    parser.add_argument("--version", default="latest", help="v1, v2, … or latest 版本，或 latest")
    parser.add_argument(
        "--benchmark", help="a name below benchmarks/ (default: main) benchmarks/ 裡的名稱（預設 main）"
    )
    parser.add_argument(
        "--skip-baselines", action="store_true", help="leave out the methods to compare with 不跑用來比較的簡單方法"
    )
    given = parser.parse_args(arguments)
    # Everything needed is on this machine by now; the libraries must neither ask the network nor draw bars.
    settle_libraries()

    def work(job: RunningJob) -> dict[str, Any]:
        folder = trained_version(TaskFolder(task), given.version)
        return evaluate_version(job, folder, given.benchmark, baselines=not given.skip_baselines)

    return run_job("evaluate", work, entry=ENTRY, arguments=arguments, task=Path(task), resumable=True)


def evaluate_version(
    job: RunningJob, folder: VersionFolder, benchmark_name: str | None = None, *, baselines: bool = True
) -> dict[str, Any]:
    """Ask the version every row of the benchmark, measure, compare with the baselines and commit the record.

    Returns:
        the job's result: figures, verdict, files and the next step; never row text.
    """
    evaluation = _Evaluation(job, folder, benchmark_name)
    record = evaluation.find_committed()  # a run that was killed after its commit has only the rest to do
    if record is None:
        with acquire_gpu(job), Stopwatch(evaluation.kept / "clock.json").running() as clock:
            head, other = evaluation.ask_version()
            beside = evaluation.baseline_answers() if baselines else {}
        with clock.running():
            evaluation.keep_evidence(head, other)
            draft = evaluation.record(head, other, beside)
        record = commit_evaluation(folder, draft.model_copy(update={"seconds": round(clock.seconds, 2)}))
    settle(folder)
    track_version(folder)
    from .report import write_report  # the server imports this file for its entry point alone

    report = write_report(folder, record)
    shutil.rmtree(evaluation.kept, ignore_errors=True)
    return _result(evaluation, record, report)


class _Evaluation:
    """One evaluation under way: what is asked, and the progress over all the passes together."""

    def __init__(self, job: RunningJob, folder: VersionFolder, benchmark_name: str | None) -> None:
        self.job, self.folder = job, folder
        self.task: Task = folder.task.load()
        job.progress(0, None, Text("checking the model's files", "檢查模型檔案"))
        self.paths: ModelPaths = version_paths(folder, "afresh")
        if unknown := describe_unverified(folder):
            job.warn(unknown)
        self.benchmark: Benchmark = frozen_benchmark(folder.task, benchmark_name)
        check_labels(folder.task, self.benchmark)
        check_version(folder, self.benchmark, self.task)
        self.rows: list[Row] = self.benchmark.rows()
        info = folder.model_info()
        self.info = info
        self.prompt = trained_prompt(info, self.task)
        self.labels = info.labels or self.task.labels
        self.measured_labels = measured_labels(self.labels, self.rows)
        self.answers = answers_of(self.task.type)
        check_metric(self.task.metric, self.measured_labels, self.answers)
        self.constrained = self.task.constrained_decoding and self.answers == "label"
        self.snapshot = _snapshot(folder)
        group_by = self.snapshot.manifest.split.group_by if self.snapshot else None
        self.groups = row_groups(self.rows, group_by)
        self.limit = asking_limit(folder)
        self.asked = Asked(self.rows)
        self.kept = folder.task.cache / "evaluations" / self._key()
        self.prompt_is_the_trained_one: bool | None = None  # not known before the model was asked
        # free, limited to the labels, the base model; of pairs each model's preference and its own answer
        self.passes, self.done = {"label": 3, "pair": 4}.get(self.answers, 2), 0
        if not self.rows:
            raise EvaluationError(
                Text(
                    f"The benchmark {self.benchmark.name} has no rows.",
                    f"評估基準 {self.benchmark.name} 沒有任何資料。",
                ),
                Text("Prepare data with a test split first.", "請先準備含有測試集的資料。"),
                field="benchmark",
            )

    def find_committed(self) -> Evaluation | None:
        """The record this very job has committed before it was killed, if it has."""
        records = reversed(self.folder.evaluations())
        return next((record for record in records if record.job == self.job.folder.id), None)

    def ask_version(self) -> tuple[list[Prediction], list[Prediction] | None]:
        """The version's answers, decoded as it will be deployed, and the other way where there is one."""
        loaded = self._load(self.paths.base, self.paths.adapter)
        self.asked = as_asked(loaded, self.rows, self.prompt, self.labels, self.limit)
        self.prompt_is_the_trained_one = self._trained_prompt(loaded)
        free = self._ask(loaded, False, "free", Text("asking the model", "詢問模型"))
        if self.answers != "label":
            return free, None
        constrained = self._ask(
            loaded, True, "constrained", Text("asking it again, limited to the labels", "再問一次，限定只能回答標籤")
        )
        return (constrained, free) if self.constrained else (free, constrained)

    def keep_evidence(self, head: list[Prediction], other: list[Prediction] | None) -> None:
        """Leave beside the record what a diagnosis needs and the figures do not say."""
        self._say(Text("looking for the causes of mistakes", "尋找錯誤的原因"))
        found: dict[str, Any] = {}
        if self.snapshot is not None:
            hashes = {name: self.snapshot.file_hashes[name] for name in ("train", "valid")}
            found = data_evidence(
                self.folder.task.cache,
                self.snapshot.rows("train"),
                self.snapshot.rows("valid"),
                self.rows,
                self.task.language,
                {**hashes, "benchmark": self.benchmark.hash},
            )
        seen = {
            "benchmark": self.benchmark.hash,
            "prompt": {"same": self.prompt_is_the_trained_one},
            **answer_evidence(other if other is not None and self.constrained else head),
            **found,
        }
        evidence = self.folder.evidence()
        evidence.evaluation = seen
        evidence.write(self.folder.evidence_file)

    def _trained_prompt(self, loaded: LoadedModel) -> bool | None:
        train = self.snapshot.rows("train") if self.snapshot else []
        mark = self.folder.evidence().training.get("prompt")
        return same_prompt(loaded, mark, train, self.prompt, self.labels)

    def baseline_answers(self) -> dict[str, list[Answered]]:
        """For each baseline its answer to every row; those that cannot be had are left out with a warning."""
        found: dict[str, list[Answered]] = {}
        if self.snapshot is None:
            self.job.warn(
                Text(
                    "The data this version was trained on is not on this machine, so the simple baselines "
                    "are left out.",
                    "這台機器上沒有這個版本的訓練資料，因此略過簡單的比較基準。",
                )
            )
        else:
            self._say(Text("asking the simple methods", "計算簡單方法的結果"))
            found |= simple_answers(
                self.folder.task.cache, self.answers, self.snapshot, self.benchmark, self.rows, self.task.language
            )
        if base := self._base_answers():
            found[BASE_MODEL] = base
        return found

    def _base_answers(self) -> list[Answered] | None:
        """The untuned base model's answers, decoded as the headline is."""
        key = {
            "base": self.info.base_model.hash or self.info.base_model.name,
            "benchmark": self.benchmark.hash,
            "prompt": self.prompt.model_dump(mode="json"),
            "labels": self.labels,
            "constrained": self.constrained,
            **({"cut": self.asked.cut} if self.asked.cut else {}),
        }

        def ask() -> list[Answered]:
            loaded = self._load(verified_base(self.folder, "kept" if self.info.adapter else "afresh"), None)
            doing = Text("asking the untuned base model", "詢問未微調的基礎模型")
            return [answer.answered for answer in self._ask(loaded, self.constrained, "base", doing)]

        try:
            return cached_answers(self.folder.task.cache, BASE_MODEL, key, self.rows, ask)
        except (EvaluationError, MissingRequirement, TrainingError) as error:
            self.job.warn(
                Text(
                    f"The untuned base model is left out: {error.problem.en}",
                    f"略過未微調的基礎模型：{error.problem.zh}",
                )
            )
            return None

    def record(
        self, head: list[Prediction], other: list[Prediction] | None, beside: dict[str, list[Answered]]
    ) -> Evaluation:
        """Everything `results.json` says of this evaluation, but its id and date."""
        self._say(Text("measuring", "計算指標"))
        answers, lines = [answer.answered for answer in head], answer_rows(self.rows, head)
        content: dict[str, Any] = {
            "benchmark": benchmark_reference(self.benchmark).to_dict(),
            "answers": self.answers,
            "formula": FORMULA,
            "decoding": "constrained" if self.constrained else "free",
            **measure_answers(self.answers, answers, self.measured_labels, self.groups),
            "clusters": {
                "by": (self.snapshot.manifest.split.group_by if self.snapshot else None) or "text",
                "count": len(set(self.groups)),
            },
            **({"other_decoding": self._other_decoding(other)} if other is not None else {}),
            "simplified": simplified_leak(
                [answer.raw for answer in head],
                self.task.language,
                meant_characters(self.labels, self.rows, self.answers),
            ),
            **({"cut": {"max_length": self.limit, "characters": self.asked.cut}} if self.asked.cut else {}),
            "job": self.job.folder.id,
            "baselines": {
                name: baseline_figures(
                    self.task.metric,
                    self.answers,
                    given,
                    self.measured_labels,
                    self.groups,
                    self.snapshot if name != BASE_MODEL else None,
                )
                for name, given in beside.items()
            },
            "predictions_hash": keep_answers(self.folder, lines),
        }
        record = Evaluation.model_validate(content)
        leaked = self._count_leaked()
        ahead = {
            name: paired_difference(self.task.metric, self.answers, given, answers, self.measured_labels, self.groups)
            for name, given in beside.items()
        }
        record.verdict = verdict(record, self.task, ahead, leaked, chosen_by(self.folder, record, lines))
        if leaked:
            record.trained_on = leaked
        return record

    def _other_decoding(self, other: list[Prediction]) -> dict[str, Any]:
        figures = measure_answers(
            self.answers, [answer.answered for answer in other], self.measured_labels, self.groups
        )
        return {
            "decoding": "free" if self.constrained else "constrained",
            "metrics": figures["metrics"],
            "predictions_hash": keep_answers(self.folder, answer_rows(self.rows, other)),
        }

    def _count_leaked(self) -> int:
        """How many rows of the benchmark this version was trained on."""
        if self.snapshot is None:
            return 0
        seen = {row["id"] for name in ("train", "valid") for row in self.snapshot.rows(name)}
        return sum(row["id"] in seen for row in self.rows)

    def _load(self, base: Path, adapter: Path | None) -> LoadedModel:
        self._say(Text("loading the model", "載入模型"))
        return load_for_inference(base, adapter, self.folder.environment().threads)  # as it was trained

    def _ask(self, loaded: LoadedModel, constrained: bool, name: str, doing: Text) -> list[Prediction]:
        before = self.done

        def report(done: int, _total: int) -> None:
            self.done = before + done
            self._say(doing)

        found = predict(
            loaded,
            self.asked.rows,
            self.prompt,
            self.labels,
            constrained,
            kept=self.kept / f"{name}.jsonl",
            report=report,
        )
        if self.answers != "pair":
            return found
        before = self.done
        preferred = margins(
            loaded, self.asked.rows, self.prompt, self.labels, kept=self.kept / f"{name}-pairs.jsonl", report=report
        )
        return [replace(one, margin=margin) for one, margin in zip(found, preferred, strict=True)]

    def _say(self, doing: Text) -> None:
        self.job.check_cancelled()
        self.job.progress(self.done, len(self.rows) * self.passes, doing)

    def _key(self) -> str:
        """Names what the answers depend on, so that a killed evaluation finds its own answers and no others."""
        key = {
            "version": self.folder.name,
            "files": self.info.files,
            "base": self.info.base_model.to_dict(),
            "benchmark": self.benchmark.hash,
            "prompt": self.prompt.model_dump(mode="json"),
            "labels": self.labels,
        }
        return sha256_bytes(json.dumps(key, sort_keys=True, ensure_ascii=False, default=str).encode())[:16]


def simple_answers(
    cache: Path, answers: Answers, snapshot: Snapshot, benchmark: Benchmark, rows: Sequence[Row], language: str
) -> dict[str, list[Answered]]:
    """What the simple methods that fit answer to the benchmark's rows, from what they learn of the snapshot's."""
    train, valid = snapshot.rows("train"), snapshot.rows("valid")
    hashes = {name: snapshot.file_hashes[name] for name in ("train", "valid")}
    key = {**hashes, "benchmark": benchmark.hash, "language": language}
    return {
        name: cached_answers(cache, name, key, rows, partial(one.answers, train, valid, rows, language))
        for name, one in baselines_for(answers, train).items()
    }


def baseline_figures(
    metric: str,
    kind: Answers,
    answers: Sequence[Answered],
    labels: Sequence[str],
    groups: Sequence[str] | None,
    snapshot: Snapshot | None,
) -> dict[str, Any]:
    """What a record says of a baseline: each metric's value and its interval.

    Arguments:
        snapshot: whose training rows it was fitted on, if it was.
    """
    figures = measure_answers(kind, answers, labels, groups)
    return {
        **{name: found["value"] for name, found in figures["metrics"].items()},
        metric: headline(Evaluation.model_validate(figures), metric).value,
        "intervals": {name: [found["low"], found["high"]] for name, found in figures["metrics"].items()},
        **({"fitted_on": {"rows": snapshot.counts["train"], "snapshot": snapshot.hash}} if snapshot else {}),
    }


def meant_characters(labels: Sequence[str], rows: Sequence[Row], answers: Answers) -> list[str]:
    """Texts whose characters an answer may well repeat: the labels, the texts it quotes, what was wanted."""
    if answers == "label":
        return list(labels)
    return [*labels, *(str(row["text"]) for row in rows)] if answers == "spans" else [gold_of(row) for row in rows]


def paired_difference(
    name: str,
    kind: Answers,
    a: Sequence[Answered],
    b: Sequence[Answered],
    labels: Sequence[str],
    groups: Sequence[str] | None,
) -> Difference:
    """How far answers `b` are ahead of answers `a` in the metric (above 0: b is better, whichever way it counts)."""
    metric, label = check_metric(name, labels, kind)
    labels = measured_classes(kind, labels)
    scores = Scores([a, b] if metric.higher_is_better else [b, a], labels, groups)
    return scores.differences({name: metric})[name][labels.index(label) if label else 0]


def _snapshot(folder: VersionFolder) -> Snapshot | None:
    """The snapshot the version was trained on; None where it is not on this machine."""
    digest = folder.data_snapshot().hash
    return load_snapshot(folder.task, digest) if digest and (folder.task.snapshots / digest[:12]).is_dir() else None


def _result(evaluation: _Evaluation, record: Evaluation, report: Path) -> dict[str, Any]:
    folder, found = evaluation.folder, record.verdict
    asked = record.cut
    cut = said_of_cut(len(asked.characters), asked.max_length) if asked else Text("", "")
    return {
        "version": folder.name,
        "evaluation": record.id,
        "benchmark": record.benchmark.to_dict(),
        "decoding": record.decoding,
        "metrics": {name: figure.to_dict() for name, figure in record.metrics.items()},
        "per_class": {
            label: {name: value for name, value in figures.to_dict().items() if name != "intervals"}
            for label, figures in record.per_class.items()
        },
        "other_decoding": {
            name: figure.value
            for name, figure in (record.other_decoding.metrics if record.other_decoding else {}).items()
        },
        "baselines": {
            name: {kind: value for kind, value in figures.to_dict().items() if kind != "intervals"}
            for name, figures in record.baselines.items()
        },
        "met": found.met,
        "threshold": found.threshold,
        "simplest_wins": found.simplest_wins,
        "report": str(report),
        "results": str(folder.results_file),
        "message": {
            "en": f"{folder.name}: {' '.join(filter(None, [found.text.en, cut.en]))}",
            "zh": f"{folder.name}：{found.text.zh}{cut.zh}",
        },
        "next_step": _next_step(folder, record),
    }


def _next_step(folder: VersionFolder, record: Evaluation) -> dict[str, Any]:
    """Compare with the parent where it can be compared, else deploy what is good enough, else ask the coach."""
    found, task = record.verdict, folder.task.name
    parent = parent_of(folder)
    if parent and parent.latest_evaluation(record.benchmark.hash):
        say = Text(
            f"Compare it with {parent.name}: is the difference more than chance?",
            f"和 {parent.name} 比較：差異是不是真的，而不只是運氣？",
        )
        return {
            "tool": "compare_versions",
            "arguments": {"task": task, "a": parent.name, "b": folder.name},
            "say": say._asdict(),
        }
    if found.met and not found.simplest_wins:
        say = Text(f"It meets the goal. Deploy {folder.name}?", f"已達標。要部署 {folder.name} 嗎？")
        return {"tool": "deploy", "arguments": {"task": task, "version": folder.name}, "say": say._asdict()}
    say = Text("Ask the coach what would help most.", "問教練怎麼改進最有效。")
    return {"tool": "coach", "arguments": {"task": task}, "say": say._asdict()}
