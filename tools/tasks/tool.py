"""The tool module of tasks: create, change, list, compare, manage, and read or search any resource."""

from __future__ import annotations

from typing import Annotated, Any

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import ToolAnnotations
from pydantic import Field, WithJsonSchema

from ...resources.foundation.errors import UnknownResource
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Language, Text
from ...resources.job import JobFolder
from ...resources.task import TASK_TYPES, State, TaskType
from ...resources.workspace import Workspace
from ..compute.jobs.view import follow
from ..tool_function import add_tools, tool
from .answers import Action, Managed, Part, ReadingAnswer, TaskAnswer, TaskList
from .reading_answer import read_page, search_knowledge
from .task_answer import ShownTasks


def register(server: MCPServer[Any], workspace: Workspace) -> None:
    """Register the tools of tasks."""
    add_tools(server, ShownTasks(workspace), create_task, update_task)
    add_tools(server, workspace, list_tasks, manage_task, read_resource)


@tool(
    title="Create a task · 建立任務",
    description="Set up a new task (a project in its own folder) once the goal is clear and the person agreed "
    "to the summary; coach leads there. 建立新任務、新專案。",
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False),
)
def create_task(
    shown: ShownTasks,
    title: str,
    type: Annotated[
        TaskType,
        WithJsonSchema({"enum": [*TASK_TYPES], "type": "string"}),  # others are named when the tools are listed
        Field(
            description="entity-classification: text + entity → label; extraction: text → spans; generation: text → output; preference: text → chosen, rejected"
        ),
    ],
    language: Annotated[Language, Field(description="of the data")],
    name: Annotated[str, Field(description="short ASCII folder name; give one for Chinese titles")] = "",
    goal: str = "",
    pain_point: str = "",
    current_method: str = "",
    impact: str = "",
    labels: list[str] | None = None,
    success_criteria: Annotated[
        JsonObject | None, Field(description="{metric, threshold, baseline}, scores 0–1")
    ] = None,
    constraints: Annotated[
        JsonObject | None,
        Field(description="{hardware, budget, privacy: open|on-premise, latency_ms, deadline, deployment}"),
    ] = None,
    more: Annotated[
        JsonObject | None,
        Field(
            description="{affected, example, resources: {rows, source, renewal, balance}, "
            "versioning: {iterations, retention}}"
        ),
    ] = None,
) -> TaskAnswer:
    from . import create

    created = create.create_task(
        shown.workspace,
        title,
        type,
        language,
        name=name or None,
        goal=goal,
        pain_point=pain_point,
        current_method=current_method,
        impact=impact,
        labels=labels or [],
        success_criteria=success_criteria,
        constraints=constraints,
        more=more,
    )
    said = Text(
        f"Created {created.folder.name} in {created.folder.root}.",
        f"已建立任務 {created.folder.name}，位於 {created.folder.root}。",
    )
    if created.derived:
        said += Text(
            " The title gives no portable folder name, so one was made up.",
            "標題無法直接當資料夾名稱，因此另取了一個。",
        )
    return shown.show(created.folder, said)


@tool(
    title="Change a task · 修改任務",
    description="Change a task's goal, labels, success threshold or constraints; record a decision, or add a "
    "note. Without changes: show it. 修改目標、標籤、門檻，改任務設定，記錄決策、備註。",
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False),
)
def update_task(
    shown: ShownTasks,
    task: str,
    changes: Annotated[
        JsonObject | None, Field(description='dotted field → value: {"success_criteria.threshold": 0.8}; null clears')
    ] = None,
    decision: str = "",
    reason: str = "",
    note: str = "",
    revision: Annotated[str, Field(description="from the last answer: others' changes of a field conflict")] = "",
) -> TaskAnswer:
    folder = shown.workspace.task(task)
    if not (changes or decision or note):
        return shown.show(folder, Text(f"{folder.name}, as it stands.", f"{folder.name} 目前的內容。"))
    from .update import update_task as change_task

    last = revision or shown.revisions.get(folder.root)
    return shown.show_changes(
        folder, change_task(folder, changes, decision=decision, reason=reason, note=note, revision=last)
    )


