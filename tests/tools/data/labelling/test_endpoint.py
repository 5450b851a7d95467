from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import Any

import pytest

from nlp_skills.resources import spending
from nlp_skills.resources.foundation.errors import BudgetError, NlpSkillsError
from nlp_skills.resources.foundation.files import read_jsonl
from nlp_skills.resources.foundation.language import speaking
from nlp_skills.resources.job import JobFolder, job_folders
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.compute.jobs.running import RunningJob
from nlp_skills.tools.data.labelling.acting import act
from nlp_skills.tools.data.labelling.answer import LabellingRequest
from nlp_skills.tools.data.labelling.endpoint import MODULE, propose, read_settings
from nlp_skills.tools.data.labelling.proposals import current_proposals
from nlp_skills.tools.evaluate.proposing import start
from tests.tools.data.labelling.conftest import LABELS, Do, kind_of
from tests.tools.data.misbehaving import Asked, Peer, Said, as_json, first


def endpoint_answer(content: str, probability: float | None = None, tokens: int = 2) -> Said:
    logprobs = (
        None
        if probability is None
        else {"content": [{"token": content, "logprob": probability, "bytes": None, "top_logprobs": []}]}
    )
    return as_json(
        {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "labeller-1",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "logprobs": logprobs,
                    "message": {"role": "assistant", "content": content},
                }
            ],
            "usage": {"prompt_tokens": 40, "completion_tokens": tokens, "total_tokens": 40 + tokens},
        }
    )


def labeller(asked: Asked) -> Said:
    """A model that reads as a careful person does, and says so with a full stop and how sure it is."""
    return endpoint_answer(f"{kind_of(json.loads(asked.body)['messages'][-1]['content'])}.", -0.1)


def settings(server: Peer, **more: Any) -> dict[str, Any]:
    return {"model": "labeller", "base_url": f"{server.url}/v1", "retries": 1, **more}


def run(task: TaskFolder, job: RunningJob, **given: Any) -> dict[str, Any]:
    return propose(task, job, read_settings(given, task.load()))


def test_the_cost_is_told_before_asked_for_and_counted_after(
    prepared: TaskFolder, do: Do, server: Peer, workspace: Workspace
) -> None:
    server.serve("/v1/chat/completions", labeller)
    priced = settings(server, price_per_million_input=10, price_per_million_output=100, limit=12)
    asked = do("propose", by="endpoint", settings=priced)
    estimate = asked.figures["estimate"]
    assert estimate["requests"] == 12 and estimate["cost"] > 0 and server.asked == []
    assert asked.next_step.arguments["confirm"] is True and "12 rows" in asked.message and "USD" in asked.message
    assert "127.0.0.1" in asked.message

    wish = LabellingRequest("propose", by="endpoint", settings=asked.next_step.arguments["settings"], confirm=True)
    with speaking("en"):
        started = act(workspace, prepared, wish, start)
    assert job_control.wait(started, 60) == "succeeded"  # type: ignore[arg-type]
    result = started.exit().result  # type: ignore[union-attr]
    assert result["spent"] == {"requests": 12, "input_tokens": 480, "output_tokens": 24, "cost": 0.0072}
    assert spending.total_spent(prepared) == 0.0072 and "0.01 USD" in result["message"]["en"]
    found = current_proposals(prepared, LABELS)
    assert len(found) == 12 and {one.confidence for one in found.values()} == {0.9048}
    assert {one.by for one in found.values()} == {"labeller"} and result["next_step"]["arguments"]["action"] == "review"


def test_a_model_of_this_machine_needs_no_yes_and_one_elsewhere_does_whatever_it_costs(
    prepared: TaskFolder, do: Do, server: Peer, workspace: Workspace
) -> None:
    asked = do("propose", by="endpoint", settings={"model": "gpt-4o"})
    assert "not known here" in asked.message and asked.next_step.arguments["confirm"] is True
    free = do(
        "propose",
        by="endpoint",
        settings={
            "model": "m",
            "base_url": "https://llm.example/v1",
            "price_per_million_input": 0,
            "price_per_million_output": 0,
        },
    )
    assert "free of charge" in free.message and "may be sent there" in free.next_step.say

    server.serve("/v1/chat/completions", labeller)
    started = act(workspace, prepared, LabellingRequest("propose", by="endpoint", settings=settings(server)), start)
    assert isinstance(started, JobFolder) and job_control.wait(started, 60) == "succeeded" and len(server.asked) == 30


def test_what_labels_cost_counts_against_the_tasks_budget(
    prepared: TaskFolder, do: Do, job: RunningJob, server: Peer
) -> None:
    server.serve("/v1/chat/completions", labeller)
    dear = settings(server, price_per_million_input=1000, price_per_million_output=10_000, parallel=1)
    with prepared.change() as definition:
        definition.budget = definition.budget.model_copy(update={"per_task": 0.1})
    for asking in (lambda: do("propose", by="endpoint", settings=dear), lambda: run(prepared, job, **dear)):
        with pytest.raises(BudgetError):
            asking()
    assert server.asked == []

    with prepared.change() as definition:
        definition.budget = definition.budget.model_copy(update={"per_task": 2.5})
    server.serve("/v1/chat/completions", endpoint_answer("<think>…</think> praise", tokens=1000))
    with pytest.raises(BudgetError) as stopped:  # it thinks longer than was reckoned
        run(prepared, job, **settings(server, price_per_million_input=0, price_per_million_output=1000, parallel=1))
    assert len(server.asked) == 3 and spending.total_spent(prepared) == 3.0 and "kept" in stopped.value.problem.en


