"""What an evaluation says about the person's own goal, and the one change worth trying next, in the coach's words."""

from __future__ import annotations

from dataclasses import dataclass

from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text
from ...resources.lineage import parent_of
from ..evaluate.deciding import decide
from ..evaluate.diagnosis import Result, diagnose, result_of
from ..evaluate.diagnosis.cause import Call
from ..evaluate.diagnosis.standing import against_the_simplest, best_of, where_it_stands
from ..evaluate.metric import metric_title
from .situation import Situation
from .texts.reading import Texts

_text = Texts("analysis")

__all__ = [
    "Change",
    "Result",
    "against_the_parent",
    "against_the_simplest",
    "best_result",
    "next_change",
    "result_of",
    "seen_in_training",
    "where_it_stands",
]


@dataclass(frozen=True)
class Change:
    """One change for the next version: what and why, what it may bring, and how to make it.

    Arguments:
        settings: of plan_training; None where the change is not in the settings.
        call: the exact call that makes such a change.
    """

    what: Text
    reasons: list[Text]
    expected: Text
    settings: JsonObject | None = None
    call: Call | None = None


def best_result(situation: Situation) -> Result | None:
    """The best of all versions evaluated on the benchmark of the newest evaluated version."""
    results = [result for version in situation.evaluated if (result := result_of(situation.task, version))]
    return best_of(results)


def against_the_parent(result: Result) -> Text | None:
    """Whether the last change helped, by the same rule as compare_versions."""
    parent = parent_of(result.version)
    decided = decide(parent, result.version) if parent is not None and result.before is not None else None
    return decided.describe() if decided is not None else None


def seen_in_training(result: Result) -> Text | None:
    """Why the score may be too good, where the diagnosis finds test rows among the training rows."""
    causes = diagnose(result.version, texts=False).causes
    leak = next((cause for cause in causes if cause.name == "leak"), None)
    return leak.reasons[0] if leak else None


def next_change(situation: Situation, result: Result) -> Change:
    """The one change to try in the next version: what the diagnosis advises first, never two at once."""
    advice = diagnose(result.version, texts=False).advice
    assert advice is not None, "a version with a result has advice"
    expected = _text("next_change.nothing_can_said")
    if advice.expects is not None:
        title, low, high = metric_title(advice.expects.metric), advice.expects.low, advice.expects.high
        expected = _text("next_change.to", title=title, low=low, high=high, because=advice.expects.because)
    return Change(advice.say, [*advice.reasons], expected, advice.change, advice.call)
