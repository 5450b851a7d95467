"""The tool module of the coach."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server import MCPServer
from mcp_types import ToolAnnotations
from pydantic import Field

from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Language
from ...resources.workspace import Workspace
from ..tool_function import add_tools, tool
from .answer import CoachAnswer


def register(server: MCPServer[Any], workspace: Workspace) -> None:
    """Register `coach`."""
    add_tools(server, workspace, coach)


@tool(
    title="Coach · 教練",
    description="Call first, and whenever unsure: a vague wish or idea, a problem that costs hours by hand, "
    "whether machine learning is needed at all, how to start, where to get data, what now. Returns where we "
    "stand, one question, the decision due and the exact next call. 我想訓練模型、想用 AI 或機器人處理、該怎麼做、從哪裡開始、真的需要微調嗎、接下來、"
    "繼續上次的、資料從哪來。",
    annotations=ToolAnnotations(read_only_hint=True, idempotent_hint=True),
)
def coach(
    workspace: Workspace,
    message: Annotated[str, Field(description="what the person said, verbatim")] = "",
    task: str = "",
    language: Language | None = None,
    answers: Annotated[
        JsonObject | None, Field(description="no task yet: all answers so far, as next_step gives them")
    ] = None,
) -> CoachAnswer:
    from .coach import coach as answer

    return answer(workspace, message or None, task or None, language, answers)
