"""A version behind a local endpoint, through MCP."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest

from nlp_skills.resources.evaluation import Evaluation
from nlp_skills.resources.foundation.language import speaking
from nlp_skills.resources.job import active_job
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.hardware import Gpu, Machine
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.compute.jobs.view import job_answer
from nlp_skills.tools.compute.worker import worker_python
from nlp_skills.tools.deploy import deployments, serve
from nlp_skills.tools.deploy.target import target, targets
from nlp_skills.tools.evaluate.record import commit_evaluation, evaluated_answers, keep_answers
from tests.permissions import agree_to_script
from tests.tools.compute.jobs.test_device_queue import HEAD, Line
from tests.tools.compute.working import eventually
from tests.tools.deploy.conftest import Conversation

pytestmark = pytest.mark.anyio

# A deployment on a machine with a GPU that only the jobs of these tests believe in.
DEPLOYS = (
    HEAD
    + """
import sys
from nlp_skills.tools.compute.jobs import device_queue as turns
from nlp_skills.tools.deploy import run
turns.describe_machine = lambda workspace: machine(1)
sys.exit(run.main(sys.argv[1:]))
"""
)


async def test_a_deployed_version_answers_as_evaluated_and_a_different_one_never_replaces_it(
    conversation: Conversation, workspace: Workspace, task: TaskFolder
) -> None:
    answer = await conversation.call("deploy", task="mood", version="v1")
    assert answer["job"]["state"] == "succeeded", answer
    live = deployments.current(task)
    assert (
        live is not None
        and live.parity
        and (live.parity["raw"], live.parity["label"]) == (1.0, 1.0)
        and live.parity["count"] > 5
    )
    assert deployments.answers(live)
    asked = httpx.post(
        f"{live.url}/v1/chat/completions",
        trust_env=False,
        timeout=60,
        json={"model": live.model, "messages": [{"role": "user", "content": "rose by 3"}], "max_tokens": 4},
    )
    assert asked.status_code == 200
    assert task.state() == "deployed"

    # An evaluation with other answers stands for a model that changed: the endpoint disagrees and the old one stays.
    version = VersionFolder(task, 1)
    evaluation = version.latest_evaluation()
    assert evaluation is not None
    swapped = [
        {**row, "raw": "something else", "predicted": "good" if row["predicted"] == "bad" else "bad"}
        for row in evaluated_answers(version, evaluation)
    ]
    older = {
        name: value for name, value in evaluation.to_dict().items() if name != "formula"
    }  # else its figures would be refused first
    commit_evaluation(version, Evaluation.model_validate({**older, "predictions_hash": keep_answers(version, swapped)}))
    refused = await conversation.call("deploy", task="mood", version="v1")
    assert "does not answer as v1 did" in refused["error"]
    assert deployments.current(task) == live and deployments.answers(live)
    assert [folder.id for folder in deployments.serving_jobs(workspace, task)] == [live.job]

    # A port that somebody has is told before anything is merged or started.
    with socket.socket() as taken:
        taken.bind((serve.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = await conversation.call("deploy", task="mood", version="v1", settings={"port": port})
    assert f"Port {port} is taken" in refused["error"] and deployments.answers(live)

    # With a reason it is deployed all the same, and both stand in the record.
    given = await conversation.call("deploy", task="mood", version="v1", override_reason="a rehearsal")
    assert given["job"]["state"] == "succeeded", given
    [override] = (deployments.current(task) or live).overrides
    assert override["gate"] == "parity" and override["reason"] == "a rehearsal" and "label 0.000" in override["figures"]
    assert deployments.serving_jobs(workspace, task) and not deployments.answers(live)
    live = deployments.current(task) or live

    stopped = await conversation.call("deploy", task="mood", action="undeploy")
    assert stopped["stopped"] == "v1" and "was stopped" in stopped["message"]
    assert not deployments.answers(live) and deployments.current(task) is None
    assert len(deployments.history(task)) == 2 and all(one.ended for one in deployments.history(task))
    assert task.state() == "evaluating"


async def test_a_version_below_the_success_criteria_is_refused_in_the_persons_language(
    conversation: Conversation, task: TaskFolder
) -> None:
    await conversation.call(
        "update_task", task="mood", changes={"success_criteria.threshold": 1.0, "language": "zh-TW"}
    )
    refused = await conversation.call("deploy", task="mood")
    assert "低於你設定的成功標準" in refused["error"] and "override_reason" in refused["error"]
    assert active_job(task.jobs, "deploy") is None and not task.deployments.exists()


async def test_an_unknown_target_offers_the_known_ones(conversation: Conversation) -> None:
    refused = await conversation.call("deploy", task="mood", target="locl")
    assert "Did you mean local?" in refused["error"]
    assert set(targets()) >= {"local"}


async def test_a_serve_job_left_by_a_killed_deployment_is_stopped_by_the_next(
    conversation: Conversation, workspace: Workspace, task: TaskFolder
) -> None:
    left = job_control.submit(
        workspace,
        "serve",
        serve.ENTRY,
        ["--model", str(task.root), "--port", str(serve.free_port()), "--task", str(task.root)],
        python=worker_python(workspace),
        resumable=True,
    )
    deployments.stop_unused(workspace, task, keep=None)
    assert left.state() in ("cancelled", "failed")


@pytest.fixture
def line(workspace: Workspace, task: TaskFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.setenv("NLP_SKILLS_QUEUE_DIR", str(tmp_path / "queue"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return Line(workspace, task)


def test_a_deployment_stands_in_line_says_behind_which_job_and_goes_on_by_itself(
    line: Line, workspace: Workspace, task: TaskFolder
) -> None:
    (task.scripts / "deploys.py").write_text(DEPLOYS)
    agree_to_script(task.scripts / "deploys.py")
    training = line.submit("training", gpus=1)
    line.at_work("training")
    deploying = job_control.submit(
        workspace,
        "deploy",
        ["scripts/deploys.py"],
        [str(task.root), "--version", "v1", "--target", "merged"],
        python=worker_python(workspace),
        task=task,
        resumable=True,
    )
    line.waits(deploying, 1)
    for language, words in (
        ("en", ("waiting for the GPU", "number 1 in the queue")),
        ("zh-TW", ("等待 GPU", "第 1 位")),
    ):
        with speaking(language):  # type: ignore[arg-type]
            said = job_answer(deploying).message
        assert training.id in said and all(word in said for word in words), said
    assert not list(workspace.jobs.glob("*-serve-*")), "nothing is loaded meanwhile"
    line.end("training")
    eventually(lambda: job_control.wait(deploying, 5) == "succeeded" or job_control.failure(deploying), 120)
    live = deployments.current(task)
    assert live and live.parity and live.parity["label"] == 1.0, job_control.failure(deploying)


def test_only_what_answers_on_this_machines_gpu_waits_for_it() -> None:
    settings = {"endpoint": {"url": "http://127.0.0.1:1", "model": "m"}}
    waits = {
        name: target(name, settings.get(name, {})).waits_for_gpu
        for name in ("local", "merged", "endpoint", "vllm", "gguf")
    }
    assert waits == {"local": True, "merged": True, "endpoint": False, "vllm": False, "gguf": False}
    assert not target("local", {"device": "cpu"}).waits_for_gpu


def test_an_endpoint_that_is_resumed_says_which_training_has_the_gpu(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = Gpu(name="H100", memory=80, free=80, driver="1", uuid="GPU-0")
    machine = Machine(system="", cores=1, free_cores=1, memory=1, free_memory=1, disk_free=1, gpus=[gpu], device="cuda")
    monkeypatch.setattr(serve, "describe_machine", lambda workspace: machine)
    assert serve.beside() is None
    training = line.submit("training", gpus=1)
    line.at_work("training")
    said = serve.beside()
    assert said and training.id in said.en and training.id in said.zh and "'device': 'cpu'" in said.en
    line.end("training")
