"""A client that watches a resource hears of its change, whoever changed it, in both protocol eras."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from mcp.client import Client
from mcp.client.subscriptions import ResourcesListChanged, ResourceUpdated
from mcp_types import ResourceUpdatedNotification

from nlp_skills.resources.foundation.files import write_yaml
from nlp_skills.resources.workspace import Workspace
from nlp_skills.server.boundary import GuardedServer
from nlp_skills.server.notify import fingerprint, serve_changes, watchers

pytestmark = pytest.mark.anyio

DEADLINE_SECONDS = 10.0
JOBS = "nlp-skills://tasks/reviews/jobs"
EVENTS = Path("reviews/jobs/j1/events.jsonl")


def make_server(root: Path) -> GuardedServer:
    workspace = Workspace(root)
    (root / EVENTS.parent).mkdir(parents=True)
    write_yaml(root / "reviews" / "task.yaml", {"format": 1})
    server = GuardedServer(workspace=workspace, language=None, name="under-test", lifespan=watchers)
    serve_changes(server, workspace, seconds=0.02)
    return server


async def test_a_listening_client_hears_that_a_job_moved_on(tmp_path: Path) -> None:
    async with Client(make_server(tmp_path)) as client, client.listen(resource_subscriptions=[JOBS]) as news:
        (tmp_path / EVENTS).write_text("{}\n", encoding="utf-8")
        with anyio.fail_after(DEADLINE_SECONDS):
            assert await anext(aiter(news)) == ResourceUpdated(JOBS)


async def test_a_listening_client_hears_that_a_task_came(tmp_path: Path) -> None:
    async with Client(make_server(tmp_path)) as client, client.listen(resources_list_changed=True) as news:
        write_yaml(tmp_path / "second" / "task.yaml", {"format": 1})
        with anyio.fail_after(DEADLINE_SECONDS):
            assert await anext(aiter(news)) == ResourcesListChanged()


@pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")
async def test_a_subscribed_client_of_the_handshake_era_hears_until_it_unsubscribes(tmp_path: Path) -> None:
    heard: list[str] = []

    async def remember(message: object) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            heard.append(str(message.params.uri))

    async with Client(make_server(tmp_path), mode="legacy", message_handler=remember) as client:
        resources = client.server_capabilities.resources
        assert resources is not None and resources.subscribe
        await client.subscribe_resource(JOBS)
        await client.subscribe_resource(JOBS)
        (tmp_path / EVENTS).write_text("{}\n", encoding="utf-8")
        await _until(lambda: heard == [JOBS])
        await client.unsubscribe_resource(JOBS)
        await client.subscribe_resource("nlp-skills://tasks/reviews")
        (tmp_path / EVENTS).write_text("{}\n{}\n", encoding="utf-8")
        write_yaml(tmp_path / "reviews" / "task.yaml", {"format": 1, "title": "x"})
        await _until(lambda: len(heard) == 2)
    assert heard == [JOBS, "nlp-skills://tasks/reviews"]


@pytest.mark.parametrize(
    ("uri", "file"),
    [
        ("nlp-skills://tasks", "reviews/task.yaml"),
        ("nlp-skills://tasks/reviews", "reviews/task.yaml"),
        ("nlp-skills://tasks/reviews", "reviews/deployments/current.json"),
        ("nlp-skills://tasks/reviews/data-source", "reviews/data_source.yaml"),
        ("nlp-skills://tasks/reviews/versions", "reviews/versions/v1/results.json"),
        ("nlp-skills://tasks/reviews/versions/v1", "reviews/versions/v1/results.json"),
        ("nlp-skills://tasks/reviews/lineage", "reviews/versions/v1/lineage.yaml"),
        ("nlp-skills://tasks/reviews/lineage/mermaid", "reviews/versions/v1/lineage.yaml"),
        ("nlp-skills://tasks/reviews/jobs", "reviews/jobs/j1/exit.json"),
        ("nlp-skills://tasks/reviews/notes", "reviews/task.yaml"),
        ("nlp-skills://tasks", "reviews/versions/current.json"),
        ("nlp-skills://tasks", "reviews/deployments/current.json"),
        ("nlp-skills://tasks/reviews", "reviews/versions/current.json"),
        ("nlp-skills://tasks/reviews/versions", "reviews/versions/current.json"),
        ("nlp-skills://tasks/reviews/versions/v1", "reviews/versions/v1/model_removed.json"),
    ],
)
async def test_a_change_behind_a_resource_is_seen(tmp_path: Path, uri: str, file: str) -> None:
    workspace = Workspace(tmp_path)
    for path in ("reviews/task.yaml", file):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("1", encoding="utf-8")
    before = fingerprint(workspace, uri)
    assert fingerprint(workspace, uri) == before
    (tmp_path / file).write_text("12", encoding="utf-8")
    assert fingerprint(workspace, uri) != before


async def test_a_resource_name_cannot_lead_outside_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "task.yaml").write_text("1", encoding="utf-8")
    (tmp_path / "inside").mkdir()
    assert fingerprint(Workspace(tmp_path / "inside"), "nlp-skills://tasks/../outside") == frozenset()


async def _until(reached: Callable[[], bool]) -> None:
    with anyio.fail_after(DEADLINE_SECONDS):
        while not reached():
            await anyio.sleep(0.01)
