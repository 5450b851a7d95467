"""A Slurm of one node from Debian's packages, its login over a real SSH server, and SkyPilot's own server for it.

What SkyPilot wants of a node that cannot be had without the internet is put on the account's PATH: uv (it fetches it with
curl) and Python 3.10 (this node's own stands in). Account, processes and files are made for one run and removed after it;
what a run that was killed left behind, the next one removes first.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import psutil
import pytest
from filelock import FileLock, Timeout

from nlp_skills.resources.foundation.process import environment_value
from tests.tools.compute.sshd import Sshd
from tests.tools.compute.working import eventually

USER = "nlpslurm"
CLUSTER = "nlptest"
SKY_PORT = 46580
_MARK = "# made by the tests of nlp-skills\n"
_OWNER = "tests of nlp-skills"
_VARIABLE = "NLP_SKILLS_TEST_SLURM"  # every process of a run has it in its environment
_ROOTS, _ROOT = Path("/var/tmp"), "nlp-skills-slurm-"
_SKY_LOCK = Path("/tmp/skypilot_graceful_shutdown.lock")  # of the one server of SkyPilot that a machine has
_PERSON = ".sky/user_hash"  # by which SkyPilot names them in files of its own
_LOCK = Path("/run/lock/nlp-skills-test-slurm.lock")
_CONFIG = Path("/etc/slurm/slurm.conf")
_PROFILE = Path("/etc/profile.d/nlp-skills-slurm-test.sh")
_UV = """#!/bin/bash
args=(); for one in "$@"; do [ "$one" = 3.10 ] && one={version}; args+=("$one"); done
exec {uv} "${{args[@]}}"
"""
_CURL = """#!/bin/bash
case "$*" in
  *uv/install.sh*) echo 'mkdir -p "$UV_INSTALL_DIR"; cp {uv} "$UV_INSTALL_DIR/uv"';;
  *) exec /usr/bin/curl "$@";;
