"""How well labels agree: the proposer with the reviewers, and the reviewers with each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal, TypedDict

from ....resources.labelling import DecisionLine
from ..task_kind import TaskKind
from .decisions import Decided

_FEWEST_FOR_KAPPA = 30  # rows: with fewer, chance moves kappa by more than the steps it is read in
_LEFT_OUT = "—"  # a reviewer who rejects a row agrees with no label


class Agreement(TypedDict):
    """How far two raters agree on so many rows: the share of the same answers, and Cohen's kappa where it says something."""

    rows: int
    agreement: float | None
    kappa: float | None


Agreements = dict[Literal["proposers", "reviewers"], dict[str, Agreement]]


def agreement(pairs: Sequence[tuple[str, str]]) -> Agreement:
    """Raw agreement and Cohen's kappa of two raters on the same rows; kappa is None where chance explains all, and
    for so few rows that it would be chance itself."""
    if not pairs:
        return {"rows": 0, "agreement": None, "kappa": None}
    count = len(pairs)
    alike = sum(one == other for one, other in pairs) / count
    left, right = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    chance = sum(left[label] * right[label] for label in left) / count**2
    kappa = None if chance == 1 or count < _FEWEST_FOR_KAPPA else round((alike - chance) / (1 - chance), 3)
    return {"rows": count, "agreement": round(alike, 3), "kappa": kappa}


def agreements(decided: Mapping[str, Decided], kind: TaskKind) -> Agreements:
    """`{proposers: {who: …}, reviewers: {"Ann · Ben": …}}`, each by what was said first about a row, before anybody was
    asked to settle a difference; what was accepted in bulk was looked at by nobody and does not count. Answers agree where
    their type counts them as the same: one label, the same spans, word for word the same text."""
    proposed: dict[str, list[tuple[str, str]]] = {}
    between: dict[str, list[tuple[str, str]]] = {}
    for row in decided.values():
        first: dict[str, DecisionLine] = {}
        for line in row.lines:
            if not line.bulk and not line.settles:
                first.setdefault(line.reviewer, line)
        said = {
            reviewer: _LEFT_OUT if line.label is None else _comparable_answer(kind, line.label)
            for reviewer, line in first.items()
        }
        for reviewer, line in first.items():
            if line.proposed:
                proposed.setdefault(line.proposed.by, []).append(
                    (_comparable_answer(kind, line.proposed.label), said[reviewer])
                )
        for one, other in combinations(sorted(said), 2):
            between.setdefault(f"{one} · {other}", []).append((said[one], said[other]))

    def measure(found: dict[str, list[tuple[str, str]]]) -> dict[str, Agreement]:
        return {
            who: agreement(pairs) if kind.one_label else {**agreement(pairs), "kappa": None}
            for who, pairs in sorted(found.items())
        }

    return {"proposers": measure(proposed), "reviewers": measure(between)}


def _comparable_answer(kind: TaskKind, answer: str) -> str:
    return kind.read(answer, [answer]) or answer
