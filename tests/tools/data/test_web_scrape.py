from __future__ import annotations

import gzip
import itertools
import os
import time
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_skills.resources.data_source import Source
from nlp_skills.resources.foundation.errors import DataSourceError, NlpSkillsError
from nlp_skills.resources.foundation.files import dump_jsonl, read_json, read_jsonl, write_yaml
from nlp_skills.resources.foundation.language import Text
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.data.source import source_kind
from nlp_skills.tools.data.watching import Watch
from nlp_skills.tools.data.web import client
from nlp_skills.tools.data.web.decoding import page_text
from tests.tools.data.conftest import Rows, sentences
from tests.tools.data.misbehaving import Asked, Peer, Said, as_page, bomb, first, peer

NEWS = "台積電今日公布第三季營收，金額創下歷史新高，市場反應熱烈，分析師普遍看好後續表現，股價應聲上漲。"
SIMPLIFIED = "台积电今日公布第三季营收，金额创下历史新高，市场反应热烈，分析师普遍看好后续表现，股价应声上涨。"


def article(text: str = NEWS, title: str = "營收創新高", meta: str = "") -> str:
    return (
        f"<!doctype html><html><head>{meta}<title>{title}</title></head><body><nav><a href='/'>首頁</a></nav>"
        f"<article><h1>{title}</h1><p>{text}</p><p>{text[::-1]}</p></article><footer>footer</footer></body></html>"
    )


def records(watch: Watch | None = None, **fields: Any) -> Rows:
    source = source_kind(
        Source.model_validate({"type": "web_scrape", "delay_seconds": 0, "retry_seconds": 0.01, **fields}), 0
    )
    return [record for batch in source.batches(Path(), "sources[0]", watch) for record in batch]


def refusal(watch: Watch | None = None, **fields: Any) -> NlpSkillsError:
    with pytest.raises(NlpSkillsError) as caught:
        records(watch, **fields)
    assert caught.value.problem.zh and caught.value.fix.zh
    return caught.value


def test_the_main_text_of_a_page_is_read(server: Peer) -> None:
    url = server.serve("/news", as_page(article()))
    row = records(urls=[url])[0]

    assert NEWS in row["text"] and "footer" not in row["text"]
    assert row["url"] == url and row["title"] == "營收創新高"


def test_the_seeds_keywords_keep_the_pages_that_contain_one(server: Peer) -> None:
    urls = [server.serve("/a", as_page(article())), server.serve("/b", as_page(article("貓" * 60, "寵物")))]
    watch = Watch()

    rows = records(urls=urls, keywords=["金融", "股價"], watch=watch)
    assert [row["url"] for row in rows] == urls[:1]
    assert watch.provenance["without_keyword"] == 1


def test_selectors_pick_rows_and_labels(server: Peer) -> None:
    page = (
        "<ul>"
        + "".join(
            f"<li class=r><b>評論 {n}</b><script>x()</script><i>{'好' if n % 2 else '壞'}</i></li>" for n in range(4)
        )
        + "</ul>"
    )
    url = server.serve("/list", as_page(page))

    rows = records(urls=[url], selectors={"row": "li.r", "text": "b", "label": "i"})
    assert [(row["text"], row["label"]) for row in rows] == [
        ("評論 0", "壞"),
        ("評論 1", "好"),
        ("評論 2", "壞"),
        ("評論 3", "好"),
    ]
    assert "not CSS" in refusal(urls=[url], selectors={"text": "b[["}).problem.en


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"keywords": ["寵物"]}, "keywords", "holds one of the keywords: 寵物"),
        ({"selectors": {"text": "h6.none"}}, "selectors", "text: h6.none"),
        ({}, "selectors", "no main text"),
    ],
)
def test_pages_that_leave_nothing_name_the_field_that_let_nothing_through(
    server: Peer, fields: dict[str, Any], field: str, words: str
) -> None:
    error = refusal(urls=[server.serve("/news", as_page(article() if fields else "<html></html>"))], **fields)

    assert error.field == f"sources[0].{field}" and words in error.problem.en


def test_paragraphs_may_be_rows(server: Peer) -> None:
    rows = records(urls=[server.serve("/news", as_page(article()))], per="paragraph")

    assert NEWS in [row["text"] for row in rows] and len(rows) >= 2


