"""The tool module of tasks: create, change, list, compare, manage, and read or search any resource."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import ToolAnnotations
from pydantic import BaseModel, Field, WithJsonSchema

from ...resources.answer import OPEN_GROUP, Answer, NextStep
from ...resources.browsing import reading
from ...resources.browsing.listing import Page, TaskRow
from ...resources.foundation.errors import UnknownResource
from ...resources.foundation.language import Language, Text, several
from ...resources.foundation.unknown_fields import unknown_field_warnings, unknown_fields
from ...resources.job import ACTIVE_STATES, JobFolder
from ...resources.task import TASK_TYPES, State, Task, TaskFolder, TaskType
from ...resources.workspace import Workspace
from ..compute.jobs.view import follow
from ..compute.jobs.words import STATE_WORDS
from .answers import Action, Comparison, Managed, Part
from .next_step import next_step

if TYPE_CHECKING:
    from .update import Updated

PAGE_CHARACTERS = 6000
_FOUND = 5
_NEWEST = 5  # notes and decisions shown beside a task; all of them stand at …/notes
_TEXT_CHARACTERS = 400
_LABELS_SHOWN = 60
_CHANGES_SHOWN = 6


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
    """One page of tasks, or some side by side; `total` counts all tasks but the `archived` ones."""

    tasks: list[TaskRow] = Field(default_factory=list)
    comparison: Annotated[Comparison | None, OPEN_GROUP] = None
    total: int = 0
    archived: int = 0
    next_cursor: str | None = None
    workspace: str


class Passage(BaseModel):
    """A page that answers a search; read it whole at `uri`."""

    uri: str
    title: str
    passage: str
    language: Language


class ReadingAnswer(Answer):
    """One page of a resource, or what a search found; `next_offset` asks for what follows."""

    uri: str = ""
    mime_type: str = ""
    text: str = ""
    characters: int = 0
    found: list[Passage] = Field(default_factory=list)
    next_offset: int | None = None


def register(server: MCPServer[Any], workspace: Workspace) -> None:
    """Register the tools of tasks."""
    seen: dict[Path, str] = {}  # the revision of each task that this process showed last

    def task_answer(folder: TaskFolder, message: str) -> TaskAnswer:
        seen[folder.root] = revision = folder.revision()  # before loading: what changes in between is noticed later
        return _answer(folder, folder.load(), revision, message)

    @server.tool(
        name="create_task",
        title="Create a task · 建立任務",
        description="Set up a new task (a project in its own folder) once the goal is clear and the person agreed "
        "to the summary; coach leads there. 建立新任務、新專案。",
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False),
        structured_output=True,
    )
    def create_task(
        title: str,
        type: Annotated[
            TaskType,
            WithJsonSchema({"enum": [*TASK_TYPES], "type": "string"}),  # others, of packages, are not known yet
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
            dict[str, Any] | None, Field(description="{metric, threshold, baseline}, scores 0–1")
        ] = None,
        constraints: Annotated[
            dict[str, Any] | None,
            Field(description="{hardware, budget, privacy: open|on-premise, latency_ms, deadline, deployment}"),
        ] = None,
        more: Annotated[
            dict[str, Any] | None,
            Field(
                description="{affected, example, resources: {rows, source, renewal, balance}, "
                "versioning: {iterations, retention}}"
            ),
        ] = None,
    ) -> TaskAnswer:
        from . import create

        created = create.create_task(
            workspace,
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
            said = Text(
                f"{said.en} The title gives no portable folder name, so one was made up.",
                f"{said.zh}標題無法直接當資料夾名稱，因此另取了一個。",
            )
        return task_answer(created.folder, str(said))

    @server.tool(
        name="update_task",
        title="Change a task · 修改任務",
        description="Change a task's goal, labels, success threshold or constraints; record a decision, or add a "
        "note. Without changes: show it. 修改目標、標籤、門檻，改任務設定，記錄決策、備註。",
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False),
        structured_output=True,
    )
    def update_task(
        task: str,
        changes: Annotated[
            dict[str, Any] | None,
            Field(description='dotted field → value: {"success_criteria.threshold": 0.8}; null clears'),
        ] = None,
        decision: str = "",
        reason: str = "",
        note: str = "",
        revision: Annotated[str, Field(description="from the last answer: others' changes of a field conflict")] = "",
    ) -> TaskAnswer:
        folder = workspace.task(task)
        if not (changes or decision or note):
            said = Text(f"{folder.name}, as it stands.", f"{folder.name} 目前的內容。")
            return task_answer(folder, str(said))
        from . import update

        updated = update.update_task(
            folder, changes, decision=decision, reason=reason, note=note, revision=revision or seen.get(folder.root)
        )
        seen[folder.root] = updated.revision
        answer = _answer(folder, updated.task, updated.revision, str(_said_of_changes(updated)))
        return answer.model_copy(
            update={"changed": updated.changed, "warnings": [*answer.warnings, *map(str, updated.warnings)]}
        )

    @server.tool(
        name="list_tasks",
        title="List tasks · 列出任務",
        description="Which tasks (projects) do I have? Everything with state, versions, best score against its goal, deployment; compare sets tasks side by side. "
        "列出所有任務、有哪些專案。",
        annotations=ToolAnnotations(read_only_hint=True),
        structured_output=True,
    )
    def list_tasks(
        state: State | None = None,
        query: Annotated[str, Field(description="words in name, title, goal or labels")] = "",
        limit: Annotated[int, Field(ge=1, le=100)] = 10,
        cursor: str = "",
        compare: Annotated[list[str] | None, Field(description="tasks to set side by side instead")] = None,
    ) -> TaskList:
        from ...resources.browsing.listing import list_tasks as page_of_tasks
        from . import comparing

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
            message=str(_said_of_page(page, state, bool(state or query))),
            next_step=_after_listing(page, state, query, limit),
            tasks=page.rows,
            total=page.total,
            archived=page.archived,
            next_cursor=page.next_cursor,
            workspace=str(workspace.root),
        )

    @server.tool(
        name="manage_task",
        title="Manage a task · 管理任務",
        description="Promote a version to current, or go back (roll_back) to the one before; tidy: clean up old "
        "models to free disk; archive, restore, clone; export the whole task as one zip to send or back up, import "
        "it; generate its scripts. What removes is previewed until confirm. 設為正式版本、退回上一版、清硬碟空間、刪舊版本、封存、複製任務、匯出備份、匯入、"
        "生成專案結構。",
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=False),
        structured_output=True,
    )
    async def manage_task(
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

    @server.tool(
        name="read_resource",
        title="Read or search · 讀取與搜尋",
        description="Read any nlp-skills:// resource, a page at a time: tasks, "
        "tasks/{task}[/data-source|/data|/notes|/versions[/{version}[/lineage]]|/lineage|/lineage.mmd|/jobs], "
        "jobs[/{job_id}], skills[/{skill}[/{page}]]. Or search the knowledge: what a term means (LoRA, rank). 查看任務、"
        "版本、譜系、備註；搜尋知識、名詞是什麼意思。",
        annotations=ToolAnnotations(read_only_hint=True),
        structured_output=True,
    )
    def read_resource(
        uri: str = "",
        search: Annotated[str, Field(description="words, in either language")] = "",
        offset: Annotated[int, Field(ge=0)] = 0,
    ) -> ReadingAnswer:
        if search:
            return _search_answer(search, offset)
        if not uri:
            raise UnknownResource(
                Text("Nothing was asked for.", "沒有指定要讀什麼。"),
                Text(
                    "Give uri=, or search= with a few words; nlp-skills://skills lists the pages.",
                    "請給 uri=，或用 search= 給幾個關鍵字；nlp-skills://skills 列出所有頁面。",
                ),
                field="uri",
            )
        return _read(workspace, uri if "://" in uri else reading.SCHEME + uri.lstrip("/"), offset)


def _read(workspace: Workspace, address: str, offset: int) -> ReadingAnswer:
    found = reading.read(workspace, address)
    text, following = reading.page(found.text, offset, PAGE_CHARACTERS)
    more = following is not None
    message = Text(
        f"{address}, characters {offset} to {offset + len(text)} of {len(found.text)}.",
        f"{address} 第 {offset} 到 {offset + len(text)} 個字元，共 {len(found.text)} 個。",
    )
    say = Text("Read on.", "請繼續讀下一頁。") if more else Text("That is all of it; carry on.", "已讀完，可以繼續。")
    return ReadingAnswer(
        message=str(message),
        uri=address,
        mime_type=found.mime_type,
        text=text,
        characters=len(found.text),
        next_offset=following,
        next_step=NextStep(
            say=str(say),
            tool="read_resource" if more else None,
            arguments={"uri": address, "offset": following} if more else {},
        ),
    )


def _search_answer(query: str, offset: int) -> ReadingAnswer:
    from ...resources.browsing import searching

    found, total = searching.search(query, _FOUND, offset)
    following = offset + len(found) if offset + len(found) < total else None
    if not found:
        said = Text(
            "No page answers that." if not total else "There are no more.",
            "沒有頁面符合。" if not total else "沒有更多了。",
        )
        say = Text("Use other words, or see all pages.", "請換個說法，或查看所有頁面。")
        step = NextStep(say=str(say), tool="read_resource", arguments={"uri": f"{reading.SCHEME}skills"})
        return ReadingAnswer(message=str(said), next_step=step)
    said = Text(
        f"{several(total, 'page holds', 'pages hold')} these words, the best first.",
        f"有 {total} 頁符合，最相關的在前。",
    )
    say = Text(
        f"Read the first whole, if it is about what they ask; it says where its claims come from: {found[0].title}.",
        f"如果第一頁切題，請讀全文（裡面有出處）：{found[0].title}。",
    )
    return ReadingAnswer(
        message=str(said),
        next_offset=following,
        found=[Passage(uri=one.uri, title=one.title, passage=one.passage, language=one.language) for one in found],
        next_step=NextStep(
            say=str(say), tool="read_resource", arguments={"uri": f"{found[0].uri}?language={found[0].language}"}
        ),
    )


def _answer(folder: TaskFolder, task: Task, revision: str, message: str) -> TaskAnswer:
    state = folder.state()
    return TaskAnswer(
        message=message,
        next_step=next_step(folder.name, state),
        name=folder.name,
        path=str(folder.root),
        state=state,
        revision=revision,
        definition=_definition(folder, task),
        warnings=list(
            map(str, unknown_field_warnings(list(unknown_fields(Task, task.model_dump())), folder.file.name))
        ),
    )


def _definition(folder: TaskFolder, task: Task) -> dict[str, Any]:
    """The task's fields, long ones cut, of notes and decisions the newest; `more` says where the rest is read."""
    content = task.model_dump(mode="json", exclude_none=True)
    whole = {key: value for key, value in content.items() if value not in ({}, [])}
    short = {key: _cut_value(value) for key, value in whole.items()}
    for key in ("notes", "decisions"):
        if key in short:
            short[key] = short[key][-_NEWEST:]
    if "labels" in short:
        short["labels"] = short["labels"][:_LABELS_SHOWN]
    return (
        short
        if short == whole
        else {**short, "more": [f"{reading.SCHEME}tasks/{folder.name}", f"{reading.SCHEME}tasks/{folder.name}/notes"]}
    )


