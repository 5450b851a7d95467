"""What the person has allowed outside their tasks: folders and files to read, hosts to reach, secrets for hosts, scripts;
and where the rows of an on-premise task may go.

Granted by the person alone, in a terminal or in a form that their client shows, never by an argument of a tool. Kept in
one file of the account, beside the secrets, where no task and no tool writes.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .account import configuration_folder
from .errors import NlpSkillsError
from .files import lock, write_atomic
from .json_object import JsonObject
from .language import COMMAS, SENTENCES, Text

FOLDER_VARIABLE = "NLP_SKILLS_SECRETS_DIR"
ANYWHERE = "*"
YES = {"y", "yes", "是", "好", "對"}
SESSION_VARIABLE = "NLP_SKILLS_SESSION_PATHS"
_session: ContextVar[tuple[str, ...]] = ContextVar(
    "session_paths", default=()
)  # what this client offers, for this call
_terminal = False  # whether a person started this process by hand and can answer


class Need(BaseModel):
    """One thing a step needs the person's permission for.

    Arguments:
        subject: the absolute path, the host, the secret's name, the SHA-256 of the script, or the on-premise task's name.
        host: where the secret or the task's rows would be sent, a machine's name included; empty for rows: anywhere.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["file", "folder", "host", "secret", "script", "rows"]
    subject: str
    host: str = ""


class Grants(BaseModel):
    """Everything the person has allowed on this account.

    Arguments:
        folders, files: absolute paths, symbolic links resolved.
        hosts: private hosts that may be reached, as `plain_host` writes them.
        secrets: name → the hosts it may be sent to, which may thereby be reached too.
        typed: name of a secret that was typed into a call → the hosts it was typed for; these stay unreachable if private.
        scripts: SHA-256 of a script → the file it was when the person agreed to run it.
        rows: name of an on-premise task → the hosts and machines its rows may be sent to; `*` stands for all.
        asked_for_personal_folders: whether Desktop, Documents and Downloads were asked for, whatever the answer.
    """

    format: Literal[1] = 1
    folders: list[str] = Field(default_factory=list)
    files: list[str] = Field(default_factory=list)
    hosts: list[str] = Field(default_factory=list)
    secrets: dict[str, list[str]] = Field(default_factory=dict)
    typed: dict[str, list[str]] = Field(default_factory=dict)
    scripts: dict[str, str] = Field(default_factory=dict)
    rows: dict[str, list[str]] = Field(default_factory=dict)
    asked_for_personal_folders: bool = False

    def covers(self, need: Need) -> bool:
        """Whether the person has allowed that."""
        match need.kind:
            case "host":
                return plain_host(need.subject) in self.hosts or self.is_bound_host(need.subject)
            case "secret":
                typed = () if need.subject in os.environ else self.typed.get(need.subject, ())  # a variable goes first
                return plain_host(need.host) in (*self.secrets.get(need.subject, ()), *typed)
            case "script":
                return need.subject in self.scripts
            case "rows":
                allowed = self.rows.get(need.subject, ())
                return ANYWHERE in allowed or plain_host(need.host) in allowed
            case _:
                return need.subject in self.files or self.allows_path(Path(need.subject))

    def is_bound_host(self, host: str) -> bool:
        """Whether a secret is bound to that host, which allows reaching it."""
        return any(plain_host(host) in hosts for hosts in self.secrets.values())

    def allows_path(self, path: Path) -> bool:
        """Whether `path` (resolved) is an allowed file or stands in an allowed folder."""
        return str(path) in self.files or any(path == Path(one) or Path(one) in path.parents for one in self.folders)

    def add(self, need: Need, *, whole_folder: bool = False, file: str = "") -> None:
        """Note one permission; `whole_folder`: a file's folder with it; `file`: what a script was called."""
        match need.kind:
            case "host":
                _note(self.hosts, plain_host(need.subject))
            case "secret":
                _note(self.secrets.setdefault(need.subject, []), plain_host(need.host))
            case "script":
                self.scripts[need.subject] = file
            case "rows":
                _note(self.rows.setdefault(need.subject, []), plain_host(need.host) or ANYWHERE)
            case "folder":
                _note(self.folders, need.subject)
            case "file":
                _note(
                    self.folders if whole_folder else self.files,
                    str(Path(need.subject).parent) if whole_folder else need.subject,
                )


