from __future__ import annotations

import logging
import socket
import time
import tracemalloc
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from nlp_skills.resources.data_source import Source
from nlp_skills.resources.foundation import secrets
from nlp_skills.resources.foundation.errors import DataSourceError, SecretError
from nlp_skills.resources.foundation.files import write_yaml
from nlp_skills.resources.foundation.language import Text
from nlp_skills.resources.task import TaskFolder
from nlp_skills.server.demo.postgres import PostgresServer
from nlp_skills.tools.data.source import source_kind
from nlp_skills.tools.data.watching import Watch
from tests.tools.data.conftest import current
from tests.tools.data.misbehaving import Between, between

QUERY = "SELECT text, entity, label FROM annotations"


def records(**fields: Any) -> list[dict[str, Any]]:
    source = source_kind(Source.model_validate({"type": "database", "retry_seconds": 0.01, **fields}), 0)
    return [record for batch in source.batches(Path(), "sources[0]") for record in batch]


def refusal(**fields: Any) -> DataSourceError:
    with pytest.raises(DataSourceError) as caught:
        records(**fields)
    assert caught.value.problem.zh and caught.value.fix.zh
    return caught.value


def test_every_row_of_the_query_arrives(postgres: PostgresServer) -> None:
    rows = records(connection=postgres.address(), query=QUERY + " ORDER BY id;")

    assert len(rows) == 2500
    assert rows[0] == {"text": "公司甲0本季營收創下新高。", "entity": "公司甲0", "label": "正面"}


def test_prepared_data_comes_from_the_database(postgres: PostgresServer, task: TaskFolder, prepare: Any) -> None:
    secrets.store("NEWS_PASSWORD", postgres.password)
    address = f"postgresql://{postgres.user}:${{NEWS_PASSWORD}}@127.0.0.1:{postgres.port}/postgres"
    write_yaml(task.data_source_file, {"sources": [{"type": "database", "connection": address, "query": QUERY}]})

    result = prepare()

    assert sum(result["counts"].values()) == 2500
    files = [path for path in task.root.rglob("*") if path.is_file()]
    assert files and not [path for path in files if postgres.password in path.read_text("utf-8")]


@pytest.mark.parametrize("condition", ["marked <= $1", "marked <= :snapshot_date AND marked::date <= :snapshot_date"])
def test_the_snapshot_date_is_bound_where_the_query_uses_it(postgres: PostgresServer, condition: str) -> None:
    asked = {"connection": postgres.address(), "query": f"{QUERY} WHERE {condition}"}

    assert len(records(**asked, snapshot_date="2026-01-01")) == 125
    assert len(records(**asked, snapshot_date="2026-01-20")) == 2500
    assert refusal(**asked).field == "sources[0].snapshot_date"
    assert refusal(**asked, snapshot_date="soon").field == "sources[0].snapshot_date"


def test_the_seeds_snapshot_date_is_accepted_by_a_query_that_does_not_use_it(postgres: PostgresServer) -> None:
    assert records(connection=postgres.address(), query=QUERY, snapshot_date="2026-01-06")


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM annotations RETURNING text, label",
        "INSERT INTO annotations (text, label) VALUES ('x', '正面') RETURNING text, label",
        "WITH gone AS (DELETE FROM annotations RETURNING *) SELECT * FROM gone",
        "SELECT nextval('annotations_id_seq')::text AS text, 'x' AS label",
        "DROP TABLE annotations",
    ],
)
def test_a_query_that_writes_is_refused_and_changes_nothing(postgres: PostgresServer, query: str) -> None:
    error = refusal(connection=postgres.address(), query=query)

    assert error.field == "sources[0].query"
    assert "writes" in error.problem.en
    assert postgres.value("SELECT count(*) FROM annotations") == 2500


@pytest.mark.parametrize(
    "query",
    [
        "SELECT text, label FROM annotations; DELETE FROM annotations",
        "COMMIT; DELETE FROM annotations",
        "SELECT set_config('transaction_read_only', 'off', false), text, label FROM annotations",
        "SET TRANSACTION READ WRITE",
    ],
)
def test_no_query_leaves_the_read_only_transaction(postgres: PostgresServer, query: str) -> None:
    assert refusal(connection=postgres.address(), query=query).field == "sources[0].query"
    assert postgres.value("SELECT count(*) FROM annotations") == 2500


