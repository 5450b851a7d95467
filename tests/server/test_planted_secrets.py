"""Secrets of every kind are planted on the roads people really put them on; afterwards everything is searched."""

from __future__ import annotations

import base64
import json
import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

import nlp_skills
from nlp_skills.server.demo.postgres import PostgresServer, find_postgres, running_postgres
from tests.command_lines import command_lines
from tests.permissions import allow_for_tests
from tests.tools.data.conftest import sentences
from tests.tools.data.misbehaving import Asked, Peer, Said, as_json, as_page, peer

pytestmark = pytest.mark.minutes

TASK = "entity-sentiment"
Call = Callable[..., Any]
KINDS = {
    "database_url": "a password typed into a database's address",
    "database_reference": "a password of the environment, referred to as ${NAME}",
    "database_words": "a password in a connection written as words",
    "database_echo": "a password that the server repeats in its error",
    "bearer": "a bearer token, repeated in every row",
    "basic": "a basic password, repeated in a refusal",
    "header_key": "a key in a header of the API's own",
    "query_key": "a key in the address, under a name that says little",
    "parameter_key": "a key among the parameters",
    "cookie": "a cookie",
    "body": "a client secret in the body of a POST",
    "page": "a password in the address of a web page, repeated by the page",
    "openai": "an OpenAI key, repeated by the endpoint that refuses it",
    "endpoint": "the key of an endpoint whose model is tried",
    "endpoint_url": "a password in an endpoint's address",
    "ssh": "a password in the host of a machine",
    "hub": "the hub's token, repeated by the hub",
    "proxy": "a password in the address of a proxy",
    "broken_yaml": "a token on a line of data_source.yaml that is no YAML",
    "chat": "a token pasted into the chat",
    "note": "a password in a note about the task",
}


@dataclass
class Evidence:
    """What a whole session left behind, and which secrets reached the servers they were meant for."""

    planted: dict[str, str]
    arrived: set[str] = field(default_factory=set)
    places: dict[str, str] = field(default_factory=dict)

    def holding(self, kind: str) -> list[str]:
        """Where the secret stands, in whatever writing."""
        value = self.planted[kind]
        plain = [
            value,
            quote(value, safe=""),
            json.dumps(value)[1:-1],
            *(base64.b64encode(pair.encode()).decode().rstrip("=") for pair in (value, f"me:{value}")),
        ]
        own = "data_source.yaml" if kind == "broken_yaml" else None  # what a person typed there and nothing can read
        return [
            place
            for place, text in self.places.items()
            if any(written in text for written in plain) and not (own and own in place)
        ]


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    if find_postgres() is None and not os.environ.get("CI"):
        pytest.skip("PostgreSQL is not installed here (initdb was not found)")
    planted = {kind: f"Planted-{kind}-{secrets.token_hex(6)}" for kind in KINDS}
    planted |= {
        "openai": f"sk-{secrets.token_hex(16)}",
        "hub": f"hf_{secrets.token_hex(16)}",
        "chat": f"ghp_{secrets.token_hex(18)}",
    }
    with peer() as server, running_postgres() as postgres:
        planted["database_url"] = postgres.password
        found = Evidence(planted)
        _fill_database(postgres, planted)
        anyio.run(partial(_session, found, tmp_path_factory.mktemp("planted"), server, postgres))
    return found


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind) for kind in KINDS])
def test_the_secret_stands_in_no_file_log_process_list_or_answer(evidence: Evidence, kind: str) -> None:
    assert evidence.holding(kind) == [], KINDS[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "database_url",
        "database_reference",
        "database_echo",
        "bearer",
        "basic",
        "header_key",
        "query_key",
        "parameter_key",
        "cookie",
        "body",
        "page",
        "openai",
        "endpoint",
        "endpoint_url",
        "hub",
        "proxy",
    ],
)
def test_the_secret_was_used_where_it_belongs(evidence: Evidence, kind: str) -> None:
    assert kind in evidence.arrived


