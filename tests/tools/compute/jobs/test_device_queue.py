"""Heavy jobs take turns on this machine's devices, as real processes, also when they are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nlp_skills.resources.browsing.listing import list_tasks
from nlp_skills.resources.foundation.files import read_jsonl, write_yaml
from nlp_skills.resources.foundation.language import speaking
from nlp_skills.resources.job import JobFolder, job_folders
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.coach.situation import load_situation
from nlp_skills.tools.coach.waiting import job_now
from nlp_skills.tools.compute.hardware import Gpu, Machine
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.compute.jobs.device_queue import DeviceRequest, devices_of, jobs_ahead, queue_folder
from nlp_skills.tools.compute.jobs.view import job_answer
from nlp_skills.tools.tasks.listing_answer import describe_page
from tests.tools.compute.working import eventually, kill_hard, write_work

HEAD = """
from nlp_skills.tools.compute.hardware import Gpu, Machine
from nlp_skills.tools.compute.jobs.device_queue import DeviceRequest, acquire_devices
def machine(gpus):
    cards = [Gpu(name="H100", memory=80, free=80, driver="1", uuid=f"GPU-{at}") for at in range(gpus)]
    return Machine(system="", cores=1, free_cores=1, memory=1, free_memory=1, disk_free=1, gpus=cards,
                   device="cuda" if cards else "cpu")
"""
TAKES_A_TURN = """
    import sys, json
    name, gpus, least, most = sys.argv[1], *map(int, sys.argv[2:5])
    with acquire_devices(job, machine(gpus), DeviceRequest(least, most)) as held:
        with (TASK / "order").open("a") as order:
            order.write(f"{name}:{','.join(held)}:{os.environ.get('CUDA_VISIBLE_DEVICES', '')}\\n")
        if (TASK / "child").exists():
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (TASK / f"{name} at work").touch()
        job.progress(3, 10, loss=0.5)
        until(f"{name} may end")
    return {}
