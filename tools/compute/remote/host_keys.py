"""Whether an SSH server is the one it was: host keys against the person's `known_hosts`, trusted only by their word."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

from ....resources.foundation.errors import MachineError, MissingRequirement
from ....resources.foundation.files import describing_disk_errors
from ....resources.foundation.language import Text
from ..addresses import RefusedAddress, check_addresses, is_permitted, resolve_host

if TYPE_CHECKING:
    import asyncssh

_DEFAULT_PORT = 22
_NONE = b"# none\n"  # empty would make asyncssh look elsewhere


class UnknownHostKey(MachineError):
    """The person has never trusted this server; `details` holds `host`, `fingerprint` and `key_type`."""

    code = "host_key_unknown"


class ChangedHostKey(MachineError):
    """The server shows another key than the one that was trusted: refused."""

    code = "host_key_changed"


def require_asyncssh() -> None:
    """Raise `MissingRequirement` where asyncssh is not installed."""
    try:
        import asyncssh  # noqa: F401
    except ImportError as error:
        raise MissingRequirement(
            Text(
                "Machines over SSH need asyncssh, which is not installed.", "使用 SSH 機器需要 asyncssh，目前沒有安裝。"
            ),
            Text("Run: pip install 'nlp-skills[ssh]'", "請執行：pip install 'nlp-skills[ssh]'"),
        ) from error


def ssh_options(alias: str) -> asyncssh.SSHClientConnectionOptions:
    """What the person's SSH config says about that host (or `user@host:port` of a jump).

    Raises:
        MachineError: their config cannot be read.
    """
    import asyncssh

    try:
        return asyncssh.SSHClientConnectionOptions(config=config_files(), **address(alias))
    except (asyncssh.ConfigParseError, asyncssh.KeyImportError, OSError, ValueError) as error:
        raise MachineError(
            Text(f"The SSH settings for {alias} cannot be used: {error}", f"無法使用 {alias} 的 SSH 設定：{error}"),
            Text(
                "Fix ~/.ssh/config or the key it names (a key with a passphrase: ssh-add it first).",
                "請修正 ~/.ssh/config 或其中指定的金鑰（有密碼的金鑰請先 ssh-add）。",
            ),
            field="host",
        ) from error


def config_files() -> list[str]:
    """The person's own SSH config, where there is one."""
    own = Path.home() / ".ssh" / "config"
    return [str(own)] if own.is_file() else []


class Address(TypedDict):
    """A host as asyncssh takes it."""

    host: str
    username: NotRequired[str]
    port: NotRequired[int]


def address(alias: str) -> Address:
    """`user@host:port` in its parts, as asyncssh takes them."""
    user, _, place = alias.rpartition("@")
    host, colon, port = place.rpartition(":")
    if not (colon and port.isdigit()) or ":" in host:  # an IPv6 address has no port here
        host, port = place, ""
    parts: Address = {"host": host}
    if user:
        parts["username"] = user
    if port:
        parts["port"] = int(port)
    return parts


def jump_hosts(options: asyncssh.SSHClientConnectionOptions) -> list[str]:
    """The hosts to go through, first to last."""
    jump = options.tunnel
    return [hop.strip() for hop in jump.split(",")] if isinstance(jump, str) and jump.lower() != "none" else []


def known_keys(options: asyncssh.SSHClientConnectionOptions, pinned: Path | None = None) -> bytes:
    """What the files of known hosts hold that stand for this host, or the `pinned` one instead of them; missing files
    hold nothing."""
    content = b""
    for file in _known_hosts_files(options, pinned):
        with contextlib.suppress(OSError):
            content += Path(file).expanduser().read_bytes() + b"\n"
    return content or _NONE


def check_reach(
    alias: str, options: asyncssh.SSHClientConnectionOptions, pinned: Path | None = None, *, direct: bool = True
) -> None:
    """Nothing, where that machine may be asked: the person's own SSH files vouch for it, it is public, or they allowed it.

    Arguments:
        direct: the connection is made from here, not through another machine.

    Raises:
        AccessError: it is inside a private network, and nobody has allowed reaching it; or it is a metadata service.
    """
    import asyncssh

    host, port = str(options.host), int(options.port)
    try:
        addresses = resolve_host(host, port) if direct else []
    except OSError:  # whoever connects says so
        return
    except ValueError:  # a character or a length that no name has
        raise MachineError(
            Text(f"{alias[:80]!r} is not a host's name.", f"「{alias[:80]}」不是主機名稱。"),
            Text("Name an alias of the SSH config, or user@host.", "請填 SSH 設定裡的別名，或 user@host。"),
            field="settings.host",
        ) from None
    named = options.host_key_alias or host
    vouched = (
        bool(pinned)
        or host != address(alias)["host"]
        or bool(asyncssh.match_known_hosts(known_keys(options), named, "", port if port != _DEFAULT_PORT else None)[0])
    )
    try:
        check_addresses(host, addresses, permitted=vouched or is_permitted(host, port))
    except RefusedAddress as refused:
        raise refused.to_access_error("settings.host") from None