def test_rows_that_repeat_a_secret_are_kept_with_it_hidden(evidence: Evidence) -> None:
    kept = [text for place, text in evidence.places.items() if place.split(" after ")[0].endswith("source.json")]

    assert sum('"rows_with_secret": 30' in text for text in kept) >= 7
    assert any("公司甲0本季" in text and "***" in text for text in evidence.places.values())


async def _session(found: Evidence, folder: Path, server: Peer, postgres: PostgresServer) -> None:
    workspace, store, log = folder / "workspace", folder / "secrets", folder / "server.log"
    planted = found.planted
    allow_for_tests(store)
    package = str(Path(nlp_skills.__path__[0]).parent)
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "nlp_skills.server.cli"],
        env={
            **os.environ,
            "NLP_SKILLS_WORKSPACE": str(workspace),
            "NLP_SKILLS_SECRETS_DIR": str(store),
            "PYTHONPATH": os.pathsep.join([package, os.environ.get("PYTHONPATH", "")]),
            "HOME": str(folder / "home"),
            "NO_PROXY": "127.0.0.1",
            "PG_PASSWORD": planted["database_reference"],
            "HF_TOKEN": planted["hub"],
            "HF_ENDPOINT": server.url,
            "HTTP_PROXY": f"http://me:{planted['proxy']}@127.0.0.1:{server.port}",
        },
    )
    answers: list[str] = []
    seen: set[tuple[str, int]] = set()

    def look() -> None:
        """Keep what the files say now: a later call may overwrite them."""
        for path in folder.rglob("*"):
            if (
                path.is_file()
                and store not in path.parents
                and (now := (str(path), path.stat().st_mtime_ns)) not in seen
            ):
                seen.add(now)
                name = f"{path.relative_to(folder)} after answer {len(answers)}"
                found.places[name] = path.read_bytes().decode("utf-8", "replace")

    with command_lines() as lines, log.open("w", encoding="utf-8") as output:
        async with Client(stdio_client(parameters, errlog=output)) as client:

            async def call(tool: str, **arguments: Any) -> dict[str, Any]:
                result = await client.call_tool(tool, arguments)
                answers.append(result.model_dump_json())
                look()
                return {"said": answers[-1], **(result.structured_content or {})}

            await _roads(found, call, server, postgres, workspace)
            for uri in (
                f"tasks/{TASK}",
                f"tasks/{TASK}/data-source",
                f"tasks/{TASK}/data",
                f"tasks/{TASK}/jobs",
                f"tasks/{TASK}/notes",
                "jobs",
            ):
                await call("read_resource", uri=f"nlp-skills://{uri}")
            jobs = [path.parent.name for path in workspace.rglob("spec.json")]
            for job in jobs:
                await call("job_status", job_id=job, log_lines=200)
                await call("read_resource", uri=f"nlp-skills://jobs/{job}")
    found.places |= {f"answer {number}": answer for number, answer in enumerate(answers)}
    found.places |= {f"command line {line}": line for line in lines}
    look()
    assert len(jobs) > 10 and stat.S_IMODE((store / "secrets.json").stat().st_mode) == 0o600


