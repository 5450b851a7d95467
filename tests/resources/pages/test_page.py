from __future__ import annotations

from html.parser import HTMLParser

from nlp_skills.resources.foundation.language import Text
from nlp_skills.resources.pages.axes import panel_of
from nlp_skills.resources.pages.charts import dots, legend, line, plot
from nlp_skills.resources.pages.page import chart_style, document

HOSTILE = "</title><script>alert(1)</script>\u202e"


class Reader(HTMLParser):
    """The elements of a page, and what stands in its title."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.title = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.title += data if self.tags and self.tags[-1][0] == "title" else ""


def test_every_page_forbids_itself_the_network_and_takes_its_title_as_text() -> None:
    reader = Reader(document(HOSTILE, title=HOSTILE, language="zh-TW", style="b{}"))

    policy = next(one["content"] for _, one in reader.tags if one.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'")
    assert (
        "script" not in [tag for tag, _ in reader.tags] and "<script>" in reader.title and "\u202e" not in reader.title
    )
    assert ("html", {"lang": "zh-TW"}) in reader.tags


def test_a_page_asks_for_itself_again_only_where_it_is_told_to() -> None:
    pages = [document(title="", language="en", style="", refresh_seconds=seconds) for seconds in (None, 3)]
    assert ["refresh" in page for page in pages] == [False, True] and 'content="3"' in pages[1]


def test_a_chart_is_readable_without_a_script_and_its_names_stay_text() -> None:
    panel = panel_of(Text("Loss", "損失"), {"loss": [(0, 2.0), (10, 1.0)]}, [0, 10])
    series = panel.series[0]
    strokes = [line(panel, series.points, series.colour), dots(panel, series.points, series.colour)]
    drawn = plot(panel, strokes, HOSTILE, mark=5) + legend([(series.colour, HOSTILE)])

    reader = Reader(drawn)
    tags = [tag for tag, _ in reader.tags]
    assert "script" not in tags and tags.count("polyline") == 1 and ">2.0<" in drawn and ">10<" in drawn
    assert any(one.get("class") == "kept" and one["x1"] == "500.0" for _, one in reader.tags)
    assert ".plot" in chart_style()
