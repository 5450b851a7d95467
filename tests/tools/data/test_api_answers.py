"""What an API answers is read whatever its form, and what leads elsewhere is not followed."""

from __future__ import annotations

import json
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_skills.resources.data_source import Source
from nlp_skills.resources.foundation import secrets
from nlp_skills.resources.foundation.access import changing_grants
from nlp_skills.resources.foundation.errors import Cancelled, DataError, DataSourceError
from nlp_skills.resources.foundation.files import write_yaml
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.compute.jobs.running import RunningJob, cancelled_error
from nlp_skills.tools.data.source import source_kind
from nlp_skills.tools.data.watching import Watch
from nlp_skills.tools.data.web.paging import Pagination, next_link
from tests.tools.data.conftest import sentences
from tests.tools.data.misbehaving import Asked, Peer, Said, as_json, as_page, bomb, dripping, pack_answer, peer
from tests.tools.data.test_api import ROWS, in_pages, records, refusal


def test_a_gzip_bomb_is_not_unpacked(server: Peer) -> None:
    tracemalloc.start()
    try:
        error = refusal(server.serve("/rows", lambda asked: bomb(64)), max_answer_mb=4)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert "larger than 4 MB" in error.problem.en and peak < 24 << 20


def test_a_packed_answer_is_read(server: Peer) -> None:
    assert records(server.serve("/rows", pack_answer(as_json(ROWS)))) == ROWS


def test_an_answer_that_only_drips_is_given_up(server: Peer) -> None:
    began = time.monotonic()
    error = refusal(server.serve("/rows", lambda asked: dripping(0.05)), timeout_seconds=0.3, retries=0)

    assert "in time" in error.problem.en and time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("encoding", "claimed", "readable"),
    [
        ("utf-8", "big5", True),
        ("utf-8-sig", "utf-8", True),
        ("utf-16", "utf-8", True),
        ("cp950", "big5", True),
        ("cp950", "utf-8", False),
        ("cp950", "no-such-charset", False),
    ],
)
def test_a_charset_that_lies(server: Peer, encoding: str, claimed: str, readable: bool) -> None:
    content = json.dumps(ROWS, ensure_ascii=False).encode(encoding)
    url = server.serve("/rows", Said(content, headers={"Content-Type": f"application/json; charset={claimed}"}))

    if readable:
        assert records(url) == ROWS
    else:
        assert "encoding" in refusal(url).problem.en


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (as_page("<html><body>Please log in</body></html>"), "web page instead of JSON"),
        (Said(b"not today", headers={"Content-Type": "text/plain"}), "text/plain instead of JSON"),
        (Said(b"<!doctype html><p>Please log in", headers={"Content-Type": "text/csv"}), "web page instead of JSON"),
        (Said(b"", headers={"Content-Type": "application/json"}), "instead of JSON"),
        (Said(b"[" * 100_000, headers={"Content-Type": "application/json"}), "instead of JSON"),
    ],
)
def test_what_is_not_json_is_named(server: Peer, said: Said, words: str) -> None:
    assert words in refusal(server.serve("/rows", said)).problem.en


@pytest.mark.parametrize(
    ("said", "path"),
    [
        (
            Said(
                "text;label\r\n出貨很快;好\r\n客服態度不好;壞\r\n".encode("cp950"),
                headers={"Content-Type": "text/csv; charset=utf-8"},
            ),
            "/rows",
        ),
        (
            Said(
                "text\tlabel\n出貨很快\t好\n客服態度不好\t壞\n".encode(),
                headers={"Content-Type": "application/octet-stream"},
            ),
            "/rows.tsv",
        ),
        (
            Said(
                '{"text": "出貨很快", "label": "好"}\n{"text": "客服態度不好", "label": "壞"}\n'.encode(),
                headers={"Content-Type": "text/plain"},
            ),
            "/rows",
        ),
    ],
)
def test_a_file_of_rows_at_an_address_is_read(server: Peer, said: Said, path: str) -> None:
    assert records(server.serve(path, said)) == [
        {"text": "出貨很快", "label": "好"},
        {"text": "客服態度不好", "label": "壞"},
    ]


def test_a_broken_file_at_an_address_is_named_by_it(server: Peer) -> None:
    url = server.serve("/rows", Said(b"text,label\na,b\nc,d,e\n", headers={"Content-Type": "text/csv"}))
    with pytest.raises(DataError, match=r"Line 3 of http://127\.0\.0\.1:\d+/rows has 3 cells"):
        records(url)


def test_the_only_list_of_an_answer_is_found_wherever_it_stands(server: Peer) -> None:
    assert records(server.serve("/rows", as_json({"ok": True, "data": {"items": ROWS, "total": 3}}))) == ROWS


