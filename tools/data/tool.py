"""The tool module of data: where the rows come from, and making them ready to train on."""

from __future__ import annotations

from functools import partial
from typing import Annotated, NamedTuple

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import ToolAnnotations
from pydantic import Field

from ...resources.answer import Answer, JobAnswer, JobView
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text
from ...resources.job import JobFolder
from ...resources.task import TaskFolder
from ...resources.workspace import Workspace
from ..compute.jobs.view import follow
from ..tool_function import add_tools, tool
from .labelling.answer import Action, ByModel, LabellingAnswer, LabellingRequest


class DataSourceAnswer(Answer):
    """`data_source` as it now stands, secrets as references; `data` made of it so far; `job` read the sources."""

    data_source: JsonObject
    data: JsonObject | None = None
    job: JobView | None = None


class Labelling(NamedTuple):
    """What `add_examples` works with."""

    workspace: Workspace
    by_model: ByModel


def register(server: MCPServer, workspace: Workspace, by_model: ByModel) -> None:
    """Register `set_data_source`, `prepare_data` and `add_examples`.

    Arguments:
        by_model: starts the job in which a trained version proposes labels.
    """
    add_tools(server, workspace, set_data_source, prepare_data)
    add_tools(server, Labelling(workspace, by_model), add_examples)


@tool(
    title="Set or show the data source · 設定資料來源",
    description="Connect the rows, test the source and preview 5; without arguments: show it. Types: file {path: CSV, "
    "Excel, JSON, Parquet, folder}, database {connection: postgresql, mysql or sqlite://…${DB_PASSWORD}…, query}, api "
    "{endpoint}, web_scrape {urls, keywords}, huggingface {dataset}, llm_generated {prompt_template, model, count}; "
    "mapping: {text, label, entity}. Never ask for a password in chat: nlp-skills secret set NAME. "
    "資料來源、資料放在資料庫或檔案、爬網頁、GPT 生成資料。",
    annotations=ToolAnnotations(
        read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True
    ),
)
async def set_data_source(
    workspace: Workspace,
    context: Context,
    task: str,
    sources: Annotated[list[JsonObject] | None, Field(description="replaces the list")] = None,
    split: Annotated[
        JsonObject | None, Field(description="train, valid, test shares; seed; group_by: column or skeleton")
    ] = None,
    quality: Annotated[JsonObject | None, Field(description="min_characters, max_characters, max_imbalance")] = None,
    deduplicate_on: list[str] | None = None,
    confirm: Annotated[bool, Field(description="the person agreed to the price")] = False,
) -> DataSourceAnswer:
    from .definition import change_definition, rotate_notice
    from .permission import check_permission
    from .starting import start_preview

    folder = workspace.task(task)
    folder.load()
    if (sources, split, quality, deduplicate_on, confirm) == (None, None, None, None, False):
        return await anyio.to_thread.run_sync(partial(_show, folder))
    data_source, moved = await anyio.to_thread.run_sync(
        partial(
            change_definition,
            folder,
            sources=sources,
            split=split,
            quality=quality,
            deduplicate_on=deduplicate_on,
            allowed=partial(check_permission, folder),
        )
    )
    if not sources and not confirm:
        return await anyio.to_thread.run_sync(partial(_show, folder))
    if not sources:
        await anyio.to_thread.run_sync(check_permission, folder, data_source)
    job = await anyio.to_thread.run_sync(start_preview, workspace, folder, moved, confirm)
    followed = await follow(job, workspace, report=context.report_progress)
    return DataSourceAnswer(
        message=_with_notice(followed.message, rotate_notice(moved)),
        next_step=followed.next_step,
        data_source=data_source.model_dump(mode="json", exclude_none=True),
        job=followed.job,
    )


@tool(
    title="Prepare the data · 準備資料",
    description="Fetch the sources, clean, remove duplicates, split into train, valid and test, check for leaks "
    "and conflicts (a job); the first test split is frozen as the benchmark. Edits made by hand are never "
    "replaced unless asked for. 準備資料、清理重複、切訓練集和測試集、檢查資料。",
    annotations=ToolAnnotations(
        read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True
    ),
)
async def prepare_data(
    workspace: Workspace,
    context: Context,
    task: str,
    replace_manual_edits: Annotated[bool, Field(description="a copy is kept; ask the person first")] = False,
    source: Annotated[int | None, Field(description="fetch only this one, counted from 0")] = None,
    accept: Annotated[
        dict[str, str] | None, Field(description="blocking finding: the person's reason; recorded")
    ] = None,
    confirm: Annotated[bool, Field(description="the person agreed to the price")] = False,
) -> JobAnswer:
    from .starting import start_preparing

    folder = workspace.task(task)
    folder.load()
    job = await anyio.to_thread.run_sync(
        partial(
            start_preparing,
            workspace,
            folder,
            replace_manual_edits=replace_manual_edits,
            source=source,
            accept=accept,
            confirm=confirm,
        )
    )
    return await follow(job, workspace, report=context.report_progress)


@tool(
    title="Label rows, add examples · 標註資料、補充例子",
    description="Label rows without label, spans or output, or write training rows of any type. propose (by: rules, "
    "chat = you, endpoint, v2) → review: shows a batch, then takes their decisions {id}, {id, label}; or sheet (CSV/HTML) → "
    "import. accept: a proposer's rest, unseen. add: your own {text, label, …}; train only. status: agreement, gaps. "
    "標註、幫我標資料、審閱標籤、審閱表、寫訓練例句。",
    annotations=ToolAnnotations(
        read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True
    ),
)
async def add_examples(
    labelling: Labelling,
    context: Context,
    task: str,
    action: Action = "add",
    examples: list[JsonObject] | None = None,
    by: Annotated[str, Field(description="proposer, writer, or reviewer's name")] = "",
    settings: Annotated[
        JsonObject | None,
        Field(
            description="{rules: [{label, keywords, pattern}]}; endpoint: {model, base_url, api_key: ${NAME}, limit, prices}; "
            "{which: open|second|disputed, blind}; {per_label}"
        ),
    ] = None,
    count: int | None = None,
    path: Annotated[str, Field(description="filled sheet")] = "",
    confirm: Annotated[bool, Field(description="the person said yes")] = False,
) -> LabellingAnswer:
    from .labelling.acting import act

    workspace = labelling.workspace
    folder = workspace.task(task)
    wish = LabellingRequest(action, examples, by.strip(), settings or {}, count, path.strip(), confirm)
    done = await anyio.to_thread.run_sync(act, workspace, folder, wish, labelling.by_model)
    if not isinstance(done, JobFolder):
        return done
    followed = await follow(done, workspace, report=context.report_progress)
    return LabellingAnswer(message=followed.message, next_step=followed.next_step, job=followed.job)


def _show(task: TaskFolder) -> DataSourceAnswer:
    from .definition import load_definition, rotate_notice, unknown_kept
    from .overview import describe_data, overview

    data_source, moved = load_definition(task)
    data = overview(task)
    message, next_step = describe_data(task, data_source, data)
    said = "\n".join(map(str, (message, *unknown_kept(task, data_source))))
    return DataSourceAnswer(
        message=_with_notice(said, rotate_notice(moved)),
        next_step=next_step,
        data_source=data_source.model_dump(mode="json", exclude_none=True),
        data=data,
    )


def _with_notice(message: str, notice: Text | None) -> str:
    return f"{message}\n{notice}" if notice else message
