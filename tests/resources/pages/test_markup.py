from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_skills.resources.foundation.language import Text
from nlp_skills.resources.pages.markup import CONCEALED, Html, html, json_script, tag, visible

# What breaks pages, more often than chance would bring it.
HOSTILE = st.one_of(
    st.text(st.characters(codec=None, exclude_categories=())),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "</script><!--",
            "' onclick='x",
            "a\u202eb\u2066c",
            "\u2028\u2029",
            "\ud800",
            "\x00\x1b[0m",
            "&lt;&amp",
            "]]>",
            "<![CDATA[",
            "${x}`",
            "\r\n\t",
        ]
    ),
)


class _Seen(HTMLParser):
    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.text = ""
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(HOSTILE)
def test_any_text_stays_text(text: str) -> None:
    seen = _Seen(tag("p", text))
    assert set(seen.tags) <= {"p", "span"}
    expected = CONCEALED.sub(lambda found: f"U+{ord(found[0]):04X}", text.replace("\r\n", "\n"))
    assert seen.text == expected
    assert "\u202e" not in seen.text


@given(HOSTILE)
def test_any_text_stays_one_attribute(text: str) -> None:
    seen = _Seen(tag("p", title=text))
    assert seen.tags == ["p"] and seen.attributes == {"title": visible(text)}


@given(HOSTILE, HOSTILE)
def test_both_languages_are_escaped_as_text_and_as_attribute(en: str, zh: str) -> None:
    seen = _Seen(tag("p", Text(en, zh), aria_label=Text(en, zh)))
    assert set(seen.tags) <= {"p", "span"}
    assert seen.attributes["data-zh-aria-label"] == visible(zh)


@given(
    st.recursive(
        HOSTILE | st.integers() | st.none() | st.booleans(),
        lambda inner: st.lists(inner) | st.dictionaries(HOSTILE, inner),
        max_leaves=8,
    )
)
def test_data_for_the_script_comes_back_whole_and_cannot_end_its_element(value: object) -> None:
    written = json_script("rows", value)
    content = re.fullmatch(r'<script type="application/json" id="rows">(.*)</script>', written, re.DOTALL)
    assert content and not re.search("[<>&\u2028\u2029\ud800-\udfff]", content[1])
    assert json.loads(content[1]) == value
    written.encode("utf-8")


@pytest.mark.parametrize("character", ["\u202e", "\u2066", "\u200b", "\u00ad", "\x07", "\U000e0041"])
def test_characters_that_hide_are_shown_by_their_number(character: str) -> None:
    assert f">U+{ord(character):04X}<" in tag("p", f"a{character}b")
    assert character not in tag("p", f"a{character}b", title=f"a{character}b")


def test_emoji_and_chinese_are_left_as_they_are() -> None:
    assert tag("p", "家👩‍👩‍👧臺灣") == "<p>家👩‍👩‍👧臺灣</p>"


def test_only_markup_passes_as_it_is() -> None:
    assert html(Html("<b>a</b>"), "<b>", None, 3) == "<b>a</b>&lt;b&gt;3"
    assert tag("p", hidden=True, class_="a", data_row=1, title=None) == '<p hidden class="a" data-row="1"></p>'


def test_a_text_that_is_the_same_in_both_languages_stands_once() -> None:
    assert tag("p", Text("F1", "F1")) == "<p>F1</p>"
