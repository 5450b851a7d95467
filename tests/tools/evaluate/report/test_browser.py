"""The report in a real browser."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.task import SuccessCriteria, Task, TaskFolder
from tests.chromium import Page
from tests.tools.evaluate.report.reporting import (
    LABELS,
    curves,
    evaluated_as,
    make_trained,
    record_evaluation,
    report,
    rows_of,
)

pytestmark = pytest.mark.worker
ROWS = 5_000
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \u202eevil\u2066"
SHOWN = "document.querySelectorAll('.errors tbody tr').length"
COUNT = "document.getElementById('count').innerText"


def gold(at: int) -> str:
    return LABELS[at % 3]


def before(at: int) -> str | None:
    """What v1 answered."""
    return "neutral" if at % 3 == 0 else gold(at)


def now(at: int) -> str | None:
    """What v2 answered."""
    return None if at % 11 == 0 else "negative" if at % 5 == 0 else before(at)


def many(chosen: Callable[[int], bool]) -> str:
    """What the counter says of the rows chosen."""
    return f"Rows 1–25 of {sum(map(chosen, range(ROWS))):,}"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions on 5,000 rows, hostile and long texts among them, with curves."""
    task = TaskFolder(tmp_path_factory.mktemp("workspace") / "news")
    task.root.mkdir()
    task.save(
        Task(
            name="news",
            title="Market news",
            goal="Know good news from bad",
            labels=LABELS,
            success_criteria=SuccessCriteria(threshold=0.8),
        )
    )
    texts = {0: HOSTILE, 3: "a very long one " * 300}
    rows = rows_of(LABELS, ROWS, lambda at: texts.get(at, f"row {at} about Ｃompany{at % 7}"), entity="Company1")
    first = make_trained(task)
    record_evaluation(first, rows, lambda at, row: before(at))
    second = make_trained(task, parent="v1", epochs=5)
    curves(second)
    record = record_evaluation(second, rows, lambda at, row: now(at))
    return report(second, record)[0]


@pytest.mark.parametrize(
    ("language", "width", "dark"), [*itertools.product(("en", "zh-TW"), (360, 1280), (False, True))]
)
def test_it_opens_without_a_complaint_or_a_request_and_fits_the_screen(
    browser: Page, large: Path, language: str, width: int, dark: bool
) -> None:
    browser.open(large, width, dark=dark)
    browser.run(f"document.querySelector('[data-value=\"{language}\"]').click()")
    assert browser.complaints == [] and browser.requests == [large.as_uri()]
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run("document.documentElement.lang") == language
    heading = "document.querySelector('#confusion h2').innerText"
    assert browser.run(heading) == ("Confusion matrix" if language == "en" else "混淆矩陣")
    assert browser.run("document.querySelector('#order option').textContent") == (
        "as in the benchmark" if language == "en" else "依評估基準順序"
    )


def test_a_planted_script_does_not_run_and_is_shown_as_text(browser: Page, large: Path) -> None:
    browser.open(large)
    first = str(browser.run("document.querySelector('.errors tbody td').innerText"))
    assert "<script>alert(1)</script><img src=x onerror=alert(2)>" in first
    assert "U+202E" in first and "U+2066" in first and "\u202e" not in first
    assert browser.run("document.images.length") == 0 and browser.complaints == []


def test_thousands_of_answers_are_filtered_searched_sorted_and_paged_at_once(browser: Page, large: Path) -> None:
    browser.open(large)
    assert browser.run(COUNT) == many(lambda at: now(at) != gold(at)) and browser.run(SHOWN) == 25
    browser.run("document.getElementById('following').click()")
    assert str(browser.run(COUNT)).startswith("Rows 26–50")
    _choose(browser, "said", "3")  # no label at all
    assert browser.run(COUNT) == many(lambda at: now(at) is None)
    _choose(browser, "gold", "1")
    assert browser.run(COUNT) == many(lambda at: now(at) is None and gold(at) == "neutral")
    _choose(browser, "said", "")
    _choose(browser, "gold", "")
    _choose(browser, "shown", "all")
    _choose(browser, "find", "COMPANY3")  # whatever its case and width
    assert browser.run(COUNT) == many(lambda at: at % 7 == 3 and at != 3)
    _choose(browser, "find", "nowhere to be found")
    assert browser.run("document.getElementById('nothing').innerText") == "No row matches."
    _choose(browser, "find", "")
    _choose(browser, "order", "long")
    assert str(browser.run("document.querySelector('.errors tbody td').innerText")).startswith("4a very long one")
    took = browser.run(
        "(() => { const start = performance.now(); const box = document.getElementById('find');"
        "box.value = 'row 4'; box.dispatchEvent(new Event('input')); return performance.now() - start })()"
    )
    assert took < 500, "milliseconds for one key"


