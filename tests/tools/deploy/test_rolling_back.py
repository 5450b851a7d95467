"""Rolling back: what was live before is live again where its clients look for it, and nothing that works is taken down."""

from __future__ import annotations

import httpx
import pytest

from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.deploy import deployments
from tests.tools.deploy.conftest import Conversation

pytestmark = [pytest.mark.anyio, pytest.mark.minutes]


def ask(url: str | None, model: str) -> httpx.Response:
    return httpx.post(
        f"{url}/v1/chat/completions",
        trust_env=False,
        timeout=60,
        json={"model": model, "messages": [{"role": "user", "content": "rose by 3"}], "max_tokens": 4},
    )


async def test_the_one_before_comes_back_at_its_address_without_its_gates_and_files_stay_ready(
    conversation: Conversation, workspace: Workspace, task: TaskFolder
) -> None:
    await conversation.call("deploy", task="mood", target="merged")
    await conversation.call("deploy", task="mood", target="local", settings={"device": "cpu"})
    first = deployments.current(task)
    assert first and first.url

    # It lists itself under short names, answers to them and to the folder's, and to no other.
    listed = httpx.get(f"{first.url}/v1/models", trust_env=False)
    assert listed.status_code == 200 and [one["id"] for one in listed.json()["data"]] == ["v1", "mood"]
    assert first.model == "v1"
    for name in ("v1", "mood", str(task.models / "v1" / "merged")):
        answer = ask(first.url, name)
        assert answer.status_code == 200 and answer.json()["model"] == "v1", name
    refused = ask(first.url, "gpt-4o")
    assert refused.status_code == 404 and "v1, mood" in refused.text and str(task.root) not in refused.text
    tried = await conversation.call(
        "try_model", task="mood", model=f"endpoint:{task.models / 'v1' / 'merged'}", url=first.url, text="rose by 3"
    )
    assert tried["job"]["state"] == "succeeded", tried

    await conversation.call("deploy", task="mood", target="local", settings={"device": "cpu"})
    second = deployments.current(task)
    assert second and second.url != first.url and not deployments.answers(first)

    # The goal has been raised since: a new deployment would be refused, the way back is not.
    await conversation.call("update_task", task="mood", changes={"success_criteria.threshold": 1.0})
    assert "your own success criteria" in (await conversation.call("deploy", task="mood"))["error"]
    back = await conversation.call("deploy", task="mood", action="roll_back")
    assert back["job"]["state"] == "succeeded", back
    live = deployments.current(task)
    assert live and live.url == first.url and live.parity == first.parity and live.restores == first.id
    assert ask(first.url, "v1").status_code == 200 and not deployments.answers(second)
    assert [folder.id for folder in deployments.serving_jobs(workspace, task)] == [live.job]
    rows = (await conversation.call("deploy", task="mood", action="list"))["deployments"]
    assert [(row["target"], row["standing"]) for row in rows] == [
        ("local", "live"),
        ("local", "ended"),
        ("local", "ended"),
        ("merged", "ready"),
    ]


async def test_where_it_cannot_come_back_what_is_live_stays(
    conversation: Conversation, workspace: Workspace, task: TaskFolder
) -> None:
    for _ in range(2):
        await conversation.call("deploy", task="mood", target="local", settings={"device": "cpu"})
    live = deployments.current(task)
    weights = VersionFolder(task, 1).models / "model" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-3] ^= 1
    weights.write_bytes(content)
    refused = await conversation.call("deploy", task="mood", action="roll_back")
    assert weights.name in refused["error"] and "v1 still answers at" in refused["error"]
    assert live and deployments.current(task) == live and deployments.answers(live)
    assert [folder.id for folder in deployments.serving_jobs(workspace, task)] == [live.job]
