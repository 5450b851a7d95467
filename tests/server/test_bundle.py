"""The Claude Desktop bundle: what the MCPB specification asks for, and a server that starts from it."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from PIL import Image

from nlp_skills import __version__
from nlp_skills.server.app import build_server
from nlp_skills.server.bundle import BUNDLE_NAME, build_bundle
from nlp_skills.server.cli import main
from nlp_skills.server.settings import Settings

# github.com/modelcontextprotocol/mcpb, schemas/mcpb-manifest-v0.4.schema.json: fields, and those that must stand
MANIFEST_FIELDS = {
    "manifest_version",
    "name",
    "display_name",
    "version",
    "description",
    "long_description",
    "author",
    "repository",
    "homepage",
    "documentation",
    "support",
    "icon",
    "icons",
    "screenshots",
    "localization",
    "server",
    "tools",
    "tools_generated",
    "prompts",
    "prompts_generated",
    "keywords",
    "license",
    "privacy_policies",
    "compatibility",
    "user_config",
    "_meta",
}
REQUIRED = {"manifest_version", "name", "version", "description", "author", "server"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def unpacked(bundle: Path) -> Path:
    folder = bundle.parent / "unpacked"
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def manifest(unpacked: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((unpacked / "manifest.json").read_text(encoding="utf-8"))
    return content


def test_the_manifest_has_the_specifications_fields_and_no_others(manifest: dict[str, Any]) -> None:
    assert REQUIRED <= manifest.keys() <= MANIFEST_FIELDS
    assert manifest["manifest_version"] == "0.4" and manifest["version"] == __version__
    assert manifest["server"].keys() == {"type", "entry_point", "mcp_config"} and manifest["server"]["type"] == "uv"
    assert manifest["server"]["mcp_config"].keys() <= {"command", "args", "env", "platform_overrides"}
    for option in manifest["user_config"].values():
        assert (
            {"type", "title", "description"}
            <= option.keys()
            <= {"type", "title", "description", "required", "default", "multiple", "sensitive", "min", "max"}
        )
        assert re.search(r"[\u4e00-\u9fff]", option["title"] + option["description"])
    assert {
        name
        for value in manifest["server"]["mcp_config"]["env"].values()
        for name in re.findall(r"\$\{user_config\.(\w+)\}", value)
    } == set(manifest["user_config"])


@pytest.mark.anyio
async def test_its_tools_and_prompts_are_the_servers(manifest: dict[str, Any]) -> None:
    server = build_server(Settings())
    assert [tool["name"] for tool in manifest["tools"]] == [tool.name for tool in await server.list_tools()]
    prompts = await server.list_prompts()
    assert [prompt["name"] for prompt in manifest["prompts"]] == [prompt.name for prompt in prompts]
    assert all(tool.keys() <= {"name", "description"} for tool in manifest["tools"])
    assert all(
        prompt["text"] and prompt.keys() <= {"name", "description", "arguments", "text"}
        for prompt in manifest["prompts"]
    )


def test_everything_the_manifest_names_is_inside(unpacked: Path, manifest: dict[str, Any]) -> None:
    with Image.open(unpacked / manifest["icon"]) as icon:
        assert (icon.format, icon.size) == ("PNG", (512, 512))
    assert (unpacked / manifest["server"]["entry_point"]).is_file()
    translated = json.loads((unpacked / "mcpb-resources" / "zh-TW.json").read_text(encoding="utf-8"))
    assert translated.keys() <= manifest.keys() and all(
        re.search(r"[\u4e00-\u9fff]", text) for text in translated.values()
    )
    project = tomllib.loads((unpacked / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = unpacked / project["tool"]["uv"]["sources"]["nlp-skills"]["path"]
    with zipfile.ZipFile(wheel) as archive:
        assert "nlp_skills/server/cli.py" in archive.namelist()


@pytest.mark.anyio
@pytest.mark.parametrize("filled", [True, False])
async def test_its_server_starts_with_settings_filled_in_or_left_blank(
    unpacked: Path, manifest: dict[str, Any], tmp_path: Path, filled: bool
) -> None:
    entry = str(unpacked / manifest["server"]["entry_point"])
    chosen = {"workspace": str(tmp_path / "任務"), "language": "zh-TW"}
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", **manifest["server"]["mcp_config"]["env"]}
    for name, value in chosen.items() if filled else ():
        environment = {key: text.replace(f"${{user_config.{name}}}", value) for key, text in environment.items()}
    async with Client(StdioServerParameters(command=sys.executable, args=[entry], env=environment)) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == {tool["name"] for tool in manifest["tools"]}
        told = json.dumps((await client.call_tool("list_tasks", {})).structured_content, ensure_ascii=False)
        assert (str(tmp_path / "任務") if filled else str(tmp_path / "nlp-skills")) in told


def test_the_same_package_gives_the_same_bytes(tmp_path: Path) -> None:
    once = build_bundle(tmp_path / "once").read_bytes()
    assert main(["bundle", str(tmp_path), "--language", "zh-TW"]) == 0
    assert (tmp_path / BUNDLE_NAME).read_bytes() == once


def test_it_holds_no_path_of_this_machine(bundle: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(bundle.read_bytes())) as archive:
        for name in archive.namelist():
            if not name.endswith((".whl", ".png")):
                assert str(Path.home()) not in archive.read(name).decode("utf-8").replace("${HOME}", "")


@pytest.mark.skipif(shutil.which("mcpb") is None, reason="@anthropic-ai/mcpb is not installed here")
def test_the_specifications_own_validator_finds_nothing_wrong(unpacked: Path, tmp_path: Path) -> None:
    for arguments in (
        ["validate", str(unpacked / "manifest.json")],
        ["pack", str(unpacked), str(tmp_path / "packed.mcpb")],
    ):
        done = subprocess.run(
            ["mcpb", *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
