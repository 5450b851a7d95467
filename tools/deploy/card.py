"""The model card: what the model is for, how well it does with intervals, and where every number comes from."""

from __future__ import annotations

from typing import Any

from ...resources.files import dump_yaml, read_yaml
from ...resources.task import Task
from ...resources.version import VersionFolder


def model_card(task: Task, version: VersionFolder, content: str) -> str:
    """The README.md of an uploaded model.

    Arguments:
        content: what is uploaded, `adapter` or `merged`.
    """
    info, evaluation = version.model_info(), version.latest_evaluation()
    lineage: dict[str, Any] = read_yaml(version.lineage_file)
    base = info["base_model"]["name"]
    head = {
        "base_model": base,
        "library_name": "peft" if content == "adapter" else "transformers",
        "pipeline_tag": "text-generation",
        "language": [task.language],
        "tags": ["nlp-skills", task.type, info["method"]],
    }
    lines = [f"# {task.title or task.name} {version.name}", ""]
    if task.goal:
        lines += [task.goal, ""]
    lines += [f"- Task: {task.type}; labels: {', '.join(info['labels'])}", f"- Base model: {base}",
              f"- Method: {info['method']}", f"- Content: {content}", ""]
    if evaluation:
        lines += _results(evaluation)
    lines += ["## Prompt", "", "System:", "", *_quoted(info["prompt"]["system"]), "", "User:", "",
              *_quoted(info["prompt"]["user"]), "", "## Lineage", "", "```yaml", dump_yaml(lineage).rstrip(), "```", ""]
    return "---\n" + dump_yaml(head) + "---\n\n" + "\n".join(lines)


def _results(evaluation: dict[str, Any]) -> list[str]:
    benchmark = evaluation["benchmark"]
    lines = ["## Results", "",
             f"Benchmark `{benchmark['name']}` ({benchmark['count']} rows, sha256 {benchmark['hash'][:12]}), "
             f"{evaluation['decoding']} decoding; 95 % bootstrap intervals.", "",
             "| metric | value | 95 % interval |", "| --- | ---: | --- |"]
    for name, measured in evaluation["metrics"].items():
        interval = f"{measured['low']:.3f} – {measured['high']:.3f}" if measured.get("low") is not None else ""
        lines.append(f"| {name} | {measured['value']:.3f} | {interval} |")
    lines += ["", "| class | precision | recall | F1 | rows |", "| --- | ---: | ---: | ---: | ---: |"]
    for label, row in evaluation["per_class"].items():
        lines.append(f"| {label} | {row['precision']:.3f} | {row['recall']:.3f} | {row['f1']:.3f} | {row['support']} |")
    lines += ["", "| baseline | macro-F1 |", "| --- | ---: |"]
    for name, row in evaluation.get("baselines", {}).items():
        value = row.get("macro_f1") if isinstance(row, dict) else None
        value = value.get("value") if isinstance(value, dict) else value
        if value is not None:
            lines.append(f"| {name} | {value:.3f} |")
    return [*lines, ""]


def _quoted(text: str) -> list[str]:
    return [f"> {line}" for line in text.splitlines()]
