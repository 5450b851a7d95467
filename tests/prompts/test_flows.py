"""The seven prompts, over a real in-memory client: bilingual, complete in both languages, and with live state."""

from __future__ import annotations

import json
import re
from pathlib import Path

import anyio
import pytest
from mcp import Client
from mcp.server import MCPServer

from nlp_skills.prompts import flows
from nlp_skills.resources import published
from nlp_skills.resources.language import LANGUAGES
from nlp_skills.resources.task import Task, TaskFolder
from nlp_skills.resources.workspace import Workspace

NAMES = ["coach", "tasks", "new-task", "data-source", "generate", "evaluate", "deploy"]
INSTRUCTION_BYTES = 2048


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "workspace")
    folder = TaskFolder(workspace.root / "mail")
    folder.root.mkdir(parents=True)
    folder.save(Task(name="mail", title="客服信分類", language="zh-TW", labels=["帳務", "物流"], goal="分到正確的佇列",
                     pain_point="每天早上手動分 400 封信", current_method="人工", impact="每週十小時",
                     constraints={"deadline": "五月"}))
    return workspace


@pytest.fixture
def server(workspace: Workspace) -> MCPServer:
    server: MCPServer = MCPServer("test")
    flows.register(server, workspace)
    published.register(server, workspace)
    return server


def test_the_seven_prompts_are_listed_with_titles_in_both_languages(server: MCPServer) -> None:
    async def listed() -> None:
        async with Client(server) as client:
            prompts = (await client.list_prompts()).prompts
        assert [prompt.name for prompt in prompts] == NAMES
        for prompt in prompts:
            assert re.search(r"[A-Za-z]+ · .*[\u4e00-\u9fff]", prompt.title or "")
            assert "language" in [argument.name for argument in prompt.arguments or []]
            assert not any(argument.required for argument in prompt.arguments or [])

    anyio.run(listed)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_a_prompt_holds_the_live_state_in_its_language(server: MCPServer, name: str, language: str) -> None:
    async def asked() -> str:
        async with Client(server) as client:
            result = await client.get_prompt(name, {"language": language})
        return "".join(message.content.text for message in result.messages if message.content.type == "text")

    text = anyio.run(asked)
    assert "{state}" not in text
    state = json.loads(re.search(r"```json\n(.*?)\n```", text, re.DOTALL)[1])  # type: ignore[index]
    if name == "tasks":
        assert [row["name"] for row in state["tasks"]] == ["mail"]
    else:
        assert state["next_step"]["tool"]
        said = state["message"] + state["next_step"]["say"]
        assert (sum("\u4e00" <= character <= "\u9fff" for character in said) > len(said) / 3) == (language == "zh-TW")


def test_arguments_are_completed(server: MCPServer) -> None:
    from mcp_types import PromptReference

    async def completed() -> list[str]:
        async with Client(server) as client:
            answer = await client.complete(PromptReference(name="evaluate"), {"name": "task", "value": "ma"})
        return list(answer.completion.values)

    assert anyio.run(completed) == ["mail"]


def test_every_flow_stands_in_both_languages_and_in_step() -> None:
    files = {path.name for path in flows.FLOWS.glob("*.md")}
    assert files == {f"{name}.{language}.md" for name in NAMES for language in LANGUAGES}
    for which in flows.ALL:
        english, chinese = (flows.template(which, language) for language in LANGUAGES)
        for text in (english, chinese):
            assert text.count("{state}") == 1
        assert _steps(english) == _steps(chinese), which.name
        assert _tools(english) == _tools(chinese), which.name


def test_the_instructions_fit_what_clients_show_and_name_the_first_calls() -> None:
    assert len(flows.INSTRUCTIONS.encode("utf-8")) <= INSTRUCTION_BYTES
    for named in ("coach(", "list_tasks", "compare_versions", "job_status", "next_step", "secret set",
                  "我想訓練一個模型"):
        assert named in flows.INSTRUCTIONS


def _steps(text: str) -> list[str]:
    return re.findall(r"(?m)^(\d\.|-) ", text)


def _tools(text: str) -> set[str]:
    return set(re.findall(r"`([a-z]+_[a-z_]+|coach|deploy|evaluate|undeploy|train)`", text))
