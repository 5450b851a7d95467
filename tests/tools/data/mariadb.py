"""A real MariaDB for the tests: a throw-away server on the loopback, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

_START_SECONDS = 60.0


def find_mariadb() -> Path | None:
    """The server's program; None where it is not installed."""
    found = shutil.which("mariadbd") or next(
        (str(path) for path in (Path("/usr/sbin/mariadbd"), Path("/opt/homebrew/bin/mariadbd")) if path.is_file()), None
    )
    return Path(found) if found and shutil.which("mariadb-install-db") else None


@dataclass(frozen=True)
class MariaServer:
    port: int
    user: str
    password: str

    def address(self, database: str = "news", password: str | None = None, user: str | None = None) -> str:
        secret = quote(self.password if password is None else password, safe="")
        return f"mysql://{user or self.user}:{secret}@127.0.0.1:{self.port}/{database}"

    def execute(self, *statements: str) -> Any:
        """Run SQL statements as the administrator; the first value of the last one's answer."""
        import pymysql  # type: ignore[import-untyped, import-not-found, unused-ignore]

        with (
            pymysql.connect(
                host="127.0.0.1", port=self.port, user=self.user, password=self.password.encode(), autocommit=True
            ) as connection,
            connection.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)
            row = cursor.fetchone()
            return row[0] if row else None

    def insert(self, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        import pymysql

        with (
            pymysql.connect(
                host="127.0.0.1", port=self.port, user=self.user, password=self.password.encode(), autocommit=True
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.executemany(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})", rows
            )


@contextlib.contextmanager
def running_mariadb() -> Iterator[MariaServer]:
    """Start a fresh server with the database `news` and stop it when the block ends.

    Raises:
        TimeoutError: it did not start; carries the end of its log.
    """
    program = find_mariadb()
    assert program is not None
    folder = Path(tempfile.mkdtemp(prefix="nlp-skills-mariadb-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = MariaServer(port, "nlp_test", secrets.token_hex(8) + "@:/ %")
    owner = ["--user=mysql"] if os.geteuid() == 0 else []
    try:
        if owner:
            shutil.chown(folder, "mysql")
        subprocess.run(
            [
                "mariadb-install-db",
                "--no-defaults",
                f"--datadir={folder}/data",
                "--skip-test-db",
                "--auth-root-authentication-method=normal",
                *owner,
            ],
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )
        setup = folder / "setup.sql"
        setup.write_text(
            f"CREATE USER '{server.user}'@'%' IDENTIFIED BY '{server.password}';\n"
            f"GRANT ALL ON *.* TO '{server.user}'@'%' WITH GRANT OPTION;\n"
            "CREATE DATABASE news CHARACTER SET utf8mb4;\n",
            encoding="utf-8",
        )
        setup.chmod(0o644)
        log = folder / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    program,
                    "--no-defaults",
                    f"--datadir={folder}/data",
                    f"--port={port}",
                    "--bind-address=127.0.0.1",
                    f"--socket={folder}/socket",
                    f"--init-file={setup}",
                    "--innodb-buffer-pool-size=16M",
                    "--innodb-flush-log-at-trx-commit=0",
                    "--skip-name-resolve",
                    *owner,
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait_until_ready(server, process, log)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(server: MariaServer, process: subprocess.Popen[bytes], log: Path) -> None:
    import pymysql

    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server.execute("SELECT 1")
            return
        except pymysql.Error:
            time.sleep(0.05)
    raise TimeoutError(f"MariaDB did not start: {log.read_text(encoding='utf-8', errors='replace')[-800:]}")
