"""Running a script of a task: our own module where the script is as nlp-skills writes it, the person's once they agreed.

    python -m nlp_skills.tools.compute.jobs.task_script scripts/04_train.py TASK_FOLDER …

Nothing that lies in the task's folder can be imported: neither it nor the script's folder is on the path.
"""

from __future__ import annotations

import importlib
import os
import sys
import types
from pathlib import Path

from ....resources.foundation.access import AccessError, Need, require
from ....resources.foundation.errors import JobError, NlpSkillsError
from ....resources.foundation.files import describing_disk_errors, sha256_bytes
from ....resources.foundation.language import Text
from ....resources.job import JOB_VARIABLE, JobFolder
from ....resources.job_event import append_event
from .scripts import is_generated, module_of

ENTRY = ["-m", "nlp_skills.tools.compute.jobs.task_script"]
# Where the modules stand that jobs recorded under an earlier name.
_MOVED = {
    "nlp_skills.tools.compute.bootstrap": "nlp_skills.tools.compute.machine_job",
    "nlp_skills.tools.compute.remote.remote_environment": "nlp_skills.tools.compute.machine_job",
    "nlp_skills.tools.compute.skypilot.looking": "nlp_skills.tools.compute.price_job",
    "nlp_skills.tools.compute.download": "nlp_skills.tools.compute.environments.download",
    "nlp_skills.tools.compute.environment": "nlp_skills.tools.compute.environments.environment",
    "nlp_skills.tools.train.away": "nlp_skills.tools.train.remote_submit",
}
_MOST_BYTES = 1024**2  # a script is read whole before anybody agrees to it


def current_entry(entry: list[str]) -> list[str]:
    """A recorded `entry` as it is named today."""
    return ["-m", _MOVED.get(entry[1], entry[1]), *entry[2:]] if entry[0] == "-m" and len(entry) > 1 else entry


def check_entry(task: Path | None, entry: list[str]) -> None:
    """See to it that what a job runs is ours, or a script that the person agreed to.

    Raises:
        AccessError: the script was changed, and nobody has agreed to its content yet.
        JobError: there is no such script in the task.
    """
    if entry[0] != "-m":
        _agreed_script(task, entry[0])


def check_job(entry: list[str]) -> None:
    """See to it that a recorded job is one: its folder may have been copied here with anything in it.

    Raises:
        JobError: its module is none that runs a job.
    """
    entry = current_entry(entry)
    package, *inner = entry[1].split(".") if entry[0] == "-m" and len(entry) > 1 else [""]
    known = getattr(sys.modules.get(package), "__path__", None)
    file = Path(next(iter(known)), *inner).with_suffix(".py") if known else None
    if entry[0] == "-m" and (file is None or not file.is_file() or b"run_job(" not in file.read_bytes()):
        raise JobError(
            Text(
                "This job names a program that is not part of nlp-skills.",
                "這個工作所寫的執行內容不是 nlp-skills 的工作。",
            ),
            Text("Start the step again instead of resuming it.", "請重新開始這個步驟，不要接續。"),
            field="job_id",
        )


def command_of(task: Path | None, entry: list[str]) -> list[str]:
    """The arguments of the interpreter that run `entry`; a script's come after."""
    return current_entry(entry) if entry[0] == "-m" else [*ENTRY, entry[0], str(task or ".")]


def main(arguments: list[str]) -> int:
    name, task, *rest = arguments
    try:
        path, content = _agreed_script(Path(task), name)
        if content is not None:
            _record(name, sha256_bytes(content))
    except NlpSkillsError as error:
        print(error, file=sys.stderr)
        return 1
    if content is None:
        module = importlib.import_module(str(module_of(path.name)))
        return int(module.main(Path(task), rest))
    script = types.ModuleType("__main__")
    script.__file__ = str(path)
    sys.modules["__main__"], sys.argv = script, [str(path), *rest]
    exec(compile(content, str(path), "exec"), script.__dict__)  # the very bytes that were agreed to
    return 0


def _record(name: str, digest: str) -> None:
    """Note in the job which content ran."""
    if job := os.environ.get(JOB_VARIABLE):
        events = JobFolder(Path(job)).events_file
        with describing_disk_errors(events):
            append_event(events, "own_script", file=name, sha256=digest)


def _agreed_script(task: Path | None, name: str) -> tuple[Path, bytes | None]:
    """The script's path, and its content where the person changed it and agreed to that; None where our module runs."""
    root = (task or Path()).resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        raise JobError(
            Text(f"The script {name} is outside the task.", f"腳本 {name} 不在任務資料夾裡。"),
            Text("Copy it into the task's scripts/ and name it there.", "請複製到任務的 scripts/ 裡再指定。"),
            field="regeneration.script",
        )
    ours = path.parent == root / "scripts" and module_of(path.name) is not None
    if not path.is_file():
        if ours:
            return path, None
        raise JobError(
            Text(f"The task has no script {name}.", f"任務裡沒有腳本 {name}。"),
            Text(
                "Put it there, or write regeneration.script: scripts/01_regenerate_data.py in data_source.yaml.",
                "請放入腳本，或在 data_source.yaml 寫 regeneration.script: scripts/01_regenerate_data.py。",
            ),
            field="regeneration.script",
        )
    if path.stat().st_size > _MOST_BYTES:
        raise JobError(
            Text(f"The script {name} is larger than 1 MB, so it is not run.", f"腳本 {name} 超過 1 MB，不執行。"),
            Text("Keep data out of the script.", "請不要把資料放在腳本裡。"),
            field="regeneration.script",
        )
    content = path.read_bytes()
    if ours and is_generated(path.name, content):
        return path, None
    require(_question(path, name, root.name, sha256_bytes(content)))
    return path, content


def _question(path: Path, name: str, task: str, digest: str) -> AccessError:
    return AccessError(
        Text(
            f"{name} of {task} differs from what nlp-skills writes: it was changed, or came from somewhere else. It "
            f"runs with the same rights as you on this computer, so read it first: {path} (SHA-256 {digest[:12]}…). "
            f"Run it?",
            f"{task} 的 {name} 和 nlp-skills 產生的不同：有人改過，或來自別處。它執行時能做你在這台電腦上能做的任何事，"
            f"請先看過內容：{path}（SHA-256 {digest[:12]}…）。要執行嗎？",
        ),
        Text(
            f'The person agrees in a terminal: nlp-skills allow --script "{path}". To go back to the generated one: '
            f"manage_task(action='generate', task={task!r}, confirm=true), which keeps the changed one aside.",
            f'請使用者在終端機同意：nlp-skills allow --script "{path}"。要換回原本產生的腳本：'
            f"manage_task(action='generate', task={task!r}, confirm=true)，改過的會留在一旁。",
        ),
        field="scripts",
        needs=[Need(kind="script", subject=digest)],
        details={"file": str(path)},
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
