"""The demonstration's MCP client: a real one, over stdio, that follows a job to its end as any client can."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from mcp import StdioServerParameters
from mcp.client import Client
from mcp.client.session import ClientRequestContext
from mcp.client.stdio import stdio_client
from mcp_types import ElicitRequestParams, ElicitResult

from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Language
from ...resources.job import ACTIVE_STATES
from .told import Told


class ToolFailed(Exception):
    """A tool answered with an error; the text is the product's own."""


class Conversation:
    """One client talking to one server, telling what it does."""

    def __init__(self, client: Client, told: Told) -> None:
        self._client = client
        self._told = told

    async def call(self, tool: str, **arguments: Any) -> JsonObject:
        """Call a tool; where it started a job, watch the job to its end and return the job's answer."""
        self._told.call(tool, arguments)
        answer = await self._call(tool, arguments)
        job = answer.get("job")
        if job and job["state"] in ACTIVE_STATES:
            answer = await self._watch(job)
        return answer

    async def read(self, uri: str) -> str:
        self._told.note(f"→ {uri}")
        result = await self._client.read_resource(uri)
        return "".join(getattr(part, "text", "") for part in result.contents)

    async def _watch(self, job: JsonObject) -> JsonObject:
        answer: JsonObject = {"job": job}
        with self._told.bar() as bar:
            shown = bar.add_task(job["kind"], total=None, measures="")
            while answer["job"]["state"] in ACTIVE_STATES:
                progress = answer["job"]["progress"]
                measures = "  ".join(
                    f"{name} {value:.4g}" for name, value in progress["measures"].items() if value is not None
                )[:64]
                bar.update(
                    shown,
                    completed=progress["step"],
                    total=progress["total"],
                    measures=measures,
                    description=(progress.get("message") or job["kind"])[:44],
                )
                answer = await self._call("job_status", {"job_id": job["id"], "wait_seconds": 1})
            total = bar.tasks[0].total or 1
            bar.update(shown, completed=total, total=total)
        return answer

    async def _call(self, tool: str, arguments: JsonObject) -> JsonObject:
        result = await self._client.call_tool(tool, arguments)
        if result.is_error:
            raise ToolFailed("".join(getattr(part, "text", "") for part in result.content))
        return dict(result.structured_content or {})


@contextlib.asynccontextmanager
async def conversation(told: Told, workspace: Path, language: Language, worker: Path) -> AsyncIterator[Conversation]:
    """Start `nlp-skills serve` as a client would, in that workspace and language."""
    environment = {
        **os.environ,
        "NLP_SKILLS_WORKSPACE": str(workspace),
        "NLP_SKILLS_LANGUAGE": language,
        "NLP_SKILLS_WORKER": str(worker),
        "HF_HUB_OFFLINE": "1",
        # The demonstration's own password must not end in the person's keychain.
        "NLP_SKILLS_SECRETS_DIR": str(workspace / ".nlp-skills" / "secrets"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "nlp_skills.server.cli", "serve"], env=environment
    )

    async def permits(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        """The story's person allows what the form asks for; what else is open is asked in the story itself."""
        allow = getattr(params, "requested_schema", {}).get("properties", {}).get("allow")
        if allow is None:
            return ElicitResult(action="decline")
        told.coach(params.message)
        told.person(allow["enum"][0])
        return ElicitResult(action="accept", content={"allow": allow["enum"][0]})

    async with Client(stdio_client(server), elicitation_callback=permits) as client:
        yield Conversation(client, told)
