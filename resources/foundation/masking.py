"""Text without secrets: those this process knows, and what is shaped like one."""

from __future__ import annotations

import base64
import contextlib
import json
import os
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import cache, lru_cache
from typing import Any
from urllib.parse import quote, unquote

from .secret_forms import Place, logins_in_addresses, names_secret, said_secrets, values_in_queries, without
from .token_forms import tokens_in

HIDDEN = "***"
_SHORTEST = 4
_WORD = 8
_TELLING = 12  # characters from which a word of letters and digits is hardly an ordinary one
_known: set[str] = set()
_collecting: ContextVar[set[str] | None] = ContextVar("collecting", default=None)


def remember(*values: str) -> None:
    """Take `values` for secrets from now on, however they are written."""
    for value in values:
        if len(value) >= _SHORTEST:
            forms = {value, quote(value, safe=""), json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
            _known.update(forms)
            if (collected := _collecting.get()) is not None:
                collected |= forms


def remember_pair(user: str, password: str) -> str:
    """`user:password` as HTTP's basic authentication sends it, known as a secret from now on."""
    pair = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
    remember(password, pair)
    return pair


@contextlib.contextmanager
def collect_secrets() -> Iterator[Callable[[str], str]]:
    """A function that hides in a text the secrets which are used within the block, and nothing else.

    Those under eight characters stay, where a row's ordinary word could be one.
    """
    used: set[str] = set()
    before = _collecting.set(used)

    def hiding(text: str) -> str:
        for value in sorted(used, key=len, reverse=True):
            if len(value) >= _WORD and value in text:
                text = text.replace(value, HIDDEN)
        return text

    try:
        yield hiding
    finally:
        _collecting.reset(before)


def looks_random(value: str) -> bool:
    """Whether a text is more likely a key than a word, a number or a date."""
    plain = value.strip()
    letters, digits = any(c.isalpha() for c in plain), any(c.isdigit() for c in plain)
    return len(plain) >= _TELLING and not any(c.isspace() for c in plain) and letters and (digits or len(plain) >= 24)


def redact(text: str) -> str:
    """`text` without any secret this process knows, or any password inside a URL. Takes time linear in the text."""
    for value in _longest_first(len(_known), len(_of_environment())):
        if value in text:
            text = without(text, _standing(value, text), HIDDEN)
    return without(text, [*logins_in_addresses(text), *values_in_queries(text)], HIDDEN)


def mask_secrets(text: str) -> str:
    """`text` without any known secret, and without what only looks like one: tokens, `password: …`."""
    text = redact(text)
    return without(
        text,
        [*logins_in_addresses(text, whole=True), *(Place(*place) for place in tokens_in(text)), *said_secrets(text)],
        HIDDEN,
    )


def throughout(value: Any, clean: Callable[[str], str]) -> Any:
    """`value` with every text in it cleaned; the keys of objects stay."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {key: throughout(inner, clean) for key, inner in value.items()}
    return [throughout(inner, clean) for inner in value] if isinstance(value, list | tuple) else value


@cache
def _of_environment() -> frozenset[str]:
    """The secrets this process was started with: variables named like one, and passwords of proxies' addresses."""
    found: set[str] = set()
    for name, value in os.environ.items():
        if len(value) >= _WORD and names_secret(name) and os.sep not in value[:1]:
            found.add(value)
        for password in logins_in_addresses(value):
            if len(typed := value[password.start : password.end]) >= _SHORTEST:
                user = value[: password.start - 1].rpartition("://")[2]
                pair = base64.b64encode(f"{unquote(user)}:{unquote(typed)}".encode()).decode("ascii")
                found |= {typed, unquote(typed), pair}
    return frozenset(found)


@lru_cache(maxsize=4)
def _longest_first(_known_count: int, _environment_count: int) -> list[str]:
    """All known secrets, the longest first; not a short one that could be a word: it is hidden inside addresses, and
    would make holes in every other sentence."""
    return sorted(
        {value for value in (*_known, *_of_environment()) if len(value) >= _WORD or not value.isalpha()},
        key=len,
        reverse=True,
    )


def _standing(value: str, text: str) -> Iterator[Place]:
    """Where `value` stands in `text`; what could be a word counts only where it stands alone."""
    alone, at = len(value) < _TELLING and value.isalnum(), -1
    while (at := text.find(value, at + 1)) >= 0:
        end = at + len(value)
        if not alone or not (_is_of_word(text[at - 1 : at]) or _is_of_word(text[end : end + 1])):
            yield Place(at, end)
            at = end - 1


def _is_of_word(character: str) -> bool:
    return character.isascii() and character.isalnum()
