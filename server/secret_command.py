"""`nlp-skills secret`: the one place where a person types a password or a key."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence

from ..resources.foundation import secrets
from ..resources.foundation.access import Need, forget_typed, grant, plain_host
from ..resources.foundation.errors import SecretError
from ..resources.foundation.language import Text


def store(name: str, hosts: Sequence[str] = ()) -> int:
    """Ask for the value without showing it (or read it from a pipe), keep it, and bind it to the hosts it may go to."""
    if sys.stdin.isatty():
        value = getpass.getpass(str(Text(f"Value of {name} (not shown): ", f"{name} 的內容（不會顯示）：")))
    else:
        value = sys.stdin.readline().rstrip("\r\n")
    forget_typed(name)
    place = secrets.store(name, value)
    where = Text("the system's keychain", "系統鑰匙圈") if place == "keychain" else Text(place, place)
    print(
        Text("Kept in {where}. Refer to it as ${{{name}}}.", "已存到{where}。請以 ${{{name}}} 引用。").format(
            where=where, name=name
        )
    )
    return allow(name, hosts) if hosts else 0


def allow(name: str, hosts: Sequence[str]) -> int:
    """Let the secret (or the environment variable of that name) be sent to those hosts."""
    grant(Need(kind="secret", subject=name, host=host) for host in hosts)
    shown = ", ".join(plain_host(host) for host in hosts)
    print(Text(f"{name} may be sent to {shown}.", f"允許把 {name} 送往 {shown}。"))
    return 0


def show_names() -> int:
    """List the names that are stored, never a value."""
    names = secrets.known_names()
    print("\n".join(names) if names else Text("No secret is stored yet.", "目前沒有儲存任何密鑰。"))
    return 0


def forget(name: str) -> int:
    """Remove a stored secret.

    Raises:
        SecretError: none of that name is stored.
    """
    if not secrets.forget(name):
        known = ", ".join(secrets.known_names())
        raise SecretError(
            Text(f"No secret {name!r} is stored.", f"沒有儲存名為「{name}」的密鑰。"),
            Text(
                f"Stored: {known}." if known else "Nothing is stored.",
                f"已儲存的有：{known}。" if known else "目前沒有儲存任何密鑰。",
            ),
            field="name",
        )
    forget_typed(name)
    print(Text(f"{name} was deleted.", f"已刪除 {name}。"))
    return 0
