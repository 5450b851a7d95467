"""Text without secrets: those this process knows, and what is shaped like one."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import cache, lru_cache
from typing import Any
from urllib.parse import quote, unquote

HIDDEN = "***"
# Patterns are compiled when they are first used (`re` keeps them), so that no start pays for them.
REFERENCE = r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}"
_NAMES = (r"pass(?:word|wd|phrase)|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|authorization|cookie"
          r"|credentials?|jwt")
SECRET_FIELD = rf"(?i)(?:.*[_-])?(?:\w*(?:{_NAMES}))"
# Names that say little: among an API's headers and parameters a key may stand under them.
_VAGUE = r"(?:key|pass|pw|auth|sig|signature|session(?:[_-]?id)?|app[_-]?id|sas|code)"
VAGUE_FIELD = rf"(?i)(?:.*[_-])?{_VAGUE}"
URL_PASSWORD = r"(?i)(?P<before>[a-z][a-z0-9+.-]*://[^/\s:@]*:)(?P<password>[^/\s]*)(?=@)"
QUERY_PASSWORD = rf"(?i)(?P<before>[?&](?P<name>(?:[\w-]*[_-])?(?:\w*(?:{_NAMES})))=)(?P<password>[^&#\s]+)"
VAGUE_QUERY = rf"(?i)(?P<before>[?&](?P<name>(?:[^=&#]*[_-])?{_VAGUE})=)(?P<password>[^&#\s]+)"
# The forms in which the large services hand out their keys.
TOKEN = (r"\b(?:hf_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}"
         r"|glpat-[A-Za-z0-9_-]{16,}|xox[abprs]-[A-Za-z0-9-]{12,}|AKIA[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,}"
         r"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})")
_URL_LOGIN = r"(?<=://)[^/\s:@]+:(?!\$\{)[^@\s/]+@"
_BEARER = r"(?i)\b(bearer\s+)[^\s\"',;]{8,}"
_BASIC = r"(?i)\b(basic\s+)([A-Za-z0-9+/]{6,}={0,2})"
_SAID = (r"(?i)((?:\b(?:password|passwd|passphrase|api[_-]?key|token|secret)|密碼|金鑰|權杖)[\"']?\s*"
         r"(?:[:=：]\s*[\"']?(?!\$\{)|(?:\bis\b|是|為)\s*[\"']?(?=[^\s\"',;，。；]*[0-9])))[^\s\"',;，。；*]{4,}")
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
def collected() -> Iterator[Callable[[str], str]]:
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
    """`text` without any secret this process knows, or any password inside a URL."""
    if known := _pattern(len(_known), len(_of_environment())):
        text = known.sub(HIDDEN, text)
    for shape in (URL_PASSWORD, QUERY_PASSWORD):
        text = re.sub(shape, _without_password, text)
    return text


def masked(text: str) -> str:
    """`text` without any known secret, and without what only looks like one: tokens, `password: …`."""
    text = re.sub(TOKEN, HIDDEN, redact(re.sub(_URL_LOGIN, f"{HIDDEN}:{HIDDEN}@", text)))
    text = re.sub(_BEARER, rf"\1{HIDDEN}", text)
    text = re.sub(_BASIC, lambda found: f"{found[1]}{HIDDEN}" if _is_pair(found[2]) else found[0], text)
    return re.sub(_SAID, rf"\1{HIDDEN}", text)


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
        if len(value) >= _WORD and re.fullmatch(SECRET_FIELD, name) and os.sep not in value[:1]:
            found.add(value)
        if (typed := re.search(URL_PASSWORD, value)) and len(password := typed["password"]) >= _SHORTEST:
            user = typed["before"].partition("://")[2].rstrip(":")
            pair = base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode("ascii")
            found |= {password, unquote(password), pair}
    return frozenset(found)


@lru_cache(maxsize=4)
def _pattern(_known_count: int, _environment_count: int) -> re.Pattern[str] | None:
    """One pattern for all known secrets, the longest first. What could be a word counts only where it stands alone, and
    a short one not at all: it is hidden inside addresses, and would make holes in every other sentence."""
    values = sorted({value for value in (*_known, *_of_environment()) if len(value) >= _WORD or not value.isalpha()},
                    key=len, reverse=True)
    words = [rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])" if len(value) < _TELLING and value.isalnum()
             else re.escape(value) for value in values]
    return re.compile("|".join(words)) if words else None


def _without_password(found: re.Match[str]) -> str:
    return found[0] if re.fullmatch(REFERENCE, found["password"]) else f"{found['before']}{HIDDEN}"


def _is_pair(text: str) -> bool:
    try:
        return ":" in base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return False
