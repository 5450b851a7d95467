from __future__ import annotations

import email.utils
import json
import logging
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.data_source import Source
from nlp_skills.resources.foundation import secrets
from nlp_skills.resources.foundation.access import AccessError
from nlp_skills.resources.foundation.errors import DataSourceError, NlpSkillsError
from nlp_skills.resources.foundation.files import read_json, write_yaml
from nlp_skills.resources.foundation.language import Text
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.data.source import source_kind
from nlp_skills.tools.data.watching import Watch
from tests.tools.data.conftest import Rows, sentences
from tests.tools.data.misbehaving import Asked, Peer, Said, as_json, first

ROWS = sentences(25)


def records(endpoint: str, watch: Watch | None = None, **fields: Any) -> Rows:
    source = source_kind(
        Source.model_validate({"type": "api", "endpoint": endpoint, "retry_seconds": 0.01, **fields}), 0
    )
    return [record for batch in source.batches(Path(), "sources[0]", watch) for record in batch]


def refusal(endpoint: str, **fields: Any) -> NlpSkillsError:
    with pytest.raises((DataSourceError, AccessError)) as caught:
        records(endpoint, **fields)
    assert caught.value.problem.zh and caught.value.fix.zh and str(caught.value.field).startswith("sources[0].")
    return caught.value


def in_pages(size: int, rows: Rows = ROWS, cap: int = 1000) -> Any:
    """Pages by number, offset or cursor, whichever is asked for; never more than `cap` rows."""

    def route(asked: Asked) -> Said:
        wanted = min(int(asked.params.get("limit", size)), cap)
        if "page" in asked.params:
            begin = (int(asked.params["page"]) - 1) * wanted
        else:
            begin = int(asked.params.get("offset") or asked.params.get("cursor") or 0)
        page, end = rows[begin : begin + wanted], begin + wanted
        return as_json({"data": {"items": page}, "meta": {"next_cursor": str(end) if end < len(rows) else None}})

    return route


def test_the_seeds_source_works_as_it_stands(server: Peer) -> None:
    url = server.serve("/data", lambda asked: as_json(ROWS[: int(asked.params["limit"])]))

    assert records(url, params={"limit": 1000}) == ROWS
    assert server.asked[0].params == {"limit": "1000"}


@pytest.mark.parametrize(
    "pagination",
    [
        {"type": "page", "size_param": "limit", "size": 10},
        {"type": "offset", "size_param": "limit", "size": 10},
        {"type": "cursor", "next": "meta.next_cursor"},
    ],
)
def test_every_page_is_read(server: Peer, pagination: dict[str, Any]) -> None:
    url = server.serve("/rows", in_pages(10))

    assert records(url, records="data.items", pagination=pagination) == ROWS


def test_a_server_that_gives_smaller_pages_than_asked_for_loses_no_row(server: Peer) -> None:
    url = server.serve("/rows", in_pages(10, cap=4))

    assert (
        records(url, records="data.items", pagination={"type": "offset", "size_param": "limit", "size": 1000}) == ROWS
    )


def test_link_headers_are_followed_without_being_asked(server: Peer) -> None:
    def route(asked: Asked) -> Said:
        begin = int(asked.params.get("at", 0))
        said = as_json(ROWS[begin : begin + 10])
        if begin + 10 < len(ROWS):
            said.headers["Link"] = f'</rows?at=0>; rel="first", </rows?at={begin + 10}>; rel="next"'
        return said

    assert records(server.serve("/rows", route)) == ROWS


