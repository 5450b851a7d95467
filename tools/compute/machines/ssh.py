"""A Linux machine that answers over SSH."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, field_validator

from ....resources import spending
from ....resources.access import AccessError
from ....resources.answer import NextStep
from ....resources.errors import MachineError, MachineUnreachable, MissingRequirement, NlpSkillsError
from ....resources.job import JobFolder
from ....resources.language import Text, several
from ....resources.wording import written_as
from ....resources.workspace import Workspace
from ..answers import SetUp, asks, stands
from ..far import Far, greet
from ..host_keys import ChangedHostKey, UnknownHostKey
from ..lease import Lease, Meter
from ..link import Link
from ..words import size
from . import LinkedMachine, Prospect, Standing, keep_machine

if TYPE_CHECKING:
    from ..running import RunningJob

_ROOMY_DISK = 8_000_000_000


class Ssh(LinkedMachine):
    """A Linux machine of your own, reached with your SSH keys; your SSH config (aliases, jump hosts, agent) counts.
    Jobs run on there when the link breaks or this machine sleeps."""

    answers: ClassVar[tuple[str, ...]] = ("fingerprint",)
    shown_by: ClassVar[str] = "host"

    host: Annotated[
        str, written_as(r"[^\s\x00-\x1f-][^\s\x00-\x1f]*", Text("user@host or an alias", "user@host 或別名"))
    ] = Field(description="An alias of ~/.ssh/config, or user@host:port.")

    @field_validator("host")
    @classmethod
    def _without_password(cls, host: str) -> str:
        user, at, _ = host.rpartition("@")
        if at and ":" in user.rpartition("/")[2]:
            raise MachineError(
                Text(
                    "The host holds a password; passwords are not used to log in.", "host 裡有密碼；這裡不用密碼登入。"
                ),
                Text(
                    "Put your key on that machine (ssh-copy-id user@host), then name user@host alone; change the password "
                    "if it was typed into a chat.",
                    "請用 ssh-copy-id user@host 把金鑰放上那台機器，再只填 user@host；密碼若打在對話裡，請更換。",
                ),
                field="settings.host",
            )
        return host

    @contextmanager
    def reached(self, name: str, fingerprint: str | None = None) -> Iterator[Far]:
        """The machine with a link to it, looked at.

        Raises:
            MachineUnreachable, MachineError: see `Link.connect` and `greet`.
        """
        with Link(name, self.host) as link:
            link.connect(fingerprint)
            yield greet(link, self.folder, self.python)

    def set_up(self, workspace: Workspace, name: str, confirm: bool, extra: dict[str, Any]) -> SetUp | JobFolder:
        """Its host key is asked first; then it is kept, and what would be installed there is told or done."""
        from ..bootstrap import build_there, needed_disk  # what tends a machine is not needed to start the server

        fingerprint = str(extra.get("fingerprint") or "")
        try:
            with self.reached(name, fingerprint if fingerprint and confirm else None) as far:
                keep_machine(workspace, name, self)
                try:
                    worker = far.require_worker()
                except MissingRequirement:
                    if self.python:
                        raise
                    download, disk = needed_disk(far)
                else:
                    return stands(
                        Text(
                            f"{name} is ready: {worker} ({far.libraries_shown()}).",
                            f"{name} 可以使用了：{worker}（{far.libraries_shown()}）。",
                        ),
                        worker,
                    )
                if confirm and not fingerprint:  # the yes to a host key is not one to an installation
                    return build_there(workspace, name)
                return _asks_to_install(name, far, download, disk)
        except UnknownHostKey as unknown:
            if fingerprint and confirm and fingerprint == unknown.details["fingerprint"]:
                raise
            return self._asks_for_trust(name, unknown)

    def place(self, name: str) -> str:
        return self.host

    def prospect(self, workspace: Workspace, name: str) -> Prospect:
        with self.reached(name) as far:
            far.require_worker()
            return Prospect(far.machine, self.host, self.price_per_hour or 0.0)

    def lease(self, job: RunningJob, name: str, meter: Meter) -> Lease:
        meter.start()
        return Lease(self.host, meter)

    def stop(self, name: str, job: JobFolder) -> None:
        with self.reached(name) as far:
            far.verb("cancel", run=job.id)
        if task := job.task():
            spending.closed(task, job.id, name)

    def _asks_for_trust(self, name: str, unknown: UnknownHostKey) -> SetUp:
        step = NextStep(
            say=str(unknown.fix),
            tool="set_up",
            arguments={
                "what": "machine",
                "name": name,
                "confirm": True,
                "settings": {
                    "kind": self.kind,
                    **self.model_dump(mode="json", exclude_defaults=True),
                    "fingerprint": unknown.details["fingerprint"],
                },
            },
        )
        return SetUp(message=str(unknown.problem), plan={"machine": name, **unknown.details}, next_step=step)

    def examine(self, name: str) -> list[Standing]:
        try:
            with self.reached(name) as far:
                return list(self._standing(name, far))
        except (
            AccessError,
            UnknownHostKey,
            ChangedHostKey,
            MachineUnreachable,
            MachineError,
            MissingRequirement,
        ) as error:
            return [
                Standing(
                    "broken",
                    Text(f"Machine {name}: {error.problem.en}", f"機器 {name}：{error.problem.zh}"),
                    _mend(name, error),
                )
            ]

    def _standing(self, name: str, far: Far) -> Iterator[Standing]:
        hardware = far.machine
        gpus = ", ".join(gpu.name for gpu in hardware.gpus)
        yield Standing(
            "ok",
            Text(
                f"Machine {name}: {self.host} answers, host key trusted; Python {far.python_version}, "
                f"{several(hardware.cores, 'core')}, {size(hardware.free_memory)} of memory free, "
                f"{f'GPU {gpus}' if gpus else 'no NVIDIA GPU'}",
                f"機器 {name}：{self.host} 有回應，主機金鑰可信；Python {far.python_version}、{hardware.cores} 核心、"
                f"可用記憶體 {size(hardware.free_memory)}、{f'GPU：{gpus}' if gpus else '沒有 NVIDIA GPU'}",
            ),
            hardware=hardware,
            libraries=far.libraries,
        )
        room = Text(
            f"Machine {name}: {size(hardware.disk_free)} of disk free in {far.folder}",
            f"機器 {name}：{far.folder} 可用磁碟 {size(hardware.disk_free)}",
        )
        yield (
            Standing("ok", room)
            if hardware.disk_free >= _ROOMY_DISK
            else Standing(
                "warning",
                room,
                Text(
                    "Free some space there, or set its folder to a larger disk.",
                    "請在該機器清出空間，或把 folder 設到較大的磁碟。",
                ),
            )
        )
        try:
            far.require_worker()
        except NlpSkillsError as error:
            yield Standing(
                "warning", Text(f"Machine {name}: {error.problem.en}", f"機器 {name}：{error.problem.zh}"), error.fix
            )
            return
        yield Standing(
            "ok",
            Text(
                f"Machine {name}: worker environment {far.worker}: {far.libraries_shown()}",
                f"機器 {name}：工作環境 {far.worker}：{far.libraries_shown()}",
            ),
        )
        for warning in hardware.warnings():
            yield Standing("warning", Text(f"Machine {name}: {warning.en}", f"機器 {name}：{warning.zh}"))


def _asks_to_install(name: str, far: Far, download: int, disk: int) -> SetUp:
    words = Text(
        f"{name} answers (Python {far.python_version}, {several(far.machine.cores, 'core')}, {len(far.machine.gpus)} GPU) "
        f"and is kept in machines.yaml. It has no worker environment yet: about {size(download)} to download and "
        f"{size(disk)} on disk ({size(far.machine.disk_free)} free) in {far.folder}.",
        f"{name} 有回應（Python {far.python_version}、{far.machine.cores} 核心、{len(far.machine.gpus)} 張 GPU），"
        f"已記在 machines.yaml。它還沒有工作環境：下載約 {size(download)}，占用磁碟約 {size(disk)}"
        f"（可用 {size(far.machine.disk_free)}），位置 {far.folder}。",
    )
    plan = {
        "machine": name,
        "folder": far.folder,
        "download": download,
        "disk": disk,
        "disk_free": far.machine.disk_free,
        "gpus": [gpu.name for gpu in far.machine.gpus],
    }
    return asks(plan, words, "machine", name)


def _mend(name: str, error: Any) -> Text:
    if isinstance(error, UnknownHostKey):
        return Text(
            f"In the client, ask for set_up(what='machine', name={name!r}).",
            f"請在用戶端要求執行 set_up(what='machine', name={name!r})。",
        )
    return Text(error.fix.en, error.fix.zh)
