from __future__ import annotations

import os
import socket
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.data_source import Source
from nlp_skills.resources.foundation import secrets
from nlp_skills.resources.foundation.errors import DataSourceError
from nlp_skills.resources.foundation.files import read_json, write_yaml
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.data.source import source_kind
from nlp_skills.tools.data.watching import Watch
from tests.tools.data.conftest import sentences
from tests.tools.data.mariadb import MariaServer, find_mariadb, running_mariadb
from tests.tools.data.misbehaving import between

QUERY = "SELECT text, entity, label FROM annotations"


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariaServer]:
    """A real server with a table `annotations` of 2,500 labelled rows."""
    if find_mariadb() is None:
        if os.environ.get("CI"):
            pytest.fail("MariaDB is not installed; continuous integration must test with it")
        pytest.skip("MariaDB is not installed here (mariadbd was not found)")
    with running_mariadb() as server:
        server.execute(
            "CREATE TABLE news.annotations (id int AUTO_INCREMENT PRIMARY KEY, text text, entity text, "
            "label text, marked date)"
        )
        server.insert(
            "news.annotations",
            ["text", "entity", "label", "marked"],
            [
                (row["text"], row["entity"], row["label"], f"2026-01-{number % 20 + 1:02}")
                for number, row in enumerate(sentences(2500))
            ],
        )
        yield server


def source(**fields: Any) -> Any:
    return source_kind(Source.model_validate({"type": "database", "retry_seconds": 0.01, **fields}), 0)


def records(**fields: Any) -> list[dict[str, Any]]:
    return [record for batch in source(**fields).batches(Path(), "sources[0]") for record in batch]


def refusal(**fields: Any) -> DataSourceError:
    with pytest.raises(DataSourceError) as caught:
        records(**fields)
    assert caught.value.problem.zh and caught.value.fix.zh
    return caught.value


def test_every_row_of_the_query_arrives(mariadb: MariaServer) -> None:
    rows = records(connection=mariadb.address(), query=QUERY + " ORDER BY id;")

    assert len(rows) == 2500
    assert rows[0] == {"text": "公司甲0本季營收創下新高。", "entity": "公司甲0", "label": "正面"}


@pytest.mark.parametrize("scheme", ["mysql", "mariadb"])
def test_prepared_data_comes_from_the_database_and_its_password_nowhere(
    mariadb: MariaServer, task: TaskFolder, prepare: Any, scheme: str
) -> None:
    secrets.store("NEWS_PASSWORD", mariadb.password)
    address = f"{scheme}://{mariadb.user}:${{NEWS_PASSWORD}}@127.0.0.1:{mariadb.port}/news"
    write_yaml(
        task.data_source_file,
        {
            "sources": [
                {
                    "type": "database",
                    "connection": address,
                    "query": QUERY + " WHERE marked <= :snapshot_date",
                    "snapshot_date": "2026-01-05",
                }
            ]
        },
    )

    result = prepare()
    assert sum(result["counts"].values()) == 625
    assert read_json(Path(result["raw"][0]) / "source.json")["provenance"] == {"snapshot_date": "2026-01-05"}
    files = [path for path in task.root.rglob("*") if path.is_file()]
    assert not [path for path in files if mariadb.password in path.read_text("utf-8")]


def test_the_snapshot_date_is_bound_where_the_query_uses_it(mariadb: MariaServer) -> None:
    asked = {"connection": mariadb.address(), "query": QUERY + " WHERE marked <= :snapshot_date"}

    assert len(records(**asked, snapshot_date="2026-01-01")) == 125
    assert refusal(**asked).field == "sources[0].snapshot_date"
    assert refusal(**asked, snapshot_date="1' OR '1'='1").field == "sources[0].snapshot_date"
    quoted = records(
        connection=mariadb.address(),
        query="SELECT ':snapshot_date' AS text, '%s %d' AS label",
        snapshot_date="2026-01-01",
    )
    assert quoted == [{"text": ":snapshot_date", "label": "%s %d"}]


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM annotations",
        "INSERT INTO annotations (text, label) VALUES ('x', '正面')",
        "INSERT INTO annotations (text, label) VALUES ('x', '正面') RETURNING text, label",
        "UPDATE annotations SET label = 'x'",
        "DROP TABLE annotations",
        "TRUNCATE annotations",
        "CREATE TABLE more (x int)",
        "SET SESSION TRANSACTION READ WRITE",
        "COMMIT",
        "SELECT text, label FROM annotations; DELETE FROM annotations",
    ],
)
def test_no_query_changes_anything(mariadb: MariaServer, query: str) -> None:
    assert refusal(connection=mariadb.address(), query=query).field == "sources[0].query"
    assert mariadb.execute("SELECT count(*) FROM news.annotations WHERE label <> 'x'") == 2500
    assert mariadb.execute("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'news'") == 1