@pytest.mark.parametrize("text", [NEWS, SIMPLIFIED])
@pytest.mark.parametrize("claimed", [None, "utf-8", "big5", "gbk", "iso-8859-1", "no-such"])
@pytest.mark.parametrize("in_page", ["", "<meta charset=utf-8>"])
def test_big5_and_gbk_pages_are_read_right_whatever_they_claim(text: str, claimed: str | None, in_page: str) -> None:
    encoding = "cp950" if text == NEWS else "gbk"
    read = page_text(article(text, meta=in_page, title=text[:8]).encode(encoding), claimed)
    assert read is not None and text in read


@pytest.mark.parametrize("encoding", ["iso-8859-1", "cp1252", "iso-8859-15"])
def test_a_latin_page_stays_latin(encoding: str) -> None:
    text = "<p>Déjà vu: l'été dernier, où était Zoë? À la plage, près de la forêt, bien sûr.</p>"

    assert page_text(text.encode(encoding), encoding) == text


@given(st.text(alphabet=NEWS + "abc <>", min_size=40), st.sampled_from(["big5", "gbk", "utf-8", None]))
def test_utf8_is_known_by_its_bytes(text: str, claimed: str | None) -> None:
    assert page_text(text.encode(), claimed) == text


def test_robots_txt_is_obeyed(server: Peer) -> None:
    server.serve("/robots.txt", Said(b"User-agent: *\nDisallow: /*secret\nAllow: /\n"))
    open_page, closed = (server.serve(path, as_page(article())) for path in ("/open", "/a-secret"))
    told: list[Text] = []

    assert [row["url"] for row in records(urls=[open_page, closed], watch=Watch(warn=told.append))] == [open_page]
    assert "/a-secret" not in server.paths() and "robots.txt" in told[0].en
    assert "forbids" in refusal(urls=[closed]).problem.en
    assert server.paths().count("/robots.txt") == 2  # once for each reading


def test_a_site_whose_rules_cannot_be_asked_for_is_not_read(server: Peer) -> None:
    server.serve("/robots.txt", Said(status=503))
    url = server.serve("/news", as_page(article()))

    assert "503" in refusal(urls=[url]).problem.en and "/news" not in server.paths()


@pytest.mark.parametrize(
    ("content", "read"),
    [(b"User-agent: *\nDisallow: /secret\n", False), (b"<html><body><p>Not found</p></body></html>", True)],
)
def test_rules_sent_as_a_web_page_are_rules_and_a_web_page_is_none(server: Peer, content: bytes, read: bool) -> None:
    server.serve("/robots.txt", Said(content, headers={"Content-Type": "text/html; charset=utf-8"}))
    urls = [server.serve(path, as_page(article())) for path in ("/open", "/secret")]
    found = [row["url"] for row in records(urls=urls)]
    assert found == (urls if read else urls[:1]) and ("/secret" in server.paths()) is read


def test_the_pause_that_robots_txt_asks_for_is_kept(server: Peer) -> None:
    server.serve("/robots.txt", Said(b"User-agent: nlp-skills\nCrawl-delay: 0.3\n"))
    records(urls=[server.serve(f"/{n}", as_page(article(title=str(n)))) for n in range(3)])

    times = [asked.at for asked in server.asked]
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) > 0.25


def test_a_pause_of_an_hour_is_told_instead_of_waited_for(server: Peer) -> None:
    server.serve("/robots.txt", Said(b"User-agent: *\nCrawl-delay: 3600\n"))
    began = time.monotonic()

    assert "3600 seconds" in refusal(urls=[server.serve("/news", as_page(article()))]).problem.en
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("packed", [False, True])
def test_sitemaps_are_followed(server: Peer, packed: bool) -> None:
    pages = [server.serve(f"/{n}", as_page(article(title=str(n)))) for n in range(3)]
    space = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
    inner = f"<urlset {space}>{''.join(f'<url><loc>{page}</loc></url>' for page in pages)}</urlset>".encode()
    inside = server.serve("/inner.xml.gz", Said(gzip.compress(inner) if packed else inner))
    index = server.serve(
        "/sitemap.xml", Said(f"<sitemapindex {space}><sitemap><loc>{inside}</loc></sitemap></sitemapindex>".encode())
    )

    assert [row["url"] for row in records(sitemaps=[index])] == pages


def test_what_is_no_sitemap_is_said_so(server: Peer) -> None:
    bomb = gzip.compress(b" " * (40 << 20))

    assert "not a sitemap" in refusal(sitemaps=[server.serve("/s", as_page(article()))]).problem.en
    assert "not a sitemap" in refusal(sitemaps=[server.serve("/b", Said(bomb))], max_answer_mb=2).problem.en