"""


@pytest.fixture(autouse=True)
def _a_line_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NLP_SKILLS_QUEUE_DIR", str(tmp_path / "queue"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


class Line:
    """Jobs of one task, by name, and what is known of them."""

    def __init__(self, workspace: Workspace, task: TaskFolder) -> None:
        self.workspace, self.task = workspace, task
        write_work(task, TAKES_A_TURN, HEAD)

    def submit(self, name: str, gpus: int = 0, least: int = 1, most: int = 1) -> JobFolder:
        return job_control.submit(
            self.workspace,
            "train",
            ["scripts/work.py"],
            [name, str(gpus), str(least), str(most)],
            python=sys.executable,
            task=self.task,
            resumable=True,
        )

    def at_work(self, name: str) -> None:
        eventually((self.task.root / f"{name} at work").exists)

    def waits(self, job: JobFolder, position: int) -> None:
        eventually(lambda: (place := job.place()) is not None and place.position == position)
        assert job.state() == "queued"

    def end(self, name: str) -> None:
        (self.task.root / f"{name} may end").touch()

    def order(self) -> list[str]:
        return (self.task.root / "order").read_text().split()

    def names(self) -> list[str]:
        return [line.split(":")[0] for line in self.order()]


@pytest.fixture
def line(workspace: Workspace, task: TaskFolder) -> Line:
    return Line(workspace, task)


def test_trainings_begin_one_after_another_in_the_order_they_were_asked_for(line: Line) -> None:
    first = line.submit("first")
    line.at_work("first")
    second = line.submit("second")
    line.waits(second, 1)
    third = line.submit("third")
    line.waits(third, 2)
    place = third.place()
    assert place and place.ahead == [str(first.root), str(second.root)] and place.device == "cpu"
    assert first.state() == "running" and line.names() == ["first"]
    line.end("first")
    line.at_work("second")
    line.waits(third, 1)
    for name, job in (("second", second), ("third", third)):
        line.end(name)
        assert job_control.wait(job, 30) == "succeeded", job_control.failure(job)
        assert not job.queued_file.exists()
    assert line.names() == ["first", "second", "third"]
    assert not [file for file in queue_folder().iterdir() if not file.name.startswith(".")], "nobody stands in line"


def test_a_queued_job_says_in_both_languages_what_it_waits_for(
    line: Line, workspace: Workspace, task: TaskFolder
) -> None:
    first = line.submit("first")
    line.at_work("first")
    second = line.submit("second")
    line.waits(second, 1)
    english, chinese = (
        _everything_told(second, workspace, task, "en"),
        _everything_told(second, workspace, task, "zh-TW"),
    )
    for said, words in (
        (english, ("queued", "processor", "number 1 in the queue", "starts by itself", "action='cancel'")),
        (chinese, ("排隊中", "處理器", "第 1 位", "自動開始", "action='cancel'")),
    ):
        assert all(word in said for word in words) and first.id in said, said
    view = job_answer(second).job
    assert view.state == "queued" and view.place and view.place.position == 1
    write_yaml(workspace.root / "idle" / "task.yaml", {"name": "idle", "title": "x", "labels": ["a", "b"]})
    page = list_tasks(workspace)
    assert [(row.name, row.job) for row in page.rows] == [("idle", None), ("mood", "running")]
    job_control.cancel(first)
    line.at_work("second")
    assert job_answer(second).job.place is None
    job_control.cancel(second)


def _everything_told(job: JobFolder, workspace: Workspace, task: TaskFolder, language: str) -> str:
    """What job_status, the coach, the page and the list of jobs say together."""
    with speaking(language):  # type: ignore[arg-type]
        answer = job_answer(job)
        coach = job_now(load_situation(workspace, task))
        return "\n".join(
            [
                answer.message,
                answer.next_step.say,
                coach.message,
                str(describe_page(list_tasks(workspace), None, False)),
            ]
        )


def test_a_queued_job_is_cancelled_at_once_and_those_behind_it_move_up(line: Line) -> None:
    line.submit("first")
    line.at_work("first")
    second = line.submit("second")
    line.waits(second, 1)
    third = line.submit("third")
    line.waits(third, 2)
    assert job_control.cancel(second) == "cancelled"
    line.waits(third, 1)
    line.end("first")
    line.at_work("third")
    line.end("third")
    assert job_control.wait(third, 30) == "succeeded" and line.names() == ["first", "third"]


def test_a_job_killed_at_work_frees_its_device_also_from_what_it_had_started(line: Line, task: TaskFolder) -> None:
    (task.root / "child").touch()
    first = line.submit("first")
    line.at_work("first")
    second = line.submit("second")
    line.waits(second, 1)
    kill_hard(first)
    assert first.state() == "interrupted" and first.family(), "its child still fills the memory"
    place = second.place()
    assert place and place.ahead == [str(first.root)]
    for process in first.family():
        process.kill()
    line.at_work("second")
    line.end("second")
    assert job_control.wait(second, 30) == "succeeded"


def test_a_job_killed_at_work_and_resumed_has_its_turn_again(
    line: Line, workspace: Workspace, task: TaskFolder
) -> None:
    first = line.submit("first")
    line.at_work("first")
    kill_hard(first)
    (task.root / "first at work").unlink()
    job_control.resume(first, workspace)
    line.at_work("first")
    second = line.submit("second")
    line.waits(second, 1)
    line.end("first")
    line.end("second")
    assert job_control.wait(second, 30) == "succeeded" and line.names() == ["first", "first", "second"]


def test_a_job_killed_in_line_lets_the_next_one_pass_and_is_resumed_at_its_end(
    line: Line, workspace: Workspace
) -> None:
    line.submit("first")
    line.at_work("first")
    second = line.submit("second")
    line.waits(second, 1)
    third = line.submit("third")
    line.waits(third, 2)
    kill_hard(second)
    assert second.state() == "interrupted"
    line.waits(third, 1)
    job_control.resume(second, workspace)
    line.waits(second, 2)
    for name in ("first", "third", "second"):
        line.end(name)
    assert job_control.wait(second, 30) == "succeeded" and line.names() == ["first", "third", "second"]


def test_a_queued_job_starts_by_itself_after_the_server_was_killed(line: Line, workspace: Workspace) -> None:
    line.submit("first")
    line.at_work("first")
    submit = (
        "import sys, time; from pathlib import Path\n"
        "from nlp_skills.resources.task import TaskFolder\nfrom nlp_skills.resources.workspace import Workspace\n"
        "from nlp_skills.tools.compute.jobs import job_control as jobs\nworkspace = Workspace(Path(sys.argv[1]))\n"
        "jobs.submit(workspace, 'train', ['scripts/work.py'], ['second', '0', '1', '1'], python=sys.executable, "
        "task=TaskFolder(workspace.root / 'mood'), resumable=True)\nprint('sent', flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", submit, str(workspace.root)], stdout=subprocess.PIPE, start_new_session=True
    ) as server:
        assert server.stdout and server.stdout.readline() == b"sent\n"
        second = job_folders(workspace)[0]
        line.waits(second, 1)
        os.killpg(server.pid, signal.SIGKILL)
    line.end("first")
    line.at_work("second")
    line.end("second")
    eventually(lambda: second.state() == "succeeded")


def test_each_gpu_is_a_turn_of_its_own_and_one_that_wants_two_is_not_overtaken(line: Line) -> None:
    line.submit("first", gpus=2)
    line.at_work("first")
    line.submit("second", gpus=2)
    line.at_work("second")
    both = line.submit("both", gpus=2, least=2, most=2)
    line.waits(both, 1)
    small = line.submit("small", gpus=2)
    line.waits(small, 2)
    line.end("second")
    eventually(lambda: len(((place := both.place()) and place.ahead) or []) == 1)
    assert small.state() == "queued", "a free GPU is kept for the one that came first"
    line.end("first")
    line.at_work("both")
    line.end("both")
    line.at_work("small")
    line.end("small")
    assert job_control.wait(small, 30) == "succeeded"
    assert line.order() == [
        "first:GPU-0:GPU-0",
        "second:GPU-1:GPU-1",
        "both:GPU-0,GPU-1:GPU-0,GPU-1",
        "small:GPU-0:GPU-0",
    ]
    queued = [event for event in read_jsonl(both.events_file) if event["kind"] in ("queued", "turn")]
    assert queued[-1]["devices"] == ["GPU-0", "GPU-1"]


def test_a_job_takes_what_is_free_up_to_its_wish_and_more_than_there_is_is_refused(line: Line) -> None:
    line.submit("one", gpus=3)
    line.at_work("one")
    line.submit("rest", gpus=3, least=1, most=3)
    line.at_work("rest")
    assert line.order()[1] == "rest:GPU-1,GPU-2:GPU-1,GPU-2"
    many = line.submit("many", gpus=3, least=4, most=4)
    assert job_control.wait(many, 30) == "failed"
    failure = job_control.failure(many)
    assert failure and failure.field == "num_processes" and "3 of its best kind" in failure.problem.en
    line.end("one")
    line.end("rest")


@pytest.mark.parametrize("gpus", [1, 0])
def test_an_evaluation_waits_for_a_gpu_and_goes_ahead_on_the_processors(
    line: Line, workspace: Workspace, task: TaskFolder, gpus: int
) -> None:
    line.submit("training", gpus=gpus)
    line.at_work("training")
    write_work(
        task,
        f"""
        from nlp_skills.tools.compute.jobs import device_queue as turns
        turns.describe_machine = lambda workspace: machine({gpus})
        with turns.acquire_gpu(job):
            return {{"sees": os.environ.get("CUDA_VISIBLE_DEVICES")}}
    """,
        HEAD,
        "evaluate",
    )
    evaluation = job_control.submit(workspace, "evaluate", ["scripts/work.py"], python=sys.executable, task=task)
    if gpus:
        line.waits(evaluation, 1)
        line.end("training")
    assert job_control.wait(evaluation, 30) == "succeeded", job_control.failure(evaluation)
    ended = evaluation.exit()
    assert ended and ended.result == {"sees": "GPU-0" if gpus else None}
    line.end("training")


def test_who_would_have_to_wait_is_told_before_a_job_is_started(line: Line) -> None:
    machine = Machine(system="", cores=1, free_cores=1, memory=1, free_memory=1, disk_free=1)
    assert jobs_ahead(machine) == []
    first = line.submit("first")
    line.at_work("first")
    assert [job.id for job in jobs_ahead(machine)] == [first.id]
    gpus = machine.model_copy(update={"device": "cuda", "gpus": [card("A", 1), card("B", 1)]})
    assert jobs_ahead(gpus) == [] and jobs_ahead(gpus, least=3), "the GPU is another device"
    line.end("first")
    assert job_control.wait(first, 30) == "succeeded" and jobs_ahead(machine) == []


def card(uuid: str, memory: int) -> Gpu:
    return Gpu(name=f"card of {memory}", memory=memory, free=memory, driver="1", uuid=f"GPU-{uuid}")


def test_the_best_kind_of_gpu_is_used_and_what_the_person_names_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus = [card("small", 4), card("a", 80), card("b", 80)]
    machine = Machine(system="", cores=1, free_cores=1, memory=1, free_memory=1, disk_free=1, gpus=gpus, device="cuda")
    assert devices_of(machine) == ["GPU-a", "GPU-b"]
    for words, found in (("2", ["GPU-b"]), ("0", ["GPU-small"]), ("GPU-a", ["GPU-a"]), ("MIG-7", ["MIG-7"])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", words)
        assert devices_of(machine) == found
    assert DeviceRequest() == DeviceRequest(1, 1)