class AccessError(NlpSkillsError):
    """The person has not allowed it; `needs` says what to ask them for, empty where no yes would help."""

    code: ClassVar[str] = "access"

    def __init__(
        self,
        problem: Text,
        fix: Text,
        *,
        field: str | None = None,
        details: JsonObject | None = None,
        needs: Iterable[Need] = (),
    ) -> None:
        given = [need.model_dump() for need in needs]
        super().__init__(problem, fix, field=field, details={**(details or {}), **({"needs": given} if given else {})})

    @property
    def needs(self) -> tuple[Need, ...]:
        return tuple(Need.model_validate(need) for need in self.details.get("needs", ()))


def plain_host(host: str) -> str:
    """A host as it is compared: lower case, in ASCII, without brackets or the final dot."""
    bare = host.strip().strip("[]").rstrip(".").lower()
    try:
        return bare if bare.isascii() else bare.encode("idna").decode("ascii")
    except UnicodeError:
        return bare


def read_grants() -> Grants:
    """What the person has allowed so far, and what the client of this call offers.

    Raises:
        AccessError: the file cannot be read.
    """
    grants = _kept_grants()
    offered = (*_session.get(), *filter(None, os.environ.get(SESSION_VARIABLE, "").split("\n")))
    return (
        grants.model_copy(update={"files": [*grants.files, *offered], "folders": [*grants.folders, *offered]})
        if offered
        else grants
    )


@contextlib.contextmanager
def offering_paths(paths: Iterable[str]) -> Iterator[None]:
    """Within the block, and in jobs that it starts, these files and folders may be read; nothing of it is kept."""
    token = _session.set((*_session.get(), *paths))
    try:
        yield
    finally:
        _session.reset(token)


def session_paths() -> str:
    """What a job started now is to be told in `SESSION_VARIABLE`."""
    return "\n".join(dict.fromkeys((*_session.get(), *filter(None, os.environ.get(SESSION_VARIABLE, "").split("\n")))))


def _kept_grants() -> Grants:
    try:
        return Grants.model_validate_json(grants_file().read_bytes())
    except FileNotFoundError:
        return Grants()
    except (OSError, ValidationError) as error:
        raise AccessError(
            Text(f"The permissions file {grants_file()} cannot be read.", f"無法讀取授權檔 {grants_file()}。"),
            Text(
                "Check who owns it, or delete it and grant the permissions again.", "請檢查檔案權限，或刪除後重新授權。"
            ),
            field="grants.json",
        ) from error


@contextlib.contextmanager
def changing_grants() -> Iterator[Grants]:
    """The permissions under their lock, written back when the block ends well."""
    with lock(grants_file()):
        grants = _kept_grants()
        yield grants
        write_atomic(grants_file(), json.dumps(grants.model_dump(), ensure_ascii=False, indent=2) + "\n", mode=0o600)


def grant(needs: Iterable[Need], *, whole_folder: bool = False, file: str = "") -> None:
    """Keep the person's yes. Only to be called where the person themselves gave it."""
    with changing_grants() as grants:
        for need in needs:
            grants.add(need, whole_folder=whole_folder, file=file)


def note_typed(name: str, host: str) -> None:
    """A secret was typed into a call for that host: sending it there tells nobody anything new."""
    with changing_grants() as grants:
        _note(grants.typed.setdefault(name, []), plain_host(host))


def forget_rows(name: str) -> None:
    """A task of that name begins: what was allowed was meant for an earlier one."""
    if name in _kept_grants().rows:
        with changing_grants() as grants:
            grants.rows.pop(name, None)


def forget_typed(name: str) -> None:
    """The person has set that secret or removed it: what is kept now is no longer what was typed into a call."""
    if name in _kept_grants().typed:
        with changing_grants() as grants:
            grants.typed.pop(name, None)


def require(error: AccessError) -> None:
    """Raise `error` unless the person has allowed all it needs, or does so in a terminal now."""
    needs = error.needs
    if needs:
        grants = read_grants()
        if all(grants.covers(need) for need in needs):
            return
        if _terminal and _agrees(error):
            grant(needs, file=str(error.details.get("file", "")))
            return
    raise error


