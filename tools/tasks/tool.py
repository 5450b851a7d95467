"""The door of tasks: create, change, list, generate, and read any resource."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server import MCPServer
from mcp_types import ToolAnnotations
from pydantic import Field

from ...resources import reading
from ...resources.answer import Answer, NextStep
from ...resources.language import Language, Text
from ...resources.listing import TaskRow
from ...resources.listing import list_tasks as page_of_tasks
from ...resources.task import State, Task, TaskFolder, TaskType
from ...resources.workspace import Workspace
from . import create, project, update
from .next_step import next_step

PAGE_CHARACTERS = 6000


class TaskAnswer(Answer):
    """One task: where it stands on disk, its derived state, and `revision`, which names the `task.yaml` just seen."""

    name: str
    path: str
    state: State
    revision: str
    definition: dict[str, Any]
    changed: list[str] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)


class TaskList(Answer):
    """One page of tasks; `total` counts all tasks of the workspace."""

    tasks: list[TaskRow]
    total: int
    next_cursor: str | None = None
    workspace: str


class ProjectAnswer(Answer):
    """What generating did to the task's folder."""

    path: str
    project: project.Generated


class ReadingAnswer(Answer):
    """One page of a resource; `next_offset` asks for the following one."""

    uri: str
    mime_type: str
    text: str
    characters: int
    next_offset: int | None = None


def register(server: MCPServer[Any], workspace: Workspace) -> None:
    """Register the tools of tasks."""

    @server.tool(
        name="create_task", title="Create a task · 建立任務",
        description="Set up a new task (a project in its own folder) once the goal is clear and the person agreed "
        "to the summary; coach leads there. 建立新任務、新專案。",
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False),
        structured_output=True,
    )
    def create_task(
        title: str,
        type: Annotated[TaskType, Field(description="entity-classification: text + entity → label")],
        language: Annotated[Language, Field(description="of the data")],
        name: Annotated[str, Field(description="short ASCII folder name; give one for Chinese titles")] = "",
        goal: str = "",
        pain_point: str = "",
        current_method: str = "",
        impact: str = "",
        labels: list[str] | None = None,
        success_criteria: Annotated[
            dict[str, Any] | None, Field(description="{metric, threshold, baseline}, scores 0–1")] = None,
        constraints: Annotated[
            dict[str, Any] | None,
            Field(description="{hardware, budget, privacy: open|on-premise, latency_ms, deadline, deployment}")] = None,
        more: Annotated[
            dict[str, Any] | None,
            Field(description="{affected, example, resources: {rows, source, renewal, balance}, "
                              "versioning: {iterations, retention}}")] = None,
    ) -> TaskAnswer:
        created = create.create_task(
            workspace, title, type, language, name=name or None, goal=goal, pain_point=pain_point,
            current_method=current_method, impact=impact, labels=labels or [], success_criteria=success_criteria,
            constraints=constraints, more=more,
        )
        said = Text(f"Created {created.folder.name} in {created.folder.root}.",
                    f"已建立任務 {created.folder.name}，位於 {created.folder.root}。")
        if created.derived:
            said = Text(f"{said.en} The title gives no portable folder name, so one was made up.",
                        f"{said.zh}標題無法直接當資料夾名稱，因此另取了一個。")
        return _answer(created.folder, created.task, str(said))

    @server.tool(
        name="update_task", title="Change a task · 修改任務",
        description="Change a task's goal, labels, success threshold or constraints; record a decision or a note; "
        "archive it. Without changes: show it. 修改目標、標籤、門檻，改任務設定，記錄決策。",
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False),
        structured_output=True,
    )
    def update_task(
        task: str,
        changes: Annotated[
            dict[str, Any] | None,
            Field(description='dotted field → value: {"success_criteria.threshold": 0.8}; null clears')] = None,
        decision: str = "",
        reason: str = "",
        note: str = "",
        revision: Annotated[str, Field(description="from the last answer; refuses if changed since")] = "",
        archived: bool | None = None,
    ) -> TaskAnswer:
        folder = workspace.task(task)
        if not (changes or decision or note or archived is not None):
            shown = Text(f"{folder.name}, as it stands.", f"{folder.name} 目前的內容。")
            return _answer(folder, folder.load(), str(shown))
        updated = update.update_task(folder, changes, decision=decision, reason=reason, note=note,
                                     revision=revision or None, archived=archived)
        fields = ", ".join(updated.changed)
        message = Text(f"Changed {fields}." if fields else "Nothing differs from before.",
                       f"已修改：{fields}。" if fields else "與先前相同，沒有變動。")
        answer = _answer(folder, updated.task, str(message))
        return answer.model_copy(update={"changed": updated.changed, "warnings": list(map(str, updated.warnings))})

    @server.tool(
        name="list_tasks", title="List tasks · 列出任務",
        description="Which tasks (projects) do I have? Everything with state, versions, best score and deployment. "
        "列出所有任務、有哪些專案。",
        annotations=ToolAnnotations(read_only_hint=True),
        structured_output=True,
    )
    def list_tasks(
        state: State | None = None,
        query: Annotated[str, Field(description="words in name, title, goal or labels")] = "",
        limit: Annotated[int, Field(ge=1, le=100)] = 20,
        cursor: str = "",
    ) -> TaskList:
        page = page_of_tasks(workspace, state, query or None, limit, cursor or None)
        return TaskList(
            message=str(_said_of_page(len(page.rows), page.total, page.next_cursor is not None, bool(state or query))),
            next_step=_after_listing(page.rows, page.total, page.next_cursor, state, query, limit),
            tasks=page.rows, total=page.total, next_cursor=page.next_cursor, workspace=str(workspace.root),
        )

    @server.tool(
        name="generate_project", title="Generate the project · 生成專案",
        description="Write what is missing or outdated in the task's project (scripts 01–06, pyproject.toml, README); "
        "hand-edited files are kept. 生成專案結構、重新產生腳本。",
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True),
        structured_output=True,
    )
    def generate_project(
        task: str,
        overwrite_scripts: Annotated[
            bool, Field(description="also hand-edited scripts; old ones are kept aside")] = False,
    ) -> ProjectAnswer:
        folder = workspace.task(task)
        done = project.generate(folder, overwrite_scripts)
        return ProjectAnswer(
            message=str(_said_of_project(folder, done)), next_step=next_step(folder.name, folder.state()),
            path=str(folder.root), project=done,
        )

    @server.tool(
        name="read_resource", title="Read a resource · 讀取資源",
        description="Read any nlp-skills:// resource, a page at a time: tasks, "
        "tasks/{task}[/data-source|/data|/versions[/{version}[/lineage]]|/lineage|/lineage.mmd|/jobs], "
        "jobs[/{job_id}], skills[/{skill}[/{page}]]: explains what a term means (LoRA, rank). 查看任務、版本、譜系；名詞是什麼意思。",
        annotations=ToolAnnotations(read_only_hint=True),
        structured_output=True,
    )
    def read_resource(uri: str, offset: Annotated[int, Field(ge=0)] = 0) -> ReadingAnswer:
        address = uri if "://" in uri else reading.SCHEME + uri.lstrip("/")
        found = reading.read(workspace, address)
        text, following = reading.page(found.text, offset, PAGE_CHARACTERS)
        more = following is not None
        message = Text(f"{address}, characters {offset} to {offset + len(text)} of {len(found.text)}.",
                       f"{address} 第 {offset} 到 {offset + len(text)} 個字元，共 {len(found.text)} 個。")
        say = (Text("Read on.", "請繼續讀下一頁。") if more
               else Text("That is all of it; carry on.", "已讀完，可以繼續。"))
        return ReadingAnswer(
            message=str(message), uri=address, mime_type=found.mime_type, text=text, characters=len(found.text),
            next_offset=following,
            next_step=NextStep(say=str(say), tool="read_resource" if more else None,
                               arguments={"uri": address, "offset": following} if more else {}),
        )


