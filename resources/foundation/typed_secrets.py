"""Secrets that a person typed into a source's settings: taken to the store, a reference left in their place."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from .access import note_typed
from .json_object import JsonObject
from .masking import looks_random
from .secret_forms import REFERENCE, Place, logins_in_addresses, may_name_secret, names_secret, values_in_queries
from .secrets import host_of, lookup, references, store
from .token_forms import is_token

_OF_REQUESTS = ("headers", "params", "body", "auth")
_ADDRESSES = ("connection", "endpoint", "base_url", "url", "urls", "sitemaps")
_HERE = "localhost"  # where the address of a database leads that names no host
_NAMES_OF_COLUMNS = ("mapping", "label_values", "selectors", "per_label")
_WORDS = r"(?i)(?:^|[\s;])(?P<name>password|passwd|pwd)\s*=\s*['\"]?(?P<password>[^\s;'\"]+)"


def move_inline(mapping: Mapping[str, Any], prefix: str = "") -> tuple[JsonObject, list[str]]:
    """Take secrets that were typed into `mapping` (a source, as the person wrote it) to the store.

    Passwords inside URLs, the values of fields such as `password`, `token`, `api_key` or `Authorization`, whatever is
    called a key among headers and parameters, and tokens known by their form are stored and replaced by `${NAME}`.

    Returns:
        the mapping without them, and the names they are now known by. The person should rotate each.
    """
    moved: list[str] = []

    def clean(value: Any, field: str, of_a_request: bool) -> Any:
        if isinstance(value, Mapping):
            if field in _NAMES_OF_COLUMNS:
                return dict(value)
            return {key: clean(inner, str(key), of_a_request or field in _OF_REQUESTS) for key, inner in value.items()}
        if isinstance(value, list):
            return [clean(inner, field, of_a_request) for inner in value]
        if not isinstance(value, str) or not value:
            return value
        named = names_secret(field) or (of_a_request and may_name_secret(field) and looks_random(value))
        if (named or is_token(value.strip())) and not re.search(REFERENCE, value):
            return _moved_value(value, f"{prefix}{field}", moved)
        return _without_passwords(value, prefix, moved, words=field == "connection")

    cleaned = {str(key): clean(value, str(key), False) for key, value in mapping.items()}
    _note_hosts(cleaned, moved)
    return cleaned, moved


def _note_hosts(value: Any, moved: Collection[str]) -> None:
    """Keep for which host each moved secret was typed: that of the address beside it."""
    if isinstance(value, list):
        for inner in value:
            _note_hosts(inner, moved)
    if not isinstance(value, Mapping) or not moved:
        return
    addresses = [
        one for key in _ADDRESSES for one in ([value[key]] if isinstance(value.get(key), str) else value.get(key) or [])
    ]
    for host in {host_of(one) for one in addresses if isinstance(one, str) and one}:
        for name in {*references(json.dumps(value, default=str))} & {*moved}:
            note_typed(name, host or _HERE)
    if not addresses:
        for inner in value.values():
            _note_hosts(inner, moved)


def _moved_value(value: str, field: str, moved: list[str]) -> str:
    scheme = re.match(r"(?i)(bearer|basic|token)\s+", value)
    kept = scheme[0] if scheme else ""
    name = _free_name(field, value[len(kept) :])
    store(name, value[len(kept) :])
    moved.append(name)
    return f"{kept}${{{name}}}"


def _without_passwords(value: str, prefix: str, moved: list[str], *, words: bool) -> str:
    """`value` without the passwords of addresses in it; `words`: it may also be written as `host=… password=…`."""

    def moved_passwords(places: Iterable[Place]) -> str:
        parts, at = [], 0
        for place in places:
            typed = value[place.start : place.end]
            if not typed or re.search(REFERENCE, typed):
                continue
            address = urlsplit(value.strip()) if "://" in value else None
            where = (address.hostname or "", address.path.strip("/")) if address else ()
            name = _free_name(prefix + "_".join(part for part in (*where, place.name) if part), unquote(typed))
            store(name, unquote(typed))
            moved.append(name)
            parts += [value[at : place.start], f"${{{name}}}"]
            at = place.end
        return "".join(parts) + value[at:]

    value = moved_passwords(logins_in_addresses(value))
    value = moved_passwords(values_in_queries(value))
    value = moved_passwords(
        place for place in values_in_queries(value, vague=True) if looks_random(value[place.start : place.end])
    )
    if words:
        value = moved_passwords(Place(*found.span("password"), found["name"]) for found in re.finditer(_WORDS, value))
    return value


def _free_name(words: str, value: str) -> str:
    """An upper-case name made of `words` that is free, or already holds `value`."""
    base = re.sub(r"[^A-Z0-9]+", "_", words.upper()).strip("_")[:80] or "SECRET"
    base = f"HOST_{base}" if base[0].isdigit() else base
    name, number = base, 2
    while lookup(name) not in (None, value):
        name, number = f"{base}_{number}", number + 1
    return name