def refusal(needs: Iterable[Need], field: str, inbox: Path | None = None) -> AccessError:
    """The one question for all that is missing, in words that a client without forms can show.

    Arguments:
        inbox: the folder into which a person may put files instead; made where it is missing.
    """
    needs = list(dict.fromkeys(needs))
    files = [Path(need.subject) for need in needs if need.kind in ("file", "folder")]
    hosts = [need.subject for need in needs if need.kind == "host"]
    sent = [need for need in needs if need.kind == "secret"]
    leaving = [need for need in needs if need.kind == "rows"]
    if inbox is not None:
        with contextlib.suppress(OSError):
            inbox.mkdir(parents=True, exist_ok=True)
    problems, fixes = [], []
    if files:
        names = COMMAS.join(map(str, files))
        short = COMMAS.join(one.name for one in files)
        problems.append(
            Text("I may not read this place yet: {names}.", "我還不能讀這個位置：{names}。").format(names=names)
        )
        fixes.append(
            Text(
                "Drag {short} into {inbox} and say “done”. (Or in a terminal: nlp-skills allow FOLDER.)",
                "請把 {short} 拖進 {inbox}，再跟我說「好了」。（也可以在終端機執行：nlp-skills allow 資料夾）",
            ).format(short=short, inbox=inbox)
        )
    if hosts:
        names = COMMAS.join(hosts)
        commands = "; ".join(f"nlp-skills allow --host {host}" for host in hosts)
        problems.append(
            Text(
                "{names} is inside a private network, and nobody has allowed access to it.",
                "{names} 在內部網路裡，還沒有人允許連線。",
            ).format(names=names)
        )
        fixes.append(
            Text(
                f"If it is your own server, type in a terminal: {commands}",
                f"如果是你自己的伺服器，請在終端機輸入：{commands}",
            )
        )
    if sent:
        shown = COMMAS.join(
            Text(f"{need.subject} to {need.host}", f"把 {need.subject} 送往 {need.host}") for need in sent
        )
        commands = "; ".join(f"nlp-skills secret allow {need.subject} --host {need.host}" for need in sent)
        problems.append(
            Text("Nobody has allowed sending the secret {shown}.", "還沒有人允許{shown}。").format(shown=shown)
        )
        fixes.append(
            Text(
                f"If that is where it belongs, type in a terminal: {commands}",
                f"如果確實要送到那裡，請在終端機輸入：{commands}",
            )
        )
    for need in leaving:
        problems.append(_leaving(need))
        command = f"nlp-skills allow --rows-of {need.subject}" + (f" --host {need.host}" if need.host else "")
        fixes.append(
            Text(
                f"If the rows may leave, type in a terminal: {command}", f"如果資料可以離開，請在終端機輸入：{command}"
            )
        )
    return AccessError(SENTENCES.join(problems), SENTENCES.join(fixes), field=field, needs=needs)


def let_person_answer() -> None:
    """From here on a question may be asked in a terminal: a person started this process there by hand."""
    global _terminal
    _terminal = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def at_terminal() -> bool:
    """Whether a person started this process by hand on a terminal."""
    return _terminal


def grants_file() -> Path:
    """Where the permissions stand, beside the secrets."""
    named = os.environ.get(FOLDER_VARIABLE)
    return (Path(named).expanduser() if named else configuration_folder()) / "grants.json"


def _leaving(need: Need) -> Text:
    if not need.host:
        return Text(
            f"{need.subject} is on-premise. With that change its rows may be shown in this chat and sent anywhere.",
            f"{need.subject} 的資料不得離開內部環境。這樣改之後，資料就可能出現在對話裡，也可能送往任何地方。",
        )
    return Text(
        f"{need.subject} stays on-premise, and {need.host} is outside this machine and its network: nobody has allowed "
        f"sending its rows there.",
        f"{need.subject} 的資料不得離開內部環境，而 {need.host} 不在這台機器或內部網路，還沒有人允許把資料送過去。",
    )


def _agrees(error: AccessError) -> bool:
    print(error.problem, file=sys.stderr)
    print(
        Text("Allow it? The choice is remembered. [y/N] ", "要允許嗎？會記住這個決定。[y/N] "),
        end="",
        file=sys.stderr,
        flush=True,
    )
    return sys.stdin.readline().strip().lower() in YES


def _note(kept: list[str], value: str) -> None:
    if value not in kept:
        kept.append(value)
