"""Tells clients that a resource changed, in both protocol eras.

A resource is what stands on disk, and jobs, scripts and people change it without this process knowing. So while a
client watches a resource, the few files behind it are looked at every second; while nobody watches, nothing runs.

- 2026-07-28: `subscriptions/listen` names the resources, and its response stream carries the news.
- 2025-11-25 and before: `resources/subscribe` and `resources/unsubscribe` on a session.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import TaskGroup
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.session import ServerSession
from mcp.server.subscriptions import ResourcesListChanged, ResourceUpdated, ServerEvent, SubscriptionBus
from mcp_types import EmptyResult, SubscribeRequestParams, UnsubscribeRequestParams

from ..resources.workspace import Workspace
from .boundary import GuardedServer

SCHEME = "nlp-skills://"
ALL_TASKS = f"{SCHEME}tasks"
LOOK_SECONDS = 1.0

# Below a task's folder: the files whose change is a change of that part.
_FILES_OF = {
    "": ("task.yaml", "data_source.yaml", "data/current.json", "versions/*", "deployments/current.json", "jobs/*"),
    "data-source": ("data_source.yaml",),
    "versions": ("versions/*", "versions/*/*"),
    "lineage": ("versions/*", "versions/*/lineage.yaml"),
    "jobs": ("jobs/*", "jobs/*/events.jsonl", "jobs/*/exit.json"),
}
_SUBSCRIBED = "subscribed "
Fingerprint = frozenset[tuple[str, int, int]]


def fingerprint(workspace: Workspace, uri: str) -> Fingerprint:
    """Name, size and time of every file behind `uri`; equal as long as nothing behind it changed."""
    return frozenset(_stat(path) for path in _files(workspace, uri))


def _files(workspace: Workspace, uri: str) -> Iterable[Path]:
    place, _, rest = uri.removeprefix(SCHEME).partition("/")
    task, _, part = rest.partition("/")
    if place != "tasks":
        return
    if not task:
        yield from (workspace.root / name / "task.yaml" for name in workspace.task_names())
        return
    root = workspace.root / Path(task).name  # a folder of the workspace, whatever the client wrote
    for pattern in _FILES_OF.get(part.partition("/")[0], ()):
        yield from root.glob(pattern)


def _stat(path: Path) -> tuple[str, int, int]:
    try:
        found = os.stat(path)
    except OSError:  # gone between the two looks, which is a change like any other
        return str(path), -1, -1
    return str(path), found.st_mtime_ns, found.st_size


async def watch(
    workspace: Workspace, uri: str, changed: Callable[[], Awaitable[None]], seconds: float = LOOK_SECONDS
) -> None:
    """Call `changed` after every change behind `uri`, until cancelled."""
    before = await anyio.to_thread.run_sync(fingerprint, workspace, uri)
    while True:
        await anyio.sleep(seconds)
        now = await anyio.to_thread.run_sync(fingerprint, workspace, uri)
        if now != before:
            before = now
            await changed()


def serve_changes(server: GuardedServer, workspace: Workspace, seconds: float = LOOK_SECONDS) -> None:
    """Let clients of both eras subscribe to resources of `server`; looks every `seconds` while somebody does."""
    bus = server.bus

    async def listening(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if ctx.method != "subscriptions/listen":
            return await call_next(ctx)
        wanted = (ctx.params or {}).get("notifications") or {}
        async with anyio.create_task_group() as watchers:
            for uri in wanted.get("resourceSubscriptions") or ():
                watchers.start_soon(watch, workspace, str(uri), _publish(bus, ResourceUpdated(str(uri))), seconds)
            if wanted.get("resourcesListChanged"):
                watchers.start_soon(watch, workspace, ALL_TASKS, _publish(bus, ResourcesListChanged()), seconds)
            try:
                return await call_next(ctx)
            finally:
                watchers.cancel_scope.cancel()

    async def subscribe(ctx: ServerRequestContext[TaskGroup, Any], params: SubscribeRequestParams) -> EmptyResult:
        uri, connection = str(params.uri), ctx.session._connection  # the SDK offers no public name for it
        if _SUBSCRIBED + uri not in connection.state:
            scope = connection.state[_SUBSCRIBED + uri] = anyio.CancelScope()
            connection.exit_stack.callback(scope.cancel)
            ctx.lifespan_context.start_soon(_watch_within, scope, workspace, uri, ctx.session, seconds)
        return EmptyResult()

    async def unsubscribe(ctx: ServerRequestContext[TaskGroup, Any], params: UnsubscribeRequestParams) -> EmptyResult:
        if scope := ctx.session._connection.state.pop(_SUBSCRIBED + str(params.uri), None):
            scope.cancel()
        return EmptyResult()

    server.middleware.append(listening)
    lowlevel = server._lowlevel_server  # MCPServer serves only the new era's way of subscribing
    lowlevel.add_request_handler("resources/subscribe", SubscribeRequestParams, subscribe)
    lowlevel.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, unsubscribe)


@contextlib.asynccontextmanager
async def watchers(_server: object) -> AsyncIterator[TaskGroup]:
    """The server's lifespan: the task group its watchers live in."""
    async with anyio.create_task_group() as group:
        yield group
        group.cancel_scope.cancel()


def _publish(bus: SubscriptionBus, event: ServerEvent) -> Callable[[], Awaitable[None]]:
    return lambda: bus.publish(event)


async def _watch_within(
    scope: anyio.CancelScope, workspace: Workspace, uri: str, session: ServerSession, seconds: float
) -> None:
    with scope:
        await watch(workspace, uri, lambda: session.send_resource_updated(uri), seconds)
