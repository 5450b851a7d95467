from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from nlp_skills.resources.foundation import secrets
from nlp_skills.resources.foundation.files import dump_jsonl, read_jsonl, read_yaml, write_yaml
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.server.boundary import GuardedServer
from nlp_skills.server.demo.postgres import PostgresServer
from nlp_skills.tools.data.tool import register
from nlp_skills.tools.evaluate.proposing import start
from tests.tools.data.conftest import sentences

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(workspace: Workspace) -> AsyncIterator[Client]:
    server = GuardedServer(workspace=workspace, language="en", name="nlp-skills")
    register(server, workspace, start)
    async with Client(server) as client:
        yield client


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, {"task": "entity-sentiment", **arguments})
    assert not result.is_error, result.content[0].text  # type: ignore[union-attr]
    assert result.structured_content is not None
    return dict(result.structured_content)


async def read_refusal(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, {"task": "entity-sentiment", **arguments})
    assert result.is_error
    return str(result.content[0].text)  # type: ignore[union-attr]


def csv_file(folder: Path, header: str = "text,entity,label") -> Path:
    path = folder / "news.csv"
    path.write_text(
        header + "\n" + "".join(f"{row['text']},{row['entity']},{row['label']}\n" for row in sentences(60)),
        encoding="cp950",
    )
    return path


@pytest.mark.parametrize("path", ["/etc/shadow", "/srv/other/news.csv"])
async def test_a_source_that_is_refused_leaves_the_one_that_stood(
    client: Client, task: TaskFolder, tmp_path: Path, path: str
) -> None:
    await call(client, "set_data_source", sources=[{"type": "file", "path": str(csv_file(tmp_path))}])
    before = task.data_source_file.read_bytes()
    assert "(access)" in await read_refusal(client, "set_data_source", sources=[{"type": "file", "path": path}])
    assert task.data_source_file.read_bytes() == before


async def test_a_source_is_tested_previewed_and_then_prepared(client: Client, task: TaskFolder, tmp_path: Path) -> None:
    nothing = await call(client, "set_data_source")
    assert nothing["next_step"]["tool"] == "coach"

    answer = await call(client, "set_data_source", sources=[{"type": "file", "path": str(csv_file(tmp_path))}])
    preview = answer["job"]["result"]["sources"][0]
    assert preview["columns"] == ["text", "entity", "label"] and len(preview["rows"]) == 5
    assert preview["rows"][0] == {"text": "公司甲0本季營收創下新高。", "entity": "公司甲0", "label": "正面"}
    assert answer["next_step"]["tool"] == "prepare_data"

    prepared = await call(client, "prepare_data")
    assert prepared["job"]["state"] == "succeeded" and prepared["next_step"]["tool"] == "coach"
    assert len(list(read_jsonl(Path(prepared["job"]["result"]["files"]["train"])))) == 42

    shown = await call(client, "set_data_source")
    assert shown["data"]["counts"] == {"train": 42, "valid": 9, "test": 9}


async def test_columns_that_are_not_found_are_asked_about(client: Client, task: TaskFolder, tmp_path: Path) -> None:
    path = csv_file(tmp_path, "內容,公司,情感")
    answer = await call(client, "set_data_source", sources=[{"type": "file", "path": str(path)}])
    preview = answer["job"]["result"]["sources"][0]

    assert preview["missing"] == ["text", "entity", "label"]
    assert preview["suggestions"] == {"text": "內容", "entity": "公司", "label": "情感"}
    assert answer["next_step"]["tool"] == "set_data_source" and "內容、公司、情感" in answer["message"]

    answer = await call(
        client, "set_data_source", sources=[{"type": "file", "path": str(path), "mapping": preview["suggestions"]}]
    )
    assert answer["next_step"]["tool"] == "prepare_data"


async def test_a_file_without_a_header_keeps_its_first_row_and_its_columns_are_proposed_by_what_they_hold(
    client: Client, task: TaskFolder, tmp_path: Path
) -> None:
    write_yaml(
        task.file,
        {"name": task.name, "type": "classification", "language": "zh-TW", "labels": ["正面", "中性", "負面"]},
    )
    path = csv_file(tmp_path)
    path.write_bytes(path.read_bytes().partition(b"\n")[2])
    answer = await call(client, "set_data_source", sources=[{"type": "file", "path": str(path)}])
    preview = answer["job"]["result"]["sources"][0]

    assert (
        preview["suggestions"] == {"text": "column_1", "label": "column_3"}
        and "column_1 到 column_3" in answer["message"]
    )
    await call(
        client, "set_data_source", sources=[{"type": "file", "path": str(path), "mapping": preview["suggestions"]}]
    )
    assert (await call(client, "prepare_data"))["job"]["result"]["fetched"] == 60


