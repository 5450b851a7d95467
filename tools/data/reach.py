"""Where rows of a task may be sent: an on-premise task's never leave this machine and its network unasked."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from ...resources.errors import DeploymentError
from ...resources.language import Text
from ...resources.task import Task


def check_reach(task: Task, url: str, allowed: bool) -> None:
    """Nothing, where rows of the task may be sent to that address.

    Raises:
        DeploymentError: the task is on-premise and the address is neither on this machine nor in its own network.
    """
    if task.constraints.privacy != "on-premise" or allowed or is_near(url):
        return
    host = urlsplit(url).hostname or url
    raise DeploymentError(
        Text(f"This task's data stays on-premise, and {host} is outside this machine and its network.",
             f"這個任務的資料不得離開內部環境，而 {host} 不在這台機器或內部網路。"),
        Text("Use an endpoint inside, or set allow_remote to true if the person says so.",
             "請改用內部的端點；若對方明確同意，再把 allow_remote 設為 true。"),
        field="allow_remote",
    )


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
