"""The evaluated commit: a dated record in `results.json`, and the answers behind it.

results.json              {"format": 1, "evaluations": [oldest … newest]}, written last: it is the commit
predictions.jsonl         the newest evaluation's answers, for people
predictions/<hash>.jsonl  the answers of every evaluation, by the hash its record names
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...resources.evaluation import BenchmarkReference, Evaluation
from ...resources.foundation.clock import now
from ...resources.foundation.errors import EvaluationError
from ...resources.foundation.files import (
    dump_jsonl,
    lock,
    read_json,
    read_jsonl,
    sha256_bytes,
    sha256_file,
    write_atomic,
    write_json,
)
from ...resources.foundation.language import Text
from ...resources.version import VersionFolder
from ..data.benchmark import Benchmark
from ..data.rows import Row
from ..data.split import SKELETON, group_keys
from ..data.task_kind import Answers, kind_of
from .metric import FEWEST_ROWS, Answered, count_answers, metrics_for, parts_of
from .predict import Prediction
from .significance import Scores

INVALID = "(invalid)"
FORMULA = (
    1  # counts up when the same answers come to give other figures, so that older records are not taken for forged
)


def row_groups(rows: Sequence[Row], group_by: str | None) -> list[str]:
    """Which rows belong together, as the split had it: by skeleton or column, else by their text."""
    known = group_by == SKELETON or any(group_by in row for row in rows)
    return group_keys(rows, group_by if known else None)


def measure_answers(
    kind: Answers, answers: Sequence[Answered], labels: Sequence[str], groups: Sequence[str] | None
) -> dict[str, Any]:
    """`metrics` with 95 % intervals and `per_class` figures of one model's answers; of labels also the `confusion`
    matrix.

    Arguments:
        kind: what the answers are, which decides the metrics.
    """
    labels = measured_classes(kind, labels)
    known = metrics_for(kind, answers)
    intervals = Scores([answers], labels, groups).intervals(known)
    support = Counter(label for row in answers for label, _ in parts_of(row.gold))
    per_class: dict[str, dict[str, Any]] = {}
    for place, label in enumerate(labels):
        figures = {name: found[place] for name, found in intervals.items() if known[name].per_class}
        few = support[label] < FEWEST_ROWS
        per_class[label] = {
            **{name: round(one.value, 6) for name, one in figures.items()},
            "support": support[label],
            **({"too_few": True, **_counts(answers, label)} if few else {}),
            "intervals": {}
            if few
            else {name: [round(one.low, 6), round(one.high, 6)] for name, one in figures.items()},
        }
    found: dict[str, Any] = {
        "metrics": {name: found[0].to_dict() for name, found in intervals.items() if not known[name].per_class},
        "per_class": per_class,
    }
    if kind != "label":
        return found
    if thin := {label: support[label] for label in labels if support[label] < FEWEST_ROWS}:
        enough = len(labels) - len(thin) > 1
        found["metrics"]["macro_f1"]["left_out" if enough else "too_few"] = thin
    counts = count_answers([row.gold for row in answers], [row.answer for row in answers], labels)
    return {**found, "confusion": {"labels": list(labels), "predicted": [*labels, INVALID], "matrix": counts}}


def _counts(answers: Sequence[Answered], label: str) -> dict[str, int]:
    """Of a label with few rows: how many were right, and how many answers named it."""
    gold, said = (
        [{part for part in parts_of(one) if part[0] == label} for one in column]
        for column in zip(*((row.gold, row.answer) for row in answers), strict=True)
    )
    return {
        "right": sum(len(one & other) for one, other in zip(gold, said, strict=True)),
        "answered": sum(len(one) for one in said),
    }


def measured_classes(kind: Answers, labels: Sequence[str]) -> list[str]:
    """The labels of figures by label, each once; none where the answers have no labels."""
    return list(dict.fromkeys(labels)) if kind in ("label", "spans") else []


def measured_labels(known: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """The labels figures are told of: those known, then others that stand in the rows."""
    return list(dict.fromkeys([*known, *(label for row in rows for label in kind_of(row).labels_of(row))]))


def answer_rows(rows: Sequence[Row], predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
    """The lines of `predictions.jsonl`, in the order of the benchmark."""
    return [
        {
            "id": row["id"],
            "text": row["text"],
            **({"entity": row["entity"]} if row.get("entity") else {}),
            "gold": answer.gold,
            "predicted": answer.answer,
            "raw": answer.raw,
            "correct": answer.correct,
            **({} if answer.ended else {"ended": False}),
            **({} if answer.margin is None else {"rejected": row["rejected"], "margin": round(answer.margin, 6)}),
        }
        for row, answer in zip(rows, predictions, strict=True)
    ]


def as_answered(lines: Sequence[Mapping[str, Any]]) -> list[Answered]:
    """The lines of `predictions.jsonl` as metrics see them."""
    return [Answered(str(line["gold"]), line["predicted"], line["raw"], line.get("margin")) for line in lines]


def keep_answers(folder: VersionFolder, lines: Sequence[dict[str, Any]]) -> str:
    """Keep answers under their hash; returns it."""
    content = dump_jsonl(lines)
    digest = sha256_bytes(content)
    path = answers_file(folder, digest)
    if not path.is_file():
        write_atomic(path, content)
    return digest


def commit_evaluation(folder: VersionFolder, record: Evaluation) -> Evaluation:
    """Append `record` to `results.json`: that is the commit. Its answers are written before it.

    Arguments:
        record: with `predictions_hash`, whose answers `keep_answers` has kept. Gets its `id` and `created` here.
    """
    with lock(folder.results_file):
        content = dict(read_json(folder.results_file)) if folder.results_file.is_file() else {}
        earlier = list(content.get("evaluations", []))
        record = Evaluation.model_validate({"id": f"e{len(earlier) + 1}", "created": now(), **record.to_dict()})
        write_atomic(folder.predictions_file, answers_file(folder, record.predictions_hash).read_bytes())
        write_json(folder.results_file, {"format": 1, **content, "evaluations": [*earlier, record.to_dict()]})
    return record


def evaluated_answers(folder: VersionFolder, record: Evaluation, decoding: str | None = None) -> list[dict[str, Any]]:
    """The answers behind a record, by default those of its headline; checked against the hash it names.

    A `predictions.jsonl` that a kill left older or newer than the newest record is put right on the way.

    Raises:
        EvaluationError: the file is gone or was changed.
    """
    settle(folder)
    other = record.other_decoding
    chosen = record if decoding in (None, record.decoding) else other if other and other.decoding == decoding else None
    digest = chosen.predictions_hash if chosen else ""
    path = answers_file(folder, digest)
    if digest and path.is_file() and sha256_file(path) == digest:
        return list(read_jsonl(path))
    raise EvaluationError(
        Text(
            f"The answers behind evaluation {record.id} of {folder.name} are missing or were changed.",
            f"{folder.name} 評估 {record.id} 的逐列回答不見了，或被改過。",
        ),
        Text(
            f"Evaluate it again: evaluate(task={folder.task.name!r}, version={folder.name!r}, "
            f"benchmark={record.benchmark.name!r}).",
            f"請重新評估：evaluate(task={folder.task.name!r}, version={folder.name!r}, "
            f"benchmark={record.benchmark.name!r})。",
        ),
        field="version",
    )


def settle(folder: VersionFolder) -> None:
    """Make `predictions.jsonl` the newest record's answers, where a kill left it otherwise."""
    record = folder.latest_evaluation()
    kept = answers_file(folder, record.predictions_hash) if record else None
    if record is None or kept is None or not kept.is_file():
        return
    file = folder.predictions_file
    if not file.is_file() or sha256_file(file) != record.predictions_hash:
        write_atomic(file, kept.read_bytes())


def benchmark_reference(benchmark: Benchmark) -> BenchmarkReference:
    return BenchmarkReference(name=benchmark.name, hash=benchmark.hash, count=benchmark.count)


def answers_file(folder: VersionFolder, digest: str) -> Path:
    """Where the answers of that hash stand."""
    return folder.root / "predictions" / f"{digest[:16]}.jsonl"
