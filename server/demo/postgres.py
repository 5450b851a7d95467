"""A PostgreSQL of one's own, on the loopback and in a temporary folder, where its programs are installed."""

from __future__ import annotations

import contextlib
import csv
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_UNPRIVILEGED = ("postgres", "nobody")


class TemporaryPostgres:
    """A running server: its address, and how to fill a table."""

    def __init__(self, port: int, user: str) -> None:
        self.url = f"postgresql://{user}@127.0.0.1:{port}/postgres"

    async def load(self, path: Path, table: str = "annotations") -> None:
        """Create `table` from a CSV file, every column text."""
        import asyncpg

        columns, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
        connection = await asyncpg.connect(self.url)
        try:
            declared = ", ".join(f'"{column}" text' for column in columns)
            await connection.execute(f'CREATE TABLE "{table}" ({declared})')
            await connection.copy_records_to_table(table, records=map(tuple, rows), columns=columns)
        finally:
            await connection.close()


@contextlib.contextmanager
def temporary_postgres() -> Iterator[TemporaryPostgres | None]:
    """Start a server, yield it, stop it and remove it; yields None where PostgreSQL is not installed."""
    programs = find_programs()
    if programs is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="nlp-skills-postgres-"))
    identity = _unprivileged(folder)
    if identity is None:
        shutil.rmtree(folder, ignore_errors=True)
        yield None
        return
    data, port = folder / "data", _free_port()
    quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL,
                             "cwd": folder, **identity}
    user = "demo"
    try:
        subprocess.run([programs / "initdb", "-D", data, "-U", user, "-A", "trust", "-E", "UTF8", "--no-sync",
                        "--locale=C"], check=True, **quiet)
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        subprocess.run([programs / "pg_ctl", "-D", data, "-w", "-o", options, "start"], check=True, **quiet)
        try:
            yield TemporaryPostgres(port, user)
        finally:
            subprocess.run([programs / "pg_ctl", "-D", data, "-m", "immediate", "stop"], check=False, **quiet)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`: on PATH, else where Debian and Homebrew keep them; the newest."""
    places = [Path(found).resolve().parent] if (found := shutil.which("initdb")) else []
    for pattern in ("usr/lib/postgresql/*/bin", "opt/homebrew/opt/postgresql*/bin", "usr/local/opt/postgresql*/bin"):
        places += sorted(Path("/").glob(pattern), reverse=True)
    return next((place for place in places if (place / "initdb").exists() and (place / "pg_ctl").exists()), None)


def _unprivileged(folder: Path) -> dict[str, Any] | None:
    """How to run as somebody PostgreSQL accepts: it refuses root. None when there is nobody."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return {}
    import pwd

    for name in _UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
