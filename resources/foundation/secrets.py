"""Secrets: entered once by the person, referenced as `${NAME}`, resolved when used, never written where work is kept.

A value is looked for in the environment, then in the operating system's keychain (through `keyring`), then in a
file only its owner may read, in the person's configuration folder. `NLP_SKILLS_SECRETS_DIR` names another folder and
leaves the keychain out.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypedDict
from urllib.parse import quote, urlsplit

from .access import AccessError, Need, plain_host, read_grants, refusal
from .account import configuration_folder
from .errors import SecretError
from .files import describing_disk_errors, lock
from .language import Text
from .masking import redact, remember
from .secret_forms import REFERENCE

__all__ = [
    "forget",
    "host_of",
    "known_names",
    "lookup",
    "place",
    "redact",
    "references",
    "resolve",
    "resolve_address",
    "store",
    "unbound",
]

FOLDER_VARIABLE = "NLP_SKILLS_SECRETS_DIR"
OWN_PREFIX = "NLP_SKILLS_"  # of the keys this program makes for servers it starts itself
_SERVICE = "nlp-skills"
_STAND_IN = "secret-reference-here"
_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,99}"


def resolve(text: str, encode: Callable[[str], str] = str, *, host: str | None) -> str:
    """`text` with every `${NAME}` replaced by its secret.

    Arguments:
        encode: applied to each value before it is put in, such as `urllib.parse.quote` inside a URL.
        host: where it will be sent; None only for what this program made for itself and sends to itself.

    Raises:
        SecretError: a secret is not known; names it, and the command that stores it.
        AccessError: the person has not allowed sending it to that host.
    """
    if host is not None and (needs := unbound(references(text), host)):
        raise refusal(needs, needs[0].subject)

    def value_of(reference: re.Match[str]) -> str:
        value = lookup(reference[1])
        if value is None:
            raise unknown_secret(reference[1], host)
        remember(value, encode(value))
        return encode(value)

    return re.sub(REFERENCE, value_of, text)


def resolve_address(text: str, default_host: str = "") -> str:
    """An address with its secrets in place; a name that stands for the whole address says itself where it leads.

    Arguments:
        default_host: where an address leads that names no host.

    Raises:
        SecretError: a secret is not known.
        AccessError: the person has not allowed sending it to the address's host, or it would become part of its name.
    """
    address = text.strip()
    return resolve(
        address,
        str if re.fullmatch(REFERENCE, address) else lambda value: quote(value, safe=""),
        host=host_of(address) or default_host,
    )


def host_of(address: str) -> str:
    """The host an address leads to, whatever references stand in it; empty where it names none.

    Raises:
        SecretError: a secret stands for the whole address, and is not known.
        AccessError: a secret would become part of the host's name, which is looked up in public; or libraries read the
            address in more than one way.
    """
    if whole := re.fullmatch(REFERENCE, address.strip()):
        value = _value(whole[1])
        if value is None:
            raise unknown_secret(whole[1], None)
        address = value
    stood = re.sub(REFERENCE, _STAND_IN, address.strip())
    if _is_ambiguous(stood):
        raise AccessError(
            Text(
                "The address is ambiguous: it may lead to a different host than it seems to.",
                "這個網址有兩種讀法，實際連到的主機可能和看起來的不同。",
            ),
            Text(
                "Write one plain host, without backslashes, control characters or percent signs in it; an @ in a user or "
                "password is written %40, and a host's name that is not ASCII as xn--….",
                "請只寫一個單純的主機名稱，不要有反斜線、控制字元或百分號；帳號或密碼裡的 @ 請寫成 %40，"
                "非英文的主機名稱請寫成 xn--…。",
            ),
            field="host",
        )
    try:
        host = urlsplit(stood).hostname or ""
    except ValueError:
        return ""
    if _STAND_IN in host:
        raise AccessError(
            Text(
                "The host name contains a secret, and host names are looked up in public.",
                "主機名稱裡有密鑰，查詢時會公開出去。",
            ),
            Text(
                "Write the host itself; secrets belong in user, password, path, headers or parameters.",
                "請直接寫主機名稱；密鑰只能放在帳號、密碼、路徑、標頭或參數。",
            ),
            field="host",
        )
    return plain_host(host)


def _is_ambiguous(address: str) -> bool:
    """Whether libraries differ in what they take for its host."""
    if re.search(r"[\x00-\x1f\x7f]", address):  # some leave them out, some do not
        return True
    authority = (re.match(r"[^/?#]*//([^/?#]*)", address) or ("", ""))[1]
    login, _, place = authority.rpartition("@")
    return bool("@" in login or re.search(r"[\\\s]", authority) or re.search(r"[%,]", place) or not _is_one_name(place))


def _is_one_name(host: str) -> bool:
    """Whether both standards for names that are not ASCII (IDNA 2003 and 2008) make the same of it."""
    if host.isascii():
        return True
    import idna  # few addresses need it

    bare = host.partition(":")[0].lower()
    try:
        return bare.encode("idna") == idna.encode(bare)
    except (UnicodeError, idna.IDNAError):
        return False


def unbound(names: Iterable[str], host: str) -> list[Need]:
    """The permissions that are missing before these secrets go to that host; a name that nobody knows needs none."""
    needs = [
        Need(kind="secret", subject=name, host=plain_host(host))
        for name in dict.fromkeys(names)
        if plain_host(host) not in _maker_of(name)
    ]
    grants = read_grants() if needs else None
    return [need for need in needs if grants and not grants.covers(need) and _value(need.subject) is not None]


def unknown_secret(name: str, host: str | None) -> SecretError:
    """The error for a secret that is neither stored nor an environment variable."""
    command = f"nlp-skills secret set {name}" + (f" --host {host}" if host else "")
    return SecretError(
        Text(f"The secret {name} is not known on this machine.", f"這台機器上沒有名為 {name} 的密鑰。"),
        Text(
            f"Type it in a terminal: {command} (or set the environment variable of that name). Do not paste it into the "
            "chat.",
            f"請在終端機輸入：{command}（或設定同名的環境變數）。不要貼在對話裡。",
        ),
        field=name,
    )


def _maker_of(name: str) -> tuple[str, ...]:
    """The hosts that a secret of a well-known name is made for, about which nobody has to be asked."""
    if name == "HF_TOKEN":
        return (plain_host(urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co").hostname or ""),)
    return ("api.openai.com",) if name == "OPENAI_API_KEY" else ()


def references(text: str) -> list[str]:
    """The names that `text` refers to."""
    return re.findall(REFERENCE, text)


def lookup(name: str) -> str | None:
    """The value of secret `name`, or None where nobody knows it."""
    value = _value(name)
    if value is not None:
        remember(value)
    return value


def _value(name: str) -> str | None:
    if value := os.environ.get(name):
        return value
    contents = _read()
    stored = _keychain_get(name) if name in contents["keychain"] else None
    if stored is None:
        stored = contents["values"].get(name)
    return None if stored is None else str(stored)


def store(name: str, value: str) -> str:
    """Keep `value` under `name` and return where it went: `keychain` or the file's path.

    Raises:
        SecretError: the name cannot be a reference, or the value is empty.
    """
    if not re.fullmatch(_NAME, name):
        raise SecretError(
            Text(f"{name[:60]!r} cannot name a secret.", f"「{name[:60]}」不能當密鑰名稱。"),
            Text(
                "Use letters, digits and underscores, such as DB_PASSWORD.",
                "請用英文字母、數字與底線，例如 DB_PASSWORD。",
            ),
            field="name",
        )
    if not value:
        raise SecretError(
            Text(f"The value of {name} is empty.", f"{name} 的內容是空的。"),
            Text("Run the command again and type it.", "請再執行一次並輸入內容。"),
            field="value",
        )
    remember(value)
    path = _file()
    with _changing() as contents:
        if _keychain_set(name, value):
            contents["values"].pop(name, None)
            contents["keychain"] = sorted({*contents["keychain"], name})
            return "keychain"
        contents["values"][name] = value
        contents["keychain"] = [other for other in contents["keychain"] if other != name]
        return str(path)


def forget(name: str) -> bool:
    """Remove the stored secret `name`; whether there was one. The environment is not touched."""
    with _changing() as contents:
        in_keychain, value = name in contents["keychain"], contents["values"].pop(name, None)
        if in_keychain:
            contents["keychain"].remove(name)
            _keychain_delete(name)
        return in_keychain or value is not None


def known_names() -> list[str]:
    """The names stored on this machine, sorted; never a value."""
    contents = _read()
    return sorted({*contents["keychain"], *contents["values"]})


def place() -> Text:
    """Where a secret stored now would go."""
    if _keychain() is not None:
        return Text("the system's keychain", "系統鑰匙圈")
    return Text(str(_file()), f" {_file()}")


def _folder() -> Path:
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named).expanduser()
    return configuration_folder()


def _file() -> Path:
    return _folder() / "secrets.json"


class _Store(TypedDict):
    """What is kept: names whose values the keychain holds, and values where there is none."""

    format: int
    keychain: list[str]
    values: dict[str, str]


def _read() -> _Store:
    try:
        contents = json.loads(_file().read_text(encoding="utf-8"))
        return {"format": 1, "keychain": list(contents["keychain"]), "values": dict(contents["values"])}
    except FileNotFoundError:
        return {"format": 1, "keychain": [], "values": {}}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SecretError(
            Text(f"The secret store {_file()} cannot be read.", f"無法讀取密鑰檔 {_file()}。"),
            Text(
                "Check who owns it, or delete it and enter the secrets again.", "請檢查檔案權限，或刪除後重新輸入密鑰。"
            ),
            field="secrets.json",
        ) from error


@contextlib.contextmanager
def _changing() -> Iterator[_Store]:
    """The store's contents under its lock, written back when the block ends well."""
    with describing_disk_errors(_folder()):
        _folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    with lock(_file()):
        contents = _read()
        yield contents
        _write_private(_file(), json.dumps(contents, ensure_ascii=False, indent=2).encode("utf-8"))


