"""The review page in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.compute.jobs.running import RunningJob
from nlp_skills.tools.data.regenerate import regenerate
from tests.chromium import Page, browsing
from tests.tools.data.labelling.conftest import RULES, Do, make_unlabelled, texts, write_sheet

HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browsing(tmp_path_factory.mktemp("profile")) as page:
        yield page


def test_a_person_reviews_offline_and_what_the_page_saves_is_taken(
    prepared: TaskFolder, do: Do, job: RunningJob, browser: Page, tmp_path: Path
) -> None:
    make_unlabelled(prepared, [*texts(6), {"text": HOSTILE}, {"text": "=1+1 is broken"}])
    regenerate(prepared, job)
    do("propose", settings={"rules": RULES})
    page = Path(do("sheet").files["page"])
    browser.open(page)
    assert (
        browser.complaints == []
        and browser.requests == [page.as_uri()]
        and "taken" not in browser.run("document.title")
    )
    assert browser.run("document.querySelectorAll('article').length") == 8
    assert browser.run("document.documentElement.scrollWidth") <= 1280

    browser.run("document.querySelectorAll('article').forEach(one => one.querySelector('button').click())")
    browser.run("document.querySelector('article').focus()")
    browser.press("0")
    browser.run("document.getElementById('reviewer').value = 'Ann'")
    browser.run("document.getElementById('language').click()")
    assert "已決定 8 / 8" in browser.run("document.getElementById('progress').textContent")
    from_json = do("import", path=write_sheet(tmp_path / "back.json", browser.run("review.asJson()")))
    assert from_json.message.startswith("Ann: ") and from_json.figures["rejected"] == 1
    assert from_json.figures["accepted"] == 7
    from_csv = do("import", path=write_sheet(tmp_path / "back.csv", browser.run("review.asCsv()")))
    assert "8 already so" in from_csv.message
    assert '"\'=1+1 is broken"' in browser.run("review.asCsv()")
    assert len(json.loads(browser.run("review.asJson()"))["decisions"]) == 8
