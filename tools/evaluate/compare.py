"""Compare two versions on the same rows: is the difference more than chance, where does it lie, what was changed.

    python -m nlp_skills.tools.evaluate.compare TASK_FOLDER v1 v2
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...resources.answer import quoted
from ...resources.changes import Change, changes_between
from ...resources.errors import EvaluationError
from ...resources.language import Text, several
from ...resources.lineage import prediction_of
from ...resources.task import Task, TaskFolder
from ...resources.version import VersionFolder
from ..compute.running import RunningJob, run_job
from ..data.benchmark import MAIN, benchmark_names, frozen_benchmark
from ..data.rows import Row
from .metric import Metric, answers_of, check_metric, metric_title, metrics_for
from .record import as_answered, evaluated_answers, row_groups
from .significance import Difference, McNemar, Resampler, mcnemar, rows_needed
from .tried import TriedModel, predictor
from .verdict import prediction_said

ENTRY = ["-m", "nlp_skills.tools.evaluate.compare"]
_EXAMPLES = 3
_PRACTICALLY_EQUAL = 0.005
_WORDS = {"better": Text("is better than", "優於"), "worse": Text("is worse than", "不如")}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m nlp_skills.tools.evaluate.compare",
        description="Compare two evaluated versions with a paired test. 用成對檢定比較兩個版本。",
    )
    parser.add_argument("task", type=Path, help="the task's folder")
    parser.add_argument("a", help="the version compared with (v1)")
    parser.add_argument("b", help="the version asked about (v2)")
    given = parser.parse_args(arguments)

    def work(job: RunningJob) -> dict[str, Any]:
        task = TaskFolder(given.task)
        result = compare(predictor(task, given.a), predictor(task, given.b))
        job.progress(1, 1, Text(**result["verdict"]["text"]))
        return result

    return run_job("compare", work, entry=ENTRY, arguments=arguments, task=given.task)


def compare(a: VersionFolder, b: VersionFolder) -> dict[str, Any]:
    """Everything that differs between `a` and `b`, on the newest benchmark both were evaluated on.

    Returns:
        the verdict with its paired interval, every metric, each label's F1, settings, data, and rows that changed.

    Raises:
        EvaluationError: they are one version, or have no benchmark in common.
    """
    task = a.task.load()
    record_a, record_b = common_records(a, b)
    # A model that was tried answers freely; so is a version taken that it stands beside.
    decoding = record_a["decoding"] if isinstance(a, TriedModel) else record_b["decoding"]
    answers_a, answers_b = evaluated_answers(a, record_a, decoding), evaluated_answers(b, record_b, decoding)
    models = [as_answered(answers) for answers in (answers_a, answers_b)]
    rows, kind, name = len(answers_a), answers_of(task.type), task.metric
    labels = list(dict.fromkeys([*task.labels, *record_b["per_class"]])) if kind in ("label", "spans") else []
    metric, label = check_metric(name, labels, kind)
    groups = _groups(b, record_b, answers_a)
    resampler = Resampler(models, labels, groups)
    known = metrics_for(kind, [answer for model in models for answer in model])
    differences = resampler.differences(known)
    values = [_values(resampler, known, model) for model in (0, 1)]
    found = differences[name.partition(".")[0]]
    main_difference = found[labels.index(label)] if isinstance(found, list) and label else found
    assert isinstance(main_difference, Difference)
    test = mcnemar(*([answer["correct"] for answer in answers] for answers in (answers_a, answers_b)))
    pair = (values[0][name], values[1][name])
    needed = rows_needed(rows, main_difference.value, main_difference.error)
    outcome = _outcome(main_difference, metric.higher_is_better)
    return {
        "a": a.name, "b": b.name, "benchmark": record_b["benchmark"], "decoding": decoding, "metric": name,
        "verdict": {
            "outcome": outcome, "difference": main_difference.to_dict(), "rows_needed": needed,
            "text": _said(a.name, b.name, name, pair, main_difference, outcome, rows, needed)._asdict(),
        },
        "mcnemar": {"only_a_right": test.only_a, "only_b_right": test.only_b, "p": round(test.p, 6)},
        "metrics": {kind: {"a": values[0][kind], "b": values[1][kind], "difference": one.to_dict()}
                    for kind, one in differences.items() if isinstance(one, Difference)},
        "per_class": _per_class(labels, values, differences.get("f1", [])),
        "changes": [change.to_dict() for change in _changes(a, b)], "prediction": prediction_of(b),
        "examples": _examples(task, answers_a, answers_b),
        "message": _message(a, b, name, pair, main_difference, outcome, rows, needed, test)._asdict(),
        "next_step": _next_step(a, b, record_a, record_b, outcome, pair, metric.higher_is_better),
    }


def common_records(a: VersionFolder, b: VersionFolder) -> tuple[dict[str, Any], dict[str, Any]]:
    """The newest evaluation of each on one common benchmark (the main one where both have it).

    Raises:
        EvaluationError: names the evaluate calls that make a comparison possible.
    """
    if a.root == b.root:
        raise EvaluationError(
            Text(f"{a.name} cannot be compared with itself.", f"{a.name} 不能和自己比較。"),
            Text("Name two different versions.", "請指定兩個不同的版本。"), field="b",
        )
    names = benchmark_names(a.task)
    current = frozen_benchmark(a.task).hash if MAIN in names else None
    shared = [record["benchmark"]["hash"] for record in reversed(b.evaluations())
              if a.latest_evaluation(record["benchmark"]["hash"])]
    if shared:
        digest = current if current in shared else shared[0]
        found = a.latest_evaluation(digest), b.latest_evaluation(digest)
        if found[0] and found[1]:
            return found[0], found[1]
    benchmark = next((record["benchmark"]["name"] for folder in (b, a) for record in reversed(folder.evaluations())
                      if record["benchmark"]["name"] in names), MAIN)
    lacking = [folder for folder in (a, b) if not _evaluated_on(folder, benchmark)] or [a, b]
    calls = ", ".join(_measuring(folder, benchmark) for folder in lacking)
    raise EvaluationError(
        Text(f"{a.name} and {b.name} have not been evaluated on the same benchmark, and figures from different test "
             "sets cannot be compared.",
             f"{a.name} 和 {b.name} 沒有在同一份評估基準上評估過；不同測試集的分數不能互相比較。"),
        Text(f"Call {calls}, then compare again.", f"請先呼叫 {calls}，再比較一次。"),
        field="benchmark", details={"evaluate": [folder.name for folder in lacking], "benchmark": benchmark},
    )


def _measuring(folder: VersionFolder, benchmark: str) -> str:
    """The call that measures it on that benchmark."""
    if isinstance(folder, TriedModel):
        return (f"try_model(task={folder.task.name!r}, model={folder.name!r}, action='evaluate', "
                f"benchmark={benchmark!r})")
    return f"evaluate(task={folder.task.name!r}, version={folder.name!r}, benchmark={benchmark!r})"


def _changes(a: VersionFolder, b: VersionFolder) -> list[Change]:
    """What differs in how they were made; nothing is known of that for a model trained elsewhere."""
    return [] if isinstance(a, TriedModel) or isinstance(b, TriedModel) else changes_between(a, b)


def _evaluated_on(folder: VersionFolder, name: str) -> bool:
    """Whether the version has an evaluation on the benchmark as it is now frozen."""
    if name not in benchmark_names(folder.task):
        return False
    return folder.latest_evaluation(frozen_benchmark(folder.task, name).hash) is not None


def _groups(b: VersionFolder, record: Mapping[str, Any], answers: Sequence[Row]) -> list[str]:
    """Which rows belong together, as in the evaluation of `b`; by the benchmark's own rows where it still stands."""
    name, by = record["benchmark"]["name"], record.get("clusters", {}).get("by")
    rows: Sequence[Row] = answers
    if name in benchmark_names(b.task):
        frozen = frozen_benchmark(b.task, name)
        rows = frozen.rows() if frozen.hash == record["benchmark"]["hash"] else answers
    return row_groups(rows, None if by == "text" else by)