def test_each_answer_is_read_as_the_models_own_would_be(prepared: TaskFolder, job: RunningJob, server: Peer) -> None:
    says = {"complaint": "not complaint", "praise": "<think>hm</think> PRAISE", "question": "“question”"}
    server.serve("/v1/chat/completions", lambda asked: endpoint_answer(says[kind_of(asked.body.decode())]))
    result = run(prepared, job, **settings(server))

    assert (result["proposed"], result["no_label"]) == (20, 10)
    assert {one.label for one in current_proposals(prepared, LABELS).values()} == {"praise", "question"}
    run(prepared, job, **settings(server))
    assert len(server.asked) == 30  # nothing is asked, or paid for, twice


def test_a_server_that_is_busy_or_trips_is_asked_again_when_it_says(
    prepared: TaskFolder, job: RunningJob, server: Peer
) -> None:
    busy = as_json({"error": {"message": "slow down"}}, 429, Retry_After="1")
    server.serve("/v1/chat/completions", first(1, busy, first(1, Said(status=500), labeller)))
    result = run(prepared, job, **settings(server, parallel=1, retries=3))

    assert result["proposed"] == 30 and server.asked[1].at - server.asked[0].at >= 0.9


@pytest.mark.parametrize(
    "bad",
    [
        Said(b'{"choices": [{"mess', headers={"Content-Type": "application/json"}),
        Said(b"<html>a login page</html>", headers={"Content-Type": "text/html"}),
        Said(b'{"id": "1", "choices": []' + b" " * 500 + b"}", cut=30, headers={"Content-Type": "application/json"}),
        as_json({"object": "list", "data": []}),
        as_json({"error": {"message": "broken"}}, 500),
    ],
)
def test_what_breaks_on_the_way_ends_the_run_and_what_was_answered_stays(
    prepared: TaskFolder, job: RunningJob, server: Peer, bad: Said
) -> None:
    server.serve("/v1/chat/completions", lambda asked: labeller(asked) if len(server.asked) <= 8 else bad)
    with pytest.raises(NlpSkillsError) as failed:
        run(prepared, job, **settings(server, retries=0))
    assert failed.value.problem.zh and failed.value.fix.en
    assert len(current_proposals(prepared, LABELS)) == 8

    before = len(server.asked)
    server.serve("/v1/chat/completions", labeller)
    assert run(prepared, job, **settings(server))["proposed"] == 30 and len(server.asked) - before == 22


def test_a_model_that_only_chats_is_stopped_early(prepared: TaskFolder, job: RunningJob, server: Peer) -> None:
    server.serve("/v1/chat/completions", endpoint_answer("As a language model I would say it depends."))
    with pytest.raises(NlpSkillsError) as failed:
        run(prepared, job, **settings(server))
    assert (
        failed.value.field == "settings.model" and "it depends" in failed.value.problem.en and len(server.asked) == 12
    )


def test_the_budget_ends_the_run_and_a_higher_one_carries_on(
    prepared: TaskFolder, job: RunningJob, server: Peer
) -> None:
    server.serve("/v1/chat/completions", labeller)
    with pytest.raises(NlpSkillsError) as failed:
        run(prepared, job, **settings(server, max_total_tokens=300))
    assert failed.value.field == "settings.max_total_tokens" and len(server.asked) == 8
    assert run(prepared, job, **settings(server))["proposed"] == 30 and len(server.asked) == 30


def test_a_server_that_knows_no_logprobs_is_asked_without(prepared: TaskFolder, job: RunningJob, server: Peer) -> None:
    server.serve(
        "/v1/chat/completions",
        lambda asked: (
            as_json({"error": {"message": "unknown field"}}, 400) if b"logprobs" in asked.body else labeller(asked)
        ),
    )
    assert run(prepared, job, **settings(server, parallel=1))["proposed"] == 30 and len(server.asked) == 31


def test_a_job_killed_half_way_carries_on_where_it_was(
    prepared: TaskFolder, server: Peer, workspace: Workspace
) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def stalling(asked: Asked) -> Said:
        if len(server.asked) > 12 and not go_on.is_set():
            reached.set()
            go_on.wait(30)
        return labeller(asked) if asked.body else Said(status=400)  # what a killed client left half sent

    server.serve("/v1/chat/completions", stalling)
    with subprocess.Popen(
        [sys.executable, "-m", MODULE, str(prepared.root), json.dumps(settings(server))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    ) as process:
        assert reached.wait(30)
        process.kill()
    go_on.set()
    [folder] = [one for one in job_folders(workspace, prepared) if one.spec().kind == "label"]
    assert folder.state() == "interrupted"
    kept = len(current_proposals(prepared, LABELS))
    before = len(server.asked)
    job_control.resume(folder, workspace)

    assert job_control.wait(folder, 60) == "succeeded" and 8 <= kept <= 12
    assert sum(bool(asked.body) for asked in server.asked[before:]) == 30 - kept
    [file] = (prepared.data / "labelling" / "proposals").glob("*.jsonl")
    assert len({line["id"] for line in read_jsonl(file)}) == 30 == len(list(read_jsonl(file)))


def test_a_key_typed_in_goes_to_the_store_and_a_wrong_setting_is_named(
    prepared: TaskFolder, do: Do, server: Peer
) -> None:
    asked = do("propose", by="endpoint", settings=settings(server, api_key="sk-typed-in-chat"))
    assert "secret set" in asked.message and "typed-in-chat" not in asked.model_dump_json()
    with pytest.raises(NlpSkillsError) as refused:
        do("propose", by="endpoint", settings=settings(server, modle="x"))
    assert refused.value.field == "settings.modle"
