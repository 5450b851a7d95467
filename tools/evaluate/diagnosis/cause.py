"""What a cause is, and which ones are known: one file each in `causes/`, named after the cause.

A cause looks at a `Case` (files only) and says how strong the evidence against it is, with the figures and rows behind
it and the one remedy it would take. From `ACCUSED` on it is called a cause; below, a sign worth keeping in mind.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Required, TypedDict

from ....resources.foundation.errors import EvaluationError
from ....resources.foundation.json_object import JsonObject
from ....resources.foundation.kind_folder import NameOfFile
from ....resources.foundation.kinds import Registry
from ....resources.foundation.language import Text

if TYPE_CHECKING:
    from .case import Case

ACCUSED = 0.5
WORTH_A_WORD = 0.2
_NO_FAULT = 0.45


class NotKnown(Exception):
    """What a cause needs is not there; says what, in both languages."""

    def __init__(self, because: Text) -> None:
        super().__init__(because.en)
        self.because = because


class Call(TypedDict):
    """A call of a tool that would mend it."""

    tool: str
    arguments: JsonObject


class ShownRow(TypedDict, total=False):
    """A row that shows a cause: which one, of which split, and what that cause has to say of it."""

    id: Required[str]
    split: Required[str]
    label: str
    predicted: str | None
    answer: str
    likelier: str
    chance: float
    train_row: str
    text: str


class WrittenExpectation(TypedDict):
    """An expectation as a plan keeps it; `because` in both languages."""

    metric: str
    low: float
    high: float
    because: dict[str, str]


@dataclass(frozen=True)
class Expectation:
    """Where the metric should come to stand if the remedy is right."""

    metric: str
    low: float
    high: float
    because: Text

    def to_dict(self) -> WrittenExpectation:
        return {"metric": self.metric, "low": self.low, "high": self.high, "because": self.because._asdict()}


@dataclass(frozen=True)
class Remedy:
    """One change. `settings` of the next training (empty: none but the data's or the code's), or else a `call`."""

    say: Text
    settings: JsonObject | None = None
    call: Call | None = None
    expects: Expectation | None = None


@dataclass(frozen=True)
class Cause:
    """One possible cause.

    Arguments:
        share: strength of the evidence, 0–1.
        gain: how far fixing it is predicted to move the score, in the metric's units; None where nothing says.
        rows: `{id, split, …}` of rows that show it; `text` is added where rows may be quoted.
        change: settings for the next version, None where the remedy is another call (`call`).
    """

    name: str
    title: Text
    page: str
    share: float
    figures: JsonObject  # each cause has its own
    reasons: list[Text]
    say: Text
    change: JsonObject | None = None
    call: Call | None = None
    expects: Expectation | None = None
    rows: list[ShownRow] = field(default_factory=list)
    gain: float | None = None

    @property
    def accused(self) -> bool:
        return self.share >= ACCUSED


class CauseKind(ABC):
    """A subclass is alone in a file whose name is the cause's.

    `says_why`: False where it says where mistakes lie, or names another way, but not what brings them; told after those that do.
    """

    name: ClassVar[NameOfFile] = NameOfFile()
    title: ClassVar[Text]
    page: ClassVar[str]
    words: ClassVar[tuple[str, ...]] = ()  # by which a complaint points here
    says_why: ClassVar[bool] = True

    @abstractmethod
    def examine(self, case: Case) -> Cause | None:
        """The cause with its evidence; None where there is none.

        Raises:
            NotKnown: the files do not say.
        """

    def improvement(self, share: float, case: Case) -> float:
        """The share of what could be better, but is no fault where the person's goal is met all the same."""
        met = case.result is not None and case.result.standing == "met"
        return min(share, _NO_FAULT) if met else share

    def build_cause(
        self,
        share: float,
        figures: Mapping[str, Any],
        reasons: Sequence[Text],
        remedy: Remedy,
        rows: Sequence[ShownRow] = (),
        gain: float | None = None,
    ) -> Cause | None:
        """The cause, where its evidence is worth a word.

        Arguments:
            gain: where the remedy promises no figure.
        """
        if share < WORTH_A_WORD:
            return None
        return Cause(
            self.name,
            self.title,
            self.page,
            round(min(share, 1.0), 3),
            dict(figures),
            list(reasons),
            remedy.say,
            remedy.settings,
            remedy.call,
            remedy.expects,
            [row.copy() for row in rows],
            gain,
        )


CAUSES = Registry(
    f"{__package__}.causes", CauseKind, Text("cause", "種原因"), EvaluationError, group="causes", named="name"
)


def known_causes() -> tuple[CauseKind, ...]:
    """Every cause, in alphabetical order; one of a file once the person has agreed to the file."""
    return tuple(CAUSES.ready().values())


def ramp(value: float, low: float, high: float) -> float:
    """0 up to `low`, 1 from `high` on, straight in between."""
    return min(1.0, max(0.0, (value - low) / (high - low)))