def test_a_long_text_opens_when_asked(browser: Page, large: Path) -> None:
    browser.open(large)
    cell = "[...document.querySelectorAll('.errors tbody td')].find((td) => td.innerText.includes('very long'))"
    assert len(browser.run(f"{cell}.innerText")) < 500
    browser.run(f"{cell}.querySelector('.more').click()")
    assert len(browser.run(f"{cell}.innerText")) > 4_000
    assert browser.run("document.activeElement.innerText") == "show less"


def test_a_cell_of_the_matrix_shows_its_rows(browser: Page, large: Path) -> None:
    browser.open(large)
    cell = 'document.querySelector(\'.matrix [data-gold="0"][data-said="1"]\')'
    count = int(browser.run(f"{cell}.querySelector('b').innerText"))
    browser.run(f"{cell}.click()")
    assert str(browser.run(COUNT)).endswith(f"of {count:,}")
    assert browser.run("document.getElementById('gold').value + document.getElementById('said').value") == "01"
    browser.run('document.querySelector(\'.matrix [data-gold="2"][data-said="2"]\').click()')
    assert browser.run("document.getElementById('shown').value") == "all"


def test_what_changed_against_the_earlier_version_can_be_read(browser: Page, large: Path) -> None:
    browser.open(large)
    _choose(browser, "shown", "fixed")
    assert browser.run(COUNT) == "Rows 0–0 of 0"
    _choose(browser, "shown", "broken")
    assert browser.run(COUNT) == many(lambda at: now(at) != gold(at) == before(at))


def test_light_and_dark_follow_the_system_and_the_switch(browser: Page, large: Path) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    browser.open(large, dark=False)
    light = browser.run(paper)
    browser.open(large, dark=True)
    dark = browser.run(paper)
    assert light != dark
    browser.run("document.querySelector('[data-switch=theme][data-value=light]').click()")
    assert browser.run(paper) == light
    browser.open(large, dark=False)
    browser.run("document.querySelector('[data-switch=theme][data-value=dark]').click()")
    assert browser.run(paper) == dark


@pytest.mark.parametrize("dark", [False, True])
def test_every_colour_of_text_can_be_read_on_the_page(browser: Page, large: Path, dark: bool) -> None:
    browser.open(large, dark=dark)
    colours = browser.run(
        "(() => { const style = getComputedStyle(document.documentElement); return Object.fromEntries("
        "['paper', 'wash', 'ink', 'soft', 'blue', 'orange', 'green', 'purple'].map((name) => "
        "[name, style.getPropertyValue('--' + name).trim()])) })()"
    )
    for name in ("ink", "soft", "blue", "orange", "green", "purple"):
        assert _contrast(colours[name], colours["paper"]) >= 4.5, name
    cells = "[...document.querySelectorAll('.matrix td')].map((td) => getComputedStyle(td).backgroundColor)"
    assert len(set(browser.run(cells))) > 3, "shares are seen as shades"


def test_the_keyboard_reaches_the_controls_and_reads_the_curves(browser: Page, large: Path) -> None:
    browser.open(large)
    browser.press("Tab")
    assert browser.run("document.activeElement.innerText") == "English"
    browser.run("document.querySelector('[data-chart=chart-loss] .area').focus()")
    browser.press("Home")
    assert browser.run("document.querySelector('[data-chart=chart-loss] .reading').innerText") == (
        "step 1 · training loss 2.025"
    )
    browser.press("ArrowRight")
    assert str(browser.run("document.querySelector('[data-chart=chart-loss] .reading').innerText")).startswith("step 2")
    order = browser.run("[...document.querySelectorAll('h1, h2, h3')].map((one) => Number(one.tagName[1]))")
    assert order[0] == 1 and all(after - before <= 1 for before, after in itertools.pairwise(order))


