"""Train a version again from its frozen config and snapshot, and prove that the same comes out, or say what differs.

    python -m nlp_skills.tools.train.reproduce TASK_FOLDER v1

The second training happens in `.cache/reproduce/vN/`, a task of its own that is removed when everything agrees.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...resources.foundation.files import (
    commit_folder,
    dump_jsonl,
    lock,
    read_json,
    sha256_bytes,
    sha256_file,
    write_json,
)
from ...resources.foundation.language import SENTENCES, Text, several
from ...resources.removal import removal
from ...resources.task import TaskFolder
from ...resources.version import VersionFolder
from ...resources.workspace import Workspace
from ..compute.environments.libraries import settle_libraries
from ..compute.hardware import describe_machine
from ..compute.jobs.device_queue import acquire_devices
from ..compute.jobs.running import RunningJob, run_job
from ..data.benchmark import form_measured, frozen_benchmark
from ..data.prompting import trained_prompt
from ..data.rows import Row
from ..data.snapshot import load_snapshot
from ..data.split import SPLITS
from ..evaluate.asked import as_asked, asking_limit
from ..evaluate.model import describe_unverified, load_for_inference, trained_version, verified_base, version_paths
from ..evaluate.predict import predict
from ..evaluate.record import AnswerLine, answer_rows, evaluated_answers
from ..evaluate.verified import latest_results
from .environment import environment_of
from .job_results import Check, Difference, NextCall, Reproduction
from .run import train_version

ENTRY = ["-m", "nlp_skills.tools.train.reproduce"]
_DIFFERENCES_SHOWN = 5


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m nlp_skills.tools.train.reproduce",
        description="Train a version again from its snapshot and compare. 依快照重新訓練一個版本並比對。",
    )
    parser.add_argument("task", type=Path, help="the task's folder")
    parser.add_argument("version", help="v1, v2, …")
    given = parser.parse_args(arguments)
    settle_libraries()

    def work(job: RunningJob) -> dict[str, Any]:
        return reproduce(job, trained_version(TaskFolder(given.task), given.version)).to_dict()

    return run_job("reproduce", work, entry=ENTRY, arguments=arguments, task=given.task, resumable=True)


def reproduce(job: RunningJob, folder: VersionFolder) -> Reproduction:
    """Replay the version and compare its data, its model and its answers with the recorded ones."""
    scratch = folder.task.cache / "reproduce" / folder.name
    job.progress(0, None, Text("checking the files it was made of", "檢查原本的檔案"))
    if removal(folder) is None:
        version_paths(folder, "afresh")
    verified_base(folder, "afresh")
    if unknown := describe_unverified(folder):
        job.warn(unknown)
    with lock(scratch):
        replayed = _prepare_scratch(job, folder, scratch)
        with acquire_devices(job, describe_machine(Workspace())):
            train_version(job, folder.task.load(), replayed)
            job.progress(0, None, Text("asking both models the benchmark", "用評估基準詢問兩個模型"))
            checks: list[Check] = [
                *_data_checks(folder, replayed),
                *_model_checks(folder, replayed),
                *_answer_checks(folder, replayed),
            ]
        identical = all(check.same for check in checks)
        environment: dict[str, Difference] = {} if identical else _environment_differences(folder)
        brought_back = identical and _bring_back(folder, replayed)
        if identical:
            shutil.rmtree(scratch, ignore_errors=True)
    return Reproduction(
        version=folder.name,
        identical=identical,
        checks=checks,
        environment=environment,
        folder=None if identical else str(replayed.models),
        brought_back=brought_back,
        message=_message(folder, checks, environment, brought_back)._asdict(),
        next_step=_next_step(folder, identical),
    )


def _prepare_scratch(job: RunningJob, folder: VersionFolder, scratch: Path) -> VersionFolder:
    """A task beside this one with the version's config, snapshot and environment, and no model; one that this very
    job prepared before it was killed is carried on with."""
    owner = scratch / "job.json"
    if not owner.is_file() or read_json(owner)["job"] != job.folder.id:
        shutil.rmtree(scratch, ignore_errors=True)
        snapshot = load_snapshot(folder.task, folder.data_snapshot().hash)

        def fill(draft: Path) -> None:
            write_json(draft / "job.json", {"format": 1, "job": job.folder.id})
            shutil.copyfile(folder.task.file, draft / "task.yaml")
            shutil.copytree(snapshot.root, draft / "data" / "snapshots" / snapshot.root.name)
            place = draft / "versions" / folder.name
            place.mkdir(parents=True)
            for file in (folder.config_file, folder.data_snapshot_file, folder.environment_file):
                if file.is_file():
                    shutil.copyfile(file, place / file.name)

        commit_folder(scratch, fill)
    return VersionFolder(TaskFolder(scratch), folder.number)


def _bring_back(folder: VersionFolder, replayed: VersionFolder) -> bool:
    """Put the model that came out the same where the version's own was removed; True where one was."""
    if removal(folder) is None:
        return False
    place = folder.model_info().place
    home = folder.task.root / place
    home.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(home, ignore_errors=True)  # what a copy made by hand left incomplete
    os.rename(replayed.task.root / place, home)
    return True


