"""Which files and folders a call may name: those of the workspace, and what the person allowed; keys and system files never.

Every path that reaches a tool from outside goes through `readable` or `writable`, symbolic links resolved. What is refused
is told alike whether it exists or not.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from .foundation.access import AccessError, Need, grants_file, read_grants, refusal
from .foundation.account import configuration_folder, default_workspace
from .foundation.errors import NlpSkillsError
from .foundation.language import Text
from .task import TaskFolder
from .workspace import cache_folder

DATA_SUFFIXES = (
    ".csv",
    ".txt",
    ".tsv",
    ".tab",
    ".json",
    ".jsonl",
    ".ndjson",
    ".parquet",
    ".pq",
    ".xlsx",
    ".xlsm",
    ".gz",
    ".zst",
    ".db",
    ".sqlite",
    ".sqlite3",
    ".gguf",
    ".zip",
)

_SYSTEM = (
    "/etc",
    "/proc",
    "/sys",
    "/dev",
    "/boot",
    "/run",
    "/var/run",
    "/private/etc",
    "/System",
    "/Library/Keychains",
)
# Names under which keys, tokens and passwords are kept, wherever they lie.
_CREDENTIALS = re.compile(
    r"(?i)(id_(rsa|dsa|ecdsa|ed25519)(_sk)?(\..*)?|.*\.(pem|key|ppk|p12|pfx|jks|keystore|kdbx?|ovpn|asc|gpg|keychain(-db)?|rdp)"
    r"|\.?netrc|_netrc|\.?env(\..*)?|.*\.env|\.git-credentials|\.?pgpass(\.conf)?|\.?npmrc|\.?pypirc|\.?my\.cnf|htpasswd|\.htpasswd"
    r"|credentials(\.(json|db|csv|ya?ml|toml|ini|txt))?|accesskeys\.csv|.*_accesskeys\.csv|new_user_credentials\.csv"
    r"|application_default_credentials\.json|service[-_]?account.*\.json|client_secrets?.*\.json|secrets?\.(json|ya?ml|toml|txt|env)"
    r"|known_hosts|authorized_keys|g?shadow-?|passwd-?|sudoers|master\.passwd|kubeconfig|wallet\.dat|logins\.json|key[34]\.db"
    r"|cert9\.db|cookies(\.sqlite|\.txt)?|login data.*|web data|grants\.json|.*_history|tokens?(\.(json|txt|ya?ml))?)"
)
_KEPT_IN = (
    ".ssh",
    ".aws",
    ".gnupg",
    ".kube",
    ".docker",
    ".azure",
    ".config/gcloud",
    ".netrc",
    ".git-credentials",
    ".pgpass",
    ".pypirc",
    ".npmrc",
    ".env",
)
_LONGEST_PATH, _LONGEST_PART = 4000, 255  # bytes, as Linux and Windows have them
_WILD = re.compile(r"[*?\[]")


def inbox(workspace: Path | None = None) -> Path:
    """The folder of the workspace into which a person puts files for the server to read."""
    return (workspace or default_workspace()) / "inbox"


def files_in_inbox(workspace: Path) -> list[Path]:
    """The data files a person has put there, the newest first."""
    with contextlib.suppress(OSError):
        found = [
            (entry.stat().st_mtime, Path(entry.path))
            for entry in os.scandir(inbox(workspace))
            if entry.is_file() and not entry.name.startswith(".") and Path(entry.name).suffix.lower() in DATA_SUFFIXES
        ]
        return [path for _, path in sorted(found, reverse=True)]
    return []


def readable(
    path: Path,
    field: str,
    *,
    workspace: Path | None = None,
    task: Path | None = None,
    suffixes: Iterable[str] = DATA_SUFFIXES,
) -> Path:
    """`path` with its links resolved, if it may be read.

    Arguments:
        path: absolute, or below `~`; a folder stands for what is in it, a pattern for the folder it starts in.
        field: how the error names it.
        task: the folder of the task that names it, which may read what is its own.
        suffixes: endings that an allowed folder gives away; other files are asked for one by one.

    Raises:
        AccessError: nobody has allowed it, and what would; or it is one that is never read.
    """
    need = unmet_need(path, field, workspace=workspace, task=task, suffixes=suffixes)
    if need is not None:
        raise refusal([need], field, inbox(workspace or workspace_of(task)))
    return resolved_path(path)


def unmet_need(
    path: Path,
    field: str,
    *,
    workspace: Path | None = None,
    task: Path | None = None,
    suffixes: Iterable[str] = DATA_SUFFIXES,
) -> Need | None:
    """What the person would have to allow before `path` is read; None where nothing is missing.

    Raises:
        AccessError: it is never read, whoever allows it.
    """
    _check_length(path, field)
    start = _fixed_part(path)
    target, place = resolved_path(start), workspace or workspace_of(task)
    whole = start != path or target.is_dir()
    fits = whole or target.suffix.lower() in tuple(suffixes)
    if need := _private_rows(target, task):
        return need
    if _is_below(target, [task, place, cache_folder(), hub_cache()]) and not (
        _is_credential(target) or _is_second_name(target)
    ):
        return None
    if is_protected(target) or _is_second_name(target):
        raise _never(target, field)
    grants = read_grants()
    if str(target) in grants.files or (fits and _is_below(target, map(Path, grants.folders))):
        return None
    if any(part.startswith(".") for part in target.parts):
        raise _hidden_path_error(target, target if whole else target.parent, field)
    return Need(kind="folder" if whole else "file", subject=str(target))


def writable(path: Path, field: str, *, workspace: Path) -> Path:
    """`path` resolved, if a file may be written there: below the workspace, an allowed folder or a client's root.

    Raises:
        AccessError: it lies outside of them, is hidden, or names a file of keys.
    """
    _check_length(path, field)
    target = resolved_path(path)
    roots = [workspace, *map(Path, read_grants().folders)]
    if _is_below(target, roots) and not _is_credential(target):
        return target
    raise AccessError(
        Text(f"{target} is outside the folders that may be written to.", f"{target} 不在可以寫入的資料夾裡。"),
        Text(
            f"Name a path below {workspace}; or the person allows another folder in a terminal: nlp-skills allow DIR.",
            f"請改用 {workspace} 底下的路徑；或請使用者在終端機執行：nlp-skills allow 資料夾。",
        ),
        field=field,
    )


def workspace_of(task: Path | None) -> Path:
    """The workspace that a task's folder stands in, by what jobs leave there; a folder copied elsewhere has none of its own."""
    if task is not None and (task.parent / ".nlp-skills").is_dir():
        return task.parent
    return default_workspace()


