"""What the defaults of a training depend on, and what a training costs to compute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ...resources.foundation.language import Text
from ...resources.task import TaskType
from ..data.task_kind import Answers, task_kind

TINY = 50_000_000  # parameters of a base model
LARGE = 1_000_000_000
LONGEST = 1024  # tokens of a row


@dataclass(frozen=True)
class TrainingContext:
    """What a method's defaults depend on. `parameters` and `context_tokens` are the base model's, None where it is
    not at hand yet; `gpu_bytes` is None without a GPU; `label_counts` are those of the training rows."""

    train_rows: int
    valid_rows: int
    type: TaskType = "classification"
    label_counts: dict[str, int] = field(default_factory=dict)
    parameters: int | None = None
    context_tokens: int | None = None
    gpu_bytes: int | None = None

    @property
    def answers(self) -> Answers:
        return task_kind(self.type).answers

    @property
    def tiny(self) -> bool:
        """Whether the base model is so small that it learns in another way."""
        return self.parameters is not None and self.parameters < TINY


@dataclass(frozen=True)
class ComputeCost:
    """What a method takes beside one pass over each row, for estimates.

    Arguments:
        answers: how many answers of a row are computed.
        forward: forward passes over each token without a gradient.
        copies: further copies of the base model's weights in memory.
        written: tokens the model writes for each row, (low, high).
    """

    answers: int = 1
    forward: int = 0
    copies: int = 0
    written: tuple[float, float] = (0.0, 0.0)


def kept_by(name: str, why: Text) -> Callable[[int], tuple[str, Text]]:
    """A choice of what is kept: by that measure where there are validation rows, else the last."""

    def choose(valid_rows: int) -> tuple[str, Text]:
        return (
            (name, why)
            if valid_rows
            else ("last", Text("There are no validation rows to choose by.", "沒有驗證資料可供選擇。"))
        )

    return choose