def test_a_wrong_password_is_named_and_never_shown(postgres: PostgresServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    error = refusal(connection=postgres.address(password="Wr0ng-S3cret"), query=QUERY)

    assert error.field == "sources[0].connection"
    assert "password" in error.problem.en
    assert "Wr0ng-S3cret" not in f"{error} {error.to_dict()} {error.__cause__} {caplog.text}"


def test_a_missing_database_a_missing_table_and_bad_sql_are_told_apart(postgres: PostgresServer) -> None:
    assert "no such database" in refusal(connection=postgres.address("nowhere"), query=QUERY).problem.en
    missing = refusal(connection=postgres.address(), query="SELECT text FROM absent")
    assert "absent" in missing.problem.en and missing.field == "sources[0].query"
    assert "syntax" in refusal(connection=postgres.address(), query="SELEC text").problem.en


def test_a_value_that_cannot_be_converted_is_not_quoted(postgres: PostgresServer) -> None:
    error = refusal(connection=postgres.address(), query="SELECT text::int AS text, label FROM annotations")

    assert "22P02" in error.problem.en and "公司甲" not in str(error)


def test_a_text_in_another_encoding_than_the_database_says_is_named_with_the_way_to_read_it(
    postgres: PostgresServer,
) -> None:
    postgres.execute("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    postgres.execute("CREATE TABLE t (text text); INSERT INTO t VALUES (E'caf\\xe9')", database="ascii")
    fields = {"connection": postgres.address("ascii"), "encoding": "cp1252"}
    error = refusal(**{**fields, "query": "SELECT text FROM t"})

    assert "another encoding" in error.problem.en and "encoding" in error.fix.zh
    assert records(**{**fields, "query": "SELECT convert_to(text, 'SQL_ASCII') AS text FROM t"}) == [{"text": "café"}]


def test_a_table_one_may_not_read_is_said_so(postgres: PostgresServer) -> None:
    postgres.execute("CREATE ROLE reader LOGIN PASSWORD 'reader-pass'")
    error = refusal(connection=postgres.address(user="reader", password="reader-pass"), query=QUERY)

    assert "may not read" in error.problem.en


def test_an_unreachable_database_says_host_and_port() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        error = refusal(connection=f"postgresql://me:S3cret-x@127.0.0.1:{port}/news", query=QUERY)

    assert f"127.0.0.1:{port}/news" in error.problem.en
    assert "S3cret-x" not in str(error)


def test_a_host_nobody_knows_is_said_so() -> None:
    assert "not known" in refusal(connection="postgresql://me:pw@no-such-host.invalid/news", query=QUERY).problem.en


def test_a_server_that_never_answers_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()
        error = refusal(
            connection=f"postgresql://me:pw@127.0.0.1:{silent.getsockname()[1]}/news",
            query=QUERY,
            connect_timeout_seconds=0.3,
        )

    assert "in time" in error.problem.en
    assert time.monotonic() - started < 5


def test_tls_asked_for_in_the_address_is_insisted_on(postgres: PostgresServer) -> None:
    error = refusal(connection=postgres.address() + "?sslmode=require", query=QUERY)  # this server has no TLS

    assert error.field == "sources[0].connection"


def test_an_unknown_secret_names_the_command_that_stores_it(postgres: PostgresServer) -> None:
    with pytest.raises(SecretError) as caught:
        records(connection="postgresql://me:${NOT_STORED}@127.0.0.1/db", query=QUERY)

    assert "nlp-skills secret set NOT_STORED" in caught.value.fix.en


def test_another_database_system_is_refused_before_connecting() -> None:
    assert refusal(connection="oracle://me:pw@127.0.0.1/db", query=QUERY).field == "sources[0].connection"


def test_rows_stream_with_bounded_memory(postgres: PostgresServer) -> None:
    source = source_kind(
        Source.model_validate(
            {
                "type": "database",
                "connection": postgres.address(),
                "query": "SELECT repeat('長', 300) || n AS text, 'x' AS label FROM generate_series(1, 60000) AS n",
            }
        ),
        0,
    )
    tracemalloc.start()
    try:
        rows = sum(len(batch) for batch in source.batches(Path(), "sources[0]"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert rows == 60000
    assert peak < 12 << 20  # all rows together are over 36 MB


def test_a_reader_that_stops_early_leaves_no_connection(postgres: PostgresServer) -> None:
    source = source_kind(
        Source.model_validate({"type": "database", "connection": postgres.address(), "query": QUERY}), 0
    )
    batches = source.batches(Path(), "sources[0]")
    next(batches)
    batches.close()

    deadline = time.monotonic() + 10
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'nlp-skills'"
    while postgres.value(query) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert postgres.value(query) == 0


def through(wire: Between, postgres: PostgresServer) -> str:
    return postgres.address().replace(f":{postgres.port}/", f":{wire.port}/")


def test_a_server_that_hangs_up_at_first_is_asked_again(postgres: PostgresServer) -> None:
    watch = Watch()
    with between(postgres.port, refusing=2) as wire:
        source = source_kind(
            Source.model_validate(
                {"type": "database", "connection": through(wire, postgres), "query": QUERY, "retry_seconds": 0.01}
            ),
            0,
        )
        assert sum(len(batch) for batch in source.batches(Path(), "sources[0]", watch)) == 2500

    assert watch.provenance == {"retries": 2} and wire.connections == 3


def test_a_server_that_is_full_for_a_moment_is_asked_again(postgres: PostgresServer) -> None:
    postgres.execute("CREATE ROLE narrow LOGIN PASSWORD 'narrow-pass' CONNECTION LIMIT 1 IN ROLE pg_read_all_data")
    address = postgres.address(user="narrow", password="narrow-pass")
    first = source_kind(Source.model_validate({"type": "database", "connection": address, "query": QUERY}), 0).batches(
        Path(), "sources[0]"
    )
    next(first)  # takes the one connection
    assert "no free connection" in refusal(connection=address, query=QUERY, retries=0).problem.en

    told = Watch(check=first.close)  # given back while the second waits
    second = source_kind(
        Source.model_validate(
            {"type": "database", "connection": address, "query": QUERY, "retry_seconds": 0.05, "retries": 8}
        ),
        0,
    )
    assert sum(len(batch) for batch in second.batches(Path(), "sources[0]", told)) == 2500
    assert told.provenance["retries"] >= 1


def test_a_connection_cut_among_the_rows_is_told_and_the_earlier_data_stays(
    postgres: PostgresServer, task: TaskFolder, prepare: Any
) -> None:
    secrets.store("NEWS_PASSWORD", postgres.password)

    def use(port: int) -> None:
        write_yaml(
            task.data_source_file,
            {
                "sources": [
                    {
                        "type": "database",
                        "query": QUERY,
                        "retry_seconds": 0.01,
                        "connection": f"postgresql://{postgres.user}:${{NEWS_PASSWORD}}@127.0.0.1:{port}/postgres",
                    }
                ]
            },
        )

    use(postgres.port)
    before, kept = prepare(), sorted(path.name for path in task.raw.iterdir())
    with between(postgres.port, cut_after=120_000) as wire:
        use(wire.port)
        with pytest.raises(DataSourceError, match="connection") as caught:
            prepare()
    assert "untouched" in caught.value.fix.en and wire.connections == 1  # rows had come: asking again could double them
    assert current(task) == before["snapshot"] and sorted(path.name for path in task.raw.iterdir()) == kept


def test_a_wrong_password_is_not_tried_again(postgres: PostgresServer) -> None:
    with between(postgres.port) as wire:
        refusal(connection=through(wire, postgres).replace(quote(postgres.password, safe=""), "wrong"), query=QUERY)
    assert wire.connections == 1


def test_a_snapshot_date_that_the_query_does_not_use_is_said_so(postgres: PostgresServer) -> None:
    told: list[Text] = []
    for query, used in ((QUERY, False), (QUERY + " WHERE '$1' <> text", False), (QUERY + " WHERE marked <= $1", True)):
        watch = Watch(warn=told.append)
        list(
            source_kind(
                Source.model_validate(
                    {
                        "type": "database",
                        "connection": postgres.address(),
                        "query": query,
                        "snapshot_date": "2026-01-06",
                    }
                ),
                0,
            ).batches(Path(), "sources[0]", watch)
        )
        assert watch.provenance == ({"snapshot_date": "2026-01-06"} if used else {})
    assert len(told) == 2 and "as of now" in told[0].en and "目前的資料" in told[0].zh
