"""What runs when a job names a script of its task."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nlp_skills.resources.foundation.access import AccessError
from nlp_skills.resources.foundation.errors import JobError
from nlp_skills.resources.foundation.files import read_json, read_jsonl, sha256_file, write_json
from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.compute.jobs.scripts import SCRIPTS, is_generated, script_texts
from nlp_skills.tools.compute.jobs.task_script import check_entry, check_job, command_of
from tests.permissions import agree_to_script

FILE = "02_validate_data.py"
NAME = f"scripts/{FILE}"


def submit(workspace: Workspace, task: TaskFolder, name: str = NAME) -> JobFolder:
    folder = job_control.submit(workspace, "validate", [name], python=sys.executable, task=task, resumable=True)
    job_control.wait(folder, 60)
    return folder


@pytest.mark.parametrize("language", ["en", "zh-TW"])
@pytest.mark.parametrize("wheel", ["nlp_skills-2.0.0-py3-none-any.whl", "nlp_skills-3.1.0rc1-py3-none-any.whl"])
def test_our_scripts_are_known_in_every_language_and_version(language: str, wheel: str) -> None:
    for file, text in script_texts(language, wheel).items():  # type: ignore[arg-type]
        older = text.replace("2.0.0", "1.4.2")
        assert is_generated(file, text.encode()) and is_generated(file, older.encode())
        assert is_generated(file, text.replace("\n", "\r\n").encode()), "as Git writes it on Windows"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "import os\n",
        lambda text: "import os\n" + text,
        lambda text: text.replace("import sys\n", "import sys, os\n"),
        lambda text: text.replace("{__version__}", "{__import__('os')}"),
        lambda text: text.replace('"""', '"""" + str(1) + """', 1),
        lambda text: text.replace("sys.exit(\n", "sys.exit(\n        print(1) or\n"),
        lambda text: text.replace("tools.data.validate", "tools.data.preview"),
        lambda text: text.replace("sys.argv[1:]", "sys.argv[2:]"),
        lambda text: text.replace('\n        "or', '\n        f"{1}or'),
    ],
)
def test_the_smallest_change_makes_it_the_persons(change: Callable[[str], str]) -> None:
    text = script_texts("en", "some.whl")[FILE]
    assert change(text) != text and not is_generated(FILE, change(text).encode())
    assert not is_generated("01_regenerate_data.py", text.encode()) and not is_generated("mine.py", text.encode())


def test_a_script_as_we_write_it_or_none_at_all_runs_our_module(workspace: Workspace, task: TaskFolder) -> None:
    for script in SCRIPTS:
        check_entry(task.root, [f"scripts/{script.file}"])
    (task.scripts / FILE).write_text(script_texts("en", "x.whl")[FILE], encoding="utf-8")
    (task.scripts / "argparse.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    error = job_control.failure(submit(workspace, task))
    assert error is not None and "data" in error.problem.en, "our module says that there is no data"


def test_a_changed_script_runs_after_one_yes_for_its_content_and_the_job_tells_which(
    workspace: Workspace, task: TaskFolder
) -> None:
    script = task.scripts / FILE
    body = script_texts("en", "x.whl")[FILE] + f"# {task.root}\n"
    script.write_text(
        body.replace("import sys\n", "import sys\nprint('mine', sys.argv[0], __file__)\n"), encoding="utf-8"
    )
    with pytest.raises(AccessError, match=FILE) as refused:
        submit(workspace, task)
    assert refused.value.needs[0].subject == sha256_file(script) and "allow --script" in refused.value.fix.en
    assert not list(task.jobs.glob("*/spec.json"))
    agree_to_script(script)
    folder = submit(workspace, task)
    assert f"mine {script} {script}" in folder.output_file.read_text(encoding="utf-8")
    assert [event["sha256"] for event in read_jsonl(folder.events_file) if event["kind"] == "own_script"] == [
        sha256_file(script)
    ]
    script.write_text(body + "# again\n", encoding="utf-8")
    with pytest.raises(AccessError):
        job_control.resume(folder, workspace)


@pytest.mark.parametrize("name", ["scripts/none.py", "../elsewhere.py", "/etc/hostname"])
def test_what_is_no_script_of_the_task_is_refused(task: TaskFolder, name: str) -> None:
    (task.root.parent / "elsewhere.py").write_text("", encoding="utf-8")
    with pytest.raises(JobError) as refused:
        check_entry(task.root, [name])
    assert refused.value.field == "regeneration.script"


@pytest.mark.parametrize(
    "entry", [["-m", "timeit"], ["-m", "nlp_skills.tools.deploy.converter"], ["-m", "evil.code"], ["-m"]]
)
def test_a_job_that_came_with_a_folder_runs_nothing_but_our_jobs(
    workspace: Workspace, task: TaskFolder, entry: list[str]
) -> None:
    folder = submit(workspace, task)
    write_json(folder.spec_file, {**read_json(folder.spec_file), "entry": entry})
    with pytest.raises(JobError, match="not part of nlp-skills"):
        job_control.resume(folder, workspace)


MOVED = ("bootstrap", "download", "environment", "remote.remote_environment", "skypilot.looking")


@pytest.mark.parametrize("module", [*(f"compute.{name}" for name in MOVED), "train.away"])
def test_a_job_recorded_when_its_module_stood_elsewhere_is_run_where_it_stands_now(module: str) -> None:
    recorded = ["-m", f"nlp_skills.tools.{module}"]
    check_job(recorded)
    now = command_of(None, recorded)[1]
    assert now != recorded[1] and importlib.util.find_spec(now) is not None


def test_a_job_that_came_with_a_folder_names_no_program(
    workspace: Workspace, task: TaskFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLP_SKILLS_WORKER", sys.executable)
    folder = submit(workspace, task)
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\necho ran > {tmp_path / 'marker'}\n", encoding="utf-8")
    program.chmod(0o755)
    write_json(folder.spec_file, {**read_json(folder.spec_file), "python": str(program)})
    job_control.wait(job_control.resume(folder, workspace), 60)
    assert not (tmp_path / "marker").exists()
