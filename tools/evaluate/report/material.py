"""What a report is made of: one evaluation, its answers, and what it can be held against."""

from __future__ import annotations

from dataclasses import dataclass

from ....resources.comparison import Comparison
from ....resources.evaluation import Evaluation, Margin, Measured
from ....resources.foundation.errors import NlpSkillsError
from ....resources.foundation.language import Text
from ....resources.lineage import lineage_chain, load_lineage, parent_of
from ....resources.lineage_record import Lineage
from ....resources.task import Task
from ....resources.version import VersionFolder, version_numbers
from ...data.store import Snapshot
from ..compare import compare
from ..diagnosis import Diagnosis, diagnose
from ..metric import known_metrics, metric_title
from ..record import AnswerLine, evaluated_answers


@dataclass(frozen=True)
class Compared:
    """This version beside an earlier one: what `compare` found, or why it could not; the earlier one's answers."""

    name: str
    result: Comparison | None = None
    problem: NlpSkillsError | None = None
    answers: dict[str, str | None] | None = None
    right: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Material:
    """All that the sections read."""

    folder: VersionFolder
    task: Task
    record: Evaluation
    answers: list[AnswerLine]
    answers_problem: NlpSkillsError | None
    lineage: Lineage
    chain: list[Lineage]
    compared: list[Compared]
    snapshot: Snapshot | None
    diagnosis: Diagnosis | NlpSkillsError | None

    @property
    def metric(self) -> str:
        """The metric of the goal as it was when this was evaluated."""
        return self.record.verdict.metric

    @property
    def higher_is_better(self) -> bool:
        known = known_metrics().get(self.metric.partition(".")[0])
        return known is None or known.higher_is_better

    @property
    def threshold(self) -> float | None:
        found = self.record.verdict.threshold
        return None if found is None else float(found)

    @property
    def margins(self) -> dict[str, Margin]:
        """For each baseline how far this version is ahead of it, with its interval; of older records only one."""
        found = self.record.verdict
        simplest = found.simplest
        known = {simplest.name: simplest.ahead} if simplest and simplest.ahead else {}
        return {**known, **found.margins}

    def metric_title(self) -> Text:
        return metric_title(self.metric)


def gather(folder: VersionFolder, record: Evaluation) -> Material:
    """Everything that stands on disk about this evaluation; what is missing is left out, and its section says so."""
    answers: list[AnswerLine] = []
    problem = None
    try:
        answers = evaluated_answers(folder, record)
    except NlpSkillsError as error:
        problem = error
    return Material(
        folder,
        folder.task.load(),
        record,
        answers,
        problem,
        load_lineage(folder),
        lineage_chain(folder.task),
        [_compare_versions(earlier, folder, record) for earlier in _earlier(folder, record)],
        _snapshot(folder),
        _diagnosis(folder, record),
    )


def score(record: Evaluation | None, metric: str) -> Measured | None:
    """`metric` in a record; None where it was not measured."""
    return record.find_metric(metric) if record else None


def _earlier(folder: VersionFolder, record: Evaluation) -> list[VersionFolder]:
    """The parent, and the newest version before this one that was evaluated on the same benchmark."""
    parent = parent_of(folder)
    found = [parent] if parent and parent.evaluations() else []
    before = (
        VersionFolder(folder.task, number)
        for number in reversed(version_numbers(folder.task))
        if number < folder.number
    )
    previous = next((one for one in before if one.latest_evaluation(record.benchmark.hash)), None)
    return [*found, *([previous] if previous and all(previous.number != one.number for one in found) else [])]


def _compare_versions(earlier: VersionFolder, folder: VersionFolder, record: Evaluation) -> Compared:
    other = earlier.latest_evaluation(record.benchmark.hash)
    try:
        answers = evaluated_answers(earlier, other, record.decoding) if other else []
        said = {str(answer["id"]): answer["predicted"] for answer in answers} or None
        right = frozenset(str(answer["id"]) for answer in answers if answer["correct"])
        return Compared(earlier.name, compare(earlier, folder), None, said, right)
    except NlpSkillsError as error:
        return Compared(earlier.name, problem=error)


def _diagnosis(folder: VersionFolder, record: Evaluation) -> Diagnosis | NlpSkillsError | None:
    """Of the newest evaluation, which is the one a diagnosis looks at."""
    newest = folder.latest_evaluation()
    if newest is None or newest.id != record.id:
        return None
    try:
        return diagnose(folder, texts=False)
    except NlpSkillsError as error:
        return error


def _snapshot(folder: VersionFolder) -> Snapshot | None:
    """The snapshot the version was trained on; None where it is not on this machine."""
    digest = folder.data_snapshot().hash
    root = folder.task.snapshots / digest[:12]
    return Snapshot(root) if digest and (root / "manifest.json").is_file() else None
