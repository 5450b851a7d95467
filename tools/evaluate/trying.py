"""Trying a model as a job: a text or a few rows side by side, or the whole benchmark.

`python -m nlp_skills.tools.evaluate.trying TASK --model ollama:qwen3 [--evaluate]`
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ...resources.answer import quote_row_text
from ...resources.evaluation import Evaluation
from ...resources.foundation.errors import DataError, EvaluationError
from ...resources.foundation.files import dump_jsonl, read_jsonl, sha256_bytes, write_atomic
from ...resources.foundation.language import COMMAS, Text, number_of, several
from ...resources.task import Task, TaskFolder
from ...resources.version import VersionFolder
from ...resources.workspace import Workspace
from ..compute.environments.libraries import settle_libraries
from ..compute.jobs.device_queue import acquire_gpu
from ..compute.jobs.result import JobResult, NextCall
from ..compute.jobs.running import RunningJob, run_job
from ..compute.jobs.stopwatch import Stopwatch
from ..data.benchmark import Benchmark, frozen_benchmark
from ..data.prompting import answer_of, task_prompt
from ..data.rows import Row
from ..data.store import Snapshot, load_snapshot
from ..data.task_kind import task_kind
from .baseline import baseline_title, simple_answers
from .measurable import check_labels
from .measuring import FORMULA, baseline_figures, measure_answers, measured_labels, paired_differences, row_groups
from .metric import answers_of
from .record import answer_rows, benchmark_reference, commit_evaluation, keep_answers
from .results import AnsweredFile, AskedModels, AskedRow, EvaluatedModel
from .scoring import meant_characters
from .simplified import simplified_leak
from .tried import Model, TriedModel, answering, identity, named_model
from .verdict import verdict

ENTRY = ["-m", "nlp_skills.tools.evaluate.trying"]
MOST_ROWS = 20  # of the validation split, where no text is given
MOST_BESIDE = 10  # models
_VALID = {
    "label": Text("answers that are a label", "回答是標籤的"),
    "spans": Text("answers that are JSON of parts", "回答是可讀取的 JSON 的"),
    "text": Text("answers that are not empty", "有回答的"),
    "pair": Text("answers that are not empty", "有回答的"),
}


def too_many(count: int) -> EvaluationError:
    """The error of more models than stand side by side."""
    return EvaluationError(
        Text(
            f"{count:,} more models were named; at most {MOST_BESIDE} are shown beside the first.",
            f"指定了 {count:,} 個其他模型；一次最多並列 {MOST_BESIDE} 個。",
        ),
        Text("Name fewer, and call again for the rest.", "請少指定幾個，其餘的再呼叫一次。"),
        field="beside",
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m nlp_skills.tools.evaluate.trying", description=__doc__)
    parser.add_argument("task", type=Path, help="the task's folder")
    parser.add_argument("--model", required=True, action="append", help="what to ask; again for more side by side")
    parser.add_argument("--url", default="", help="where an endpoint answers")
    parser.add_argument("--api-key", default="", help="a stored secret, as ${NAME}")
    parser.add_argument("--text", default="")
    parser.add_argument("--entity", default="")
    parser.add_argument("--rows", type=int, default=3, help="validation rows to ask where no text is given")
    parser.add_argument(
        "--asked", type=Path, help="a file of rows {text, entity?} to answer whole, into the job's folder"
    )
    parser.add_argument("--evaluate", action="store_true", help="ask the frozen benchmark and keep the result")
    parser.add_argument("--benchmark", default=None)
    given = parser.parse_args(arguments)
    settle_libraries()

    def work(job: RunningJob) -> JobResult:
        task = TaskFolder(given.task)
        models = [named_model(Workspace(), task, name, given.url, given.api_key) for name in given.model]
        with acquire_gpu(job) if any(model.loaded_here for model in models) else contextlib.nullcontext():
            if given.evaluate:
                return evaluate_model(job, task, models[0], given.benchmark)
            if given.asked:
                return answer_file(job, task, models[0], given.asked)
            return ask_models(job, task, models, _rows(task, given.text, given.entity, given.rows))

    return run_job("try", work, entry=ENTRY, arguments=arguments, task=given.task, resumable=True)


def ask_models(job: RunningJob, task: TaskFolder, models: Sequence[Model], rows: Sequence[Row]) -> AskedModels:
    """Every model's answer to every row, side by side; texts hidden where the task is on-premise."""
    definition = task.load()
    prompt, labels = task_prompt(definition), definition.labels
    answers = [_show_row(definition, row) for row in rows]
    valid = dict.fromkeys((model.name for model in models), 0)
    for place, model in enumerate(models):
        job.progress(place, len(models), Text(f"asking {model.name}", f"詢問 {model.name}"))
        began = time.monotonic()
        with answering(task, model, prompt, labels) as ask:
            found = ask(rows, None, lambda _done, _total: job.check_cancelled())
        seconds = round((time.monotonic() - began) / max(1, len(rows)), 2)
        for line, answer in zip(answers, found, strict=True):
            line["answers"][model.name] = {
                "said": quote_row_text(definition, answer.raw),
                "read": _display_answer(definition, answer.answer),
                "seconds": seconds,
            }
            valid[model.name] += answer.answer is not None
    job.progress(len(models), len(models))
    names = "、".join(model.name for model in models)
    shares = [f"{name} {count}/{len(rows)}" for name, count in valid.items()]
    what = _VALID[answers_of(definition.type)]
    message = Text("Asked {rows}; {what}: {shares}.", "問了 {rows} 則（{names}）；{what}：{shares}。").format(
        rows=number_of(len(rows), "text"), names=names, what=what, shares=COMMAS.join(shares)
    )
    say = Text(
        "A few answers show how it speaks, not how good it is. Measure it on the benchmark?",
        "幾則回答只看得出它怎麼說話，看不出好壞。要用評估基準量一次嗎？",
    )
    measurable = next((model for model in models if model.kind != "version"), None)
    if measurable is None:
        own = Text(
            "A few answers show how a version speaks, not how good it is: its evaluation says that. Ask the coach.",
            "幾則回答只看得出版本怎麼說話，看不出好壞；好壞要看它的評估結果，可以請教練說明。",
        )
        step: NextCall = {"tool": "coach", "arguments": {"task": task.name}, "say": own._asdict()}
    else:
        step = {
            "tool": "try_model",
            "arguments": {
                "task": task.name,
                "model": measurable.name,
                "action": "evaluate",
                **({"url": measurable.url} if measurable.kind == "endpoint" else {}),
            },
            "say": say._asdict(),
        }
        if measurable.kind == "gguf":
            step["arguments"]["model"] = measurable.source
    return {"rows": answers, "message": message._asdict(), "next_step": step}


