"""The person's own machines, looked up by name and checked. What follows a job, builds or rents is handed its machine and
looks none up.
"""

from __future__ import annotations

from ...resources.foundation.errors import MachineError
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.kinds import Registry
from ...resources.foundation.language import Text
from ...resources.foundation.wording import nearest
from ...resources.workspace import NAME_PATTERN, Workspace
from .machine import LOCAL, LinkedMachine, MachineKind
from .machines_file import named_machines

MACHINES = Registry(
    f"{__package__}.machines",
    MachineKind,
    Text("kind of machine", "種機器"),
    MachineError,
    group="machines",
    named="kind",
)


def machine_kinds() -> dict[str, type[MachineKind]]:
    """The known kinds by name."""
    return MACHINES.classes()


def named_machine(workspace: Workspace, name: str) -> MachineKind:
    """The person's machine of that name.

    Raises:
        MachineError: there is none (the nearest is offered), or its settings are wrong.
    """
    known = named_machines(workspace)
    if name in known:
        return make_machine(name, known[name])
    near = nearest(name, known)
    offered = ", ".join(sorted(known))
    raise MachineError(
        Text(
            f"There is no machine named {name[:60]!r}." + (f" Did you mean {near[0]}?" if near else ""),
            f"沒有名為「{name[:60]}」的機器。" + (f"你是不是要用 {near[0]}？" if near else ""),
        ),
        Text(
            (f"Known: {offered}. " if offered else "") + f"Add it with set_up(what='machine', name={name[:60]!r}, "
            "settings={'kind': 'ssh', 'host': …}).",
            (f"已有的機器：{offered}。" if offered else "") + f"新增請用 set_up(what='machine', name={name[:60]!r}, "
            "settings={'kind': 'ssh', 'host': …})。",
        ),
        field="machine",
    )


def linked_machine(workspace: Workspace, name: str) -> LinkedMachine:
    """The person's machine of that name, where it is one that trainings are sent to.

    Raises:
        MachineError: see `named_machine`; or it is none.
    """
    machine = named_machine(workspace, name)
    if isinstance(machine, LinkedMachine):
        return machine
    raise MachineError(
        Text(
            f"Trainings cannot be sent to {name}, a machine of kind {machine.kind}.",
            f"{name}（{machine.kind} 類機器）不能用來遠端訓練。",
        ),
        Text("Name another machine.", "請改用別台機器。"),
        field="machine",
    )


def make_machine(name: str, settings: JsonObject) -> MachineKind:
    """A machine out of its settings, validated.

    Raises:
        MachineError: its name or kind cannot be used, or a setting is unknown or wrong.
    """
    if not NAME_PATTERN.fullmatch(name) or name == LOCAL:
        raise MachineError(
            Text(f"{name[:60]!r} cannot be a machine's name.", f"「{name[:60]}」不能當機器名稱。"),
            Text(
                "Use lower-case letters, digits and hyphens, such as gpubox; 'local' is this machine.",
                "請用小寫英文字母、數字與連字號，例如 gpubox；local 指的是這台機器。",
            ),
            field="name",
        )
    given = dict(settings)
    kind = str(given.pop("kind", "ssh"))
    return MACHINES.make(kind, given, "settings", "settings.kind")
