"""Labels proposed by a trained version, or by any other model that can be asked here, as a job.

python -m nlp_skills.tools.evaluate.proposing TASK --model v2
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from ...resources.foundation import typed_secrets
from ...resources.foundation.errors import DataError
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text, several
from ...resources.job import JobFolder
from ...resources.removal import require_model
from ...resources.task import TaskFolder
from ...resources.workspace import Workspace
from ..compute.environments.libraries import settle_libraries
from ..compute.jobs import job_control
from ..compute.jobs.device_queue import acquire_gpu
from ..compute.jobs.running import RunningJob, run_job
from ..compute.worker import light_python, worker_python
from ..data.labelling.endpoint import KIND
from ..data.labelling.proposals import Proposer
from ..data.labelling.standing import load_labelling, next_call
from ..data.prompting import task_prompt
from .charging import require_yes
from .model import trained_version
from .results import ProposedLabels
from .tried import Model, answering, identity, named_model

ENTRY = ["-m", "nlp_skills.tools.evaluate.proposing"]
_SETTINGS = ("url", "api_key")


def start(workspace: Workspace, task: TaskFolder, name: str, settings: JsonObject, confirm: bool = False) -> JobFolder:
    """Start the job in which `name` (`v2`, `latest`, `ollama:…`, `gguf:…`, `base:…`) proposes labels.

    Arguments:
        settings: `url` and `api_key`, as `try_model` takes them.
        confirm: the person agreed to what an endpoint outside may charge.

    Raises:
        NlpSkillsError: there is no such model, or the rows must not be sent there.
    """
    if strange := sorted(set(settings) - set(_SETTINGS)):
        raise DataError(
            Text(
                f"settings has a field {strange[0]!r} that a model does not take.",
                f"settings 有多餘的欄位「{strange[0]}」。",
            ),
            Text(f"Its fields are: {', '.join(_SETTINGS)}.", f"可用的欄位：{'、'.join(_SETTINGS)}。"),
            field=f"settings.{strange[0]}",
        )
    clean, _ = typed_secrets.move_inline(settings, prefix="endpoint_")
    model = _model(workspace, task, name, str(clean.get("url") or ""), str(clean.get("api_key") or ""))
    if model.url:
        require_yes([model], len(load_labelling(task).open), confirm)
    arguments = [str(task.root), "--model", model.name if model.kind == "version" else name]
    for option, key in (("--url", "url"), ("--api-key", "api_key")):
        arguments += [option, str(clean[key])] if clean.get(key) else []
    python = light_python(workspace) if model.url else worker_python(workspace)
    return job_control.submit(workspace, KIND, ENTRY, arguments, python=python, task=task, resumable=True)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m nlp_skills.tools.evaluate.proposing", description=__doc__)
    parser.add_argument("task", type=Path, help="the task's folder")
    parser.add_argument("--model", required=True)
    parser.add_argument("--url", default="", help="where an endpoint answers")
    parser.add_argument("--api-key", default="", help="a stored secret, as ${NAME}")
    given = parser.parse_args(arguments)
    settle_libraries()

    def work(job: RunningJob) -> ProposedLabels:
        task = TaskFolder(given.task)
        model = _model(Workspace(), task, given.model, given.url, given.api_key)
        with acquire_gpu(job) if model.loaded_here else contextlib.nullcontext():
            return propose(task, job, model)

    return run_job(KIND, work, entry=ENTRY, arguments=arguments, task=given.task, resumable=True)


def propose(task: TaskFolder, job: RunningJob, model: Model) -> ProposedLabels:
    """Ask the model about every open row it was not asked about; a killed run carries on from the answers it left."""
    here = load_labelling(task)
    definition, kind, prompt = here.pool.task, here.pool.kind, task_prompt(here.pool.task)
    asked = {**identity(model), "labels": list(definition.labels), "prompt": prompt.model_dump(mode="json")}
    if model.kind == "version":
        asked["files"] = trained_version(task, model.source).model_info().files
    proposer = Proposer(task, model.name, asked)
    known = proposer.read_answers()
    rows = [
        row
        for number in here.open
        if number not in known and ((row := here.pool.rows[number]).get("entity") or not here.pool.needs_entity)
    ]
    kept = task.cache / "labelling" / f"{proposer.key}.jsonl"

    def report(done: int, total: int) -> None:
        job.progress(done, total, Text(f"asking {model.name}", f"詢問 {model.name}"))

    if rows:
        with answering(task, model, prompt, definition.labels) as ask:
            found = ask([{**row, **kind.unknown_answer(row["text"])} for row in rows], kept, report)
        proposer.add(
            {
                "id": one.id,
                "label": kind.parse_proposal(here.pool.rows[one.id]["text"], one.raw, definition.labels)
                if one.answer is not None
                else None,
            }
            for one in found
        )
        kept.unlink(missing_ok=True)
    lines = list(proposer.read_answers().values())
    labelled = sum(line["label"] is not None for line in lines)
    say, tool, arguments = next_call(load_labelling(task))
    return {
        "proposed": labelled,
        "no_label": len(lines) - labelled,
        "proposals": proposer.key,
        "message": Text(
            f"{model.name} proposed {several(labelled, 'answer')}; {len(lines) - labelled} of its replies could not be "
            f"used.",
            f"{model.name} 提出 {labelled} 個答案，另有 {len(lines) - labelled} 個回答無法採用。",
        )._asdict(),
        "next_step": {"tool": tool, "arguments": arguments, "say": say._asdict()},
    }


def _model(workspace: Workspace, task: TaskFolder, name: str, url: str, api_key: str) -> Model:
    model = named_model(workspace, task, name, url, api_key)
    if model.kind == "version":
        require_model(trained_version(task, model.source))
    return model


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
