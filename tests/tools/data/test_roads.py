"""Several sources at once, through the tools: all or one, what changed, what the person hears."""

from __future__ import annotations

import gzip
import json
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from nlp_skills.resources.foundation.access import changing_grants
from nlp_skills.resources.foundation.errors import Cancelled, DataError, NlpSkillsError
from nlp_skills.resources.foundation.files import dump_jsonl, read_json, read_jsonl, read_yaml, sha256_bytes, write_yaml
from nlp_skills.resources.foundation.language import several
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.server.boundary import GuardedServer
from nlp_skills.tools.compute.jobs.running import RunningJob
from nlp_skills.tools.data.tool import register
from nlp_skills.tools.evaluate.proposing import start
from tests.tools.data.conftest import sentences
from tests.tools.data.misbehaving import Asked, Peer, Said, as_json, as_page
from tests.tools.data.test_llm_generated import Writer
from tests.tools.data.test_tool import call, read_refusal
from tests.tools.data.test_web_scrape import article

pytestmark = pytest.mark.anyio
QUERY = "SELECT text, entity, label FROM annotations"


@pytest.fixture
async def client(workspace: Workspace) -> AsyncIterator[Client]:
    server = GuardedServer(workspace=workspace, language="en", name="nlp-skills")
    register(server, workspace, start)
    async with Client(server) as client:
        yield client


def two_sources(server: Peer, task: TaskFolder) -> None:
    (task.root / "news.jsonl").write_bytes(dump_jsonl(sentences(30)))
    url = server.serve("/rows", as_json(sentences(30, 100)))
    write_yaml(
        task.data_source_file, {"sources": [{"type": "file", "path": "news.jsonl"}, {"type": "api", "endpoint": url}]}
    )


def test_one_source_is_fetched_and_the_others_stay_as_they_were(server: Peer, task: TaskFolder, prepare: Any) -> None:
    two_sources(server, task)
    prepare()
    (task.root / "news.jsonl").write_bytes(dump_jsonl(sentences(33)))
    server.serve("/rows", as_json(sentences(31, 100)))

    only_api = prepare(only=1)
    assert sum(only_api["counts"].values()) == 61 and sum(only_api["changes"]["added"].values()) == 1
    server.routes.clear()
    only_file = prepare(only=0)
    assert sum(only_file["counts"].values()) == 64 and len(server.asked) == 2


def test_one_source_is_fetched_before_the_others_ever_were_and_that_is_said_first(
    server: Peer, task: TaskFolder, prepare: Any
) -> None:
    two_sources(server, task)

    with pytest.raises(DataError, match="0 to 1"):
        prepare(only=2)
    assert not (task.data / "current.json").exists()
    first = prepare(only=0)
    assert sum(first["counts"].values()) == 30 and not server.asked
    assert first["message"]["en"].startswith("Never fetched") and "api-2" in first["message"]["en"]
    both = prepare(only=1)
    assert sum(both["counts"].values()) == 60 and "Never fetched" not in both["message"]["en"]


def test_what_changed_is_told_by_label(task: TaskFolder, prepare: Any) -> None:
    rows = sentences(30)
    (task.root / "news.jsonl").write_bytes(dump_jsonl(rows))
    write_yaml(task.data_source_file, {"sources": [{"type": "file", "path": "news.jsonl"}]})
    assert "changes" not in prepare()
    rows[0]["label"] = "負面"
    (task.root / "news.jsonl").write_bytes(dump_jsonl([*rows[:28], *sentences(3, 50)]))
    result = prepare()

    assert result["changes"] == {
        "added": {"中性": 1, "正面": 1, "負面": 1},
        "removed": {"中性": 1, "負面": 1},
        "relabelled": [{"from": "正面", "to": "負面", "count": 1}],
    }
    assert "3 rows added, 2 removed, 1 relabelled" in result["message"]["en"]
    assert "改標籤 1 列" in result["message"]["zh"]
    again = prepare()
    assert again["unchanged"] and "No row changed" in again["message"]["en"]


@pytest.mark.parametrize("broken", range(3))
def test_a_source_that_fails_replaces_nothing(server: Peer, task: TaskFolder, prepare: Any, broken: int) -> None:
    (task.root / "news.jsonl").write_bytes(dump_jsonl(sentences(40)))
    rows, page = server.serve("/rows", as_json(sentences(30, 100))), server.serve("/page", as_page(article()))
    shared = {"retries": 0}
    write_yaml(
        task.data_source_file,
        {
            "sources": [
                {"type": "file", "path": "news.jsonl"},
                {"type": "api", "endpoint": rows, **shared},
                {"type": "web_scrape", "urls": [page], "delay_seconds": 0, **shared},
            ]
        },
    )
    before = prepare()
    kept = {path: path.read_bytes() for path in task.data.rglob("*.json*") if path.is_file()}
    if broken == 0:
        (task.root / "news.jsonl").write_bytes(dump_jsonl(sentences(41)) + b"{broken\n")
    else:
        server.serve(("/rows", "/page")[broken - 1], Said(status=500))

    with pytest.raises(NlpSkillsError):
        prepare()
    assert read_json(task.data / "current.json")["hash"] == before["snapshot"]
    assert all(path.read_bytes() == content for path, content in kept.items())


