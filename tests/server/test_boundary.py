"""What a person reads when a call goes wrong, and in which language."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel, Field

from nlp_skills.resources.foundation.errors import DataError, TaskError
from nlp_skills.resources.foundation.files import write_json, write_yaml
from nlp_skills.resources.foundation.language import Text, spoken_language
from nlp_skills.resources.foundation.process import identity
from nlp_skills.resources.job import JobFolder, note_started
from nlp_skills.resources.workspace import Workspace
from nlp_skills.server.boundary import GuardedServer

pytestmark = pytest.mark.anyio

EMPTY = DataError(
    Text("The file is empty.", "檔案是空的。"),
    Text("Give one with rows.", "請提供有資料的檔案。"),
    field="sources[0].path",
)


class Row(BaseModel):
    text: str


def make_server(workspace: Workspace, *, read_only: bool = False) -> GuardedServer:
    server = GuardedServer(workspace=workspace, language=None, read_only=read_only, name="under-test")

    @server.tool()
    def fail_in_a_thread(language: str = "") -> str:
        raise EMPTY

    @server.tool()
    async def fail(language: str = "") -> str:
        raise EMPTY

    @server.tool()
    def fail_plainly() -> str:
        raise EMPTY

    @server.tool()
    def crash(language: str = "") -> str:
        raise RuntimeError("postgresql://ann:hunter2secret@db/x broke")

    @server.tool()
    def fill_the_disk(language: str = "") -> str:
        raise OSError(errno.ENOSPC, "No space left on device", "/data/rows.jsonl")

    @server.tool()
    def start_and_fail(language: str = "") -> str:
        job = JobFolder(workspace.jobs / "20260101-000000-000-check-abcd")
        write_json(job.spec_file, {"id": job.id, "kind": "check", "entry": [], "python": "", "created": ""})
        write_json(job.pid_file, identity(os.getpid()))
        note_started(job)
        raise EMPTY

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    def speak(message: str = "", task: str = "", job_id: str = "", language: str = "") -> str:
        return spoken_language()

    @server.tool()
    def strict(count: Annotated[int, Field(ge=1)], mode: Literal["fast", "slow"], row: Row, language: str = "") -> str:
        return "unreachable"

    @server.resource("test://{name}")
    def noun(name: str) -> str:
        if name == "missing":
            raise TaskError(Text("There is no such task.", "沒有這個任務。"), Text("List them.", "請列出任務。"))
        raise EMPTY

    @server.prompt()
    def flow(language: str = "") -> str:
        raise EMPTY

    return server


@asynccontextmanager
async def open_client(tmp_path: Path, mode: str = "auto") -> AsyncIterator[Client]:
    async with Client(make_server(Workspace(tmp_path)), mode=mode) as client:
        yield client


def text_of(result: Any) -> str:
    assert isinstance(result, CallToolResult)
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("tool", ["fail", "fail_in_a_thread"])
async def test_a_domain_error_is_told_with_problem_field_fix_and_code(tmp_path: Path, mode: str, tool: str) -> None:
    async with open_client(tmp_path, mode) as client:
        result = await client.call_tool(tool, {})
    assert result.is_error
    assert text_of(result) == "The file is empty. [sources[0].path]\n→ Give one with rows.\n(data)"


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "The disk is full: /data/rows.jsonl"), ("zh-TW", "磁碟已滿，無法寫入 /data/rows.jsonl")],
)
async def test_a_full_disk_is_told_wherever_it_was_met(tmp_path: Path, language: str, said: str) -> None:
    async with open_client(tmp_path) as client:
        told = text_of(await client.call_tool("fill_the_disk", {"language": language}))
    assert told.startswith(said) and "tidy" in told and "Errno" not in told and "OSError" not in told


async def test_a_call_that_fails_names_the_job_that_it_started(tmp_path: Path) -> None:
    async with open_client(tmp_path) as client:
        told = text_of(await client.call_tool("start_and_fail", {}))
        other = text_of(await client.call_tool("fail", {}))
    assert "job_status(job_id='20260101-000000-000-check-abcd')" in told and "job_status" not in other


@pytest.mark.parametrize("tool", ["fail", "fail_in_a_thread"])
async def test_a_domain_error_is_told_in_the_language_of_the_call(tmp_path: Path, tool: str) -> None:
    async with open_client(tmp_path) as client:
        told = text_of(await client.call_tool(tool, {"language": "zh-TW"}))
    assert told == "檔案是空的。 [sources[0].path]\n→ 請提供有資料的檔案。\n(data)"


@pytest.mark.parametrize(
    ("arguments", "spoken"),
    [
        ({}, "en"),
        ({"message": "我想訓練一個模型"}, "zh-TW"),
        ({"message": "I want to train a model", "task": "reviews"}, "en"),
        ({"message": "ok", "task": "reviews"}, "zh-TW"),
        ({"task": "reviews"}, "zh-TW"),
        ({"task": "no-such-task"}, "en"),
        ({"message": "我想訓練一個模型", "language": "en"}, "en"),
        ({"language": "klingon", "task": "reviews"}, "zh-TW"),
    ],
)
async def test_a_call_speaks_its_language_then_its_message_then_its_task(
    tmp_path: Path, arguments: dict[str, str], spoken: str
) -> None:
    write_yaml(
        tmp_path / "reviews" / "task.yaml",
        {
            "format": 1,
            "name": "reviews",
            "title": "評論",
            "goal": "分類評論",
            "type": "classification",
            "labels": ["好", "壞"],
            "language": "zh-TW",
            "created": "2026-01-01T00:00:00Z",
        },
    )
    async with open_client(tmp_path) as client:
        assert text_of(await client.call_tool("speak", arguments)) == spoken


def test_the_person_of_a_single_client_is_answered_in_the_language_last_heard(tmp_path: Path) -> None:
    script = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from test_boundary import Workspace, make_server
make_server(Workspace(Path(sys.argv[2]))).run("stdio")
"""
    parameters = StdioServerParameters(
        command=sys.executable, args=["-c", script, str(Path(__file__).parent), str(tmp_path)], env={**os.environ}
    )

    async def talk() -> list[str]:
        async with Client(parameters) as client:
            calls = [
                ("speak", {"message": "我想訓練一個模型"}),
                ("speak", {"message": "ok"}),
                ("fail", {}),
                ("fail", {"language": "en"}),
                ("speak", {"message": "let us go on in English"}),
                ("fail", {}),
            ]
            return [text_of(await client.call_tool(name, arguments)).partition(" ")[0] for name, arguments in calls]

    assert anyio.run(talk) == ["zh-TW", "zh-TW", "檔案是空的。", "檔案是空的。", "en", "The"]


