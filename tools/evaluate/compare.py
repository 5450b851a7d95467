"""Compare two versions on the same rows: is the difference more than chance, where does it lie, what was changed.

python -m nlp_skills.tools.evaluate.compare TASK_FOLDER v1 v2
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from ...resources.answer import quote_row_text
from ...resources.changes import Change, changes_between
from ...resources.comparison import ChangedRow, ChangedRows, Comparison, Gap, LabelPair
from ...resources.evaluation import Evaluation
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import SENTENCES, Text, number_of
from ...resources.lineage import prediction_of
from ...resources.task import Task, TaskFolder
from ...resources.version import VersionFolder
from ..compute.jobs.result import NextCall
from ..compute.jobs.running import RunningJob, run_job
from ..data.benchmark import benchmark_names, frozen_benchmark
from .deciding import Decision, Pair, is_tried_model
from .measuring import take_each
from .metric import Metric, answers_of, metrics_for
from .record import AnswerLine
from .significance import Difference, correct_difference, holm
from .tried import predictor
from .verdict import prediction_said

ENTRY = ["-m", "nlp_skills.tools.evaluate.compare"]
_EXAMPLES = 3


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m nlp_skills.tools.evaluate.compare",
        description="Compare two evaluated versions with a paired test. 用成對檢定比較兩個版本。",
    )
    parser.add_argument("task", type=Path, help="the task's folder")
    parser.add_argument("a", help="the version compared with (v1)")
    parser.add_argument("b", help="the version asked about (v2)")
    given = parser.parse_args(arguments)

    def work(job: RunningJob) -> JsonObject:
        task = TaskFolder(given.task)
        result = compare(predictor(task, given.a), predictor(task, given.b))
        job.progress(1, 1, Text(result.verdict.text.en, result.verdict.text.zh))
        return result.to_dict()

    return run_job("compare", work, entry=ENTRY, arguments=arguments, task=given.task)


def compare(a: VersionFolder, b: VersionFolder) -> Comparison:
    """Everything that differs between `a` and `b`, on the newest benchmark both were evaluated on.

    Raises:
        EvaluationError: they are one version, or have no benchmark in common.
    """
    pair = Pair(a, b)
    decided = pair.decide()
    both = [answer for model in pair.models[:2] for answer in model]
    taken = [take_each(pair.kind, both, pair.labels, partial(pair.scores.values, model=model))[0] for model in (0, 1)]
    # An added metric that fails of one of them says nothing of the two.
    known = {name: one for name, one in metrics_for(pair.kind).items() if all(name in figures for figures in taken)}
    differences = pair.scores.differences(known)
    values = [_values(pair, known, figures) for figures in taken]
    needed, right = decided.needed, decided.right
    found = {
        "a": a.name,
        "b": b.name,
        "benchmark": pair.record_b.benchmark.to_dict(),
        "decoding": pair.decoding,
        "metric": decided.metric,
        "verdict": {
            "outcome": decided.outcome,
            "difference": decided.difference.to_dict(),
            "tests": decided.tests,
            "p_alone": round(decided.alone, 6),
            "rows_needed": needed.to_dict() if needed else None,
            "chosen": {"version": decided.chosen.name, **decided.chosen.to_dict()} if decided.chosen else None,
            "text": decided.describe()._asdict(),
        },
        "right": {"only_a": right.only_a, "only_b": right.only_b},
        "metrics": {
            kind: {"a": values[0][kind], "b": values[1][kind], "difference": one[0].to_dict()}
            for kind, one in differences.items()
            if not known[kind].per_class
        },
        "per_class": _per_class(pair.labels, values, differences.get("f1") or []),
        "changes": [change.to_dict() for change in _changes(a, b)],
        "prediction": predicted.to_dict() if (predicted := prediction_of(b)) else None,
        "examples": _examples(pair.task, *pair.answers),
        "message": _message(a, b, decided, pair.record_b)._asdict(),
        "next_step": _next_step(pair, decided),
    }
    return Comparison.model_validate(found)


def _changes(a: VersionFolder, b: VersionFolder) -> list[Change]:
    """What differs in how they were made; nothing is known of that for a model trained elsewhere."""
    return [] if is_tried_model(a) or is_tried_model(b) else changes_between(a, b)


def _values(pair: Pair, metrics: Mapping[str, Metric], figures: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Each metric's value, per-class ones by `f1.label`."""
    values: dict[str, float] = {}
    for kind, metric in metrics.items():
        names = [f"{kind}.{label}" for label in pair.labels] if metric.per_class else [kind]
        values |= {name: round(value, 6) for name, value in zip(names, figures[kind], strict=True)}
    return values


