"""The server as clients start it: a process of its own on standard input and output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from nlp_skills import __version__

OPENING = [
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
]
NOISY = """
import os, sys
from nlp_skills.server.app import build_server
server = build_server()
@server.tool()
def noisy() -> str:
    print("buffered noise")
    sys.__stdout__.write("noise to the original stream")
    os.write(1, b"noise to the descriptor\\n")
    return "done"
server.run("stdio")
"""


@pytest.mark.anyio
@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_a_real_client_is_served_in_both_protocol_eras(tmp_path: Path, mode: str, version: str) -> None:
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "nlp_skills.server.cli"],
        env={**os.environ, "NLP_SKILLS_WORKSPACE": str(tmp_path)},
    )
    async with Client(parameters, mode=mode) as client:
        assert client.protocol_version == version
        assert client.server_info is not None and client.server_info.version == __version__
        assert client.instructions and len(client.instructions.encode()) <= 2048
        assert (await client.list_tools()).tools and (await client.list_prompts()).prompts
        assert (await client.list_resource_templates()).resource_templates
        called = await client.call_tool("list_tasks", {})
        assert not called.is_error and called.structured_content
        assert str(tmp_path) in json.dumps(called.structured_content)


def test_a_client_that_dies_ends_the_server_without_a_traceback(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "nlp_skills.server.cli"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "NLP_SKILLS_WORKSPACE": str(tmp_path)},
    ) as server:
        assert server.stdin and server.stdout and server.stderr
        server.stdin.write(json.dumps(OPENING[0]).encode() + b"\n")
        server.stdin.flush()
        server.stdout.readline()
        server.stdout.close()
        for message in (OPENING[1], {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}):
            server.stdin.write(json.dumps(message).encode() + b"\n")
        server.stdin.close()
        assert server.wait(60) == 0 and b"Traceback" not in server.stderr.read()


def test_nothing_but_the_protocol_reaches_standard_output(tmp_path: Path) -> None:
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "noisy", "arguments": {}}}
    received, log = converse(["-c", NOISY], [*map(json.dumps, (*OPENING, call))], tmp_path)
    assert [message["id"] for message in received] == [1, 2]
    assert received[1]["result"]["content"][0]["text"] == "done"
    assert "buffered noise" in log and "noise to the original stream" in log and "noise to the descriptor" in log


def test_a_line_that_is_no_message_does_not_end_the_server(tmp_path: Path) -> None:
    wrong = ["not json", "[]", '{"jsonrpc": "2.0", "id": 7, "method": "no/such"}']
    listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    sent = [*map(json.dumps, OPENING), *wrong, json.dumps(listing)]
    received, _ = converse(["-m", "nlp_skills.server.cli"], sent, tmp_path)
    answers = {message["id"]: message for message in received if "id" in message}
    assert answers[7]["error"]["code"] == -32601
    assert answers[2]["result"]["tools"]


def converse(arguments: list[str], lines: list[str], folder: Path) -> tuple[list[dict[str, Any]], str]:
    """Start a server, write `lines` to it, and return every message it wrote (until after answer 2) and its log."""
    environment = {**os.environ, "NLP_SKILLS_WORKSPACE": str(folder / "workspace")}
    received = []
    with (folder / "log").open("w+b") as log:
        with subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            encoding="utf-8",
            env=environment,
        ) as server:
            assert server.stdin and server.stdout
            server.stdin.write("\n".join(lines) + "\n")
            server.stdin.flush()
            for line in server.stdout:
                received.append(json.loads(line))
                if received[-1].get("id") == 2:
                    server.stdin.close()
            server.wait(timeout=30)
        log.seek(0)
        return received, log.read().decode("utf-8")
