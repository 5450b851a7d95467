"""The Claude Code plugin: everything the documentation of its format asks for, built from the flows and the skills."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from nlp_skills import __version__
from nlp_skills.prompts import flows
from nlp_skills.resources.foundation.files import parse_yaml
from nlp_skills.resources.foundation.language import LANGUAGES
from nlp_skills.server.app import build_server
from nlp_skills.server.cli import HOOKS, main
from nlp_skills.server.client import ClientError
from nlp_skills.server.plugin import CALLS, build_plugin
from nlp_skills.server.settings import Settings
from nlp_skills.tools.coach.intent import understand

SEVEN = {"coach", "tasks", "new-task", "data-source", "generate", "evaluate", "deploy"}
FOUR = {"goal-clarifier", "data-source-advisor", "problem-diagnoser", "result-analyzer"}
# code.claude.com/docs/en/plugins-reference, /skills, /sub-agents and /hooks, November 2026
MANIFEST_FIELDS = {
    "name",
    "displayName",
    "version",
    "description",
    "author",
    "homepage",
    "repository",
    "license",
    "keywords",
    "commands",
    "agents",
    "skills",
    "hooks",
    "mcpServers",
    "lspServers",
    "outputStyles",
    "userConfig",
    "channels",
    "dependencies",
    "defaultEnabled",
}
COMMAND_FIELDS = {
    "description",
    "argument-hint",
    "allowed-tools",
    "disallowed-tools",
    "model",
    "disable-model-invocation",
}
AGENT_FIELDS = {
    "name",
    "description",
    "model",
    "effort",
    "maxTurns",
    "tools",
    "disallowedTools",
    "skills",
    "memory",
    "background",
    "isolation",
    "color",
}  # a plugin's agents take no hooks, mcpServers or permissionMode
CALL = re.compile(r"`([a-z_]+)\(")


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("外掛") / "plugin"
    return build_plugin(folder, Settings(workspace=folder.parent / "workspace"))


def front_and_body(path: Path) -> tuple[dict[str, Any], str]:
    _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    return dict(parse_yaml(front)), body


def content_of(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_manifest_and_the_marketplace_say_the_same(plugin: Path) -> None:
    manifest = content_of(plugin / ".claude-plugin" / "plugin.json")
    assert set(manifest) <= MANIFEST_FIELDS and manifest["author"]["name"]
    assert (manifest["name"], manifest["version"]) == ("nlp-skills", __version__)
    marketplace = content_of(plugin / ".claude-plugin" / "marketplace.json")
    (listed,) = marketplace["plugins"]
    assert marketplace["name"] and marketplace["owner"]["name"] and listed["source"] == "./"
    assert {key: manifest[key] for key in ("name", "version", "description")}.items() <= listed.items()


def test_the_seven_commands_stand_there_by_name_in_both_languages(plugin: Path) -> None:
    assert {path.stem for path in (plugin / "commands").iterdir()} == SEVEN
    for path in (plugin / "commands").iterdir():
        front, body = front_and_body(path)
        assert front.keys() <= COMMAND_FIELDS and re.search(r"[a-z].*[\u4e00-\u9fff]", front["description"])
        assert body.count("$ARGUMENTS") == 1
        assert body.count("<flow language=") == body.count("</flow>") == 2


def test_the_four_agents_say_when_to_use_them_and_who_they_work_for(plugin: Path) -> None:
    assert {path.stem for path in (plugin / "agents").iterdir()} == FOUR
    for path in (plugin / "agents").iterdir():
        front, body = front_and_body(path)
        assert front.keys() <= AGENT_FIELDS and front["name"] == path.stem
        assert "Use proactively" in front["description"] and "主動使用" in front["description"]
        assert "cannot speak with the person" in body


def test_no_state_is_left_in_a_file_and_every_call_is_to_a_tool_there_is(plugin: Path) -> None:
    known = {tool.name for tool in build_server(Settings())._tool_manager.list_tools()}
    for path in [*(plugin / "commands").iterdir(), *(plugin / "agents").iterdir()]:
        body = path.read_text(encoding="utf-8")
        assert "{state}" not in body
        calls = set(CALL.findall(body))
        assert calls and calls <= known, (path.name, calls - known)


@pytest.mark.parametrize(
    ("name", "intent"),
    [
        ("data-source", "source_help"),
        ("data-source-advisor", "source_help"),
        ("generate", "generate_project"),
        ("deploy", "deploy"),
        ("evaluate", ""),
    ],
)
def test_the_coach_understands_the_calls_that_stand_for_the_state(name: str, intent: str) -> None:
    for call in CALLS[name]:
        said = understand(re.sub(r"<[^>]*>", "v2", call.partition('"')[2].rstrip('")')))
        assert said.intent == intent and (name not in ("deploy", "evaluate") or said.versions == ["v2"])


def test_the_texts_are_the_flows_own(plugin: Path) -> None:
    for flow in flows.ALL:
        folder = "agents" if flow.name in FOUR else "commands"
        body = (plugin / folder / f"{flow.name}.md").read_text(encoding="utf-8")
        for language in LANGUAGES:
            before, _, after = flows.template(flow, language).partition("{state}")
            assert before.strip() in body and after.strip() in body


def test_the_four_skills_are_described_in_both_languages_and_have_no_dead_link(plugin: Path) -> None:
    skills = plugin / "skills"
    assert {path.name for path in skills.iterdir()} == {"llm-coach", "llm-knowledge", "task-manager", "data-pipeline"}
    for skill in skills.iterdir():
        front, body = front_and_body(skill / "SKILL.md")
        assert front["name"] == skill.name and re.fullmatch(r"[a-z0-9-]{1,64}", skill.name)
        assert len(front["description"]) <= 1024 and re.search(r"[\u4e00-\u9fff]", front["description"])
        assert "SKILL.zh-TW.md" in body and (skill / "SKILL.zh-TW.md").is_file()
        for page in skill.glob("*.md"):
            links = re.findall(r"\]\(([^)\s#]+)", page.read_text(encoding="utf-8"))
            assert not [link for link in links if "://" not in link and not (page.parent / link).exists()], page


def test_the_hooks_run_as_they_are_written_down(plugin: Path, tmp_path: Path) -> None:
    declared = content_of(plugin / "hooks" / "hooks.json")
    assert set(declared) <= {"description", "hooks"} and set(declared["hooks"]) == {"PostToolUse"}
    (group,) = declared["hooks"]["PostToolUse"]
    assert re.fullmatch(group["matcher"], "Write") and re.fullmatch(group["matcher"], "Edit")
    assert [hook["args"][-1] for hook in group["hooks"]] == list(HOOKS)
    event = json.dumps({"cwd": str(tmp_path), "tool_name": "Write", "tool_input": {"file_path": "main.py"}})
    for hook in group["hooks"]:
        assert hook["type"] == "command" and 0 < hook["timeout"] <= 60
        done = subprocess.run(
            [hook["command"], *hook["args"]], input=event, capture_output=True, text=True, check=False, timeout=60
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.anyio
async def test_the_server_starts_as_it_is_written_down(plugin: Path) -> None:
    (server,) = content_of(plugin / ".mcp.json")["mcpServers"].values()
    parameters = StdioServerParameters(
        command=server["command"], args=server["args"], env={"PATH": "/usr/bin:/bin", **server["env"]}
    )
    async with Client(parameters) as client:
        assert {prompt.name for prompt in (await client.list_prompts()).prompts} >= SEVEN | FOUR
        assert "coach" in {tool.name for tool in (await client.list_tools()).tools}


def test_a_portable_one_carries_its_wheel_and_names_nothing_of_this_machine(tmp_path: Path) -> None:
    folder = build_plugin(tmp_path / "plugin", Settings(), portable=True)
    server = content_of(folder / ".mcp.json")["mcpServers"]["nlp-skills"]
    wheel = server["args"][1].replace("${CLAUDE_PLUGIN_ROOT}", str(folder))
    assert server["command"] == "uvx" and Path(wheel).is_file()
    told = "".join(path.read_text(encoding="utf-8") for path in (folder / ".mcp.json", folder / "hooks" / "hooks.json"))
    assert sys.executable not in told and str(Path.home()) not in told


def test_building_again_replaces_an_earlier_build_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "plugin"
    assert main(["plugin", str(folder), "--language", "zh-TW"]) == 0
    (folder / "commands" / "gone.md").write_text("old", encoding="utf-8")
    assert main(["plugin", str(folder)]) == 0
    assert not (folder / "commands" / "gone.md").exists() and [path.name for path in tmp_path.iterdir()] == ["plugin"]
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(ClientError, match="holds something else"):
        build_plugin(mine, Settings())
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]


@pytest.mark.skipif(shutil.which("claude") is None, reason="Claude Code is not installed here")
def test_claude_code_itself_finds_nothing_wrong(plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for part in ("", ".claude-plugin/plugin.json"):
        done = subprocess.run(
            ["claude", "plugin", "validate", "--strict", str(plugin / part)],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
