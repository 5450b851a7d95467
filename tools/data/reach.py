"""Where rows of a task may be sent: an on-premise task's leave this machine and its network only where the person said so."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from ...resources.foundation.access import Need, plain_host, read_grants, refusal, require
from ...resources.task import Task
from ..compute.addresses import is_permitted, port_of
from .web.needs import needs_of


def needs_to_leave(task: Task, url: str) -> list[Need]:
    """The permission that is missing before rows of the task are sent to that address: none where it is near and the person
    has allowed it, which a name that leads elsewhere the next time is not."""
    host = plain_host(urlsplit(url).hostname or "")
    if not (leaving := needs_to_send(task, host or url)) or not is_near(url):
        return leaving
    return [] if is_permitted(host, port_of(urlsplit(url))) else [Need(kind="host", subject=host)]


def needs_to_send(task: Task, where: str) -> list[Need]:
    """The permission that is missing before rows of the task are sent to a host or machine, near or far."""
    need = Need(kind="rows", subject=task.name, host=where)
    return [] if task.constraints.privacy != "on-premise" or read_grants().covers(need) else [need]


def require_reach(task: Task, url: str, api_key: str | None, field: str = "url") -> None:
    """Nothing, where the person has allowed sending rows of the task and that key to `url`: one question for all of it.

    Raises:
        AccessError: with what is missing; or the address is never reached.
    """
    if needs := [*needs_of(url, field, (api_key,)), *needs_to_leave(task, url)]:
        require(refusal(needs, field))


def is_near(url: str) -> bool:
    """Whether every address of that host is this machine's or a private network's."""
    host = urlsplit(url).hostname or ""
    try:
        found = {str(entry[4][0]).partition("%")[0] for entry in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(_is_private(address) for address in found)


def _is_private(address: str) -> bool:
    found = ipaddress.ip_address(address)
    return found.is_loopback or found.is_private or found.is_link_local
