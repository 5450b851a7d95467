"""What a log line or an unforeseen error may show: never a password, a token or a key."""

from __future__ import annotations

from ....resources.foundation.masking import mask_secrets


def without_secrets(text: str) -> str:
    """`text` with known secrets and everything shaped like one replaced by `***`."""
    return mask_secrets(text)
