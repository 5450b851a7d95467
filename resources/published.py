"""The nouns as MCP resources and templates, and completions for their arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp_types import Completion, CompletionArgument, CompletionContext, PromptReference, ResourceTemplateReference

from .browsing.reading import ADDRESSES, Address, read_address
from .foundation.errors import NlpSkillsError
from .foundation.secrets import redact
from .workspace import Workspace


def register(server: MCPServer[Any], workspace: Workspace) -> None:
    """Publish every address of `reading.py`, and complete the arguments of templates and prompts by their names."""
    for address in ADDRESSES:
        server.resource(
            address.template,
            name=address.name,
            title=f"{address.title.en} · {address.title.zh}",
            description=f"{address.about.en} {address.about.zh}",
            mime_type=address.mime_type,
        )(_reader(workspace, address))

    @server.completion()
    async def complete_argument(
        _reference: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion:
        from .browsing.completing import MOST, complete

        known = dict(context.arguments or {}) if context else {}
        values = await anyio.to_thread.run_sync(complete, workspace, argument.name, argument.value, known)
        return Completion(values=values[:MOST], total=len(values), has_more=len(values) > MOST)


def _reader(workspace: Workspace, address: Address) -> Callable[..., str]:
    """A function of exactly the template's variables, as the SDK asks for."""

    def reader(**variables: str) -> str:
        try:
            return read_address(workspace, address, variables).text
        except NlpSkillsError as error:
            raise ResourceNotFoundError(redact(str(error))) from error

    required = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=str) for name in address.variables]
    optional = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=str, default="") for name in address.optional
    ]
    reader.__signature__ = inspect.Signature([*required, *optional])  # type: ignore[attr-defined]
    reader.__annotations__ = dict.fromkeys([*address.variables, *address.optional], str)
    return reader
