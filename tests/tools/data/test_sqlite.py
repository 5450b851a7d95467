from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.data_source import Source
from nlp_skills.resources.foundation.errors import DataSourceError
from nlp_skills.resources.foundation.files import sha256_file, write_yaml
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.data.source import source_kind
from tests.tools.data.conftest import sentences

QUERY = "SELECT text, entity, label FROM annotations"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    file = tmp_path / "news db.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE annotations (text, entity, label, marked)")
        connection.executemany(
            "INSERT INTO annotations VALUES (?, ?, ?, ?)",
            [
                (row["text"], row["entity"], row["label"], f"2026-01-{number % 20 + 1:02}")
                for number, row in enumerate(sentences(2500))
            ],
        )
        connection.commit()
    return file


def records(file: Path, query: str = QUERY, **fields: Any) -> list[dict[str, Any]]:
    source = source_kind(
        Source.model_validate({"type": "database", "connection": f"sqlite:///{file}", "query": query, **fields}), 0
    )
    return [record for batch in source.batches(file.parent, "sources[0]") for record in batch]


def refusal(file: Path, query: str = QUERY, **fields: Any) -> DataSourceError:
    with pytest.raises(DataSourceError) as caught:
        records(file, query, **fields)
    assert caught.value.problem.zh and caught.value.fix.zh
    return caught.value


def test_every_row_arrives_and_a_relative_path_starts_at_the_task(
    database: Path, task: TaskFolder, prepare: Any
) -> None:
    assert len(records(database)) == 2500
    database.rename(task.root / "news.db")
    write_yaml(
        task.data_source_file, {"sources": [{"type": "database", "connection": "sqlite:///news.db", "query": QUERY}]}
    )

    assert sum(prepare()["counts"].values()) == 2500


def test_the_snapshot_date_is_bound(database: Path) -> None:
    query = QUERY + " WHERE marked <= :snapshot_date"

    assert len(records(database, query, snapshot_date="2026-01-01")) == 125
    assert refusal(database, query).field == "sources[0].snapshot_date"
    assert refusal(database, query, snapshot_date="' OR 1=1").field == "sources[0].snapshot_date"


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM annotations",
        "INSERT INTO annotations (text) VALUES ('x') RETURNING text",
        "DROP TABLE annotations",
        "UPDATE annotations SET label = 'x'",
        "CREATE TABLE more (x)",
        "PRAGMA query_only = OFF",
        "ATTACH DATABASE '{folder}/other.db' AS other",
        "VACUUM INTO '{folder}/copy.db'",
        "SELECT 1; DELETE FROM annotations",
    ],
)
def test_no_query_changes_anything(database: Path, query: str) -> None:
    before, files = sha256_file(database), sorted(database.parent.iterdir())
    error = refusal(database, query.format(folder=database.parent))

    assert error.field == "sources[0].query"
    assert sha256_file(database) == before and sorted(database.parent.iterdir()) == files


def test_what_can_go_wrong_is_told_apart(database: Path, tmp_path: Path) -> None:
    assert "absent" in refusal(database, "SELECT * FROM absent").problem.en
    assert "syntax" in refusal(database, "SELEC text").problem.en
    assert "no SQLite file" in refusal(tmp_path / "nowhere.db").problem.en
    (tmp_path / "text.db").write_text("this is text\n" * 100, encoding="utf-8")
    assert "text.db" in refusal(tmp_path / "text.db").problem.en
    assert not (tmp_path / "nowhere.db").exists()


def test_a_query_without_end_is_stopped(database: Path) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) AS text FROM n"

    assert "longer than" in refusal(database, endless, batch_timeout_seconds=0.2).problem.en


def test_texts_in_another_encoding_are_named_never_shown_and_read_once_it_is_said(tmp_path: Path) -> None:
    file = tmp_path / "old.db"
    texts = ["très déçu par le délai", "größer als erwartet", "¿Dónde está mi pedido?"]
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE t (text, label, raw)")
        connection.executemany(
            "INSERT INTO t VALUES (CAST(? AS TEXT), 'a', ?)",
            [(text.encode("cp1252"), text.encode("cp1252")) for text in texts],
        )
        connection.commit()
    error = refusal(file, "SELECT text, label FROM t")

    assert "column text" in error.problem.en and "cp1252" in error.problem.en and error.field == "sources[0].encoding"
    assert not any(word in f"{error}{error.fix.zh}" for word in ("déçu", "erwartet", "pedido"))
    assert [row["text"] for row in records(file, "SELECT text FROM t", encoding="cp1252")] == texts
    assert [row["raw"] for row in records(file, "SELECT raw FROM t", encoding="cp1252")] == texts
