"""Where a domain error becomes an MCP result, and where a call's language is set: the only place for both."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError, ToolError
from mcp.server.subscriptions import InMemorySubscriptionBus
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolResult,
    GetPromptResult,
    Icon,
    InputRequiredResult,
    TextContent,
    Tool,
    ToolAnnotations,
)
from pydantic import AnyUrl, ValidationError

from ..resources.foundation.access import AccessError, offering_paths
from ..resources.foundation.errors import NlpSkillsError, TaskError
from ..resources.foundation.external import remark, visible
from ..resources.foundation.full_disk import full_disk
from ..resources.foundation.json_object import JsonObject
from ..resources.foundation.language import Language, Text, as_language, detect_language, speaking
from ..resources.foundation.masking import redact, throughout
from ..resources.foundation.wording import suggest
from ..resources.job import ACTIVE_STATES, JobFolder, job_folder, noting_started_jobs
from ..resources.paths import covered_by
from ..resources.workspace import Workspace
from . import asking
from .arguments import describe_oversize, invalid_arguments, unknown_argument, without_pasted_secrets
from .audit import note_call
from .schemas import answer_schema, answer_type, lean, with_added_types, without_empty_defaults
from .stdio import checked_stdio

logger = logging.getLogger(__name__)

_ENOUGH_WORDS = 3  # "yes" or "entity-sentiment v1" does not say that a person has changed to English
_UNDERSTOOD_EVERYWHERE = {"language", "message"}  # they only say how to answer, where a tool has no use for them


class GuardedServer(MCPServer[Any]):
    """An MCP server whose tools, resources and prompts speak the call's language and fail in words a person can use.

    Arguments:
        workspace: where a call's task, and so its language, is looked up.
        language: what to speak where neither the call nor the task says.
        read_only: leave out every tool that is not annotated as read-only.
        forms: put questions to the person as forms where the client shows them.
        settings: passed on to `MCPServer`.
    """

    def __init__(
        self,
        *,
        workspace: Workspace,
        language: Language | None,
        read_only: bool = False,
        forms: bool = True,
        **settings: Any,
    ) -> None:
        self.bus = InMemorySubscriptionBus()
        super().__init__(subscriptions=self.bus, **settings)
        self._workspace = workspace
        self._language = language
        self._read_only = read_only
        self._forms = forms
        self._one_client = False
        self._heard: Language | None = None  # what the one client's person was last heard to speak
        self._subject: Language | None = None  # the language of the task they were last about

    def add_tool(
        self,
        fn: Callable[..., Any],
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        annotations: ToolAnnotations | None = None,
        icons: list[Icon] | None = None,
        meta: JsonObject | None = None,
        structured_output: bool | None = None,
    ) -> None:
        if self._read_only and not (annotations and annotations.read_only_hint):
            return
        # The SDK would make the answer's schema anew for each tool; many answer with the same type.
        answer = answer_type(fn) if structured_output else None
        super().add_tool(
            fn,
            name,
            title,
            description,
            annotations,
            icons,
            meta,
            structured_output=False if answer else structured_output,
        )
        tool = self._tool_manager.get_tool(name or fn.__name__)
        assert tool is not None
        tool.parameters = without_empty_defaults(lean(tool.parameters))
        if answer:
            tool.fn_metadata.output_model = answer
        tool.fn_metadata.output_schema = answer_schema(answer) if answer else lean(tool.fn_metadata.output_schema)

    async def list_tools(self) -> list[Tool]:
        return [
            tool.model_copy(update={"input_schema": with_added_types(tool.input_schema)})
            for tool in await super().list_tools()
        ]

    async def call_tool(
        self, name: str, arguments: JsonObject, context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        tool = self._tool_manager.get_tool(name)
        known = set(tool.parameters.get("properties", {})) if tool else set()
        # A `language` beside other words describes data; any other is how the person wants to be answered.
        with (
            self._speaking(arguments, talks="message" in known or "language" not in known),
            self._record_call(context, "tool", name, arguments),
        ):
            if tool is None:
                raise ToolError(self._no_such_tool(name))
            if problem := describe_oversize(arguments):
                raise ToolError(problem)
            if unknown := [given for given in arguments if given not in known | _UNDERSTOOD_EVERYWHERE]:
                raise ToolError(unknown_argument(name, unknown[0], sorted(known)))
            with noting_started_jobs() as started:
                try:
                    return without_secrets(
                        await self._asked_and_called(name, without_pasted_secrets(arguments), context)
                    )
                except ToolError as error:
                    raise ToolError("\n".join((explain_failure(error, name), *_still_working(started)))) from error

    async def _asked_and_called(
        self, name: str, arguments: JsonObject, context: Context[Any, Any] | None
    ) -> CallToolResult | InputRequiredResult:
        """Call the tool; what it leaves open is asked as a form where the client shows forms, once for each call. Files in
        a folder that the client offers are allowed by that."""
        if context is None:
            return await super().call_tool(name, arguments, context)
        refused, form = None, None
        asks = self._forms and asking.can_ask(context)
        try:
            result = await super().call_tool(name, arguments, context)
            if asks and isinstance(result, CallToolResult):
                form = asking.question_in_answer(name, arguments, result.structured_content or {})
        except ToolError as error:
            refused, cause = error, _cause(error)
            if isinstance(cause, AccessError) and cause.needs:
                roots = await asking.offered_roots(context)
                if isinstance(roots, InputRequiredResult):
                    return roots
                if covered_by(cause.needs, roots):
                    with offering_paths(need.subject for need in cause.needs):
                        return await self._asked_and_called(name, arguments, context)
            if asks and isinstance(cause, NlpSkillsError):
                form = asking.question_in_error(cause, arguments)
        following = await asking.put(form, context) if form else None
        if isinstance(following, InputRequiredResult):
            return following
        if following is not None:
            return await super().call_tool(name, following, context)
        if refused:
            raise refused
        return result

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[Any, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        with self._speaking({"task": task_of(str(uri))}):
            try:
                return await super().read_resource(uri, context)
            except ResourceNotFoundError:
                raise
            except ResourceError as error:
                missing = isinstance(_cause(error), TaskError)
                kind = ResourceNotFoundError if missing else ResourceError
                raise kind(explain_failure(error, str(uri))) from error

    async def get_prompt(
        self, name: str, arguments: JsonObject | None = None, context: Context[Any, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        with self._speaking(arguments or {}, talks=True):
            known = [prompt.name for prompt in self._prompt_manager.list_prompts()]
            if name not in known:
                raise MCPError(INVALID_PARAMS, _no_such_prompt(name, known))
            try:
                return await super().get_prompt(name, arguments, context)
            except ValueError as error:
                raise MCPError(INVALID_PARAMS, explain_failure(error, name)) from error

    async def run_stdio_async(self) -> None:
        """Serve over standard input and output; whatever a library prints meanwhile goes to standard error."""
        async with checked_stdio() as (received, sent):
            self._one_client = True
            with contextlib.redirect_stdout(sys.stderr):
                await self._lowlevel_server.run(received, sent, self._lowlevel_server.create_initialization_options())

    @contextlib.contextmanager
    def _record_call(
        self, context: Context[Any, Any] | None, kind: str, name: str, arguments: Mapping[str, Any]
    ) -> Iterator[None]:
        """Record the call, whichever way it ends."""
        outcome = "failed"
        try:
            yield
            outcome = "answered"
        except ToolError:
            outcome = "refused"
            raise
        finally:
            note_call(_client_name(context), kind, name, arguments, outcome)

    def _no_such_tool(self, name: str) -> str:
        offered = [tool.name for tool in self._tool_manager.list_tools()]
        meant = suggest(name, offered, most=3)
        return str(
            Text(
                "There is no tool {name!r} here; it may be switched off.\n→ {meant}\n(unknown_tool)",
                "這裡沒有「{name}」這個工具，也可能是被關閉了。\n→ {meant}\n(unknown_tool)",
            ).format(name=name[:60], meant=meant)
        )

    def _speaking(
        self, arguments: Mapping[str, Any], *, talks: bool = False
    ) -> contextlib.AbstractContextManager[None]:
        """Speak the call's language: what it says itself where it `talks` with the person, else what the person was
        last heard to speak (one client only), else that of its job or task or of the last one, else the server's."""
        said = said_language(arguments) if talks else None
        subject = subject_language(arguments, self._workspace)
        if self._one_client:
            self._heard, self._subject = said or self._heard, subject or self._subject
        return speaking(said or self._heard or subject or self._subject or self._language)


