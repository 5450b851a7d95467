"""Results as their answers give them: a record is compared with figures computed again before anything rests on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...resources.evaluation import Evaluation
from ...resources.foundation.errors import EvaluationError
from ...resources.foundation.language import Text
from ...resources.record import Number
from ...resources.version import VersionFolder
from ..data.benchmark import EARLIER, form_measured
from ..data.prompting import gold_of
from ..data.task_kind import Answers
from .measuring import FORMULA, measure_answers, take_each
from .metric import answers_of, metrics_for
from .record import AnswerLine, answers_file, as_answered, evaluated_answers
from .significance import Scores

_CLOSE = 1e-5  # records are rounded to six digits
_checked: dict[tuple[Any, ...], Results] = {}


class Results(NamedTuple):
    """A record of an evaluation; `unverified` says what of it could not be checked, None: it was."""

    record: Evaluation
    unverified: Text | None = None


def latest_results(folder: VersionFolder, benchmark_hash: str | None = None) -> Results | None:
    """The newest evaluation (on that benchmark, where one is named), checked; None where there is none.

    Raises:
        EvaluationError: see `verified`.
    """
    record = folder.latest_evaluation(benchmark_hash)
    return verify_record(folder, record) if record else None


def verify_record(folder: VersionFolder, record: Evaluation) -> Results:
    """The record, its figures computed again from its answers, and these checked against their hash and against the
    benchmark's rows. A record of an older commit, whose formulas were others or are not known, is returned with the
    figures as they are computed now.

    Raises:
        EvaluationError: the answers were changed or are gone, or the recorded figures do not follow from them.
    """
    if not record.predictions_hash:
        return Results(record, _without_answers(folder, record))
    key = (str(folder.root), record.id, repr(record), *_stamp(folder, record))
    if key not in _checked:
        if len(_checked) > 256:
            _checked.clear()
        _checked[key] = _recompute_record(folder, record)
    return _checked[key]


def _recompute_record(folder: VersionFolder, record: Evaluation) -> Results:
    try:
        lines = evaluated_answers(folder, record)
        _check_golds(folder, record, lines)
    except EvaluationError as error:
        if record.formula is not None:
            raise
        return Results(record, error.problem)  # of an older commit: said where it is looked at
    kind: Answers = record.answers or answers_of(folder.task.load().type)
    labels = list(record.per_class)
    computed = _compute_figures(lines, kind, labels)
    wrong: list[tuple[str, float, float]] = []
    for name, value in computed.items():
        known, _, label = name.partition(".")
        told = _recorded_figure(record, known, label)
        if not isinstance(told, int | float) or value != value or abs(told - value) <= _CLOSE:
            continue
        wrong.append((name, float(told), value))
    if not wrong:
        return Results(record)
    if record.formula == FORMULA:
        raise _not_what_was_measured(folder, record, wrong)
    names = ", ".join(name for name, _, _ in wrong[:4])
    content = record.to_dict()
    now = measure_answers(
        kind, as_answered(lines), labels, None
    )  # an interval of the old value would not hold the new one
    return Results(
        Evaluation.model_validate(
            {
                **content,
                "metrics": {**content.get("metrics", {}), **now["metrics"]},
                "per_class": {**content.get("per_class", {}), **now["per_class"]},
            }
        ),
        Text(
            f"The figures of {folder.name} ({names}) were recorded by an older version of nlp-skills and could not be verified; "
            "they are recomputed here from its answers.",
            f"{folder.name} 的數字（{names}）是舊版 nlp-skills 記錄的，無法驗證；這裡改用依逐列回答重新計算的結果。",
        ),
    )


def _recorded_figure(record: Evaluation, name: str, label: str) -> Number | None:
    """A figure as the record has it."""
    if label:
        figures = record.per_class.get(label)
        return figures.value(name) if figures else None
    figure = record.metrics.get(name)
    return figure.value if figure else None


def _compute_figures(lines: Sequence[Mapping[str, Any]], kind: Answers, labels: Sequence[str]) -> dict[str, float]:
    """Every figure by its name, `f1.late` of one label."""
    answers = as_answered(lines)
    known = metrics_for(kind)
    taken, _ = take_each(kind, answers, labels, Scores([answers], labels).values)
    return {
        f"{name}.{label}" if known[name].per_class else name: value
        for name, values in taken.items()
        for label, value in zip(labels if known[name].per_class else [""], values, strict=True)
    }


def _check_golds(folder: VersionFolder, record: Evaluation, lines: Sequence[AnswerLine]) -> None:
    """The answers must be to the benchmark's own rows, where that stands here as it was."""
    benchmark = form_measured(folder.task, record.benchmark)
    if benchmark is None:
        return
    wanted = {str(row["id"]): gold_of(row) for row in benchmark.rows()}
    if wanted == {str(line["id"]): str(line["gold"]) for line in lines}:
        return
    raise EvaluationError(
        Text(
            f"The answers behind evaluation {record.id} of {folder.name} are not to the rows of benchmark {benchmark.name}.",
            f"{folder.name} 評估 {record.id} 的逐列回答，和評估基準 {benchmark.name} 的資料對不起來。",
        ),
        _again(folder, record),
        field="version",
    )


def _not_what_was_measured(
    folder: VersionFolder, record: Evaluation, wrong: list[tuple[str, float, float]]
) -> EvaluationError:
    name, told, now = wrong[0]
    return EvaluationError(
        Text(
            f"The results recorded for {folder.name} do not follow from its answers: {name} is recorded as {told:.4f}, and "
            f"the answers give {now:.4f}. {folder.results_file} was changed after it was written.",
            f"{folder.name} 記錄的結果和逐列回答不符：{name} 記錄為 {told:.4f}，依回答計算是 {now:.4f}。"
            f"{folder.results_file} 在寫入之後被改過。",
        ),
        _again(folder, record),
        field="version",
        details={
            "figures": [
                {"metric": one, "recorded": was, "computed": round(is_now, 6)} for one, was, is_now in wrong[:20]
            ]
        },
    )


def _again(folder: VersionFolder, record: Evaluation) -> Text:
    call = f"evaluate(task={folder.task.name!r}, version={folder.name!r}, benchmark={record.benchmark.name!r})"
    return Text(
        f"Restore results.json from a backup, or evaluate it again: {call}.",
        f"請從備份還原 results.json，或重新評估：{call}。",
    )


def _without_answers(folder: VersionFolder, record: Evaluation) -> Text:
    return Text(
        f"Evaluation {record.id} of {folder.name} was recorded without its answers' hash, so its figures "
        "could not be verified.",
        f"{folder.name} 的評估 {record.id} 沒有記錄逐列回答的雜湊值，無法驗證其數字。",
    )


def _stamp(folder: VersionFolder, record: Evaluation) -> tuple[int, ...]:
    """What changes when the answers' or the benchmark's file does; zeros where one is gone."""
    found: list[int] = []
    benchmark = folder.task.benchmarks / record.benchmark.name
    for file in (
        answers_file(folder, record.predictions_hash),
        benchmark / "rows.jsonl",
        benchmark / EARLIER / record.benchmark.hash[:12] / "rows.jsonl",
    ):
        try:
            seen = file.stat()
            found += [seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns]
        except OSError:
            found.append(0)
    return tuple(found)
