"""A real PostgreSQL for the demonstration and the tests: a throw-away server on the loopback, gone afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    import pwd

_PLACES = ("/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt", "/usr/pgsql*")
_START_SECONDS = 60.0
_UNPRIVILEGED = ("postgres", "nobody")  # PostgreSQL refuses to run as root


def find_postgres() -> Path | None:
    """The folder of PostgreSQL's programs, the newest where there are several; None where it is not installed."""
    if sys.platform == "win32":
        return None  # accounts and signals below are POSIX
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    found = [program.parent for place in _PLACES for program in Path("/").glob(f"{place[1:]}/*/bin/initdb")]
    return max(found, key=lambda folder: [int(part) for part in folder.parts if part.isdigit()], default=None)


@dataclass(frozen=True)
class PostgresServer:
    """A running server: where it listens and who may come in."""

    port: int
    user: str
    password: str

    def address(self, database: str = "postgres", password: str | None = None, user: str | None = None) -> str:
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{user or self.user}:{secret}@127.0.0.1:{self.port}/{database}"

    def execute(self, script: str, database: str = "postgres") -> None:
        """Run SQL statements."""
        asyncio.run(self._run(database, lambda connection: connection.execute(script)))

    def insert(self, table: str, columns: list[str], rows: list[tuple[Any, ...]], database: str = "postgres") -> None:
        asyncio.run(
            self._run(
                database, lambda connection: connection.copy_records_to_table(table, records=rows, columns=columns)
            )
        )

    def value(self, query: str, database: str = "postgres") -> Any:
        return asyncio.run(self._run(database, lambda connection: connection.fetchval(query)))

    async def _run(self, database: str, work: Any) -> Any:
        import asyncpg

        connection = await asyncpg.connect(self.address(database), timeout=5)
        try:
            return await work(connection)
        finally:
            await connection.close()


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Start a fresh server and stop it when the block ends.

    Raises:
        FileNotFoundError: PostgreSQL is not installed.
        TimeoutError: it did not start; carries the end of its log.
    """
    programs = find_postgres()
    if programs is None:
        raise FileNotFoundError("PostgreSQL (initdb) is not installed")
    folder = Path(tempfile.mkdtemp(prefix="nlp-skills-postgres-"))
    account = _account()
    try:
        server = PostgresServer(_free_port(), "nlp_test", secrets.token_hex(8) + "@:/ %")
        password_file = folder / "password"
        password_file.write_text(server.password, encoding="utf-8")
        if account:
            for path in (folder, password_file):
                os.chown(path, account.pw_uid, account.pw_gid)
        _initialise(programs, folder, server, account)
        with _start_server(programs, folder, server, account):
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _account() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    import pwd

    for name in _UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise FileNotFoundError(f"PostgreSQL does not run as root, and there is no user {' or '.join(_UNPRIVILEGED)}")


def _as(account: pwd.struct_passwd | None) -> dict[str, Any]:
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}


def _initialise(programs: Path, folder: Path, server: PostgresServer, account: pwd.struct_passwd | None) -> None:
    subprocess.run(
        [
            programs / "initdb",
            "--pgdata",
            folder / "data",
            "--username",
            server.user,
            "--auth",
            "scram-sha-256",
            "--pwfile",
            folder / "password",
            "--encoding",
            "UTF8",
            "--no-locale",
            "--no-sync",
        ],
        check=True,
        cwd=folder,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        **_as(account),
    )


@contextlib.contextmanager
def _start_server(
    programs: Path, folder: Path, server: PostgresServer, account: pwd.struct_passwd | None
) -> Iterator[None]:
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                programs / "postgres",
                "-D",
                folder / "data",
                "-p",
                str(server.port),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                f"unix_socket_directories={folder}",
                "-c",
                "fsync=off",
                "-c",
                "shared_buffers=16MB",
                "-c",
                "max_connections=20",
            ],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **_as(account),
        )
    try:
        _wait_until_ready(server, process, log)
        yield
    finally:
        process.send_signal(signal.SIGINT)  # PostgreSQL's "fast shutdown"
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(server: PostgresServer, process: subprocess.Popen[bytes], log: Path) -> None:
    import asyncpg

    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server.value("SELECT 1")
            return
        except (OSError, asyncpg.CannotConnectNowError):
            time.sleep(0.05)
    raise TimeoutError(f"PostgreSQL did not start: {log.read_text(encoding='utf-8', errors='replace')[-800:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