def _cut_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _cut_value(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_cut_value(inner) for inner in value]
    return value[:_TEXT_CHARACTERS] + "…" if isinstance(value, str) and len(value) > _TEXT_CHARACTERS else value


def _said_of_changes(updated: Updated) -> Text:
    """Every field with its value before and after, so that what was overwritten is seen."""
    if not updated.changed:
        return Text("Nothing differs from before.", "與先前相同，沒有變動。")
    fields = updated.changed[:_CHANGES_SHOWN]
    more = [f"+{len(updated.changed) - len(fields)}"] if len(updated.changed) > len(fields) else []
    english, chinese = (
        [
            f"{field}{colon}{_value(updated.before, field) or none} → {_value(updated.task, field) or none}"
            if field not in ("notes", "decisions")
            else field
            for field in fields
        ]
        + more
        for colon, none in ((": ", "nothing"), ("：", "（空）"))
    )
    return Text(f"Changed {'; '.join(english)}.", f"已修改 {'；'.join(chinese)}。")


def _value(task: Task, field: str) -> str:
    """A field's value on one line; "" where it is empty."""
    from .fields import value_at
    from .update import shown_value

    value = value_at(task, field)
    return "" if value is None else shown_value(value)


def _said_of_page(page: Page, state: State | None, filtered: bool) -> Text:
    shown, total = len(page.rows), page.archived if state == "archived" else page.total
    hidden = (
        Text(
            f" {page.archived} archived are left out (state='archived').",
            f"另有 {page.archived} 個已封存（state='archived'）。",
        )
        if page.archived and state != "archived"
        else Text("", "")
    )
    if not total and state == "archived":
        return Text("No task is archived.", "沒有封存的任務。")
    if not total:
        return Text(f"There is no task yet.{hidden.en}", f"目前還沒有任務。{hidden.zh}")
    if filtered and not shown:
        return Text(
            f"No task matches, of {several(total, 'task')} in all.{hidden.en}",
            f"共 {total} 個任務，沒有符合的。{hidden.zh}",
        )
    tail = Text(" There are more.", "後面還有。") if page.next_cursor else Text("", "")
    busy = _jobs_said(page)
    return Text(
        f"{shown} of {several(total, 'task')}.{tail.en}{busy.en}{hidden.en}",
        f"共 {total} 個任務，顯示 {shown} 個。{tail.zh}{busy.zh}{hidden.zh}",
    )


