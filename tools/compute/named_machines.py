"""The person's own machines by name. `machines.yaml` in the workspace keeps them:

    format: 1
    machines:
      gpubox: {kind: ssh, host: gpubox, folder: ~/nlp-skills}
      cloud: {kind: sky, infra: aws, gpus: "A10G:1"}

`local` is this machine and needs no entry. What follows a job, builds or rents is handed its machine and looks none up.
"""

from __future__ import annotations

import yaml

from ...resources.foundation.errors import MachineError
from ...resources.foundation.files import lock, read_yaml, write_atomic, write_yaml
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.kinds import Registry
from ...resources.foundation.language import Text
from ...resources.foundation.wording import nearest
from ...resources.workspace import NAME_PATTERN, Workspace
from .machine import LOCAL, LinkedMachine, MachineKind

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


def named_machines(workspace: Workspace) -> dict[str, JsonObject]:
    """What `machines.yaml` says, by name, not yet validated.

    Raises:
        MachineError: the file cannot be read.
    """
    path = workspace.root / "machines.yaml"
    try:
        content = read_yaml(path) or {}
        return {str(name): dict(settings) for name, settings in (content.get("machines") or {}).items()}
    except FileNotFoundError:
        return {}
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, TypeError, ValueError) as error:
        raise MachineError(
            Text(f"{path} cannot be read: {error}", f"{path} 無法讀取：{error}"),
            Text(
                "Fix it: machines: {name: {kind: ssh, host: …}}.",
                "請修正，格式為 machines: {名稱: {kind: ssh, host: …}}。",
            ),
            field="machines.yaml",
        ) from error


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


def keep_machine(workspace: Workspace, name: str, machine: MachineKind) -> None:
    """Write the machine into `machines.yaml`; other entries stay as they are."""
    from ...resources.schemas import schema_line, shipped_schema

    path = workspace.root / "machines.yaml"
    with lock(path):
        known = named_machines(workspace)
        settings = machine.model_dump(mode="json", exclude_defaults=True)
        if known.get(name) != {"kind": machine.kind, **settings}:
            schema = workspace.root / ".nlp-skills" / "schemas" / "machines.json"
            write_atomic(schema, shipped_schema("machines").read_bytes())
            content = {"format": 1, "machines": {**known, name: {"kind": machine.kind, **settings}}}
            write_yaml(path, content, schema_line(path, schema))
