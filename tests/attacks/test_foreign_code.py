"""A4. Code that came along with a task is never run before a person said yes to that very code, outside of the chat."""

from __future__ import annotations

import json
import os
import py_compile
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from nlp_skills.resources.foundation.files import sha256_bytes
from nlp_skills.resources.task import TaskFolder
from tests.attacks.conftest import TASK, Attack, Victim, account, answering, table
from tests.tools.tasks.conftest import fill_data, write_version

pytestmark = pytest.mark.anyio

MANIFEST = "manifest.json"
SCRIPT = "scripts/01_regenerate_data.py"
Changes = dict[str, bytes]


def payload(marker: Path) -> bytes:
    """Code that leaves a mark as soon as it is run or imported."""
    return f"import pathlib\npathlib.Path({str(marker)!r}).write_text('ran')\n".encode()


def _compile_marker(marker: Path) -> bytes:
    source = marker.with_name("payload.py")
    source.write_bytes(payload(marker))
    made = py_compile.compile(str(source), cfile=str(marker.with_name("payload.pyc")), doraise=True)
    source.unlink()
    return Path(str(made)).read_bytes()


def _wheel(marker: Path) -> bytes:
    place = marker.with_name("evil.zip")
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("nlp_skills/__init__.py", payload(marker))
        archive.writestr("evil.pth", f"import pathlib; pathlib.Path({str(marker)!r}).write_text('ran')\n")
    content = place.read_bytes()
    place.unlink()
    return content


def _source(script: str) -> bytes:
    return json.dumps(
        {"format": 1, "sources": [{"type": "file", "path": "rows.csv"}], "regeneration": {"script": script}}
    ).encode()


# What an attacker puts into an archive: from the marker and the file as it was, the files that are changed or added.
FOREIGN: dict[str, Callable[[Path, Callable[[str], bytes]], Changes]] = {
    "script replaced": lambda marker, _was: {SCRIPT: payload(marker)},
    "script with a line more": lambda marker, was: {SCRIPT: was(SCRIPT) + b"\n" + payload(marker)},
    "script with a line before": lambda marker, was: {SCRIPT: payload(marker) + was(SCRIPT)},
    "script and the record of what was generated": lambda marker, was: {
        SCRIPT: payload(marker),
        ".generated.json": _forged_record(was(".generated.json"), SCRIPT, payload(marker)),
    },
    "module beside the script": lambda marker, _was: {"scripts/argparse.py": payload(marker)},
    "compiled module beside the script": lambda marker, _was: {"scripts/argparse.pyc": _compile_marker(marker)},
    "package beside the script": lambda marker, _was: {"scripts/json/__init__.py": payload(marker)},
    "our name beside the script": lambda marker, _was: {"scripts/nlp_skills/__init__.py": payload(marker)},
    "start-up module beside the script": lambda marker, _was: {
        "scripts/sitecustomize.py": payload(marker),
        "scripts/usercustomize.py": payload(marker),
    },
    "module in the folder": lambda marker, _was: {"argparse.py": payload(marker), "json.py": payload(marker)},
    "compiled module in the folder": lambda marker, _was: {"argparse.pyc": _compile_marker(marker)},
    "our name in the folder": lambda marker, _was: {"nlp_skills/__init__.py": payload(marker)},
    "start-up module in the folder": lambda marker, _was: {
        "sitecustomize.py": payload(marker),
        "usercustomize.py": payload(marker),
    },
    "path file": lambda marker, _was: {"scripts/evil.pth": payload(marker), "evil.pth": payload(marker)},
    "test configuration": lambda marker, _was: {"conftest.py": payload(marker), "scripts/conftest.py": payload(marker)},
    "wheel replaced": lambda marker, _was: {"wheels/nlp_skills-2.0.0-py3-none-any.whl": _wheel(marker)},
    "wheel more": lambda marker, _was: {"wheels/torch-99.0.0-py3-none-any.whl": _wheel(marker)},
    "project file": lambda marker, was: {
        "pyproject.toml": was("pyproject.toml") + b'\n[tool.uv]\nno-binary = ["evil"]\n'
    },
    "project file that builds": lambda marker, _was: {
        "pyproject.toml": b'[build-system]\nrequires = []\nbuild-backend = "evil"\nbackend-path = ["configs"]\n'
        b'[project]\nname = "x"\nversion = "1"\n',
        "configs/evil.py": payload(marker),
    },
    "executable among the plans": lambda marker, _was: {"configs/evil.py": payload(marker)},
    "script named elsewhere": lambda marker, _was: {
        "configs/evil.py": payload(marker),
        "data_source.yaml": _source("configs/evil.py"),
    },
    "script named in the data": lambda marker, _was: {
        "data/raw/evil.py": payload(marker),
        "data_source.yaml": _source("data/raw/evil.py"),
    },
    "script that is text": lambda marker, _was: {
        "docs/evil.md": payload(marker),
        "data_source.yaml": _source("docs/evil.md"),
    },
    "plug-in": lambda marker, _was: {"plugins/evil.py": payload(marker), "sources/evil.py": payload(marker)},
    "shell script": lambda marker, _was: {"scripts/run.sh": f"#!/bin/sh\necho ran > {marker}\n".encode()},
    "object in the YAML": lambda marker, was: {
        "task.yaml": was("task.yaml") + f"notes: !!python/object/apply:os.system ['echo ran > {marker}']\n".encode()
    },
    "object in a source's YAML": lambda marker, _was: {
        "data_source.yaml": f"sources: !!python/object/apply:os.system ['echo ran > {marker}']\n".encode()
    },
}
# Harmless where they lie: nothing we run looks at them. Still no mark may appear.
_NEED_NO_NAME = {"test configuration", "object in the YAML", "object in a source's YAML", "script that is text"}


