"""Patterns that somebody wrote mean what they mean to Python, and none of them holds the server."""

from __future__ import annotations

import re
import time
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_skills.tools.data.labelling.pattern_errors import explain_pattern_error
from nlp_skills.tools.data.labelling.patterns import LONGEST_TEXT, PatternProblem, Patterns, in_linear_time

re2 = pytest.importorskip("re2")

TEXTS = [
    "台積電 TSMC 股價漲 3.5%，ok?",
    "Straße ﬁn aA__bB\t12 ١٢ Ⅷ 　x",
    "",
    "line one\nline two",
    "[a]-z{2}^$ \\w é\u0301 ß ſ K",
    "password: x, 09-1234-5678 \x1c\x85\u2028end",
]
_CLASS_ITEMS = st.sampled_from(
    ["a", "0", "-", "_", "^", "]a", "[", "台", "a-f", r"\d", r"\w", r"\s", r"\S", r"\D", r"\W", r"\]", r"\-", r"\u53f0"]
)
_ATOMS = st.one_of(
    st.sampled_from(
        [
            "a",
            "台",
            "x",
            "1",
            ".",
            r"\d",
            r"\w",
            r"\s",
            r"\S",
            r"\D",
            r"\W",
            r"\.",
            r"\?",
            r"\x41",
            r"\u7a4d",
            r"\_",
            "_",
            "漲",
            "^",
            r"\A",
            "-",
            "]",
            "{",
            "}",
            r"\t",
            r"\，",
        ]
    ),
    st.builds(
        lambda negated, items: f"[{negated}{''.join(items)}]",
        st.sampled_from(["", "^"]),
        st.lists(_CLASS_ITEMS, min_size=1, max_size=4),
    ),
)
_PATTERNS = st.recursive(
    st.lists(
        st.builds("{}{}".format, _ATOMS, st.sampled_from(["", "", "*", "+", "?", "*?", "{1,2}", "{2}", "{,2}"])),
        min_size=1,
        max_size=3,
    ).map("".join),
    lambda inner: st.builds(
        "({}{}|{}){}".format,
        st.sampled_from(["", "?:", "?P<name>", "?i:"]),
        inner,
        inner,
        st.sampled_from(["", "+", "?"]),
    ),
    max_leaves=3,
)


@given(_PATTERNS, st.sampled_from(TEXTS))
def test_what_runs_in_linear_time_finds_what_python_finds(pattern: str, text: str) -> None:
    linear = in_linear_time(pattern)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = [match.span() for match in re.finditer(pattern, text, re.IGNORECASE)]
    except re.error:
        return  # said so by the process apart, or at worst found to mean what was meant
    if linear is not None:
        assert [match.span() for match in linear.finditer(text)] == expected


@pytest.mark.parametrize(
    "pattern",
    [r"漲|跌", r"\d+(?:\.\d+)?%", r"[\s\S]+", r"[^，。]+", r"(?i)tsmc", r"\w+", r"(?P<code>[A-Z]{4})", r"\u53f0積電"],
)
def test_ordinary_patterns_run_in_linear_time(pattern: str) -> None:
    assert in_linear_time(pattern) is not None


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"\bTSMC\b", "the TSMC share", ["TSMC"]),
        (r"\bTSMC\b", "台積電TSMC股價", []),
        (r"(?<=股價)漲", "股價漲了", ["漲"]),
        (r"(.)\1", "aabb", ["aa", "bb"]),
        (r"漲(?!停)", "漲停 漲了", ["漲"]),
        (r"end$", "the end\n", ["end"]),
        (r"a++b", "aaab", ["aaab"]),
    ],
)
def test_what_the_linear_engine_does_not_know_is_not_refused(pattern: str, text: str, found: list[str]) -> None:
    with Patterns() as patterns:
        assert [text[start:end] for start, end in patterns.places(pattern, [text])[0]] == found


@pytest.mark.parametrize("pattern", ["(漲", "[a", "a**", r"\p{Han}", "*", "(?<name>a)", "(" * 5000])
def test_what_is_no_pattern_is_said(pattern: str) -> None:
    with Patterns() as patterns, pytest.raises(PatternProblem) as caught:
        patterns.check(pattern)

    assert "cannot be read" in caught.value.said.en and caught.value.said.zh


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|aa)+b", r"(?:a?){300}a{300}b", r"(.*a){40}!"])
def test_repetitions_within_repetitions_cost_no_more_than_the_text(pattern: str) -> None:
    with Patterns(seconds=10) as patterns:
        assert patterns.places(pattern, ["a" * (LONGEST_TEXT - 1) + "?"] * 3) == [[], [], []]


def test_what_cannot_be_linear_is_ended_and_the_reason_named() -> None:
    begun = time.monotonic()
    with Patterns(seconds=0.5) as patterns:
        with pytest.raises(PatternProblem, match="takes too long"):
            patterns.places(r"(?=a)(a+)+\b!", ["a" * 5000])
        process = patterns._apart

    assert time.monotonic() - begun < 60 and process is not None and process.poll() is not None


def test_only_so_much_of_a_text_is_looked_at_and_odd_characters_do_no_harm() -> None:
    with Patterns() as patterns:
        assert patterns.places("漲", ["x" * LONGEST_TEXT + "漲", "\ud800漲"]) == [[], [(1, 2)]]
        assert patterns.places(r"漲\b", ["\ud800漲"]) == [[(1, 2)]]


@pytest.mark.parametrize("pattern", ["[", "(a", "a**", "*", r"\q", "(?P=b)", "[z-a]", ")", "(?<=a*)b", "a(?i)", "(?i"])
def test_the_reason_is_told_in_both_languages_with_the_place(pattern: str) -> None:
    with pytest.raises(re.error) as wrong:
        re.compile(pattern)
    told = explain_pattern_error(str(wrong.value))
    assert told.en == str(wrong.value) and re.search(r"[\u4e00-\u9fff]", told.zh) and wrong.value.msg not in told.zh
    assert wrong.value.pos is None or f"第 {wrong.value.pos + 1} 個字元" in told.zh


def test_a_reason_that_is_not_known_is_quoted() -> None:
    assert explain_pattern_error("something new at position 3").zh == "something new at position 3"
