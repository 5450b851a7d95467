"""Starting the jobs of evaluation, once nothing stands against them. Tools and notebooks begin here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from ...resources.job import JobFolder
from ...resources.removal import require_model
from ...resources.task import TaskFolder
from ...resources.workspace import Workspace
from ..compute.jobs import job_control
from ..compute.worker import light_python, worker_python
from ..data.benchmark import frozen_benchmark
from . import compare, deciding, run, trying
from .charging import require_yes
from .measurable import check_labels, check_version
from .model import trained_version
from .tried import named_model, not_for_versions, predictor


def start_evaluation(workspace: Workspace, task: TaskFolder, version: str, benchmark: str = "") -> JobFolder:
    """Start measuring a version on a frozen benchmark.

    Raises:
        NlpSkillsError: there is no such version or model, or it cannot be measured on these rows.
    """
    chosen = trained_version(task, version)
    require_model(chosen)
    asked, definition = frozen_benchmark(task, benchmark or None), task.load()
    check_labels(task, asked)  # what cannot be measured is told before a job is started
    check_version(chosen, asked, definition)
    arguments = ["--version", chosen.name, *(["--benchmark", benchmark] if benchmark else [])]
    return job_control.submit(
        workspace, "evaluate", run.ENTRY, arguments, python=worker_python(workspace), task=task, resumable=True
    )


def start_comparison(workspace: Workspace, task: TaskFolder, a: str, b: str) -> JobFolder:
    """Start comparing two versions, or models that were tried.

    Raises:
        NlpSkillsError: one of them does not stand, or they were not measured alike.
    """
    one, other = predictor(task, a), predictor(task, b)
    deciding.common_records(one, other)  # what cannot be compared is told before a job is started
    return job_control.submit(
        workspace,
        "compare",
        compare.ENTRY,
        [str(task.root), one.name, other.name],
        python=worker_python(workspace),
        task=task,
    )


def start_predicting(workspace: Workspace, task: TaskFolder, version: str, asked: Path) -> JobFolder:
    """Start answering a file of rows with a version; see `trying.answer_file`.

    Raises:
        NlpSkillsError: there is no such trained version, or its model was removed.
    """
    chosen = trained_version(task, version)
    require_model(chosen)
    arguments = [str(task.root), "--model", chosen.name, "--asked", str(asked)]
    return job_control.submit(
        workspace, "try", trying.ENTRY, arguments, python=worker_python(workspace), task=task, resumable=True
    )


def start_trying(
    workspace: Workspace,
    task: TaskFolder,
    names: Sequence[str],
    action: Literal["ask", "evaluate"],
    options: Mapping[str, str],
    rows: int = 3,
    confirm: bool = False,
) -> JobFolder:
    """Start asking models a text or a few rows, or measuring the first of them.

    Arguments:
        names: of the models; those after the first are asked the same beside it.
        options: of `trying` by name (`url`, `api-key`, `text`, `entity`, `benchmark`); empty ones are left out.
        rows: validation rows to ask where no text is given.
        confirm: the person agreed to what it costs.

    Raises:
        NlpSkillsError: a model does not stand, may not be asked, or costs something nobody has agreed to.
    """
    if len(names) - 1 > trying.MOST_BESIDE:
        raise trying.too_many(len(names) - 1)
    url, api_key = options.get("url", ""), options.get("api-key", "")
    models = [named_model(workspace, task, name, url, api_key) for name in names]
    if action == "evaluate":
        if models[0].kind == "version":
            raise not_for_versions(models[0].name)
        frozen = frozen_benchmark(task, options.get("benchmark") or None)
        check_labels(task, frozen)
        asked = frozen.count
    else:
        asked = 1 if options.get("text") else min(max(rows, 1), trying.MOST_ROWS)
    require_yes(models[:1] if action == "evaluate" else models, asked, confirm)
    arguments = [str(task.root), "--rows", str(rows)]
    for name in names:
        arguments += ["--model", name]
    for option, value in options.items():
        arguments += [f"--{option}", value] if value else []
    arguments += ["--evaluate"] if action == "evaluate" else []
    heavy = action == "evaluate" or any(one.url is None for one in models)
    python = worker_python(workspace) if heavy else light_python(workspace)
    return job_control.submit(workspace, "try", trying.ENTRY, arguments, python=python, task=task, resumable=True)