@pytest.mark.parametrize("kind", ["api", "web_scrape"])
def test_a_job_cancelled_while_it_waits_for_a_server_ends_and_changes_nothing(
    server: Peer, task: TaskFolder, prepare: Any, job: RunningJob, kind: str
) -> None:
    two_sources(server, task)
    before = prepare()

    def busy(asked: Asked) -> Said:
        job.folder.cancel_file.touch()
        return as_json({}, 503, Retry_After="300")

    url = server.serve("/busy", busy)
    where = {"endpoint": url} if kind == "api" else {"urls": [url]}
    write_yaml(task.data_source_file, {"sources": [{"type": kind, **where}]})
    began = time.monotonic()
    with pytest.raises(Cancelled):
        prepare()
    assert time.monotonic() - began < 10
    assert read_json(task.data / "current.json")["hash"] == before["snapshot"]
    assert not list(task.raw.glob(".*"))


@pytest.mark.parametrize("kind", ["file", "database", "api", "web_scrape"])
def test_every_kind_tells_its_progress_and_leaves_how_it_was_asked_when_and_what_came(
    server: Peer, task: TaskFolder, prepare: Any, job: RunningJob, kind: str
) -> None:
    (task.root / "news.jsonl").write_bytes(dump_jsonl(sentences(30)))
    every: dict[str, dict[str, Any]] = {
        "file": {"path": "news.jsonl"},
        "database": {"connection": "sqlite:///news.db", "query": QUERY},
        "api": {"endpoint": server.serve("/rows", as_json(sentences(30))), "params": {"limit": 1000}},
        "web_scrape": {"urls": [server.serve("/page", as_page(article()))], "delay_seconds": 0},
    }
    fields = every[kind]
    with_rows(task)
    write_yaml(task.data_source_file, {"sources": [{"type": kind, **fields}]})
    [raw] = prepare()["raw"]

    kept = read_json(Path(raw) / "source.json")
    assert kept["source"].items() >= {"type": kind, **fields}.items() and kept["fetched"] > "2026"
    lines = (Path(raw) / "rows.jsonl").read_bytes()
    assert kept["rows_sha256"] == sha256_bytes(lines) and kept["count"] == lines.count(b"\n")
    said = [
        event["message"]["en"]
        for event in read_jsonl(job.folder.events_file)
        if event["kind"] == "progress" and event["message"]
    ]
    assert f"Fetching {kind}-1" in said and f"Fetching {kind}-1: {several(kept['count'], 'row')}" in said


@pytest.mark.parametrize("kind", ["file", "database"])
def test_a_reading_without_end_is_cancelled_and_changes_nothing(
    task: TaskFolder, prepare: Any, job: RunningJob, kind: str
) -> None:
    with_rows(task)
    write_yaml(
        task.data_source_file, {"sources": [{"type": "database", "connection": "sqlite:///news.db", "query": QUERY}]}
    )
    before = prepare()
    if kind == "file":
        source: dict[str, Any] = {"path": "long.csv.gz"}
        with gzip.open(task.root / "long.csv.gz", "wb", compresslevel=1) as file:
            file.write(b"text,entity,label\n")
            for _ in range(40):
                file.write(("公司甲本季營收創下新高,公司甲,正面\n" * 50_000).encode())
    else:
        source = {
            "connection": "sqlite:///news.db",
            "query": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS text, x AS label FROM n",
        }
    write_yaml(task.data_source_file, {"sources": [{"type": kind, **source}]})
    reported, progress = 0, job.progress

    def cancelled_by_the_person(*arguments: Any, **measures: Any) -> None:
        nonlocal reported
        reported += "rows" in measures
        if reported == 3:
            job.folder.cancel_file.touch()
        progress(*arguments, **measures)

    job.progress = cancelled_by_the_person  # type: ignore[method-assign]
    with pytest.raises(Cancelled):
        prepare()
    assert reported <= 4 and read_json(task.data / "current.json")["hash"] == before["snapshot"]
    assert not list(task.raw.glob(".*"))


def with_rows(task: TaskFolder) -> None:
    """A database `news.db` in the task's folder."""
    with closing(sqlite3.connect(task.root / "news.db")) as connection:
        connection.execute("CREATE TABLE annotations (text, entity, label)")
        connection.executemany("INSERT INTO annotations VALUES (:text, :entity, :label)", sentences(60))
        connection.commit()


