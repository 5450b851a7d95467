"""Every target for real: files that llama.cpp loads, endpoints that are asked the whole benchmark."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from nlp_skills.resources.foundation import secrets
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.deploy import deployments
from tests.command_lines import command_lines
from tests.tools.deploy import fake_ollama
from tests.tools.deploy.conftest import Conversation

pytestmark = [pytest.mark.anyio, pytest.mark.minutes]


async def test_a_gguf_file_answers_as_evaluated_in_llama_cpp_and_only_with_its_key(
    conversation: Conversation, workspace: Workspace, task: TaskFolder, llama_cpp: Path
) -> None:
    answer = await conversation.call("deploy", task="mood", target="gguf", settings={"quantization": "q8_0"})
    assert answer["job"]["state"] == "succeeded", answer
    result = answer["job"]["result"]
    assert result["parity"]["label"] == 1.0 and result["url"] is None
    [file] = result["files"]
    assert Path(file).read_bytes()[:4] == b"GGUF" and file.endswith("mood-v1-q8_0.gguf")
    assert not deployments.serving_jobs(workspace, task)

    with command_lines() as lines:
        answer = await conversation.call("deploy", task="mood", target="gguf", settings={"serve": True})
    live = deployments.current(task)
    assert live is not None and live.url and live.parity and live.parity["raw"] == live.parity["label"] == 1.0
    asked = {"model": live.model, "messages": [{"role": "user", "content": "rose by 3"}], "max_tokens": 4}
    address = f"{live.url}/v1/chat/completions"
    assert httpx.post(address, json=asked, trust_env=False, timeout=60).status_code == 401
    key = secrets.lookup("NLP_SKILLS_SERVING_KEY")
    allowed = httpx.post(address, json=asked, trust_env=False, timeout=60, headers={"Authorization": f"Bearer {key}"})
    assert allowed.status_code == 200
    assert (
        key
        and key not in "".join(lines)
        and not [
            path
            for path in workspace.root.rglob("*")
            if path.is_file() and path.stat().st_size < 1e6 and key.encode() in path.read_bytes()
        ]
    )


async def test_the_merged_folder_is_measured_and_then_left_alone(
    conversation: Conversation, workspace: Workspace, task: TaskFolder
) -> None:
    answer = await conversation.call("deploy", task="mood", target="merged")
    assert answer["job"]["result"]["parity"]["raw"] == 1.0
    assert answer["job"]["result"]["files"] == [str(task.models / "v1" / "merged")]
    assert not deployments.serving_jobs(workspace, task)
    ended = await conversation.call("deploy", task="mood", action="undeploy")  # a folder never ran
    assert ended["stopped"] == "v1" and "is no longer in use" in ended["message"]


async def test_ollama_takes_over_is_listed_as_healthy_and_rolled_back(
    conversation: Conversation,
    workspace: Workspace,
    task: TaskFolder,
    llama_cpp: Path,
    ollama: str,
    tmp_path: Path,
    worker: Path,
) -> None:
    nothing = await conversation.call("deploy", task="mood", action="list")
    assert nothing["deployments"] == []
    assert "no deployment before" in (await conversation.call("deploy", task="mood", action="roll_back"))["error"]
    first = await conversation.call("deploy", task="mood", target="gguf", settings={"serve": True})
    assert first["job"]["state"] == "succeeded", first

    # What fails leaves the one before it answering.
    for fault, said in (
        ("unknown_architecture", "unsupported architecture"),
        ("full_disk", "no space left"),
        ("other_system", "does not answer as v1 did"),
    ):
        with fake_ollama.apart(worker, tmp_path / fault, fault) as broken:
            refused = await conversation.call("deploy", task="mood", target="ollama", settings={"url": broken})
            assert said in refused["error"], fault
            assert httpx.get(f"{broken}/api/tags", trust_env=False).json()["models"] == []
    down = await conversation.call("deploy", task="mood", target="ollama", settings={"url": "http://127.0.0.1:9"})
    assert "Ollama does not answer" in down["error"] and "ollama serve" in down["error"]
    [row, *_] = (await conversation.call("deploy", task="mood", action="list"))["deployments"]
    assert (row["target"], row["standing"]) == ("gguf", "live")

    second = await conversation.call("deploy", task="mood", target="ollama", settings={"url": ollama})
    assert second["job"]["result"]["parity"]["raw"] == 1.0 and second["job"]["result"]["model"] == "mood:v1"
    assert (task.models / "v1" / "ollama" / "Modelfile").read_text(encoding="utf-8").startswith("FROM ../gguf/")
    assert not deployments.serving_jobs(workspace, task)
    listed = (await conversation.call("deploy", task="mood", action="list"))["deployments"]
    assert [(row["target"], row["standing"]) for row in listed] == [("ollama", "live"), ("gguf", "ended")]

    back = await conversation.call("deploy", task="mood", action="roll_back")
    assert back["job"]["state"] == "succeeded", back
    live = deployments.current(task)
    assert live and live.target == "gguf" and live.restores == listed[1]["id"] and deployments.answers(live)

    # The model Ollama still has under that name is ours, so it may be taken again; another's is not.
    await conversation.call("deploy", task="mood", target="ollama", settings={"url": ollama})
    stopped = await conversation.call("deploy", task="mood", action="undeploy")
    assert stopped["stopped"] == "v1" and "was stopped" in stopped["message"]
    assert httpx.get(f"{ollama}/api/tags", trust_env=False).json()["models"] == []
