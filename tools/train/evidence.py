"""What a training leaves for the diagnosis: figures that only the job can see, without any row's text."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...resources.foundation.clock import now
from ...resources.foundation.files import sha256_bytes
from ...resources.record import Part
from .audit import Audit
from .checkpoints import Log, LogEntry
from .tokenise import TokenisedRow

_ANSWERED_ROWS = 100
_EXAMPLES = 5


class AuditEvidence(Part):
    """What the label audit read: rows, tokens of the longest, answers with a trained end of turn, and rows by problem
    with a few of their ids."""

    rows: int
    longest: int
    ended: int
    problems: dict[str, int]
    examples: dict[str, list[str]]


class LearningRates(Part):
    """The peak that was used, and what the method would have chosen."""

    peak: float
    usual: float


class Losses(Part):
    """The first loss, the highest of the last two thirds, the lowest, and the mean of the last tenth."""

    first: float
    highest_later: float
    lowest: float
    last: float


class Gradients(Part):
    """Norms of the gradients: the median, the largest, the median of the last tenth, and the share that was scaled down;
    without any field where none was logged."""

    median: float | None = None
    largest: float | None = None
    last: float | None = None
    scaled_down: float | None = None


class PromptMark(Part):
    """By which the evaluation can tell whether it asks with the same template: the shortest row's prompt, hashed."""

    row: str
    tokens: int
    hash: str


class EpochFigures(Part):
    """An epoch's mean training loss, and on the validation rows loss, share right and, for labels, mean recall."""

    epoch: int
    train_loss: float
    valid_loss: float | None = None
    valid_exact: float | None = None
    valid_recall: float | None = None


class AnswersGiven(Part):
    """What the kept model answers to the very rows it was trained on: how many were asked, how many were right, the ids
    of the wrong ones, and how often each label was wrong and asked."""

    rows: int
    right: int
    loss: float
    wrong: list[str]
    wrong_labels: dict[str, int]
    labels: dict[str, int]


class MethodEvidence(Part):
    """What only one method or another leaves; a method of a package may add fields of its own."""

    epochs: list[EpochFigures] | None = None
    answers: AnswersGiven | None = None
    validations: list[dict[str, float]] | None = None


class TrainingEvidence(MethodEvidence):
    """The `training` part of a version's `evidence.json`; a figure stands only where it was measured."""

    created: str
    audit: AuditEvidence
    learning_rate: LearningRates
    loss: Losses
    gradients: Gradients
    prompt: PromptMark | None


def training_evidence(
    whole: Sequence[TokenisedRow],
    checked: Audit,
    history: Log,
    max_grad_norm: float,
    rates: LearningRates,
    of_the_method: MethodEvidence,
) -> TrainingEvidence:
    """What a training leaves in the `training` part of a version's `evidence.json`.

    Arguments:
        whole: the training rows whose input was not cut.
        history: the log of the run, oldest first.
    """
    return TrainingEvidence(
        created=now(),
        audit=audit_evidence(checked),
        learning_rate=rates,
        loss=_losses(history),
        gradients=_gradients(history, max_grad_norm),
        prompt=prompt_mark(min(whole, key=lambda row: (len(row.input_ids), row.id))) if whole else None,
        **of_the_method.to_dict(),
    )


def audit_evidence(checked: Audit) -> AuditEvidence:
    """Problems and examples are empty, unless somebody trained in spite of the audit."""
    examples: dict[str, list[str]] = {}
    for finding in checked.findings:
        if len(known := examples.setdefault(finding.problem, [])) < _EXAMPLES:
            known.append(finding.id)
    return AuditEvidence(
        rows=checked.rows,
        longest=checked.longest,
        ended=checked.ended,
        problems=dict(Counter(finding.problem for finding in checked.findings)),
        examples=examples,
    )


def prompt_mark(row: TokenisedRow) -> PromptMark:
    return PromptMark(row=row.id, tokens=row.start, hash=ids_hash(row.input_ids[: row.start]))


def ids_hash(ids: Sequence[int]) -> str:
    return sha256_bytes(json.dumps(list(ids)).encode())


def epochs_of(history: Log, steps: int) -> list[EpochFigures]:
    """The figures of each epoch of so many steps."""
    found: dict[int, dict[str, float]] = {}
    losses: dict[int, list[float]] = {}
    for entry in history:
        epoch = _epoch(entry, steps)
        if "loss" in entry:
            losses.setdefault(epoch, []).append(float(entry["loss"]))
        if "eval_loss" in entry:
            measured = {"valid_loss": round(entry["eval_loss"], 6), "valid_exact": round(entry["eval_exact"], 4)}
            recall = {"valid_recall": round(entry["eval_recall"], 4)} if "eval_recall" in entry else {}
            found.setdefault(epoch, {}).update(measured, **recall)
    return [
        EpochFigures(epoch=epoch, train_loss=round(statistics.fmean(values), 6), **found.get(epoch, {}))
        for epoch, values in sorted(losses.items())
    ]


def validations_of(history: Log, steps: int, eval_metric: str, names: Mapping[str, str]) -> list[dict[str, float]]:
    """For each epoch of so many steps what was measured on the validation rows.

    Arguments:
        eval_metric: what an evaluation's entry holds, and no other.
        names: the trainer's name of each figure and ours.
    """
    return [
        {
            "epoch": _epoch(entry, steps),
            **{ours: round(float(entry[name]), 6) for name, ours in names.items() if name in entry},
        }
        for entry in history
        if eval_metric in entry and entry["step"]
    ]


def _epoch(entry: LogEntry, steps: int) -> int:
    return max(1, -(-int(entry["step"]) // max(1, steps)))


def _losses(history: Log) -> Losses:
    losses = [float(entry["loss"]) for entry in history if "loss" in entry]
    later = losses[len(losses) // 3 :]
    return Losses(
        first=round(losses[0], 6),
        highest_later=round(max(later), 6),
        lowest=round(min(losses), 6),
        last=round(statistics.fmean(losses[-max(1, len(losses) // 10) :]), 6),
    )


def _gradients(history: Log, limit: float) -> Gradients:
    norms = [float(entry["grad_norm"]) for entry in history if entry.get("grad_norm") is not None]
    if not norms:
        return Gradients()
    return Gradients(
        median=round(statistics.median(norms), 4),
        largest=round(max(norms), 4),
        last=round(statistics.median(norms[-max(1, len(norms) // 10) :]), 4),
        scaled_down=round(sum(norm > limit for norm in norms) / len(norms), 4),
    )


def answers_given(trainer: Any, train: Sequence[TokenisedRow], dataset: Any, kept: Path) -> AnswersGiven:
    """What the kept model answers to (at most a hundred of) the very rows it was trained on."""
    trainer._load_from_checkpoint(str(kept))
    sample = list(train[:_ANSWERED_ROWS])
    loss, hits = trainer.score_answers(dataset(sample))
    wrong = [row for row, hit in zip(sample, hits, strict=True) if not hit]
    return AnswersGiven(
        rows=len(sample),
        right=sum(hits),
        loss=round(loss, 6),
        wrong=[row.id for row in wrong],
        wrong_labels=dict(Counter(row.answer for row in wrong)),
        labels=dict(Counter(row.answer for row in sample)),
    )


def tail_mean(history: Log, name: str) -> float | None:
    """The mean of the last tenth of what was logged under that name."""
    values = [float(entry[name]) for entry in history if entry.get(name) is not None]
    last = values[-max(1, len(values) // 10) :]
    return round(sum(last) / len(last), 6) if last else None
