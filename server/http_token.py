"""The token of the HTTP server: made once, kept for its owner alone, renewed on request."""

from __future__ import annotations

import json
import secrets

from ..resources.foundation.access import grants_file
from ..resources.foundation.files import lock, write_atomic
from .client import SERVER_NAME

_BYTES = 32


def kept_token(*, renew: bool = False) -> str:
    """The token of this account's server, made on first need.

    Arguments:
        renew: make another one; the old one opens nothing any more.
    """
    file = grants_file().with_name("http-token")
    with lock(file):
        kept = file.read_text(encoding="ascii").strip() if file.is_file() and not renew else ""
        if not kept:
            kept = secrets.token_urlsafe(_BYTES)
            write_atomic(file, kept + "\n", mode=0o600)
    return kept


def client_block(url: str, token: str) -> str:
    """What a client's configuration takes to reach the server, as JSON to paste."""
    entry = {"type": "http", "url": url, "headers": {"Authorization": f"Bearer {token}"}}
    return json.dumps({"mcpServers": {SERVER_NAME: entry}}, indent=2)
