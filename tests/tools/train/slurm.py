"""A Slurm of one node from Debian's packages, its login over a real SSH server, and SkyPilot's own server for it.

What SkyPilot wants of a node that cannot be had without the internet is put on the account's PATH: uv (it fetches it with
curl) and Python 3.10 (this node's own stands in).
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.tools.compute.sshd import Sshd

USER = "nlpslurm"
CLUSTER = "nlptest"
SKY_PORT = 46580
_MARK = "# made by the tests of nlp-skills\n"
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
    """The node, its account and its login."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root, self.home = root, home
        self.processes: list[subprocess.Popen[bytes]] = []
        require(os.geteuid() == 0, "it wants root, to start Slurm")
        require(all(map(shutil.which, ("slurmctld", "slurmd", "munged", "rsync"))),
                "apt-get install slurm-wlm munge rsync")
        require(not _CONFIG.exists() or _CONFIG.read_text().startswith(_MARK), f"{_CONFIG} is not the tests' own")
        with contextlib.suppress(KeyError):
            pwd.getpwnam(USER)
            self._go()
            return
        subprocess.run(["useradd", "-m", "-s", "/bin/bash", USER], check=True)
        subprocess.run(["usermod", "-p", "*", USER], check=True)
        self._go()

    def _go(self) -> None:
        self.account = pwd.getpwnam(USER)
        shutil.rmtree(Path(self.account.pw_dir) / ".nlp-skills-jobs", ignore_errors=True)  # of tests that were killed
        shims, version = self.root / "shims", f"{sys.version_info[0]}.{sys.version_info[1]}"
        shims.mkdir(parents=True)
        uv = shutil.which("uv", path=f"{Path(os.environ['NLP_SKILLS_TEST_SKY'])}{os.pathsep}{os.environ['PATH']}")
        require(uv is not None, "uv is missing (pip install uv)")
        shutil.copyfile(Path(str(uv)).resolve(), shims / "uv-real")
        (shims / "uv").write_text(_UV.format(version=version, uv=shims / "uv-real"))
        (shims / "curl").write_text(_CURL.format(uv=shims / "uv"))
        for shim in shims.iterdir():
            shim.chmod(0o755)
        kept = [f"{name}={os.environ[name]}" for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "SSL_CERT_FILE") if name in os.environ]
        certificates = os.environ.get("PIP_CERT")
        kept += [f"SSL_CERT_FILE={certificates} UV_NATIVE_TLS=1"] if certificates else []
        kept += [f"UV_FIND_LINKS={os.environ['PIP_FIND_LINKS']}"] if "PIP_FIND_LINKS" in os.environ else []
        _PROFILE.write_text(f'[ "$(id -un)" = {USER} ] && export PATH={shims}:$PATH {" ".join(kept)}\n')
        self._munge()
        for folder in ("state", "spool"):
            (self.root / folder).mkdir()
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
        _CONFIG.parent.mkdir(exist_ok=True)
        _CONFIG.write_text(_MARK + _SLURM.format(cluster=CLUSTER, host=socket.gethostname().partition(".")[0],
                                                 root=self.root, cores=os.cpu_count(), memory=memory * 3 // 4))
        self.processes += [subprocess.Popen(["slurmctld", "-D"]), subprocess.Popen(["slurmd", "-D"])]
        self.sshd = Sshd(self.root / "sshd", self.home, Path(self.account.pw_dir) / f"queue-{os.getpid()}")
        (self.home / ".slurm").mkdir()
        (self.home / ".slurm" / "config").write_text(
            f"Host {CLUSTER}\n  HostName 127.0.0.1\n  Port {self.sshd.port}\n  User {USER}\n"
            f"  IdentityFile {self.home}/.ssh/id_ed25519\n")
        self.sshd.config.unlink()
        until = time.monotonic() + 30
        while "idle" not in subprocess.run(["sinfo"], capture_output=True, text=True, check=False).stdout:
            require(time.monotonic() < until, f"Slurm does not start: see {self.root}/slurmctld.log")
            time.sleep(0.2)

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
            self.processes.append(subprocess.Popen(["runuser", "-u", "munge", "--", "munged", "--foreground"]))

    def jobs(self) -> list[str]:
        """What is allocated there."""
        return subprocess.run(["squeue", "-h"], capture_output=True, text=True, check=True).stdout.split("\n")[:-1]

    def stop(self) -> None:
        subprocess.run(["scancel", "-u", USER], check=False)  # what a test that failed left there
        until = time.monotonic() + 20
        while self.jobs() and time.monotonic() < until:
            time.sleep(0.2)
        self.sshd.stop()
        for process in reversed(self.processes):
            process.terminate()
            process.wait(30)
        _CONFIG.unlink(missing_ok=True)
        _PROFILE.unlink(missing_ok=True)
        for place in (self.root, self.sshd.queue):
            shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def slurm_node(root: Path) -> Iterator[Slurm]:
    """The node, with SkyPilot's server stopped before and after."""
    with socket.socket() as probe:
        require(probe.connect_ex(("127.0.0.1", SKY_PORT)) != 0,
                f"another SkyPilot server answers on port {SKY_PORT}: sky api stop")
    node = Slurm(root, root / "home")
    try:
        yield node
    finally:
        sky = Path(os.environ["NLP_SKILLS_TEST_SKY"]) / "sky"
        subprocess.run([str(sky), "api", "stop"], env={**os.environ, "HOME": str(node.home)}, check=False)
        node.stop()
