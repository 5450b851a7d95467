"""What a metric is, and which ones stand: one file each in `metrics/`, named after the metric.

Every metric is a function of the counts of (gold label, predicted label). Those are all that a bootstrap needs to draw
again, so ten thousand resamples are measured in one vectorised call.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from pydantic import BaseModel, ConfigDict

from ...resources.errors import EvaluationError
from ...resources.language import Text

if TYPE_CHECKING:
    import numpy

    Array: TypeAlias = numpy.ndarray[Any, Any]


class Metric(BaseModel, ABC):
    """One way to score answers. A subclass is named `Metric`-something, alone in a file whose name is the metric's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: ClassVar[Text]
    per_class: ClassVar[bool] = False
    higher_is_better: ClassVar[bool] = True

    @abstractmethod
    def measure(self, counts: Array) -> Array:
        """Score counted answers.

        Arguments:
            counts: (…, labels, labels + 1) rows by gold and by predicted label; the last column counts answers that
                are no label at all, which are wrong.

        Returns:
            (…) in 0–1, or (…, labels) for a metric with `per_class`.
        """


@cache
def known_metrics() -> dict[str, Metric]:
    """Every metric with its default settings, by name (the name of its file)."""
    from . import metrics as folder

    found: dict[str, Metric] = {}
    for module in pkgutil.iter_modules(folder.__path__):
        loaded = importlib.import_module(f"{folder.__name__}.{module.name}")
        kinds = [kind for kind in vars(loaded).values()
                 if isinstance(kind, type) and issubclass(kind, Metric) and kind.__module__ == loaded.__name__]
        if len(kinds) == 1:
            found[module.name] = kinds[0]()
    return found


def check_metric(name: str, labels: Sequence[str], field: str = "success_criteria.metric") -> tuple[Metric, str | None]:
    """The metric of that name: `macro_f1`, or a per-class one with its label, `recall.negative`.

    Returns:
        the metric, and the label it is about (None for one over all labels).

    Raises:
        EvaluationError: there is no such metric or label; the nearest names are offered.
    """
    metrics = known_metrics()
    kind, _, label = name.partition(".")
    metric = metrics.get(kind)
    if metric is not None and (label in labels if metric.per_class else not label):
        return metric, label or None
    offered = [other for other, found in metrics.items() if not found.per_class]
    offered += [f"{other}.{one}" for other, found in metrics.items() if found.per_class for one in labels]
    near = difflib.get_close_matches(name, offered, n=3, cutoff=0.5) or offered
    raise EvaluationError(
        Text(f"{name[:60]!r} is not a metric of this task.", f"「{name[:60]}」不是這個任務可用的指標。"),
        Text(f"Use one of: {', '.join(near)}.", f"可用的指標：{'、'.join(near)}。"), field=field,
    )


def metric_title(name: str) -> Text:
    """The metric's name for people: `macro_f1` → macro-F1, `recall.負面` → recall of 負面."""
    kind, _, label = name.partition(".")
    metric = known_metrics().get(kind)
    title = metric.title if metric else Text(kind, kind)
    return Text(f"{title.en} of {label}", f"「{label}」的{title.zh}") if label else title


def count_answers(gold: Sequence[str], predicted: Sequence[str | None], labels: Sequence[str]) -> Array:
    """(labels, labels + 1) counts of (gold, predicted); an answer that is no label falls in the last column."""
    import numpy as np

    place = {label: number for number, label in enumerate(labels)}
    rows = [place[label] for label in gold]
    columns = [place.get(label, len(labels)) if label is not None else len(labels) for label in predicted]
    counts: Array = np.zeros((len(labels), len(labels) + 1), dtype=np.int64)
    np.add.at(counts, (rows, columns), 1)
    return counts


def class_counts(counts: Array) -> tuple[Array, Array, Array]:
    """(…, labels) each: rows answered rightly, rows of the label, rows answered with the label."""
    import numpy as np

    labels = counts.shape[-2]
    right = np.diagonal(counts[..., :labels], axis1=-2, axis2=-1)
    return right, counts.sum(axis=-1), counts[..., :labels].sum(axis=-2)


def ratio(numerator: Array, denominator: Array, empty: float = 0.0) -> Array:
    """numerator / denominator, `empty` where the denominator is 0."""
    import numpy as np

    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    out: Array = np.full(shape, empty)
    np.divide(numerator, denominator, out=out, where=np.asarray(denominator) != 0)
    return out