def _forged_record(record: bytes, path: str, content: bytes) -> bytes:
    """The record of generated files, with the attacker's hash in it under whatever shape it has."""

    def forge_value(value: object, key: str = "") -> object:
        if isinstance(value, dict):
            return {name: forge_value(inner, f"{key}/{name}") for name, inner in value.items()}
        return sha256_bytes(content) if key.endswith(path) and isinstance(value, str) else value

    return json.dumps(forge_value(json.loads(record or b"{}"))).encode()


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A task as it is exported; also as a folder beside it."""
    with pytest.MonkeyPatch.context() as patch:
        sender = account(tmp_path_factory.mktemp("sender"), patch)

        async def make_task() -> None:
            async with sender.attack() as attack:
                await attack(
                    "create_task", title="Mails", name=TASK, type="classification", language="en", labels=["a", "b"]
                )
                await attack(
                    "manage_task", action="export", task=TASK, path=str(sender.inbox / "mails.zip"), confirm=True
                )

        anyio.run(make_task)
    return sender.inbox / "mails.zip"


def _forge(sent: Path, target: Path, changes: Changes) -> Path:
    """The archive with files changed or added, its manifest following."""
    with zipfile.ZipFile(sent) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as forged:
        content = {name: source.read(name) for name in source.namelist()} | changes
        said = json.loads(content.pop(MANIFEST))
        for name, data in changes.items():
            said["files"][name] = {"bytes": len(data), "sha256": sha256_bytes(data)}
        for name, data in content.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o100755 << 16
            forged.writestr(info, data)
        forged.writestr(MANIFEST, json.dumps(said))
    return target


def _was(sent: Path) -> Callable[[str], bytes]:
    def read(name: str) -> bytes:
        with zipfile.ZipFile(sent) as archive:
            return archive.read(name) if name in archive.namelist() else b""

    return read


async def _worked_with(attack: Attack) -> None:
    """What a person does with a task: look at its source, prepare its data, generate what is missing."""
    victim = attack.victim
    (victim.inbox / "rows.csv").write_text(table("harmless"), encoding="utf-8")
    await attack("prepare_data", task=TASK, confirm=True, replace_manual_edits=True, accept={"script": "I agree"})
    await attack("manage_task", action="generate", task=TASK, confirm=True)
    await attack.file(victim.inbox / "rows.csv")
    await attack("prepare_data", task=TASK, confirm=True)


@pytest.mark.parametrize("kind", FOREIGN)
async def test_code_in_an_archive_is_not_run_and_named(victim: Victim, sent: Path, kind: str) -> None:
    marker = victim.root / "marker"
    changes = FOREIGN[kind](marker, _was(sent))
    archive = _forge(sent, victim.inbox / "mails.zip", changes)
    async with victim.attack() as attack:
        said = await attack("manage_task", action="import", path=str(archive), confirm=True)
        await _worked_with(attack)
    assert not marker.exists()
    code = [name for name in changes if name not in ("data_source.yaml", "task.yaml", ".generated.json")]
    assert kind in _NEED_NO_NAME or all(Path(name).name in said.text for name in code)


@pytest.mark.parametrize(
    "kind",
    [
        "script replaced",
        "compiled module beside the script",
        "wheel replaced",
        "wheel more",
        "project file",
        "executable among the plans",
        "module in the folder",
    ],
)
async def test_code_in_an_archive_is_set_aside(victim: Victim, sent: Path, kind: str) -> None:
    changes = FOREIGN[kind](victim.root / "marker", _was(sent))
    archive = _forge(sent, victim.inbox / "mails.zip", changes)
    async with victim.attack() as attack:
        said = await attack("manage_task", action="import", path=str(archive))
    for name, content in changes.items():
        place = victim.task / name
        assert said.is_error or not place.is_file() or place.read_bytes() != content, name


@pytest.mark.parametrize(
    "kind",
    [
        "script replaced",
        "script and the record of what was generated",
        "module beside the script",
        "compiled module beside the script",
        "our name beside the script",
        "module in the folder",
        "our name in the folder",
        "start-up module in the folder",
        "script named elsewhere",
    ],
)
async def test_code_in_a_copied_folder_is_not_run(victim: Victim, sent: Path, kind: str) -> None:
    marker = victim.root / "marker"
    shutil.copytree(sent.parents[1] / TASK, victim.task)
    for name, content in FOREIGN[kind](marker, lambda name: (victim.task / name).read_bytes()).items():
        (victim.task / name).parent.mkdir(parents=True, exist_ok=True)
        (victim.task / name).write_bytes(content)
    async with victim.attack() as attack:
        await _worked_with(attack)
    assert not marker.exists()


async def test_an_archive_as_we_wrote_it_comes_in_without_a_word(victim: Victim, sent: Path) -> None:
    archive = Path(shutil.copy(sent, victim.inbox / "mails.zip"))
    async with victim.attack() as attack:
        said = await attack("manage_task", action="import", path=str(archive))
        assert not said.is_error and not said.content["warnings"]
        assert "scripts/" not in said.text and ".whl" not in said.text and "pyproject" not in said.text
        (victim.inbox / "rows.csv").write_text(table("harmless"), encoding="utf-8")
        await attack.file(victim.inbox / "rows.csv")
        assert (await attack("prepare_data", task=TASK)).state == "succeeded"


def _edit(victim: Victim, marker: Path, remark: str = "") -> None:
    script = victim.task / SCRIPT
    text = script.read_text(encoding="utf-8")
    begin, line = text.index("\nimport "), payload(marker).decode() + f"# {remark}\n"
    script.write_text(text[:begin] + "\n" + line + text[begin:], encoding="utf-8")


async def _own_task(attack: Attack) -> None:
    (attack.victim.inbox / "rows.csv").write_text(table("harmless"), encoding="utf-8")
    await attack("create_task", title="Mails", name=TASK, type="classification", language="en", labels=["a", "b"])
    await attack.file(attack.victim.inbox / "rows.csv")


async def test_a_script_edited_here_is_run_by_no_argument(victim: Victim) -> None:
    marker = victim.root / "marker"
    async with victim.attack() as attack:
        await _own_task(attack)
        _edit(victim, marker)
        said = await attack("prepare_data", task=TASK)
        await attack(
            "prepare_data",
            task=TASK,
            confirm=True,
            replace_manual_edits=True,
            accept={"script": "agreed", "scripts": "agreed", "01_regenerate_data.py": "agreed"},
        )
    assert not marker.exists()
    assert "01_regenerate_data.py" in said.text


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_script_edited_here_is_run_after_one_yes_for_each_content(victim: Victim, mode: str) -> None:
    marker, seen = victim.root / "marker", list[str]()
    async with victim.attack(mode=mode, elicitation_callback=answering("yes|run|agree|同意|執行", seen)) as attack:
        await _own_task(attack)
        _edit(victim, marker)
        seen.clear()
        assert (await attack("prepare_data", task=TASK)).state == "succeeded"
        assert marker.exists() and any("01_regenerate_data.py" in asked for asked in seen)
    marker.unlink()
    async with victim.attack() as attack:  # remembered, also for a client without forms
        await attack("prepare_data", task=TASK)
        assert marker.exists()
        marker.unlink()
        _edit(victim, marker, "changed again")
        await attack("prepare_data", task=TASK)
        assert not marker.exists()


async def test_a_script_is_not_run_when_the_person_declines(victim: Victim) -> None:
    marker = victim.root / "marker"
    async with victim.attack(elicitation_callback=answering("")) as attack:
        await _own_task(attack)
        _edit(victim, marker)
        await attack("prepare_data", task=TASK)
    assert not marker.exists()


@pytest.mark.parametrize(
    "beside",
    [
        "scripts/argparse.py",
        "scripts/json/__init__.py",
        "argparse.py",
        "nlp_skills/__init__.py",
        "scripts/nlp_skills/__init__.py",
        "scripts/sys_helpers.pth",
        "scripts/sitecustomize.py",
    ],
)
async def test_a_script_that_was_agreed_to_imports_nothing_beside_it(victim: Victim, beside: str) -> None:
    marker, other = victim.root / "marker", victim.root / "other"
    async with victim.attack(elicitation_callback=answering("yes|run|agree|同意|執行")) as attack:
        await _own_task(attack)
        _edit(victim, marker)
        (victim.task / beside).parent.mkdir(parents=True, exist_ok=True)
        (victim.task / beside).write_bytes(payload(other))
        await attack("prepare_data", task=TASK)
    assert not other.exists()


async def test_a_script_as_we_generate_it_needs_no_yes(victim: Victim) -> None:
    seen: list[str] = []
    async with victim.attack(elicitation_callback=answering("", seen)) as attack:
        await _own_task(attack)
        seen.clear()
        assert (await attack("prepare_data", task=TASK)).state == "succeeded"
    assert not [asked for asked in seen if ".py" in asked]


@pytest.mark.parametrize("tool", ["evaluate", "reproduce", "deploy"])
async def test_no_other_script_is_run_either(victim: Victim, monkeypatch: pytest.MonkeyPatch, tool: str) -> None:
    marker = victim.root / "marker"
    monkeypatch.setenv("NLP_SKILLS_WORKER", sys.executable)
    async with victim.attack() as attack:
        await attack(
            "create_task", title="Mails", name=TASK, type="classification", language="en", labels=["good", "bad"]
        )
        write_version(fill_data(TaskFolder(victim.task)), 0.9)
        for name in (victim.task / "scripts").glob("*.py"):
            name.write_bytes(payload(marker))
        await attack(
            tool,
            task=TASK,
            version="v1",
            **(
                {"target": "huggingface", "settings": {"repo": "me/x"}, "override_reason": "x"}
                if tool == "deploy"
                else {}
            ),
        )
    assert not marker.exists()


async def test_a_folder_that_a_call_names_gives_no_program_to_run(
    victim: Victim, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker, folder = victim.root / "marker", victim.inbox / "llama.cpp"
    monkeypatch.setenv("NLP_SKILLS_WORKER", sys.executable)
    for name in ("convert_hf_to_gguf.py", "llama-server", "build/bin/llama-server", "gguf-py/gguf/__init__.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"#!" + os.fsencode(sys.executable) + b"\n" + payload(marker))
        (folder / name).chmod(0o755)
    async with victim.attack() as attack:
        await attack(
            "create_task", title="Mails", name=TASK, type="classification", language="en", labels=["good", "bad"]
        )
        write_version(fill_data(TaskFolder(victim.task)), 0.9)
        await attack(
            "deploy",
            task=TASK,
            version="v1",
            target="gguf",
            override_reason="agreed",
            settings={"llama_cpp": str(folder), "serve": True},
        )
    assert not marker.exists()