@pytest.mark.parametrize(("wide", "asked"), [(600, 500), (1, 4)])
def test_sitemaps_without_end_are_stopped(server: Peer, wide: int, asked: int) -> None:
    numbers = itertools.count()

    def route(ask: Asked) -> Said:
        if wide > 1 and ask.params:
            return Said(b"<urlset></urlset>")
        places = (f"<sitemap><loc>{server.url}/sitemap.xml?n={next(numbers)}</loc></sitemap>" for _ in range(wide))
        return Said(f"<sitemapindex>{''.join(places)}</sitemapindex>".encode())

    error = refusal(sitemaps=[server.serve("/sitemap.xml", route)])
    assert "does not end" in error.problem.en and "urls" in error.fix.en and len(server.asked) == asked


def test_a_sitemap_that_points_to_itself_is_read_once(server: Peer) -> None:
    page = server.serve("/1", as_page(article()))
    inner = server.serve("/inner.xml", Said(f"<urlset><url><loc>{page}</loc></url></urlset>".encode()))
    index = server.serve(
        "/sitemap.xml",
        lambda asked: Said(
            f"<sitemapindex>{f'<sitemap><loc>{server.url}/sitemap.xml</loc></sitemap>' * 3}"
            f"<sitemap><loc>{inner}</loc></sitemap></sitemapindex>".encode()
        ),
    )

    assert [row["url"] for row in records(sitemaps=[index])] == [page]
    assert server.paths().count("/sitemap.xml") == 1


def test_a_list_of_pages_without_end_is_read_up_to_the_limit(server: Peer) -> None:
    told: list[Text] = []
    pages = "".join(f"<url><loc>{server.serve(f'/{n}', as_page(article(title=str(n))))}</loc></url>" for n in range(9))
    sitemap = server.serve("/sitemap.xml", Said(f"<urlset>{pages}</urlset>".encode()))

    assert len(records(Watch(warn=told.append), sitemaps=[sitemap], max_pages=3)) == 3
    assert "max_pages" in told[-1].en and len(server.asked) == 5  # robots.txt and the sitemap too


@pytest.mark.parametrize(
    "bad",
    [
        Said(b"<html>" * 99, headers={"Content-Type": "text/html"}, cut=50),
        Said(status=429, headers={"Retry-After": "0"}),
        Said(status=502),
    ],
)
def test_a_page_that_comes_in_the_end_is_waited_for(server: Peer, bad: Said) -> None:
    watch = Watch()
    url = server.serve("/news", first(2, bad, as_page(article())))

    assert [row["url"] for row in records(watch, urls=[url])] == [url] and watch.provenance["retries"] == 2


def test_a_page_that_unpacks_without_end_is_not_held(server: Peer) -> None:
    tracemalloc.start()
    try:
        error = refusal(urls=[server.serve("/news", lambda asked: bomb(64))], max_answer_mb=4)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "larger than 4 MB" in error.problem.en and peak < 24 << 20


def test_a_user_and_password_in_the_address_log_in_and_stay_on_that_host(server: Peer) -> None:
    with peer() as other:
        elsewhere = other.serve("/moved", as_page(article()))
        server.serve("/in", as_page(article()))
        first_page = server.serve("/news", Said(status=302, headers={"Location": "/in"}))
        leaving = server.serve("/leaving", Said(status=302, headers={"Location": elsewhere}))
        with_login = [url.replace("://", "://me:s3cret-value@") for url in (first_page, leaving)]

        rows = records(urls=with_login)
        assert len(rows) == 2 and "s3cret-value" not in str(rows)
        sent = [asked.headers.get("Authorization") for asked in server.asked if asked.path in ("/news", "/in")]
        assert sent == ["Basic bWU6czNjcmV0LXZhbHVl"] * 2
        assert not any("Authorization" in asked.headers for asked in other.asked)


def test_a_page_that_fails_is_told_and_the_others_are_read(server: Peer) -> None:
    told: list[Text] = []
    urls = [
        server.url + "/gone",
        server.serve("/file", Said(b"%PDF", headers={"Content-Type": "application/pdf"})),
        server.serve("/flaky", first(1, Said(status=500), as_page(article()))),
    ]

    assert [row["url"] for row in records(urls=urls, watch=Watch(warn=told.append))] == urls[2:]
    assert "404" in told[0].en and "application/pdf" in told[1].en


