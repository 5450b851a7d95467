"""What a client sees of the server, pinned: names, schemas, their cost in tokens, prompts and resources."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from inline_snapshot import external_file
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp_types import Tool

import nlp_skills
from nlp_skills.resources.task import TASK_TYPES
from nlp_skills.server.app import build_server
from nlp_skills.server.settings import TOOLSETS, Settings
from nlp_skills.tools.deploy.target import target_names

pytestmark = pytest.mark.anyio

MOST_TOOLS, MOST_TOKENS = 20, 3800
CUT_BY_CLIENTS_BYTES = 2048
CHARACTERS_PER_TOKEN = 4
MOST_BYTES = 32_000
PROMPTS = [
    "coach",
    "data-source",
    "data-source-advisor",
    "deploy",
    "evaluate",
    "generate",
    "goal-clarifier",
    "new-task",
    "problem-diagnoser",
    "result-analyzer",
    "tasks",
]
HAN = re.compile(r"[\u4e00-\u9fff]")


async def tools_of(settings: Settings) -> list[Tool]:
    async with Client(build_server(settings)) as client:
        return (await client.list_tools()).tools


def cost(tool: Tool) -> float:
    schema = json.dumps(tool.input_schema, ensure_ascii=False, separators=(",", ":"))
    return (len(tool.name) + len(tool.description or "") + len(schema)) / CHARACTERS_PER_TOKEN


def without_kinds(schema: Any) -> Any:
    """The schema with the kinds that are one file each left open: a new one changes no snapshot."""
    if isinstance(schema, dict):
        return {name: without_kinds(value) for name, value in schema.items()}
    return (
        {", ".join(target_names()): "<targets>"}.get(schema, schema)
        if isinstance(schema, str)
        else (["<types of task>"] if schema == [*TASK_TYPES] else schema)
    )


async def test_names_descriptions_and_schemas_are_as_pinned(settings: Settings) -> None:
    """After a change made on purpose: pytest tests/server/test_surface.py --inline-snapshot=fix"""
    seen: dict[str, Any] = {
        tool.name: {
            "title": tool.title,
            "description": tool.description,
            "input": without_kinds(tool.input_schema),
            "output": sorted((tool.output_schema or {}).get("properties", {})),
            "annotations": tool.annotations.model_dump(exclude_none=True) if tool.annotations else None,
        }
        for tool in await tools_of(settings)
    }
    assert seen == external_file("surface.json")


async def test_the_tools_fit_the_budget(settings: Settings) -> None:
    tools = await tools_of(settings)
    assert len(tools) <= MOST_TOOLS
    assert sum(map(cost, tools)) <= MOST_TOKENS, {tool.name: round(cost(tool)) for tool in tools}


async def test_the_whole_list_as_it_travels_fits_the_budget(tmp_path: Path) -> None:
    """Over standard input and output, as a client asks for it."""
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "nlp_skills.server.cli"],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(nlp_skills.__file__).parent.parent),
            "NLP_SKILLS_WORKSPACE": str(tmp_path),
        },
    )
    async with Client(server) as client:
        answer = (await client.list_tools()).model_dump(mode="json", by_alias=True, exclude_none=True)
    assert len(answer["tools"]) > 1
    assert len(json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()) <= MOST_BYTES


async def test_what_a_program_acts_on_is_promised_in_every_answer(settings: Settings) -> None:
    for tool in await tools_of(settings):
        promised = (tool.output_schema or {})["properties"]
        assert set(promised["next_step"]["properties"]) == {"say", "tool", "arguments"}, tool.name
        if "job" in promised:
            assert {"id", "state", "progress", "result"} <= set(promised["job"]["properties"]), tool.name
            assert "queued" in promised["job"]["properties"]["state"]["enum"], tool.name


async def test_every_tool_is_annotated_titled_in_both_languages_and_answers_with_a_next_step(
    settings: Settings,
) -> None:
    for tool in await tools_of(settings):
        assert tool.annotations and tool.annotations.read_only_hint is not None, tool.name
        assert tool.annotations.read_only_hint or tool.annotations.destructive_hint is not None, tool.name
        assert tool.title and "·" in tool.title and HAN.search(tool.title), tool.name
        assert tool.description and HAN.search(tool.description), tool.name
        assert len(tool.description.encode()) <= CUT_BY_CLIENTS_BYTES, tool.name
        assert re.fullmatch(r"[a-z_]{1,64}", tool.name)
        assert tool.output_schema and {"message", "next_step"} <= set(tool.output_schema["properties"]), tool.name


async def test_there_are_seven_commands_and_four_agents_with_titles_in_both_languages(settings: Settings) -> None:
    async with Client(build_server(settings)) as client:
        prompts = (await client.list_prompts()).prompts
        assert sorted(prompt.name for prompt in prompts) == PROMPTS
        for prompt in prompts:
            assert prompt.title and HAN.search(prompt.title) and re.search(r"[A-Za-z]", prompt.title)
        assert client.instructions and len(client.instructions.encode()) <= CUT_BY_CLIENTS_BYTES


async def test_every_noun_is_a_resource(settings: Settings) -> None:
    async with Client(build_server(settings)) as client:
        known = {resource.uri for resource in (await client.list_resources()).resources}
        known |= {
            template.uri_template.partition("{?")[0]
            for template in (await client.list_resource_templates()).resource_templates
        }
    task = "nlp-skills://tasks/{task}"
    assert {str(uri) for uri in known} >= {
        "nlp-skills://tasks",
        task,
        f"{task}/data-source",
        f"{task}/versions",
        f"{task}/versions/{{version}}",
        f"{task}/lineage",
        f"{task}/jobs",
    }


async def test_toolsets_choose_which_verbs_are_offered(tmp_path: Path) -> None:
    whole = {tool.name for tool in await tools_of(Settings(workspace=tmp_path))}
    parts = [
        {tool.name for tool in await tools_of(Settings(workspace=tmp_path, toolsets=(name,)))} for name in TOOLSETS
    ]
    assert all(parts) and set.union(*parts) == whole and sum(map(len, parts)) == len(whole)


async def test_read_only_offers_the_tools_that_change_nothing(tmp_path: Path) -> None:
    offered = await tools_of(Settings(workspace=tmp_path, read_only=True))
    assert {"coach", "list_tasks", "read_resource", "job_status", "compare_versions"} <= {t.name for t in offered}
    assert not {"create_task", "train", "deploy", "set_up"} & {tool.name for tool in offered}


async def test_a_list_of_resources_reads_as_words_not_as_addresses(settings: Settings) -> None:
    async with Client(build_server(settings)) as client:
        listed = [resource.name for resource in (await client.list_resources()).resources]
        listed += [template.name for template in (await client.list_resource_templates()).resource_templates]
    assert {"tasks", "task", "version", "version-lineage", "job", "skill-page"} <= {*listed}
    assert len({*listed}) == len(listed), "two resources share a name"
    assert all(not {"tasks", "versions"} & {*name.split("-")[:-1]} for name in listed), listed
