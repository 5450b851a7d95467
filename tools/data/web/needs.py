"""What the person has to allow before an address is asked: the host, and the secrets that go there."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ....resources.foundation.access import Need, refusal, require
from ....resources.foundation.secrets import host_of, references, unbound
from ...compute.addresses import unmet_host


def needs_of(url: str, field: str, sent: Iterable[Any] = (), default_host: str = "") -> list[Need]:
    """The permissions that are missing.

    Arguments:
        default_host: where an address leads that names no host.
        sent: what goes there besides the address: texts, lists, mappings with `${NAME}` in them.

    Raises:
        AccessError: the address leads to where a cloud keeps keys, or a secret stands in the host's name.
        SecretError: a secret stands for the whole address, and is not known.
    """
    names = [name for part in (url, *sent) if part for name in references(json.dumps(part, default=str))]
    secrets = unbound(names, host_of(url) or default_host)
    host = unmet_host(url, field, default_host)
    return secrets or ([host] if host else [])  # a host that a secret is bound to is allowed by that


def require_access(url: str, api_key: str | None, field: str = "url") -> None:
    """Nothing, where the person has allowed asking `url` with that key.

    Raises:
        AccessError: with what is missing; or the address is never reached.
    """
    if needs := needs_of(url, field, (api_key,)):
        require(refusal(needs, field))
