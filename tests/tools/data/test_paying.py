"""Nothing that costs is asked of an endpoint before a yes that repeats its price: by the tools, on a terminal, by script."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from mcp import Client
from mcp.client.context import ClientRequestContext
from mcp_types import ElicitRequestParams, ElicitResult

from nlp_skills.resources import spending
from nlp_skills.resources.foundation.errors import BudgetError, DataSourceError
from nlp_skills.resources.foundation.files import dump_jsonl, write_yaml
from nlp_skills.resources.job import job_folders
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.server.boundary import GuardedServer
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.data.expense import Prices, read_agreed
from nlp_skills.tools.data.regenerate import MODULE
from nlp_skills.tools.data.tool import register
from nlp_skills.tools.evaluate.proposing import start
from tests.tools.data.conftest import sentences
from tests.tools.data.misbehaving import Asked, Peer, Said, as_json, peer
from tests.tools.data.test_llm_generated import Writer, fields
from tests.tools.data.test_tool import call, read_refusal

PRICES = {"price_per_million_input": 100.0, "price_per_million_output": 1000.0}
TRUE_COST = 2.46  # of 6 answers of 100 + 400 tokens at those prices


@pytest.fixture
def server() -> Iterator[Peer]:
    with peer() as here:
        here.serve("/v1/chat/completions", Writer())
        yield here


@pytest.fixture(params=["en", "zh-TW"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def client(workspace: Workspace, task: TaskFolder, language: str) -> AsyncIterator[Client]:
    with task.change() as definition:
        definition.language = language  # type: ignore[assignment]
    server = GuardedServer(workspace=workspace, language=None, name="nlp-skills")
    register(server, workspace, start)
    async with Client(server) as client:
        yield client


def written_by(task: TaskFolder, *sources: dict[str, Any]) -> None:
    """The task's sources: real rows, and these that a model writes."""
    (task.root / "news.jsonl").write_bytes(dump_jsonl(sentences(60)))
    write_yaml(task.data_source_file, {"sources": [{"type": "file", "path": "news.jsonl"}, *sources]})


def priced_source(server: Peer, **more: Any) -> dict[str, Any]:
    """30 rows, asked for in Chinese in six requests."""
    return fields(server, **PRICES, **more)


@pytest.mark.anyio
@pytest.mark.parametrize("language", ["zh-TW"], indirect=True)
async def test_the_price_is_repeated_and_nothing_is_asked_before_the_yes(
    client: Client, server: Peer, task: TaskFolder, workspace: Workspace
) -> None:
    written_by(task, priced_source(server))
    question = await read_refusal(client, "prepare_data")
    assert "writer（127.0.0.1" in question and "30 列" in question and " USD" in question and "[confirm]" in question
    assert "prepare_data(task='entity-sentiment', confirm=True)" in question and "--confirm-cost 2." in question
    assert server.asked == [] and not list(job_folders(workspace, task))

    done = await call(client, "prepare_data", confirm=True)
    assert (
        done["job"]["result"]["spent"][0]["cost"] == TRUE_COST == spending.total_spent(task) and len(server.asked) == 6
    )
    assert f"寫資料總共花了 {TRUE_COST:.2f} USD" in done["message"]
    again = await call(client, "prepare_data")  # every answer is kept: there is nothing to agree to
    assert again["job"]["result"]["unchanged"] and len(server.asked) == 6


@pytest.mark.anyio
async def test_only_what_is_fetched_now_is_asked_about(client: Client, server: Peer, task: TaskFolder) -> None:
    written_by(task, priced_source(server))
    assert "confirm" in await read_refusal(client, "prepare_data", source=1)
    assert "source=1, confirm=True" in await read_refusal(client, "prepare_data", source=1)
    free = await client.call_tool(
        "prepare_data", {"task": "entity-sentiment", "source": 0}
    )  # the file alone costs nothing
    assert not free.is_error and server.asked == []


@pytest.mark.anyio
async def test_a_paid_endpoint_without_a_price_is_asked_about_too_and_an_own_model_is_not(
    client: Client, server: Peer, task: TaskFolder, language: str
) -> None:
    seed = {"type": "llm_generated", "prompt_template": "{count}", "model": "gpt-4o", "count": 500}
    written_by(task, seed)
    question = await read_refusal(client, "prepare_data")
    assert "gpt-4o" in question and "api.openai.com" in question and "500" in question
    assert ("not known here" if language == "en" else "價格不明") in question and "--confirm-cost unknown" in question
    with task.change() as definition:
        definition.budget = definition.budget.model_copy(update={"per_task": 5.0})
    assert ("cannot limit" if language == "en" else "擋不住") in await read_refusal(client, "prepare_data")
    assert Prices("http://127.0.0.1:11434/v1", None, None).free and Prices("http://localhost:8000", None, None).free
    assert Prices("https://models.example/v1", 0, 0).free and not Prices("https://models.example/v1", None, None).free
    assert not Prices("http://127.0.0.1:4000/v1", 1, None).free and not Prices("${LLM_URL}", None, None).free


