"""Every target for real: files that llama.cpp loads, endpoints that are asked the whole benchmark."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from nlp_skills.resources import secrets
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.deploy import deployments
from tests.tools.deploy.conftest import Conversation

pytestmark = pytest.mark.anyio


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

    answer = await conversation.call("deploy", task="mood", target="gguf", settings={"serve": True})
    live = deployments.current(task)
    assert live is not None and live.url and live.parity and live.parity["raw"] == live.parity["label"] == 1.0
    asked = {"model": live.model, "messages": [{"role": "user", "content": "rose by 3"}], "max_tokens": 4}
    address = f"{live.url}/v1/chat/completions"
    assert httpx.post(address, json=asked, trust_env=False, timeout=60).status_code == 401
    key = secrets.lookup("NLP_SKILLS_SERVING_KEY")
    allowed = httpx.post(address, json=asked, trust_env=False, timeout=60, headers={"Authorization": f"Bearer {key}"})
    assert allowed.status_code == 200
    assert key and not [path for path in workspace.root.rglob("*")
                        if path.is_file() and path.stat().st_size < 1e6 and key.encode() in path.read_bytes()]


async def test_the_merged_folder_is_measured_and_then_left_alone(
    conversation: Conversation, workspace: Workspace, task: TaskFolder
) -> None:
    answer = await conversation.call("deploy", task="mood", target="merged")
    assert answer["job"]["result"]["parity"]["raw"] == 1.0
    assert answer["job"]["result"]["files"] == [str(task.models / "v1" / "merged")]
    assert not deployments.serving_jobs(workspace, task)
