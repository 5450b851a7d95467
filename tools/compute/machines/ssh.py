"""A Linux machine that answers over SSH."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, field_validator

from ....resources import spending
from ....resources.answer import NextStep
from ....resources.foundation.access import AccessError
from ....resources.foundation.errors import MachineError, MachineUnreachable, MissingRequirement, NlpSkillsError
from ....resources.foundation.json_object import JsonObject
from ....resources.foundation.language import Text, several
from ....resources.foundation.wording import written_as
from ....resources.job import JobFolder
from ....resources.workspace import Workspace
from ..answers import SetUp, asks, stands
from ..jobs.words import size
from ..machine import CheckResult, LinkedMachine, Prospect
from ..machines_file import keep_machine
from ..remote.host_keys import ChangedHostKey, UnknownHostKey
from ..remote.lease import Lease, Meter
from ..remote.link import Link
from ..remote.remote import RemoteMachine, connect_machine
from ..remote.remote_environment import needed_disk, submit_build

if TYPE_CHECKING:
    from ..jobs.running import RunningJob

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
    def connect_to(self, name: str, fingerprint: str | None = None) -> Iterator[RemoteMachine]:
        """The machine with a link to it, looked at.

        Raises:
            MachineUnreachable, MachineError: see `Link.connect` and `greet`.
        """
        with Link(name, self.host) as link:
            link.connect(fingerprint)
            yield connect_machine(link, self.folder, self.python)

    def set_up(self, workspace: Workspace, name: str, confirm: bool, extra: JsonObject) -> SetUp | JobFolder:
        """Its host key is asked first; then it is kept, and what would be installed there is told or done."""
        fingerprint = str(extra.get("fingerprint") or "")
        try:
            with self.connect_to(name, fingerprint if fingerprint and confirm else None) as remote:
                keep_machine(workspace, name, self)
                try:
                    worker = remote.require_worker()
                except MissingRequirement:
                    if self.python:
                        raise
                    download, disk = needed_disk(remote)
                else:
                    return stands(
                        Text(
                            f"{name} is ready: {worker} ({remote.libraries_shown()}).",
                            f"{name} 可以使用了：{worker}（{remote.libraries_shown()}）。",
                        ),
                        worker,
                    )
                if confirm and not fingerprint:  # the yes to a host key is not one to an installation
                    return submit_build(workspace, name)
                return _asks_to_install(name, remote, download, disk)
        except UnknownHostKey as unknown:
            if fingerprint and confirm and fingerprint == unknown.details["fingerprint"]:
                raise
            return self._asks_for_trust(name, unknown)

    def place(self, name: str) -> str:
        return self.host

    def prospect(self, workspace: Workspace, name: str) -> Prospect:
        with self.connect_to(name) as remote:
            remote.require_worker()
            return Prospect(remote.machine, self.host, self.price_per_hour or 0.0)

    def lease(self, job: RunningJob, name: str, meter: Meter) -> Lease:
        meter.start()
        return Lease(self.host, meter)

    def stop(self, name: str, job: JobFolder) -> None:
        with self.connect_to(name) as remote:
            remote.verb("cancel", run=job.id)
        if task := job.task():
            spending.record_rate_end(task, job.id, name)

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

    def examine(self, name: str) -> list[CheckResult]:
        try:
            with self.connect_to(name) as remote:
                return list(self._check_results(name, remote))
        except (
            AccessError,
            UnknownHostKey,
            ChangedHostKey,
            MachineUnreachable,
            MachineError,
            MissingRequirement,
        ) as error:
            return [
                CheckResult("broken", Text(f"Machine {name}: ", f"機器 {name}：") + error.problem, _mend(name, error))
            ]

    def _check_results(self, name: str, remote: RemoteMachine) -> Iterator[CheckResult]:
        hardware = remote.machine
        gpus = ", ".join(gpu.name for gpu in hardware.gpus)
        yield CheckResult(
            "ok",
            Text(
                f"Machine {name}: {self.host} answers, host key trusted; Python {remote.python_version}, "
                f"{several(hardware.cores, 'core')}, {size(hardware.free_memory)} of memory free, "
                f"{f'GPU {gpus}' if gpus else 'no NVIDIA GPU'}",
                f"機器 {name}：{self.host} 有回應，主機金鑰可信；Python {remote.python_version}、{hardware.cores} 核心、"
                f"可用記憶體 {size(hardware.free_memory)}、{f'GPU：{gpus}' if gpus else '沒有 NVIDIA GPU'}",
            ),
            hardware=hardware,
            libraries=remote.libraries,
        )
        room = Text(
            f"Machine {name}: {size(hardware.disk_free)} of disk free in {remote.folder}",
            f"機器 {name}：{remote.folder} 可用磁碟 {size(hardware.disk_free)}",
        )
        yield (
            CheckResult("ok", room)
            if hardware.disk_free >= _ROOMY_DISK
            else CheckResult(
                "warning",
                room,
                Text(
                    "Free some space there, or set its folder to a larger disk.",
                    "請在該機器清出空間，或把 folder 設到較大的磁碟。",
                ),
            )
        )
        try:
            remote.require_worker()
        except NlpSkillsError as error:
            yield CheckResult("warning", Text(f"Machine {name}: ", f"機器 {name}：") + error.problem, error.fix)
            return
        yield CheckResult(
            "ok",
            Text(
                f"Machine {name}: worker environment {remote.worker}: {remote.libraries_shown()}",
                f"機器 {name}：工作環境 {remote.worker}：{remote.libraries_shown()}",
            ),
        )
        for warning in hardware.warnings():
            yield CheckResult("warning", Text(f"Machine {name}: ", f"機器 {name}：") + warning)


def _asks_to_install(name: str, remote: RemoteMachine, download: int, disk: int) -> SetUp:
    words = Text(
        f"{name} answers (Python {remote.python_version}, {several(remote.machine.cores, 'core')}, {len(remote.machine.gpus)} GPU) "
        f"and is kept in machines.yaml. It has no worker environment yet: about {size(download)} to download and "
        f"{size(disk)} on disk ({size(remote.machine.disk_free)} free) in {remote.folder}.",
        f"{name} 有回應（Python {remote.python_version}、{remote.machine.cores} 核心、{len(remote.machine.gpus)} 張 GPU），"
        f"已記在 machines.yaml。它還沒有工作環境：下載約 {size(download)}，占用磁碟約 {size(disk)}"
        f"（可用 {size(remote.machine.disk_free)}），位置 {remote.folder}。",
    )
    plan = {
        "machine": name,
        "folder": remote.folder,
        "download": download,
        "disk": disk,
        "disk_free": remote.machine.disk_free,
        "gpus": [gpu.name for gpu in remote.machine.gpus],
    }
    return asks(plan, words, "machine", name)


def _mend(name: str, error: NlpSkillsError) -> Text:
    if isinstance(error, UnknownHostKey):
        return Text(
            f"In the client, ask for set_up(what='machine', name={name!r}).",
            f"請在用戶端要求執行 set_up(what='machine', name={name!r})。",
        )
    return error.fix
