"""How often the 95 % intervals hold the truth: `.worker/bin/python benchmarks/interval_coverage.py [--quick] [--drawn]`.

A benchmark of n rows is answered by a model that is known: of each label it answers a fixed share with each label. What
such a model is worth over all rows of that kind is then a matter of arithmetic, and the interval that an evaluation writes
down (`evaluate.record.measured`) either holds that value or does not. Asked for accuracy, each label's F1 and macro-F1.

Shares of the labels: equal, or .9/.07/.03. With equal ones, errors go to the other two alike, so that accuracy and every
F1 are the truth named. With uneven ones two models are asked: `recall` finds that share of each label and errs to the
others alike; `f1` mistakes the two rare labels for the common one as often as the reverse, so that their F1 is the truth
named (the common label's and the accuracy are higher, and counted by their own truth).

The rows of each label are n times its share, as a split by label deals them; `--drawn` draws them too (a label may then
have few by chance). Only labels with 6 rows or more are asked about, and macro-F1 only where all have them: below that no
interval is promised. Two bars over the figures whose truth is from .6 to .98 (the others stand in the table, marked -): at
each point at least 92 % of the intervals hold the truth; on average at most 98 % do where the truth is below .98. The exit
code is 1 where one is missed. `--quick` lets a point miss by two standard errors of its few draws.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / ".dev"))

from nlp_skills.tools.evaluate.measuring import FigureFields, measure_answers
from nlp_skills.tools.evaluate.metric import Answered

Array = Any  # of NumPy
LABELS = ("common", "second", "rare")
SHARES = {"equal": (1 / 3, 1 / 3, 1 / 3), ".9/.07/.03": (0.90, 0.07, 0.03)}
ROWS = (30, 100, 500)
TRUTHS = (0.6, 0.8, 0.9, 0.98)
FEWEST = 6  # rows of a label of which an interval is promised
AT_LEAST, ON_AVERAGE, FROM, TO = 0.92, 0.98, 0.6, 0.98
DRAWS, QUICK_DRAWS, SEED = 1000, 120, 20261201


@dataclass(frozen=True)
class Design:
    """A benchmark's rows by label, and a model: (gold, predicted) shares of all rows."""

    shares: str
    model: str
    rows: int
    truth: float
    joint: Array

    def draw_counts(self, draws: int, generator: np.random.Generator, by_label: bool) -> Array:
        """(draws, labels, labels) counts of gold and predicted."""
        if not by_label:
            flat = generator.multinomial(self.rows, self.joint.ravel(), size=draws)
            return flat.reshape(draws, *self.joint.shape)
        shares = self.joint.sum(1)
        counts = deal_rows(self.rows, shares)
        return np.stack(
            [
                generator.multinomial(count, row / share, size=draws)
                for count, row, share in zip(counts, self.joint, shares, strict=True)
            ],
            axis=1,
        )

    def truths(self) -> dict[str, float]:
        """What the model is worth over all rows of that kind: 2·P(gold and answered) / (P(gold) + P(answered)) for F1."""
        right, gold, answered = self.joint.diagonal(), self.joint.sum(1), self.joint.sum(0)
        f1 = 2 * right / (gold + answered)
        return {
            "accuracy": float(right.sum()),
            "macro_f1": float(f1.mean()),
            **{f"f1 {label}": float(value) for label, value in zip(LABELS, f1, strict=True)},
        }


@dataclass
class Counted:
    """How many of the intervals of one figure at one point held its truth, missed it on either side, and their width."""

    truth: float
    asked: int = 0
    held: int = 0
    above: int = 0
    below: int = 0
    width: float = 0.0

    def add(self, low: float, high: float, times: int) -> None:
        slack = 1e-6  # figures are written with six digits
        self.asked += times
        self.width += times * (high - low)
        if low > self.truth + slack:
            self.above += times
        elif high < self.truth - slack:
            self.below += times
        else:
            self.held += times

    @property
    def coverage(self) -> float:
        return self.held / self.asked

    @property
    def promised(self) -> bool:
        return FROM - 1e-9 <= self.truth <= TO + 1e-9


def deal_rows(rows: int, shares: Any) -> list[int]:
    """Whole rows by label that add up, the largest remainders rounded up."""
    exact = np.asarray(shares) * rows
    counts = np.floor(exact + 1e-9).astype(int)
    for at in np.argsort(counts - exact, kind="stable")[: rows - int(counts.sum())]:
        counts[at] += 1
    return [int(count) for count in counts]


def designs() -> Iterator[Design]:
    for truth in TRUTHS:
        for rows in ROWS:
            for shares in SHARES:
                for model in ("recall",) if shares == "equal" else ("recall", "f1"):
                    yield Design(shares, model, rows, truth, joint_of(SHARES[shares], model, truth))