def _values(resampler: Resampler, metrics: Mapping[str, Metric], model: int) -> dict[str, Any]:
    """Each metric's value, per-class ones by `f1.label`."""
    values: dict[str, float] = {}
    for kind, value in resampler.values(metrics, model).items():
        if metrics[kind].per_class:
            values |= {f"{kind}.{label}": round(float(one), 6)
                       for label, one in zip(resampler.labels, value, strict=True)}
        else:
            values[kind] = round(float(value), 6)
    return values


def _per_class(
    labels: Sequence[str], values: Sequence[Mapping[str, float]], differences: Difference | list[Difference]
) -> list[dict[str, Any]]:
    by_label = differences if isinstance(differences, list) else []
    return [{"label": label, "a": values[0][f"f1.{label}"], "b": values[1][f"f1.{label}"],
             "difference": one.to_dict(), "outcome": one.verdict}
            for label, one in zip(labels, by_label, strict=True)]


def _outcome(difference: Difference, higher_is_better: bool) -> str:
    if higher_is_better or difference.verdict == "not_shown":
        return difference.verdict
    return "worse" if difference.verdict == "better" else "better"


def _said(
    a: str, b: str, metric: str, pair: tuple[float, float], difference: Difference, outcome: str, rows: int,
    needed: int | None,
) -> Text:
    """The verdict in words: `v2 is better`, `v2 is worse`, or that a difference is not shown."""
    title = metric_title(metric)
    figures = Text(
        f"{title.en} {a} {pair[0]:.3f}, {b} {pair[1]:.3f}: {difference.value:+.3f} (95 % interval "
        f"{difference.low:+.3f} to {difference.high:+.3f}) on the same {several(rows, 'row')}.",
        f"{title.zh} {a} 為 {pair[0]:.3f}、{b} 為 {pair[1]:.3f}，相差 {difference.value:+.3f}"
        f"（95% 信賴區間 {difference.low:+.3f} 到 {difference.high:+.3f}），同樣的 {rows} 列。",
    )
    if outcome in _WORDS:
        word = _WORDS[outcome]
        return Text(f"{b} {word.en} {a}. {figures.en}",
                    f"{b} {word.zh} {a}。{figures.zh}")
    if needed is None:
        more = Text("They answer alike.", "兩者的表現相同。")
    elif abs(difference.value) < _PRACTICALLY_EQUAL:
        more = Text("For practical purposes they are equal here.", "實際上可以視為一樣。")
    else:
        more = Text(f"About {needed:,} rows would be needed to show a gap of this size.",
                    f"要證明這麼大的差距，大約需要 {needed:,} 列測試資料。")
    return Text(f"A difference between {b} and {a} is not shown: it may be chance. {figures.en} {more.en}",
                f"未能證明 {b} 和 {a} 有差異，可能只是運氣。{figures.zh}{more.zh}")