async def _roads(found: Evidence, call: Call, server: Peer, postgres: PostgresServer, workspace: Path) -> None:
    planted = found.planted

    async def source(**fields: Any) -> None:
        await call("set_data_source", task=TASK, sources=[{"retries": 0, **fields}])

    await call(
        "create_task",
        title="Entity sentiment",
        name=TASK,
        type="entity-classification",
        language="zh-TW",
        labels=["正面", "中性", "負面"],
    )
    await _databases(found, call, postgres)
    for address, fields in _apis(found, server):
        await source(type="api", endpoint=address, **fields)
    await call(
        "set_data_source",
        task=TASK,
        sources=[
            {"type": "api", "endpoint": address, **fields}
            for address, fields in _apis(found, server)
            if "refuses" not in address
        ],
    )
    await call("prepare_data", task=TASK)
    for path, status in (("/refused", 401), ("/broken", 500)):
        server.serve(f"{path}/chat/completions", _arriving(found, "openai", partial(_refusing, status)))
        await call(
            "set_data_source",
            task=TASK,
            sources=[
                {
                    "type": "llm_generated",
                    "prompt_template": "{count}",
                    "model": "m",
                    "retries": 0,
                    "count": 3,
                    "base_url": server.url + path,
                    "api_key": planted["openai"],
                }
            ],
        )
    server.serve(
        "/page",
        _arriving(
            found,
            "page",
            lambda asked: as_page(f"<article><p>{'台積電營收創新高。' * 20}{_request_text(asked)}</p></article>"),
        ),
    )
    address = f"http://me:{planted['page']}@127.0.0.1:{server.port}/page?token={planted['page']}"
    await call("set_data_source", task=TASK, sources=[{"type": "web_scrape", "urls": [address], "delay_seconds": 0}])
    await call("prepare_data", task=TASK)
    await _models(found, call, server)
    for host in (f"root:{planted['ssh']}@127.0.0.1:9", f"ssh://root:{planted['ssh']}@127.0.0.1:9"):
        await call("set_up", what="machine", name="gpubox", settings={"kind": "ssh", "host": host}, confirm=True)
    await call(
        "set_up",
        what="machine",
        name="gpubox",
        settings={"kind": "ssh", "host": "me@127.0.0.1:9", "password": planted["ssh"]},
    )
    await call("coach", message=f"I want to label mails; my token is {planted['chat']}", language="en")
    await call("coach", message=f"資料在 postgresql://me:{planted['note']}@db/news", task=TASK)
    await call(
        "update_task",
        task=TASK,
        note=f"mysql://me:{planted['note']}@db/news, {planted['chat']}",
        changes={"goal": f"password: {planted['note']}"},
    )
    definition = workspace / TASK / "data_source.yaml"
    sound = definition.read_text("utf-8")
    definition.write_text(f'sources:\n  - type: api\n    token: "{planted["broken_yaml"]}\n', encoding="utf-8")
    await call("set_data_source", task=TASK)
    await call("prepare_data", task=TASK)
    await call("coach", message="how is it going", task=TASK)
    definition.write_text(sound, encoding="utf-8")


def _fill_database(postgres: PostgresServer, planted: dict[str, str]) -> None:
    """Rows, users whose passwords are planted, and a function that repeats one of them in an error."""
    postgres.execute("CREATE TABLE annotations (text text, entity text, label text)")
    postgres.insert("annotations", ["text", "entity", "label"], [tuple(row.values()) for row in sentences(60)])
    for name in ("database_reference", "database_echo"):
        postgres.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{planted[name]}' IN ROLE pg_read_all_data")
    postgres.execute(
        "CREATE TABLE kept AS SELECT '" + planted["database_echo"] + "' AS word;"
        "CREATE FUNCTION repeats(said text) RETURNS text LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the password is %', said; END $$"
    )


async def _databases(found: Evidence, call: Call, postgres: PostgresServer) -> None:
    planted = found.planted
    query = "SELECT text, entity, label FROM annotations"
    rows = postgres.address(user="database_reference", password="x").replace(":x@", ":${PG_PASSWORD}@")
    for kind, address, asked in (
        ("database_url", postgres.address(), query),
        ("database_url", postgres.address(password="wr0ng-one"), query),
        ("database_reference", rows, query),
        ("database_words", f"host=127.0.0.1 user=me password={planted['database_words']} dbname=news", query),
        ("database_words", f"Server=db;Uid=me;Pwd={planted['database_words']};", query),
        (
            "database_echo",
            postgres.address(user="database_echo", password=planted["database_echo"]),
            "SELECT repeats(word) AS text FROM kept",
        ),
    ):
        answer = await call(
            "set_data_source", task=TASK, sources=[{"type": "database", "connection": address, "query": asked}]
        )
        if (answer.get("job") or {}).get("state") == "succeeded":
            found.arrived.add(kind)
            await call("prepare_data", task=TASK)
        elif "the password is ***" in answer["said"]:
            found.arrived.add(kind)


