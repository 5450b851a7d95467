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
from typing import Any

from ...resources.answer import quoted
from ...resources.errors import DataError
from ...resources.files import sha256_bytes
from ...resources.language import Text
from ...resources.task import TaskFolder
from ...resources.version import VersionFolder
from ...resources.workspace import Workspace
from ..compute.libraries import settle_libraries
from ..compute.running import RunningJob, run_job
from ..compute.turns import gpu_turn
from ..data.benchmark import Benchmark, frozen_benchmark
from ..data.prompting import task_prompt
from ..data.reach import check_reach
from ..data.rows import Row, row_id
from ..data.store import Snapshot, load_snapshot
from .baselines import TITLES, cached_answers, majority_answers, tfidf_answers
from .record import answer_rows, benchmark_reference, commit_evaluation, keep_answers, measured, row_groups
from .run import paired_difference
from .simplified import simplified_leak
from .tried import Model, TriedModel, answering, identity, named_model
from .verdict import headline, verdict

ENTRY = ["-m", "nlp_skills.tools.evaluate.trying"]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m nlp_skills.tools.evaluate.trying", description=__doc__)
    parser.add_argument("task", type=Path, help="the task's folder")
    parser.add_argument("--model", required=True, action="append", help="what to ask; again for more side by side")
    parser.add_argument("--url", default="", help="where an endpoint answers")
    parser.add_argument("--api-key", default="", help="a stored secret, as ${NAME}")
    parser.add_argument("--text", default="")
    parser.add_argument("--entity", default="")
    parser.add_argument("--rows", type=int, default=3, help="validation rows to ask where no text is given")
    parser.add_argument("--evaluate", action="store_true", help="ask the frozen benchmark and keep the result")
    parser.add_argument("--benchmark", default=None)
    parser.add_argument("--allow-remote", action="store_true")
    given = parser.parse_args(arguments)
    settle_libraries()

    def work(job: RunningJob) -> dict[str, Any]:
        task = TaskFolder(given.task)
        models = [named_model(Workspace(), task, name, given.url, given.api_key) for name in given.model]
        for model in models:
            if model.url:
                check_reach(task.load(), model.url, given.allow_remote)
        loads = any(model.kind in ("base", "version") for model in models)
        with gpu_turn(job) if loads else contextlib.nullcontext():
            if given.evaluate:
                return evaluate_model(job, task, models[0], given.benchmark)
            return ask_models(job, task, models, _rows(task, given.text, given.entity, given.rows))

    return run_job("try", work, entry=ENTRY, arguments=arguments, task=given.task, resumable=True)


def ask_models(job: RunningJob, task: TaskFolder, models: Sequence[Model], rows: Sequence[Row]) -> dict[str, Any]:
    """Every model's answer to every row, side by side; texts hidden where the task is on-premise."""
    definition = task.load()
    prompt, labels = task_prompt(definition), definition.labels
    answers: list[dict[str, Any]] = [
        {"text": quoted(definition, str(row["text"])), **({"entity": row["entity"]} if row.get("entity") else {}),
         **({"gold": row["label"]} if row.get("label") else {}), "answers": {}} for row in rows]
    for place, model in enumerate(models):
        job.progress(place, len(models), Text(f"asking {model.name}", f"詢問 {model.name}"))
        began = time.monotonic()
        with answering(task, model, prompt, labels) as ask:
            asked = [{**row, "label": row.get("label") or ""} for row in rows]
            found = ask(asked, None, lambda _done, _total: job.check_cancelled())
        seconds = round((time.monotonic() - began) / max(1, len(rows)), 2)
        for line, answer in zip(answers, found, strict=True):
            line["answers"][model.name] = {"said": quoted(definition, answer.raw), "label": answer.label,
                                           "seconds": seconds}
    job.progress(len(models), len(models))
    names = "、".join(model.name for model in models)
    valid = {model.name: sum(line["answers"][model.name]["label"] is not None for line in answers) for model in models}
    told = ", ".join(f"{name} {count}/{len(rows)}" for name, count in valid.items())
    message = Text(f"Asked {len(rows)} texts; answers that are a label: {told}.",
                   f"問了 {len(rows)} 則（{names}）；回答是標籤的：{told}。")
    say = Text("A few answers show how it speaks, not how good it is. Measure it on the benchmark?",
               "幾則回答只看得出它怎麼說話，看不出好壞。要用評估基準量一次嗎？")
    measurable = next((model for model in models if model.kind != "version"), None)
    step: dict[str, Any] = {"tool": "coach", "arguments": {"task": task.name}, "say": say._asdict()}
    if measurable is not None:
        step = {"tool": "try_model", "arguments": {
            "task": task.name, "model": measurable.name, "action": "evaluate",
            **({"url": measurable.url} if measurable.kind == "endpoint" else {})}, "say": say._asdict()}
        if measurable.kind == "gguf":
            step["arguments"]["model"] = measurable.source
    return {"rows": answers, "message": message._asdict(), "next_step": step}