def joint_of(shares: tuple[float, ...], model: str, truth: float) -> Array:
    given = np.asarray(shares)
    if model == "recall":
        joint = np.outer(given, np.full(3, (1 - truth) / 2))
        np.fill_diagonal(joint, given * truth)
        return joint
    wrong = given[1:] * (1 - truth)
    joint = np.diag([given[0] - wrong.sum(), *(given[1:] * truth)])
    joint[0, 1:] = joint[1:, 0] = wrong
    return joint


def measure_coverage(design: Design, draws: int, by_label: bool) -> dict[str, Counted]:
    """Simulate one point: equal confusion counts are measured once."""
    generator = np.random.default_rng(
        [SEED, design.rows, round(1000 * design.truth), len(design.shares), len(design.model)]
    )
    truths = design.truths()
    found = {name: Counted(value) for name, value in truths.items()}
    tables, times = np.unique(design.draw_counts(draws, generator, by_label), axis=0, return_counts=True)
    for table, often in zip(tables, times.tolist(), strict=True):
        for name, (low, high) in intervals(table).items():
            found[name].add(low, high, often)
    return {name: counted for name, counted in found.items() if counted.asked}


def intervals(table: Array) -> dict[str, tuple[float, float]]:
    """The intervals an evaluation would write of these counts, of figures that have rows enough."""
    answers = [
        Answered(gold, answer, answer)
        for at, gold in enumerate(LABELS)
        for to, answer in enumerate(LABELS)
        for _ in range(table[at, to])
    ]
    found = measure_answers("label", answers, list(LABELS), None)
    enough = [label for label, count in zip(LABELS, table.sum(1), strict=True) if count >= FEWEST]
    asked = {"accuracy": bounds(found["metrics"]["accuracy"])}
    if len(enough) == len(LABELS):
        asked["macro_f1"] = bounds(found["metrics"]["macro_f1"])
    for label in enough:
        low, high = found["per_class"][label]["intervals"]["f1"]
        asked[f"f1 {label}"] = (low, high)
    return asked


def bounds(figure: FigureFields) -> tuple[float, float]:
    return figure["low"], figure["high"]


def describe_point(design: Design, found: Mapping[str, Counted]) -> Iterator[tuple[str, Counted]]:
    """A point's lines: with equal shares the labels are alike, and told as one."""
    if design.shares != "equal":
        yield from found.items()
        return
    alike = [counted for name, counted in found.items() if name.startswith("f1 ")]
    yield "accuracy", found["accuracy"]
    if "macro_f1" in found:
        yield "macro_f1", found["macro_f1"]
    if alike:
        together = Counted(alike[0].truth)
        for one in alike:
            together.asked += one.asked
            together.held += one.held
            together.above += one.above
            together.below += one.below
            together.width += one.width
        yield "f1 (each)", together


def main() -> int:
    asked = argparse.ArgumentParser(description="Coverage of the 95 % intervals of an evaluation.")
    asked.add_argument("--quick", action="store_true", help=f"{QUICK_DRAWS} draws a point instead of {DRAWS}")
    asked.add_argument("--drawn", action="store_true", help="draw the rows of each label too")
    options = asked.parse_args()
    draws = QUICK_DRAWS if options.quick else DRAWS
    least = AT_LEAST - (2 * (AT_LEAST * (1 - AT_LEAST) / draws) ** 0.5 if options.quick else 0)
    started = time.process_time()
    print(
        f"{'rows':>5} {'shares':<11} {'model':<7} {'figure':<10} {'truth':>6} {'covered':>8} {'too low':>8} "
        f"{'too high':>8} {'width':>6}"
    )
    points: list[Counted] = []
    for design in designs():
        for name, counted in describe_point(design, measure_coverage(design, draws, not options.drawn)):
            mark = "-" if not counted.promised else "<" if counted.coverage < least else ""
            points += [counted] if counted.promised else []
            print(
                f"{design.rows:>5} {design.shares:<11} {design.model:<7} {name.replace('f1 ', 'F1 '):<10} "
                f"{counted.truth:>6.3f} {counted.coverage:>8.1%} {counted.below / counted.asked:>8.1%} "
                f"{counted.above / counted.asked:>8.1%} {counted.width / counted.asked:>6.3f} {mark}",
                flush=True,
            )
    missed = [counted for counted in points if counted.coverage < least]
    inner = [counted.coverage for counted in points if counted.truth < TO - 1e-9]
    mean = sum(inner) / len(inner)
    print(f"{draws} draws a point, {time.process_time() - started:.0f} s of CPU")
    print(
        f"at each point at least {least:.1%}: {f'missed at {len(missed)} of {len(points)}' if missed else 'met'}"
        f" (lowest {min(counted.coverage for counted in points):.1%})"
    )
    print(
        f"on average at most {ON_AVERAGE:.0%} where the truth is below {TO}: "
        f"{'met' if mean <= ON_AVERAGE else 'missed'} ({mean:.1%} over {len(inner)} points)"
    )
    return int(bool(missed) or mean > ON_AVERAGE)


if __name__ == "__main__":
    sys.exit(main())