def test_labels_are_sorted_by_the_figure_chosen(browser: Page, large: Path) -> None:
    browser.open(large)
    values = "[...document.querySelectorAll('.labels tbody tr')].map((row) => Number(row.dataset.recall))"
    browser.run("document.querySelector('[data-key=recall]').click()")
    assert browser.run(values) == sorted(browser.run(values), reverse=True)
    browser.run("document.querySelector('[data-key=recall]').click()")
    assert browser.run(values) == sorted(browser.run(values))


def test_without_scripts_the_report_is_still_there_to_read(browser: Page, large: Path) -> None:
    browser.open(large, scripts=False)
    text = str(browser.run("document.body.innerText"))
    assert "Confusion matrix" in text and "混淆矩陣" not in text and "row 6 about" in text
    assert browser.run(SHOWN) == 25 and browser.run("document.querySelector('.controls').hidden")


def test_printing_leaves_out_the_controls_and_is_dark_on_light(browser: Page, large: Path) -> None:
    browser.open(large, dark=True)
    browser.send(
        "Emulation.setEmulatedMedia",
        {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]},
    )
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.run("getComputedStyle(document.querySelector('.controls')).display") == "none"
    browser.send("Emulation.setEmulatedMedia", {"media": ""})


@pytest.mark.parametrize(
    ("labels", "title"),
    [
        (["only"], "one"),
        ([f"label {place}" for place in range(60)], "many"),
        (['"><img src=x onerror=alert(1)>', "標籤" * 100, "\u202e(invalid)", "x" * 300], "odd"),
    ],
)
@pytest.mark.parametrize("width", [360, 1280])
def test_odd_reports_fit_the_screen_too(
    browser: Page, task: Callable[..., TaskFolder], labels: list[str], title: str, width: int
) -> None:
    folder = make_trained(task(title=title * 60, labels=labels, language="zh-TW", goal="g" * 400))
    rows = rows_of(labels, 2 * len(labels), lambda at: f"{at}" + "w" * 900)
    answered: dict[str, Any] = {"labels": labels, "baselines": {}}
    path, _ = report(folder, record_evaluation(folder, rows, lambda at, row: labels[0] if at % 3 else None, **answered))
    browser.open(path, width)
    assert browser.complaints == [] and browser.run("document.documentElement.scrollWidth") <= width


def _choose(browser: Page, name: str, value: str) -> None:
    browser.run(
        f"(() => {{ const field = document.getElementById({name!r}); field.value = {value!r};"
        "field.dispatchEvent(new Event('input')) })()"
    )


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio of two `#rrggbb` colours."""

    def luminance(colour: str) -> float:
        shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("kind", ["extraction", "generation", "preference"])
def test_written_answers_are_browsed_as_labels_are(browser: Page, tmp_path: Path, kind: Any) -> None:
    task = TaskFolder(tmp_path / "written")
    task.root.mkdir()
    task.save(Task(name="written", type=kind, labels=["person", "company"] if kind == "extraction" else []))
    folder = make_trained(task)
    path = report(folder, evaluated_as(kind, folder, right=30))[0]
    browser.open(path)
    assert browser.run(COUNT) == "Rows 1–1 of 1" and browser.run(SHOWN) == 1
    marked = browser.run("document.querySelectorAll('.errors mark.missing, .errors mark.extra').length > 0")
    assert marked == (kind != "preference")
    _choose(browser, "shown", "all")
    assert browser.run(COUNT) == "Rows 1–25 of 31"
    _choose(browser, "find", {"extraction": "person: bo", "generation": "small", "preference": "-0.25"}[kind])
    assert browser.run(COUNT) == "Rows 1–1 of 1"
    assert browser.complaints == [] and browser.run("document.documentElement.scrollWidth") <= 1280
