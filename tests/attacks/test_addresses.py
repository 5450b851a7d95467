"""A3. Metadata addresses are never reached, private ones only where a person allowed the host; errors echo no body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.attacks.conftest import TASK, WORD, Attack, Network, Said, Victim, answering
from tests.attacks.test_secrets import _write_unlabelled
from tests.tools.data.misbehaving import Said as Reply
from tests.tools.data.misbehaving import as_json

pytestmark = pytest.mark.anyio

NEVER = (
    "169.254.",
    "fe80:",
    "fd00:ec2::254",
    "100.100.100.200",
    "::ffff:169.254.",
    "64:ff9b::a9fe:a9fe",
    "::ffff:a9fe:",
    "2002:a9fe:",
    "192.0.0.192",
)
METADATA = {
    "plain": "169.254.169.254",
    "other link-local": "169.254.170.2",
    "decimal": "2852039166",
    "hexadecimal": "0xA9FEA9FE",
    "octal": "0251.0376.0251.0376",
    "mixed": "0xa9.254.0251.254",
    "short": "169.254.43518",
    "padded": "0169.0254.0169.0254",
    "mapped": "[::ffff:169.254.169.254]",
    "mapped in hexadecimal": "[::ffff:a9fe:a9fe]",
    "NAT64": "[64:ff9b::169.254.169.254]",
    "6to4": "[2002:a9fe:a9fe::]",
    "of AWS": "[fd00:ec2::254]",
    "link-local of IPv6": "[fe80::1]",
    "of Alibaba": "100.100.100.200",
    "of Oracle": "192.0.0.192",
    "of Google": "metadata.google.internal",
    "short of Google": "metadata",
    "with a last dot": "metadata.google.internal.",
    "upper case": "METADATA.GOOGLE.INTERNAL",
    "name": "cloud.example",
    "name to IPv6": "cloud6.example",
    "name to mapped": "mapped.example",
    "name to NAT64": "nat64.example",
    "user in front": "good.example@169.254.169.254",
    "full-width": "１６９.254.169.254",
    "other dots": "169。254。169。254",
    "circled": "①⑥⑨.254.169.254",
    "changing its answer": "rebinding.example",
}
PRIVATE = {
    "loopback": "127.0.0.1",
    "other loopback": "127.8.8.8",
    "localhost": "localhost",
    "decimal": "2130706433",
    "short": "127.1",
    "nothing": "0.0.0.0",
    "zero": "0",
    "loopback of IPv6": "[::1]",
    "unspecified of IPv6": "[::]",
    "mapped": "[::ffff:127.0.0.1]",
    "office": "10.0.0.5",
    "home": "192.168.1.1",
    "docker": "172.17.0.1",
    "carrier": "100.64.0.1",
    "unique local": "[fd12::1]",
    "name": "intranet.example",
    "octal": "012.0.0.5",
}
Connecting = Callable[[Attack, str], Any]


async def _api(attack: Attack, host: str, **more: Any) -> Said:
    return await attack.api(f"http://{host}/rows", **more)


async def _scrape(attack: Attack, host: str) -> Said:
    return await attack.source(type="web_scrape", urls=[f"http://{host}/rows"], delay_seconds=0, retries=0)


async def _sitemap(attack: Attack, host: str) -> Said:
    return await attack.source(type="web_scrape", sitemaps=[f"http://{host}/rows"], delay_seconds=0, retries=0)


async def _generate(attack: Attack, host: str) -> Said:
    said = await attack.source(
        type="llm_generated",
        prompt_template="{count} {label}",
        model="m",
        retries=0,
        count=2,
        base_url=f"http://{host}/v1",
        price_per_million_input=0,
        price_per_million_output=0,
    )
    await attack("prepare_data", task=TASK, confirm=True)
    return said


async def _postgres(attack: Attack, host: str) -> Said:
    return await attack.source(
        type="database",
        connection=f"postgresql://me:x@{host}:5432/db",
        query="SELECT 1",
        retries=0,
        connect_timeout_seconds=3,
    )


async def _mysql(attack: Attack, host: str) -> Said:
    return await attack.source(
        type="database",
        connection=f"mysql://me:x@{host}:3306/db",
        query="SELECT 1",
        retries=0,
        connect_timeout_seconds=3,
    )


async def _try(attack: Attack, host: str) -> Said:
    return await attack("try_model", task=TASK, model="m", url=f"http://{host}/v1", text="x", confirm=True)


async def _propose(attack: Attack, host: str) -> Said:
    await _write_unlabelled(attack)
    return await attack(
        "add_examples",
        task=TASK,
        action="propose",
        by="endpoint",
        confirm=True,
        settings={
            "model": "m",
            "base_url": f"http://{host}/v1",
            "limit": 2,
            "price_per_million_input": 0,
            "price_per_million_output": 0,
        },
    )


TOOLS: dict[str, Connecting] = {
    "api": _api,
    "page": _scrape,
    "sitemap": _sitemap,
    "generation": _generate,
    "postgres": _postgres,
    "mysql": _mysql,
    "tried model": _try,
    "proposer": _propose,
}


def _addresses_met(network: Network) -> list[str]:
    return [address for address in network.reached if address.lower().startswith(NEVER)]


@pytest.mark.parametrize(
    ("tool", "written"),
    [("api", written) for written in METADATA]
    + [
        ("tried model", written)
        for written in ("plain", "decimal", "mapped in hexadecimal", "of AWS", "of Alibaba", "full-width")
    ],
)
async def test_a_metadata_address_is_never_reached(victim: Victim, network: Network, tool: str, written: str) -> None:
    host = METADATA[written]
    async with victim.attack() as attack:
        await attack.create()
        said = await TOOLS[tool](attack, host)
    assert _addresses_met(network) == []
    assert said.is_error or written == "changing its answer"


@pytest.mark.parametrize("tool", TOOLS)
async def test_no_tool_reaches_a_metadata_address(victim: Victim, network: Network, tool: str) -> None:
    async with victim.attack() as attack:
        await attack.create()
        await TOOLS[tool](attack, "cloud.example")
    assert _addresses_met(network) == []


@pytest.mark.parametrize(
    ("tool", "host"),
    [
        ("api", "169.254.169.254"),
        ("api", "cloud.example"),
        ("tried model", "metadata.google.internal"),
        ("tried model", "[fd00:ec2::254]"),
    ],
)
async def test_not_even_a_person_can_allow_a_metadata_address(
    victim: Victim, network: Network, tool: str, host: str
) -> None:
    _allow_host(victim, host)
    async with victim.attack(elicitation_callback=answering("yes|allow|host|允許|同意")) as attack:
        await attack.create()
        await TOOLS[tool](attack, host)
    assert _addresses_met(network) == []


def _allow_host(victim: Victim, host: str) -> None:
    """A host bound to a secret is thereby allowed."""
    victim.run("secret", "set", "SOME_KEY", "--host", host, typed="nothingofinterest\n")


@pytest.mark.parametrize(
    ("tool", "to"),
    [
        ("api", "http://169.254.169.254/latest"),
        ("api", "http://[::ffff:a9fe:a9fe]/"),
        ("page", "http://cloud.example/x"),
        ("tried model", "http://169.254.169.254/latest"),
        ("tried model", "http://cloud.example/x"),
    ],
)
async def test_a_redirect_leads_to_no_metadata_address(victim: Victim, network: Network, tool: str, to: str) -> None:
    for path in ("/rows", "/v1/models", "/v1/chat/completions"):
        network.web.serve(path, Reply(status=302, headers={"Location": to}))
    async with victim.attack() as attack:
        await attack.create()
        await TOOLS[tool](attack, "good.example")
    assert _addresses_met(network) == []


@pytest.mark.parametrize(
    ("tool", "written"),
    [("api", written) for written in PRIVATE]
    + [("tried model", written) for written in ("loopback", "short", "loopback of IPv6", "office", "name")],
)
async def test_a_private_address_is_not_reached_unless_a_person_allowed_it(
    victim: Victim, network: Network, tool: str, written: str
) -> None:
    host = f"{PRIVATE[written]}:{network.web.port}"
    async with victim.attack() as attack:
        await attack.create()
        said = await TOOLS[tool](attack, host)
    assert network.web.asked == [] and said.is_error


@pytest.mark.parametrize("tool", TOOLS)
async def test_no_tool_reaches_a_private_address_by_itself(victim: Victim, network: Network, tool: str) -> None:
    async with victim.attack() as attack:
        await attack.create()
        await TOOLS[tool](attack, "intranet.example")
    assert network.reached == []


@pytest.mark.parametrize(
    "fields",
    [
        {"allow_hosts": ["127.0.0.1"]},
        {"allow_hosts": ["*"]},
        {"confirm": True},
        {"allow_private": True, "allow_hosts": "all"},
    ],
)
async def test_no_argument_allows_a_private_address(victim: Victim, network: Network, fields: dict[str, Any]) -> None:
    source = {"type": "api", "endpoint": f"http://127.0.0.1:{network.web.port}/rows", "retries": 0, **fields}
    async with victim.attack() as attack:
        await attack.create()
        await attack("set_data_source", task=TASK, sources=[source], confirm=True)
        await attack("prepare_data", task=TASK, confirm=True, accept={"addresses": "the person agreed"})
    assert network.web.asked == []


async def test_a_redirect_leads_to_no_private_address(victim: Victim, network: Network) -> None:
    network.web.serve("/moved", Reply(status=302, headers={"Location": f"http://127.0.0.1:{network.web.port}/rows"}))
    async with victim.attack() as attack:
        await attack.create()
        await attack.api("http://good.example/moved", allow_hosts=["127.0.0.1"])
    assert "/rows" not in network.web.paths()


@pytest.mark.parametrize(
    ("tool", "host"),
    [
        ("api", "127.0.0.1"),
        ("api", "intranet.example"),
        ("page", "intranet.example"),
        ("tried model", "127.0.0.1"),
        ("generation", "intranet.example"),
    ],
)
async def test_a_host_bound_to_a_secret_is_allowed(victim: Victim, network: Network, tool: str, host: str) -> None:
    _allow_host(victim, host)
    async with victim.attack() as attack:
        await attack.create()
        await TOOLS[tool](attack, f"{host}:{network.web.port}")
    assert network.web.asked


@pytest.mark.parametrize("mode", ["legacy", "auto"])
@pytest.mark.parametrize("choice", ["yes|allow|host|允許|同意", ""], ids=["yes", "declined"])
@pytest.mark.parametrize("tool", ["api", "tried model"])
async def test_a_form_allows_a_private_host_and_is_remembered(
    victim: Victim, network: Network, tool: str, choice: str, mode: str
) -> None:
    seen: list[str] = []
    async with victim.attack(mode=mode, elicitation_callback=answering(choice, seen)) as attack:
        await attack.create()
        await TOOLS[tool](attack, "intranet.example")
    assert any("intranet.example" in asked for asked in seen)
    assert bool(network.web.asked) is bool(choice)
    network.web.asked.clear()
    async with victim.attack() as attack:
        await TOOLS[tool](attack, "intranet.example")
    assert bool(network.web.asked) is bool(choice)


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "http://169.254.169.254", "cloud.example:80", "http://cloud.example:80"]
)
async def test_ollama_is_not_asked_at_a_metadata_address(
    victim: Victim, network: Network, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", host)
    async with victim.attack() as attack:
        await attack.create()
        await attack("try_model", task=TASK, model="ollama:m", text="x", confirm=True)
    assert _addresses_met(network) == []


async def test_ollama_is_asked_where_the_person_says_it_listens(
    victim: Victim, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{network.web.port}")
    network.web.serve("/api/tags", as_json({"models": [{"name": "m:latest", "model": "m:latest", "size": 1}]}))
    async with victim.attack() as attack:
        await attack.create()
        await attack("try_model", task=TASK, model="ollama:m", text="x", confirm=True)
    assert network.web.asked


BODIES = {
    "500": Reply(f"<html>root:{WORD} is the password</html>".encode(), 500, {"Content-Type": "text/html"}),
    "404": Reply(f"{WORD}".encode(), 404, {"Content-Type": "text/plain"}),
    "401": as_json({"error": {"message": WORD, "type": WORD, "code": WORD}}, 401),
    "403": as_json({"message": WORD, "detail": WORD}, 403, X_Note=WORD),
    "429": as_json({"error": WORD}, 429, Retry_After="0"),
    "no JSON": Reply(f"{WORD} and nothing else".encode(), 200, {"Content-Type": "application/json"}),
    "no JSON, as text": Reply(f"SSH-2.0-{WORD}\r\n".encode(), 200, {"Content-Type": "text/plain"}),
    "no rows": as_json({"note": WORD, "kept": {WORD: 1}}),
    "redirect": Reply(WORD.encode(), 302, {"Location": "http://evil.example/next"}),
}


@pytest.mark.parametrize(
    ("tool", "body"),
    [(tool, body) for tool in ("api", "tried model") for body in BODIES]
    + [
        ("generation", "500"),
        ("generation", "401"),
        ("generation", "no JSON"),
        ("page", "500"),
        ("proposer", "500"),
        ("proposer", "401"),
        ("proposer", "no JSON"),
    ],
)
async def test_an_answers_body_is_not_echoed_into_an_error(
    victim: Victim, network: Network, tool: str, body: str
) -> None:
    for path in ("/rows", "/v1/models", "/v1/chat/completions"):
        network.web.serve(path, BODIES[body])
    async with victim.attack() as attack:
        await attack.create()
        await TOOLS[tool](attack, "good.example")
    assert network.web.asked
    assert victim.leaks() == []
