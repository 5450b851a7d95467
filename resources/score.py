"""What an evaluation's record says of one metric, and whether that reaches a goal. For lists; no training library is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .foundation.kinds import registry
from .task import TaskFolder
from .version import VersionFolder, version_numbers

if TYPE_CHECKING:
    from .evaluation import Evaluation


class Best(NamedTuple):
    """The best version of a task in its own metric, on the benchmark of the newest evaluation."""

    version: str
    score: float
    evaluation: Evaluation


def lower_is_better(metric: str) -> bool:
    """Whether a metric falls as a model gets better, as its kind says; one that is not installed counts as rising."""
    kind = registry("metrics").classes().get(metric.partition(".")[0])
    return kind is not None and not kind.higher_is_better


def score_of(evaluation: Evaluation, metric: str) -> float | None:
    """The value of `macro_f1`, or of a per-class metric such as `recall.negative`; None where it was not measured."""
    found = evaluation.find_metric(metric)
    return None if found is None else float(found.value)


def reaches(metric: str, score: float, threshold: float) -> bool:
    """Whether `score` is as good as `threshold` or better."""
    return score <= threshold if lower_is_better(metric) else score >= threshold


def best_version(folder: TaskFolder, metric: str = "macro_f1") -> Best | None:
    """The best version on the benchmark of the newest evaluation: figures of different test sets are never ranked
    against each other. Of equals the newest."""
    versions = (VersionFolder(folder, number) for number in version_numbers(folder))
    recorded = {version.name: evaluations for version in versions if (evaluations := version.evaluations())}
    newest = max((evaluations[-1] for evaluations in recorded.values()), key=_creation_time, default=None)
    if newest is None:
        return None
    measured = [
        Best(name, value, evaluation)
        for name, evaluations in recorded.items()
        if (evaluation := _last_on(newest.benchmark.hash, evaluations)) is not None
        and (value := score_of(evaluation, metric)) is not None
    ]
    sign = -1 if lower_is_better(metric) else 1
    return max(reversed(measured), key=lambda best: sign * best.score, default=None)


def _creation_time(evaluation: Evaluation) -> str:
    return evaluation.created


def _last_on(benchmark_hash: str, evaluations: list[Evaluation]) -> Evaluation | None:
    return next((one for one in reversed(evaluations) if one.benchmark.hash == benchmark_hash), None)
