"""Putting a question to the person themselves, as a form, where their client can show one (MCP elicitation).

What can be asked stands in the answers already, for every client: a `next_step` that repeats the call with
`confirm: true`, a coach's `question` with one `<…>` to fill in, an error about `confirm` or `override_reason`. Here it is
only turned into a form; a client without forms shows the same answer and asks in the chat. Whoever declines gets that
answer too.
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from mcp.server.elicitation import render_elicitation_schema
from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp_types import (
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
)
from mcp_types.version import is_version_at_least
from pydantic import BaseModel, Field, ValidationError, create_model

from ..resources.foundation.access import AccessError, grant
from ..resources.foundation.errors import NlpSkillsError
from ..resources.foundation.json_object import JsonObject
from ..resources.foundation.language import Text

_KEY = "answer"
_ROOTS = "roots"
_ROUNDS_SINCE = "2026-07-28"  # from here on a question travels inside the result, and its answer in the repeated call
_OPEN = re.compile(r"<[^<>]+>")
_SHOWN_EXAMPLES = 3


@dataclass(frozen=True)
class Form:
    """One question.

    Arguments:
        message: what it is about, in the language being spoken.
        schema: a flat model of the answer.
        arguments: from the filled-in form to what the tool is to be called with; None where that is a refusal.
    """

    message: str
    schema: type[BaseModel]
    arguments: Callable[[Any], JsonObject | None]

    @property
    def mark(self) -> str:
        """Tells this question from another one, so that an answer counts only for what was asked."""
        asked = json.dumps([self.message, render_elicitation_schema(self.schema)], ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(asked.encode()).hexdigest()


def can_ask(context: Context[Any, Any] | None) -> bool:
    """Whether the client at the other end shows forms."""
    capabilities = context.client_capabilities if context else None
    return capabilities is not None and capabilities.elicitation is not None


def question_in_answer(tool: str, arguments: Mapping[str, Any], content: Mapping[str, Any]) -> Form | None:
    """The question an answer of `tool` leaves open: a yes to the same call, or the one thing the coach asks."""
    step = content.get("next_step") or {}
    following = dict(step.get("arguments") or {})
    if step.get("tool") != tool:
        return None
    if following.get("confirm") is True and not arguments.get("confirm"):
        return _consent(str(content.get("message") or step["say"]), following)
    question = content.get("question")
    slot = _only_slot(following)
    if not question or slot is None:
        return None
    return _free_text(
        _question_text(question),
        str(Text("Your answer", "你的回答")),
        question.get("default"),
        lambda answer: _fill_slot(following, slot, answer),
    )


def question_in_error(error: NlpSkillsError, arguments: Mapping[str, Any]) -> Form | None:
    """The question behind a refusal: a permission, a yes, or the reason to record for passing a gate."""
    if isinstance(error, AccessError) and error.needs:
        return _permission(error, arguments)
    if error.field == "confirm":
        return _consent(str(error.problem), {**arguments, "confirm": True})
    if error.field == "override_reason":
        ask = Text(
            "To go ahead anyway, say why; the reason is kept. Leave it empty to stop here.",
            "如果還是要做，請寫下理由（會留下紀錄）；留空就停在這裡。",
        )
        return _free_text(
            f"{error.problem}\n{ask}",
            str(Text("Why go ahead anyway", "為什麼還是要做")),
            "",
            lambda reason: {**arguments, "override_reason": reason},
        )
    return None


async def offered_roots(context: Context[Any, Any]) -> tuple[Path, ...] | InputRequiredResult:
    """The folders that the client offers (MCP roots), none where it has no roots; or the question for them."""
    capabilities = context.client_capabilities
    if capabilities is None or capabilities.roots is None:
        return ()
    if is_version_at_least(context.protocol_version or "", _ROUNDS_SINCE):
        answered = (context.input_responses or {}).get(_ROOTS)
        if answered is None and not context.request_state:
            return InputRequiredResult(input_requests={_ROOTS: ListRootsRequest()}, request_state=_ROOTS)
        found = answered if isinstance(answered, ListRootsResult) else None
    else:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # deprecated in the newer era, and all that this one has
                found = await context.session.list_roots()
        except (MCPError, ValidationError):
            found = None
    paths = [Path(url2pathname(unquote(urlsplit(str(root.uri)).path))) for root in (found.roots if found else ())]
    return tuple(path for path in paths if path.is_absolute() and path.parent != path)


async def put(form: Form, context: Context[Any, Any]) -> JsonObject | InputRequiredResult | None:
    """Ask, in the way of the client's protocol era.

    Returns:
        what to call the tool with; the question itself, to be answered in a repeated call; or None where the person
        declined, or answered something the form does not allow.
    """
    if not is_version_at_least(context.protocol_version or "", _ROUNDS_SINCE):
        try:
            outcome = await context.elicit(form.message, form.schema)
        except ValueError:
            return None
        return form.arguments(outcome.data) if outcome.action == "accept" else None
    given = (context.input_responses or {}).get(_KEY)
    if isinstance(given, ElicitResult) and context.request_state == form.mark:
        if given.action != "accept":
            return None
        try:
            return form.arguments(form.schema.model_validate(given.content or {}))
        except ValidationError:
            return None
    asked = ElicitRequest(
        params=ElicitRequestFormParams(message=form.message, requested_schema=render_elicitation_schema(form.schema))
    )
    return InputRequiredResult(input_requests={_KEY: asked}, request_state=form.mark)


def _permission(error: AccessError, arguments: Mapping[str, Any]) -> Form:
    """What the person allows here is kept outside the tasks, and the same call is made again."""
    files = [need for need in error.needs if need.kind == "file"]
    offered = {"yes": Text("Allow", "允許"), "no": Text("Do not allow", "不允許")}
    if all(need.kind == "script" for need in error.needs):
        offered = {"yes": Text("Run this content", "執行這份內容"), "no": Text("Do not run it", "不執行")}
    if files:
        offered = {
            "file": Text("Only this file", "只允許這個檔案")
            if len(files) == 1
            else Text("Only these files", "只允許這些檔案"),
            "folder": Text("Its whole folder", "允許整個資料夾"),
            **{"no": offered["no"]},
        }
    titles = {str(words): choice for choice, words in offered.items()}
    options: Any = Literal[tuple(titles)]
    schema = create_model(
        "Permission",
        allow=(
            options,
            Field(
                title=str(Text("Allow it?", "要允許嗎？")),
                description=str(Text("Your choice is remembered on this computer.", "你的選擇會記在這台電腦上。")),
            ),
        ),
    )

    def arguments_if_allowed(answer: Any) -> JsonObject | None:
        choice = titles[answer.allow]
        if choice == "no":
            return None
        grant(error.needs, whole_folder=choice == "folder", file=str(error.details.get("file", "")))
        return dict(arguments)

    return Form(str(error.problem), schema, arguments_if_allowed)


def _consent(message: str, following: JsonObject) -> Form:
    schema = create_model(
        "Consent",
        agreed=(
            bool,
            Field(
                False,
                title=str(Text("Go ahead", "同意進行")),
                description=str(Text("Nothing starts without your yes.", "沒有你的同意，什麼都不會開始。")),
            ),
        ),
    )
    return Form(message, schema, lambda answer: following if answer.agreed else None)


def _free_text(message: str, title: str, default: str | None, arguments: Callable[[str], JsonObject]) -> Form:
    kind: Any = (str, Field(default, title=title)) if default is not None else (str, Field(title=title))
    schema = create_model("Answer", answer=kind)
    return Form(message, schema, lambda given: arguments(given.answer.strip()) if given.answer.strip() else None)


def _question_text(question: Mapping[str, Any]) -> str:
    examples = [f"· {example}" for example in (question.get("examples") or [])[:_SHOWN_EXAMPLES]]
    return "\n".join([str(question["ask"]), str(question["why"]), *examples])


def _only_slot(value: Any, path: tuple[str, ...] = ()) -> tuple[str, ...] | None:
    """Where the one `<…>` of the arguments stands; None where there is none, or more than one."""
    found = list(_slots(value, path))
    return found[0] if len(found) == 1 else None


def _slots(value: Any, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    if isinstance(value, Mapping):
        return [slot for key, inner in value.items() for slot in _slots(inner, (*path, str(key)))]
    if isinstance(value, list):
        return [path, path] if any(_slots(inner, path) for inner in value) else []
    return [path] if isinstance(value, str) and _OPEN.fullmatch(value) else []


def _fill_slot(arguments: Mapping[str, Any], slot: tuple[str, ...], answer: str) -> JsonObject:
    head, *rest = slot
    return {**arguments, head: _fill_slot(arguments[head], tuple(rest), answer) if rest else answer}