async def test_rows_of_which_none_can_be_used_are_said_so_with_the_reason(
    client: Client, task: TaskFolder, tmp_path: Path
) -> None:
    write_yaml(task.file, {"name": task.name, "type": "chat", "language": "zh-TW"})
    path = tmp_path / "asked.jsonl"
    path.write_bytes(dump_jsonl([{"messages": [{"role": "user", "content": f"問題{number}"}]} for number in range(9)]))
    answer = await call(client, "set_data_source", sources=[{"type": "file", "path": str(path)}])

    assert "沒有一列能用" in answer["message"] and "9 筆" in answer["message"]
    assert answer["next_step"]["tool"] == "set_data_source"


async def test_a_password_typed_in_moves_out_and_is_shown_nowhere(
    client: Client, task: TaskFolder, postgres: PostgresServer
) -> None:
    source = {
        "type": "database",
        "connection": postgres.address(),
        "query": "SELECT text, entity, label FROM annotations",
    }
    answer = await call(client, "set_data_source", sources=[source])

    assert "secret set" in answer["message"]
    assert len(answer["job"]["result"]["sources"][0]["rows"]) == 5
    prepared = await call(client, "prepare_data")
    written = "".join(path.read_text("utf-8") for path in task.root.rglob("*") if path.is_file())
    for text in (json.dumps(answer), json.dumps(prepared), written):
        assert postgres.password not in text and postgres.address().split(":")[2].split("@")[0] not in text


async def test_a_wrong_password_still_says_that_it_was_moved(
    client: Client, task: TaskFolder, postgres: PostgresServer
) -> None:
    address = postgres.address(password="inline-typed")
    said = await read_refusal(
        client,
        "set_data_source",
        sources=[{"type": "database", "connection": address, "query": "SELECT text, entity, label FROM annotations"}],
    )

    assert "密碼" in said and "secret set" in said and "inline-typed" not in said
    assert "${" in read_yaml(task.data_source_file)["sources"][0]["connection"]
    assert secrets.lookup(secrets.known_names()[0]) == "inline-typed"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"sources": [{"type": "databse", "connection": "x", "query": "y"}]}, "要用 database"),
        ({"sources": [{"type": "file"}]}, "path"),
        ({"sources": [{"type": "file", "path": "/absent/news.csv"}]}, "/absent/news.csv"),
        ({"sources": [{"path": "news.csv"}]}, "type"),
        ({"split": {"train": 0.5}}, "加起來是 0.8"),
        ({"split": {"train": 2}}, "split.train"),
        ({"sources": [{"type": "llm_generated", "count": 5}]}, "prompt_template"),
    ],
)
async def test_a_wrong_definition_is_refused_with_the_field(
    client: Client, task: TaskFolder, arguments: dict[str, Any], said: str
) -> None:
    assert said in await read_refusal(client, "set_data_source", **arguments)


async def test_an_unknown_field_is_named_as_it_was_written(client: Client, task: TaskFolder, tmp_path: Path) -> None:
    refused = await read_refusal(
        client, "set_data_source", sources=[{"type": "web_scrape", "urls": ["https://a.example/"], "selectorz": {}}]
    )
    assert ("web_scrape" in refused and "'selectorz'" in refused) or "「selectorz」" in refused
    refused = await read_refusal(
        client, "set_data_source", sources=[{"type": "file", "path": "a.csv"}], split={"trian": 0.8}
    )
    assert "'trian'" in refused or "「trian」" in refused


async def test_parts_of_the_definition_change_alone(client: Client, task: TaskFolder) -> None:
    (task.root / "news.jsonl").write_bytes(dump_jsonl(sentences(20)))
    await call(client, "set_data_source", sources=[{"type": "file", "path": "news.jsonl"}])
    answer = await call(client, "set_data_source", split={"group_by": "skeleton", "seed": 7})

    assert answer["data_source"]["split"] == {
        "train": 0.7,
        "valid": 0.15,
        "test": 0.15,
        "seed": 7,
        "stratify": True,
        "group_by": "skeleton",
    }
    assert answer["data_source"]["sources"][0]["path"] == "news.jsonl"


async def test_on_premise_the_preview_shows_no_row(client: Client, task: TaskFolder, tmp_path: Path) -> None:
    with task.change() as changed:
        changed.constraints.privacy = "on-premise"
    answer = await call(client, "set_data_source", sources=[{"type": "file", "path": str(csv_file(tmp_path))}])
    prepared = await call(client, "prepare_data")
    shown = json.dumps([answer, prepared], ensure_ascii=False)

    assert answer["job"]["result"]["sources"][0]["columns"] == ["text", "entity", "label"]
    assert "公司甲" not in shown and "創下新高" not in shown


@pytest.mark.parametrize(
    ("language", "found", "absent"),
    [("zh-TW", "個來源都能讀取", "找不到檔案"), ("en", "can be read", "There is no file")],
)
async def test_the_answer_is_in_the_tasks_language(
    client: Client, task: TaskFolder, tmp_path: Path, language: Any, found: str, absent: str
) -> None:
    with task.change() as changed:
        changed.language = language
    answer = await call(client, "set_data_source", sources=[{"type": "file", "path": str(csv_file(tmp_path))}])
    said = await read_refusal(
        client, "set_data_source", sources=[{"type": "file", "path": str(tmp_path / "absent.csv")}]
    )

    assert found in answer["message"] and absent in said