def evaluate_model(job: RunningJob, task: TaskFolder, model: Model, name: str | None = None) -> dict[str, Any]:
    """Ask the model the frozen benchmark with the task's prompt, and keep the record as a version's is kept."""
    definition, benchmark = task.load(), frozen_benchmark(task, name)
    rows, prompt = benchmark.rows(), task_prompt(definition)
    labels = list(dict.fromkeys([*definition.labels, *(str(row["label"]) for row in rows)]))
    who, began = identity(model), time.monotonic()
    key = json.dumps([who, prompt.model_dump(mode="json"), definition.labels, benchmark.hash], sort_keys=True,
                     ensure_ascii=False)
    kept = task.cache / "tried" / sha256_bytes(key.encode())[:16]

    def report(done: int, total: int) -> None:
        job.progress(done, total, Text(f"asking {model.name}", f"詢問 {model.name}"))

    with answering(task, model, prompt, definition.labels) as ask:
        found = ask(rows, kept / "answers.jsonl", report)
    gold, answers = [str(row["label"]) for row in rows], [one.label for one in found]
    snapshot = _snapshot_of(task, benchmark)
    group_by = snapshot.manifest["split"].get("group_by") if snapshot else None
    groups = row_groups(rows, group_by)
    beside = _baselines(task, snapshot, benchmark, definition.language)
    metric = definition.success_criteria.metric
    record: dict[str, Any] = {
        "benchmark": benchmark_reference(benchmark), "decoding": "free", **measured(gold, answers, labels, groups),
        "clusters": {"by": group_by or "text", "count": len(set(groups))}, "model": who,
        "simplified": simplified_leak([one.raw for one in found], definition.language, labels),
        "job": job.folder.id, "baselines": {}, "seconds": round(time.monotonic() - began, 2),
    }
    for baseline, given in beside.items():
        figures = measured(gold, given, labels, groups)
        record["baselines"][baseline] = {
            **{kind: one["value"] for kind, one in figures["metrics"].items()},
            metric: headline(figures, metric)["value"]}
    margins = {baseline: paired_difference(metric, gold, given, answers, labels, groups)
               for baseline, given in beside.items()}
    record["verdict"] = verdict(record, definition.success_criteria, margins)
    folder = TriedModel(task, model.name)
    folder.root.mkdir(parents=True, exist_ok=True)
    record["predictions_hash"] = keep_answers(folder, answer_rows(rows, found))
    record = commit_evaluation(folder, record)
    shutil.rmtree(kept, ignore_errors=True)
    return _told(task, folder, record)


def _rows(task: TaskFolder, text: str, entity: str, count: int) -> list[Row]:
    """The text the person gave, else the first rows of the validation split; never the benchmark's."""
    if text:
        return [{"id": row_id(text, entity or None), "text": text, **({"entity": entity} if entity else {})}]
    snapshot = _snapshot_of(task, frozen_benchmark(task))
    rows = snapshot.rows("valid")[:max(1, min(count, 20))] if snapshot else []
    if not rows:
        raise DataError(
            Text("There are no validation rows to ask.", "沒有可以拿來詢問的驗證資料。"),
            Text("Give a text, or prepare data first.", "請給一段文字，或先準備資料。"), field="text")
    return rows


def _snapshot_of(task: TaskFolder, benchmark: Benchmark) -> Snapshot | None:
    digest = benchmark.snapshot or ""
    return load_snapshot(task, digest) if digest and (task.snapshots / digest[:12]).is_dir() else None


def _baselines(
    task: TaskFolder, snapshot: Snapshot | None, benchmark: Benchmark, language: str
) -> dict[str, list[str | None]]:
    if snapshot is None:
        return {}
    train, valid, rows = snapshot.rows("train"), snapshot.rows("valid"), benchmark.rows()
    hashes = {name: snapshot.file_hashes[name] for name in ("train", "valid")}
    key = {**hashes, "benchmark": benchmark.hash, "language": language}
    return {
        "majority": majority_answers(train, rows),
        "tfidf": cached_answers(task.cache, "tfidf", key, lambda: tfidf_answers(train, valid, rows, language)),
    }


def _told(task: TaskFolder, folder: VersionFolder, record: dict[str, Any]) -> dict[str, Any]:
    found = record["verdict"]
    if found["met"] and not found["simplest_wins"]:
        say = Text(f"{folder.name} meets the goal as it is: training may not be needed. Decide with the coach.",
                   f"{folder.name} 不用訓練就已達標，也許不需要微調。請和教練一起決定。")
    elif found["simplest_wins"]:
        say = Text(f"{TITLES['tfidf'].en} is ahead of it; ask the coach what that means.",
                   f"{TITLES['tfidf'].zh}比它好，請問教練這代表什麼。")
    else:
        say = Text(f"It is what a version has to beat: compare_versions(a={folder.name!r}, b='v1') says whether it does.",
                   f"這就是版本要贏過的對象：用 compare_versions(a={folder.name!r}, b='v1') 看有沒有贏。")
    return {
        "model": folder.name, "evaluation": record["id"], "benchmark": record["benchmark"],
        "metrics": record["metrics"], "met": found["met"], "threshold": found["threshold"],
        "simplest_wins": found["simplest_wins"], "results": str(folder.results_file),
        "message": {"en": f"{folder.name}: {found['text']['en']}", "zh": f"{folder.name}：{found['text']['zh']}"},
        "next_step": {"tool": "coach", "arguments": {"task": task.name}, "say": say._asdict()},
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