esac
"""
_SLURM = """ClusterName={cluster}
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=04:00:00 State=UP
"""


def require(condition: bool, what: str) -> None:
    if not condition:
        _lacking(what)


def _lacking(what: str) -> NoReturn:
    pytest.fail(f"make test-sky cannot run: {what}")


class Slurm:
    """The node, its account and its login.

    Arguments:
        home: that of the person who uses it.
    """

    def __init__(self, root: Path, home: Path) -> None:
        self.root, self.home = root, home
        self.sshd: Sshd | None = None
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        subprocess.run(["useradd", "-m", "-s", "/bin/bash", "-c", _OWNER, USER], check=True)
        subprocess.run(["usermod", "-p", "*", USER], check=True)
        self.account = pwd.getpwnam(USER)
        self._profile()
        for folder in ("state", "spool", "tmp"):
            (self.root / folder).mkdir()
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
        _CONFIG.parent.mkdir(exist_ok=True)
        _CONFIG.write_text(
            _MARK
            + _SLURM.format(
                cluster=CLUSTER,
                host=socket.gethostname().partition(".")[0],
                root=self.root,
                cores=os.cpu_count(),
                memory=memory * 3 // 4,
            )
        )
        self._munge()
        self.begin("slurmctld", "-D")
        self.begin("slurmd", "-D")
        self.sshd = Sshd(self.root / "sshd", self.home, Path(self.account.pw_dir) / "queue")
        for place, text in (
            (
                ".slurm/config",
                f"Host {CLUSTER}\n  HostName 127.0.0.1\n  Port {self.sshd.port}\n"
                f"  User {USER}\n  IdentityFile {self.home}/.ssh/id_ed25519\n",
            ),
            (_PERSON, secrets.token_hex(4)),
        ):
            (self.home / place).parent.mkdir()
            (self.home / place).write_text(text)
        self.sshd.config.unlink()
        eventually(lambda: "idle" in self._says("sinfo"), 60, every=0.2)

    def begin(self, *command: str) -> None:
        """Start a process that ends with the node."""
        with (self.root / "daemons.log").open("ab") as log:
            self.processes.append(
                subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, _VARIABLE: str(self.root)},
                )
            )

    def _profile(self) -> None:
        shims, version = self.root / "shims", f"{sys.version_info[0]}.{sys.version_info[1]}"
        shims.mkdir(parents=True)
        uv = shutil.which("uv", path=f"{Path(os.environ['NLP_SKILLS_TEST_SKY'])}{os.pathsep}{os.environ['PATH']}")
        require(uv is not None, "uv is missing (pip install uv)")
        shutil.copyfile(Path(str(uv)).resolve(), shims / "uv-real")
        (shims / "uv").write_text(_UV.format(version=version, uv=shims / "uv-real"))
        (shims / "curl").write_text(_CURL.format(uv=shims / "uv"))
        for shim in shims.iterdir():
            shim.chmod(0o755)
        kept = [
            f"{name}={os.environ[name]}"
            for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "SSL_CERT_FILE")
            if name in os.environ
        ]
        certificates = os.environ.get("PIP_CERT")
        kept += [f"SSL_CERT_FILE={certificates} UV_NATIVE_TLS=1"] if certificates else []
        kept += [f"UV_FIND_LINKS={os.environ['PIP_FIND_LINKS']}"] if "PIP_FIND_LINKS" in os.environ else []
        _PROFILE.write_text(f'[ "$(id -un)" = {USER} ] && export PATH={shims}:$PATH {" ".join(kept)}\n')

    def _munge(self) -> None:
        key = Path("/etc/munge/munge.key")
        if not key.exists():
            key.write_bytes(os.urandom(1024))
        run = Path("/run/munge")
        run.mkdir(exist_ok=True)
        for place, mode in ((key, 0o400), (run, 0o755)):
            shutil.chown(place, "munge", "munge")
            place.chmod(mode)
        if subprocess.run(["pgrep", "-x", "munged"], capture_output=True, check=False).returncode:
            self.begin("runuser", "-u", "munge", "--", "munged", "--foreground")
            eventually((run / "munge.socket.2").exists)

    def variables(self) -> dict[str, str]:
        """The person's environment: SkyPilot's server and its files belong to this run."""
        return {
            _VARIABLE: str(self.root),
            "HOME": str(self.home),
            "TMPDIR": str(self.root / "tmp"),
            "PATH": f"{os.environ['NLP_SKILLS_TEST_SKY']}{os.pathsep}{os.environ['PATH']}",
            "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
        }

    def jobs(self) -> list[str]:
        """What is allocated there."""
        return self._says("squeue", "-h").split("\n")[:-1]

    def _says(self, *command: str) -> str:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def stop(self) -> None:
        if self.sshd:
            self._says("scancel", "-u", USER)  # what a test that failed left there
            eventually(lambda: not self.jobs(), 60, every=0.2)
            self.sshd.stop()
        for process in reversed(self.processes):
            process.terminate()
            process.wait(30)


def _clear() -> None:
    """End every process of a run, and remove its account and files."""
    # An SSH server writes its title, which names its files, over its environment.
    _end(
        [
            one
            for one in psutil.process_iter(["name", "cmdline"])
            if one.pid != os.getpid()
            and (
                environment_value(one, _VARIABLE)
                or (one.info["name"] == "sshd" and str(_ROOTS / _ROOT) in " ".join(one.info["cmdline"] or []))
            )
        ]
    )
    if _CONFIG.is_file():
        require(_CONFIG.read_text().startswith(_MARK), f"{_CONFIG} is not the tests' own")
        _CONFIG.unlink()
    for file in (_PROFILE, _SKY_LOCK):
        file.unlink(missing_ok=True)
    for root in _ROOTS.glob(f"{_ROOT}*"):
        if (person := root / "home" / _PERSON).is_file():
            shutil.rmtree(Path("/tmp") / f"sky_ssh_{person.read_text()}", ignore_errors=True)
        shutil.rmtree(root)
    try:
        account = pwd.getpwnam(USER)
    except KeyError:
        return
    require(account.pw_gecos == _OWNER, f"the account {USER} is not the tests' own")
    _end([one for one in psutil.process_iter(["uids"]) if one.info["uids"] and one.info["uids"].real == account.pw_uid])
    for place in Path("/tmp").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if place.lstat().st_uid == account.pw_uid:
                shutil.rmtree(place) if place.is_dir() and not place.is_symlink() else place.unlink()
    subprocess.run(["userdel", "-r", USER], check=True, capture_output=True)


def _end(processes: list[psutil.Process]) -> None:
    """End them with what they started: workers of SkyPilot's server write their title over their environment."""
    for process in list(processes):
        with contextlib.suppress(psutil.NoSuchProcess):
            processes += [child for child in process.children(recursive=True) if child not in processes]
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=20)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=20)


@contextlib.contextmanager
def slurm_node() -> Iterator[Slurm]:
    """The node, for one run; nothing of it is left afterwards."""
    require(os.geteuid() == 0, "it wants root, to start Slurm")
    require(all(map(shutil.which, ("slurmctld", "slurmd", "munged", "rsync"))), "apt-get install slurm-wlm munge rsync")
    try:
        alone = FileLock(_LOCK).acquire(timeout=0)
    except Timeout:
        _lacking("another run of it is at work on this machine")
    with alone:
        _clear()
        with socket.socket() as probe:
            require(
                probe.connect_ex(("127.0.0.1", SKY_PORT)) != 0,
                f"another SkyPilot server answers on port {SKY_PORT}: sky api stop",
            )
        root = Path(tempfile.mkdtemp(prefix=_ROOT, dir=_ROOTS))
        root.chmod(0o755)
        node = Slurm(root, root / "home")
        with contextlib.ExitStack() as last:
            last.callback(_clear)
            last.callback(node.stop)
            node.start()
            yield node