def _apis(found: Evidence, server: Peer) -> Iterator[tuple[str, dict[str, Any]]]:
    """Servers that repeat in every row, or in what they refuse with, all that they were sent."""
    planted = found.planted

    def rows(kind: str, size: int = 30) -> str:
        said = _arriving(
            found,
            kind,
            lambda asked: as_json(
                [{**row, "text": f"{row['text']} {_request_text(asked)}"} for row in sentences(size)]
            ),
        )
        return server.serve(f"/{kind}", said)

    yield rows("bearer"), {"auth": {"type": "bearer", "token": planted["bearer"]}}
    refused = _arriving(
        found, "basic", lambda asked: as_json({"error": _request_text(asked)}, 403, X_Said=_request_text(asked))
    )
    yield server.serve("/refuses", refused), {"auth": {"type": "basic", "username": "me", "password": planted["basic"]}}
    yield rows("basic"), {"auth": {"type": "basic", "username": "me", "password": planted["basic"]}}
    yield rows("header_key"), {"headers": {"X-RapidAPI-Key": planted["header_key"]}}
    yield f"{rows('query_key')}?key={planted['query_key']}&limit=5", {}
    moved = _arriving(
        found, "query_key", lambda asked: Said(status=302, headers={"Location": f"/gone?{_request_text(asked)}"})
    )
    yield f"{server.serve('/refuses/moved', moved)}?appid={planted['query_key']}", {}
    yield rows("parameter_key"), {"params": {"key": planted["parameter_key"], "limit": 5}}
    yield rows("cookie"), {"headers": {"Cookie": f"session={planted['cookie']}; theme=dark"}}
    yield rows("body"), {"method": "POST", "body": {"client": {"client_secret": planted["body"]}, "q": "news"}}


async def _models(found: Evidence, call: Call, server: Peer) -> None:
    planted = found.planted
    for path, status in (("/v1/models", 200), ("/v1/chat/completions", 500)):
        server.serve(
            path,
            _arriving(
                found,
                "endpoint",
                _arriving(found, "endpoint_url", _arriving(found, "proxy", partial(_refusing, status))),
            ),
        )
    await call(
        "try_model",
        task=TASK,
        model="m",
        url=server.url,
        text="營收創新高",
        entity="台積電",
        api_key=planted["endpoint"],
    )
    with_password = f"http://me:{planted['endpoint_url']}@127.0.0.1:{server.port}/v1"
    await call("try_model", task=TASK, model="m", url=with_password, text="營收創新高", entity="台積電")
    await call(
        "try_model", task=TASK, model="m", url="http://models.example", text="營收創新高", entity="台積電", confirm=True
    )
    for path in ("/api/models/someone/small", "/api/models/someone/small/revision/main"):
        server.serve(path, _arriving(found, "hub", lambda asked: as_json({"error": _request_text(asked)}, 403)))
    await call("set_up", what="base_model", name="someone/small")


def _refusing(status: int, asked: Asked) -> Said:
    said = f"Incorrect API key provided: {_request_text(asked)}"
    return as_json({"data": [{"id": "m"}], "error": {"message": said}}, status)


def _request_text(asked: Asked) -> str:
    """All that a request carried, on one line."""
    return json.dumps({"params": asked.params, "headers": asked.headers, "body": asked.body.decode()})


def _arriving(found: Evidence, kind: str, route: Callable[[Asked], Said]) -> Callable[[Asked], Said]:
    """`route`, noting where the secret arrived."""
    value = found.planted[kind]
    written = (value, base64.b64encode(f"me:{value}".encode()).decode())

    def noting(asked: Asked) -> Said:
        if any(each in _request_text(asked) for each in written):
            found.arrived.add(kind)
        return route(asked)

    return noting