def _answer(folder: TaskFolder, task: Task, message: str) -> TaskAnswer:
    state = folder.state()
    return TaskAnswer(
        message=message, next_step=next_step(folder.name, state), name=folder.name, path=str(folder.root), state=state,
        revision=folder.revision(), definition=task.model_dump(mode="json", exclude_none=True),
    )


def _said_of_page(shown: int, total: int, more: bool, filtered: bool) -> Text:
    if not total:
        return Text("There is no task yet.", "目前還沒有任務。")
    if filtered and not shown:
        return Text(f"None of the {total} tasks matches.", f"共 {total} 個任務，沒有符合的。")
    tail = Text(" There are more.", "後面還有。") if more else Text("", "")
    return Text(f"{shown} of {total} tasks.{tail.en}", f"共 {total} 個任務，顯示 {shown} 個。{tail.zh}")


def _after_listing(
    rows: list[TaskRow], total: int, next_cursor: str | None, state: State | None, query: str, limit: int
) -> NextStep:
    if next_cursor:
        asked = {"state": state, "query": query or None, "limit": limit, "cursor": next_cursor}
        say = Text("Show these; the next page follows on request.", "先顯示這些；需要時再取下一頁。")
        return NextStep(say=str(say), tool="list_tasks", arguments={k: v for k, v in asked.items() if v is not None})
    if not total:
        say = Text("Ask what the person would like a model to take off their hands.",
                   "請詢問使用者希望模型幫忙處理什麼事。")
        return NextStep(say=str(say), tool="coach")
    if not rows:
        say = Text("List all of them.", "列出全部任務。")
        return NextStep(say=str(say), tool="list_tasks")
    if len(rows) == 1 and rows[0].state:
        return next_step(rows[0].name, rows[0].state)
    say = Text("Ask which of them to carry on with.", "請詢問要繼續哪一個任務。")
    return NextStep(say=str(say), tool="coach")


def _said_of_project(folder: TaskFolder, done: project.Generated) -> Text:
    new, kept = len(done.written) + len(done.updated) + len(done.replaced), ", ".join(done.kept)
    said = Text(f"{new} files written in {folder.root}, {len(done.unchanged)} were up to date.",
                f"已在 {folder.root} 寫入 {new} 個檔案，{len(done.unchanged)} 個原本就是最新的。")
    if not kept:
        return said
    return Text(f"{said.en} Edited by hand and kept: {kept}.", f"{said.zh}手動修改過而保留的：{kept}。")
