"""A real OpenSSH server on loopback with a second account, and a small proxy in front of it that can cut the link."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import psutil
import pytest

from nlp_skills.resources.foundation.process import environment_value
from nlp_skills.resources.job import FAMILY_VARIABLE

ACCOUNT = "nlpremote"
_SSHD = "/usr/sbin/sshd"


def require_sshd() -> None:
    """Skip (fail where CI is set) unless this process may start a server and use a second account."""
    lacks = "root" if os.name != "posix" or os.geteuid() else "" if Path(_SSHD).is_file() else "openssh-server"
    lacks = lacks or ("" if sys.platform == "linux" else "Linux")
    if lacks:
        _lacking(lacks)
    with contextlib.suppress(KeyError):
        pwd.getpwnam(ACCOUNT)
        return
    subprocess.run(["useradd", "-m", "-s", "/bin/sh", ACCOUNT], check=True)
    subprocess.run(["usermod", "-p", "*", ACCOUNT], check=True)  # no password, but not locked


def _lacking(what: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"machines over SSH cannot be tested: {what} is missing")
    pytest.skip(f"needs {what}, to run a real SSH server with a second account")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Sshd:
    """The server, and a client's home folder whose SSH config names it `gpubox`.

    Arguments:
        queue: where jobs of the account that logs in stand in line.
    """

    def __init__(self, root: Path, home: Path, queue: Path) -> None:
        self.root, self.home, self.queue = root, home, queue
        self.port = free_port()
        root.mkdir(parents=True)
        ssh = home / ".ssh"
        ssh.mkdir(parents=True, mode=0o700)
        self.config, self.known_hosts = ssh / "config", ssh / "known_hosts"
        for key in (root / "host_key", ssh / "id_ed25519"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        keys = root / "authorized_keys"
        shutil.copyfile(ssh / "id_ed25519.pub", keys)
        keys.chmod(0o644)  # the account looks up its own
        (root / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {root / 'host_key'}\nPidFile {root / 'pid'}\n"
            f"AuthorizedKeysFile {keys}\nStrictModes no\nPasswordAuthentication no\nUsePAM no\n"
            "Subsystem sftp internal-sftp\nMaxStartups 100\nAllowTcpForwarding yes\n"
            f"SetEnv NLP_SKILLS_QUEUE_DIR={queue}\n"
        )
        self.process: subprocess.Popen[bytes] | None = None
        self.start()
        self.point_to(self.port)

    def start(self) -> None:
        Path("/run/sshd").mkdir(exist_ok=True)
        with (self.root / "log").open("ab") as log:
            self.process = subprocess.Popen([_SSHD, "-D", "-e", "-f", str(self.root / "sshd_config")], stderr=log)
        until = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as tried:
                assert tried.recv(4)
                return
            assert time.monotonic() < until and self.process.poll() is None, (self.root / "log").read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(10)

    def new_host_key(self) -> None:
        self.stop()
        for file in (self.root / "host_key", self.root / "host_key.pub"):
            file.unlink()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.root / "host_key")], check=True)
        self.start()

    def fingerprint(self) -> str:
        told = subprocess.run(
            ["ssh-keygen", "-lf", str(self.root / "host_key.pub")], check=True, capture_output=True, text=True
        ).stdout
        return told.split()[1]

    def point_to(self, port: int, more: str = "") -> None:
        self.config.write_text(
            f"Host gpubox\n  HostName 127.0.0.1\n  Port {port}\n  User {ACCOUNT}\n  HostKeyAlias gpubox\n{more}"
        )

    def trust(self) -> None:
        key = (self.root / "host_key.pub").read_text().split()
        self.known_hosts.write_text(f"[gpubox]:{self.port} {key[0]} {key[1]}\ngpubox {key[0]} {key[1]}\n")


class Proxy:
    """TCP in between: cuts every connection once so many more bytes have gone `there` or `back`, refuses while `down`."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.passed = {"there": 0, "back": 0}
        self._limits: dict[str, int] = {}
        self.cuts = 0
        self.down = False
        self._open: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def cut_after(self, way: str, count: int) -> None:
        """End every connection once `count` more bytes have gone that way."""
        self._limits[way] = self.passed[way] + count

    def cut_links(self) -> None:
        """End every connection now."""
        self.cuts += 1
        opened, self._open = self._open, []
        for end in opened:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # closing alone leaves the thread accepting one more
        self._accepting.join()
        self._server.close()
        self.cut_links()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                try:
                    if self.down:
                        raise ConnectionRefusedError
                    server = socket.create_connection(("127.0.0.1", self._target))
                except ConnectionRefusedError:
                    client.close()
                    continue
                self._open += [client, server]
                threading.Thread(target=self._pump, args=(client, server, "there"), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, "back"), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, way: str) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.passed[way] += len(data)
                if way in self._limits and self.passed[way] > self._limits[way]:
                    del self._limits[way]
                    self.cut_links()
                    return
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


