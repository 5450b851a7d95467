"""What is said of a machine without a GPU is what it gets, and a cut link is where the job stands.

A second account behind a real SSH server; this machine's processors are all it has.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nlp_skills
from nlp_skills.resources.foundation.files import read_json
from nlp_skills.resources.foundation.language import speaking
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.environments.environment import sizes_of
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.compute.jobs.view import job_answer
from nlp_skills.tools.compute.machines.ssh import Ssh
from nlp_skills.tools.compute.machines_file import keep_machine
from nlp_skills.tools.compute.remote import remote_environment
from tests.tools.compute.conftest import task as task
from tests.tools.compute.conftest import workspace as workspace
from tests.tools.compute.machines.test_ssh import set_up
from tests.tools.compute.sshd import Proxy, Sshd, left_running
from tests.tools.compute.sshd import far_folder as far_folder
from tests.tools.compute.sshd import far_python as far_python
from tests.tools.compute.sshd import proxy as proxy
from tests.tools.compute.sshd import sshd as sshd
from tests.tools.compute.working import eventually
from tests.tools.train.test_remote_faults import Case

pytestmark = pytest.mark.minutes
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _found_from_every_folder(monkeypatch: pytest.MonkeyPatch, with_jobs: None) -> None:
    package = str(Path(nlp_skills.__path__[0]).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([package, str(REPOSITORY)]))


def sizes(text: str) -> list[float]:
    """Every size a text names, in megabytes, but for what is free."""
    units = {"MB": 1.0, "GB": 1000.0}
    return [float(number) * units[unit] for number, unit in re.findall(r"(\d+(?:\.\d+)?) ?(MB|GB)(?! free)", text)]


def test_a_machine_without_a_gpu_is_told_the_size_of_what_it_gets(
    workspace: Workspace, sshd: Sshd, proxy: Proxy, far_folder: Path
) -> None:
    keep_machine(workspace, "gpubox", Ssh(host="gpubox", folder=str(far_folder)))
    asked = set_up(workspace, name="gpubox").structured_content
    told = sizes(asked["message"] + " " + asked["next_step"]["say"])
    small = [size / 1e6 for size in sizes_of("cpu")]
    assert told and max(told) < 1.5 * max(small), asked["message"]


def test_the_environment_built_there_is_pinned_as_here_and_for_processors(
    workspace: Workspace, sshd: Sshd, proxy: Proxy, far_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build with nothing to fetch: its command and what travelled say what would be installed."""
    monkeypatch.setenv("NLP_SKILLS_WORKSPACE", str(workspace.root))
    keep_machine(workspace, "gpubox", Ssh(host="gpubox", folder=str(far_folder)))
    job = job_control.submit(
        workspace,
        remote_environment.KIND,
        remote_environment.ENTRY,
        ["--machine", "gpubox", "--extra", "", "--check", "nlp_skills.tools.compute.jobs.running"],
        python=sys.executable,
        resumable=True,
        machine="gpubox",
    )
    percentages: set[int] = set()

    def has_ended() -> bool:
        at = job_control.progress(job)
        percentages.add(round(100 * at.step / at.total) if at.total else 0)
        return job.state() not in ("running", "queued")

    eventually(has_ended, 240)
    log = job.output_file.read_text("utf-8") + job.events_file.read_text("utf-8")
    assert job.state() == "succeeded", log
    constraints = (REPOSITORY / "constraints.txt").read_text("utf-8")
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)$", constraints, re.M))
    environment = next((far_folder / "environments").glob("*/lib/python3*/site-packages"))
    names = [path.name.removesuffix(".dist-info").rsplit("-", 1) for path in environment.glob("*.dist-info")]
    there = {name.replace("_", "-").lower(): version for name, version in names}
    differing = {
        name: (version, pinned[name]) for name, version in there.items() if pinned.get(name, version) != version
    }
    assert not differing, differing
    assert not any(name.startswith("nvidia") for name in there)
    assert len(percentages) > 2, "a percentage that moves"


@pytest.fixture
def case(workspace: Workspace, tmp_path: Path, far_folder: Path, far_python: str, proxy: Proxy) -> Iterator[Case]:
    keep_machine(workspace, "gpubox", Ssh(host="gpubox", folder=str(far_folder), python=far_python))
    yield Case(workspace, tmp_path / "errand", far_folder)
    proxy.down = False


def test_a_cut_link_is_what_is_told_of_the_job(case: Case, proxy: Proxy) -> None:
    """While the machine cannot be reached nothing says "is running" as if one could see it; afterwards all is as before."""
    case.start()
    case.half_way()
    proxy.down = True
    proxy.cut_links()
    try:
        with speaking("en"):
            eventually(
                lambda: re.search(r"(cut|cannot be reached|no link|lost|out of reach)", job_answer(case.job).message),
                30,
            )
            answer = job_answer(case.job)
        assert "is running" not in answer.message, answer.message
        with speaking("zh-TW"):
            assert re.search("連線|連不上", job_answer(case.job).message)
    finally:
        proxy.down = False
        case.go_on()
    case.assert_arrived()
    assert not left_running(case.far)
    assert read_json(case.job.exit_file)["state"] == "succeeded"
