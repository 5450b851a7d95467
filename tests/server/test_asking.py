"""Where a client shows forms, what an answer leaves open is asked there; the others get the same answer to show."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import Client
from mcp_types import ElicitRequestParams, ElicitResult
from pydantic import Field

from nlp_skills.resources.answer import Answer, NextStep
from nlp_skills.resources.foundation.errors import DeploymentError
from nlp_skills.resources.foundation.language import Text
from nlp_skills.resources.workspace import Workspace
from nlp_skills.server.app import build_server
from nlp_skills.server.boundary import GuardedServer
from nlp_skills.server.settings import Settings

Filled = Callable[[Any, ElicitRequestParams], Awaitable[ElicitResult]]
ERAS = pytest.mark.parametrize("mode", ["legacy", "auto"])


class Coached(Answer):
    question: dict[str, Any] | None = Field(default=None)


def server(workspace: Path, forms: bool = True) -> tuple[GuardedServer, list[str]]:
    """A server with three tools that leave something open, and what they did."""
    done: list[str] = []
    guarded = GuardedServer(workspace=Workspace(workspace), language="zh-TW", forms=forms, name="test")

    @guarded.tool(name="download")
    def download(name: str, confirm: bool = False) -> Answer:
        if confirm:
            done.append(f"downloaded {name}")
            return Answer(message="on its way", next_step=NextStep(say="wait"))
        return Answer(
            message=f"{name} takes 8 GB",
            next_step=NextStep(say="ask", tool="download", arguments={"name": name, "confirm": True}),
        )

    @guarded.tool(name="release")
    def release(override_reason: str = "") -> Answer:
        if not override_reason:
            raise DeploymentError(
                Text("below your goal", "低於目標"), Text("improve it", "先改進"), field="override_reason"
            )
        done.append(f"released: {override_reason}")
        return Answer(message="live", next_step=NextStep(say="use it"))

    @guarded.tool(name="coach")
    def coach(answers: dict[str, str] | None = None) -> Coached:
        known = answers or {}
        if "goal" not in known:
            return Coached(
                message="noted",
                question={"ask": "What for?", "why": "It decides.", "examples": ["mail"]},
                next_step=NextStep(say="ask", tool="coach", arguments={"answers": {**known, "goal": "<it>"}}),
            )
        return Coached(message=f"so it is {known['goal']}", next_step=NextStep(say="go on", tool="list_tasks"))

    return guarded, done


def call(guarded: GuardedServer, mode: str, filled: Filled | None, tool: str, arguments: dict[str, Any]) -> Any:
    async def run() -> Any:
        async with Client(guarded, mode=mode, elicitation_callback=filled) as client:  # type: ignore[arg-type]
            return await client.call_tool(tool, arguments)

    return anyio.run(run)


def person(content: dict[str, Any] | None, seen: list[ElicitRequestParams]) -> Filled:
    """Somebody who fills in every form so, or declines."""

    async def fills(_context: Any, asked: ElicitRequestParams) -> ElicitResult:
        seen.append(asked)
        return ElicitResult(action="accept", content=content) if content is not None else ElicitResult(action="decline")

    return fills


@ERAS
def test_a_yes_is_asked_for_in_the_persons_language_and_the_work_begins(tmp_path: Path, mode: str) -> None:
    guarded, done = server(tmp_path)
    seen: list[ElicitRequestParams] = []
    answer = call(guarded, mode, person({"agreed": True}, seen), "download", {"name": "qwen"})
    assert answer.structured_content["message"] == "on its way" and done == ["downloaded qwen"]
    [asked] = seen
    assert asked.message == "qwen takes 8 GB" and "同意" in str(asked.requested_schema)  # type: ignore[union-attr]


@ERAS
@pytest.mark.parametrize("content", [None, {"agreed": False}])
def test_without_a_yes_nothing_happens_and_the_answer_says_what_it_would_take(
    tmp_path: Path, mode: str, content: dict[str, Any] | None
) -> None:
    guarded, done = server(tmp_path)
    answer = call(guarded, mode, person(content, []), "download", {"name": "qwen"})
    assert not done and answer.structured_content["next_step"]["arguments"]["confirm"] is True


@ERAS
def test_the_coachs_question_is_a_form_and_its_answer_goes_where_it_belongs(tmp_path: Path, mode: str) -> None:
    guarded, _ = server(tmp_path)
    seen: list[ElicitRequestParams] = []
    answer = call(guarded, mode, person({"answer": "faster mail"}, seen), "coach", {"answers": {"pain": "slow"}})
    assert answer.structured_content["message"] == "so it is faster mail"
    assert [asked.message for asked in seen] == ["What for?\nIt decides.\n· mail"]


@ERAS
def test_a_gate_is_passed_with_a_written_reason_only(tmp_path: Path, mode: str) -> None:
    guarded, done = server(tmp_path)
    assert not call(guarded, mode, person({"answer": "a trial"}, []), "release", {}).is_error
    assert done == ["released: a trial"]
    for content in (None, {"answer": "  "}):
        refused = call(guarded, mode, person(content, []), "release", {})
        assert refused.is_error and "低於目標" in refused.content[0].text
    assert len(done) == 1


@ERAS
def test_a_form_filled_in_wrongly_is_no_answer(tmp_path: Path, mode: str) -> None:
    guarded, done = server(tmp_path)
    answer = call(guarded, mode, person({"agreed": "perhaps?"}, []), "download", {"name": "qwen"})
    assert not done and answer.structured_content["next_step"]["tool"] == "download"


@ERAS
@pytest.mark.parametrize("forms", [True, False])
def test_a_client_without_forms_or_with_forms_switched_off_asks_in_the_chat(
    tmp_path: Path, mode: str, forms: bool
) -> None:
    guarded, done = server(tmp_path, forms)
    answer = call(guarded, mode, None if forms else person({"agreed": True}, []), "download", {"name": "qwen"})
    assert not done and answer.structured_content["next_step"]["arguments"] == {"name": "qwen", "confirm": True}


@ERAS
def test_the_real_coach_asks_about_the_pain_in_a_form(tmp_path: Path, mode: str) -> None:
    seen: list[ElicitRequestParams] = []
    filled = person({"answer": "兩位同事每天手動分 400 封信"}, seen)
    answer = call(build_server(Settings(workspace=tmp_path)), mode, filled, "coach", {"message": "我想訓練一個模型"})
    assert len(seen) == 1 and "頭痛" in seen[0].message
    assert "400 封信" in str(answer.structured_content["known"])
