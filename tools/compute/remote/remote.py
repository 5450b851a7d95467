"""A machine at the other end of a link: what it has, and the verbs of `agent/` done there."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ....resources.foundation.errors import MachineError, MissingRequirement
from ....resources.foundation.files import sha256_bytes
from ....resources.foundation.language import Text
from ..environments.pins import shipped_pins
from ..environments.wheel import WHEEL_NAME, package_wheel
from ..hardware import Machine, Torch, accelerator_of, gpus_told
from .agent.messages import MachineSeen
from .link import Link
from .sent_agent import agent_name, build_agent

# What the training entry imports; `nlp-skills` itself is always sent along.
LIBRARIES = ("torch", "transformers", "trl", "peft", "datasets", "pydantic", "psutil", "PyYAML", "filelock", "rich")
_OPTIONAL = ("bitsandbytes",)
_SHOWN = ("torch", "transformers", "trl", "peft", "datasets")


@cache
def build_own_wheel() -> bytes:
    """Our own package as it stands when it is first needed in this process."""
    return package_wheel()


@cache
def environment_key() -> str:
    """Names the environments that hold what this package needs: by its requirements and the versions shipped with it, not
    by its code."""
    with zipfile.ZipFile(io.BytesIO(build_own_wheel())) as wheel:
        metadata = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        needs = [line for line in wheel.read(metadata).decode().splitlines() if line.startswith("Requires-Dist")]
    return sha256_bytes("\n".join([*needs, *shipped_pins().splitlines()]).encode())[:12]


@dataclass
class RemoteMachine:
    """A machine that was greeted: its folder, an interpreter for our part, its hardware and its worker."""

    link: Link
    folder: str
    python: str
    script: str
    machine: Machine
    python_version: str
    worker: str | None
    libraries: dict[str, str | None] = field(default_factory=dict)
    given: bool = False

    def verb(self, name: str, **given: Any) -> Any:
        """See `Link.verb`."""
        return self.link.verb(self.python, self.script, name, self.folder, given)

    def require_worker(self) -> str:
        """The interpreter there that can train.

        Raises:
            MissingRequirement: no environment stands there yet, or the given interpreter lacks libraries.
        """
        name = self.link.name
        missing = [library for library in LIBRARIES if not self.libraries.get(library)]
        if self.worker and self.given and missing:
            shown = ", ".join(missing)
            raise MissingRequirement(
                Text(f"{self.worker} on {name} lacks {shown}.", f"{name} 上的 {self.worker} 缺少 {shown}。"),
                Text(
                    f"There: {self.worker} -m pip install {' '.join(missing)}; or leave the machine's python setting out "
                    f"and call set_up(what='machine', name={name!r}, confirm=True).",
                    f"請在該機器執行 {self.worker} -m pip install {' '.join(missing)}；或拿掉 python 設定，"
                    f"再呼叫 set_up(what='machine', name={name!r}, confirm=True)。",
                ),
                field="settings.python",
                details={"missing": missing},
            )
        if self.worker is None or missing:
            raise MissingRequirement(
                Text(
                    f"{name} has no worker environment yet (PyTorch, Transformers, TRL).",
                    f"{name} 還沒有工作環境（PyTorch、Transformers、TRL）。",
                ),
                Text(
                    f"Call set_up(what='machine', name={name!r}, confirm=True) to build it.",
                    f"請呼叫 set_up(what='machine', name={name!r}, confirm=True) 建立。",
                ),
                field="machine",
            )
        return self.worker

    def libraries_shown(self) -> str:
        return ", ".join(f"{library} {self.libraries.get(library)}" for library in _SHOWN)


def connect_machine(link: Link, folder: str, python: str | None) -> RemoteMachine:
    """Find an interpreter, bring our part there, and look around.

    Arguments:
        folder: where to work there; `~` is the home folder there.
        python: an interpreter that has the training libraries, where the person names one.

    Raises:
        MachineError: there is no usable Python, or it is no Linux machine.
    """
    home, own = link.find_python(python)
    place = home + folder.removeprefix("~") if folder.startswith("~") else folder
    script = f"{place}/{agent_name()}"
    system = link.shell("uname -s").strip().splitlines()[-1:]
    if system != ["Linux"]:
        raise MachineError(
            Text(
                f"{link.name} runs {(system or ['?'])[0]}; machines over SSH must run Linux.",
                f"{link.name} 的系統是 {(system or ['?'])[0]}；SSH 機器必須是 Linux。",
            ),
            Text("Use another machine.", "請改用別台機器。"),
            field="host",
        )
    if not link.exists(script):
        link.write(script, build_agent())
    seen: MachineSeen = link.verb(
        own, script, "probe", place, {"key": environment_key(), "python": python, "libraries": [*LIBRARIES, *_OPTIONAL]}
    )
    libraries = dict(seen["libraries"] or {})
    gpus = gpus_told(seen["gpus"])
    accelerator = accelerator_of(gpus) if gpus else "cpu"
    torch = Torch(version=version, cuda=libraries.get("cuda")) if (version := libraries.get("torch")) else None
    hardware = Machine(
        system=seen["system"],
        cores=seen["cores"],
        free_cores=max(1, round(seen["cores"] - seen["load"])),
        memory=seen["memory"],
        free_memory=seen["free_memory"],
        disk_free=seen["disk_free"],
        gpus=gpus,
        accelerator=accelerator,
        worker=seen["worker"],
        torch=torch,
        device=accelerator if torch and (accelerator != "cuda" or torch.cuda) else "cpu",
    )
    return RemoteMachine(
        link, place, own, script, hardware, seen["version"], seen["worker"], libraries, given=python is not None
    )


__all__ = ["LIBRARIES", "WHEEL_NAME", "RemoteMachine", "build_own_wheel", "connect_machine", "environment_key"]