def _data_checks(folder: VersionFolder, replayed: VersionFolder) -> list[Check]:
    """The rows it was trained on: each split's file as the version recorded it and as the replay read it."""
    recorded = folder.data_snapshot()
    snapshot = load_snapshot(replayed.task, recorded.hash)
    return [
        _check("config", sha256_file(folder.config_file), sha256_file(replayed.config_file)),
        _check("snapshot", recorded.hash, snapshot.hash),
        *(_check(f"split {name}", recorded.file_hashes[name], sha256_file(snapshot.file(name))) for name in SPLITS),
    ]


def _model_checks(folder: VersionFolder, replayed: VersionFolder) -> list[Check]:
    recorded, again = folder.model_info(), replayed.model_info()
    return [
        _check("base model", recorded.base_model.hash, again.base_model.hash),
        *(
            _check(file, recorded.files.get(file), again.files.get(file))
            for file in sorted({*recorded.files, *again.files})
        ),
    ]


def _answer_checks(folder: VersionFolder, replayed: VersionFolder) -> list[Check]:
    """Every answer to the benchmark: as evaluated, or where the version is not evaluated as the two models give it."""
    known = latest_results(folder)
    record = known.record if known else None
    if record is None and removal(folder):  # there is nothing left that answered before
        return [_check("answers", None, None, rows=0, different=0, ids=[])]
    benchmark = (form_measured(folder.task, record.benchmark) if record else None) or frozen_benchmark(
        folder.task, record.benchmark.name if record else None
    )
    rows, constrained = benchmark.rows(), bool(record and record.decoding == "constrained")
    again = _answers(replayed, rows, constrained)
    before = evaluated_answers(folder, record) if record else _answers(folder, rows, constrained)
    different = [one["id"] for one, other in zip(before, again, strict=True) if one != other]
    return [
        _check(
            "answers",
            sha256_bytes(dump_jsonl(before)),
            sha256_bytes(dump_jsonl(again)),
            rows=len(rows),
            different=len(different),
            ids=different[:_DIFFERENCES_SHOWN],
        )
    ]


def _answers(folder: VersionFolder, rows: list[Row], constrained: bool) -> list[AnswerLine]:
    info = folder.model_info()
    paths = version_paths(folder)
    loaded = load_for_inference(paths.base, paths.adapter)
    prompt, labels = trained_prompt(info, folder.task.load()), info.labels
    asked = as_asked(loaded, rows, prompt, labels, asking_limit(folder)).rows
    return answer_rows(rows, predict(loaded, asked, prompt, labels, constrained))


def _check(what: str, recorded: str | None, replayed: str | None, **of_answers: Any) -> Check:
    return Check(what=what, same=recorded == replayed, recorded=recorded, replayed=replayed, **of_answers)


def _environment_differences(folder: VersionFolder) -> dict[str, Difference]:
    """What this machine has otherwise than the one the version was trained on."""
    recorded = folder.environment().to_dict()
    here = environment_of(describe_machine(Workspace()))
    old, new = _flat(recorded), _flat(here.to_dict())
    return {
        name: Difference(then=old.get(name), now=new[name])
        for name in new
        if name in old and old[name] != new[name] and not name.endswith("memory_bytes")
    }


def _flat(content: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in content.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat


def _message(
    folder: VersionFolder, checks: list[Check], environment: Mapping[str, Difference], brought_back: bool = False
) -> Text:
    different = [check.what for check in checks if not check.same]
    rows, answers = checks[-1].rows, checks[-1].different
    if not different:
        same = Text(
            f"{folder.name} was trained again from its snapshot, with the same result: data, splits, model files and "
            f"all {rows} answers are identical.",
            f"已依快照重新訓練 {folder.name}，結果完全相同：資料、切分、模型檔案與全部 {rows} 個回答都一致。",
        )
        back = Text("The model that had been removed is back in its place.", "先前移除的模型已放回原處。")
        return SENTENCES.join([same, back if brought_back else None])
    named = ", ".join(environment)
    differs = Text(
        f"{folder.name} was trained again from its snapshot, and something differs: {', '.join(different)}; "
        f"not the same: {answers} of {several(rows, 'answer')}.",
        f"已依快照重新訓練 {folder.name}，但有不同之處：{'、'.join(different)}；{rows} 個回答中有 {answers} 個不同。",
    )
    why = Text(f"This machine differs in {named}.", f"這台機器不同的地方：{named}。")
    return SENTENCES.join([differs, why if named else None])


def _next_step(folder: VersionFolder, identical: bool) -> NextCall:
    say = (
        Text("Ask the coach what comes next.", "問教練下一步該做什麼。")
        if identical
        else Text(
            "Look at what differs; the second model is kept beside it. Ask the coach what it means.",
            "請看不同之處；第二次訓練的模型保留在一旁。問教練這代表什麼。",
        )
    )
    return NextCall(tool="coach", arguments={"task": folder.task.name}, say=say._asdict())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
