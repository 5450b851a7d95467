"""What a log line or an unforeseen error may show: never a password, a token or a key."""

from __future__ import annotations

from ...resources.masking import masked


def without_secrets(text: str) -> str:
    """`text` with known secrets and everything shaped like one replaced by `***`."""
    return masked(text)
