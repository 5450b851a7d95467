"""Yeses: what a step needs is asked once, in one question; only what was offered and chosen counts as one."""

from __future__ import annotations

from typing import Any

import pytest
from mcp_types import ElicitRequestParams, ElicitResult

from tests.attacks.conftest import TASK, Network, Victim, answering
from tests.tools.data.misbehaving import as_json

pytestmark = pytest.mark.anyio

VALUE = "kestrelValue7351"
YES = r"folder|資料夾|yes|allow|agree|all|允許|同意"


def _filling(content: Any, action: Any, seen: list[str]) -> Any:
    async def fills(_context: Any, asked: ElicitRequestParams) -> ElicitResult:
        seen.append(asked.model_dump_json())
        return ElicitResult.model_construct(action=action, content=content)

    return fills


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_all_that_one_call_needs_is_one_question(victim: Victim, network: Network, mode: str) -> None:
    victim.run("secret", "set", "NEWS_KEY", typed=f"{VALUE}\n")
    one, two = victim.plant(victim.elsewhere / "one" / "rows.csv"), victim.plant(victim.root / "third" / "rows.csv")
    network.web.serve("/rows", as_json([{"text": f"letter {n * n}", "label": "ab"[n % 2]} for n in range(30)]))
    seen: list[str] = []
    sources = [
        {"type": "file", "path": str(one)},
        {"type": "file", "path": str(two)},
        {"type": "api", "endpoint": "http://intranet.example/rows", "headers": {"X-Key": "${NEWS_KEY}"}, "retries": 0},
    ]
    async with victim.attack(mode=mode, elicitation_callback=answering(YES, seen)) as attack:
        await attack.create()
        said = await attack("set_data_source", task=TASK, sources=sources)
        assert len(seen) == 1, seen
        assert str(one) in seen[0] and str(two) in seen[0] and "intranet.example" in seen[0] and "NEWS_KEY" in seen[0]
        assert said.state == "succeeded" and network.requests_carrying(VALUE, "intranet.example")
        await attack("set_data_source", task=TASK, sources=sources)
        await attack("prepare_data", task=TASK)
        assert len(seen) == 1, "it was remembered"


async def test_from_a_wish_to_a_plan_with_everything_at_hand_nobody_is_asked(victim: Victim) -> None:
    victim.plant(victim.inbox / "rows.csv")
    seen: list[str] = []
    async with victim.attack(elicitation_callback=answering(YES, seen)) as attack:
        await attack.create()
        await attack.file(victim.inbox / "rows.csv")
        await attack("prepare_data", task=TASK)
        await attack("plan_training", task=TASK)
    assert seen == []


CONTENTS: dict[str, tuple[str, Any]] = {
    "nothing": ("accept", {}),
    "no content": ("accept", None),
    "other fields": ("accept", {"x": True, "root": "/", "folder": "/"}),
    "an option that was not offered": ("accept", {"answer": "everything", "choice": "/", "agreed": "perhaps"}),
    "no in words": ("accept", {"answer": "no", "choice": "no", "agreed": False}),
    "cancelled": ("cancel", None),
    "declined with a yes": ("decline", {"answer": "folder", "choice": "folder", "agreed": True}),
    "cancelled with a yes": ("cancel", {"answer": "folder", "choice": "folder", "agreed": True}),
    "a list": ("accept", {"answer": ["folder"], "choice": ["file", "folder"], "agreed": []}),
    "a number": ("accept", {"answer": 1, "choice": 1, "agreed": 2}),
}


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("legacy", kind) for kind in CONTENTS] + [("auto", kind) for kind in CONTENTS if kind != "no content"],
)  # which this client does not send
async def test_what_is_not_a_yes_opens_no_file(victim: Victim, mode: str, kind: str) -> None:
    planted, seen = victim.plant(victim.elsewhere / "rows.csv"), list[str]()
    action, content = CONTENTS[kind]
    async with victim.attack(mode=mode, elicitation_callback=_filling(content, action, seen)) as attack:
        await attack.create()
        assert (await attack.file(planted)).is_error
    assert seen, "the person was asked"
    async with victim.attack() as attack:
        assert (await attack.file(planted)).is_error
    assert victim.leaks() == []


@pytest.mark.parametrize(
    "kind", ["nothing", "an option that was not offered", "no in words", "declined with a yes", "cancelled"]
)
async def test_what_is_not_a_yes_opens_no_host_and_sends_no_secret(victim: Victim, network: Network, kind: str) -> None:
    victim.run("secret", "set", "NEWS_KEY", typed=f"{VALUE}\n")
    action, content = CONTENTS[kind]
    async with victim.attack(elicitation_callback=_filling(content, action, [])) as attack:
        await attack.create()
        await attack.api("http://intranet.example/rows", headers={"X-Key": "${NEWS_KEY}"})
    assert network.reached == [] and network.requests_carrying(VALUE) == []


async def test_a_yes_to_one_thing_is_no_yes_to_another(victim: Victim, network: Network) -> None:
    victim.run("secret", "set", "NEWS_KEY", typed=f"{VALUE}\n")
    one, other = victim.plant(victim.elsewhere / "rows.csv"), victim.plant(victim.root / "third" / "rows.csv")
    async with victim.attack(elicitation_callback=answering(YES)) as attack:
        await attack.create()
        await attack.file(one)
        await attack.api("http://intranet.example/rows")
    network.web.asked.clear()
    async with victim.attack() as attack:
        assert (await attack.file(other)).is_error
        assert (await attack.api("http://127.0.0.1:1/rows")).is_error
        await attack.api("http://intranet.example/rows", headers={"X-Key": "${NEWS_KEY}"})
    assert network.requests_carrying(VALUE) == []
