"""Secrets in a text: keys and tokens by the forms of their makers, private keys, passwords. Kinds are told, nothing is quoted.

Everything is found in time linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from ...resources.foundation.secret_forms import logins_in_addresses, said_secrets, values_behind_names
from ...resources.foundation.token_forms import has_private_key, tokens_in
from .rows import narrow

_RUN = re.compile(r"[!-~]{4}")  # no secret is shorter
# No text without one of these says a secret behind a name.
_HINTS = (
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "auth",
    "cookie",
    "credential",
    "jwt",
    "bearer",
    "basic",
    "密",
    "金鑰",
    "權杖",
    "口令",
    "通行碼",
)
_PLACEHOLDER = re.compile(
    r"(?i)[x*.•]+|[<\[{%$].*[>\]}%]|(?:your|my|the)?[-_ ]?(?:user|name|pass(?:word|wd)?|pwd|secret|token|key)[-_ ]?(?:here)?"
)
_SHORTEST = 16  # characters of a value that can be told to be made at random
_DISTINCT = 10
_ONE_ALPHABET = re.compile(r"[0-9a-f-]{24,}|[0-9A-F-]{24,}|[0-9a-z]{20,}|[0-9A-Z]{20,}")


def secret_kinds_of(text: str) -> list[str]:
    """The kinds of secrets in `text`: `token` and `private_key`, which are certain, and `password`, which is likely one."""
    plain = narrow(text)
    if not _RUN.search(plain):
        return []
    kinds = ["private_key"] if has_private_key(plain) else []
    folded = plain.casefold()
    named = any(map(folded.__contains__, _HINTS))
    if next(tokens_in(plain), None) or any(_logins(plain)) or (named and any(_made_at_random(plain))):
        kinds.append("token")
    elif named and any(_passwords(plain)):
        kinds.append("password")
    return kinds


def _logins(text: str) -> Iterator[str]:
    if "://" in text:
        typed = (text[place.start : place.end] for place in logins_in_addresses(text))
        yield from (password for password in typed if password and not _PLACEHOLDER.fullmatch(password))


def _made_at_random(text: str) -> Iterator[str]:
    for place in chain(values_behind_names(text), (one for one in said_secrets(text) if one.name != "password")):
        value = text[place.start : place.end].rstrip(".")
        if place.name == "basic" or (len(value) >= _SHORTEST and _looks_random(value)):
            yield value


def _passwords(text: str) -> Iterator[str]:
    for place in said_secrets(text):
        value = text[place.start : place.end]
        if value.isascii() and any(map(str.isdigit, value)) and not _PLACEHOLDER.fullmatch(value):
            yield value


def _looks_random(value: str) -> bool:
    mixed = all(any(map(told, value)) for told in (str.isdigit, str.isupper, str.islower))
    alike = any(map(str.isdigit, value)) and any(map(str.isalpha, value)) and _ONE_ALPHABET.fullmatch(value) is not None
    return (mixed or alike) and len(set(value)) >= _DISTINCT
