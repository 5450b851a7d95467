"""The model card: what the model is for, how well it does with intervals, and where every number comes from."""

from __future__ import annotations

from collections.abc import Sequence

from ...resources.deployment import Deployment
from ...resources.evaluation import Evaluation
from ...resources.foundation.files import dump_yaml, read_yaml
from ...resources.foundation.json_object import JsonObject
from ...resources.task import Task
from ...resources.version import VersionFolder
from ..data.prompting import trained_prompt
from ..evaluate.asked import asking_limit
from ..evaluate.baseline import fitted_title
from ..evaluate.metric import answers_of, metric_title
from ..evaluate.verified import latest_results
from .deployments import history

_HUB_TASKS = {
    "label": "text-classification",
    "spans": "token-classification",
    "text": "text-generation",
    "pair": "text-generation",
}


def model_card(task: Task, version: VersionFolder, content: str) -> str:
    """The README.md of an uploaded model.

    Arguments:
        content: what is uploaded, `adapter`, `merged` or `gguf`.
    """
    info, known = version.model_info(), latest_results(version)
    evaluation = known.record if known else None
    lineage = read_yaml(version.lineage_file)
    base, prompt = info.base_model.name, trained_prompt(info, task)
    head = {
        "base_model": base,
        "library_name": {"adapter": "peft", "gguf": "gguf"}.get(content, "transformers"),
        "pipeline_tag": "text-generation",
        "language": [task.language],
        "tags": ["nlp-skills", task.type, info.method],
        **({"model-index": _index(task, version, evaluation)} if evaluation else {}),
    }
    lines = [f"# {task.title or task.name} {version.name}", ""]
    if task.goal:
        lines += [task.goal, ""]
    lines += [_about(task, info.labels), f"- Base model: {base}", f"- Method: {info.method}", f"- Content: {content}"]
    if limit := asking_limit(version):
        lines.append(
            f"- Longer inputs: cut from the middle, so that prompt and answer have {limit:,} tokens, in training and "
            "evaluation; do the same when you ask it"
        )
    lines.append("")
    if evaluation:
        lines += _results(task.metric, evaluation)
    lines += _parity(version)
    lines += [
        "## Prompt",
        "",
        "System:",
        "",
        *_quote_lines(prompt.system),
        "",
        "User:",
        "",
        *_quote_lines(prompt.user),
        "",
        "## Lineage",
        "",
        "```yaml",
        dump_yaml(lineage).rstrip(),
        "```",
        "",
    ]
    return "---\n" + dump_yaml(head) + "---\n\n" + "\n".join(lines)


def dataset_card(task: Task, version: VersionFolder) -> str:
    """The README.md of an uploaded dataset: the splits a version was trained on."""
    data = version.data_snapshot()
    splits = {
        path: [{"split": name, "path": f"{path}.jsonl"}]
        for name, path in (("train", "train"), ("validation", "valid"), ("test", "test"))
    }
    head = {
        "language": [task.language],
        "tags": ["nlp-skills", task.type],
        "configs": [{"config_name": "default", "data_files": [one for parts in splits.values() for one in parts]}],
    }
    lines = [f"# {task.title or task.name}: data of {version.name}", ""]
    if task.goal:
        lines += [task.goal, ""]
    lines += [
        _about(task, task.labels),
        f"- Rows: {', '.join(f'{name} {count}' for name, count in data.counts.items())}"
        if data.counts
        else "- Rows: see below",
        f"- Snapshot: sha256 {data.hash or '?'}",
        f"- Source: sha256 {data.source_hash or '?'}",
        "",
        "Check who owns these rows, and whether they name people, before anybody else may read them.",
        "",
        "## Data snapshot",
        "",
        "```yaml",
        dump_yaml(data.to_dict()).rstrip(),
        "```",
        "",
    ]
    return "---\n" + dump_yaml(head) + "---\n\n" + "\n".join(lines)


def _about(task: Task, labels: Sequence[str]) -> str:
    return f"- Task: {task.type}" + (f"; labels: {', '.join(labels)}" if labels else "")


def _index(task: Task, version: VersionFolder, evaluation: Evaluation) -> list[JsonObject]:
    """The results as the Hub's `model-index` has them."""
    benchmark = evaluation.benchmark
    metrics = [{"type": name, "name": name, "value": measured.value} for name, measured in evaluation.metrics.items()]
    return [
        {
            "name": f"{task.name}-{version.name}",
            "results": [
                {
                    "task": {"type": _HUB_TASKS[answers_of(task.type)]},
                    "metrics": metrics,
                    "dataset": {"name": f"{task.name} {benchmark.name}", "type": task.name, "revision": benchmark.hash},
                }
            ],
        }
    ]


def _parity(version: VersionFolder) -> list[str]:
    """How each form of the version answered the benchmark again, newest of each target first."""
    seen: dict[str, Deployment] = {}
    for deployment in history(version.task):
        if deployment.version == version.name and deployment.parity:
            kind = deployment.settings.get("quantization")
            seen.setdefault(f"{deployment.target} {kind}" if kind else deployment.target, deployment)
    if not seen:
        return []
    lines = [
        "## Parity",
        "",
        "The deployed form, asked the whole benchmark again over HTTP, against the evaluated answers.",
        "",
        "| form | label | text | rows |",
        "| --- | ---: | ---: | ---: |",
    ]
    for form, deployment in seen.items():
        found = deployment.parity or {}
        lines.append(f"| {form} | {found['label']:.3f} | {found['raw']:.3f} | {found['count']} |")
    return [*lines, ""]


def _results(metric: str, evaluation: Evaluation) -> list[str]:
    benchmark = evaluation.benchmark
    lines = [
        "## Results",
        "",
        f"Benchmark `{benchmark.name}` ({benchmark.count} rows, sha256 {benchmark.hash[:12]}), "
        f"{evaluation.decoding} decoding; 95 % intervals.",
        "",
        "| metric | value | 95 % interval |",
        "| --- | ---: | --- |",
    ]
    for name, measured in evaluation.metrics.items():
        interval = f"{measured.low:.3f} – {measured.high:.3f}" if measured.low is not None else ""
        lines.append(f"| {name} | {measured.value:.3f} | {interval} |")
    if evaluation.per_class:
        lines += ["", "| class | precision | recall | F1 | rows |", "| --- | ---: | ---: | ---: | ---: |"]
    for label, row in evaluation.per_class.items():
        shown = " | ".join(f"{row.value(name):.3f}" for name in ("precision", "recall", "f1"))
        if row.too_few:
            shown = f"{row.right} of {row.support} right, too few to say | |"
        lines.append(f"| {label} | {shown} | {row.support} |")
    beside = {
        fitted_title(name, figures.fitted_on).en: value
        for name, figures in evaluation.baselines.items()
        if (value := figures.value(metric)) is not None
    }
    if beside:
        lines += ["", f"| baseline | {metric_title(metric).en} |", "| --- | ---: |"]
        lines += [f"| {name} | {value:.3f} |" for name, value in beside.items()]
    return [*lines, ""]


def _quote_lines(text: str) -> list[str]:
    return [f"> {line}" for line in text.splitlines()]