async def test_a_call_about_a_job_speaks_the_jobs_language(tmp_path: Path) -> None:
    spec = {"id": "j1", "kind": "train", "entry": [], "python": "python", "language": "zh-TW", "created": "2026-01-01"}
    write_json(Workspace(tmp_path).jobs / "j1" / "spec.json", spec)
    async with open_client(tmp_path) as client:
        assert text_of(await client.call_tool("speak", {"job_id": "j1"})) == "zh-TW"


async def test_the_servers_own_language_is_spoken_where_a_call_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLP_SKILLS_LANGUAGE", "zh-TW")
    async with open_client(tmp_path) as client:
        assert text_of(await client.call_tool("speak", {})) == "zh-TW"


async def test_an_unexpected_error_gives_a_reference_and_keeps_its_text_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        async with open_client(tmp_path) as client:
            english = text_of(await client.call_tool("crash", {}))
            chinese = text_of(await client.call_tool("crash", {"language": "zh-TW"}))
    assert "hunter2secret" not in english + chinese
    assert "RuntimeError" in english and "內部錯誤" in chinese
    reference = english.partition("reference ")[2].split()[0]
    assert reference in caplog.text and "broke" in caplog.text


async def test_wrong_arguments_are_named_one_by_one_without_repeating_their_values(tmp_path: Path) -> None:
    async with open_client(tmp_path) as client:
        wrong = {"count": 0, "mode": "hunter2secret", "row": {}}
        english = text_of(await client.call_tool("strict", wrong))
        chinese = text_of(await client.call_tool("strict", {**wrong, "language": "zh-TW"}))
    assert english.splitlines()[1:4] == [
        "- count: it must be ≥ 1.",
        "- mode: it must be one of fast, slow.",
        "- row.text: it is missing.",
    ]
    assert "[count, mode, row.text]" in english and "hunter2secret" not in english
    assert "- count：必須 ≥ 1。" in chinese and "- row.text：缺少這個欄位。" in chinese and "missing" not in chinese


async def test_a_misspelt_argument_is_refused_with_the_right_name_instead_of_being_ignored(tmp_path: Path) -> None:
    async with open_client(tmp_path) as client:
        refused = await client.call_tool("speak", {"tsk": "reviews"})
        assert refused.is_error and "[tsk].\n→ Did you mean task?" in text_of(refused)
        assert "可以用的有：job_id、language" in text_of(
            await client.call_tool("speak", {"bogus_thing": 1, "message": "你好"})
        )


async def test_a_tool_without_a_language_argument_is_still_answered_in_the_one_asked_for(tmp_path: Path) -> None:
    async with open_client(tmp_path) as client:
        told = text_of(await client.call_tool("fail_plainly", {"language": "zh-TW"}))
    assert told.startswith("檔案是空的。")


async def test_an_unknown_tool_offers_the_nearest_ones(tmp_path: Path) -> None:
    async with open_client(tmp_path) as client:
        assert "Did you mean speak?" in text_of(await client.call_tool("speek", {}))
        assert "這裡沒有「speek」" in text_of(await client.call_tool("speek", {"language": "zh-TW"}))


async def test_a_read_only_server_offers_only_tools_that_change_nothing(tmp_path: Path) -> None:
    async with Client(make_server(Workspace(tmp_path), read_only=True)) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["speak"]
        assert "may be switched off" in text_of(await client.call_tool("fail", {}))


@pytest.mark.parametrize(("uri", "said"), [("test://missing", "no such task"), ("test://empty", "The file is empty")])
async def test_a_resource_that_cannot_be_read_says_why(tmp_path: Path, uri: str, said: str) -> None:
    async with open_client(tmp_path) as client:
        with pytest.raises(MCPError, match=said):
            await client.read_resource(uri)


async def test_a_prompt_that_fails_says_why_in_its_language(tmp_path: Path) -> None:
    async with open_client(tmp_path) as client:
        with pytest.raises(MCPError, match="檔案是空的"):
            await client.get_prompt("flow", {"language": "zh-TW"})


async def test_schemas_carry_no_made_up_titles_but_keep_an_argument_of_that_name(tmp_path: Path) -> None:
    server = make_server(Workspace(tmp_path))

    @server.tool()
    def rename(title: str, row: Row, settings: dict[str, str] = {"title": "kept"}) -> Row:  # noqa: B006
        return row

    async with Client(server) as client:
        (tool,) = [tool for tool in (await client.list_tools()).tools if tool.name == "rename"]
        renamed = await client.call_tool("rename", {"title": "t", "row": {"text": "x"}})
    properties = tool.input_schema["properties"]
    assert properties["title"] == {"type": "string"} and properties["settings"]["default"] == {"title": "kept"}
    assert tool.output_schema == {"properties": {"text": {"type": "string"}}, "required": ["text"], "type": "object"}
    assert renamed.structured_content == {"text": "x"}
