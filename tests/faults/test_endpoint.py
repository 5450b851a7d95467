"""The endpoint says what it serves by short names, and going back is a road for emergencies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from nlp_skills.resources.deployment import Deployment
from nlp_skills.tools.deploy import deployments
from tests.faults.conftest import PreparedTask
from tests.faults.test_tampering import add_noise

pytestmark = [pytest.mark.anyio, pytest.mark.minutes]


@pytest.fixture(autouse=True)
def _no_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine that never loaded anything from a hub."""
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / "never" / name))


async def deploy_version(standing: PreparedTask, version: str, **settings: Any) -> Deployment:
    """Put it behind the local endpoint; a version that misses the goal for a reason."""
    answer = await standing.call("deploy", version=version, target="local", settings=settings)
    if "override_reason" in str(answer.get("error")):
        answer = await standing.call(
            "deploy", version=version, target="local", settings=settings, override_reason="a test"
        )
    assert "error" not in answer, answer
    live = deployments.current(standing.task)
    assert live is not None and live.version == version and deployments.answers(live)
    return live


def ask_endpoint(live: Any, model: str) -> httpx.Response:
    return httpx.post(
        f"{live.url}/v1/chat/completions",
        trust_env=False,
        timeout=60,
        json={"model": model, "messages": [{"role": "user", "content": "rose by 3"}], "max_tokens": 4},
    )


async def test_models_are_listed_by_short_names_that_can_be_asked_for(standing: PreparedTask) -> None:
    live = await deploy_version(standing, "v1")
    listed = httpx.get(f"{live.url}/v1/models", trust_env=False, timeout=60)
    assert listed.status_code == 200, listed.text
    names = [model["id"] for model in listed.json()["data"]]
    assert {"v1", "mood"} & set(names) and not [name for name in names if "/" in name or "\\" in name], names
    for name in names:
        assert ask_endpoint(live, name).status_code == 200, name
    assert live.model in names, "what deploy told is what the endpoint lists"


async def test_the_one_before_comes_back_at_its_address_without_a_gate_and_only_then_the_other_stops(
    standing: PreparedTask,
) -> None:
    first = await deploy_version(standing, "v1")
    second = await deploy_version(standing, "v2")
    await standing.call(
        "update_task", changes={"success_criteria.threshold": 1.0, "success_criteria.metric": "accuracy"}
    )
    back = await standing.call("deploy", action="roll_back")
    assert "error" not in back, back
    live = deployments.current(standing.task)
    assert live is not None and live.version == "v1" and live.url == first.url, (live, first.url)
    assert deployments.answers(live) and ask_endpoint(live, live.model).status_code == 200
    assert second.url == live.url or not deployments.answers(second)


async def test_going_back_to_what_cannot_come_back_leaves_what_works(standing: PreparedTask) -> None:
    await deploy_version(standing, "v1")
    second = await deploy_version(standing, "v2")
    for place in (standing.task.root / "models" / "v1").rglob("*.safetensors"):
        add_noise(place)
    refused = await standing.read_refusal("deploy", action="roll_back")
    assert "v1" in refused and "not the file" in refused, refused
    live = deployments.current(standing.task)
    assert live is not None and live.version == "v2" and deployments.answers(second)
    assert ask_endpoint(second, second.model).status_code == 200


async def test_files_of_another_target_stay_ready(standing: PreparedTask) -> None:
    merged = await standing.call("deploy", version="v1", target="merged")
    if "error" in merged:
        merged = await standing.call("deploy", version="v1", target="merged", override_reason="a test")
    assert "error" not in merged, merged
    await deploy_version(standing, "v2")
    listed = (await standing.call("deploy", action="list"))["deployments"]
    assert {(row["target"], row["standing"]) for row in listed} >= {("merged", "ready"), ("local", "live")}, listed
    await standing.call("deploy", action="undeploy")
    listed = (await standing.call("deploy", action="list"))["deployments"]
    assert ("merged", "ready") in {(row["target"], row["standing"]) for row in listed}, listed


async def test_undoing_without_anything_before_is_refused_and_leaves_it(standing: PreparedTask) -> None:
    live = await deploy_version(standing, "v1")
    refused = await standing.read_refusal("deploy", action="roll_back")
    assert "before" in refused and deployments.answers(live)