def test_what_can_go_wrong_is_told_apart(mariadb: MariaServer) -> None:
    login = refusal(connection=mariadb.address(password="Wr0ng-S3cret"), query=QUERY)
    assert "password" in login.problem.en and "Wr0ng-S3cret" not in f"{login}{login.to_dict()}"
    assert "no such database" in refusal(connection=mariadb.address("nowhere"), query=QUERY).problem.en
    assert "absent" in refusal(connection=mariadb.address(), query="SELECT text FROM absent").problem.en
    assert "syntax" in refusal(connection=mariadb.address(), query="SELEC text").problem.en
    mariadb.execute("CREATE USER reader@'%' IDENTIFIED BY 'reader-pass'", "GRANT USAGE ON news.* TO reader@'%'")
    try:
        denied = refusal(
            connection=mariadb.address("", "reader-pass", "reader"), query="SELECT * FROM news.annotations"
        )
        assert "may not read" in denied.problem.en
    finally:
        mariadb.execute("DROP USER reader@'%'")


def test_tls_asked_for_in_the_address_is_insisted_on(mariadb: MariaServer) -> None:
    has_tls = mariadb.execute("SELECT @@have_ssl") == "YES"
    address = mariadb.address() + "?ssl-mode=VERIFY_IDENTITY"

    assert refusal(connection=address, query=QUERY).field == "sources[0].connection", has_tls


def test_an_unreachable_server_says_host_and_port() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        error = refusal(connection=f"mysql://me:S3cret-x@127.0.0.1:{port}/news", query=QUERY)

    assert f"127.0.0.1:{port}/news" in error.problem.en and "S3cret-x" not in str(error)


def test_rows_stream_with_bounded_memory(mariadb: MariaServer) -> None:
    rows, peak = 0, 0
    tracemalloc.start()
    try:
        for batch in source(
            connection=mariadb.address(),
            query="SELECT concat(repeat('長', 300), seq) AS text FROM mysql.seq_1_to_60000",
        ).batches(Path(), "sources[0]"):
            rows += len(batch)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert rows == 60000
    assert peak < 12 << 20  # all rows together are over 36 MB


def test_a_reader_that_stops_early_does_not_take_in_the_rest(mariadb: MariaServer) -> None:
    batches = source(
        connection=mariadb.address(), query="SELECT repeat('x', 1000) AS text FROM mysql.seq_1_to_3000000"
    ).batches(Path(), "sources[0]")
    next(batches)
    began = time.monotonic()
    batches.close()

    assert time.monotonic() - began < 3
    deadline, query = (
        time.monotonic() + 10,
        "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%seq_1_to%'",
    )
    while mariadb.execute(query) > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert mariadb.execute(query) == 1  # this very query


def test_a_server_that_hangs_up_at_first_is_asked_again(mariadb: MariaServer) -> None:
    watch = Watch()
    with between(mariadb.port, refusing=2) as wire:
        reading = source(
            connection=mariadb.address().replace(f":{mariadb.port}/", f":{wire.port}/"), query=QUERY, retry_seconds=0.01
        )
        assert sum(len(batch) for batch in reading.batches(Path(), "sources[0]", watch)) == 2500
    assert watch.provenance == {"retries": 2}


def test_a_connection_cut_among_the_rows_is_told(mariadb: MariaServer) -> None:
    with between(mariadb.port, cut_after=60_000) as wire:
        error = refusal(connection=mariadb.address().replace(f":{mariadb.port}/", f":{wire.port}/"), query=QUERY)
    assert "closed the connection" in error.problem.en and "untouched" in error.fix.en
