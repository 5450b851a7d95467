"""A `sky` for where no cloud can be rented: it answers in SkyPilot 0.14.1's own words (recorded), and what it launches
is the second account behind the tests' SSH server, where it really runs a task file's setup and run.

    python sky_program.py STATE COMMAND…    STATE: its folder; `price`, `trouble`, `queue` in it are the test's to write
"""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

ACCOUNT = "nlpremote"
TABLE = """\
YAML to run: {file}
Running on cluster: {cluster}
Considered resources (1 node):
-----------------------------------------------------------------------------------------------
 INFRA                INSTANCE     vCPUs   Mem(GB)   GPUS     COST ($)   CHOSEN
-----------------------------------------------------------------------------------------------
 AWS (us-east-1)      g5.xlarge    4       16        A10G:1   {price:<8}      ✔
 GCP (us-central1-a)  g2-other     4       16        L4:1     9.99
-----------------------------------------------------------------------------------------------
"""
NO_CLOUD = """\
sky.exceptions.NoCloudAccessError: No cloud access is set up. Run: sky check. If you have set up credentials, please run
`sky check` to refresh.
"""
NO_SUCH = """\
No resource satisfying AWS({'A10G': 1}, use_spot=False) on AWS.
sky.exceptions.ResourcesUnavailableError: Catalog does not contain any instances satisfying the request:
1x AWS({'A10G': 1}).
"""
NO_CAPACITY = """\
⚙︎ Launching on AWS us-east-1 (us-east-1a).
⨯ Failed to provision resources. View logs: sky logs --provision {cluster}
sky.exceptions.ResourcesUnavailableError: Failed to provision all possible launchable resources. Relax the task's resource
requirements: 1x AWS({{'A10G': 1}})
✗ AWS (us-east-1) — InsufficientInstanceCapacity: We currently do not have sufficient g5.xlarge capacity.
"""
UNKNOWN = """\
sky.exceptions.InvalidSkyPilotConfigError: Invalid resources YAML: '{infra}' does not match '^(?:(?i:(aws|azure|gcp|runpod))\
(?:/[^/]+(?:/[^/]+)?)?|(?i:kubernetes|k8s)(?:/.+)?)$'. Check problematic field(s): $.infra
"""


class Clouds:
    def __init__(self, state: Path) -> None:
        self.state = state
        self.file = state / "clusters.json"

    def trouble(self) -> str:
        place = self.state / "trouble"
        return place.read_text().strip() if place.is_file() else ""

    def price(self) -> str:
        place = self.state / "price"
        return place.read_text().strip() if place.is_file() else "1.01"

    def clusters(self) -> dict[str, Any]:
        return dict(json.loads(self.file.read_text())) if self.file.is_file() else {}

    def put(self, name: str, **fields: Any) -> None:
        known = self.clusters()
        known[name] = {**known.get(name, {"name": name, "launched_at": int(time.time()), "cloud": "AWS"}), **fields}
        self.file.write_text(json.dumps(known))

    def drop(self, name: str) -> None:
        known = self.clusters()
        for pid in known.pop(name, {}).get("pids", []):
            for child in subprocess.run(
                ["pgrep", "-g", str(pid)], capture_output=True, text=True, check=False
            ).stdout.split():
                end(int(child))
        self.file.write_text(json.dumps(known))
        asked = self.state / "asked.json"
        if asked.is_file() and (
            folder := re.search(r"^folder=(\S+)$", json.loads(asked.read_text())["run"], re.MULTILINE)
        ):
            shutil.rmtree(folder[1], ignore_errors=True)  # a machine that is given back takes its disk along


def end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def as_account(script: str, log: Path) -> int:
    """Start it as the other account, in a group of its own; the pid."""
    home, queue = pwd.getpwnam(ACCOUNT).pw_dir, log.with_name("queue")
    more = [f"NLP_SKILLS_QUEUE_DIR={queue.read_text()}"] if queue.is_file() else []
    with log.open("ab") as output:
        return subprocess.Popen(
            [
                "runuser",
                "-u",
                ACCOUNT,
                "--",
                "env",
                "-i",
                f"HOME={home}",
                f"PATH={os.environ['PATH']}",
                *more,
                "bash",
                "-c",
                script,
            ],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        ).pid


