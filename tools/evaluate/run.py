"""Stage 05: evaluate a version on a frozen benchmark, with what it must be compared to beside it.

load → predict → score → record: each step takes what the one before it gave.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from ...resources.evaluation import Evaluation
from ...resources.foundation.language import Text
from ...resources.lineage import parent_of, track_version
from ...resources.task import TaskFolder
from ...resources.version import VersionFolder
from ..compute.environments.libraries import settle_libraries
from ..compute.jobs.result import NextCall
from ..compute.jobs.running import RunningJob, run_job
from .asked import said_of_cut
from .loading import load_evaluation
from .model import trained_version
from .predicting import predict_benchmark
from .record import find_committed, record_evaluation, settle
from .results import EvaluatedVersion
from .scoring import score_predictions

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

    def work(job: RunningJob) -> EvaluatedVersion:
        folder = trained_version(TaskFolder(task), given.version)
        return evaluate_version(job, folder, given.benchmark, baselines=not given.skip_baselines)

    return run_job("evaluate", work, entry=ENTRY, arguments=arguments, task=Path(task), resumable=True)


def evaluate_version(
    job: RunningJob, folder: VersionFolder, benchmark_name: str | None = None, *, baselines: bool = True
) -> EvaluatedVersion:
    """Ask the version every row of the benchmark, measure, compare with the baselines and commit the record.

    Returns:
        the job's result: figures, verdict, files and the next step; never row text.
    """
    given = load_evaluation(job, folder, benchmark_name)
    record = find_committed(folder, job.folder.id)  # a run that was killed after its commit has only the rest to do
    if record is None:
        predictions = predict_benchmark(given, baselines=baselines)
        scored = score_predictions(predictions)
        record = record_evaluation(scored.folder, scored.draft, scored.answers, scored.evidence)
    settle(folder)
    track_version(folder)
    from .report import write_report  # the server imports this file for its entry point alone

    report = write_report(folder, record)
    shutil.rmtree(given.kept, ignore_errors=True)
    return _result(folder, record, report)


def _result(folder: VersionFolder, record: Evaluation, report: Path) -> EvaluatedVersion:
    found = record.verdict
    asked = record.cut
    cut = said_of_cut(len(asked.characters), asked.max_length) if asked else Text("", "")
    result: EvaluatedVersion = {
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
    if record.not_measured:
        result["not_measured"] = {name: why.to_dict() for name, why in record.not_measured.items()}
    return result


def _next_step(folder: VersionFolder, record: Evaluation) -> NextCall:
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
