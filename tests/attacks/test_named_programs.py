"""A program that a call names, or that a recorded deployment names, is not run."""

from __future__ import annotations

import pytest

from nlp_skills.resources.foundation.errors import DeploymentError
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.deploy.target import known_settings, target
from tests.attacks.conftest import TASK, Victim
from tests.tools.tasks.conftest import fill_data, write_version

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("kind", ["gguf", "ollama"])
async def test_no_setting_says_where_the_converter_stands(kind: str, victim: Victim) -> None:
    folder = victim.inbox / "llama.cpp"
    folder.mkdir()
    (folder / "convert_hf_to_gguf.py").write_text("raise SystemExit('mine')\n", encoding="utf-8")
    with pytest.raises(DeploymentError):
        target(kind, {"llama_cpp": str(folder)})
    assert known_settings(kind, {"llama_cpp": str(folder), "pre_tokenizer": "gpt-2"}) == {"pre_tokenizer": "gpt-2"}
    async with victim.attack() as attack:
        await attack.create()
        write_version(fill_data(TaskFolder(victim.task)), 0.9)
        said = await attack(
            "deploy",
            task=TASK,
            version="v1",
            target=kind,
            override_reason="agreed",
            settings={"llama_cpp": str(folder)},
        )
    assert said.is_error
    assert "settings.llama_cpp" in said.text