@pytest.mark.anyio
async def test_the_yes_may_be_given_in_a_form(workspace: Workspace, server: Peer, task: TaskFolder) -> None:
    written_by(task, priced_source(server))
    seen: list[str] = []

    async def agrees(_context: ClientRequestContext, asked: ElicitRequestParams) -> ElicitResult:
        seen.append(asked.message)
        return ElicitResult(action="accept", content={"agreed": len(seen) > 1})

    guarded = GuardedServer(workspace=workspace, language="zh-TW", name="nlp-skills")
    register(guarded, workspace, start)
    async with Client(guarded, elicitation_callback=agrees) as client:  # type: ignore[arg-type]
        assert "[confirm]" in await read_refusal(client, "prepare_data") and server.asked == []
        done = await call(client, "prepare_data")
    assert done["job"]["state"] == "succeeded" and len(server.asked) == 6
    assert len(seen) == 2 and "USD" in seen[0] and "30 列" in seen[0]


@pytest.mark.anyio
@pytest.mark.parametrize("language", ["zh-TW"], indirect=True)
async def test_a_first_look_at_what_is_paid_for_waits_for_a_yes(client: Client, server: Peer, task: TaskFolder) -> None:
    asked = await call(client, "set_data_source", sources=[priced_source(server)])
    look = asked["job"]["result"]["sources"][0]
    assert (
        server.asked == [] and look["rows"] == [] and look["first_look"]["rows"] == 5 and look["estimate"]["rows"] == 30
    )
    assert look["first_look"]["currency"] == "USD" and 0 < look["first_look"]["cost"] < look["estimate"]["cost"]
    assert asked["next_step"]["tool"] == "set_data_source" and "約" in asked["message"]

    seen = await call(
        client,
        **{
            "tool": "set_data_source",
            **{key: value for key, value in asked["next_step"]["arguments"].items() if key != "task"},
        },
    )
    assert len(server.asked) == 1 and len(seen["job"]["result"]["sources"][0]["rows"]) == 5
    assert seen["next_step"] == {**seen["next_step"], "tool": "prepare_data", "arguments": {"task": "entity-sentiment"}}
    assert "[confirm]" in await read_refusal(client, "prepare_data")  # the rest is asked about of its own


def test_more_than_was_agreed_to_and_rows_that_must_be_asked_for_again_need_another_yes(
    server: Peer, task: TaskFolder, prepare: Any
) -> None:
    written_by(task, priced_source(server))
    with pytest.raises(DataSourceError) as dearer:
        prepare(agreed=0.01)
    assert dearer.value.field == "confirm" and server.asked == []

    prepare(agreed=10.0)
    kept = len(server.asked)
    task.data_source_file.write_text(task.data_source_file.read_text() + "quality: {max_characters: 20}\n")
    with pytest.raises(DataSourceError) as more:  # some of the answers kept are rejected now
        prepare()
    assert more.value.field == "confirm" and len(server.asked) == kept
    priced_at = float(more.value.fix.en.partition("--confirm-cost ")[2].partition(". ")[0])
    assert 1.0 < priced_at < 3.0  # all that is missing, not the next request alone


def test_asking_ends_before_the_agreed_sum_is_passed_and_what_was_written_is_kept(
    server: Peer, task: TaskFolder, prepare: Any
) -> None:
    writer = Writer()
    writer.spoil = lambda rows: rows[:2]  # so that more has to be asked than was reckoned
    server.serve("/v1/chat/completions", writer)
    written_by(task, priced_source(server))
    with pytest.raises(DataSourceError) as question:
        prepare()
    most = float(question.value.fix.en.partition("--confirm-cost ")[2].partition(". ")[0])

    done = prepare(agreed=most)
    assert (
        0 < spending.total_spent(task) <= most
        and "agreed to" in done["message"]["en"]
        and "同意的" in done["message"]["zh"]
    )
    asked = len(server.asked)
    with pytest.raises(DataSourceError) as again:
        prepare()
    assert again.value.field == "confirm" and len(server.asked) == asked


def test_an_answer_longer_than_reckoned_does_not_pass_the_agreed_sum(
    server: Peer, task: TaskFolder, prepare: Any
) -> None:
    writer = Writer()

    def wordy(asked: Asked) -> Said:
        body = json.loads(asked.body)
        written = min(5000, body.get("max_completion_tokens", 5000))
        if "max_tokens" in body:
            return as_json({"error": {"message": "'max_tokens' is not supported, use 'max_completion_tokens'"}}, 400)
        said = json.loads(writer(asked).body)
        return as_json(
            {**said, "usage": {"prompt_tokens": 90, "completion_tokens": written, "total_tokens": 90 + written}}
        )

    server.serve("/v1/chat/completions", wordy)
    written_by(task, priced_source(server))
    prepare(agreed=2.9)
    assert 2.0 < spending.total_spent(task) <= 2.9