def _write_private(path: Path, content: bytes) -> None:
    """As `write_atomic`, but nobody else may read the file at any moment."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    with describing_disk_errors(path):
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def _keychain() -> Any | None:
    """The working keychain, or None: no desktop session, no backend, or another folder is named."""
    if os.environ.get(FOLDER_VARIABLE):
        return None
    import keyring  # looks through its backends on import: only where a secret is really needed
    from keyring.backends import fail, null

    backend = keyring.get_keyring()
    return None if isinstance(backend, (fail.Keyring, null.Keyring)) else backend


def _keychain_get(name: str) -> str | None:
    from keyring.errors import KeyringError

    keychain = _keychain()
    try:
        value = keychain.get_password(_SERVICE, name) if keychain else None
    except KeyringError:  # locked or gone: the caller says that the secret is not known
        return None
    return None if value is None else str(value)


def _keychain_set(name: str, value: str) -> bool:
    from keyring.errors import KeyringError

    keychain = _keychain()
    if keychain is None:
        return False
    try:
        keychain.set_password(_SERVICE, name, value)
        return bool(keychain.get_password(_SERVICE, name) == value)
    except (KeyringError, RuntimeError):  # locked, or a chain of backends that all decline: the file takes it
        return False


def _keychain_delete(name: str) -> None:
    from keyring.errors import KeyringError

    keychain = _keychain()
    if keychain is not None:
        try:
            keychain.delete_password(_SERVICE, name)
        except KeyringError as error:
            raise SecretError(
                Text(f"The keychain did not delete {name}.", f"系統鑰匙圈無法刪除 {name}。"),
                Text("Unlock it and try again.", "請先解鎖鑰匙圈再試一次。"),
                field=name,
            ) from error