HOME = Path("/home") / ACCOUNT


def left_running(far_folder: Path) -> list[psutil.Process]:
    """What jobs of that folder run under the second account: their processes and those that they started."""
    found = []
    for process in psutil.process_iter(["username", "status"]):
        if process.info["username"] == ACCOUNT and process.info["status"] != psutil.STATUS_ZOMBIE:
            named = environment_value(process, FAMILY_VARIABLE)
            if named and Path(named).is_relative_to(far_folder):
                found.append(process)
    return found


@pytest.fixture(scope="session")
def sshd() -> Iterator[Sshd]:
    require_sshd()
    root = Path(tempfile.mkdtemp(prefix="nlp-skills-sshd-"))  # pytest closes its own folders to other accounts
    root.chmod(0o755)
    server = Sshd(root / "server", root / "home", HOME / f"queue-{os.getpid()}")
    server.trust()
    yield server
    server.stop()
    shutil.rmtree(root)
    shutil.rmtree(server.queue, ignore_errors=True)


@pytest.fixture(scope="session")
def far_python(sshd: Sshd, worker: Path) -> Iterator[str]:
    """An interpreter of the second account that sees the training libraries."""
    ask = "import sys, sysconfig; print(*sys.version_info[:2], sysconfig.get_path('purelib'), sys._base_executable)"
    major, minor, libraries, base = subprocess.run(
        [worker, "-c", ask], capture_output=True, text=True, check=True
    ).stdout.split()
    for python in (base, "/usr/bin/python3"):
        told = subprocess.run(
            ["runuser", "-u", ACCOUNT, "--", python, "-c", ask], capture_output=True, text=True, check=False
        ).stdout.split()
        if told[:2] == [major, minor]:
            break
    else:
        _lacking(f"a Python {major}.{minor} that every account may run")
    place = HOME / f"libraries-{os.getpid()}"
    shutil.rmtree(place, ignore_errors=True)
    subprocess.run([python, "-m", "venv", "--without-pip", str(place)], check=True)
    next(place.glob("lib/python3*/site-packages")).joinpath("worker.pth").write_text(
        f"import site; site.addsitedir({libraries!r})\n"
    )  # with what it names in turn
    subprocess.run(["chmod", "-R", "a+rX", str(place)], check=True)
    yield str(place / "bin" / "python")
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def proxy(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The way to the machine; the person's home is that of the test."""
    between = Proxy(sshd.port)
    sshd.point_to(between.port)
    monkeypatch.setenv("HOME", str(sshd.home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    yield between
    between.close()


@pytest.fixture
def far_folder() -> Iterator[Path]:
    """Where the machine works, gone afterwards with whatever still runs."""
    place = HOME / f"work-{os.getpid()}"
    yield place
    for process in left_running(place):
        process.kill()
    shutil.rmtree(place, ignore_errors=True)