def launch(clouds: Clouds, arguments: list[str]) -> int:
    cluster, file = arguments[arguments.index("-c") + 1], arguments[-1]
    asked = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    trouble, infra = clouds.trouble(), str(asked["resources"].get("infra"))
    if infra not in ("aws", "aws/us-east-1"):
        print(UNKNOWN.format(infra=infra), file=sys.stderr)
        return 1
    for word, told in (("no cloud", NO_CLOUD), ("no such", NO_SUCH)):
        if trouble == word:
            print(told, file=sys.stderr)
            return 1
    print(TABLE.format(file=file, cluster=cluster, price=clouds.price()))
    (clouds.state / "asked.json").write_text(json.dumps(asked))
    if "--dryrun" in arguments:
        print("Dryrun finished.")
        return 0
    clouds.put(cluster, status="INIT")
    while clouds.trouble() == "slow" and cluster in clouds.clusters():
        time.sleep(0.1)
    if trouble == "no capacity":
        print(NO_CAPACITY.format(cluster=cluster), file=sys.stderr)
        return 1
    if cluster not in clouds.clusters():
        return 1
    account = pwd.getpwnam(ACCOUNT)
    for there, here in asked["file_mounts"].items():
        target = Path(there.replace("~", account.pw_dir))
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(here, target)
        for made in (target.parent, target):
            os.chown(made, account.pw_uid, account.pw_gid)
    run = asked["setup"] + "\n" + asked["run"] if trouble != "setup fails" else "exit 1"
    pid = as_account(run, clouds.state / "output.log")
    clouds.put(cluster, status="UP", pids=[pid])
    config = Path.home() / ".ssh" / "config"
    lines = config.read_text().splitlines()
    here = next(line for line in lines if line.strip().startswith("Port"))
    config.write_text(
        "\n".join(
            [
                *lines,
                f"Host {cluster}",
                "  HostName 127.0.0.1",
                f"  User {ACCOUNT}",
                here,
                "  StrictHostKeyChecking no",
                "  UserKnownHostsFile=/dev/null",
            ]
        )
        + "\n"
    )
    print(f"✓ Cluster launched: {cluster}.  View logs: sky logs --provision {cluster}\n⚙︎ Job submitted, ID: 1")
    return 0


def alive(pid: int) -> bool:
    place = Path(f"/proc/{pid}/stat")
    return place.is_file() and place.read_text().rpartition(")")[2].split()[0] != "Z"


def main(state: Path, command: str, arguments: list[str]) -> int:
    clouds = Clouds(state)
    names = [one for one in arguments if not one.startswith("-") and one not in ("json",)]
    known = clouds.clusters()
    with (state / "calls").open("a") as calls:
        calls.write(f"{command} {' '.join(arguments)}\n")
    if command == "--version":
        print("skypilot, version 0.14.1")
    elif command == "launch":
        return launch(clouds, arguments)
    elif command == "check":
        print(NO_CLOUD if clouds.trouble() == "no cloud" else "🎉 Enabled infra 🎉\n  AWS: enabled [compute, storage]")
    elif command == "status":
        print(json.dumps([known[name] for name in (names or known) if name in known]))
    elif command == "queue":
        pids = known[names[0]]["pids"]
        ended = "FAILED_SETUP" if clouds.trouble() == "setup fails" else "SUCCEEDED"
        print("Fetching job queue for: " + names[0])
        print(
            json.dumps(
                {
                    names[0]: [
                        {"job_id": number + 1, "status": "RUNNING" if alive(pid) else ended}
                        for number, pid in enumerate(pids)
                    ]
                }
            )
        )
    elif command == "exec":
        asked = yaml.safe_load(Path(arguments[-1]).read_text(encoding="utf-8"))
        pid = as_account(asked["run"], state / "output.log")
        clouds.put(arguments[-2], pids=[*known[arguments[-2]]["pids"], pid])
    elif command == "logs":
        print("ERROR: No matching distribution found for torch")
    elif command == "down":
        for name in names:
            clouds.drop(name)
    else:
        print(f"Error: No such command '{command}'.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
