"""What the conversations and the skills tell a model to call and to read exists, with the arguments they name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml
from mcp import Client
from mcp_types import Tool

from nlp_skills.prompts import flows
from nlp_skills.resources.knowledge import SKILLS, page_names
from nlp_skills.resources.task import Task, TaskFolder
from nlp_skills.server.app import build_server
from nlp_skills.server.settings import Settings
from nlp_skills.tools.data.source import kinds

CALL = re.compile(r"`([a-z_]+)\(((?:[^`]|`(?=\)))*)\)`")
PLAIN_CALL = re.compile(r"→ ([a-z_]+)\(([^)]*)\)")
ADDRESS = re.compile(r"nlp-skills://[A-Za-z0-9/_<>.{}-]+")
VALUE = re.compile(r"(\w+)=\"(\w+)\"")
NAME = re.compile(r"`([a-z]+(?:_[a-z]+)+)`")
PAGES = sorted(
    [
        *flows.FLOWS.glob("*.md"),
        *(path for name in ("llm-coach", "task-manager", "data-pipeline") for path in (SKILLS / name).glob("*.md")),
    ]
)
# What stands between backticks and is neither a tool nor one of its arguments or answers: parts of a file or a report.
PARTS = frozenset(
    (SKILLS / "data-pipeline" / "validation.md").read_text(encoding="utf-8").replace("`", " ").replace(",", " ").split()
) | {
    "rows_to_start",
    "success_criteria",
    "data_source",
    "pain_point",
    "size_param",
    *kinds(),
    *(field for kind in kinds().values() for field in kind.model_fields),
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("workspace")
    folder = TaskFolder(root / "mail")
    folder.root.mkdir()
    folder.save(Task(name="mail", title="Mail", language="en", labels=["a", "b"]))
    return root


@pytest.fixture(scope="module")
def tools(workspace: Path) -> dict[str, Tool]:
    async def list_tools() -> list[Tool]:
        async with Client(build_server(Settings(workspace=workspace))) as client:
            return (await client.list_tools()).tools

    return {tool.name: tool for tool in anyio.run(list_tools)}


def test_every_call_named_exists_with_its_arguments(tools: dict[str, Tool]) -> None:
    unknown, seen = [], set()
    for place, text in _texts():
        for name, arguments in [*CALL.findall(text), *PLAIN_CALL.findall(text)]:
            seen.add(name)
            if name not in tools:
                unknown.append(f"{place}: {name}")
            else:
                known = tools[name].input_schema["properties"]
                unknown += [f"{place}: {name}({argument})" for argument in _names(arguments) if argument not in known]
                unknown += [
                    f"{place}: {name}({argument}={value})"
                    for argument, value in VALUE.findall(arguments)
                    if value not in _choices(known.get(argument, {}), value)
                ]
    assert not unknown
    assert len(seen) >= 12


def test_every_name_in_the_flows_is_a_tool_an_argument_or_a_part_of_an_answer(tools: dict[str, Tool]) -> None:
    known = set(tools) | PARTS | {"next_step"}
    for tool in tools.values():
        known |= set(tool.input_schema["properties"]) | set((tool.output_schema or {}).get("properties", {}))
    assert not [f"{place}: {name}" for place, text in _texts() for name in NAME.findall(text) if name not in known]


def test_every_address_named_can_be_read(workspace: Path) -> None:
    async def read(addresses: set[str]) -> list[str]:
        dead = []
        async with Client(build_server(Settings(workspace=workspace))) as client:
            for address in sorted(addresses):
                answer = await client.call_tool("read_resource", {"uri": address})
                if answer.is_error:
                    dead.append(address)
        return dead

    addresses = {
        address.rstrip(".").replace("<task>", "mail").replace("NAME", "mail")
        for _, text in _texts()
        for address in ADDRESS.findall(text)
        if not {"<page>", "<version>"} & set(re.findall("<[a-z]+>", address))
    }
    assert len(addresses) >= 4
    assert anyio.run(read, addresses) == []


def test_every_skill_and_page_is_published_in_both_languages(workspace: Path) -> None:
    async def read() -> None:
        async with Client(build_server(Settings(workspace=workspace))) as client:
            for skill in ("llm-coach", "task-manager", "data-pipeline"):
                for page in ["", *(f"/{page}" for page in page_names(skill))]:
                    for language in ("en", "zh-TW"):
                        uri = f"nlp-skills://skills/{skill}{page}?language={language}"
                        text = "".join(getattr(part, "text", "") for part in (await client.read_resource(uri)).contents)
                        han = sum("\u4e00" <= character <= "\u9fff" for character in text)
                        assert (han > 100) == (language == "zh-TW"), uri

    anyio.run(read)


def test_a_skills_main_page_leads_to_all_its_pages_and_says_when_it_is_used() -> None:

    for skill in ("llm-coach", "task-manager", "data-pipeline"):
        for suffix, when in ((".md", "Use when"), (".zh-TW.md", "時使用")):
            text = (SKILLS / skill / f"SKILL{suffix}").read_text(encoding="utf-8")
            front = yaml.safe_load(text.split("---")[1])
            assert front["name"] == skill and when in front["description"] and len(front["description"]) <= 1024
            assert set(re.findall(r"\]\(([a-z-]+)(?:\.zh-TW)?\.md\)", text)) == set(page_names(skill)), (skill, suffix)


def test_every_topic_page_says_what_it_is_for_and_when_it_was_checked() -> None:

    for path in PAGES:
        if path.parent.parent == SKILLS and not path.name.startswith("SKILL"):
            front = yaml.safe_load(path.read_text(encoding="utf-8").split("---")[1])
            assert set(front) == {"title", "description", "checked", "keywords"}, path
            assert re.fullmatch(r"20\d\d-\d\d", str(front["checked"])) and len(front["keywords"]) >= 4, path


def _texts() -> Iterator[tuple[str, str]]:
    for path in PAGES:
        yield path.name, re.sub(r"\s+", " ", path.read_text(encoding="utf-8"))
    yield "instructions", flows.INSTRUCTIONS


def _choices(schema: dict[str, Any], value: str) -> list[str]:
    """The values a schema allows; any where it does not say."""
    options = [schema, *schema.get("anyOf", [])]
    return [choice for option in options for choice in option.get("enum", [])] or [value]


def _names(arguments: str) -> list[str]:
    """The argument names of `task, changes={"a": 1}`; what stands inside brackets belongs to a value."""
    flat = arguments
    while (shorter := re.sub(r"\{[^{}]*\}|\[[^\[\]]*\]|\"[^\"]*\"", "", flat)) != flat:
        flat = shorter
    return [part.split("=")[0].strip() for part in flat.split(",") if part.strip()]
