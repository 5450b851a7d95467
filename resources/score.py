"""What an evaluation's record says of one metric, and whether that reaches a goal. For lists; no training library is loaded."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from .foundation.files import read_json
from .foundation.json_object import JsonObject
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
    versions = {number: VersionFolder(folder, number) for number in version_numbers(folder)}
    recorded = {number: found for number, version in versions.items() if (found := _ranked(version, metric))}
    newest = max((found[-1] for found in recorded.values()), key=_creation_time, default=None)
    if newest is None:
        return None
    measured = [
        (number, one.value)
        for number, found in recorded.items()
        if (one := _last_on(newest.benchmark, found)) is not None and one.value is not None
    ]
    sign = -1 if lower_is_better(metric) else 1
    best = max(reversed(measured), key=lambda one: sign * one[1], default=None)
    if best is None:
        return None
    number, value = best
    evaluation = versions[number].latest_evaluation(newest.benchmark)
    return Best(versions[number].name, value, evaluation) if evaluation else None


class _Ranked(NamedTuple):
    """What ranking needs of one evaluation."""

    benchmark: str
    created: str
    value: float | None


def _ranked(version: VersionFolder, metric: str) -> list[_Ranked]:
    """The evaluations of a version, oldest first, read only as far as ranking needs: a list of a thousand is looked at often.

    Raises:
        NlpSkillsError: the file is not what it should be; the wrong field is named.
    """
    if not version.results_file.is_file():
        return []
    with contextlib.suppress(LookupError, TypeError, AttributeError, ValueError):
        content = read_json(version.results_file)
        if content.get("format", 1) == 1:
            return [_rank(record, metric) for record in content["evaluations"]]
    return [
        _Ranked(one.benchmark.hash, one.created, score_of(one, metric)) for one in version.evaluations()
    ]  # in full, which says what is wrong


def _rank(record: JsonObject, metric: str) -> _Ranked:
    kind, _, label = metric.partition(".")
    figures = record["per_class"].get(label, {}) if label else record["metrics"].get(kind, {})
    value = figures.get(kind if label else "value")
    ranked = _Ranked(record["benchmark"]["hash"], record["created"], value)
    if not all(isinstance(one, str) for one in ranked[:2]) or not isinstance(value, float | int | None):
        raise TypeError
    return ranked


def _creation_time(evaluation: _Ranked) -> str:
    return evaluation.created


def _last_on(benchmark: str, evaluations: list[_Ranked]) -> _Ranked | None:
    return next((one for one in reversed(evaluations) if one.benchmark == benchmark), None)
