"""The diagnosis of one version: where it stands, which versions there are beside it, and the causes, ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from ....resources.answer import GoalStatus, quote_row_text
from ....resources.foundation.errors import PluginError
from ....resources.foundation.language import Text
from ....resources.task import Task
from ....resources.version import VersionFolder, version_numbers
from ...data.rows import Row
from ..deciding import Decision, decide
from ..metric import answers_of
from .case import Case
from .cause import CAUSES, Cause, CauseKind, NotKnown, ShownRow, known_causes
from .otherwise import otherwise
from .standing import Result, best_of, result_of

_TEXT = 120
_POINTED_AT = 0.15
_USUAL_GAIN, _LEAST_GAIN = (
    0.1,
    0.02,
)  # where nothing says how far the score would move, and at least; choices of this project
_CONTRARY = ("overfitting", "underfitting")
_BY_ROW_TEXT = ("answer",)


@dataclass(frozen=True)
class Diagnosis:
    """What the files say of one version.

    Arguments:
        standing: against the person's own criteria; None before it was evaluated.
        best: of all versions on the same benchmark; `beside_best` decides whether it is better than this one.
        causes: those accused, first those that are likely and cost most; `signs` those too weak to be.
        advice: of the first cause (of a version surely worse than its parent: go back), or what to try where none is
            accused; None before an evaluation.
        unknown: what could not be looked at, by cause.
    """

    version: VersionFolder
    standing: GoalStatus | None
    result: Result | None
    best: Result | None
    beside_best: Decision | None
    causes: list[Cause]
    advice: Cause | None
    signs: list[Cause] = field(default_factory=list)
    unknown: dict[str, Text] = field(default_factory=dict)


def diagnose(version: VersionFolder, complaint: str = "", *, texts: bool = True) -> Diagnosis:
    """Look at every known cause.

    Arguments:
        complaint: the person's words; of causes about equally likely the one they point at comes first.
        texts: put the rows' own text beside their ids (hidden where the task is on-premise).

    Raises:
        TaskError: the task cannot be read.
    """
    case = Case(version)
    found: list[Cause] = []
    unknown: dict[str, Text] = {}
    for kind in known_causes():
        try:
            cause = kind.examine(case)
        except NotKnown as missing:
            unknown[kind.name] = missing.because
            continue
        except PluginError as refused:
            unknown[kind.name] = refused.problem
            continue
        except Exception as error:  # whatever a stranger's cause raises
            if (failed := CAUSES.failed(type(kind), error)) is None:
                raise
            unknown[kind.name] = failed.problem
            continue
        if cause is not None:
            found.append(cause)
    value = case.result.value if case.result else None
    ranked = sorted(found, key=lambda cause: _rank(cause, complaint, value))
    if texts:
        ranked = [replace(cause, rows=_with_texts(case, cause.rows)) for cause in ranked]
    accused = _without_contradiction([cause for cause in ranked if cause.accused])
    # A change that surely made it worse is undone before anything is built on it, whatever made it worse.
    undone = next((cause for cause in accused if cause.name == "not_better" and cause.figures["worse"]), None)
    advice = undone or (accused[0] if accused else otherwise(case))
    if texts and advice is not None and not accused:
        advice = replace(advice, rows=_with_texts(case, advice.rows))
    result = case.result
    best = _best(case)
    return Diagnosis(
        version=version,
        standing=result.standing if result else None,
        result=result,
        best=best,
        beside_best=_beside(result, best),
        causes=accused,
        advice=advice,
        signs=[cause for cause in ranked if cause not in accused],
        unknown=unknown,
    )


def _without_contradiction(ranked: list[Cause]) -> list[Cause]:
    """Not too long and not long enough cannot both be: the weaker of the two is only a sign."""
    contrary = [cause for cause in ranked if cause.name in _CONTRARY]
    return [cause for cause in ranked if cause not in contrary[1:]]


def _rank(cause: Cause, complaint: str, value: float | None) -> tuple[bool, float]:
    """By how likely it is times how far fixing it is predicted to move the score, up or, of one too good, down."""
    kind: CauseKind = next(kind for kind in known_causes() if kind.name == cause.name)
    said, gain = complaint.casefold(), cause.gain
    if gain is None and cause.expects is not None and value is not None:
        gain = abs((cause.expects.low + cause.expects.high) / 2 - value)
    pointed_at = any(word in said for word in kind.words)
    return not (kind.says_why or pointed_at), -(cause.share + _POINTED_AT * pointed_at) * (
        max(gain, _LEAST_GAIN) if gain is not None else _USUAL_GAIN
    )


def _best(case: Case) -> Result | None:
    """The best version on this one's benchmark, this one among them."""
    if case.result is None:
        return None
    others = [
        VersionFolder(case.folder.task, number)
        for number in version_numbers(case.folder.task)
        if number != case.folder.number
    ]
    results = [
        result for other in others if other.model_info_file.is_file() and (result := result_of(case.task, other))
    ]
    return best_of([*results, case.result])


def _beside(mine: Result | None, best: Result | None) -> Decision | None:
    """Whether the best is better than this version, where that is another."""
    if mine is None or best is None or best.version.number == mine.version.number:
        return None
    return decide(mine.version, best.version)


def _with_texts(case: Case, rows: Sequence[ShownRow]) -> list[ShownRow]:
    """The rows with their text, quoted as the task allows."""
    known = case.train_texts([row["id"] for row in rows if row["split"] == "train"])
    tested = [row["id"] for row in rows if row["split"] == "test"]
    answers = _read_tested_rows(case, tested)
    return [_quote_row(case.task, row, (known | answers).get(row["id"], {}).get("text")) for row in rows]


def _read_tested_rows(case: Case, ids: list[str]) -> dict[str, Row]:
    if not ids:
        return {}
    try:
        return {str(answer["id"]): dict(answer) for answer in case.answer_rows(ids)}
    except NotKnown:
        return {}


def _quote_row(task: Task, row: ShownRow, text: str | None) -> ShownRow:
    by_text = _BY_ROW_TEXT if answers_of(task.type) == "label" else (*_BY_ROW_TEXT, "label", "predicted")
    shown = {key: quote_row_text(task, str(value), _TEXT) if key in by_text else value for key, value in row.items()}
    if text:
        shown["text"] = quote_row_text(task, " ".join(text.split()), _TEXT)
    return cast(ShownRow, shown)
