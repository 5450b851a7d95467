from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from ....resources.foundation.language import Text
from ...data.task_kind import Answers
from ..intervals import Counted, Counts
from ..metric import Answered, MeanMetric, ratio

_ORDERS = 6
_BETA = 2


class Chrf(MeanMetric):
    """Overlap of character n-grams, up to six characters, recall weighing twice (chrF2 of the whole set, 0–1).

    Popović, "chrF: character n-gram F-score for automatic MT evaluation" (2015), as sacrebleu computes it: white space
    left out, orders that no answer reaches left out. It needs no words, so it fits Chinese as well.
    """

    title: ClassVar[Text] = Text("chrF", "chrF")
    explained: ClassVar[Text] = Text(
        "chrF: how many character sequences the answers share with those wanted; 1 is word for word, other wordings of "
        "the same cost points.",
        "chrF：回答與標準答案共有的字元序列比例；1 代表一字不差，意思相同但用字不同也會扣分。",
    )
    answers: ClassVar[tuple[Answers, ...]] = ("text", "pair")

    def applies(self, answers: Sequence[Answered]) -> bool:
        return all(row.raw is not None for row in answers)

    def columns(self, labels: int) -> int:
        return 3 * _ORDERS

    def tally(self, answers: Sequence[Answered], labels: Sequence[str]) -> list[Counts]:
        return [_count_ngrams(row) for row in answers]

    def measure(self, sums: Sequence[float]) -> list[float]:
        reached = [
            (said, wanted, shared)
            for said, wanted, shared in zip(sums[::3], sums[1::3], sums[2::3], strict=True)
            if said and wanted
        ]
        precision = ratio(sum(shared / said for said, _, shared in reached), len(reached))
        recall = ratio(sum(shared / wanted for _, wanted, shared in reached), len(reached))
        return [ratio((1 + _BETA**2) * precision * recall, _BETA**2 * precision + recall)]

    def wrong_row(self, found: Counted) -> list[tuple[float, Counts]]:
        """One answer of usual length that shares nothing with what was wanted."""
        return [(1.0, {at: value / found.groups for at, value in enumerate(found.sums) if at % 3 != 2})]


def _count_ngrams(row: Answered) -> Counts:
    """For each order the n-grams of the answer, of what was wanted, and those both have."""
    said, wanted = "".join((row.answer or "").split()), "".join(row.gold.split())
    numbers: dict[int, float] = {}
    for order in range(_ORDERS):
        of_said, of_wanted = (_grams(text, order + 1) for text in (said, wanted))
        if of_wanted:  # what is longer than the answer wanted counts for nothing
            numbers[3 * order] = of_said.total()
        numbers[3 * order + 1] = of_wanted.total()
        numbers[3 * order + 2] = (of_said & of_wanted).total()
    return numbers


def _grams(text: str, size: int) -> Counter[str]:
    return Counter(text[at : at + size] for at in range(len(text) - size + 1))
