"""Calls that name more, or longer, than anybody would: each is answered, soon and in words."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from nlp_skills.resources.foundation.files import read_yaml
from tests.attacks.conftest import TASK, Network, Victim, table

pytestmark = pytest.mark.anyio


async def test_a_base_model_named_at_length_is_no_error_of_ours(victim: Victim) -> None:
    async with victim.attack() as attack:
        for name in ("a/" + "b" * 900_000, "a" * 300, "../x", "a\0b"):
            said = await attack("set_up", what="base_model", name=name)
            assert said.is_error
            assert "(internal" not in said.text
            assert "OSError" not in said.text


async def test_of_many_hosts_only_the_first_are_looked_up_before_the_reading(victim: Victim, network: Network) -> None:
    from nlp_skills.tools.data.sources.web_scrape import WebScrapeSource

    urls = [f"http://host{number}.invalid/" for number in range(3000)]
    began = time.monotonic()
    source = WebScrapeSource(type="web_scrape", urls=["http://intranet.example/", *urls, "http://evil.example/${KEY}"])
    victim.run("secret", "set", "KEY", typed="wheatearbrook77\n")
    needs = source.needs(victim.task, "sources[0]")
    assert time.monotonic() - began < 20
    assert {need.kind for need in needs} == {"host", "secret"}  # the first that is private, and each secret


async def test_more_models_than_stand_side_by_side_are_refused_at_once(victim: Victim) -> None:
    async with victim.attack() as attack:
        await attack.create()
        said = await attack(
            "try_model", task=TASK, model="ollama:x", beside=[f"ollama:x{n}" for n in range(5000)], text="x"
        )
    assert said.is_error
    assert "5,000" in said.text


async def test_an_imported_task_has_the_name_of_its_folder_whatever_it_calls_itself(victim: Victim) -> None:
    async with victim.attack() as attack:
        await attack("create_task", title="Mails", name=TASK, type="classification", language="en", labels=["a", "b"])
        victim.plant(victim.inbox / "rows.csv", table("harmless"))
        said = await attack("manage_task", action="export", task=TASK)
        archive = Path(said.content["path"] or said.content["details"]["path"])
        changed = victim.inbox / "other.zip"
        _rename_archive(archive, changed)
        await attack("manage_task", action="import", path=str(changed), name="other")
    assert read_yaml(victim.workspace / "other" / "task.yaml")["name"] == "other"


def _rename_archive(archive: Path, changed: Path) -> None:
    """The archive with a manifest that says `other`, and a task that calls itself `granted`."""
    import hashlib

    with zipfile.ZipFile(archive) as whole, zipfile.ZipFile(changed, "w") as written:
        manifest_name = next(name for name in whole.namelist() if "manifest" in name or name.endswith("export.json"))
        manifest = json.loads(whole.read(manifest_name))
        for name in whole.namelist():
            content = whole.read(name)
            if name == "task.yaml":
                content = content.replace(f"name: {TASK}".encode(), b"name: granted")
                manifest["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            if name != manifest_name:
                written.writestr(name, content)
        manifest["task"] = "other"
        written.writestr(manifest_name, json.dumps(manifest))


ODD = {
    "a home that nobody has": "~nobodyhere/x",
    "a NUL": "/tmp/a\0b",
    "a NUL in the inbox": "inbox/a\0b",
    "a long part": "a" * 400,
}
DOORS: dict[str, Callable[[str], tuple[str, dict[str, Any]]]] = {
    "a file": lambda odd: ("set_data_source", {"sources": [{"type": "file", "path": f"{odd}.csv"}]}),
    "a pattern": lambda odd: ("set_data_source", {"sources": [{"type": "file", "path": f"{odd}/*.csv"}]}),
    "a database": lambda odd: (
        "set_data_source",
        {"sources": [{"type": "database", "connection": f"sqlite:///{quote(odd)}.db", "query": "select 1"}]},
    ),
    "an archive to read": lambda odd: ("manage_task", {"action": "import", "path": f"{odd}.zip"}),
    "an archive to write": lambda odd: ("manage_task", {"action": "export", "path": f"{odd}.zip"}),
    "a sheet": lambda odd: ("add_examples", {"action": "import", "path": f"{odd}.csv"}),
    "a GGUF file": lambda odd: ("try_model", {"model": f"gguf:{odd}.gguf", "text": "x"}),
    "a base model": lambda odd: ("try_model", {"model": f"base:{odd}", "text": "x"}),
    "the base of a plan": lambda odd: ("plan_training", {"settings": {"base_model": odd}}),
    "a machine": lambda odd: ("set_up", {"what": "machine", "name": "box", "settings": {"host": odd}}),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=list(ODD))
@pytest.mark.parametrize("door", DOORS.values(), ids=list(DOORS))
async def test_an_odd_path_is_answered_in_words(
    door: Callable[[str], tuple[str, dict[str, Any]]], odd: str, victim: Victim, caplog: pytest.LogCaptureFixture
) -> None:
    async with victim.attack() as attack:
        await attack.create()
        tool, arguments = door(odd)
        said = await attack(tool, **({} if tool == "set_up" else {"task": TASK}), **arguments)
    for word in ("internal error", "Errno", "Traceback", "ValueError", "RuntimeError", "UnicodeError"):
        assert word not in said.text
    assert "Traceback" not in caplog.text
