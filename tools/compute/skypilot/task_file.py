"""The task file SkyPilot is given: which machine, what is installed there first, and what keeps it busy.

It holds no secret and none of the task's data: those go over the link, by content, once the machine stands.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from ....resources.foundation.files import dump_yaml, write_atomic
from ....resources.foundation.json_object import JsonObject
from ....resources.workspace import Workspace
from ..environments.pins import pins_of_here
from ..remote.remote import WHEEL_NAME, build_own_wheel, environment_key
from ..remote.sent_agent import build_agent
from .program import cloud_of

if TYPE_CHECKING:
    from ..machines.sky import Sky

_THERE = "~/.nlp-skills-setup"
_AGENT = "far_side.py"  # machines rented before have it by this name; Python runs the archive whatever it is called
_CHECKED = ("torch", "transformers", "trl", "peft", "datasets")
_WAIT_SECONDS = 3600  # for the data to be sent, before the machine counts as idle
BY_TIME = ("slurm",)  # no idle stop there: the batch system's own time limit ends it

# SkyPilot gives tasks a home of their own on batch systems; ours is the account's, which the link sees too.
_HEAD = """
set -eu
home=$(getent passwd "$(id -u)" | cut -d: -f6); home=${home:-$HOME}
folder=%s
mkdir -p "$folder"
find_python() {
  for one in %s python3 python3.13 python3.12 python3.11 "$("$HOME/.local/bin/uv" python find '>=3.11' 2>/dev/null)"; do
    found=$(command -v "$one" 2>/dev/null) || continue
    "$found" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$found" && return
  done
  "$HOME/.local/bin/uv" python install --quiet 3.12 >&2 && "$HOME/.local/bin/uv" python find 3.12
}
python=$(find_python)
"""
_BUILD = """
ready="$folder/environments/{key}.json"
if [ ! -f "$ready" ]; then
  run="$folder/runs/setup-{key}"; job="$run/jobs/setup-{key}"
  mkdir -p "$job"; rm -f "$job/exit.json"
  cp {there}/{wheel} "$run/{wheel}"
  printf '%s\n' {note} > "$job/note.json"
  "$python" -I {there}/{agent} build "$folder" setup-{key}
  cat "$job/exit.json"; echo
  [ -f "$ready" ]
  rm -rf "$run"
fi
"""


def write_task_file(
    machine: Sky, run: str, place: Path, seconds: float | None = None, dearest: float | None = None
) -> Path:
    """Write `sky.yaml` and the files it names into `place`.

    Arguments:
        run: the job's id, whose run is attended there.
        seconds: after which a batch system ends the machine, where it is known.
        dearest: US dollars an hour that it may cost.
    """
    place.mkdir(parents=True, exist_ok=True)
    write_atomic(place / _AGENT, build_agent())
    write_atomic(place / WHEEL_NAME, build_own_wheel())
    path = place / "sky.yaml"
    write_atomic(
        path,
        dump_yaml(
            {
                **content(machine, run, seconds, dearest),
                "file_mounts": {
                    f"{_THERE}/{_AGENT}": str(place / _AGENT),
                    f"{_THERE}/{WHEEL_NAME}": str(place / WHEEL_NAME),
                },
            }
        ),
    )
    return path


def content(machine: Sky, run: str, seconds: float | None = None, dearest: float | None = None) -> JsonObject:
    """What SkyPilot is asked for, without the files."""
    limit = min(machine.longest_hours * 3600, seconds or float("inf")) if machine.longest_hours else None
    options = (
        {"config": {"slurm": {"sbatch_options": {"time": _clock(limit)}}}}
        if limit and cloud_of(machine.infra) in BY_TIME
        else {}
    )
    return {
        "name": "nlp-skills",
        "num_nodes": 1,
        "resources": resources(machine, dearest),
        **options,
        "setup": setup_script(machine),
        "run": run_script(machine, run),
    }


def resources(machine: Sky, dearest: float | None = None) -> JsonObject:
    """The machine itself, with what ends it when it stands idle."""
    bound = {"max_hourly_cost": round(dearest, 4)} if dearest else {}
    idle = (
        {}
        if cloud_of(machine.infra) in BY_TIME
        else {"autostop": {"idle_minutes": machine.idle_minutes, "down": machine.ends_idle == "down"}}
    )
    return {**machine.sky_resources(), **bound, **idle}


def setup_script(machine: Sky) -> str:
    """Installs our own wheel with the training libraries, unless the person names an interpreter that has them."""
    if machine.python:
        return _head(machine) + f"[ -x {shlex.quote(machine.python)} ]\n"
    note = json.dumps(
        {
            "key": environment_key(),
            "wheel": WHEEL_NAME,
            "extra": "[train]",
            "check": list(_CHECKED),
            "flavour": "cuda" if machine.gpus else "cpu",
            "constraints": pins_of_here(Workspace()),
        }
    )
    return _head(machine) + _BUILD.format(
        key=environment_key(), wheel=WHEEL_NAME, there=_THERE, agent=_AGENT, note=shlex.quote(note)
    )


def run_script(machine: Sky, run: str) -> str:
    """Attends the run: SkyPilot counts the machine as busy while it trains, and idle afterwards."""
    return _head(machine) + f'exec "$python" -I {_THERE}/{_AGENT} attend "$folder" {shlex.quote(run)} {_WAIT_SECONDS}\n'


def _head(machine: Sky) -> str:
    place = machine.folder
    folder = f'"$home"{shlex.quote(place.removeprefix("~"))}' if place.startswith("~") else shlex.quote(place)
    return _HEAD.lstrip() % (folder, shlex.quote(machine.python) if machine.python else "")


def _clock(seconds: float) -> str:
    """`HH:MM:SS`, at least a minute."""
    whole = max(60, int(seconds))
    return f"{whole // 3600:02d}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