def _show_row(task: Task, row: Row) -> AskedRow:
    """The row as it is shown, not answered yet."""
    shown: AskedRow = {"text": quote_row_text(task, str(row["text"])), "answers": {}}
    if row.get("entity"):
        shown["entity"] = row["entity"]
    if gold := answer_of(row):
        shown["gold"] = _display_answer(task, gold)
    return shown


def answer_file(job: RunningJob, task: TaskFolder, model: Model, asked: Path) -> AnsweredFile:
    """Every row of a file answered, in `answers.jsonl` of the job's folder: `{text, entity?, predicted, raw}` a line."""
    definition = task.load()
    kind = task_kind(definition.type)
    rows = [kind.question(str(row["text"]), str(row.get("entity") or "")) for row in read_jsonl(asked)]

    def report(done: int, total: int) -> None:
        job.progress(done, total, Text(f"asking {model.name}", f"詢問 {model.name}"))

    with answering(task, model, task_prompt(definition), definition.labels) as ask:
        found = ask(rows, None, report)
    answers = job.folder.root / "answers.jsonl"
    lines = (
        {
            "text": row["text"],
            **({"entity": row["entity"]} if row.get("entity") else {}),
            "predicted": one.answer,
            "raw": one.raw,
        }
        for row, one in zip(rows, found, strict=True)
    )
    write_atomic(answers, dump_jsonl(lines))
    message = Text(f"{model.name} answered {several(len(rows), 'text')}.", f"{model.name} 回答了 {len(rows)} 則。")
    return {"file": answers.relative_to(task.root).as_posix(), "rows": len(rows), "message": message._asdict()}


