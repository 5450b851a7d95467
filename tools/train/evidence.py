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
from .audit import Audit
from .tokenise import TokenisedRow

_ANSWERED_ROWS = 100
_EXAMPLES = 5


def training_evidence(
    whole: Sequence[TokenisedRow],
    checked: Audit,
    history: Sequence[Mapping[str, Any]],
    max_grad_norm: float,
    rates: Mapping[str, float],
) -> dict[str, Any]:
    """What every method leaves in the `training` part of a version's `evidence.json`.

    Arguments:
        whole: the training rows whose input was not cut.
        history: the log of the run, oldest first.
        rates: `peak`, the learning rate used, and `usual`, what the method would have chosen.
    """
    return {
        "created": now(),
        "audit": audit_evidence(checked),
        "learning_rate": dict(rates),
        "loss": _losses(history),
        "gradients": _gradients(history, max_grad_norm),
        "prompt": prompt_mark(min(whole, key=lambda row: (len(row.input_ids), row.id))) if whole else None,
    }


def audit_evidence(checked: Audit) -> dict[str, Any]:
    """Rows by problem with a few of their ids: all empty, unless somebody trained in spite of the audit."""
    examples: dict[str, list[str]] = {}
    for finding in checked.findings:
        if len(known := examples.setdefault(finding.problem, [])) < _EXAMPLES:
            known.append(finding.id)
    return {
        "rows": checked.rows,
        "longest": checked.longest,
        "ended": checked.ended,
        "problems": dict(Counter(finding.problem for finding in checked.findings)),
        "examples": examples,
    }


def prompt_mark(row: TokenisedRow) -> dict[str, Any]:
    """By which the evaluation can tell whether it asks with the same template: the shortest row's prompt, hashed."""
    return {"row": row.id, "tokens": row.start, "hash": ids_hash(row.input_ids[: row.start])}


def ids_hash(ids: Sequence[int]) -> str:
    return sha256_bytes(json.dumps(list(ids)).encode())


def epochs_of(history: Sequence[Mapping[str, Any]], steps: int) -> list[dict[str, Any]]:
    """For each epoch of so many steps its mean training loss, and on the validation rows loss, share right and, for
    labels, mean recall."""
    found: dict[int, dict[str, Any]] = {}
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
        {"epoch": epoch, "train_loss": round(statistics.fmean(values), 6), **found.get(epoch, {})}
        for epoch, values in sorted(losses.items())
    ]


def validations_of(
    history: Sequence[Mapping[str, Any]], steps: int, eval_metric: str, names: Mapping[str, str]
) -> list[dict[str, Any]]:
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


def _epoch(entry: Mapping[str, Any], steps: int) -> int:
    return max(1, -(-int(entry["step"]) // max(1, steps)))


def _losses(history: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    losses = [float(entry["loss"]) for entry in history if "loss" in entry]
    later = losses[len(losses) // 3 :]
    return {
        "first": round(losses[0], 6),
        "highest_later": round(max(later), 6),
        "lowest": round(min(losses), 6),
        "last": round(statistics.fmean(losses[-max(1, len(losses) // 10) :]), 6),
    }


def _gradients(history: Sequence[Mapping[str, Any]], limit: float) -> dict[str, float]:
    norms = [float(entry["grad_norm"]) for entry in history if entry.get("grad_norm") is not None]
    if not norms:
        return {}
    return {
        "median": round(statistics.median(norms), 4),
        "largest": round(max(norms), 4),
        "last": round(statistics.median(norms[-max(1, len(norms) // 10) :]), 4),
        "scaled_down": round(sum(norm > limit for norm in norms) / len(norms), 4),
    }


def answers_given(trainer: Any, train: Sequence[TokenisedRow], dataset: Any, kept: Path) -> dict[str, Any]:
    """What the kept model answers to (at most a hundred of) the very rows it was trained on."""
    trainer._load_from_checkpoint(str(kept))
    sample = list(train[:_ANSWERED_ROWS])
    loss, hits = trainer.score_answers(dataset(sample))
    wrong = [row for row, hit in zip(sample, hits, strict=True) if not hit]
    return {
        "rows": len(sample),
        "right": sum(hits),
        "loss": round(loss, 6),
        "wrong": [row.id for row in wrong],
        "wrong_labels": dict(Counter(row.answer for row in wrong)),
        "labels": dict(Counter(row.answer for row in sample)),
    }
