"""Versions with evaluations of any shape, as the evaluation would leave them, without a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from nlp_skills.resources.evaluation import Evaluation
from nlp_skills.resources.foundation.files import append_jsonl, write_json, write_yaml
from nlp_skills.resources.task import TaskFolder, TaskType
from nlp_skills.resources.version import VersionFolder, reserve_version
from nlp_skills.tools.data.benchmark import freeze, frozen_benchmark
from nlp_skills.tools.data.rows import row_id
from nlp_skills.tools.data.task_kind import task_kind
from nlp_skills.tools.evaluate.measuring import measure_answers
from nlp_skills.tools.evaluate.predict import Prediction
from nlp_skills.tools.evaluate.record import (
    answer_rows,
    as_answered,
    benchmark_reference,
    commit_evaluation,
    keep_answers,
)
from nlp_skills.tools.evaluate.report import write_report

Row = dict[str, Any]
LABELS = ["positive", "neutral", "negative"]
_VOID = {"meta", "input", "br", "col"}


class Page(HTMLParser):
    """Checks that tags close in order, and collects what a page holds."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.spoken: list[str | None] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self.text = self.english = self.chinese = ""  # all; as a reader of one language sees it
        self.feed(content)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)
            self.spoken.append(dict(attrs).get("class"))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.spoken.pop()

    def handle_data(self, data: str) -> None:
        if "script" in self.open:
            self.scripts[self.tags[-1][1].get("id") or ""] = data
        elif "style" not in self.open:
            self.text += data
            self.english += "" if "zh" in self.spoken else data
            self.chinese += "" if "en" in self.spoken else data


def rows_of(labels: Sequence[str], count: int, text: Callable[[int], str] = "row {}".format, **more: Any) -> list[Row]:
    """`count` rows whose labels go round."""
    return [
        {"id": row_id(text(place), str(place)), "text": text(place), "label": labels[place % len(labels)], **more}
        for place in range(count)
    ]


def make_trained(task: TaskFolder, parent: str | None = None, **config: Any) -> VersionFolder:
    """A version as training leaves it."""
    snapshots = [path for path in task.snapshots.iterdir() if path.is_dir()] if task.snapshots.is_dir() else []
    folder = reserve_version(task)
    write_yaml(
        folder.config_file, {"format": 1, "parent": parent, "base_model": "tiny", "method": "sft", "seed": 42, **config}
    )
    if snapshots:
        write_json(
            folder.data_snapshot_file,
            {
                "hash": "0" * 64,
                "counts": {"train": 90, "valid": 20, "test": 20},
                "label_counts": {
                    "train": {"positive": 40, "neutral": 30, "negative": 20},
                    "valid": {"positive": 20},
                    "test": {"positive": 20},
                },
            },
        )
    write_json(folder.environment_file, {"threads": 1, "packages": {"torch": "2.13.0"}, "python": "3.11.7"})
    write_json(
        folder.model_info_file,
        {
            "format": 1,
            "created": "2026-01-06T14:00:00Z",
            "method": "sft",
            "base_model": {"name": "tiny"},
            "prompt": {"system": "One label of: {labels}", "user": "{text}"},
            "training": {"steps": 240, "seconds": 32.5, "tokens": 267704, "best_step": 240},
        },
    )
    return folder


def curves(folder: VersionFolder, steps: int = 240) -> None:
    """Events as a training writes them."""
    for step in range(1, steps + 1):
        append_jsonl(
            folder.events_file,
            {
                "kind": "progress",
                "step": step,
                "total": steps,
                "measures": {"loss": 2 / step + (step % 7) / 40, "learning_rate": 0.002 * (1 - step / steps)},
            },
        )
        if step % 30 == 0:
            append_jsonl(
                folder.events_file,
                {
                    "kind": "progress",
                    "step": step,
                    "total": steps,
                    "measures": {"eval_loss": 1 / step + 0.2, "eval_recall": step / steps},
                },
            )


