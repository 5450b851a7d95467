"""One SSH connection to a machine, used from ordinary code: asyncssh runs on a thread of its own.

The person's SSH config is honoured (aliases, users, keys, agent, jump hosts); each host on the way is checked against
their known hosts. Every operation here may be repeated after the link was cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
import threading
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ....resources.foundation.errors import MachineError, MachineUnreachable, MissingRequirement, WorkspaceError
from ....resources.foundation.files import describing_disk_errors
from ....resources.foundation.language import Text
from ....resources.foundation.reasons import reason_of
from ..jobs.redaction import without_secrets
from .agent.program import MARK
from .host_keys import (
    UnknownHostKey,
    address,
    check_reach,
    config_files,
    jump_hosts,
    key_problem,
    known_keys,
    require_asyncssh,
    ssh_options,
    trust,
)

if TYPE_CHECKING:
    import asyncssh

T = TypeVar("T")
Tell = Callable[[int], None]

_CONNECT_SECONDS, _VERB_SECONDS, _CHUNK_SECONDS = 20.0, 120.0, 120.0
_KEEPALIVE_SECONDS, _KEEPALIVES = 10, 3
_CHUNK = 1 << 20
_OLDEST_PYTHON = "3.11"
_CUT = Text("the connection was cut", "連線中斷")
_NO_ANSWER = Text("there was no answer in time", "沒有在時限內回應")
# Any login shell passes it on to sh; asks each candidate for its version and says where home is.
_FIND_PYTHON = r"""
PATH="$PATH:$HOME/.local/bin:$HOME/.cargo/bin:/usr/local/bin:/opt/conda/bin:$HOME/miniconda3/bin"
echo "NLP-SKILLS-HOME $HOME"
uv_python=$(uv python find '>=3.11' 2>/dev/null)
for candidate in %s python3 python3.13 python3.12 python3.11 "$uv_python" python; do
  found=$(command -v "$candidate" 2>/dev/null) || continue
  version=$("$found" -c 'import sys; print("%%d.%%d" %% sys.version_info[:2])' 2>/dev/null) || continue
  echo "NLP-SKILLS-PYTHON $version $found"
