"""An append-only record of what was called, by whom, and which files and hosts it named; never a secret, never row text."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ..resources.foundation.access import grants_file
from ..resources.foundation.clock import now
from ..resources.foundation.masking import redact

_NAMES = frozenset(
    {
        "path",
        "endpoint",
        "url",
        "urls",
        "sitemaps",
        "base_url",
        "connection",
        "host",
        "machine",
        "dataset",
        "base_model",
        "model",
    }
)
_LONGEST, _MOST_NAMED = 300, 20


def note_call(client: str, kind: str, name: str, arguments: Mapping[str, Any], outcome: str) -> None:
    """Add one line: when, who, what, the files and hosts that were named, and how it ended.

    A disk that takes nothing stops no call.
    """
    task = arguments.get("task")
    line = (
        json.dumps(
            {
                "when": now(),
                "client": client[:_LONGEST],
                kind: name[:_LONGEST],
                **({"task": task[:_LONGEST]} if isinstance(task, str) else {}),
                "named": list(dict.fromkeys(_named_subjects(arguments)))[:_MOST_NAMED],
                "outcome": outcome,
            },
            ensure_ascii=False,
        )
        + "\n"
    )
    file = grants_file().with_name("audit.jsonl")
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line.encode("utf-8", "replace"))
        finally:
            os.close(descriptor)


def _named_subjects(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _named_subjects(inner, str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _named_subjects(inner, name)
    elif isinstance(value, str) and value and name in _NAMES:
        yield _place(value)[:_LONGEST]


def _place(value: str) -> str:
    """A host where it is an address, else the path or name as it stands; without a login."""
    try:
        address = urlsplit(value)
        if address.scheme and address.hostname:
            port = f":{address.port}" if address.port else ""
            return f"{address.scheme}://{address.hostname}{port}"
    except ValueError:
        pass
    return redact(value)
