"""Train with several processes that share each step's rows: one for each GPU, or several on the processors.

    python -m torch.distributed.run … -m nlp_skills.tools.train.together RUN.json     one of them

The job's own process stays light: it starts them through PyTorch's launcher, waits, and takes over what came of it.
The first of them reports and saves; all of them end with the job, however that ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
from pydantic import BaseModel

from ...resources.foundation.errors import JobError, NlpSkillsError
from ...resources.foundation.files import read_json, write_json
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Language, Text, speaking, spoken_language
from ...resources.foundation.process import identity, living
from ...resources.job import JobFolder
from ...resources.task import Prompt, TaskFolder
from ...resources.version import VersionFolder
from ..compute.environments.libraries import settle_libraries
from ..compute.jobs.job_control import error_of, log_tail
from ..compute.jobs.running import RunningJob
from .plan import method_of
from .training_run import TrainingResult, TrainingRun

MODULE = "nlp_skills.tools.train.together"
_POLL_SECONDS, _GRACE_SECONDS = 0.2, 5.0
_PATIENCE = timedelta(hours=2)  # for each other, while one of them tokenises or writes


class RunRequest(BaseModel):
    """`run.json`: what each of the processes trains with, and the process (`leader`) that waits for them."""

    leader: JsonObject  # as `process.identity` has it
    job: Path
    by_hand: bool
    language: Language
    task: Path
    version: int
    base_path: Path
    rendered: Path
    labels: list[str]
    prompt: Prompt
    threads: int
    processes: int
    gpu: bool


def train_together(run: TrainingRun) -> TrainingResult:
    """Train the run's version with `run.processes` processes.

    Raises:
        NlpSkillsError: what one of them raised.
        JobError: one of them ended without a word: killed, or out of memory.
    """
    place = run.running.folder.root / "together"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    request = RunRequest(
        leader=identity(os.getpid()),
        job=run.running.folder.root,
        by_hand=run.running.by_hand,
        language=spoken_language(),
        task=run.version.task.root,
        version=run.version.number,
        base_path=run.base_path,
        rendered=run.rendered,
        labels=run.labels,
        prompt=run.prompt,
        threads=max(1, run.threads // run.processes),
        processes=run.processes,
        gpu=run.gpu,
    )
    write_json(place / "run.json", request.model_dump(mode="json"))
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--local-addr",
        "127.0.0.1",
        "--nproc-per-node",
        str(run.processes),
        "-m",
        MODULE,
        str(place / "run.json"),
    ]
    with _start_launcher(command, run) as launcher:
        while launcher.poll() is None:
            run.running.check_cancelled()
            with contextlib.suppress(subprocess.TimeoutExpired):
                launcher.wait(_POLL_SECONDS)
    run.running.check_cancelled()
    for told in sorted(place.glob("error-*.json")):
        raise error_of(read_json(told))
    if launcher.returncode or not (place / "outcome.json").is_file():
        raise _ended_without_a_word(run.running.folder)
    result = TrainingResult.model_validate(read_json(place / "outcome.json"))
    shutil.rmtree(place)
    return result


@contextlib.contextmanager
def _start_launcher(command: list[str], run: TrainingRun) -> Iterator[subprocess.Popen[bytes]]:
    """The launcher, ended with all below it when the block is left."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(max(1, run.threads // run.processes)), "PYTHONSAFEPATH": "1"}
    if not run.gpu and sys.platform == "linux":
        environment.setdefault("GLOO_SOCKET_IFNAME", "lo")
    launcher = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
    try:
        yield launcher
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            family = [psutil.Process(launcher.pid), *psutil.Process(launcher.pid).children(recursive=True)]
            launcher.terminate()
            for left in psutil.wait_procs(family, timeout=_GRACE_SECONDS)[1]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    left.kill()
        launcher.wait()


def _ended_without_a_word(folder: JobFolder) -> JobError:
    said = next((line.strip() for line in reversed(log_tail(folder, 40)) if line.strip()), "")
    return JobError(
        Text(
            f"One of the training's processes ended before the work was done: {said}",
            f"其中一個訓練程序在完成之前就結束了：{said}",
        ),
        Text(
            "It was killed or ran out of memory. manage_job(action='resume') carries on from the last checkpoint.",
            "可能被強制終止或記憶體不足。manage_job(action='resume') 會從最後的檢查點接續。",
        ),
    )


class _Silent(RunningJob):
    """The job as all processes but the first see it: they listen and say nothing."""

    speaks = False

    def event(self, kind: str, **fields: Any) -> None:
        pass

    def draw(self) -> None:
        pass

    def progress(
        self,
        step: int,
        total: int | None = None,
        message: Text | None = None,
        *,
        even: bool = True,
        eta: float | None = None,
        **measures: float | None,
    ) -> None:
        self.check_cancelled()


def main(run_file: Path) -> int:
    """One of the processes; returns its exit status."""
    given = RunRequest.model_validate(read_json(run_file))
    threading.Thread(target=_end_with, args=(given.leader,), daemon=True).start()
    settle_libraries()
    from accelerate import PartialState

    from .run_training import run_training

    state = PartialState(cpu=not given.gpu, timeout=_PATIENCE)
    folder, task = JobFolder(given.job), TaskFolder(given.task)
    kind = RunningJob if state.is_main_process else _Silent
    version = VersionFolder(task, given.version)
    with speaking(given.language):
        run = TrainingRun(
            task=task.load(),
            version=version,
            running=kind(folder, task, given.by_hand),
            base_path=given.base_path,
            rendered=given.rendered,
            labels=given.labels,
            prompt=given.prompt,
            threads=given.threads,
            processes=given.processes,
            gpu=given.gpu,
        )
        try:
            outcome = run_training(method_of(version.config()), run)
        except NlpSkillsError as error:
            write_json(run_file.with_name(f"error-{state.process_index}.json"), error.to_dict())
            return 1
        except Exception:
            traceback.print_exc()
            return 1
    if state.is_main_process:
        write_json(
            run_file.with_name("outcome.json"), outcome.model_dump(mode="json", exclude_unset=True, fallback=str)
        )
    state.wait_for_everyone()
    state.destroy_process_group()
    return 0


def _end_with(leader: JsonObject) -> None:
    """End this process as soon as the job's own is gone: nobody would take over what it makes."""
    while living(leader):
        time.sleep(_POLL_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