def test_a_site_that_dies_is_not_taken_for_a_short_one(server: Peer) -> None:
    urls = [server.serve("/ok", as_page(article())), *(server.serve(f"/{n}", Said(status=500)) for n in range(9))]

    error = refusal(urls=urls, retries=0)
    assert len(server.asked) < 9 and "500" in error.problem.en and "1 page had been read" in error.problem.en
    assert "max_pages: 1" in error.fix.en and "max_pages: 1" in error.fix.zh
    assert len(records(urls=urls, retries=0, max_pages=1)) == 1
    assert "500" in refusal(urls=urls[1:], retries=0).problem.en


def test_what_was_read_before_an_outage_is_not_asked_for_again_and_anew_once_the_reading_ended(
    server: Peer, tmp_path: Path
) -> None:
    out = True
    urls = [
        server.serve(
            f"/{n}",
            lambda asked: (
                Said(status=503) if out and asked.path > "/2" else as_page(article(f"{NEWS}{asked.path}", asked.path))
            ),
        )
        for n in range(9)
    ]
    refusal(Watch(keep=tmp_path / "kept"), urls=urls, retries=0)
    assert server.paths().count("/1") == 1 and list((tmp_path / "kept").rglob("*.json"))
    out, watch = False, Watch(keep=tmp_path / "kept")
    rows = records(watch, urls=urls, retries=0)
    assert [row["url"] for row in rows] == urls and server.paths().count("/1") == 1
    assert watch.provenance["kept_pages"] == 3 and watch.provenance["pages"] == 9
    assert not list((tmp_path / "kept").rglob("*.json"))
    assert records(Watch(keep=tmp_path / "kept"), urls=urls) == rows and server.paths().count("/1") == 2


def test_a_page_kept_for_days_or_under_other_selectors_is_read_anew(server: Peer, tmp_path: Path) -> None:
    urls = [server.serve("/ok", as_page(article())), *(server.serve(f"/{n}", Said(status=503)) for n in range(5))]
    refusal(Watch(keep=tmp_path / "kept"), urls=urls, retries=0)
    refusal(Watch(keep=tmp_path / "kept"), urls=urls, retries=0, selectors={"text": "p"})
    assert server.paths().count("/ok") == 2
    leaky = server.serve("/leaky", as_page(article(f"{NEWS}https://me:s3cret-value@example.org/")))
    refusal(Watch(keep=tmp_path / "kept"), urls=[leaky, *urls], retries=0)
    assert not any("s3cret-value" in file.read_text("utf-8") for file in (tmp_path / "kept").rglob("*.json"))
    for file in (tmp_path / "kept").rglob("*.json"):
        os.utime(file, (0, 0))
    refusal(Watch(keep=tmp_path / "kept"), urls=urls, retries=0)
    assert server.paths().count("/ok") == 4


def test_dead_and_forbidden_pages_in_a_row_are_no_outage(server: Peer) -> None:
    server.serve("/robots.txt", Said(b"User-agent: *\nDisallow: /secret\n"))
    pages = [server.serve(f"/{n}", as_page(article(title=str(n)))) for n in range(2)]
    watch = Watch()
    between = [*(f"{server.url}/gone/{n}" for n in range(7)), *(f"{server.url}/secret/{n}" for n in range(7))]

    assert [row["url"] for row in records(watch, urls=[pages[0], *between, pages[1]])] == pages
    assert watch.provenance["failed"] == 14 and watch.provenance["forbidden"] == 7
    [said] = watch.provenance["incomplete"]
    assert (
        said["en"].startswith("Of 16 pages, 7 pages")
        and "7 pages robots.txt" in said["en"]
        and "7 頁 robots.txt" in said["zh"]
    )


def test_forbidden_pages_between_do_not_hide_an_outage_and_dead_ones_show_that_the_site_answers(server: Peer) -> None:
    server.serve("/robots.txt", Said(b"User-agent: *\nDisallow: /secret\n"))
    ok = server.serve("/ok", as_page(article()))
    broken = [server.serve(f"/{n}", Said(status=503)) for n in range(9)]
    hidden = [ok, *(url for n, page in enumerate(broken) for url in (page, f"{server.url}/secret/{n}"))]
    assert "1 page had been read" in refusal(urls=hidden, retries=0).problem.en
    assert "/4" in server.paths() and "/5" not in server.paths()
    answering = [ok, *(url for n, page in enumerate(broken) for url in (page, f"{server.url}/gone/{n}"))]
    records(urls=answering, retries=0)
    assert "/8" in server.paths()


