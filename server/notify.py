"""Tells clients that a resource changed, in both protocol eras.

A resource is what stands on disk, and jobs, scripts and people change it without this process knowing. So while a
client watches a resource, the few files behind it are looked at every second; while nobody watches, nothing runs.

- 2026-07-28: `subscriptions/listen` names the resources, and its response stream carries the news.
- 2025-11-25 and before: `resources/subscribe` and `resources/unsubscribe` on a session.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import TaskGroup
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.subscriptions import ResourcesListChanged, ResourceUpdated, ServerEvent
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
    "data": ("data/current.json", "data/*.jsonl"),
    "lineage": ("versions/*", "versions/*/lineage.yaml"),
    "lineage.mmd": ("versions/*", "versions/*/lineage.yaml"),
    "notes": ("task.yaml",),
    "jobs": ("jobs/*", "jobs/*/events.jsonl", "jobs/*/exit.json"),
}
_FILES_OF_A_ROW = ("task.yaml", "versions/current.json", "deployments/current.json")
_SUBSCRIBED = "subscribed "
Fingerprint = frozenset[tuple[str, int, int]]


def fingerprint(workspace: Workspace, uri: str) -> Fingerprint:
    """Name, size and time of every file behind `uri`; equal as long as nothing behind it changed."""
    return frozenset(_stat(path) for path in _files(workspace, uri))


def _files(workspace: Workspace, uri: str) -> Iterator[Path]:
    place, _, rest = uri.removeprefix(SCHEME).partition("/")
    task, _, part = rest.partition("/")
    if place != "tasks":
        return
    if not task:
        yield from (workspace.root / name / file for name in workspace.task_names() for file in _FILES_OF_A_ROW)
        return
    root = workspace.root / Path(task).name  # a folder of the workspace, whatever the client wrote
    for pattern in _FILES_OF.get(part.partition("/")[0], ()):
        yield from root.glob(pattern)


def _stat(path: Path) -> tuple[str, int, int]:
    try:
        found = path.stat()
    except OSError:  # gone between the two looks, which is a change like any other
        return str(path), -1, -1
    return str(path), found.st_mtime_ns, found.st_size


class Watcher:
    """Looks at the files behind one resource, from the moment it is made."""

    def __init__(self, workspace: Workspace, uri: str, seconds: float) -> None:
        self._workspace, self._uri, self._seconds = workspace, uri, seconds
        self._seen = fingerprint(workspace, uri)  # before the subscription is confirmed: no change falls in between

    async def run(self, changed: Callable[[], Awaitable[None]]) -> None:
        """Call `changed` after every change, until cancelled."""
        while True:
            await anyio.sleep(self._seconds)
            now = await anyio.to_thread.run_sync(fingerprint, self._workspace, self._uri)
            if now != self._seen:
                self._seen = now
                await changed()


def serve_changes(server: GuardedServer, workspace: Workspace, seconds: float = LOOK_SECONDS) -> None:
    """Let clients of both eras subscribe to resources of `server`; looks every `seconds` while somebody does."""
    bus = server.bus

    async def listening(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if ctx.method != "subscriptions/listen":
            return await call_next(ctx)
        async with anyio.create_task_group() as watching:
            for uri, event in _wanted_resources(ctx.params or {}):
                watching.start_soon(Watcher(workspace, uri, seconds).run, partial(bus.publish, event))
            result = await call_next(ctx)
            watching.cancel_scope.cancel()
        return result

    async def subscribe(ctx: ServerRequestContext[TaskGroup, Any], params: SubscribeRequestParams) -> EmptyResult:
        uri, connection = str(params.uri), ctx.session._connection  # the SDK has no public name for it
        if (key := _SUBSCRIBED + uri) not in connection.state:
            scope = connection.state[key] = anyio.CancelScope()
            connection.exit_stack.callback(scope.cancel)
            watcher, changed = Watcher(workspace, uri, seconds), partial(ctx.session.send_resource_updated, uri)
            ctx.lifespan_context.start_soon(_run_within, scope, watcher, changed)
        return EmptyResult()

    async def unsubscribe(ctx: ServerRequestContext[TaskGroup, Any], params: UnsubscribeRequestParams) -> EmptyResult:
        if scope := ctx.session._connection.state.pop(_SUBSCRIBED + str(params.uri), None):
            scope.cancel()
        return EmptyResult()

    server.middleware.append(listening)
    lowlevel = server._lowlevel_server  # MCPServer by itself serves only the newer era's way of subscribing
    lowlevel.add_request_handler("resources/subscribe", SubscribeRequestParams, subscribe)
    lowlevel.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, unsubscribe)


@contextlib.asynccontextmanager
async def watchers(_server: object) -> AsyncIterator[TaskGroup]:
    """The server's lifespan: the task group in which watchers of the handshake era live."""
    async with anyio.create_task_group() as group:
        yield group
        group.cancel_scope.cancel()


def _wanted_resources(params: Mapping[str, Any]) -> Iterator[tuple[str, ServerEvent]]:
    """The resources a `subscriptions/listen` request asks about, each with the event that tells of its change."""
    asked = params.get("notifications") or {}
    for uri in asked.get("resourceSubscriptions") or ():
        yield str(uri), ResourceUpdated(str(uri))
    if asked.get("resourcesListChanged"):
        yield ALL_TASKS, ResourcesListChanged()


async def _run_within(scope: anyio.CancelScope, watcher: Watcher, changed: Callable[[], Awaitable[None]]) -> None:
    with scope:
        await watcher.run(changed)