def evaluate_model(job: RunningJob, task: TaskFolder, model: Model, name: str | None = None) -> EvaluatedModel:
    """Ask the model the frozen benchmark with the task's prompt, and keep the record as a version's is kept."""
    definition, benchmark = task.load(), frozen_benchmark(task, name)
    check_labels(task, benchmark)
    rows, prompt = benchmark.rows(), task_prompt(definition)
    kind, metric = answers_of(definition.type), definition.metric
    labels = measured_labels(definition.labels, rows)
    if kind == "pair" and model.kind not in ("base", "version"):
        raise EvaluationError(
            Text(
                f"{model.name} can only be asked; a served model does not tell which of two answers it rates as more "
                f"likely.",
                f"{model.name} 只能提問；服務中的模型不會告訴我們它認為哪個回答比較可能。",
            ),
            Text(
                "Measure preferences on a model whose weights are on this machine: base:<name or folder>, or a "
                "version.",
                "請改用權重在本機的模型來量偏好：base:<名稱或資料夾>，或某個版本。",
            ),
            field="model",
        )
    who = identity(model)
    key = json.dumps(
        [who, prompt.model_dump(mode="json"), definition.labels, benchmark.hash], sort_keys=True, ensure_ascii=False
    )
    kept = task.cache / "tried" / sha256_bytes(key.encode())[:16]

    def report(done: int, total: int) -> None:
        job.progress(done, total, Text(f"asking {model.name}", f"詢問 {model.name}"))

    clock = Stopwatch(kept / "clock.json")
    with clock.running(), answering(task, model, prompt, definition.labels) as ask:
        found = ask(rows, kept / "answers.jsonl", report)
    answers = [one.answered for one in found]
    snapshot = _snapshot_of(task, benchmark)
    group_by = snapshot.manifest.split.group_by if snapshot else None
    groups = row_groups(rows, group_by)
    beside = simple_answers(task.cache, kind, snapshot, benchmark, rows, definition.language) if snapshot else {}
    content = {
        "benchmark": benchmark_reference(benchmark).to_dict(),
        "answers": kind,
        "formula": FORMULA,
        "decoding": "free",
        **measure_answers(kind, answers, labels, groups),
        "clusters": {"by": group_by or "text", "count": len(set(groups))},
        "model": who,
        "simplified": simplified_leak(
            [one.raw for one in found], definition.language, meant_characters(labels, rows, kind)
        ),
        "job": job.folder.id,
        "seconds": round(clock.seconds, 2),
        "baselines": {
            name: baseline_figures(metric, kind, given, labels, groups, snapshot) for name, given in beside.items()
        },
    }
    record = Evaluation.model_validate(content)
    ahead = paired_differences(metric, kind, beside, answers, labels, groups)
    record.verdict = verdict(record, definition, ahead)
    folder = TriedModel(task, model.name)
    folder.root.mkdir(parents=True, exist_ok=True)
    record.predictions_hash = keep_answers(folder, answer_rows(rows, found))
    record = commit_evaluation(folder, record)
    shutil.rmtree(kept, ignore_errors=True)
    return _build_result(task, folder, record)


def _rows(task: TaskFolder, text: str, entity: str, count: int) -> list[Row]:
    """The text the person gave, else the first rows of the validation split; never the benchmark's."""
    if text:
        return [task_kind(task.load().type).question(text, entity)]
    snapshot = _snapshot_of(task, frozen_benchmark(task))
    rows = snapshot.rows("valid")[: max(1, min(count, MOST_ROWS))] if snapshot else []
    if not rows:
        raise DataError(
            Text("There are no validation rows to ask.", "沒有可以拿來詢問的驗證資料。"),
            Text("Give a text, or prepare data first.", "請給一段文字，或先準備資料。"),
            field="text",
        )
    return rows


def _snapshot_of(task: TaskFolder, benchmark: Benchmark) -> Snapshot | None:
    digest = benchmark.snapshot or ""
    return load_snapshot(task, digest) if digest and (task.snapshots / digest[:12]).is_dir() else None


def _display_answer(task: Task, answer: str | None) -> str | None:
    """An answer fit for a tool result: a label as it is, what quotes rows as the task allows."""
    return answer if answer is None or answers_of(task.type) == "label" else quote_row_text(task, answer)


def _build_result(task: TaskFolder, folder: VersionFolder, record: Evaluation) -> EvaluatedModel:
    found = record.verdict
    if found.met and not found.simplest_wins:
        say = Text(
            f"{folder.name} meets the goal as it is: training may not be needed. Decide with the coach.",
            f"{folder.name} 不用訓練就已達標，也許不需要微調。請和教練一起決定。",
        )
    elif found.simplest_wins:
        simple = baseline_title(found.simplest.name if found.simplest else "")
        say = Text(
            "A simple method ({simple}) is ahead of it; ask the coach what that means.",
            "簡單的方法（{simple}）比它好，請問教練這代表什麼。",
        ).format(simple=simple)
    else:
        say = Text(
            f"It is what a version has to beat: compare_versions(a={folder.name!r}, b='v1') says whether it does.",
            f"這就是版本要贏過的對象：用 compare_versions(a={folder.name!r}, b='v1') 看有沒有贏。",
        )
    return {
        "model": folder.name,
        "evaluation": record.id,
        "benchmark": record.benchmark.to_dict(),
        "metrics": {name: figure.to_dict() for name, figure in record.metrics.items()},
        "met": found.met,
        "threshold": found.threshold,
        "simplest_wins": found.simplest_wins,
        "results": str(folder.results_file),
        "message": {"en": f"{folder.name}: {found.text.en}", "zh": f"{folder.name}：{found.text.zh}"},
        "next_step": {"tool": "coach", "arguments": {"task": task.name}, "say": say._asdict()},
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