def test_the_last_run_is_noted_and_comments_stay(task: TaskFolder, prepare: Any) -> None:
    (task.root / "news.jsonl").write_bytes(dump_jsonl(sentences(30)))
    task.data_source_file.write_text(
        "sources:  # one file\n  - type: file\n    path: news.jsonl\n"
        "regeneration:\n  last_run: 2026-01-06T10:30:00  # ours\n",
        encoding="utf-8",
    )
    prepare()

    text = task.data_source_file.read_text("utf-8")
    assert "# one file" in text and "# ours" in text
    assert read_yaml(task.data_source_file)["regeneration"]["last_run"] > "2026-02"


async def test_every_kind_of_the_seed_is_previewed_and_prepared(client: Client, server: Peer, task: TaskFolder) -> None:
    with_rows(task)
    server.serve("/v1/chat/completions", Writer())
    answer = await call(
        client,
        "set_data_source",
        sources=[
            {"type": "database", "connection": "sqlite:///news.db", "snapshot_date": "2026-01-06", "query": QUERY},
            {"type": "api", "endpoint": server.serve("/data", as_json(sentences(30, 100))), "params": {"limit": 1000}},
            {
                "type": "web_scrape",
                "urls": [server.serve("/page", as_page(article()))],
                "keywords": ["金融", "股價"],
                "delay_seconds": 0,
            },
            {
                "type": "llm_generated",
                "prompt_template": "生成 {count} 筆金融情感分析訓練資料...",
                "model": "gpt-4o",
                "count": 20,
                "rows_per_request": 10,
                "base_url": f"{server.url}/v1",
            },
        ],
    )

    looks = answer["job"]["result"]["sources"]
    assert [look["type"] for look in looks] == ["database", "api", "web_scrape", "llm_generated"]
    assert [len(look["rows"]) for look in looks] == [5, 5, 1, 5] and answer["next_step"]["tool"] == "prepare_data"
    assert "2 次請求" in answer["message"] and "免費" in answer["message"]
    prepared = (await call(client, "prepare_data"))["job"]["result"]
    assert sum(prepared["counts"].values()) == 110 and prepared["unlabelled"] == 1
    assert len(json.dumps(prepared, ensure_ascii=False)) < 8000
    again = (await call(client, "prepare_data", source=1))["job"]["result"]
    assert again["unchanged"] and server.paths().count("/page") == 2


async def test_a_source_without_a_label_column_names_both_ways_on(
    client: Client, server: Peer, task: TaskFolder
) -> None:
    source = {
        "type": "api",
        "endpoint": server.serve(
            "/data", as_json([{"text": row["text"], "entity": row["entity"]} for row in sentences(5)])
        ),
    }
    asked = await call(client, "set_data_source", sources=[source])
    assert asked["next_step"]["tool"] == "set_data_source" and "unlabelled: true" in asked["next_step"]["say"]

    kept = await call(client, "set_data_source", sources=[{**source, "unlabelled": True}])
    assert "1 個來源都能讀取；看過的資料裡有 5 列沒有標籤，" in kept["message"]
    assert kept["next_step"]["tool"] == "prepare_data" and kept["job"]["result"]["sources"][0]["unlabelled"] == 5
    assert (await call(client, "prepare_data"))["job"]["result"]["unlabelled"] == 5


async def test_a_private_address_is_refused_through_the_door_with_the_way_out(
    client: Client, server: Peer, task: TaskFolder
) -> None:
    url = server.serve("/data", as_json(sentences(5)))
    with changing_grants() as grants:
        grants.hosts, grants.secrets = [], {}

    said = await read_refusal(client, "set_data_source", sources=[{"type": "api", "endpoint": url}])
    assert "nlp-skills allow --host 127.0.0.1" in said and "內部網路" in said and not server.asked


async def test_an_api_key_typed_in_moves_to_the_store(client: Client, server: Peer, task: TaskFolder) -> None:
    url = server.serve(
        "/data",
        lambda asked: as_json(sentences(30) if asked.headers.get("Authorization") == "Bearer sk-typed-in-chat" else {}),
    )
    answer = await call(
        client,
        "set_data_source",
        sources=[{"type": "api", "endpoint": url, "auth": {"type": "bearer", "token": "sk-typed-in-chat"}}],
    )

    assert "secret set" in answer["message"] and len(answer["job"]["result"]["sources"][0]["rows"]) == 5
    written = "".join(Path(path).read_text("utf-8") for path in task.root.rglob("*") if path.is_file())
    assert "sk-typed-in-chat" not in written + json.dumps(answer)