@pytest.mark.parametrize(
    "beside",
    [
        {"errors": []},
        {"errors": [], "warnings": ["slow"]},
        {"included": [], "links": []},
        {"columns": ["text", "label"]},
        {"errors": [{"message": "one shard is late"}]},
    ],
)
def test_a_list_beside_the_rows_does_not_win_over_them(server: Peer, beside: dict[str, Any]) -> None:
    for name, answer in {"/before": {**beside, "data": ROWS}, "/behind": {"data": ROWS, **beside}}.items():
        assert records(server.serve(name, as_json(answer))) == ROWS
    if not any(beside.values()):
        assert records(server.serve("/deeper", as_json({**beside, "data": {"items": ROWS}}))) == ROWS


def test_rows_stand_where_they_stood_on_the_first_page(server: Peer) -> None:
    def page(asked: Asked) -> Said:
        return as_json(
            {
                "data": ROWS if asked.params.get("page") == "1" else [],
                "meta": {"fields": [{"name": "text"}]},
                "errors": [],
            }
        )

    assert records(server.serve("/rows", page), pagination={"type": "page"}) == ROWS


def test_errors_in_place_of_rows_are_no_rows(server: Peer) -> None:
    error = refusal(server.serve("/rows", as_json({"data": [], "errors": [{"message": "denied"}]})))

    assert "No rows" in error.problem.en and "errors" in error.fix.en


def test_the_places_where_rows_could_be_are_named(server: Peer) -> None:
    url = server.serve("/rows", as_json({"page": {"rows": ROWS}, "links": ["x"], "tags": []}))
    error = refusal(url)

    assert error.field == "sources[0].records" and "page.rows" in error.fix.en
    assert records(url, records="page.rows") == ROWS


def test_fields_within_a_row_are_columns(server: Peer) -> None:
    row = {"id": 1, "fields": {"body": "文字", "tags": ["a"], "by": {}}, "n": {"a": {"b": 2}}}

    assert records(server.serve("/rows", as_json([row]))) == [
        {"id": 1, "fields.body": "文字", "fields.tags": ["a"], "fields.by": {}, "n.a.b": 2}
    ]


def test_a_redirect_to_another_host_does_not_carry_the_key(server: Peer) -> None:
    secrets.store("API_KEY", "s3cret-value")
    with peer() as other:
        target = other.serve("/rows", as_json(ROWS))
        url = server.serve("/rows", Said(status=302, headers={"Location": target}))
        assert records(url, auth={"type": "bearer", "token": "${API_KEY}"}, headers={"X-Mine": "${API_KEY}"}) == ROWS

        assert "Authorization" in server.asked[0].headers
        assert not {"Authorization", "X-Mine"} & set(other.asked[0].headers)
        posted = server.serve("/post", Said(status=307, headers={"Location": target}))
        assert "was not sent" in refusal(posted, method="POST", body={"q": "private"}).problem.en


def test_a_next_page_on_another_host_does_not_get_the_key(server: Peer) -> None:
    secrets.store("API_KEY", "s3cret-value")
    with peer() as other:
        more = other.serve("/more", as_json(ROWS[10:]))
        url = server.serve("/rows", as_json(ROWS[:10], Link=f"<{more}>; rel=next"))

        assert records(url, auth={"type": "key", "api_key": "${API_KEY}", "name": "key", "place": "query"}) == ROWS
        assert server.asked[0].params == {"key": "s3cret-value"} and other.asked[0].params == {}


def test_a_circle_of_redirects_ends(server: Peer) -> None:
    error = refusal(server.serve("/rows", Said(status=302, headers={"Location": "/rows"})))

    assert "loop" in error.problem.en and len(server.asked) < 10


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("http://169.254.169.254/latest/meta-data/", "its own keys"),
        ("http://[fd00:ec2::254]/", "its own keys"),
        ("http://2852039166/", "its own keys"),
        ("http://10.0.0.1/", "private network"),
        ("http://167772161/", "private network"),
        ("http://012.0.0.1/", "not a web address"),
        ("http://0xa.1/", "private network"),
        ("http://[", "not a web address"),
        ("http://[::ffff:10.0.0.1]/", "private network"),
        ("http://[64:ff9b::a00:1]/", "private network"),
        ("file:///etc/passwd", "not a web address"),
    ],
)
def test_a_redirect_into_a_private_network_is_refused(server: Peer, target: str, said: str) -> None:
    error = refusal(server.serve("/rows", Said(status=302, headers={"Location": target})))

    assert said in error.problem.en and len(server.asked) == 1


def test_a_private_address_is_refused_until_the_person_allows_it(server: Peer) -> None:
    with changing_grants() as grants:
        grants.hosts, grants.secrets = [], {}
    error = refusal(server.serve("/rows", as_json(ROWS)))

    assert "nlp-skills allow --host 127.0.0.1" in error.fix.en and not server.asked


