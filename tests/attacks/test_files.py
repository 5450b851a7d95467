"""A1. Only the workspace, its inbox and what a person allowed is read or written, whichever argument names the path."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attacks.conftest import TASK, WORD, Said, Victim, account, table

pytestmark = pytest.mark.anyio

# What no source may ever be, wherever it stands below the home.
CREDENTIALS = {
    "ssh key": ".ssh/id_rsa",
    "ssh key of the new kind": ".ssh/id_ed25519",
    "ssh folder's other files": ".ssh/config",
    "aws": ".aws/credentials",
    "netrc": ".netrc",
    "dotenv": "project/.env",
    "dotenv of production": "project/.env.production",
    "git credentials": ".git-credentials",
    "kube": ".kube/config",
    "docker": ".docker/config.json",
    "gcloud": ".config/gcloud/application_default_credentials.json",
    "azure": ".azure/accessTokens.json",
    "postgres": ".pgpass",
    "mysql": ".my.cnf",
    "npm": ".npmrc",
    "pypi": ".pypirc",
    "hub token": ".cache/huggingface/token",
    "gnupg": ".gnupg/secring.gpg",
    "shell history": ".bash_history",
    "firefox": ".mozilla/firefox/x.default/logins.json",
    "chrome": ".config/google-chrome/Default/Login Data",
    "chrome of macOS": "Library/Application Support/Google/Chrome/Default/Login Data",
    "chrome of Windows": "AppData/Local/Google/Chrome/User Data/Default/Login Data",
    "keychain": "Library/Keychains/login.keychain-db",
    "our own secrets": ".config/nlp-skills/secrets.json",
}
ALLOWED_BUT_NEVER = {
    **CREDENTIALS,
    "hidden folder": "Documents/.private/rows.csv",
    "hidden folder deeper": "Documents/a/.git/b/rows.csv",
    "hidden file": "Documents/.rows.csv",
    "key by its name": "Documents/id_rsa",
    "key by its ending": "Documents/server.pem",
    "key store": "Documents/passwords.kdbx",
}


def _inbox_is_named(victim: Victim, said: Said) -> bool:
    return str(victim.inbox) in said.text or f"~/{victim.inbox.relative_to(victim.home)}" in said.text


@pytest.mark.parametrize("kind", ["ssh key", "aws", "dotenv", "kube", "firefox", "shell history", "our own secrets"])
async def test_a_credential_file_is_not_read(victim: Victim, kind: str) -> None:
    planted = victim.plant(victim.home / CREDENTIALS[kind])
    async with victim.attack() as attack:
        await attack.create()
        assert (await attack.file(planted)).is_error
    assert victim.leaks() == []


@pytest.fixture(scope="module")
def generous(tmp_path_factory: pytest.TempPathFactory) -> Victim:
    """Somebody who allowed their home and what is below it; each credential file holds a word of its own."""
    with pytest.MonkeyPatch.context() as patch:
        person = account(tmp_path_factory.mktemp("generous"), patch)
        for number, place in enumerate(ALLOWED_BUT_NEVER.values()):
            person.plant(person.home / place, table(f"{WORD}{number}end"))
        for folder in (
            person.home,
            person.home / "Documents",
            person.home / "project",
            person.home / ".ssh",
            person.home / ".config" / "nlp-skills",
        ):
            person.allow(folder)
    return person


@pytest.mark.parametrize("kind", ALLOWED_BUT_NEVER)
async def test_a_credential_file_below_an_allowed_folder_is_still_not_read(
    generous: Victim, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    account(generous.root, monkeypatch)
    word = f"{WORD}{list(ALLOWED_BUT_NEVER).index(kind)}end"
    async with generous.attack() as attack:
        await attack.create()
        assert (await attack.file(generous.home / ALLOWED_BUT_NEVER[kind])).is_error
    assert generous.leaks(word) == []


@pytest.mark.parametrize("name", ["id_rsa", ".env", "credentials", ".netrc", "secrets.json"])
async def test_a_credential_file_put_into_the_inbox_is_still_not_read(victim: Victim, name: str) -> None:
    content = {
        "id_rsa": _key(),
        "credentials": f"[default]\naws_access_key_id = x\naws_secret_access_key = {WORD}\n",
        "secrets.json": json.dumps({"format": 1, "keychain": [], "values": {"PG": WORD}}),
    }.get(name)
    async with victim.attack() as attack:
        await attack.create()
        said = await attack.file(
            victim.plant(victim.inbox / name, content), format="json" if name == "secrets.json" else "csv"
        )
        assert said.is_error
    assert victim.leaks() == []


def _key() -> str:
    return f"-----BEGIN OPENSSH {'PRIVATE'} KEY-----\n{WORD},x\n{WORD},y\n-----END OPENSSH {'PRIVATE'} KEY-----\n"


Way = Callable[[Victim, Path], str]


def _link_file(victim: Victim, place: Path, target: Path) -> str:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)
    return str(place)


def _chain(victim: Victim, target: Path) -> str:
    (victim.inbox / "one.csv").symlink_to(victim.inbox / "two.csv")
    return _link_file(victim, victim.inbox / "two.csv", target) and str(victim.inbox / "one.csv")


def _folder_with_link(victim: Victim, target: Path) -> str:
    (victim.inbox / "batch").mkdir()
    (victim.inbox / "batch" / "x.csv").symlink_to(target)
    return str(victim.inbox / "batch")


# Every way of writing a place outside; `rows.csv` stands in a colleague's folder.
WAYS: dict[str, Way] = {
    "plain": lambda _victim, target: str(target),
    "relative to the task": lambda victim, target: os.path.relpath(target, victim.task),
    "out of the inbox": lambda victim, target: f"{victim.inbox}/{os.path.relpath(target, victim.inbox)}",
    "out of the inbox and back": lambda victim, target: (
        f"{victim.inbox}/../../..{str(target)[len(str(victim.root)) :]}"
    ),
    "below the home sign": lambda victim, target: f"~/{os.path.relpath(target, victim.home)}",
    "doubled slashes": lambda _victim, target: "/" + str(target).replace("/", "//"),
    "dots in between": lambda _victim, target: str(target).replace("/rows.csv", "/./x/../rows.csv"),
    "pattern": lambda _victim, target: str(target.parent / "*.csv"),
    "pattern with a set": lambda _victim, target: str(target.parent / "[q-s]ows.csv"),
    "pattern of all below": lambda victim, _target: str(victim.root / "**" / "*.csv"),
    "pattern out of the inbox": lambda victim, target: f"{victim.inbox}/../../../{target.parent.name}/*.csv",
    "folder": lambda _victim, target: str(target.parent),
    "link in the inbox": lambda victim, target: _link_file(victim, victim.inbox / "x.csv", target),
    "link in the task": lambda victim, target: _link_file(victim, victim.task / "data" / "x.csv", target),
    "chain of links": _chain,
    "linked folder": lambda victim, target: _link_file(victim, victim.inbox / "all", target.parent) + "/rows.csv",
    "pattern through a linked folder": lambda victim, target: (
        _link_file(victim, victim.inbox / "all", target.parent) + "/*.csv"
    ),
    "folder that holds a link": _folder_with_link,
    "pattern that meets a link": lambda victim, target: _folder_with_link(victim, target) + "/*.csv",
    "process's root": lambda _victim, target: f"/proc/self/root{target}",
    "process's folder": lambda _victim, target: f"/proc/self/cwd/{os.path.relpath(target, Path.cwd())}",
    "address": lambda _victim, target: target.as_uri(),
    "address of a host": lambda _victim, target: f"file://localhost{target}",
    "escaped address": lambda _victim, target: target.as_uri().replace("elsewhere", "%65lsewhere"),
    "variable": lambda _victim, target: str(target).replace(str(target.parents[1]), "${HOME}/.."),
    "shell variable": lambda _victim, target: str(target).replace(str(target.parents[1]), "$HOME/.."),
}
# Written so, nothing need be found: what is said may be that this is no path.
_NO_PATH = {
    "process's folder",
    "address",
    "address of a host",
    "escaped address",
    "variable",
    "shell variable",
    "dots in between",
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_file_outside_is_not_read_however_its_place_is_written(victim: Victim, way: str) -> None:
    planted = victim.plant(victim.elsewhere / "rows.csv")
    async with victim.attack() as attack:
        await attack.create()
        said = await attack.file(WAYS[way](victim, planted))
        assert said.is_error
        assert _inbox_is_named(victim, said) or way in _NO_PATH
    assert victim.leaks() == []


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json", "tsv", "xlsx", "parquet"])
async def test_no_format_reads_outside(victim: Victim, suffix: str) -> None:
    content = {"json": json.dumps([{"text": WORD, "label": "a"}] * 9), "jsonl": json.dumps({"text": WORD}) + "\n"}
    planted = victim.plant(victim.elsewhere / f"rows.{suffix}", content.get(suffix))
    async with victim.attack() as attack:
        await attack.create()
        assert _inbox_is_named(victim, await attack.file(planted, format=suffix))
    assert victim.leaks() == []


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.parametrize(
    "place",
    [
        "/proc/self/environ",
        "/proc/{pid}/environ",
        "/proc/self/task/{pid}/environ",
        "/proc/thread-self/environ",
        "/proc/{pid}/cmdline",
        "/dev/fd/0",
        "/proc/self/maps",
    ],
)
async def test_what_the_system_tells_of_a_process_is_no_source(
    victim: Victim, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("A_DEPLOYMENT_NOTE", WORD)
    async with victim.attack() as attack:
        await attack.create()
        for format_ in ("csv", "jsonl"):
            said = await attack.file(place.format(pid=os.getpid()), format=format_)
            assert said.is_error and said.state != "succeeded"
    assert victim.leaks() == []


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/urandom", "/dev/stdin", "/dev/tty"])
async def test_a_device_is_no_source(victim: Victim, path: str) -> None:
    async with victim.attack() as attack:
        await attack.create()
        assert (await attack.file(path)).is_error


async def test_a_pipe_in_the_inbox_does_not_hold_the_call(victim: Victim) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    os.mkfifo(victim.inbox / "rows.csv")
    async with victim.attack() as attack:
        await attack.create()
        assert (await attack.file(victim.inbox / "rows.csv")).is_error


async def test_our_own_store_is_no_source_even_where_it_stands_in_the_inbox(
    victim: Victim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLP_SKILLS_SECRETS_DIR", str(victim.inbox / "kept"))
    assert victim.run("secret", "set", "PG_NOTE", typed=f"{WORD}\n").returncode == 0
    victim.planted.add(victim.inbox / "kept" / "secrets.json")
    async with victim.attack() as attack:
        await attack.create()
        for format_ in ("json", "jsonl", "csv"):
            assert (await attack.file(victim.inbox / "kept" / "secrets.json", format=format_)).is_error
    assert victim.leaks() == []


@pytest.mark.parametrize("of", [".ssh/id_rsa", ".config/nlp-skills/secrets.json"])
async def test_a_second_name_of_a_credential_file_is_no_source(victim: Victim, of: str) -> None:
    planted = victim.plant(victim.home / of)
    os.link(planted, victim.inbox / "rows.csv")
    victim.planted.add(victim.inbox / "rows.csv")
    async with victim.attack() as attack:
        await attack.create()
        assert (await attack.file(victim.inbox / "rows.csv")).is_error
    assert victim.leaks() == []


async def test_a_file_swapped_for_a_link_after_it_was_looked_at_is_not_read(victim: Victim) -> None:
    planted = victim.plant(victim.elsewhere / "rows.csv")
    (victim.inbox / "rows.csv").write_text(table("harmless"), encoding="utf-8")
    async with victim.attack() as attack:
        await attack.create()
        assert (await attack.file(victim.inbox / "rows.csv")).state == "succeeded"
        (victim.inbox / "rows.csv").unlink()
        (victim.inbox / "rows.csv").symlink_to(planted)
        assert (await attack("prepare_data", task=TASK)).state != "succeeded"
    assert victim.leaks() == []


async def test_a_definition_that_came_from_elsewhere_reads_no_more_than_a_call(victim: Victim) -> None:
    planted = victim.plant(victim.home / ".ssh" / "id_rsa")
    async with victim.attack() as attack:
        await attack.create()
        (victim.task / "data_source.yaml").write_text(
            f"format: 1\nsources:\n- {{type: file, path: {planted}, format: csv}}\n", encoding="utf-8"
        )
        for call in ({"tool": "set_data_source"}, {"tool": "prepare_data"}, {"tool": "prepare_data", "source": 0}):
            await attack(**call, task=TASK)
    assert victim.leaks() == []
