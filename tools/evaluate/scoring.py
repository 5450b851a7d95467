"""The third step of an evaluation: the answers become figures, a verdict, and what a diagnosis needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...resources.evaluation import Evaluation
from ...resources.foundation.files import dump_jsonl, sha256_bytes
from ...resources.foundation.language import Text
from ...resources.version import VersionFolder
from ..data.prompting import gold_of
from ..data.rows import Row
from ..data.task_kind import Answers
from .baseline import BASE_MODEL
from .deciding import chosen_by
from .evidence import answer_evidence, data_evidence
from .loading import EvaluationInput
from .measuring import FORMULA, baseline_figures, measure_answers, paired_differences
from .predict import Prediction
from .predicting import Predictions
from .record import AnswerLine, answer_rows, benchmark_reference
from .seen import DataSeen, EvaluationSeen
from .simplified import simplified_leak
from .verdict import verdict


@dataclass(frozen=True)
class Scored:
    """What is to be recorded.

    Arguments:
        draft: everything `results.json` says of this evaluation, but its id and date.
        answers: the lines behind it, of each way of decoding.
        evidence: what a diagnosis needs and the figures do not say.
    """

    folder: VersionFolder
    draft: Evaluation
    answers: list[list[AnswerLine]]
    evidence: EvaluationSeen


def score_predictions(found: Predictions) -> Scored:
    """Measure the version and what stands beside it, and say what the figures mean."""
    given = found.given
    with found.clock.running():
        evidence = _collect_evidence(found)
        given.progress.say(Text("measuring", "計算指標"))
        draft, lines = _draft(found)
    draft = draft.model_copy(update={"seconds": round(found.clock.seconds, 2)})
    return Scored(given.folder, draft, lines, evidence)


def _draft(found: Predictions) -> tuple[Evaluation, list[list[AnswerLine]]]:
    given = found.given
    answers, lines = [answer.answered for answer in found.headline], [answer_rows(given.rows, found.headline)]
    other: dict[str, object] = {}
    if found.other is not None:
        lines.append(answer_rows(given.rows, found.other))
        other = {"other_decoding": _other_decoding(given, found.other, lines[1])}
    record = Evaluation.model_validate(
        {
            "benchmark": benchmark_reference(given.benchmark).to_dict(),
            "answers": given.answers,
            "formula": FORMULA,
            "decoding": "constrained" if given.constrained else "free",
            **measure_answers(given.answers, answers, given.measured_labels, given.groups),
            "clusters": {"by": given.group_by or "text", "count": len(set(given.groups))},
            **other,
            "simplified": simplified_leak(
                [answer.raw for answer in found.headline],
                given.task.language,
                meant_characters(given.labels, given.rows, given.answers),
            ),
            **({"cut": {"max_length": found.limit, "characters": found.asked.cut}} if found.asked.cut else {}),
            "job": given.job.folder.id,
            "baselines": {
                name: baseline_figures(
                    given.task.metric,
                    given.answers,
                    answered,
                    given.measured_labels,
                    given.groups,
                    given.snapshot if name != BASE_MODEL else None,
                )
                for name, answered in found.beside.items()
            },
            "predictions_hash": _hash_answers(lines[0]),
        }
    )
    leaked = _count_leaked(given)
    ahead = paired_differences(
        given.task.metric, given.answers, found.beside, answers, given.measured_labels, given.groups
    )
    measured = record.find_metric(given.task.metric) is not None
    chosen = chosen_by(given.folder, record, lines[0]) if measured else None
    record.verdict = verdict(record, given.task, ahead, leaked, chosen)
    if leaked:
        record.trained_on = leaked
    return record, lines


def _other_decoding(
    given: EvaluationInput, other: Sequence[Prediction], lines: Sequence[AnswerLine]
) -> Mapping[str, object]:
    figures = measure_answers(given.answers, [answer.answered for answer in other], given.measured_labels, given.groups)
    return {
        "decoding": "free" if given.constrained else "constrained",
        "metrics": figures["metrics"],
        "predictions_hash": _hash_answers(lines),
    }


def _hash_answers(lines: Sequence[AnswerLine]) -> str:
    """What `keep_answers` will keep them under."""
    return sha256_bytes(dump_jsonl(lines))


def _collect_evidence(found: Predictions) -> EvaluationSeen:
    """What a diagnosis needs and the figures do not say."""
    given = found.given
    given.progress.say(Text("looking for the causes of mistakes", "尋找錯誤的原因"))
    of_data: DataSeen = {}
    if given.snapshot is not None:
        hashes = {name: given.snapshot.file_hashes[name] for name in ("train", "valid")}
        of_data = data_evidence(
            given.folder.task.cache,
            given.snapshot.rows("train"),
            given.snapshot.rows("valid"),
            given.rows,
            given.task.language,
            {**hashes, "benchmark": given.benchmark.hash},
        )
    return {
        "benchmark": given.benchmark.hash,
        "prompt": {"same": found.same_prompt},
        **answer_evidence(found.free),
        **of_data,
    }


def _count_leaked(given: EvaluationInput) -> int:
    """How many rows of the benchmark this version was trained on."""
    if given.snapshot is None:
        return 0
    seen = {row["id"] for name in ("train", "valid") for row in given.snapshot.rows(name)}
    return sum(row["id"] in seen for row in given.rows)


def meant_characters(labels: Sequence[str], rows: Sequence[Row], answers: Answers) -> list[str]:
    """Texts whose characters an answer may well repeat: the labels, the texts it quotes, what was wanted."""
    if answers == "label":
        return list(labels)
    return [*labels, *(str(row["text"]) for row in rows)] if answers == "spans" else [gold_of(row) for row in rows]