def test_a_cursor_in_the_body_of_a_post(server: Peer) -> None:
    def route(asked: Asked) -> Said:
        asked_for = json.loads(asked.body)
        assert asked_for["kind"] == "news"
        begin = int(asked_for.get("after") or 0)
        return as_json({"items": ROWS[begin : begin + 10], "next": begin + 10 if begin + 10 < len(ROWS) else None})

    assert (
        records(
            server.serve("/search", route),
            method="POST",
            body={"kind": "news"},
            pagination={"type": "cursor", "param": "after", "place": "body"},
        )
        == ROWS
    )


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"type": "bearer", "token": "${API_KEY}"}, "Authorization", "Bearer s3cret-value"),
        ({"type": "basic", "username": "me", "password": "${API_KEY}"}, "Authorization", "Basic bWU6czNjcmV0LXZhbHVl"),
        ({"type": "key", "api_key": "${API_KEY}"}, "X-API-Key", "s3cret-value"),
    ],
)
def test_keys_are_sent_and_shown_nowhere(
    server: Peer, auth: dict[str, Any], header: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets.store("API_KEY", "s3cret-value")

    records(server.serve("/rows", as_json(ROWS)), auth=auth)
    assert server.asked[0].headers[header] == value
    error = refusal(server.serve("/closed", as_json({}, 401)), auth=auth)
    assert "s3cret-value" not in f"{error} {error.to_dict()} {caplog.text}" and "secret set" in error.fix.en


def test_a_key_in_the_address_is_never_written(
    server: Peer, task: TaskFolder, prepare: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets.store("API_KEY", "s3cret-value")
    url = server.serve("/rows", lambda asked: as_json(sentences(60)) if asked.params.get("key") else as_json({}, 401))
    write_yaml(
        task.data_source_file,
        {
            "sources": [
                {
                    "type": "api",
                    "endpoint": url,
                    "auth": {"type": "key", "api_key": "${API_KEY}", "name": "key", "place": "query"},
                }
            ]
        },
    )

    result = prepare()

    assert sum(result["counts"].values()) == 60
    written = "".join(path.read_text("utf-8") for path in task.root.rglob("*") if path.is_file())
    assert "s3cret-value" not in written + caplog.text + json.dumps(result)
    kept = read_json(Path(result["raw"][0]) / "source.json")
    assert kept["provenance"] == {"requests": 1, "pages": 1} and kept["count"] == 60
    assert kept["source"]["auth"]["api_key"] == "${API_KEY}"


@pytest.mark.parametrize(
    "bad",
    [
        as_json({}, 429, Retry_After="0"),
        as_json({}, 500),
        as_json({}, 503),
        Said(b"[" * 400, cut=100),
        Said(b"\x1f\x8b\x08\x00broken-gzip", headers={"Content-Encoding": "gzip"}),
    ],
)
def test_a_server_that_recovers_is_asked_again(server: Peer, bad: Said) -> None:
    watch = Watch()

    assert records(server.serve("/rows", first(2, bad, as_json(ROWS))), watch=watch) == ROWS
    assert watch.provenance["retries"] == 2


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_waited_for(server: Peer, form: str) -> None:
    after = "1" if form == "seconds" else email.utils.formatdate(time.time() + 3, usegmt=True)
    records(server.serve("/rows", first(1, as_json({}, 429, Retry_After=after), as_json(ROWS))))

    assert server.asked[1].at - server.asked[0].at > 0.9


def test_a_wait_longer_than_anybody_would_is_not_begun(server: Peer) -> None:
    began = time.monotonic()
    error = refusal(server.serve("/rows", as_json({}, 429, Retry_After="86400")))

    assert "requests_per_second" not in error.fix.en and "429" in error.problem.en and time.monotonic() - began < 5


@pytest.mark.parametrize(("status", "form"), [(429, "seconds"), (503, "seconds"), (503, "date")])
def test_a_wait_of_an_hour_is_told_with_the_hour(server: Peer, status: int, form: str) -> None:
    expected = time.time() + 3600
    after = "3600" if form == "seconds" else email.utils.formatdate(expected, usegmt=True)
    error = refusal(server.serve("/rows", as_json({}, status, Retry_After=after)))
    again = datetime.fromisoformat(error.details["again"])

    assert 0 <= again.timestamp() - expected <= 120 and len(server.asked) == 1
    assert all(f"{again:%Y-%m-%d %H:%M}" in said for said in (error.fix.en, error.fix.zh))


@pytest.mark.parametrize("status", [429, 500, 502])
def test_a_storm_of_failures_ends(server: Peer, status: int) -> None:
    error = refusal(server.serve("/rows", as_json({}, status)), retries=3)

    assert len(server.asked) == 4 and str(status) in error.problem.en and "untouched" in error.fix.en


def test_a_server_that_dies_between_pages_leaves_the_earlier_data(server: Peer, task: TaskFolder, prepare: Any) -> None:
    pages = in_pages(30, sentences(90))
    url = server.serve("/rows", pages)
    write_yaml(
        task.data_source_file,
        {
            "sources": [
                {
                    "type": "api",
                    "endpoint": url,
                    "records": "data.items",
                    "retry_seconds": 0.01,
                    "pagination": {"type": "page"},
                }
            ]
        },
    )
    before, kept = prepare(), sorted(path.name for path in task.raw.iterdir())
    server.serve("/rows", lambda asked: pages(asked) if asked.params["page"] == "1" else Said(b"[" * 90, cut=9))

    with pytest.raises(DataSourceError, match="broke the connection"):
        prepare()
    assert read_json(task.data / "current.json")["hash"] == before["snapshot"]
    assert sorted(path.name for path in task.raw.iterdir()) == kept


def test_the_same_page_again_and_again_is_an_error(server: Peer) -> None:
    error = refusal(server.serve("/rows", as_json(ROWS)), pagination={"type": "page"})

    assert error.field == "sources[0].pagination" and "same rows" in error.problem.en and len(server.asked) == 4


def test_a_last_page_that_repeats_ends_the_reading_with_a_warning(server: Peer) -> None:
    told: list[Text] = []
    url = server.serve("/rows", lambda asked: as_json(ROWS[:10] if asked.params["page"] == "1" else ROWS[10:]))

    assert records(url, watch=Watch(warn=told.append), pagination={"type": "page"}) == ROWS
    assert "repeats" in told[0].en


def test_pages_of_repeated_rows_between_new_ones_are_kept(server: Peer) -> None:
    rows = [ROWS[0], ROWS[0], ROWS[0], ROWS[1], ROWS[1], ROWS[1]]

    assert (
        records(
            server.serve("/rows", in_pages(1, rows)),
            records="data.items",
            pagination={"type": "cursor", "next": "meta.next_cursor"},
        )
        == rows
    )


def test_pages_without_end_are_stopped(server: Peer) -> None:
    def route(asked: Asked) -> Said:
        number = int(asked.params.get("cursor", 0))
        return as_json({"items": [{"text": f"row {number}"}], "next": number + 1})

    error = refusal(server.serve("/rows", route), pagination={"type": "cursor"}, max_pages=5)
    assert error.field == "sources[0].max_pages" and len(server.asked) == 5


def test_rows_beyond_the_limit_are_not_taken_and_that_is_said(server: Peer) -> None:
    told: list[Text] = []
    url = server.serve("/rows", in_pages(10))

    assert (
        records(url, watch=Watch(warn=told.append), records="data.items", pagination={"type": "page"}, max_rows=15)
        == ROWS[:15]
    )
    assert "max_rows" in told[0].en


def test_an_answer_that_points_to_more_is_noticed(server: Peer) -> None:
    told: list[Text] = []
    records(server.serve("/rows", as_json({"items": ROWS, "meta": {"next_cursor": "x"}})), Watch(warn=told.append))

    assert "meta.next_cursor" in told[0].en
