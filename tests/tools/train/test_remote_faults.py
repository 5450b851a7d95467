"""A job on a machine over SSH, with every link and process cut once: it finishes or is resumed, arrives whole, is started
once, and leaves nothing running. Its work costs nothing; see test_away.py for a real training."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import nlp_skills
from nlp_skills.resources.foundation.errors import MachineError, MachineUnreachable, WorkspaceError
from nlp_skills.resources.foundation.files import read_jsonl, sha256_bytes
from nlp_skills.resources.job import ACTIVE_STATES, JobFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.cancel import cancel_job
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.compute.jobs.events import JobEvents
from nlp_skills.tools.compute.machines.ssh import Ssh
from nlp_skills.tools.compute.machines_file import keep_machine
from nlp_skills.tools.compute.remote.job_files import send_file
from nlp_skills.tools.compute.remote.remote_job import RemoteJob
from tests.tools.compute.remote_task import FAR_WORK
from tests.tools.compute.sshd import HOME, Proxy, Sshd, left_running
from tests.tools.compute.working import eventually, kill_hard

pytestmark = pytest.mark.minutes
SECONDS = 60.0
INPUT_BYTES = 6_000_000
REPOSITORY = Path(__file__).resolve().parents[3]


class Case:
    """One job sent to the machine, and what the test may do to it."""

    def __init__(self, workspace: Workspace, place: Path, far_folder: Path) -> None:
        self.workspace, self.place, self.far = workspace, place, far_folder
        place.mkdir()
        self.content = os.urandom(INPUT_BYTES)
        (place / "input.bin").write_bytes(self.content)
        (place / "far_work.py").write_text(FAR_WORK)
        self.job: JobFolder

    def start(self) -> JobFolder:
        self.job = job_control.submit(
            self.workspace,
            "machine",
            ["-m", "tests.tools.compute.remote_task"],
            [str(self.place)],
            python=sys.executable,
            resumable=True,
            machine="gpubox",
        )
        return self.job

    @property
    def run(self) -> Path:
        return self.far / "runs" / self.job.id

    def half_way(self) -> None:
        """Until it waits in the middle of its work, and that is known here."""
        eventually(lambda: job_control.progress(self.job).step >= 10 or self.job.state() not in ACTIVE_STATES, SECONDS)
        assert self.job.state() in ACTIVE_STATES, self.log()

    def go_on(self) -> None:
        (self.run / "go").touch()

    def far_pid(self) -> int:
        return int((self.run / "starts").read_text().split()[-1])

    def resume(self) -> None:
        job_control.resume(self.job, self.workspace)

    def log(self) -> str:
        return f"{job_control.failure(self.job)}\n{self.job.output_file.read_text(encoding='utf-8')}"

    def ends(self, state: str) -> None:
        assert job_control.wait(self.job, SECONDS) == state, self.log()

    def assert_arrived(self, starts: int = 1) -> None:
        """It ended well, what it made is here whole, nothing of it runs or stands there any more."""
        self.ends("succeeded")
        assert (self.place / "home" / "out" / "model.bin").read_bytes() == self.content[::-1]
        ended = self.job.exit()
        assert ended and ended.result["sha256"] == sha256_bytes(self.content[::-1])
        assert ended.result["starts"] == starts
        assert [step for step, _ in JobEvents(self.job).points()["loss"]] == list(range(1, 21))
        assert "said at the end" in self.job.output_file.read_text(encoding="utf-8")
        assert not left_running(self.far) and not self.run.exists()


@pytest.fixture
def machine(far_folder: Path, far_python: str) -> Ssh:
    return Ssh(host="gpubox", folder=str(far_folder), python=far_python)


@pytest.fixture
def case(
    workspace: Workspace, tmp_path: Path, far_folder: Path, machine: Ssh, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Case]:
    package = str(Path(nlp_skills.__path__[0]).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([package, str(REPOSITORY)]))
    keep_machine(workspace, "gpubox", machine)
    yield Case(workspace, tmp_path / "errand", far_folder)


def test_a_link_cut_in_upload_at_work_and_in_fetching_goes_on_in_the_middle_of_the_file(
    case: Case, proxy: Proxy
) -> None:
    proxy.cut_after("there", INPUT_BYTES // 2)
    case.start()
    case.half_way()
    assert proxy.cuts == 1 and proxy.passed["there"] < INPUT_BYTES * 1.5
    assert [event["kind"] for event in read_jsonl(case.job.events_file) if event["kind"] in ("cut", "linked")] == [
        "cut",
        "linked",
    ]
    assert case.job.state() == "running" and not JobEvents(case.job).warnings()

    proxy.down = True
    proxy.cut_links()
    case.go_on()
    eventually(lambda: (case.run / "out" / "model.bin").is_file())
    eventually(lambda: case.job.state() == "unreachable", SECONDS)

    before = proxy.passed["back"]
    proxy.cut_after("back", INPUT_BYTES // 2)
    proxy.down = False
    case.assert_arrived()
    assert proxy.cuts == 3 and proxy.passed["back"] - before < INPUT_BYTES * 1.5


def test_a_link_that_keeps_breaking_delays_and_loses_nothing(case: Case, proxy: Proxy) -> None:
    case.start()
    for share in range(1, 5):
        proxy.cut_after("there", INPUT_BYTES // 5)
        eventually(lambda cuts=share: proxy.cuts >= cuts, SECONDS)  # type: ignore[misc]
    case.half_way()
    for share in range(5, 8):
        case.go_on()
        proxy.cut_after("back", INPUT_BYTES // 5)
        eventually(lambda cuts=share: proxy.cuts >= cuts, SECONDS)  # type: ignore[misc]
    case.assert_arrived()


@pytest.mark.parametrize("way", ["there", "back"])
def test_the_tending_process_killed_while_it_carries_goes_on_in_the_middle_of_the_file(
    case: Case, proxy: Proxy, way: str
) -> None:
    case.start()
    if way == "back":
        case.half_way()
        case.go_on()
    before = proxy.passed[way]
    eventually(lambda: proxy.passed[way] > before + INPUT_BYTES // 4, SECONDS)
    proxy.down = True  # held still, so that the kill comes in the middle
    proxy.cut_links()
    kill_hard(case.job)
    assert case.job.state() == "interrupted"
    proxy.down = False
    case.resume()
    if way == "there":
        case.half_way()
        case.go_on()
    case.assert_arrived()
    assert proxy.passed[way] - before < INPUT_BYTES * 1.6


def test_a_machine_that_was_restarted_is_told_and_goes_on_from_its_checkpoint(
    case: Case, sshd: Sshd, proxy: Proxy
) -> None:
    case.start()
    case.half_way()
    sshd.stop()
    proxy.cut_links()
    for process in left_running(case.far):
        process.kill()
    eventually(lambda: case.job.state() == "unreachable", SECONDS)
    sshd.start()
    case.ends("failed")
    assert "gpubox" in str(job_control.failure(case.job))
    case.resume()
    case.go_on()
    case.assert_arrived(starts=2)


def test_what_is_there_already_is_not_sent_again_and_what_is_damaged_is(case: Case, proxy: Proxy) -> None:
    blobs, name = case.far / "blobs", sha256_bytes(case.content)
    blobs.mkdir(parents=True)
    for folder in (case.far, blobs):
        folder.chmod(0o777)
    (blobs / f"{name}.part").write_bytes(b"x" * (INPUT_BYTES // 2))  # as long as half of it, and not of it
    (blobs / f"{name}.part").chmod(0o666)
    case.start()
    case.half_way()
    assert sha256_bytes((blobs / name).read_bytes()) == name
    case.go_on()
    case.assert_arrived()
    before = proxy.passed["there"]
    case.start()
    case.half_way()
    assert proxy.passed["there"] - before < 200_000, "neither the input nor the package goes there twice"
    case.go_on()
    case.assert_arrived()


def test_two_jobs_on_one_machine_take_turns_there_and_the_second_is_queued_here(case: Case, tmp_path: Path) -> None:
    waits = (
        "from nlp_skills.resources.workspace import Workspace\n"
        "from nlp_skills.tools.compute.hardware import describe_machine\n"
        "from nlp_skills.tools.compute.jobs.device_queue import acquire_devices\n\n"
        "def work(job):\n    with acquire_devices(job, describe_machine(Workspace())):\n        return really(job)\n\n"
    )
    (case.place / "far_work.py").write_text(
        FAR_WORK.replace("def work(job):", "def really(job):").replace("sys.exit(", waits + "sys.exit(")
    )
    case.start()
    case.half_way()
    second = Case(case.workspace, tmp_path / "second", case.far)
    (second.place / "far_work.py").write_text((case.place / "far_work.py").read_text())
    second.start()
    eventually(lambda: second.job.state() != "running" and second.job.place(), SECONDS)
    place = second.job.place()
    assert second.job.state() == "queued", second.log()
    assert place and place.position == 1 and [Path(ahead).name for ahead in place.ahead] == [case.job.id]
    assert f"after {case.job.id}" in str(job_control.progress(second.job).message)
    case.go_on()
    case.ends("succeeded")
    eventually(lambda: second.job.state() != "queued", SECONDS)
    second.half_way()
    second.go_on()
    second.assert_arrived()
    case.assert_arrived()


def test_a_process_killed_there_is_told_and_resumed_from_its_checkpoint(case: Case) -> None:
    case.start()
    case.half_way()
    os.kill(case.far_pid(), signal.SIGKILL)
    case.ends("failed")
    failure = job_control.failure(case.job)
    assert failure and "gpubox" in failure.problem.en and "manage_job" in failure.fix.zh
    case.resume()
    case.go_on()
    case.assert_arrived(starts=2)


def test_the_tending_process_killed_here_finds_the_job_there_again(case: Case) -> None:
    case.start()
    case.half_way()
    kill_hard(case.job)
    assert case.job.state() == "interrupted" and psutil.pid_exists(case.far_pid())
    case.go_on()
    case.resume()
    case.assert_arrived()


def test_the_server_killed_leaves_the_tending_process_at_work(case: Case) -> None:
    submit = (
        "import sys; from pathlib import Path; from nlp_skills.resources.workspace import Workspace; "
        "from nlp_skills.tools.compute.jobs import job_control as jobs; import time\n"
        "job = jobs.submit(Workspace(Path(sys.argv[1])), 'machine', ['-m', 'tests.tools.compute.remote_task'], "
        "[sys.argv[2]], python=sys.executable, resumable=True, machine='gpubox')\n"
        "print(job.root, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", submit, str(case.workspace.root), str(case.place)], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        try:
            case.job = JobFolder(Path(server.stdout.readline().strip()))
            case.half_way()
        finally:
            server.kill()
    case.go_on()
    case.assert_arrived()


def test_everything_killed_is_resumed(case: Case, proxy: Proxy) -> None:
    case.start()
    case.half_way()
    kill_hard(case.job)
    os.kill(case.far_pid(), signal.SIGKILL)
    proxy.cut_links()
    case.resume()
    case.go_on()
    case.assert_arrived(starts=2)


def test_a_changed_host_key_is_refused_until_the_person_trusts_it(case: Case, sshd: Sshd, proxy: Proxy) -> None:
    case.start()
    case.half_way()
    before = sshd.fingerprint()
    sshd.new_host_key()
    proxy.cut_links()
    case.ends("failed")
    failure = job_control.failure(case.job)
    assert failure and failure.code == "host_key_changed"
    assert before in failure.problem.zh and sshd.fingerprint() in failure.problem.zh
    sshd.trust()
    case.go_on()
    case.resume()
    case.assert_arrived()


def test_a_full_disk_there_is_told_and_what_arrived_is_kept(case: Case) -> None:
    case.far.mkdir()
    small = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=777", "tmpfs", str(case.far)], check=False)
    if small.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        case.start()
        case.ends("failed")
        failure = job_control.failure(case.job)
        assert isinstance(failure, WorkspaceError) and "gpubox" in failure.problem.zh
        subprocess.run(["mount", "-o", "remount,size=900m", str(case.far)], check=True)
        case.resume()
        case.half_way()
        case.go_on()
        case.assert_arrived()
    finally:
        subprocess.run(["umount", "-l", str(case.far)], check=False)


def test_a_disk_that_fills_up_in_the_middle_of_a_file_is_told(
    case: Case, monkeypatch: pytest.MonkeyPatch, machine: Ssh
) -> None:
    """The disk was roomy when it was asked, and full a moment later."""
    case.far.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m,mode=777", "tmpfs", str(case.far)], check=False
    ).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        with machine.connect_to("gpubox") as far, pytest.raises((WorkspaceError, MachineError)) as told:
            there = _tending(case, machine, far.link)
            (case.far / "blobs").mkdir(mode=0o777)
            os.chmod(case.far / "blobs", 0o777)
            send_file(there, case.place / "input.bin", "0" * 64, 0, INPUT_BYTES)
        assert "gpubox" in told.value.problem.en and "full" in told.value.problem.en
    finally:
        subprocess.run(["umount", "-l", str(case.far)], check=False)


def test_a_python_that_is_too_old_or_not_there_is_refused_before_anything_is_sent(
    machine: Ssh, far_folder: Path, proxy: Proxy
) -> None:
    old = HOME / f"old-python-{os.getpid()}"
    old.write_text("#!/bin/sh\necho 3.9\n")
    old.chmod(0o755)
    for python, said in ((str(old), "3.9"), ("/no/python", "/no/python")):
        with pytest.raises(MachineError) as told, machine.model_copy(update={"python": python}).connect_to("gpubox"):
            pass
        assert said in told.value.problem.en and told.value.field == "settings.python"
    assert not far_folder.exists()
    old.unlink()


def test_a_cancelled_job_ends_there_too_with_all_it_started(case: Case) -> None:
    case.start()
    case.half_way()
    assert len(left_running(case.far)) == 2
    assert cancel_job(case.job) == "cancelled"
    assert not left_running(case.far) and (case.run / "jobs" / case.job.id / "cancel").is_file()
    case.resume()
    case.go_on()
    case.assert_arrived(starts=2)


def test_a_job_cancelled_while_the_machine_is_away_is_ended_there_once_it_answers(case: Case, proxy: Proxy) -> None:
    case.start()
    case.half_way()
    proxy.down = True
    proxy.cut_links()
    with pytest.raises(MachineUnreachable) as told:
        cancel_job(case.job)
    assert "action='cancel'" in told.value.fix.zh and case.job.state() == "cancelled" and left_running(case.far)
    proxy.down = False
    assert cancel_job(case.job) == "cancelled"
    assert not left_running(case.far)


def _tending(case: Case, machine: Ssh, link: object) -> RemoteJob:
    from nlp_skills.tools.compute.jobs.running import RunningJob
    from nlp_skills.tools.compute.remote.lease import Lease, Meter
    from nlp_skills.tools.compute.remote.link import Link

    assert isinstance(link, Link)
    folder = JobFolder(case.workspace.jobs / "by-hand")
    folder.root.mkdir(parents=True)
    lease = Lease(machine.host, Meter(None, folder.id, "gpubox", None))
    return RemoteJob(RunningJob(folder, None, by_hand=False), "gpubox", machine, link, lease)
