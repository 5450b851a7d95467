"""Secrets in a text are hidden wherever they stand, in time that grows with the text and no faster."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp_skills.resources.foundation import secret_forms, token_forms
from nlp_skills.resources.foundation.masking import HIDDEN, mask_secrets, redact
from nlp_skills.resources.foundation.secret_forms import may_name_secret, names_secret

# What the patterns begin with, repeat and end with: a text of these finds every place where reading could start anew.
PIECES = [
    "a",
    "A1",
    "_",
    "-",
    ".",
    "=",
    "==",
    "@",
    "/",
    "//",
    "://",
    ":",
    "?",
    "&",
    "#",
    " ",
    "\n",
    '"',
    "${",
    "}",
    "is ",
    "是",
    "密碼",
    "token",
    "password",
    "api-key",
    "bearer ",
    "basic ",
    "eyJ",
    "eyJhbGciOiJIUzI1",
    "sk-",
    "hf_",
    "xoxb-",
    "AKIA",
    "SG.",
    "Q~",
    "12345678:A",
    "-----BEGIN ",
    "PRIVATE KEY",
    "key=",
    "sig=",
    "***",
]
PLANTED = [
    ("https://me:{}@host/path", "pa55word-in-address"),
    ("see https://host/?token={}&page=2", "hunter22"),
    ("password: {}", "hunter2"),
    ("密碼是 {}，謝謝", "abc123"),
    ("Authorization: Bearer {}", "abcdefgh12345"),
    ("{}", "hf_" + "a1" * 17),
    ("我的金鑰是{}。", "sk-proj-" + "b2" * 20),
    ("{}", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEF123456_-"),
    ("?{}=hunter22hunter22".format("access_token") + "&k={}", "ghp_" + "c3" * 18),
]


@pytest.mark.parametrize(
    "unit",
    [
        *PIECES,
        *(
            "eyJ-",
            "a.",
            "a:",
            "?a=",
            "密碼是",
            "密碼:${",
            "password  ",
            "token is ",
            "://a:",
            "https://a@",
            "sk-a-",
            "bearer bearer",
            "?token=",
            "eyJaaaaaaaaaa.",
            "SG.aaaaaaaaaaaaaaaaaaaa.",
            "A.B-",
        ),
    ],
)
def test_hiding_takes_time_in_proportion_to_the_text(unit: str) -> None:
    short, long = 10_000, 80_000
    once, more = (_seconds((unit * size)[:size]) for size in (short, long))

    assert more < 3 * (long / short) * max(once, 0.001)  # what is quadratic takes 64 times as long, not 8


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join))
def test_no_text_that_repeats_itself_takes_longer_than_its_length(unit: str) -> None:
    once, more = (_seconds((unit * size)[:size]) for size in (5_000, 40_000))

    assert more < 24 * max(once, 0.001)


@settings(deadline=None)
@given(st.sampled_from(PLANTED), st.text(max_size=20), st.text(max_size=20))
def test_a_secret_is_hidden_whatever_stands_around_it(planted: tuple[str, str], before: str, after: str) -> None:
    written, secret = planted

    assert secret not in mask_secrets(f"{before}\n{written.format(secret)}\n{after}")


@given(st.text())
def test_hiding_never_fails_and_twice_is_as_once(text: str) -> None:
    once = redact(text)

    assert redact(once) == once and isinstance(mask_secrets(text), str)


def test_addresses_keep_what_is_no_secret() -> None:
    assert (
        redact("a https://host/x?page=1&q=why?token=hunter22#top")
        == f"a https://host/x?page=1&q=why?token={HIDDEN}#top"
    )
    assert (
        redact("postgresql://me:pa@ss@host/db?sslmode=require") == f"postgresql://me:{HIDDEN}@host/db?sslmode=require"
    )
    assert redact("12:30 @ https://host/a:b@c") == "12:30 @ https://host/a:b@c"


@pytest.mark.parametrize(
    ("field", "surely", "perhaps"),
    [
        ("password", True, False),
        ("DB_PASSWORD", True, False),
        ("X-Api-Key", True, True),
        ("x" * 5000 + "_token", True, False),
        ("key", False, True),
        ("sig", False, True),
        ("monkey", False, False),
        ("text", False, False),
        ("a" * 39 + "key", False, False),
    ],
)
def test_fields_are_known_by_the_end_of_their_names(field: str, surely: bool, perhaps: bool) -> None:
    assert names_secret(field) is surely and may_name_secret(field) is perhaps


def test_patterns_have_nothing_that_an_engine_of_linear_time_lacks() -> None:
    re2 = pytest.importorskip("re2")
    patterns = [
        *token_forms._FORMS.values(),
        token_forms._PRIVATE_KEY,
        token_forms._LONG,
        secret_forms._LOGIN,
        secret_forms._QUERY,
        secret_forms._SAID,
        secret_forms._SAID_VALUE,
        secret_forms._BEARER,
        secret_forms._BASIC,
    ]
    for pattern in patterns:
        re2.compile(pattern)


def _seconds(text: str) -> float:
    """Seconds of this process that hiding takes, the least of three."""
    taken = []
    for _ in range(3):
        begun = time.process_time()
        mask_secrets(text)
        taken.append(time.process_time() - begun)
    return min(taken)
