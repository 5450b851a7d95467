"""Text that is no address, wherever an address is taken: told in words, by whatever tool."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.attacks.conftest import TASK, Attack, Said, Victim
from tests.attacks.test_secrets import _write_unlabelled

pytestmark = pytest.mark.anyio

ADDRESSES = {
    "open bracket": "http://[::1",
    "future address": "http://[v1.x]/v1",
    "port too large": "http://good.example:99999/v1",
    "port of letters": "http://good.example:port/v1",
    "compatibility sign": "http://good.example\u2100/v1",
    "space": "http://good example/v1",
    "no host": "http:///v1",
    "nothing": "http://",
    "control character": "http://good.example\x01/v1",
    "login only": "http://me:x@/v1",
}


async def _deploy(attack: Attack, url: str, target: str = "endpoint") -> Said:
    settings = {"endpoint": {"url": url, "model": "m"}, "vllm": {"url": url}, "ollama": {"url": url}}[target]
    return await attack("deploy", task=TASK, target=target, settings=settings)


TOOLS: dict[str, Callable[[Attack, str], Any]] = {
    "api": lambda attack, url: attack.api(url),
    "page": lambda attack, url: attack.source(type="web_scrape", urls=[url]),
    "sitemap": lambda attack, url: attack.source(type="web_scrape", sitemaps=[url]),
    "generation": lambda attack, url: attack.source(
        type="llm_generated", prompt_template="{count} {label}", model="m", base_url=url, count=2
    ),
    "database": lambda attack, url: attack.source(
        type="database", connection=url.replace("http", "postgresql"), query="SELECT 1"
    ),
    "mysql": lambda attack, url: attack.source(
        type="database", connection=url.replace("http", "mysql"), query="SELECT 1"
    ),
    "tried model": lambda attack, url: attack("try_model", task=TASK, model="m", url=url, text="x", confirm=True),
    "tried Ollama": lambda attack, url: attack(
        "try_model", task=TASK, model="ollama:m", url=url, text="x", confirm=True
    ),
    "proposer": lambda attack, url: attack(
        "add_examples", task=TASK, action="propose", by="endpoint", settings={"model": "m", "base_url": url}
    ),
    "model as proposer": lambda attack, url: attack(
        "add_examples", task=TASK, action="propose", by="endpoint:m", settings={"url": url}
    ),
    "deployed": _deploy,
    "vLLM": lambda attack, url: _deploy(attack, url, "vllm"),
    "Ollama": lambda attack, url: _deploy(attack, url, "ollama"),
    "machine": lambda attack, url: attack("set_up", what="machine", name="far", settings={"host": url}),
    "base model": lambda attack, url: attack("set_up", what="base_model", name=url),
    "resource": lambda attack, url: attack("read_resource", uri=url),
}


@pytest.mark.parametrize("kind", ADDRESSES)
async def test_what_is_no_address_is_told_in_words(victim: Victim, kind: str) -> None:
    async with victim.attack() as attack:
        await attack.create()
        await _write_unlabelled(attack)
        for tool, connect in TOOLS.items():
            said = await connect(attack, ADDRESSES[kind])
            assert said.is_error, (tool, said.text)
            for internal in ("internal error", "unexpected error", "Error)", "Error:", "Errno", "Traceback"):
                assert internal not in said.text, (tool, said.text)