def key_problem(
    alias: str, options: asyncssh.SSHClientConnectionOptions, key: asyncssh.SSHKey | None, pinned: Path | None = None
) -> UnknownHostKey | ChangedHostKey:
    """Why the server's `key` does not pass: never seen, or not the one that was trusted."""
    import asyncssh

    host, port = options.host_key_alias or options.host, options.port
    trusted = asyncssh.match_known_hosts(
        known_keys(options, pinned), host, "", port if port != _DEFAULT_PORT else None
    )[0]
    shown = key.get_fingerprint() if key else "?"
    kind = key.get_algorithm() if key else "?"
    details = {"host": alias, "fingerprint": shown, "key_type": kind}
    if not trusted:
        return UnknownHostKey(
            Text(
                f"{alias} ({options.host}, port {port}) was never trusted. Its {kind} key has the fingerprint {shown}.",
                f"還沒信任過 {alias}（{options.host}，連接埠 {port}）。它的 {kind} 金鑰指紋是 {shown}。",
            ),
            Text(
                "Ask the person to compare it with what the machine's owner says (there: ssh-keygen -lf "
                "/etc/ssh/ssh_host_ed25519_key.pub). If it is the same: settings={'fingerprint': "
                f"{shown!r}}}, confirm=true.",
                "請使用者與機器管理者提供的指紋核對（在該機器執行：ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub）。"
                f"相符的話，帶上 settings={{'fingerprint': {shown!r}}} 與 confirm=true。",
            ),
            field="settings.fingerprint",
            details=details,
        )
    before = ", ".join(sorted({one.get_fingerprint() for one in trusted}))
    files = ", ".join(_known_hosts_files(options, pinned))
    return ChangedHostKey(
        Text(
            f"{alias} presents a different host key than before: now {shown}, trusted was {before}. The connection was refused.",
            f"{alias} 的主機金鑰變了：現在是 {shown}，先前信任的是 {before}。已拒絕連線。",
        ),
        Text(
            f"Somebody may be intercepting the connection. If the machine was really reinstalled, remove its old line ({files}; "
            f"ssh-keygen -R {_name(options)!r}) and set it up again.",
            f"可能有人居中攔截。若機器確實重新安裝過，請刪除舊的那一行（{files}；ssh-keygen -R {_name(options)!r}），"
            "再重新設定這台機器。",
        ),
        field="host",
        details={**details, "trusted": before},
    )


def trust(options: asyncssh.SSHClientConnectionOptions, key: asyncssh.SSHKey, pinned: Path | None = None) -> Path:
    """Add the key to the person's file of known hosts (or to the `pinned` one), and return that file."""
    path = Path(_known_hosts_files(options, pinned)[0]).expanduser()
    line = f"{_name(options)} {key.export_public_key('openssh').decode().strip()}\n"
    with describing_disk_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = path.read_bytes() if path.is_file() else b""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, (b"\n" if before and not before.endswith(b"\n") else b"") + line.encode())
        finally:
            os.close(descriptor)
    return path


def _name(options: asyncssh.SSHClientConnectionOptions) -> str:
    """The host as known_hosts writes it."""
    if options.host_key_alias:
        return str(options.host_key_alias)
    return str(options.host) if options.port == _DEFAULT_PORT else f"[{options.host}]:{options.port}"


def _known_hosts_files(options: asyncssh.SSHClientConnectionOptions, pinned: Path | None) -> list[str]:
    if pinned:
        return [str(pinned)]
    named = options.known_hosts
    files = [str(file) for file in named] if isinstance(named, list) else []
    return files or ["~/.ssh/known_hosts", "~/.ssh/known_hosts2", "/etc/ssh/ssh_known_hosts"]
