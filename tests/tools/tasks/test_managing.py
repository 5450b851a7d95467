"""`manage_task` and its neighbours as clients meet them: in both languages, by two clients at once, page by page."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import Client
from mcp.client.subscriptions import ResourceUpdated

from nlp_skills.resources.foundation.language import Language
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.server.app import build_server
from nlp_skills.server.notify import serve_changes
from nlp_skills.server.settings import Settings
from nlp_skills.tools.tasks import manage
from nlp_skills.tools.tasks.create import create_task
from nlp_skills.tools.tasks.update import update_task
from tests.tools.tasks.conftest import MakeVersion, deploy_version, fill_data, write_version
from tests.tools.tasks.test_tool import call, read_refusal

pytestmark = pytest.mark.anyio
MOST_CHARACTERS = 8000  # 2,000 tokens


def settings(workspace: Workspace, language: Language | None = None) -> Settings:
    return Settings(workspace=workspace.root, language=language)


@pytest.fixture(params=["en", "zh-TW"])
async def client(workspace: Workspace, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    async with Client(build_server(settings(workspace, request.param))) as connected:
        yield connected


@pytest.fixture
async def english(workspace: Workspace) -> AsyncIterator[Client]:
    async with Client(build_server(settings(workspace, "en"))) as connected:
        yield connected


async def step(client: Client, answer: dict[str, Any]) -> dict[str, Any]:
    """Make exactly the call that an answer names next."""
    return await call(client, answer["next_step"]["tool"], **answer["next_step"]["arguments"])


def speaks_one_language(client: Client, answer: dict[str, Any], en: str, zh: str) -> bool:
    """Whether an answer says it in its one language and nothing in the other."""
    text = answer["message"]
    chinese = any("\u4e00" <= character <= "\u9fff" for character in text)
    return (zh in text) if chinese else (en in text)


async def test_a_version_is_promoted_rolled_back_and_deploying_is_said_to_be_another_step(
    client: Client, task: TaskFolder, make_version: MakeVersion
) -> None:
    make_version(0.8)
    make_version(0.9)
    first = await call(client, "manage_task", action="promote", task="reviews", version="v1")
    assert speaks_one_language(client, first, "v1 is now the current version", "v1 已設為 reviews 的目前版本")
    deploy_version(task, "v1")
    second = await call(client, "manage_task", action="promote", task="reviews", version="v2")
    assert speaks_one_language(client, second, "another step", "另一個步驟")
    assert second["next_step"]["tool"] == "deploy"
    assert second["next_step"]["arguments"] == {"task": "reviews", "version": "v2"}
    assert second["details"] == {"current": "v2", "before": "v1", "deployed": "v1"}
    back = await call(client, "manage_task", action="roll_back", task="reviews")
    assert (
        speaks_one_language(client, back, "Rolled back from v2 to v1", "已從 v2 退回 v1")
        and back["next_step"]["tool"] == "coach"
    )
    (row,) = (await call(client, "list_tasks"))["tasks"]
    assert (row["current"], row["deployed"], row["best_version"], row["best_score"]) == ("v1", "v1", "v2", 0.9)


async def test_without_a_version_the_best_is_offered(client: Client, make_version: MakeVersion) -> None:
    make_version(0.9)
    make_version(0.8)
    assert "version='v1'" in await read_refusal(client, "manage_task", action="promote", task="reviews")


async def test_tidying_is_previewed_and_the_next_step_does_it(client: Client, make_version: MakeVersion) -> None:
    first = make_version(0.5, size=5_000_000)
    for _ in range(3):
        make_version(0.6)
    preview = await call(client, "manage_task", action="tidy", task="reviews")
    assert (
        not preview["done"]
        and speaks_one_language(client, preview, "Would free 5.0 MB", "可以騰出 5.0 MB")
        and first.models.is_dir()
    )
    done = await step(client, preview)
    assert (
        done["done"]
        and speaks_one_language(client, done, "Freed 5.0 MB", "已騰出 5.0 MB")
        and not first.models.exists()
    )
    nothing = await call(client, "manage_task", action="tidy", task="reviews", confirm=True)
    assert nothing["details"]["removed_count"] == 0
    for tool in ("evaluate", "deploy"):
        assert "reproduce(task='reviews', version='v1')" in await read_refusal(
            client, tool, task="reviews", version="v1"
        )


async def test_archive_warns_of_what_is_live_and_restore_brings_back(client: Client, task: TaskFolder) -> None:
    deploy_version(task, "v1")
    put_away = await call(client, "manage_task", action="archive", task="reviews")
    assert put_away["next_step"]["tool"] == "deploy" and put_away["warnings"]
    assert put_away["next_step"]["arguments"]["action"] == "undeploy"
    back = await call(client, "manage_task", action="restore", task="reviews")
    assert task.state() == "deployed" and back["next_step"]["tool"] == "coach"


async def test_a_task_is_cloned_exported_and_imported_by_its_next_step(
    client: Client, task: TaskFolder, make_version: MakeVersion, tmp_path: Path
) -> None:
    fill_data(task)
    make_version(0.8)
    made = await call(client, "manage_task", action="clone", task="reviews", name="second", include=["data"])
    assert made["task"] == "second" and made["details"]["cloned_from"] == "reviews"
    written = await call(client, "manage_task", action="export", task="reviews", path=str(tmp_path / "r.zip"))
    assert written["details"]["sha256"] in written["message"] and not written["details"]["models"]
    assert "confirm=true" in await read_refusal(
        client, "manage_task", action="export", task="reviews", path=str(tmp_path / "r.zip")
    )
    step_in = written["next_step"]
    assert "reviews-2" in await read_refusal(client, step_in["tool"], **step_in["arguments"])
    read_in = await call(client, step_in["tool"], **step_in["arguments"], name="third")
    assert read_in["task"] == "third" and read_in["details"]["without_model"] == ["v1"]
    assert len((await call(client, "list_tasks"))["tasks"]) == 3


async def test_an_export_of_an_on_premise_task_says_to_keep_it_inside(client: Client, task: TaskFolder) -> None:
    update_task(task, {"constraints.privacy": "on-premise"})
    written = await call(client, "manage_task", action="export", task="reviews")
    assert speaks_one_language(client, written, "keep it inside", "請勿外傳")


async def test_a_large_task_is_exported_and_imported_by_a_job(
    english: Client, workspace: Workspace, task: TaskFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(manage, "JOB_BYTES", 10)
    monkeypatch.setenv("NLP_SKILLS_WORKSPACE", str(workspace.root))
    written = await call(english, "manage_task", action="export", task="reviews", path=str(tmp_path / "r.zip"))
    assert written["done"] and written["job"]["state"] == "succeeded" and written["details"]["files"] > 5
    read_in = await call(english, "manage_task", action="import", path=str(tmp_path / "r.zip"), name="second")
    assert read_in["done"] and read_in["details"]["task"] == "second" and workspace.task("second")


async def test_a_part_that_an_action_does_not_know_is_refused(client: Client, task: TaskFolder) -> None:
    assert "models" in await read_refusal(client, "manage_task", action="export", task="reviews", include=["data"])
    assert "path=" in await read_refusal(client, "manage_task", action="import")


async def test_tasks_are_set_side_by_side_and_only_ranked_where_they_were_measured_alike(
    client: Client, workspace: Workspace, task: TaskFolder, make_version: MakeVersion
) -> None:
    update_task(task, {"success_criteria.threshold": 0.8})
    make_version(0.75)
    news = create_task(workspace, "News", "classification", "en", labels=["a", "b"]).folder
    write_version(news, 0.9, benchmark="bb" * 32)
    answer = await call(client, "list_tasks", compare=["reviews", "News"])
    comparison = answer["comparison"]
    assert [
        (one["task"], one["best_score"], one["threshold"], one["met"], one["training_seconds"])
        for one in comparison["tasks"]
    ] == [("reviews", 0.75, 0.8, False, 60.0), ("news", 0.9, None, None, 60.0)]
    assert not comparison["rankable"] and speaks_one_language(client, answer, "cannot be ranked", "不能互相排名")
    write_version(news, 0.9)
    again = await call(client, "list_tasks", compare=["reviews", "news"])
    assert again["comparison"]["rankable"] and "news 0.900, reviews 0.750" in again["message"]
    assert "news" in await read_refusal(client, "list_tasks", compare=["reviews", "nwes"])
    assert "compare" in await read_refusal(client, "list_tasks", compare=["reviews", "Reviews"])


async def test_two_clients_changing_one_field_are_told_and_different_fields_merge(
    workspace: Workspace, task: TaskFolder
) -> None:
    async with (
        Client(build_server(settings(workspace, "en"))) as ann,
        Client(build_server(settings(workspace, "zh-TW"))) as ben,
    ):
        seen = (await call(ann, "update_task", task="reviews"))["revision"]
        assert (await call(ben, "update_task", task="reviews"))["revision"] == seen
        await call(ann, "update_task", task="reviews", changes={"goal": "Sort mail"}, revision=seen)
        merged = await call(ben, "update_task", task="reviews", changes={"impact": "一小時"}, revision=seen)
        assert merged["definition"]["goal"] == "Sort mail"
        said = await read_refusal(ben, "update_task", task="reviews", changes={"goal": "分類郵件"}, revision=seen)
        assert '"Sort mail"' in said and '"分類郵件"' in said and "(conflict)" in said
        insisted = await call(
            ben,
            "update_task",
            task="reviews",
            changes={"goal": "分類郵件"},
            revision=said.split("revision='")[1].split("'")[0],
        )
        assert insisted["definition"]["goal"] == "分類郵件"


async def test_a_client_that_passes_no_revision_is_told_as_well(workspace: Workspace, task: TaskFolder) -> None:
    async with (
        Client(build_server(settings(workspace, "en"))) as ann,
        Client(build_server(settings(workspace, "en"))) as ben,
    ):
        for one in (ann, ben):
            await call(one, "update_task", task="reviews")
        await call(ann, "update_task", task="reviews", changes={"goal": "first"})
        assert '"first"' in await read_refusal(ben, "update_task", task="reviews", changes={"goal": "second"})
        await call(ann, "update_task", task="reviews", changes={"goal": "first again"})
        assert task.load().goal == "first again"


async def test_clients_changing_at_once_never_lose_a_change_silently(workspace: Workspace, task: TaskFolder) -> None:
    said: list[str] = []

    async def change(number: int) -> None:
        async with Client(build_server(settings(workspace, "en"))) as client:
            answer = await client.call_tool(
                "update_task",
                {"task": "reviews", "changes": {"goal": f"goal {number}"}, "note": f"note {number}", "revision": seen},
            )
            said.append("conflict" if answer.is_error else f"goal {number}")

    seen = task.revision()
    async with anyio.create_task_group() as group:
        for number in range(5):
            group.start_soon(change, number)
    assert said.count("conflict") == 4 and task.load().goal in said and len(task.load().notes) == 1


@pytest.mark.parametrize(
    ("action", "uri"),
    [
        ("promote", "nlp-skills://tasks/reviews/versions"),
        ("promote", "nlp-skills://tasks"),
        ("archive", "nlp-skills://tasks/reviews"),
        ("archive", "nlp-skills://tasks/reviews/notes"),
        ("tidy", "nlp-skills://tasks/reviews/versions"),
    ],
)
async def test_a_listening_client_hears_of_what_was_managed(
    workspace: Workspace, task: TaskFolder, make_version: MakeVersion, action: str, uri: str
) -> None:
    for _ in range(2):
        make_version(0.8)
    server = build_server(settings(workspace))
    serve_changes(server, workspace, seconds=0.02)
    async with Client(server) as client, client.listen(resource_subscriptions=[uri]) as news:
        await call(client, "manage_task", action=action, task="reviews", version="v1", keep=1, confirm=True, reason="x")
        with anyio.fail_after(10):
            assert await anext(aiter(news)) == ResourceUpdated(uri)


async def test_every_door_that_takes_a_task_offers_the_nearest(client: Client, task: TaskFolder) -> None:
    needed = {
        "version": "v1",
        "a": "v1",
        "b": "v2",
        "action": "archive",
        "sources": [{"type": "file", "path": "/x"}],
        "message": "",
        "model": "v1",
    }
    asked = 0
    for tool in (await client.list_tools()).tools:
        properties = tool.input_schema["properties"]
        if "task" not in properties:
            continue
        asked += 1
        given = {name: needed[name] for name in tool.input_schema.get("required", []) if name in needed}
        for name in ("reveiws", "revews 的任務"):
            said = await client.call_tool(tool.name, {**given, "task": name})
            text = (
                json.dumps(said.structured_content, ensure_ascii=False)
                if not said.is_error
                else "".join(getattr(part, "text", "") for part in said.content)
            )
            assert "reviews" in text, (tool.name, text)
    assert asked >= 13


async def test_every_answer_fits_in_two_thousand_tokens(client: Client, workspace: Workspace, task: TaskFolder) -> None:
    update_task(
        task,
        {
            "goal": "很長的目標" * 500,
            "labels": [f"label {number}" for number in range(300)],
            "notes": [f"note {number} " * 40 for number in range(200)],
        },
    )
    for _ in range(40):
        write_version(task, 0.5)
    for number in range(12):
        create_task(
            workspace,
            f"Another task with a rather long title number {number}",
            "classification",
            "en",
            name=f"another-task-with-a-long-name-{number}",
            goal="A goal in words",
        )
    await call(client, "manage_task", action="promote", task="reviews", version="v1")
    calls: list[tuple[str, dict[str, Any]]] = [
        ("update_task", {"task": "reviews"}),
        ("update_task", {"task": "reviews", "note": "more"}),
        ("list_tasks", {}),
        ("list_tasks", {"compare": ["reviews", *(f"another-task-with-a-long-name-{n}" for n in range(4))]}),
        ("manage_task", {"action": "tidy", "task": "reviews"}),
        ("manage_task", {"action": "tidy", "task": "reviews", "confirm": True}),
        ("manage_task", {"action": "export", "task": "reviews"}),
        ("read_resource", {"search": "LoRA rank"}),
        ("read_resource", {"search": "類別不平衡怎麼辦"}),
        ("read_resource", {"uri": "tasks/reviews/notes"}),
        ("read_resource", {"uri": "tasks/reviews/versions"}),
    ]
    for tool, arguments in calls:
        size = len(json.dumps(await call(client, tool, **arguments), ensure_ascii=False))
        assert size <= MOST_CHARACTERS, (tool, arguments, size)


async def test_knowledge_is_searched_and_its_first_page_is_the_next_step(client: Client) -> None:
    answer = await call(client, "read_resource", search="LoRA rank 要多大")
    assert answer["found"] and answer["found"][0]["passage"]
    page = await step(client, answer)
    assert page["uri"].startswith(answer["found"][0]["uri"]) and len(page["text"]) > 200
    nothing = await call(client, "read_resource", search="zzzz")
    assert nothing["found"] == [] and '"pages"' in (await step(client, nothing))["text"]
    following = await call(client, "read_resource", search="training 訓練", offset=answer["next_offset"] or 5)
    assert following["found"]
    assert "search=" in await read_refusal(client, "read_resource", uri="skills/llm-knowledge/imbalanced-data")
    assert "search=" in await read_refusal(client, "read_resource")


async def test_notes_are_listed_and_read_as_data(client: Client, task: TaskFolder) -> None:
    for number in range(8):
        await call(client, "update_task", task="reviews", note=f"note {number}")
    shown = await call(client, "update_task", task="reviews")
    assert shown["definition"]["notes"] == [f"note {number}" for number in range(3, 8)]
    assert shown["definition"]["more"][-1] == "nlp-skills://tasks/reviews/notes"
    read_out = json.loads((await call(client, "read_resource", uri="tasks/reviews/notes"))["text"])
    assert len(read_out["notes"]) == 8 and read_out["notes"][0] == {"number": 8, "text": "note 7"}
