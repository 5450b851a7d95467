"""Endpoints that answer anything but a chat answer: told for what they are, within the time that was given."""

from __future__ import annotations

import time

import pytest

from nlp_skills.resources.foundation.errors import DeploymentError
from nlp_skills.tools.deploy.health import answers_at
from nlp_skills.tools.deploy.target import Live
from nlp_skills.tools.evaluate.endpoint import Endpoint, ask, check_listed
from tests.tools.evaluate.misbehaving import MODEL, misbehaving

SECONDS = 0.5
ASKED = [{"role": "user", "content": "rose by 3"}]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("page", "not a chat "),
        ("other", "not a chat "),
        ("deep", "not a chat "),
        ("silent", "no answer in time"),
        ("drip", "no end after"),
        ("flood", "more than 8 MB"),
        ("cut", "cut in the middle"),
        ("busy", "HTTP 503"),
    ],
)
def test_an_endpoint_that_answers_no_chat_request_is_told_and_never_waited_for_without_end(
    fault: str, said: str
) -> None:
    began = time.monotonic()
    seconds = 20 * SECONDS if fault == "flood" else SECONDS  # 8 MB take a while on a busy machine
    with (
        misbehaving(fault) as url,
        Endpoint(url=url, model=MODEL).client(seconds) as client,
        pytest.raises(DeploymentError) as told,
    ):
        ask(client, MODEL, ASKED)
    assert said in told.value.problem.en and url in told.value.problem.zh and told.value.fix.en
    assert time.monotonic() - began < 20 * seconds


def test_half_a_character_in_an_answer_can_still_be_written_down() -> None:
    with misbehaving("half_character") as url, Endpoint(url=url, model=MODEL).client(SECONDS) as client:
        assert ask(client, MODEL, ASKED).encode("utf-8") == b"good ?"


def test_an_endpoint_is_healthy_where_it_lists_the_model_and_not_where_another_took_its_place() -> None:
    with misbehaving("page") as url:
        check_listed(Endpoint(url=url, model=MODEL))
        assert answers_at(Live(url=url, model=MODEL)) is None
        gone = answers_at(Live(url=url, model="mood-v1"))
        assert gone and "no longer has mood-v1" in gone.en
        with pytest.raises(DeploymentError, match="has no model 'brokn'"):
            check_listed(Endpoint(url=url, model="brokn"))
    with pytest.raises(DeploymentError, match="Nothing answers at"):
        check_listed(Endpoint(url=url, model=MODEL))
    down = answers_at(Live(url=url, model=MODEL))
    assert down and "does not answer" in down.en