def _client_name(context: Context[Any, Any] | None) -> str:
    """How the client at the other end calls itself."""
    with contextlib.suppress(AttributeError, ValueError, LookupError):
        info = context.session.client_params.client_info if context else None
        return f"{info.name} {info.version}" if info else ""
    return ""


def _no_such_prompt(name: str, known: list[str]) -> str:
    meant = suggest(name[:60], known, most=3)
    return str(
        Text(
            "There is no prompt {name!r} here.\n→ {meant}\n(unknown_prompt)",
            "這裡沒有「{name}」這個提示。\n→ {meant}\n(unknown_prompt)",
        ).format(name=name[:60], meant=meant)
    )


def without_secrets(result: CallToolResult | InputRequiredResult) -> CallToolResult | InputRequiredResult:
    """`result` with every secret this process knows replaced by `***`, whatever a file or a server put it into, and with
    every character that hides shown."""
    if not isinstance(result, CallToolResult):
        return result
    content = [
        block.model_copy(update={"text": _trim_message(block.text)}) if isinstance(block, TextContent) else block
        for block in result.content
    ]
    return result.model_copy(
        update={"content": content, "structured_content": throughout(result.structured_content, _trim_message)}
    )


def _trim_message(text: str) -> str:
    return visible(redact(text))


def said_language(arguments: Mapping[str, Any]) -> Language | None:
    """The language a call asks for by its `language`, else by what its `message` is written in."""
    named, message = arguments.get("language"), arguments.get("message")
    if isinstance(named, str) and (language := as_language(named)):
        return language
    written = detect_language(message) if isinstance(message, str) else None
    if written == "en" and len(re.findall(r"[A-Za-z]{2,}", str(message))) < _ENOUGH_WORDS:
        return None
    return written