def covered_by(needs: Iterable[Need], roots: Iterable[Path]) -> bool:
    """Whether all that is needed are files and folders, and a client offers folders that hold them."""
    kept, offered = list(needs), list(roots)
    return bool(kept) and all(
        need.kind in ("file", "folder") and _is_below(Path(need.subject), offered) for need in kept
    )


def is_protected(path: Path) -> bool:
    """Whether it belongs to the system, to this program's own settings, or holds keys by its name."""
    systems = _SYSTEM if sys.platform != "win32" else (os.environ.get("SYSTEMROOT", r"C:\Windows"),)
    kept = [*map(Path, systems), configuration_folder().resolve(), grants_file().parent.resolve()]
    return _is_credential(path) or any(path.is_relative_to(one) for one in kept)


def hub_cache() -> Path:
    """Where the Hugging Face libraries keep downloaded models."""
    if named := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(named).expanduser()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return Path(os.environ.get("HF_HOME") or cache / "huggingface").expanduser() / "hub"


def _private_rows(target: Path, task: Path | None) -> Need | None:
    """The permission that is missing where `target` stands in the folder of an on-premise task and another task names it,
    which would show what is in it."""
    owner = next((folder for folder in (target, *target.parents) if (folder / "task.yaml").is_file()), None)
    if owner is None or (task is not None and owner == task.resolve()) or not is_on_premise(owner):
        return None
    need = Need(kind="rows", subject=TaskFolder(owner).name)
    return None if (task is not None and is_on_premise(task)) or read_grants().covers(need) else need


