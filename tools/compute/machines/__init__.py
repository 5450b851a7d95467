"""One file for each kind of machine, and the person's own machines by name.

`machines.yaml` in the workspace names them:

    format: 1
    machines:
      gpubox: {kind: ssh, host: gpubox, folder: ~/nlp-skills}

`local` is this machine and needs no entry.
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from functools import cache
from typing import Any, ClassVar, Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ....resources.errors import MachineError
from ....resources.files import lock, read_yaml, write_yaml
from ....resources.kinds import kinds_in
from ....resources.language import Text
from ....resources.wording import problem_in_words
from ....resources.workspace import NAME_PATTERN, Workspace
from ..machine import Machine

LOCAL = "local"
State = Literal["ok", "warning", "broken"]


class Standing(NamedTuple):
    """One thing looked at on a machine: how it is, and what mends it where it is not well. `hardware` and `libraries`
    are what was seen on the way, for those who can tell what the machine is good for."""

    state: State
    says: Text
    mends: Text | None = None
    hardware: Machine | None = None
    libraries: dict[str, Any] | None = None


class MachineKind(BaseModel, ABC):
    """A machine that jobs can be sent to. A subclass is one file here: its docstring is its documentation, its fields
    its settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: ClassVar[str]

    label: str = Field("", description="What people call it.")
    price_per_hour: float | None = Field(None, ge=0, description="What an hour of it costs in US dollars; none: nothing.")

    @classmethod
    def __pydantic_init_subclass__(cls, **given: Any) -> None:
        super().__pydantic_init_subclass__(**given)
        cls.kind = cls.__module__.rpartition(".")[2]

    @abstractmethod
    def stop(self, name: str, job: str) -> None:
        """End what still runs there of that job.

        Raises:
            MachineError: the machine does not answer, or refuses.
        """

    @abstractmethod
    def examine(self, name: str) -> list[Standing]:
        """How it stands, for a person; takes a few seconds and changes nothing."""


@cache
def machine_kinds() -> dict[str, type[MachineKind]]:
    """The installed kinds by name: modules of this package that hold one."""
    return kinds_in(__name__, MachineKind)


def named_machines(workspace: Workspace) -> dict[str, dict[str, Any]]:
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
            Text("Mend it: machines: {name: {kind: ssh, host: …}}.", "請修正，格式為 machines: {名稱: {kind: ssh, host: …}}。"),
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
    near = difflib.get_close_matches(name, known, n=1)
    offered = ", ".join(sorted(known))
    raise MachineError(
        Text(f"There is no machine named {name[:60]!r}." + (f" Did you mean {near[0]!r}?" if near else ""),
             f"沒有名為「{name[:60]}」的機器。" + (f"你是指「{near[0]}」嗎？" if near else "")),
        Text((f"Known: {offered}. " if offered else "") + f"Add it with set_up(what='machine', name={name[:60]!r}, "
             "settings={'kind': 'ssh', 'host': …}).",
             (f"已有的機器：{offered}。" if offered else "") + f"新增請用 set_up(what='machine', name={name[:60]!r}, "
             "settings={'kind': 'ssh', 'host': …})。"),
        field="machine",
    )


def make_machine(name: str, settings: dict[str, Any]) -> MachineKind:
    """A machine out of its settings, validated.

    Raises:
        MachineError: its name or kind cannot be used, or a setting is unknown or wrong.
    """
    if not NAME_PATTERN.fullmatch(name) or name == LOCAL:
        raise MachineError(
            Text(f"{name[:60]!r} cannot be a machine's name.", f"「{name[:60]}」不能當機器名稱。"),
            Text("Use lower-case letters, digits and hyphens, such as gpubox; 'local' is this machine.",
                 "請用小寫英文字母、數字與連字號，例如 gpubox；local 指的是這台機器。"), field="name")
    given = dict(settings)
    kind = str(given.pop("kind", "ssh"))
    known = machine_kinds()
    if kind not in known:
        raise MachineError(
            Text(f"There is no kind of machine {kind[:40]!r}.", f"沒有「{kind[:40]}」這種機器。"),
            Text(f"Kinds: {', '.join(sorted(known))}.", f"可用的種類：{'、'.join(sorted(known))}。"),
            field="settings.kind")
    try:
        return known[kind].model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place, said = ".".join(["settings", *(str(part) for part in first["loc"])]), problem_in_words(first)
        fields = ", ".join(known[kind].model_fields)
        raise MachineError(
            Text(f"{name}: {place}: {said.en}.", f"{name}：{place}：{said.zh}。"),
            Text(f"A machine of kind {kind} has the fields: {fields}.", f"{kind} 機器的欄位有：{fields}。"),
            field=place,
        ) from error


def keep_machine(workspace: Workspace, name: str, machine: MachineKind) -> None:
    """Write the machine into `machines.yaml`; other entries stay as they are."""
    path = workspace.root / "machines.yaml"
    with lock(path):
        known = named_machines(workspace)
        settings = machine.model_dump(mode="json", exclude_defaults=True)
        if known.get(name) != {"kind": machine.kind, **settings}:
            write_yaml(path, {"format": 1, "machines": {**known, name: {"kind": machine.kind, **settings}}})