def _message(
    a: VersionFolder, b: VersionFolder, metric: str, pair: tuple[float, float], difference: Difference, outcome: str,
    rows: int, needed: int | None, test: McNemar,
) -> Text:
    said = _said(a.name, b.name, metric, pair, difference, outcome, rows, needed)
    changes = _changes(a, b)
    listed = Text("; ".join(change.text.en for change in changes[:6]) or "nothing",
                  "、".join(change.text.zh for change in changes[:6]) or "沒有")
    predicted = prediction_said(b) or Text("", "")
    return Text(
        f"{said.en} Only {a.name} is right on {several(test.only_a, 'row')}, only {b.name} on {test.only_b} (exact McNemar "
        f"p = {test.p:.3f}). Changed: {listed.en}. {predicted.en}".rstrip(),
        f"{said.zh}只有 {a.name} 答對的有 {test.only_a} 列，只有 {b.name} 答對的有 {test.only_b} 列"
        f"（精確 McNemar 檢定 p = {test.p:.3f}）。變更：{listed.zh}。{predicted.zh}",
    )


def _examples(
    task: Task, answers_a: Sequence[Mapping[str, Any]], answers_b: Sequence[Mapping[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """A few rows that `b` put right and a few that it broke; their text hidden where the task is on-premise."""
    found: dict[str, list[dict[str, Any]]] = {"fixed": [], "broken": []}
    for one, other in zip(answers_a, answers_b, strict=True):
        if one["correct"] == other["correct"]:
            continue
        kind = found["fixed" if other["correct"] else "broken"]
        if len(kind) < _EXAMPLES:
            kind.append({"id": one["id"], "text": quoted(task, one["text"]),
                         **{name: _shown(task, said) for name, said in (
                             ("gold", one["gold"]), ("a", one["predicted"]), ("b", other["predicted"]))}})
    return found


def _shown(task: Task, answer: str | None) -> str | None:
    """A label as it is; an answer that quotes rows as the task allows."""
    return answer if answer is None or answers_of(task.type) == "label" else quoted(task, answer)


def _next_step(
    a: VersionFolder, b: VersionFolder, record_a: Mapping[str, Any], record_b: Mapping[str, Any], outcome: str,
    pair: tuple[float, float], higher_is_better: bool,
) -> dict[str, Any]:
    ahead = pair[1] >= pair[0] if higher_is_better else pair[1] <= pair[0]
    chosen, record = (b, record_b) if outcome == "better" or (outcome == "not_shown" and ahead) else (a, record_a)
    task = a.task.name
    if record["verdict"]["met"] and not record["verdict"]["simplest_wins"] and not isinstance(chosen, TriedModel):
        say = Text(f"{chosen.name} meets the goal. Deploy it?", f"{chosen.name} 已達標。要部署嗎？")
        return {"tool": "deploy", "arguments": {"task": task, "version": chosen.name}, "say": say._asdict()}
    say = Text("Ask the coach what would help most.", "問教練怎麼改進最有效。")
    return {"tool": "coach", "arguments": {"task": task}, "say": say._asdict()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