done
"""
# Where systems keep it.
_SFTP_SERVER = (
    "for one in /usr/lib/openssh /usr/libexec/openssh /usr/lib/ssh /usr/libexec; do "
    "[ -x $one/sftp-server ] && exec $one/sftp-server; done; exit 127"
)


class Link:
    """A connection that is made when it is first needed, and again after it was cut.

    Arguments:
        name: the machine's name, for errors.
        host: an alias of the person's SSH config, or `user@host:port`.
        pinned: a file of host keys that stands instead of the person's known hosts, for a machine that did not exist
            before: its first key is trusted, another one is not.
    """

    def __init__(self, name: str, host: str, pinned: Path | None = None) -> None:
        require_asyncssh()
        self.name, self.host, self._pinned = name, host, pinned
        self._open: list[asyncssh.SSHClientConnection] = []  # the last one is the machine's, those before are jumps
        self._sftp: asyncssh.SFTPClient | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"ssh {name}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        if not self._thread.is_alive():
            self._loop.close()

    def drop(self) -> None:
        """Forget the connection; the next operation makes a new one."""
        opened, self._open, self._sftp = self._open, [], None

        async def end() -> None:
            for connection in reversed(opened):
                connection.abort()
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(connection.wait_closed(), 2)

        with contextlib.suppress(MachineUnreachable):
            self._do(end(), 10)

    def connect(self, fingerprint: str | None = None) -> None:
        """Connect if there is no connection.

        Arguments:
            fingerprint: of a host key that the person said yes to; added to their known hosts if it is the one shown.

        Raises:
            UnknownHostKey, ChangedHostKey: the server is not known, or not the one it was.
            MachineUnreachable: no answer.
            MachineError: the server refuses the person's keys.
        """
        if not self._open:
            self._do(self._connect(fingerprint), _CONNECT_SECONDS * 3)

    def shell(self, script: str) -> str:
        """What a `sh` script prints there."""
        self.connect()
        done = self._do(self._last().run("sh -s", input=script, check=False, errors="replace"), _VERB_SECONDS)
        if done.exit_status is None:  # so asyncssh tells that the link was cut
            raise self._unreachable_error(_CUT)
        return str(done.stdout)

    def find_python(self, preferred: str | None) -> tuple[str, str]:
        """The home folder there, and an interpreter that can run our part (not the worker's, unless `preferred`).

        Raises:
            MachineError: there is no Python new enough.
        """
        told = self.shell(_FIND_PYTHON % (shlex.quote(preferred) if preferred else ""))
        lines = [line.split(" ", 2) for line in told.splitlines() if line.startswith("NLP-SKILLS-")]
        home = next((line[1] for line in lines if line[0] == "NLP-SKILLS-HOME"), "")
        found = [(tuple(map(int, line[1].split("."))), line[2]) for line in lines if line[0] == "NLP-SKILLS-PYTHON"]
        if preferred and not any(path == preferred for _, path in found):
            raise MachineError(
                Text(f"{self.name} has no Python at {preferred}.", f"{self.name} 上沒有 {preferred} 這個 Python。"),
                Text(
                    "Correct the machine's python setting, or leave it out.",
                    "請更正這台機器的 python 設定，或不要設定。",
                ),
                field="settings.python",
            )
        if preferred:
            found = [one for one in found if one[1] == preferred]
        fit = [path for version, path in found if version >= (3, 11)]
        if not fit or not home:
            seen = ", ".join(f"{'.'.join(map(str, version))} ({path})" for version, path in found) or "–"
            raise MachineError(
                Text(
                    f"{self.name} has no Python {_OLDEST_PYTHON} or newer (found: {seen}).",
                    f"{self.name} 沒有 Python {_OLDEST_PYTHON} 以上版本（找到：{seen}）。",
                ),
                Text(
                    "Install one there: uv python install 3.12 (https://docs.astral.sh/uv), or the system's package.",
                    "請在該機器安裝，例如 uv python install 3.12（https://docs.astral.sh/uv），或系統套件。",
                ),
                field="settings.python" if preferred else None,
            )
        return home, fit[0]

    def verb(self, python: str, script: str, verb: str, folder: str, given: Mapping[str, object]) -> Any:
        """Do a verb of `agent/` there; its answer as `agent/messages.py` has it.

        Raises:
            MachineUnreachable: the link was cut; it may or may not have been done.
            WorkspaceError: the disk there is full.
            MachineError: it failed.
        """
        self.connect()
        command = " ".join(map(shlex.quote, [python, "-I", script, verb, folder]))
        done = self._do(
            self._last().run(command, input=json.dumps(given), check=False, errors="replace"), _VERB_SECONDS
        )
        if done.exit_status is None:
            raise self._unreachable_error(_CUT)
        marked = [line for line in str(done.stdout).splitlines() if line.startswith(MARK)]
        if not marked:
            said = without_secrets((str(done.stderr).strip().splitlines() or ["?"])[-1])[:300]
            raise MachineError(
                Text(f"{self.name} could not do {verb!r}: {said}", f"{self.name} 無法執行「{verb}」：{said}"),
                Text("Check the machine; then call the same tool again.", "請檢查該機器後再呼叫一次。"),
                field="machine",
            )
        answer = json.loads(marked[-1].removeprefix(MARK))
        if answer.get("error") == "full":
            raise self.full(folder)
        if "error" in answer:
            said = without_secrets(str(answer["said"]))[:300]
            raise MachineError(
                Text(f"{self.name}: {said}", f"{self.name}：{said}"),
                Text(
                    f"Give the machine a folder you own (settings.folder; now {folder}).",
                    f"請把這台機器的 folder 設成你有權限的資料夾（目前是 {folder}）。",
                ),
                field="settings.folder",
            )
        return answer

    def put(self, source: Path, target: str, offset: int, tell: Tell) -> None:
        """Append to `target` there what `source` holds from `offset` on; `tell` hears how many bytes stand there.

        Raises:
            MachineUnreachable: the link was cut; what arrived is kept.
            WorkspaceError: the disk there is full.
        """
        remote = self._do(self._sftp_open(target, "ab" if offset else "wb"), _CHUNK_SECONDS)
        with source.open("rb") as file:
            file.seek(offset)
            try:
                while chunk := file.read(_CHUNK):
                    self._do(remote.write(chunk), _CHUNK_SECONDS)
                    tell(file.tell())
            finally:
                self._close(remote)

    def get(self, source: str, target: Path, size: int, tell: Tell) -> None:
        """Append to `target` what it lacks of the `size` bytes of `source` there."""
        remote = self._do(self._sftp_open(source, "rb"), _CHUNK_SECONDS)
        try:
            with describing_disk_errors(target), target.open("ab") as file:
                while (have := file.tell()) < size:
                    chunk = self._do(remote.read(min(_CHUNK, size - have), have), _CHUNK_SECONDS)
                    if not chunk:
                        break
                    file.write(chunk)
                    tell(file.tell())
        finally:
            self._close(remote)

    def write(self, target: str, content: bytes) -> None:
        """A small file there, by rename."""

        async def place() -> None:
            sftp = await self._files()
            await sftp.makedirs(str(Path(target).parent), exist_ok=True)
            draft = f"{target}.{threading.get_ident()}.draft"
            async with sftp.open(draft, "wb") as file:
                await file.write(content)
            await sftp.posix_rename(draft, target)

        self.connect()
        self._do(place(), _CHUNK_SECONDS)

    def exists(self, target: str) -> bool:
        async def look() -> bool:
            return bool(await (await self._files()).exists(target))

        self.connect()
        return self._do(look(), _CHUNK_SECONDS)

    def full(self, folder: str) -> WorkspaceError:
        return WorkspaceError(
            Text(
                f"The disk of {self.name} is full: nothing more fits into {folder}.",
                f"{self.name} 的磁碟已滿，{folder} 寫不下了。",
            ),
            Text(
                "Free some space there, or set the machine's folder to a larger disk; then call "
                "manage_job(action='resume'): what has arrived is kept.",
                "請清出空間，或把這台機器的 folder 設到較大的磁碟，再呼叫 manage_job(action='resume')；已送達的部分都還在。",
            ),
            field="settings.folder",
        )

    # Below: asyncssh, on its own thread.

    def _do(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """The result of a coroutine, its errors in our words."""
        import asyncssh

        running = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return running.result(seconds)
        except TimeoutError as error:
            raise self._unreachable_error(_NO_ANSWER) from error
        except asyncssh.PermissionDenied as error:
            raise self._refusal_error(error) from error
        except (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded) as error:
            raise self.full(self.name) from error
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection) as error:
            raise self._unreachable_error(reason_of(error)) from error
        except asyncssh.SFTPFailure as error:  # the word of sftp version 3 for a full disk, and for the rest
            raise _Failed(error) from error
        except asyncssh.SFTPError as error:
            said = without_secrets(f"{error.reason}")[:300]
            raise MachineError(
                Text(f"{self.name}: {said}", f"{self.name}：{said}"),
                Text("Check the machine's folder and its permissions.", "請檢查這台機器的資料夾與權限。"),
                field="settings.folder",
            ) from error
        except asyncssh.ChannelOpenError as error:
            raise self._unreachable_error(reason_of(error)) from error
        except (asyncssh.Error, OSError) as error:
            raise self._unreachable_error(reason_of(error)) from error
        finally:
            running.cancel()

    async def _connect(self, fingerprint: str | None) -> None:
        opened: list[asyncssh.SSHClientConnection] = []
        try:
            for alias in [*jump_hosts(ssh_options(self.host)), self.host]:
                opened.append(await self._open_connection(alias, opened[-1] if opened else None, fingerprint))
        except BaseException:
            for connection in opened:
                connection.abort()
            raise
        self._open = opened

    async def _open_connection(
        self, alias: str, through: asyncssh.SSHClientConnection | None, fingerprint: str | None
    ) -> asyncssh.SSHClientConnection:
        import asyncssh

        options, files = ssh_options(alias), config_files()
        check_reach(alias, options, self._pinned, direct=through is None)
        way: dict[str, Any] = {**address(alias), "config": files, **({"tunnel": through} if through else {})}
        try:
            return await asyncssh.connect(
                **way,
                known_hosts=known_keys(options, self._pinned),
                connect_timeout=_CONNECT_SECONDS,
                login_timeout=_CONNECT_SECONDS,
                keepalive_interval=_KEEPALIVE_SECONDS,
                keepalive_count_max=_KEEPALIVES,
            )
        except (asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed):
            way.pop("username", None)
            key = await asyncssh.get_server_host_key(**way)
            problem = key_problem(alias, options, key, self._pinned)
            if (
                isinstance(problem, UnknownHostKey)
                and key
                and (self._pinned or fingerprint == problem.details["fingerprint"])
            ):
                trust(options, key, self._pinned)
                return await self._open_connection(alias, through, None)
            raise problem from None

    def _last(self) -> asyncssh.SSHClientConnection:
        return self._open[-1]

    async def _files(self) -> asyncssh.SFTPClient:
        import asyncssh

        if self._sftp is None:
            try:
                self._sftp = await self._last().start_sftp_client()
            except asyncssh.ChannelOpenError:
                if self._last().is_closed():
                    raise
                self._sftp = await self._sftp_program()
            if self._sftp is None:
                raise MissingRequirement(
                    Text(f"The SSH server of {self.name} has no SFTP.", f"{self.name} 的 SSH 伺服器沒有開放 SFTP。"),
                    Text(
                        "Enable it there (Subsystem sftp internal-sftp in sshd_config).",
                        "請在該機器啟用（sshd_config 的 Subsystem sftp internal-sftp）。",
                    ),
                    field="machine",
                )
        return self._sftp

    async def _sftp_program(self) -> asyncssh.SFTPClient | None:
        """SFTP by its program, for servers that do not offer it by name (SkyPilot's on batch systems)."""
        import asyncssh
        from asyncssh.sftp import start_sftp_client

        connection = self._last()
        writer, reader, _ = await connection.open_session(_SFTP_SERVER, encoding=None)
        try:
            return await start_sftp_client(connection, self._loop, "strict", reader, writer, "utf-8", "strict", 3)
        except asyncssh.SFTPError:
            return None

    def _sftp_open(self, path: str, mode: str) -> Coroutine[Any, Any, Any]:
        async def open_file() -> Any:
            return await (await self._files()).open(path, mode)

        self.connect()
        return open_file()

    def _close(self, remote: Any) -> None:
        if self._open and not self._last().is_closed():
            with contextlib.suppress(MachineUnreachable, _Failed):
                self._do(remote.close(), 10)

    def _unreachable_error(self, why: Text) -> MachineUnreachable:
        en, zh = (without_secrets(said)[:200] for said in why)
        return MachineUnreachable(
            Text(f"{self.name} ({self.host}) does not answer: {en}", f"{self.name}（{self.host}）沒有回應：{zh}"),
            Text(
                f"Check that `ssh {self.host}` works in a terminal.", f"請確認在終端機執行 `ssh {self.host}` 可以連上。"
            ),
            field="machine",
        )

    def _refusal_error(self, error: Exception) -> MachineError:
        return MachineError(
            Text(
                f"{self.name} ({self.host}) refuses your SSH keys: {error}",
                f"{self.name}（{self.host}）不接受你的 SSH 金鑰：{error}",
            ),
            Text(
                f"Make `ssh {self.host}` work without a password: ssh-copy-id {self.host}; a key with a passphrase needs "
                "ssh-add.",
                f"請先讓 `ssh {self.host}` 不用密碼就能登入：ssh-copy-id {self.host}；有密碼的金鑰請先 ssh-add。",
            ),
            field="host",
        )


class _Failed(Exception):
    """SFTP said only that it failed."""


def failed_writing(error: Exception) -> bool:
    return isinstance(error, _Failed)