@tool(
    title="List tasks · 列出任務",
    description="Which tasks (projects) do I have? Everything with state, versions, best score against its goal, deployment; compare sets tasks side by side. "
    "列出所有任務、有哪些專案。",
    annotations=ToolAnnotations(read_only_hint=True),
)
def list_tasks(
    workspace: Workspace,
    state: State | None = None,
    query: Annotated[str, Field(description="words in name, title, goal or labels")] = "",
    limit: Annotated[int, Field(ge=1, le=100)] = 10,
    cursor: str = "",
    compare: Annotated[list[str] | None, Field(description="tasks to set side by side instead")] = None,
) -> TaskList:
    from ...resources.browsing.listing import list_tasks as page_of_tasks
    from . import comparing
    from .listing_answer import describe_page, next_after_listing

    if compare:
        comparison = comparing.compare_tasks(workspace, compare)
        return TaskList(
            message=comparison.verdict,
            next_step=comparing.next_of(comparison),
            comparison=comparison,
            total=len(comparison.tasks),
            workspace=str(workspace.root),
        )
    page = page_of_tasks(workspace, state, query or None, limit, cursor or None)
    return TaskList(
        message=str(describe_page(page, state, bool(state or query))),
        next_step=next_after_listing(page, state, query, limit),
        tasks=page.rows,
        total=page.total,
        archived=page.archived,
        next_cursor=page.next_cursor,
        workspace=str(workspace.root),
    )


@tool(
    title="Manage a task · 管理任務",
    description="Promote a version to current, or go back (roll_back) to the one before; tidy: clean up old "
    "models to free disk; archive, restore, clone; export the whole task as one zip to send or back up, import "
    "it; generate its scripts. What removes is previewed until confirm. 設為正式版本、退回上一版、清硬碟空間、刪舊版本、封存、複製任務、匯出備份、匯入、"
    "生成專案結構。",
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=False),
)
async def manage_task(
    workspace: Workspace,
    context: Context[Any, Any],
    action: Action,
    task: str = "",
    version: Annotated[str, Field(description="to promote")] = "",
    name: Annotated[str, Field(description="of the clone or import")] = "",
    path: Annotated[str, Field(description=".zip to write or read")] = "",
    keep: Annotated[int, Field(ge=1, description="newest versions tidy keeps")] = 3,
    include: Annotated[list[Part] | None, Field(description="clone: data, plans; export: models")] = None,
    reason: str = "",
    confirm: Annotated[bool, Field(description="the person saw the preview and agreed")] = False,
) -> Managed:
    from .manage import ManageRequest, manage

    wish = ManageRequest(task, version, name, path, keep, include or [], reason, confirm)
    done = await anyio.to_thread.run_sync(manage, workspace, action, wish)
    if not isinstance(done, JobFolder):
        return done
    followed = await follow(done, workspace, report=context.report_progress)
    return Managed(
        message=followed.message,
        next_step=followed.next_step,
        task=task,
        job=followed.job,
        done=followed.job.state == "succeeded",
        details=followed.job.result,
    )


@tool(
    title="Read or search · 讀取與搜尋",
    description="Read any nlp-skills:// resource, a page at a time: tasks, "
    "tasks/{task}[/data-source|/data|/notes|/versions[/{version}[/lineage]]|/lineage|/lineage.mmd|/jobs], "
    "jobs[/{job_id}], skills[/{skill}[/{page}]]. Or search the knowledge: what a term means (LoRA, rank). 查看任務、"
    "版本、譜系、備註；搜尋知識、名詞是什麼意思。",
    annotations=ToolAnnotations(read_only_hint=True),
)
def read_resource(
    workspace: Workspace,
    uri: str = "",
    search: Annotated[str, Field(description="words, in either language")] = "",
    offset: Annotated[int, Field(ge=0)] = 0,
) -> ReadingAnswer:
    if search:
        return search_knowledge(search, offset)
    if not uri:
        raise UnknownResource(
            Text("Nothing was asked for.", "沒有指定要讀什麼。"),
            Text(
                "Give uri=, or search= with a few words; nlp-skills://skills lists the pages.",
                "請給 uri=，或用 search= 給幾個關鍵字；nlp-skills://skills 列出所有頁面。",
            ),
            field="uri",
        )
    return read_page(workspace, uri, offset)