def test_the_end_of_the_time_keeps_what_was_read(server: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    watch, real = Watch(), time.monotonic
    urls = [server.serve(f"/{n}", as_page(article(title=str(n)))) for n in range(9)]
    late = lambda: real() + (7 * 3600 if "/3" in server.paths() else 0)  # noqa: E731
    monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=late, time=time.time))

    assert len(records(watch, urls=urls, timeout_seconds=8 * 3600, max_seconds=6 * 3600)) == 3
    assert "/4" not in server.paths() and "in the middle" not in watch.provenance["incomplete"][0]["en"]
    assert "early" in watch.provenance["incomplete"][0]["en"]


def test_a_sitemap_that_breaks_leaves_the_pages_that_were_read(server: Peer) -> None:
    page, watch = server.serve("/ok", as_page(article())), Watch()

    assert [row["url"] for row in records(watch, urls=[page], sitemaps=[f"{server.url}/none.xml"])] == [page]
    assert "sitemap" in watch.provenance["incomplete"][0]["en"]


@pytest.mark.parametrize("target", ["http://10.0.0.1/", "http://[::1]/", "http://192.168.1.1/"])
def test_a_redirect_into_a_private_network_is_refused(server: Peer, target: str) -> None:
    url = server.serve("/news", Said(status=302, headers={"Location": target}))

    assert "private network" in refusal(urls=[url]).problem.en


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://169.254.169.254/latest", "its own keys"),
        ("http://10.0.0.1/", "private network"),
        ("http://[::1]/", "private network"),
        ("ftp://x/", "not a web address"),
        ("https://...", "not known"),
    ],
)
def test_private_addresses_are_refused(url: str, said: str) -> None:
    assert said in refusal(urls=[url]).problem.en


def test_a_redirect_to_a_metadata_address_is_refused(server: Peer) -> None:
    url = server.serve("/news", Said(status=301, headers={"Location": "http://169.254.169.254/"}))

    assert "its own keys" in refusal(urls=[url]).problem.en


def test_a_source_without_pages_is_refused() -> None:
    error = refusal()

    assert isinstance(error, DataSourceError) and "urls or sitemaps" in error.problem.en


def test_rows_without_a_label_are_kept_apart_and_train_nothing(server: Peer, task: TaskFolder, prepare: Any) -> None:
    pages = [server.serve(f"/{n}", as_page(article(f"第{n}則：{NEWS}", str(n)))) for n in range(3)]
    scrape = {"type": "web_scrape", "urls": pages, "delay_seconds": 0}
    write_yaml(task.data_source_file, {"sources": [scrape]})

    result = prepare()
    assert result["unlabelled"] == 3 and not (task.data / "current.json").exists()
    raw = Path(result["raw"][0])
    kept = list(read_jsonl(task.data / "unlabelled" / f"{raw.name}.jsonl"))
    assert list(kept[0]) == ["id", "text", "source", "provenance"]
    assert kept[1]["provenance"] == {"raw": raw.name, "line": 2, "url": pages[1]}
    assert read_json(raw / "source.json")["provenance"]["pages"] == 3

    (task.root / "news.jsonl").write_bytes(dump_jsonl(sentences(30)))
    write_yaml(task.data_source_file, {"sources": [{"type": "file", "path": "news.jsonl"}, scrape]})
    both = prepare()
    assert sum(both["counts"].values()) == 30 and both["unlabelled"] == 3


def test_a_key_in_an_address_reaches_the_site_and_no_file(server: Peer, task: TaskFolder, prepare: Any) -> None:
    url = server.serve(
        "/news", lambda asked: as_page(article()) if asked.params.get("api_key") == "s3cret-value" else Said(status=403)
    )
    write_yaml(
        task.data_source_file,
        {"sources": [{"type": "web_scrape", "urls": [f"{url}?api_key=s3cret-value"], "delay_seconds": 0}]},
    )

    assert prepare()["unlabelled"] == 1
    written = "".join(path.read_text("utf-8") for path in task.root.rglob("*") if path.is_file())
    assert "s3cret-value" not in written and "api_key=${" in task.data_source_file.read_text("utf-8")
