from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mcp.client import Client
from mcp_types import TextContent

from nlp_skills.resources.browsing.reading import ADDRESSES
from nlp_skills.resources.workspace import Workspace
from nlp_skills.server.app import build_server
from nlp_skills.server.settings import Settings

pytestmark = pytest.mark.anyio
REVIEWS = {"title": "Reviews", "type": "classification", "language": "en", "labels": ["good", "bad"]}


@pytest.fixture
async def client(workspace: Workspace) -> AsyncIterator[Client]:
    async with Client(build_server(Settings(workspace=workspace.root, toolsets=("tasks",)))) as connected:
        yield connected


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return dict(result.structured_content)


async def read_refusal(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


async def test_a_task_is_created_and_the_data_come_next(client: Client, workspace: Workspace) -> None:
    answer = await call(client, "create_task", **REVIEWS)
    assert answer["path"] == str(workspace.root / "reviews") and answer["path"] in answer["message"]
    assert answer["next_step"]["tool"] == "coach"
    assert answer["next_step"]["arguments"] == {"task": "reviews"}


async def test_a_derived_folder_name_is_said(client: Client) -> None:
    answer = await call(client, "create_task", **{**REVIEWS, "title": "情緒分析", "language": "zh-TW"})
    assert answer["name"].isascii() and answer["name"] in answer["message"]
    assert "另取了一個" in answer["message"]


async def test_a_task_is_shown_changed_archived_and_listed(client: Client) -> None:
    await call(client, "create_task", **REVIEWS)
    shown = await call(client, "update_task", task="reviews")
    changed = await call(
        client, "update_task", task="reviews", changes={"goal": "Sort mail"}, revision=shown["revision"]
    )
    assert changed["changed"] == ["goal"] and changed["definition"]["goal"] == "Sort mail"
    assert 'goal: nothing → "Sort mail"' in changed["message"]
    assert (await call(client, "list_tasks", state="archived"))["message"] == "No task is archived."
    put_away = await call(client, "manage_task", action="archive", task="reviews", reason="no time")
    assert (await call(client, "list_tasks"))["tasks"] == []
    listed = await call(client, "list_tasks", state="archived")
    assert [row["name"] for row in listed["tasks"]] == ["reviews"] and listed["archived"] == 1
    back = listed["next_step"]
    assert back == put_away["next_step"]
    restored = await call(client, back["tool"], **back["arguments"])
    assert restored["next_step"]["tool"] == "coach"
    assert (await call(client, "update_task", task="reviews"))["definition"]["decisions"][0]["why"] == "no time"


async def test_an_empty_workspace_leads_to_the_coach(client: Client, workspace: Workspace) -> None:
    answer = await call(client, "list_tasks")
    assert answer["tasks"] == [] and answer["next_step"]["tool"] == "coach"
    assert answer["workspace"] == str(workspace.root)


async def test_the_next_page_is_one_call_away(client: Client, workspace: Workspace) -> None:
    for number in range(5):
        folder = workspace.root / f"task-{number}"
        folder.mkdir(parents=True)
        (folder / "task.yaml").write_text(f"name: task-{number}\n", encoding="utf-8")
    first = await call(client, "list_tasks", limit=3)
    step = first["next_step"]
    second = await call(client, step["tool"], **step["arguments"])
    assert [row["name"] for row in first["tasks"] + second["tasks"]] == [f"task-{n}" for n in range(5)]


@pytest.mark.parametrize("task", ["reveiws", "../reviews", "reviews/../reviews", ""])
async def test_an_unknown_task_is_refused_with_the_nearest(client: Client, task: str) -> None:
    await call(client, "create_task", **REVIEWS)
    for tool, more in (("update_task", {}), ("manage_task", {"action": "generate"})):
        assert "Use one of: reviews" in await read_refusal(client, tool, task=task, **more)


async def test_the_project_is_generated_again_and_hand_edits_are_named(client: Client, workspace: Workspace) -> None:
    await call(client, "create_task", **REVIEWS)
    (workspace.root / "reviews" / "scripts" / "04_train.py").write_text("# mine\n", encoding="utf-8")
    (workspace.root / "reviews" / "scripts" / "05_evaluate.py").unlink()
    answer = await call(client, "manage_task", action="generate", task="reviews")
    assert answer["details"]["written"] == ["scripts/05_evaluate.py"]
    assert answer["details"]["kept"] == ["scripts/04_train.py"] and "scripts/04_train.py" in answer["message"]
    renewed = await call(client, "manage_task", action="generate", task="reviews", confirm=True)
    assert renewed["details"]["replaced"] == ["scripts/04_train.py"] and renewed["details"]["kept"] == []
    (aside,) = (workspace.root / "reviews" / "scripts" / "replaced").iterdir()
    assert aside.read_text(encoding="utf-8") == "# mine\n"


async def test_every_resource_is_readable_through_the_tool(client: Client) -> None:
    await call(client, "create_task", **REVIEWS)
    for address in ADDRESSES:
        if set(address.variables) <= {"task"}:
            uri = address.template.replace("{task}", "reviews")
            published = (await client.read_resource(uri)).contents[0]
            read = await call(client, "read_resource", uri=uri)
            assert published.text.startswith(read["text"]) and read["characters"] == len(published.text)  # type: ignore[union-attr]
            assert read["mime_type"] == published.mime_type


async def test_a_long_resource_is_read_in_pages(client: Client) -> None:
    notes = [f"note {number} that takes a line of its own" for number in range(300)]
    await call(client, "create_task", **REVIEWS)
    await call(client, "update_task", task="reviews", changes={"notes": notes})
    text, arguments = "", {"uri": "tasks/reviews"}
    while arguments:
        answer = await call(client, "read_resource", **arguments)
        assert len(answer["text"]) <= 6000
        text, arguments = text + answer["text"], answer["next_step"]["arguments"]
    assert json.loads(text)["task"]["notes"] == notes and len(text) > 12_000


async def test_an_unknown_address_is_refused_with_all_kinds(client: Client) -> None:
    said = await read_refusal(client, "read_resource", uri="nlp-skills://nowhere")
    assert "nlp-skills://tasks/{task}/lineage" in said


async def test_the_tools_of_tasks_take_at_most_thirteen_hundred_tokens(client: Client) -> None:
    tools = (await client.list_tools()).tools
    assert {tool.name for tool in tools} == {"create_task", "update_task", "list_tasks", "manage_task", "read_resource"}
    size = sum(
        len(tool.name) + len(tool.description or "") + len(json.dumps(tool.input_schema, ensure_ascii=False))
        for tool in tools
    )
    print(f"tools of tasks: {size / 4:.0f} tokens")
    assert size / 4 <= 1300
