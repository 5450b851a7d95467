"""What a log line or an unforeseen error may show: never a password, a token or a key."""

from __future__ import annotations

import re

from ...resources.secrets import redact

_SHAPES = (
    (re.compile(r"(?<=://)[^/\s:@]+:[^@\s/]+@"), "***:***@"),
    (re.compile(r"\b(?:hf|sk|ghp|gho|xox[bap])[-_][A-Za-z0-9_-]{12,}"), "***"),
    (re.compile(r"(?i)\b(bearer\s+)[^\s\"',;]{8,}"), r"\1***"),
    (re.compile(r"(?i)\b((?:password|passwd|api[_-]?key|token|secret)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;]{4,}"), r"\1***"),
)


def without_secrets(text: str) -> str:
    """`text` with known secrets and everything shaped like one replaced by `***`."""
    text = redact(text)
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return text
