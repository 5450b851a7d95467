"""Two who plan at once, gates that are opened one by one, and a job that left the queue."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from nlp_skills.resources.foundation.files import read_yaml
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.server.app import build_server
from nlp_skills.server.settings import Settings
from nlp_skills.tools.coach.situation import load_situation
from nlp_skills.tools.coach.waiting import job_now
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.compute.jobs.view import job_answer
from tests.faults.conftest import PreparedTask
from tests.tools.compute.jobs.test_device_queue import HEAD, Line
from tests.tools.compute.working import eventually, write_work
from tests.tools.train.conftest import workspace_in, write_task
from tests.tools.train.test_planning import write_base

pytestmark = pytest.mark.anyio
CLIENTS = 6


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setenv("NLP_SKILLS_QUEUE_DIR", str(tmp_path / "queue"))
    yield from workspace_in(tmp_path, monkeypatch)


@pytest.fixture
def task(workspace: Workspace) -> TaskFolder:
    return write_task(workspace.root / "news")


async def test_clients_that_plan_at_once_each_get_a_plan_of_their_own(
    workspace: Workspace, task: TaskFolder, tmp_path: Path
) -> None:
    base = write_base(tmp_path / "base")
    plans: dict[int, dict[str, Any]] = {}

    async def plan(number: int) -> None:
        async with Client(build_server(Settings(workspace=workspace.root, language="en"))) as client:
            result = await client.call_tool(
                "plan_training", {"task": "news", "settings": {"base_model": str(base), "epochs": number + 1}}
            )
            assert not result.is_error, result.content
            plans[number] = dict(result.structured_content or {})

    async with anyio.create_task_group() as group:
        for number in range(CLIENTS):
            group.start_soon(plan, number)
    assert len({answer["plan"] for answer in plans.values()}) == CLIENTS, [answer["plan"] for answer in plans.values()]
    for number, answer in plans.items():
        assert read_yaml(Path(answer["file"]))["epochs"] == number + 1, "what it was told is what stands there"


# The version's answers, turned around; written as an evaluation writes them.
_TURNED = """
import sys
from pathlib import Path
from nlp_skills.resources.evaluation import Evaluation
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.tools.evaluate.measuring import measure_answers
from nlp_skills.tools.evaluate.record import as_answered, commit_evaluation, evaluated_answers, keep_answers
version = VersionFolder(TaskFolder(Path(sys.argv[1])), 2)
record = version.latest_evaluation()
rows = [{**row, "raw": (said := "good" if row["predicted"] == "bad" else "bad"), "predicted": said,
         "correct": said == row["gold"]} for row in evaluated_answers(version, record)]
commit_evaluation(version, Evaluation.model_validate(
    {**record.to_dict(), **measure_answers("label", as_answered(rows), ["good", "bad"], None),
     "predictions_hash": keep_answers(version, rows)}))
"""


@pytest.mark.minutes
async def test_one_reason_opens_the_one_gate_whose_figure_was_seen(standing: PreparedTask, worker: Path) -> None:
    """Below the goal, and not what was evaluated either: a reason for the first says nothing about the second."""
    subprocess.run([worker, "-c", _TURNED, str(standing.task.root)], check=True)
    await standing.call("update_task", changes={"success_criteria.threshold": 1.0})
    below = await standing.read_refusal("deploy", version="v2", target="merged")
    assert "success criteria" in below
    reason = "shown to the team on Monday"
    differs = await standing.read_refusal("deploy", version="v2", target="merged", override_reason=reason)
    assert "does not answer as v2 did" in differs and "success criteria" not in differs
    opened = await standing.call("deploy", version="v2", target="merged", override_reason="we know that it differs")
    assert "error" not in opened, opened
    [record] = [file for file in standing.task.deployments.glob("*.json") if file.stem != "current"][:1]
    assert '"parity"' in record.read_text("utf-8") and reason in record.read_text("utf-8")


def test_a_job_released_from_the_queue_does_not_say_that_it_waits(workspace: Workspace, task: TaskFolder) -> None:
    """From the moment it works, before it has told of its first step."""
    line = Line(workspace, task)
    write_work(
        task,
        """
        name = sys.argv[1]
        job.progress(0, 10, Text("reading the rows", "讀取資料"))
        with acquire_devices(job, machine(0), DeviceRequest(1, 1)):
            (TASK / f"{name} at work").touch()
            until(f"{name} may end")
        return {}
    """,
        HEAD,
    )
    line.submit("first")
    line.at_work("first")
    second = line.submit("second")
    line.waits(second, 1)
    assert "queued" in job_answer(second).message
    line.end("first")
    line.at_work("second")
    for said in (
        job_answer(second).message,
        job_answer(second).next_step.say,
        job_now(load_situation(workspace, task)).message,
    ):
        assert not [
            word for word in ("queued", "in line", "in the queue", "waiting for", "starts by itself") if word in said
        ], said
    view = job_answer(second).job
    assert view.state == "running" and view.place is None
    line.end("second")
    eventually(lambda: job_control.wait(second, 5) == "succeeded")
