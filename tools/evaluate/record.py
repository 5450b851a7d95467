"""The evaluated commit: a dated record in `results.json`, and the answers behind it.

results.json              {"format": 1, "evaluations": [oldest … newest]}, written last: it is the commit
predictions.jsonl         the newest evaluation's answers, for people
predictions/<hash>.jsonl  the answers of every evaluation, by the hash its record names
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict, cast

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
from .metric import Answered
from .predict import Prediction
from .seen import EvaluationSeen


class AnswerLine(TypedDict):
    """A line of `predictions.jsonl`; `rejected` and `margin` of pairs."""

    id: str
    text: str
    entity: NotRequired[str]
    gold: str
    predicted: str | None
    raw: str
    correct: bool
    ended: NotRequired[bool]
    rejected: NotRequired[str]
    margin: NotRequired[float]


def answer_rows(rows: Sequence[Row], predictions: Sequence[Prediction]) -> list[AnswerLine]:
    """The lines of `predictions.jsonl`, in the order of the benchmark."""
    return [_line(row, answer) for row, answer in zip(rows, predictions, strict=True)]


def _line(row: Row, answer: Prediction) -> AnswerLine:
    fields = {
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
    return cast(AnswerLine, fields)


def as_answered(lines: Sequence[Mapping[str, Any]]) -> list[Answered]:
    """The lines of `predictions.jsonl` as metrics see them."""
    return [Answered(str(line["gold"]), line["predicted"], line["raw"], line.get("margin")) for line in lines]


def keep_answers(folder: VersionFolder, lines: Sequence[Mapping[str, Any]]) -> str:
    """Keep answers under their hash; returns it."""
    content = dump_jsonl(lines)
    digest = sha256_bytes(content)
    path = answers_file(folder, digest)
    if not path.is_file():
        write_atomic(path, content)
    return digest


def find_committed(folder: VersionFolder, job: str) -> Evaluation | None:
    """The record this very job has committed before it was killed, if it has."""
    return next((record for record in reversed(folder.evaluations()) if record.job == job), None)


def record_evaluation(
    folder: VersionFolder, draft: Evaluation, answers: Sequence[Sequence[AnswerLine]], evidence: EvaluationSeen
) -> Evaluation:
    """Leave beside the version what was found, and commit: the evidence, the answers, then the record that names them.

    Arguments:
        answers: the lines behind the record, of each way of decoding.
        evidence: what a diagnosis needs and the figures do not say.
    """
    kept = folder.evidence()
    kept.evaluation = {**evidence}
    kept.write(folder.evidence_file)
    for lines in answers:
        keep_answers(folder, lines)
    return commit_evaluation(folder, draft)


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


def evaluated_answers(folder: VersionFolder, record: Evaluation, decoding: str | None = None) -> list[AnswerLine]:
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
        return [cast(AnswerLine, line) for line in read_jsonl(path)]
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