def is_on_premise(task: Path) -> bool:
    """Whether the rows of the task in that folder stay on-premise; so they do where its file cannot be read."""
    try:
        return TaskFolder(task).load().constraints.privacy == "on-premise"
    except NlpSkillsError:
        return (task / "task.yaml").is_file()


def _is_second_name(path: Path) -> bool:
    """Whether the file is one of those where keys are kept, under another name (a hard link)."""
    try:
        found = path.stat()
        if found.st_nlink < 2 or not path.is_file():
            return False
        kept = [Path.home() / name for name in _KEPT_IN] + [configuration_folder(), grants_file().parent]
        known = {
            (one.stat().st_dev, one.stat().st_ino)
            for place in kept
            for one in ([place] if place.is_file() else place.rglob("*") if place.is_dir() else [])
            if one.is_file()
        }
    except OSError:
        return False
    return (found.st_dev, found.st_ino) in known


def expand_home(path: str | Path) -> Path:
    """The path with `~` in the place of the home it stands for; as it is written where nobody has that home."""
    with contextlib.suppress(RuntimeError):
        return Path(path).expanduser()
    return Path(path)


def _check_length(path: Path, field: str) -> None:
    if (
        "\0" in str(path)
        or len(os.fsencode(str(path))) > _LONGEST_PATH
        or any(len(os.fsencode(part)) > _LONGEST_PART for part in path.parts)
    ):
        raise AccessError(
            Text(
                "The path is too long or contains a NUL, so no disk can store it.",
                "路徑太長或含有 NUL 字元，磁碟無法使用。",
            ),
            Text("Give the path of the file itself.", "請提供檔案本身的路徑。"),
            field=field,
        )


def resolved_path(path: Path) -> Path:
    """The path with its links resolved, as far as there is one; whatever is written in it."""
    try:
        return path.expanduser().resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, a home that nobody has, a NUL
        return Path(str(path).replace("\0", "")).absolute()


def _fixed_part(path: Path) -> Path:
    """The folders of a pattern before its first wild part; a path without one as it is."""
    for number, part in enumerate(path.parts):
        if _WILD.search(part) and not path.exists():
            return Path(*path.parts[:number]) if number else Path()
    return path


def _is_below(path: Path, roots: Iterable[Path | None]) -> bool:
    """Whether `path` stands in one of the folders, and in no hidden folder of it."""
    return any(
        path.is_relative_to(root) and not any(part.startswith(".") for part in path.relative_to(root).parts)
        for root in (one.resolve() for one in roots if one is not None)
    )


def _is_credential(path: Path) -> bool:
    return _CREDENTIALS.fullmatch(path.name) is not None


def _hidden_path_error(path: Path, folder: Path, field: str) -> AccessError:
    return AccessError(
        Text(
            f"{path} lies in a hidden folder, where programs keep their own files; it cannot be opened from the chat.",
            f"{path} 在隱藏資料夾裡，那是程式存放自己東西的地方，對話裡的詢問不會開放。",
        ),
        Text(
            f"Copy it to a visible folder, or the person types in a terminal: nlp-skills allow {folder}",
            f"請複製到一般的資料夾；或請使用者在終端機輸入：nlp-skills allow {folder}",
        ),
        field=field,
    )


def _never(path: Path, field: str) -> AccessError:
    return AccessError(
        Text(
            f"{path} is a place where keys, passwords or the system's own files are kept; it is never read.",
            f"{path} 是存放金鑰、密碼或系統檔案的位置，任何情況都不會讀取。",
        ),
        Text(
            "Name a data file instead. If it really is data, copy it into the inbox under another name.",
            "請改指定資料檔；如果確實是資料，請換個檔名放進 inbox。",
        ),
        field=field,
    )
