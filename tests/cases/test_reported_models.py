"""The reported files that need a model: 22, 24 and 25, with the tiny one."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.cases.conftest import FILES, Office, Told, dump_lines, invent_words

pytestmark = [pytest.mark.anyio, pytest.mark.minutes]
SETTINGS = {"epochs": 1, "batch_size": 8, "max_length": 192}


@pytest.fixture
def base_model(office: Office, worker: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the tiny model in the inbox, to be spoilt."""
    monkeypatch.setenv("NLP_SKILLS_WORKER", str(worker))
    return Path(shutil.copytree(tiny_model, office.inbox / "tiny"))


async def plan_training(office: Office, base_model: Path) -> Told:
    return await office("plan_training", task=office.name, settings={**SETTINGS, "base_model": str(base_model)})


async def with_rows(office: Office) -> None:
    await office.begin(labels=["pos", "neg"])
    rows = [
        {
            "text": f"The {invent_words(number, 4)} was {'fine' if number % 2 else 'broken'}",
            "label": ["neg", "pos"][number % 2],
        }
        for number in range(60)
    ]
    await office.prepare_rows(office.put("rows.jsonl", dump_lines(rows)))


async def test_22_a_base_without_a_chat_template_is_not_planned_as_ready(office: Office, base_model: Path) -> None:
    (base_model / "chat_template.jinja").unlink()
    await with_rows(office)
    told = await plan_training(office, base_model)
    assert "template" in told.message
    assert told.refused or told.next_tool != "train"


async def test_24_a_template_that_writes_the_time_is_not_called_another_template(
    office: Office, base_model: Path
) -> None:
    template = (FILES / "24-template-with-clock/chat_template.jinja").read_text("utf-8")
    (base_model / "chat_template.jinja").write_text(template.replace("%M", "%M:%S.%f"), "utf-8")
    await with_rows(office)
    told = await plan_training(office, base_model)
    assert not told.refused, told.message
    for tool, more in (("train", {"confirm": True}), ("evaluate", {})):
        told = await office(tool, task=office.name, **more)
        assert not told.refused, told.message
    told = await office("diagnose", task=office.name)
    assert not told.refused, told.message
    assert not re.search("(another|different|other).{0,30}template", told.everything)


async def test_25_control_tokens_in_texts_are_named(office: Office, base_model: Path) -> None:
    await office.begin(labels=["pos", "neg"])
    await office.prepare_rows(office.copy("25-special-tokens-in-text/inj.jsonl"))
    answers = [await plan_training(office, base_model), await office("train", task=office.name, confirm=True)]
    assert not answers[-1].refused, answers[-1].message
    said = "".join(told.everything for told in answers)
    said += "".join(path.read_text("utf-8") for path in office.folder.glob("versions/v1/*.json*"))
    assert re.search(r"(control|special)[ _]token|<\|im_end\|>", said)