@pytest.mark.anyio
@pytest.mark.parametrize("language", ["zh-TW"], indirect=True)
async def test_a_preparation_that_died_and_is_resumed_spends_what_is_left_of_the_agreed_sum(
    client: Client, server: Peer, task: TaskFolder, workspace: Workspace
) -> None:
    writer = Writer()
    writer.spoil = lambda rows: rows[:2]  # more has to be asked than was reckoned

    def dies(asked: Asked) -> Said:
        if len(server.asked) == 4:
            [running] = [job.process() for job in job_folders(workspace, task)]
            assert running
            running.kill()
        return writer(asked)

    server.serve("/v1/chat/completions", dies)
    written_by(task, priced_source(server))
    question = await read_refusal(client, "prepare_data")
    most = float(question.partition("--confirm-cost ")[2].partition("。")[0])
    died = await call(client, "prepare_data", confirm=True)
    assert died["job"]["state"] in ("failed", "interrupted")
    before = spending.total_spent(task)
    assert 0 < before < most

    folder = next(job for job in job_folders(workspace, task) if job.id == died["job"]["id"])
    job_control.resume(folder, workspace)
    assert job_control.wait(folder, 60) == "succeeded"
    assert before < spending.total_spent(task) <= most


@pytest.mark.anyio
@pytest.mark.parametrize("language", ["zh-TW"], indirect=True)
async def test_after_a_shortfall_the_rest_is_asked_about_and_one_yes_suffices(
    client: Client, server: Peer, task: TaskFolder
) -> None:
    writer = Writer()
    writer.spoil = lambda rows: rows[:2]
    server.serve("/v1/chat/completions", writer)
    written_by(task, priced_source(server))
    first = await call(client, "prepare_data", confirm=True)
    assert "同意的" in first["message"]
    writer.spoil = lambda rows: rows
    paid = spending.total_spent(task)
    assert "[confirm]" in await read_refusal(client, "prepare_data") and spending.total_spent(task) == paid
    done = await call(client, "prepare_data", confirm=True)
    assert "應寫" not in done["message"] and done["job"]["result"]["fetched"] == 90


def test_a_budget_that_cannot_bear_it_is_told_before_anybody_is_asked(
    server: Peer, task: TaskFolder, prepare: Any
) -> None:
    written_by(task, priced_source(server))
    with task.change() as definition:
        definition.budget = definition.budget.model_copy(update={"per_task": 0.5})
    with pytest.raises(BudgetError) as dear:
        prepare()
    assert "0.50 USD" in dear.value.problem.en and "預算" in dear.value.problem.zh and server.asked == []


def run(task: TaskFolder, *more: str, answer: str | None = None) -> tuple[int, str]:
    """Script 01 started by hand, at a terminal where somebody answers."""
    command = [
        sys.executable,
        "-c",
        f"import sys, pathlib; from {MODULE} import main; sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2:]))",
        str(task.root),
        *more,
    ]
    if answer is None:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        os.write(ours, f"{answer}\n".encode())
        shown = process.communicate(timeout=60)[0].decode()
    os.close(ours)
    os.close(theirs)
    return process.returncode, shown


def test_the_script_refuses_without_a_yes_and_takes_the_price_repeated(server: Peer, task: TaskFolder) -> None:
    written_by(task, priced_source(server))
    status, shown = run(task)
    assert status == 1 and "會產生費用" in shown and server.asked == []
    price = shown.rpartition("--confirm-cost ")[2].partition("。")[0]

    assert run(task, "--confirm-cost", "plenty")[0] == 1 and run(task, "--confirm-cost", "0.01")[0] == 1
    assert server.asked == []
    status, shown = run(task, "--confirm-cost", price)
    assert status == 0 and len(server.asked) == 6, shown


def test_at_a_terminal_the_script_asks(server: Peer, task: TaskFolder) -> None:
    written_by(task, priced_source(server))
    status, shown = run(task, answer="n")
    assert status == 1 and "要進行嗎" in shown and server.asked == []
    status, shown = run(task, answer="y")
    assert status == 0 and "USD" in shown and len(server.asked) == 6, shown


@pytest.mark.parametrize("given", ["-1", "inf", "nan", "much"])
def test_what_is_no_price_agrees_to_nothing(given: str) -> None:
    with pytest.raises(DataSourceError):
        read_agreed(given)