def _per_class(
    labels: Sequence[str], values: Sequence[Mapping[str, float]], differences: Sequence[Difference]
) -> list[LabelPair]:
    """Each label's F1 in both; several labels are several looks, so their tests are corrected too."""
    tests = holm([one.p for one in differences])
    return [
        LabelPair(
            label=label,
            a=values[0][f"f1.{label}"],
            b=values[1][f"f1.{label}"],
            difference=Gap.model_validate(found.to_dict()),
            outcome=found.verdict,
        )
        for label, one, p in zip(labels, differences, tests, strict=True)
        if (found := correct_difference(one, p))
    ]


def _form_said(version: VersionFolder, record: Evaluation) -> Text | None:
    """That the figures are of a form which its benchmark no longer has."""
    task, measured_on = version.task, record.benchmark
    names = benchmark_names(task)
    if measured_on.name not in names or measured_on.hash == frozen_benchmark(task, measured_on.name).hash:
        return None
    return Text(
        f"Both were measured on the form that benchmark {measured_on.name} had before its labels changed "
        f"({measured_on.hash[:12]}).",
        f"兩者都是在評估基準 {measured_on.name} 的標籤調整之前量的（{measured_on.hash[:12]}）。",
    )


def _message(a: VersionFolder, b: VersionFolder, decided: Decision, record: Evaluation) -> Text:
    said, right = decided.describe(), decided.right
    changes = _changes(a, b)
    listed = Text(
        "; ".join(change.text.en for change in changes[:6]) or "nothing",
        "、".join(change.text.zh for change in changes[:6]) or "沒有",
    )
    form, predicted = _form_said(a, record), prediction_said(b)
    best = decided.chosen.describe() if decided.chosen else None
    return Text(
        "{said} Only {a} is right on {only_a}, only {b} on {only_b}. Changed: {listed}. {more}",
        "{said}只有 {a} 答對的有 {only_a} 列，只有 {b} 答對的有 {only_b} 列。變更：{listed}。{more}",
    ).format(
        said=said,
        a=a.name,
        only_a=number_of(right.only_a, "row"),
        b=b.name,
        only_b=right.only_b,
        listed=listed,
        more=SENTENCES.join([best, predicted, form]),
    )


def _examples(task: Task, answers_a: Sequence[AnswerLine], answers_b: Sequence[AnswerLine]) -> ChangedRows:
    """A few rows that `b` put right and a few that it broke; their text hidden where the task is on-premise."""
    fixed: list[ChangedRow] = []
    broken: list[ChangedRow] = []
    for one, other in zip(answers_a, answers_b, strict=True):
        if one["correct"] == other["correct"]:
            continue
        kind = fixed if other["correct"] else broken
        if len(kind) < _EXAMPLES:
            kind.append(
                ChangedRow(
                    id=one["id"],
                    text=quote_row_text(task, one["text"]),
                    gold=_display_answer(task, one["gold"]),
                    a=_display_answer(task, one["predicted"]),
                    b=_display_answer(task, other["predicted"]),
                )
            )
    return ChangedRows(fixed=fixed, broken=broken)


def _display_answer(task: Task, answer: str | None) -> str | None:
    """A label as it is; an answer that quotes rows as the task allows."""
    return answer if answer is None or answers_of(task.type) == "label" else quote_row_text(task, answer)


def _next_step(pair: Pair, decided: Decision) -> NextCall:
    before, after = decided.values
    ahead = after >= before if pair.metric.higher_is_better else after <= before
    later = decided.outcome == "better" or (not decided.shown and ahead)
    chosen, record = (pair.b, pair.record_b) if later else (pair.a, pair.record_a)
    task = pair.a.task.name
    if record.verdict.met and not record.verdict.simplest_wins and not is_tried_model(chosen):
        say = Text(f"{chosen.name} meets the goal. Deploy it?", f"{chosen.name} 已達標。要部署嗎？")
        return {"tool": "deploy", "arguments": {"task": task, "version": chosen.name}, "say": say._asdict()}
    say = Text("Ask the coach what would help most.", "問教練怎麼改進最有效。")
    return {"tool": "coach", "arguments": {"task": task}, "say": say._asdict()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
