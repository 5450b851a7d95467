"""What stands beside every result: one file for each simple method, named after it, and the untuned base model.

Answers are cached by the hashes of what they depend on, so evaluating again costs nothing more.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from ...resources.evaluation import FittedOn
from ...resources.foundation.errors import EvaluationError
from ...resources.foundation.files import read_json, sha256_bytes, write_json
from ...resources.foundation.kinds import Registry, is_stand_in
from ...resources.foundation.language import Text, several
from ..data.benchmark import Benchmark
from ..data.rows import Row
from ..data.store import Snapshot
from ..data.task_kind import Answers, kind_of
from .metric import Answered

BASE_MODEL = "base_model"
_BASE_MODEL_TITLE = Text("the untuned base model", "未微調的基礎模型")
_VERSION = 2  # raise when an answer below may change


class Baseline(ABC):
    """A method that needs no language model. A subclass is one file here; its docstring is its documentation."""

    title: ClassVar[Text]
    fits: ClassVar[tuple[Answers, ...]]

    def makes_sense(self, train: Sequence[Row]) -> bool:
        """Whether it is worth standing beside results on such rows."""
        return True

    @abstractmethod
    def answers(self, train: Sequence[Row], valid: Sequence[Row], rows: Sequence[Row], language: str) -> list[Answered]:
        """Its answer to every one of `rows`, learnt from the training and validation rows."""


BASELINES = Registry(
    f"{__package__}.baselines", Baseline, Text("simple method", "種簡單方法"), EvaluationError, group="baselines"
)


def known_baselines() -> dict[str, Baseline]:
    """Every simple method by name."""
    return BASELINES.instances()


def baselines_for(answers: Answers, train: Sequence[Row]) -> dict[str, Baseline]:
    """The simple methods that fit answers of a kind, and such rows."""
    return {
        name: one
        for name, one in known_baselines().items()
        if answers in one.fits and train and not is_stand_in(one) and one.makes_sense(train)
    }


def baseline_title(name: str) -> Text:
    """The method's name for people."""
    if name == BASE_MODEL:
        return _BASE_MODEL_TITLE
    known = known_baselines().get(name)
    return known.title if known else Text(name, name)


def fitted_title(name: str, fitted_on: FittedOn | None) -> Text:
    """The method's name with the rows it was fitted on, without which its score is no figure.

    Arguments:
        fitted_on: as its evaluation recorded it; older ones do not say the rows.
    """
    title, rows = baseline_title(name), fitted_on.rows if fitted_on else None
    if rows is None:
        return title
    return Text(
        f"{title.en} fitted on {several(rows, 'row')}",
        f"以 {rows} 筆訓練的{' ' if title.zh[0].isascii() else ''}{title.zh}",
    )


def answer_row(row: Row, answer: str) -> Answered:
    """A row answered with `answer`."""
    kind = kind_of(row)
    return Answered(kind.gold(row), kind.read(answer, kind.labels_of(row)), answer)


def cached_answers(
    folder: Path, name: str, key: Mapping[str, Any], rows: Sequence[Row], answer: Callable[[], Sequence[Answered]]
) -> list[Answered]:
    """The answers to `rows` computed once for this `key` (what they depend on), kept under `folder`."""
    digest = sha256_bytes(json.dumps({"version": _VERSION, **key}, sort_keys=True, ensure_ascii=False).encode())
    path = folder / "baselines" / f"{name}-{digest[:16]}.json"
    if not path.is_file():
        kept = [{"answer": one.answer, "raw": one.raw, "margin": one.margin} for one in answer()]
        write_json(path, {"format": 1, "name": name, "key": dict(key), "answers": kept})
    golds = [kind_of(row).gold(row) for row in rows]
    return [Answered(gold, **one) for gold, one in zip(golds, read_json(path)["answers"], strict=True)]


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