def subject_language(arguments: Mapping[str, Any], workspace: Workspace) -> Language | None:
    """The language of what a call is about: the job it names, the data it describes, or its task."""
    job, language, task = (arguments.get(name) for name in ("job_id", "language", "task"))
    with contextlib.suppress(NlpSkillsError):  # the tool itself says what is wrong with its job or task
        if isinstance(job, str) and job:
            return job_folder(workspace, job).spec().language
        if isinstance(language, str) and (named := as_language(language)):
            return named
        if isinstance(task, str) and task:
            return workspace.task(task).language()
    return None


def task_of(uri: str) -> str:
    """The task a resource's address is about; empty when it is about none."""
    place, _, rest = uri.partition("://")[2].partition("/")
    return rest.partition("/")[0] if place == "tasks" else ""


def explain_failure(error: BaseException, name: str) -> str:
    """What a failed call of `name` says, in the language being spoken and without secrets."""
    cause = _cause(error)
    if isinstance(cause, NlpSkillsError):
        return _trim_message("\n".join(filter(None, (str(cause), remark(cause), f"({cause.code})"))))
    if isinstance(cause, ValidationError):
        return redact(invalid_arguments(cause, name))
    if full := full_disk(cause):
        return _trim_message(f"{full}\n({full.code})")
    if cause is error:  # said on purpose by the SDK or a tool module: an unknown tool or prompt, a missing argument
        return redact(str(error))
    reference = uuid.uuid4().hex[:8]
    logger.error("[%s] %s\n%s", reference, name, redact("".join(traceback.format_exception(cause))))
    kind = type(cause).__name__
    return str(
        Text(
            f"{name} failed on an internal error ({kind}); nothing was left half done.\n"
            f"→ Try once more. If it happens again, report it with reference {reference} from the server's log.",
            f"{name} 發生內部錯誤（{kind}）而停止，沒有留下做到一半的東西。\n"
            f"→ 請再試一次；若再發生，請附上伺服器紀錄中的編號 {reference} 回報。",
        )
    )


def _still_working(started: Iterable[JobFolder]) -> Iterator[str]:
    """That a job which the failed call had started is at work all the same."""
    for job in started:
        with contextlib.suppress(NlpSkillsError, OSError):
            if job.state() in ACTIVE_STATES:
                yield str(
                    Text(
                        f"Job {job.id} has started and is running: job_status(job_id={job.id!r}).",
                        f"工作 {job.id} 已經開始執行：job_status(job_id={job.id!r})。",
                    )
                )


def _cause(error: BaseException) -> BaseException:
    """What was really raised, under the wrappers the SDK puts around it."""
    while isinstance(error, (ToolError, ResourceError, ValueError)) and error.__cause__ is not None:
        if isinstance(error, (NlpSkillsError, ValidationError)):
            break
        error = error.__cause__
    return error
