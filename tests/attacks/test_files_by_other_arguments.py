"""No database file, resource address, name or export leads to a file outside."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.conftest import TASK, WORD, Victim
from tests.attacks.test_files import _inbox_is_named

pytestmark = pytest.mark.anyio


def _database(place: Path) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(place) as database:
        database.execute("CREATE TABLE moz_logins (text, label)")
        database.executemany("INSERT INTO moz_logins VALUES (?, ?)", [(f"{WORD} {n}", "ab"[n % 2]) for n in range(40)])
    database.close()
    return place


@pytest.mark.parametrize(
    "written",
    [
        "sqlite:///{absolute}",
        "sqlite:///{relative}",
        "sqlite:///~/../elsewhere/x.sqlite",
        "sqlite://{absolute}",
        "sqlite:///file:{absolute}?mode=ro&uri=true",
        "sqlite:///{inbox}/../../../elsewhere/x.sqlite",
        "sqlite:///{inbox}/link.sqlite",
        "sqlite:///{absolute}?mode=rwc",
        "sqlite:////proc/self/root{absolute}",
    ],
)
async def test_a_database_file_outside_is_not_opened(victim: Victim, written: str) -> None:
    planted = _database(victim.elsewhere / "x.sqlite")
    (victim.inbox / "link.sqlite").symlink_to(planted)
    connection = written.format(absolute=planted, relative=os.path.relpath(planted, victim.task), inbox=victim.inbox)
    async with victim.attack() as attack:
        await attack.create()
        said = await attack.source(type="database", connection=connection, query="SELECT text, label FROM moz_logins")
        assert said.is_error
    assert victim.leaks() == []


@pytest.mark.parametrize(
    "query",
    [
        "ATTACH DATABASE '{outside}' AS o",
        "SELECT readfile('{outside}') AS text",
        "SELECT load_extension('{outside}') AS text",
        "SELECT * FROM fsdir('{folder}')",
        "ATTACH DATABASE '{outside}' AS o; SELECT text, label FROM o.moz_logins",
        "VACUUM INTO '{folder}/written.sqlite'",
    ],
)
async def test_a_query_opens_no_other_file(victim: Victim, query: str) -> None:
    outside, inside = _database(victim.elsewhere / "x.sqlite"), victim.inbox / "own.sqlite"
    sqlite3.connect(inside).execute("CREATE TABLE t (text, label)").connection.close()
    async with victim.attack() as attack:
        await attack.create()
        await attack.source(
            type="database",
            connection=f"sqlite:///{inside}",
            query=query.format(outside=outside, folder=victim.elsewhere),
        )
    assert victim.leaks() == [] and not (victim.elsewhere / "written.sqlite").exists()


# The other arguments that take a path: (tool, arguments), the planted file or folder put in.
ARGUMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "filled sheet": ("add_examples", {"action": "import", "path": "{file}"}),
    "archive": ("manage_task", {"action": "import", "path": "{file}", "name": "other"}),
    "GGUF to ask": ("try_model", {"model": "gguf:{gguf}", "text": "x"}),
    "GGUF to measure": ("try_model", {"model": "gguf:{gguf}", "action": "evaluate"}),
    "GGUF beside": ("try_model", {"model": "v1", "beside": ["gguf:{gguf}"], "text": "x"}),
    "base model to ask": ("try_model", {"model": "base:{folder}", "text": "x"}),
    "base model of a plan": ("plan_training", {"settings": {"base_model": "{folder}"}}),
    "base model to install": ("set_up", {"what": "base_model", "name": "{folder}", "confirm": True}),
    "proposer": ("add_examples", {"action": "propose", "by": "base:{folder}", "confirm": True}),
    "proposer from a GGUF": ("add_examples", {"action": "propose", "by": "gguf:{gguf}", "confirm": True}),
}
_OTHERWISE_REFUSED = {"GGUF beside", "proposer", "proposer from a GGUF", "base model to install", "GGUF to measure"}


@pytest.mark.parametrize("argument", ARGUMENTS)
async def test_no_argument_of_another_tool_reads_outside(victim: Victim, argument: str) -> None:
    model = victim.elsewhere / "model"
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        victim.plant(model / name, json.dumps({"model_type": WORD, "architectures": [WORD], "chat_template": WORD}))
    victim.plant(model / "README.md", f"license: {WORD}\n")
    victim.plant(model / "model.safetensors", f"{WORD}".encode() * 100)
    planted = {
        "file": victim.plant(victim.elsewhere / "rows.csv"),
        "folder": model,
        "gguf": victim.plant(victim.elsewhere / "m.gguf", b"GGUF" + f"{WORD}".encode() * 100),
    }
    tool, given = ARGUMENTS[argument]
    filled = json.loads(re.sub(r"\{(file|folder|gguf)\}", lambda found: str(planted[found[1]]), json.dumps(given)))
    async with victim.attack() as attack:
        await attack.create()
        said = await attack(tool, **({} if tool == "set_up" else {"task": TASK}), **filled)
        assert _inbox_is_named(victim, said) or argument in _OTHERWISE_REFUSED
    assert victim.leaks() == []


@pytest.mark.parametrize(
    "uri",
    [
        "tasks/../../../elsewhere/rows.csv",
        "tasks/%2e%2e/%2e%2e/elsewhere",
        "tasks/..%2f..%2felsewhere",
        "skills/../../x",
        "skills/llm-coach/../../../../elsewhere/rows.csv",
        "skills/llm-coach/%2e%2e%2f%2e%2e%2f",
        "jobs/../../elsewhere",
        "tasks/mails/versions/../../../../elsewhere",
        "tasks/.config",
        "tasks/{elsewhere}",
        "skills/{elsewhere}/rows.csv",
    ],
)
async def test_a_resource_address_leads_nowhere_else(victim: Victim, uri: str) -> None:
    victim.plant(victim.elsewhere / "rows.csv")
    victim.plant(victim.elsewhere / "task.yaml", f"name: {WORD}\ntitle: {WORD}\n")
    victim.plant(victim.elsewhere / "spec.json", json.dumps({"id": WORD, "kind": WORD}))
    async with victim.attack() as attack:
        await attack.create()
        assert (await attack("read_resource", uri=f"nlp-skills://{uri.format(elsewhere=victim.elsewhere)}")).is_error
    assert victim.leaks() == []


@pytest.mark.parametrize(
    "name",
    [
        "../../../elsewhere",
        "{elsewhere}",
        "mails/../../../../elsewhere",
        "..",
        ".",
        "link",
        "mails/../link",
        "%2e%2e/%2e%2e/elsewhere",
        "MAILS/../../../elsewhere",
    ],
)
async def test_a_task_name_leads_nowhere_else(victim: Victim, name: str) -> None:
    victim.plant(
        victim.elsewhere / "task.yaml",
        f"format: 1\nname: elsewhere\ntitle: {WORD}\ntype: classification\nlanguage: en\nlabels: [{WORD}, b]\n",
    )
    (victim.workspace / "link").symlink_to(victim.elsewhere)
    before = set(victim.elsewhere.rglob("*"))
    async with victim.attack() as attack:
        await attack.create()
        given = name.format(elsewhere=victim.elsewhere)
        for tool, arguments in (
            ("update_task", {"note": "x"}),
            ("prepare_data", {}),
            ("set_data_source", {}),
            ("manage_task", {"action": "archive", "confirm": True}),
            ("manage_task", {"action": "generate"}),
            ("coach", {"message": "go on"}),
        ):
            await attack(tool, task=given, **arguments)
    assert victim.leaks() == [] and set(victim.elsewhere.rglob("*")) == before


@pytest.mark.parametrize(
    "arguments",
    [
        {"tool": "job_status", "job_id": "../../../elsewhere/j"},
        {"tool": "job_status", "job_id": "{elsewhere}/j"},
        {"tool": "manage_job", "job_id": "../../../../elsewhere/j", "action": "resume"},
        {"tool": "train", "task": TASK, "plan": "../../../../elsewhere/plan", "confirm": True},
        {"tool": "train", "task": TASK, "plan": "{elsewhere}/plan.yaml", "confirm": True},
        {"tool": "evaluate", "task": TASK, "version": "../../../../elsewhere"},
        {"tool": "evaluate", "task": TASK, "benchmark": "../../../../elsewhere"},
        {"tool": "compare_versions", "task": TASK, "a": "../../../../elsewhere", "b": "{elsewhere}"},
        {"tool": "plan_training", "task": TASK, "parent": "../../../../elsewhere"},
        {"tool": "plan_training", "task": TASK, "name": "../../../../elsewhere/new"},
        {
            "tool": "set_up",
            "what": "machine",
            "name": "../../../elsewhere/new",
            "settings": {"kind": "ssh", "host": "x"},
        },
        {"tool": "manage_task", "action": "clone", "task": TASK, "name": "../../elsewhere/new", "confirm": True},
        {"tool": "deploy", "task": TASK, "version": "../../../../elsewhere"},
        {"tool": "add_examples", "task": TASK, "action": "sheet", "by": "../../../../elsewhere/new"},
    ],
)
async def test_no_other_name_leads_elsewhere(victim: Victim, arguments: dict[str, Any]) -> None:
    for place in (
        "j/spec.json",
        "j/output.log",
        "plan.yaml",
        "config.yaml",
        "results.json",
        "benchmark.json",
        "rows.jsonl",
    ):
        victim.plant(victim.elsewhere / place, json.dumps({"id": WORD, "kind": WORD, "name": WORD, "text": WORD}))
    before = set(victim.elsewhere.rglob("*"))
    filled = json.loads(json.dumps(arguments).replace("{elsewhere}", str(victim.elsewhere)))
    async with victim.attack() as attack:
        await attack.create()
        await attack(**filled)
    assert victim.leaks() == [] and set(victim.elsewhere.rglob("*")) == before


@pytest.mark.parametrize(
    "written",
    [
        "{elsewhere}/new/deep/x.zip",
        "{elsewhere}/x.zip",
        "~/.ssh/x.zip",
        "~/Library/LaunchAgents/x.zip",
        "../../../x.zip",
        "{inbox}/../../new/x.zip",
        "{inbox}/link/x.zip",
        "{inbox}/link/new/x.zip",
        "{elsewhere}/rows.zip",
    ],
)
async def test_an_export_writes_nothing_outside(victim: Victim, written: str) -> None:
    victim.plant(victim.elsewhere / "rows.zip")
    (victim.inbox / "link").symlink_to(victim.elsewhere)
    before = {path: path.read_bytes() if path.is_file() else b"" for path in _outside(victim)}
    path = written.format(elsewhere=victim.elsewhere, inbox=victim.inbox)
    async with victim.attack() as attack:
        await attack.create()
        for confirm in (False, True):
            said = await attack("manage_task", action="export", task=TASK, path=path, confirm=confirm)
            assert said.is_error or not said.content.get("done")
    assert {path: path.read_bytes() if path.is_file() else b"" for path in _outside(victim)} == before


def _outside(victim: Victim) -> set[Path]:
    """What stands outside of the workspace (and of the folder of our own settings)."""
    return {
        path
        for path in victim.root.rglob("*")
        if victim.workspace not in (path, *path.parents) and ".config" not in path.parts and ".cache" not in path.parts
    }


@pytest.mark.parametrize("path", ["", "{workspace}/mails.zip", "{inbox}/mails.zip", "{inbox}/sent/mails.zip"])
async def test_an_export_inside_is_written(victim: Victim, path: str) -> None:
    async with victim.attack() as attack:
        await attack.create()
        given = path.format(workspace=victim.workspace, inbox=victim.inbox)
        said = await attack("manage_task", action="export", task=TASK, path=given, confirm=True)
        assert not said.is_error and Path(said.content["path"]).is_file()


async def test_an_export_into_an_allowed_folder_is_written(victim: Victim) -> None:
    assert victim.allow(victim.elsewhere) == 0
    async with victim.attack() as attack:
        await attack.create()
        said = await attack(
            "manage_task", action="export", task=TASK, path=str(victim.elsewhere / "x.zip"), confirm=True
        )
        assert not said.is_error and (victim.elsewhere / "x.zip").is_file()
