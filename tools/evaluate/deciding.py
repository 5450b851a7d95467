"""Is one version better than another: asked here by compare_versions, the diagnosis, the coach and the report alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...resources.evaluation import Evaluation
from ...resources.foundation.errors import EvaluationError
from ...resources.foundation.language import SENTENCES, Text, number_of
from ...resources.task import Task
from ...resources.version import VersionFolder, version_numbers
from ..data.benchmark import MAIN, benchmark_names, form_measured, frozen_benchmark, name_in_use
from ..data.rows import Row
from .measurable import check_version
from .measuring import measured_classes, row_groups
from .metric import Answered, answers_of, check_metric, metric_title
from .record import AnswerLine, as_answered, evaluated_answers
from .significance import LEVEL, Difference, McNemar, RowsNeeded, Scores, correct_difference, holm, mcnemar, rows_needed
from .verified import verify_record

_PRACTICALLY_EQUAL = 0.005
_WORTH_SAYING = 0.0005
_WORDS = {"better": Text("is better than", "優於"), "worse": Text("is worse than", "不如")}


@dataclass(frozen=True)
class Chosen:
    """The best of several versions by its score on these very rows, and how much too good that makes it look."""

    name: str
    of: int
    less: float
    higher_is_better: bool = True

    def describe(self) -> Text | None:
        """The words for it; None where just two were measured and choosing made next to no difference."""
        if self.of < 3 and self.less < _WORTH_SAYING:
            return None
        less, lower = ("less", "低") if self.higher_is_better else ("more", "高")
        return Text(
            f"{self.name} is chosen as the best of {self.of} versions measured on the same rows: on new ones expect "
            f"about {self.less:.3f} {less}.",
            f"{self.name} 是從同一批資料量過的 {self.of} 個版本裡挑出來最好的，換成新資料，預期大約會{lower} "
            f"{self.less:.3f}。",
        )

    def to_dict(self) -> dict[str, float]:
        return {"of": self.of, "less": round(self.less, 6)}


@dataclass(frozen=True)
class Decision:
    """Whether `b` is better than `a`, in the task's metric on the same rows.

    Arguments:
        difference: b minus a, in the metric's own direction; its p is corrected for `tests`.
        alone: p of these two, as if nothing else had been measured.
        tests: how many comparisons the versions measured on these rows allow with the earlier of the two.
        outcome: `better`, `worse` or `not_shown`, whichever way the metric counts.
    """

    a: str
    b: str
    metric: str
    values: tuple[float, float]
    difference: Difference
    alone: float
    tests: int
    outcome: str
    right: McNemar
    rows: int
    chosen: Chosen | None

    @property
    def shown(self) -> bool:
        return self.outcome != "not_shown"

    @property
    def needed(self) -> RowsNeeded | None:
        return rows_needed(self.rows, self.difference.value, self.difference.error)

    def describe(self) -> Text:
        """The decision in words, with its figures."""
        title, gap = metric_title(self.metric), self.difference
        figures = Text(
            "{title} {a} {value_a:.3f}, {b} {value_b:.3f}: {gap:+.3f} (95 % interval {low:+.3f} to "
            "{high:+.3f}, p = {p:.3f}) on the same {rows}.",
            "{title} {a} 為 {value_a:.3f}、{b} 為 {value_b:.3f}，相差 {gap:+.3f}（95% 信賴區間 {low:+.3f} 到 "
            "{high:+.3f}，p = {p:.3f}），同樣的 {rows} 列。",
        ).format(
            title=title,
            a=self.a,
            value_a=self.values[0],
            b=self.b,
            value_b=self.values[1],
            gap=gap.value,
            low=gap.low,
            high=gap.high,
            p=gap.p,
            rows=number_of(self.rows, "row"),
        )
        counting = self.counting()
        if self.shown:
            word = _WORDS[self.outcome]
            outcome = Text("{b} {word} {a}.", "{b} {word} {a}。").format(b=self.b, word=word, a=self.a)
            return SENTENCES.join([outcome, figures, counting])
        outcome = Text(
            f"A difference between {self.b} and {self.a} is not shown: it may be chance.",
            f"未能證明 {self.b} 和 {self.a} 有差異，可能只是運氣。",
        )
        return SENTENCES.join([outcome, figures, counting, self._rows_said()])

    def counting(self) -> Text | None:
        """That looking often was counted; None where there was only one look."""
        if self.tests < 2:
            return None
        alone = Text("", "")
        if self.alone < LEVEL <= self.difference.p:
            alone = Text(
                f"; of these two alone it would have been {self.alone:.3f}", f"；只看這兩個的話是 {self.alone:.3f}"
            )
        return Text(
            "{versions} versions were measured on these rows, so p is corrected for {tests} comparisons (Holm){alone}.",
            "這批資料量過 {versions} 個版本，p 值已依 {tests} 次比較校正（Holm）{alone}。",
        ).format(versions=self.tests + 1, tests=self.tests, alone=alone)

    def _rows_said(self) -> Text:
        needed = self.needed
        if needed is None:
            return Text("They answer alike.", "兩者的表現相同。")
        if abs(self.difference.value) < _PRACTICALLY_EQUAL:
            return Text("For practical purposes they are equal here.", "實際上可以視為一樣。")
        doubt = (
            Text("; the true one may be smaller still, or none", "；真正的差距可能更小，甚至沒有")
            if needed.doubtful
            else Text("", "")
        )
        return Text(
            "About {low:,} to {high:,} rows would be needed to show a gap of this size{doubt}.",
            "要證明這麼大的差距，大約需要 {low:,} 到 {high:,} 筆測試資料{doubt}。",
        ).format(low=needed.low, high=needed.high, doubt=doubt)


class Pair:
    """The answers of two versions to the same rows, beside those of every other version that was measured on them.

    Raises:
        EvaluationError: they are one version, have no benchmark in common, or their answers are gone.
    """

    def __init__(self, a: VersionFolder, b: VersionFolder) -> None:
        self.a, self.b = a, b
        self.task: Task = a.task.load()
        self.record_a, self.record_b = common_records(a, b)
        # A model that was tried answers freely; so is a version taken that it stands beside.
        self.decoding: str = self.record_a.decoding if is_tried_model(a) else self.record_b.decoding
        self.answers = [
            evaluated_answers(folder, record, self.decoding)
            for folder, record in ((a, self.record_a), (b, self.record_b))
        ]
        self.others = other_versions(b, (a, b), self.record_b.benchmark.hash, self.decoding, self.answers[1])
        self.kind = answers_of(self.task.type)
        self.labels = measured_classes(self.kind, [*self.task.labels, *self.record_b.per_class])
        self.metric, self.label = check_metric(self.task.metric, self.labels, self.kind)
        self.models: list[list[Answered]] = [
            as_answered(lines) for lines in (*self.answers, *(lines for _, lines in self.others))
        ]
        self.scores = Scores(self.models, self.labels, _groups(b, self.record_b, self.answers[0]))

    def decide(self) -> Decision:
        place = self.labels.index(self.label) if self.label else 0
        name = self.task.metric
        # The earlier of the two is the one all others are held against, whichever way round it is asked.
        swapped = self.b.number < self.a.number
        reference = 1 if swapped else 0
        tests = [1 - reference, *range(2, len(self.models))]
        found = [self.scores.differences({name: self.metric}, reference, other)[name][place] for other in tests]
        alone = found[0]
        counted = correct_difference(alone, holm([one.p for one in found])[0])
        gap = Difference(-counted.value, -counted.high, -counted.low, counted.error, counted.p) if swapped else counted
        values = [self.scores.values({name: self.metric}, model)[name][place] for model in range(len(self.models))]
        outcome = gap.verdict
        if not self.metric.higher_is_better and outcome != "not_shown":
            outcome = "worse" if outcome == "better" else "better"
        right = mcnemar(*([bool(line["correct"]) for line in lines] for lines in self.answers))
        names = [self.a.name, self.b.name, *(folder.name for folder, _ in self.others)]
        return Decision(
            self.a.name,
            self.b.name,
            name,
            (values[0], values[1]),
            gap,
            alone.p,
            len(tests),
            outcome,
            right,
            len(self.answers[0]),
            best_of_names(names, values, self.scores, self.metric, place),
        )


def decide(a: VersionFolder, b: VersionFolder) -> Decision | None:
    """Whether `b` is better than `a`; None where nobody can tell, as their answers are not of the same rows any more."""
    try:
        return Pair(a, b).decide()
    except (EvaluationError, KeyError, ValueError):
        return None


def selection_effect(version: VersionFolder) -> Chosen | None:
    """What choosing it did to its score, where it is the best of several versions on its newest benchmark."""
    record = version.latest_evaluation()
    if record is None:
        return None
    try:
        return chosen_by(version, record, evaluated_answers(version, record))
    except (EvaluationError, KeyError, ValueError):
        return None


def chosen_by(version: VersionFolder, record: Evaluation, lines: Sequence[Mapping[str, Any]]) -> Chosen | None:
    """The same of an evaluation that may not be committed yet.

    Arguments:
        lines: the answers behind it.
    """
    task = version.task.load()
    others = other_versions(version, (version,), record.benchmark.hash, record.decoding, lines)
    if not others:
        return None
    kind = answers_of(task.type)
    labels = measured_classes(kind, [*task.labels, *record.per_class])
    metric, label = check_metric(task.metric, labels, kind)
    scores = Scores(
        [as_answered(lines), *(as_answered(given) for _, given in others)], labels, _groups(version, record, lines)
    )
    place = labels.index(label) if label else 0
    values = [scores.values({"it": metric}, model)["it"][place] for model in range(len(others) + 1)]
    found = best_of_names([version.name, *(folder.name for folder, _ in others)], values, scores, metric, place)
    return found if found and found.name == version.name else None


def best_of_names(
    names: Sequence[str], values: Sequence[float], scores: Scores, metric: Any, place: int
) -> Chosen | None:
    """The best of these by the metric, and what choosing did to its score; None where there are fewer than two."""
    if len(names) < 2:
        return None
    sign = 1 if metric.higher_is_better else -1
    best = max(range(len(names)), key=lambda at: sign * values[at])
    return Chosen(names[best], len(names), scores.chosen_best(metric, place), metric.higher_is_better)


def other_versions(
    version: VersionFolder,
    but: Sequence[VersionFolder],
    benchmark: str,
    decoding: str,
    lines: Sequence[Mapping[str, Any]],
) -> list[tuple[VersionFolder, list[AnswerLine]]]:
    """The other versions of the task that answered the very same rows, decoded the same way, with their answers."""
    ids, found = [line["id"] for line in lines], []
    for number in version_numbers(version.task):
        other = VersionFolder(version.task, number)
        record = None if any(number == one.number for one in but) else other.latest_evaluation(benchmark)
        if record is None:
            continue
        try:
            answers = evaluated_answers(other, record, decoding)
        except (EvaluationError, KeyError):
            continue
        if [line["id"] for line in answers] == ids:
            found.append((other, answers))
    return found


def is_tried_model(folder: VersionFolder) -> bool:
    """Whether it is a model that was not trained here, but tried."""
    return folder.number == 0


def common_records(a: VersionFolder, b: VersionFolder) -> tuple[Evaluation, Evaluation]:
    """The newest evaluation of each on one common benchmark (the main one where both have it).

    Raises:
        EvaluationError: names the evaluate calls that make a comparison possible.
    """
    if a.root == b.root:
        raise EvaluationError(
            Text(f"{a.name} cannot be compared with itself.", f"{a.name} 不能和自己比較。"),
            Text("Name two different versions.", "請指定兩個不同的版本。"),
            field="b",
        )
    names = benchmark_names(a.task)
    current = frozen_benchmark(a.task).hash if MAIN in names else None
    shared = [
        record.benchmark.hash for record in reversed(b.evaluations()) if a.latest_evaluation(record.benchmark.hash)
    ]
    if shared:
        digest = current if current in shared else shared[0]
        found = a.latest_evaluation(digest), b.latest_evaluation(digest)
        if found[0] and found[1]:
            return verify_record(a, found[0]).record, verify_record(b, found[1]).record
    benchmark = next(
        (
            record.benchmark.name
            for folder in (b, a)
            for record in reversed(folder.evaluations())
            if record.benchmark.name in names
        ),
        name_in_use(a.task),
    )
    lacking = [folder for folder in (a, b) if not _evaluated_on(folder, benchmark)] or [a, b]
    if benchmark in names:
        for folder in lacking:  # measuring it now would say nothing, so it is not offered
            check_version(folder, frozen_benchmark(a.task, benchmark), a.task.load())
    calls = ", ".join(_measuring(folder, benchmark) for folder in lacking)
    raise EvaluationError(
        Text(
            f"{a.name} and {b.name} have not been evaluated on the same benchmark, and figures from different test "
            "sets cannot be compared.",
            f"{a.name} 和 {b.name} 沒有在同一份評估基準上評估過；不同測試集的分數不能互相比較。",
        ),
        Text(f"Call {calls}, then compare again.", f"請先呼叫 {calls}，再比較一次。"),
        field="benchmark",
        details={"evaluate": [folder.name for folder in lacking], "benchmark": benchmark},
    )


def _measuring(folder: VersionFolder, benchmark: str) -> str:
    """The call that measures it on that benchmark."""
    if is_tried_model(folder):
        return (
            f"try_model(task={folder.task.name!r}, model={folder.name!r}, action='evaluate', benchmark={benchmark!r})"
        )
    return f"evaluate(task={folder.task.name!r}, version={folder.name!r}, benchmark={benchmark!r})"


def _evaluated_on(folder: VersionFolder, name: str) -> bool:
    """Whether the version has an evaluation on the benchmark as it is now frozen."""
    if name not in benchmark_names(folder.task):
        return False
    return folder.latest_evaluation(frozen_benchmark(folder.task, name).hash) is not None


def _groups(folder: VersionFolder, record: Evaluation, answers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Which rows belong together, as in the evaluation; by the benchmark's own rows where it still stands."""
    by = record.clusters.by if record.clusters else None
    measured_on = form_measured(folder.task, record.benchmark)
    rows: Sequence[Row] = measured_on.rows() if measured_on else [dict(line) for line in answers]
    return row_groups(rows, None if by == "text" else by)
