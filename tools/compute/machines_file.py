"""`machines.yaml` in the workspace, which keeps the person's own machines by name:

    format: 1
    machines:
      gpubox: {kind: ssh, host: gpubox, folder: ~/nlp-skills}
      cloud: {kind: sky, infra: aws, gpus: "A10G:1"}

`local` is this machine and needs no entry.
"""

from __future__ import annotations

import yaml

from ...resources.foundation.errors import MachineError
from ...resources.foundation.files import lock, read_yaml, write_atomic, write_yaml
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text
from ...resources.workspace import Workspace
from .machine import MachineKind


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