def record_evaluation(
    folder: VersionFolder,
    rows: Sequence[Row],
    answer: Callable[[int, Row], str | None],
    *,
    labels: Sequence[str] = LABELS,
    benchmark: str = "main",
    **more: Any,
) -> Evaluation:
    """Commit an evaluation in which `answer` says what the model answered; returns its record."""
    if not (folder.task.benchmarks / benchmark).is_dir():
        freeze(folder.task, list(rows), name=benchmark)
    frozen = frozen_benchmark(folder.task, benchmark)
    said = [answer(place, row) for place, row in enumerate(rows)]
    lines = answer_rows(
        rows,
        [
            Prediction(row["id"], row["label"], one or "<i>no label</i>", one)
            for row, one in zip(rows, said, strict=True)
        ],
    )
    figures = measure_answers("label", as_answered(lines), labels, None)
    goal = figures["metrics"]["macro_f1"]
    baseline = {"intervals": {"macro_f1": [0.1, 0.3], "accuracy": [0.2, 0.5]}, "macro_f1": 0.2, "accuracy": 0.4}
    return commit_evaluation(
        folder,
        Evaluation.model_validate(
            {
                "benchmark": benchmark_reference(frozen),
                "decoding": "free",
                "predictions_hash": keep_answers(folder, lines),
                **figures,
                "other_decoding": {"decoding": "constrained", "metrics": figures["metrics"]},
                "baselines": {"majority": baseline, "base_model": baseline},
                "verdict": {
                    "met": goal["value"] >= 0.8,
                    "threshold": 0.8,
                    "metric": "macro_f1",
                    "value": goal["value"],
                    "simplest_wins": False,
                    "simplest": {
                        "name": "majority",
                        "outcome": "loses",
                        "value": 0.2,
                        "ahead": {"value": 0.5, "low": 0.4, "high": 0.6},
                    },
                    "margins": {
                        name: {"value": 0.5, "low": 0.4, "high": 0.6, "outcome": "better"}
                        for name in ("majority", "base_model")
                    },
                    "text": {"en": "In <words>.", "zh": "用<話>說。"},
                },
                **more,
            }
        ),
    )


def report(folder: VersionFolder, record: Evaluation) -> tuple[Path, Page]:
    """Write the report; its path, and what it holds."""
    path = write_report(folder, record)
    return path, Page(path.read_text(encoding="utf-8"))


PARTS = {
    "text": "Ann of <Acme> met Bo",
    "spans": [
        {"type": "person", "text": "Ann", "start": 0, "end": 3},
        {"type": "company", "text": "<Acme>", "start": 7, "end": 13},
    ],
}
WRITTEN: dict[str, tuple[Row, str, Row]] = {  # a row, what was answered to it, more of the answer
    "extraction": (PARTS, '{"person": ["Ann", "Bo"]}', {}),
    "generation": ({"text": "Say <hello> to the world", "output": "hello big world"}, "hello small <world>", {}),
    "preference": ({"text": "How?", "chosen": "Like <this>.", "rejected": "No."}, "Like that.", {"margin": -0.25}),
}


def evaluated_as(kind: TaskType, folder: VersionFolder, right: int = 1) -> Evaluation:
    """Commit an evaluation of the first row of `WRITTEN`, and of `right` more that were answered as wanted."""
    row, said, more = WRITTEN[kind]
    reads = task_kind(kind)
    rows = [{**row, "text": f"{row['text']}{'!' * place}"} for place in range(right + 1)]
    rows = [{"id": reads.id_of(one), **one} for one in rows]
    if not (folder.task.benchmarks / "main").is_dir():
        freeze(folder.task, rows)
    labels = ["person", "company"] if kind == "extraction" else []
    given = [said, *[reads.answer(row)] * right]
    margins = [more.get("margin"), *[0.25 if more else None] * right]
    lines = answer_rows(
        rows,
        [
            Prediction(one["id"], reads.gold(one), answer, reads.read(answer, labels), margin=margin)
            for one, answer, margin in zip(rows, given, margins, strict=True)
        ],
    )
    metric, figures = folder.task.load().metric, measure_answers(reads.answers, as_answered(lines), labels, None)
    value = figures["metrics"][metric]["value"]
    return commit_evaluation(
        folder,
        Evaluation.model_validate(
            {
                "benchmark": benchmark_reference(frozen_benchmark(folder.task)),
                "answers": reads.answers,
                "decoding": "free",
                "predictions_hash": keep_answers(folder, lines),
                **figures,
                "baselines": {"base_model": {metric: 0.1}},
                "verdict": {
                    "met": None,
                    "threshold": None,
                    "metric": metric,
                    "value": value,
                    "simplest_wins": False,
                    "simplest": None,
                    "margins": {},
                    "text": {"en": "Said.", "zh": "說了。"},
                },
            }
        ),
    )