def _jobs_said(page: Page) -> Text:
    """Which of the shown tasks have a job at work, and which one in line."""
    parts = [
        (STATE_WORDS[state], ", ".join(row.name for row in page.rows if row.job == state))
        for state in reversed(ACTIVE_STATES)
    ]
    return Text(
        "".join(f" With a job {state.en}: {names}." for state, names in parts if names),
        "".join(f"有工作{state.zh}：{names}。" for state, names in parts if names),
    )


def _after_listing(page: Page, state: State | None, query: str, limit: int) -> NextStep:
    if page.next_cursor:
        asked = {"state": state, "query": query or None, "limit": limit, "cursor": page.next_cursor}
        say = Text("Show these; the next page follows on request.", "先顯示這些；需要時再取下一頁。")
        return NextStep(say=str(say), tool="list_tasks", arguments={k: v for k, v in asked.items() if v is not None})
    if not page.total and not page.rows:
        say = Text(
            "Ask what the person would like a model to take off their hands.", "請詢問使用者希望模型幫忙處理什麼事。"
        )
        return NextStep(say=str(say), tool="coach")
    if not page.rows:
        say = Text("List all of them.", "列出全部任務。")
        return NextStep(say=str(say), tool="list_tasks")
    if len(page.rows) == 1 and page.rows[0].state:
        return next_step(page.rows[0].name, page.rows[0].state)
    say = Text("Ask which of them to carry on with.", "請詢問要繼續哪一個任務。")
    return NextStep(say=str(say), tool="coach")
