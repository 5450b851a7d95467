from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

import pytest
from mcp.client import Client
from mcp.server import MCPServer
from mcp.shared.exceptions import MCPError
from mcp_types import PromptReference, ResourceTemplateReference, TextResourceContents

from nlp_skills.resources import published
from nlp_skills.resources.browsing.reading import ADDRESSES
from nlp_skills.resources.promotion import Current, save_current
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace

pytestmark = pytest.mark.anyio
MakeTask = Callable[..., TaskFolder]
MakeVersion = Callable[..., VersionFolder]


@pytest.fixture
async def client(workspace: Workspace) -> AsyncIterator[Client]:
    server = MCPServer("test")
    published.register(server, workspace)
    async with Client(server) as connected:
        yield connected


async def complete_argument(client: Client, uri: str, argument: str, value: str, **known: str) -> list[str]:
    reference = ResourceTemplateReference(type="ref/resource", uri=uri)
    answer = await client.complete(reference, {"name": argument, "value": value}, known)
    return answer.completion.values


async def test_every_address_is_published_with_titles_in_both_languages(client: Client) -> None:
    resources = (await client.list_resources()).resources
    templates = (await client.list_resource_templates()).resource_templates
    listed = {str(r.uri): r for r in resources} | {t.uri_template: t for t in templates}
    assert set(listed) == {address.template for address in ADDRESSES}
    for address in ADDRESSES:
        assert listed[address.template].title == f"{address.title.en} · {address.title.zh}"
        assert listed[address.template].mime_type == address.mime_type


async def test_a_template_is_read_with_its_mime_type(
    client: Client, make_task: MakeTask, make_version: MakeVersion
) -> None:
    make_version(make_task("reviews"), 0.8)
    (diagram,) = (await client.read_resource("nlp-skills://tasks/reviews/lineage.mmd")).contents
    assert isinstance(diagram, TextResourceContents)
    assert diagram.mime_type == "text/vnd.mermaid" and "macro-F1 0.800" in diagram.text
    (version,) = (await client.read_resource("nlp-skills://tasks/reviews/versions/v1")).contents
    assert isinstance(version, TextResourceContents)
    assert json.loads(version.text)["status"] == "evaluated"


@pytest.mark.parametrize(
    "uri", ["nlp-skills://tasks/reveiws", "nlp-skills://tasks/reviews/versions/v7", "nlp-skills://jobs/none"]
)
async def test_what_does_not_exist_is_a_protocol_error_that_says_what_does(
    client: Client, make_task: MakeTask, uri: str
) -> None:
    make_task("reviews")
    with pytest.raises(MCPError) as caught:
        await client.read_resource(uri)
    assert caught.value.code == -32602
    assert "→" in caught.value.message


async def test_a_path_out_of_the_workspace_is_no_resource(client: Client, workspace: Workspace) -> None:
    for uri in ("nlp-skills://tasks/..%2F..%2Fetc", "nlp-skills://skills/..%2Fskills", "nlp-skills://tasks/%2Fetc"):
        with pytest.raises(MCPError) as caught:
            await client.read_resource(uri)
        assert caught.value.code == -32602


async def test_arguments_are_completed_by_what_exists(
    client: Client, workspace: Workspace, make_task: MakeTask, make_version: MakeVersion
) -> None:
    for name in ("news-entity", "entity-sentiment", "reviews"):
        make_task(name)
    make_version(make_task("versioned"), 0.7)
    uri = "nlp-skills://tasks/{task}/versions/{version}"
    assert await complete_argument(client, uri, "task", "ent") == ["entity-sentiment", "news-entity"]
    assert await complete_argument(client, uri, "version", "", task="versioned") == ["v1", "latest"]
    save_current(TaskFolder(workspace.root / "versioned"), Current(version="v1"))
    assert await complete_argument(client, uri, "version", "", task="versioned") == ["v1", "latest", "current"]
    assert await complete_argument(client, uri, "version", "", task="unknown") == []
    assert await complete_argument(client, uri, "other", "") == []


async def test_arguments_of_prompts_are_completed_the_same_way(client: Client, make_task: MakeTask) -> None:
    make_task("reviews")
    answer = await client.complete(PromptReference(type="ref/prompt", name="tasks"), {"name": "task", "value": "rev"})
    assert answer.completion.values == ["reviews"]


async def test_more_than_a_hundred_completions_say_that_there_are_more(client: Client, make_task: MakeTask) -> None:
    for number in range(120):
        make_task(f"task-{number:03}")
    reference = ResourceTemplateReference(type="ref/resource", uri="nlp-skills://tasks/{task}")
    completion = (await client.complete(reference, {"name": "task", "value": ""})).completion
    assert len(completion.values) == 100 and completion.total == 120 and completion.has_more
