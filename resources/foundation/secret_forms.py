"""How secrets stand in a text: in addresses, after a name, or in the forms in which their makers hand them out.

Each is found in one pass, in time linear in the text. The patterns have no look-around, and they keep to one rule: every
place a search can begin at is a literal that the repeated class behind it does not hold, or what the class took is
consumed whatever is decided about it. So no character is read for two beginnings.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

REFERENCE = r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}"
# Patterns are compiled when they are first used (`re` keeps them), so that no start pays for them.
_NAMES = (
    r"(?:pass(?:word|wd|phrase)|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|authorization|cookie"
    r"|credentials?|jwt)"
)
# Names that say little: among an API's headers and parameters a key may stand under them.
_VAGUE = r"(?:key|pass|pw|auth|sig|signature|session(?:[_-]?id)?|app[_-]?id|sas|code)"
_LONGEST_NAME = 40  # characters of a name's end that can decide
_LOGIN = r"://([^/\s:@]*):([^/\s]*)@"
_QUERY = r"[?&]([^=&#?\s]+)="
_SAID = (
    r"(?i)(?:\b(?:password|passwd|passphrase|pwd|api[_-]?key|token|secret)|密碼|金鑰|密鑰|權杖|通行碼|口令"
    "|\u5bc6\u7801|\u5bc6\u94a5"  # the first and the third in Simplified characters
    r")[\"']?\s*(?:[:=：]|(is\b|是|為))\s*[\"']?"
)
_SAID_VALUE = r"[^\s\"',;，。；*]{4,}"
_NAMED = rf"(?i){_NAMES}(?:[_-]?id)?[\"']?\s*(?:[:=]|=>)\s*[\"']?"
_NAMED_VALUE = r"[A-Za-z0-9+/=_.~-]{4,}"
_BEARER = r"(?i)\bbearer\s+([^\s\"',;]{8,})"
_BASIC = r"(?i)\bbasic\s+([A-Za-z0-9+/]{6,}={0,2})"


class Place(NamedTuple):
    """Where a secret stands in a text, and the name it stands behind, where it has one."""

    start: int
    end: int
    name: str = ""


def names_secret(field: str) -> bool:
    """Whether a field of this name holds a secret: `password`, `db_password`, `X-Api-Key`."""
    return re.search(rf"(?i){_NAMES}\Z", field[-_LONGEST_NAME:]) is not None


def may_name_secret(field: str) -> bool:
    """Whether a field of this name may hold one, among the headers and parameters of a request: `key`, `x_sig`."""
    return re.search(rf"(?i)(?:\A|[_-]){_VAGUE}\Z", field[-_LONGEST_NAME:]) is not None


def logins_in_addresses(text: str, *, whole: bool = False) -> Iterator[Place]:
    """The passwords of addresses (`https://name:password@host`); `whole`: the users' names too."""
    for found in re.finditer(_LOGIN, text):
        if not re.fullmatch(REFERENCE, found[2]):
            yield Place(*found.span(2), "password")
            if whole:
                yield Place(*found.span(1), "user")


def values_in_queries(text: str, *, vague: bool = False) -> Iterator[Place]:
    """The values of an address's parameters that are named like a secret; `vague`: whose names say little."""
    wanted, at = (may_name_secret if vague else names_secret), 0
    beginning, value = re.compile(_QUERY), re.compile(r"[^&#\s]+")
    while found := beginning.search(text, at):
        at = found.end()
        if wanted(found[1]) and (typed := value.match(text, at)):
            at = typed.end()
            if not re.fullmatch(REFERENCE, typed[0]):
                yield Place(*typed.span(), found[1])


def said_secrets(text: str) -> Iterator[Place]:
    """What people write behind `password:`, `the token is …`, `密碼是…`; behind a verb only what holds a digit."""
    beginning, value = re.compile(_SAID), re.compile(_SAID_VALUE)
    at = without_digits = 0
    while found := beginning.search(text, at):
        at = found.end()
        if text.startswith("${", at) or (found[1] and at < without_digits):
            continue
        if not (typed := value.match(text, at)):
            continue
        if found[1] and not re.search("[0-9]", typed[0]):
            without_digits = typed.end()  # nor has what stands behind a verb further on in it
            continue
        yield Place(*typed.span(), "password")
        at = typed.end()
    for found in re.finditer(_BEARER, text):
        yield Place(*found.span(1), "bearer")
    for found in re.finditer(_BASIC, text):
        if _is_pair(found[1]):
            yield Place(*found.span(1), "basic")


def values_behind_names(text: str) -> Iterator[Place]:
    """What stands behind a name of a secret as programs and settings write it: `aws_secret_access_key = …`, `"apiKey": "…"`."""
    at, beginning, value = 0, re.compile(_NAMED), re.compile(_NAMED_VALUE)
    while found := beginning.search(text, at):
        at = found.end()
        if typed := value.match(text, at):
            at = typed.end()
            yield Place(*typed.span(), found[0])


def without(text: str, places: Iterable[Place], instead: str) -> str:
    """`text` with `instead` at each place; places that overlap count as one."""
    parts, at = [], 0
    for place in sorted(places):
        if place.start >= at:
            parts += [text[at : place.start], instead]
        at = max(at, place.end)
    return "".join(parts) + text[at:]


def _is_pair(text: str) -> bool:
    try:
        return ":" in base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return False