@pytest.mark.alone
def test_requests_are_spread_over_time(server: Peer) -> None:
    records(
        server.serve("/rows", in_pages(10)), records="data.items", pagination={"type": "page"}, requests_per_second=10
    )

    gaps = [later.at - earlier.at for earlier, later in zip(server.asked, server.asked[1:], strict=False)]
    assert len(gaps) == 3 and min(gaps) > 0.08


def test_a_person_who_cancels_does_not_wait_for_the_server(server: Peer) -> None:
    def check() -> None:
        if server.asked:
            raise cancelled_error()

    began = time.monotonic()
    with pytest.raises(Cancelled):
        records(server.serve("/rows", as_json({}, 503, Retry_After="300")), watch=Watch(check))
    assert time.monotonic() - began < 5


def test_a_host_nobody_knows_is_said_so_at_once() -> None:
    error = refusal("http://no-such-host.invalid/rows", retry_seconds=30)

    assert "not known" in error.problem.en


@pytest.mark.parametrize(
    "fields",
    [
        {"pagination": {"type": "pages"}},
        {"auth": {"type": "bearer"}},
        {"method": "PUT"},
        {"max_rows": 0},
        {"pagination": {"type": "page", "sizes": 3}},
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any]) -> None:
    assert refusal("http://127.0.0.1/rows", **fields).field.split(".")[1] in fields  # type: ignore[union-attr]


def test_a_field_under_another_name_is_told_beside_the_one_that_is_missing() -> None:
    with pytest.raises(DataSourceError) as caught:
        source_kind(Source.model_validate({"type": "api", "url": "http://localhost/rows"}), 0)
    assert caught.value.field == "sources[0].endpoint"
    assert "url" in caught.value.fix.en and "沒有 url 這個欄位" in caught.value.fix.zh


def test_only_changed_content_makes_a_new_snapshot(
    server: Peer, task: TaskFolder, prepare: Any, job: RunningJob
) -> None:
    url = server.serve("/rows", as_json(sentences(60)))
    write_yaml(task.data_source_file, {"sources": [{"type": "api", "endpoint": url}]})
    first_time, second = prepare(), prepare()
    server.serve("/rows", as_json(sentences(61)))

    assert second["unchanged"] and second["snapshot"] == first_time["snapshot"]
    assert not prepare()["unchanged"]


@given(
    total=st.integers(0, 60),
    size=st.integers(1, 20),
    cap=st.integers(1, 20),
    kind=st.sampled_from(["page", "offset", "cursor"]),
)
def test_pages_of_any_size_give_every_row_once(total: int, size: int, cap: int, kind: Any) -> None:
    pagination, rows = Pagination(type=kind, next="next"), list(range(total))
    asked, got, served = dict(pagination.first()), [], min(size, cap)
    for _ in range(total + 2):
        at = (asked["page"] - 1) * served if kind == "page" else int(asked.get(kind) or 0)
        page = rows[at : at + served]
        got += page
        following = pagination.following(
            asked, len(page), {"next": at + served if at + served < total else None}, {}, "http://h/"
        )
        if following is None:
            break
        assert isinstance(following, dict)
        asked = following
    assert got == rows


@pytest.mark.parametrize("header", ["<x" * 20_000, "<x>" + ";a" * 20_000 + "!", '<x>;rel="' + "\\a" * 20_000])
def test_a_hostile_link_header_takes_no_time(header: str) -> None:
    began = time.process_time()
    next_link(header)
    assert time.process_time() - began < 2


@given(st.text(max_size=60))
def test_no_link_header_breaks_the_reader(header: str) -> None:
    assert next_link(header) is None or isinstance(next_link(header), str)


@given(
    st.lists(st.tuples(st.sampled_from(["first", "prev", "last", "next"]), st.integers(0, 99)), max_size=5),
    st.booleans(),
)
def test_the_next_link_is_found_among_others(links: list[tuple[str, int]], quotes: bool) -> None:
    mark = '"' if quotes else ""
    header = ", ".join(f'</rows?page={page},x>; title="a, b"; rel={mark}{rel}{mark}' for rel, page in links)
    wanted = next((f"/rows?page={page},x" for rel, page in links if rel == "next"), None)

    assert next_link(header) == wanted


@pytest.mark.parametrize(
    "header", ["<x>" + ";a " * 40 + "!", "<x>" + "; a" * 4000 + " !", '<x>;a="' * 2000, "<x>;a=" * 2000]
)
def test_a_header_is_read_in_one_way_however_it_is_written(header: str) -> None:
    assert next_link(header) is None  # in time: it once could be read in as many ways as 2 to the power of its parts
