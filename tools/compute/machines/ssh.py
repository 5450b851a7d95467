"""A Linux machine that answers over SSH."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import Field, field_validator

from ....resources.errors import MachineError, MachineUnreachable, MissingRequirement, NlpSkillsError
from ....resources.language import Text
from ..far import Far, greet
from ..host_keys import ChangedHostKey, UnknownHostKey
from ..link import Link
from ..words import size
from . import MachineKind, Standing

_ROOMY_DISK = 8_000_000_000


class Ssh(MachineKind):
    """A Linux machine of your own, reached with your SSH keys; your SSH config (aliases, jump hosts, agent) counts.
    Jobs run on there when the link breaks or this machine sleeps."""

    host: str = Field(pattern=r"^[^\s-]\S*$", description="An alias of ~/.ssh/config, or user@host:port.")
    folder: str = Field("~/.nlp-skills-jobs", pattern=r"^(~|/)[^\n]*$",
                        description="Where data, models and environments stand there; made when first needed.")
    python: str | None = Field(None, pattern=r"^/\S+$", description=
                               "An interpreter there that has the training libraries; none: an environment is built.")
    patience_hours: float = Field(24, gt=0, description="How long a broken link is tried again.")

    @field_validator("host")
    @classmethod
    def _without_password(cls, host: str) -> str:
        user, at, _ = host.rpartition("@")
        if at and ":" in user.rpartition("/")[2]:
            raise MachineError(
                Text("The host holds a password; passwords are not used to log in.",
                     "host 裡有密碼；這裡不用密碼登入。"),
                Text("Put your key on that machine (ssh-copy-id user@host), then name user@host alone; change the password "
                     "if it was typed into a chat.",
                     "請用 ssh-copy-id user@host 把金鑰放上那台機器，再只填 user@host；密碼若打在對話裡，請更換。"),
                field="settings.host")
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

    def stop(self, name: str, job: str) -> None:
        with self.reached(name) as far:
            far.verb("cancel", run=job)

    def examine(self, name: str) -> list[Standing]:
        try:
            with self.reached(name) as far:
                return list(self._standing(name, far))
        except (UnknownHostKey, ChangedHostKey, MachineUnreachable, MachineError, MissingRequirement) as error:
            return [Standing("broken", Text(f"Machine {name}: {error.problem.en}", f"機器 {name}：{error.problem.zh}"),
                             _mend(name, error))]

    def _standing(self, name: str, far: Far) -> Iterator[Standing]:
        hardware = far.machine
        gpus = ", ".join(gpu.name for gpu in hardware.gpus)
        yield Standing("ok", Text(
            f"Machine {name}: {self.host} answers, host key trusted; Python {far.python_version}, {hardware.cores} cores, "
            f"{size(hardware.free_memory)} of memory free, {f'GPU {gpus}' if gpus else 'no NVIDIA GPU'}",
            f"機器 {name}：{self.host} 有回應，主機金鑰可信；Python {far.python_version}、{hardware.cores} 核心、"
            f"可用記憶體 {size(hardware.free_memory)}、{f'GPU：{gpus}' if gpus else '沒有 NVIDIA GPU'}"),
            hardware=hardware, libraries=far.libraries)
        room = Text(f"Machine {name}: {size(hardware.disk_free)} of disk free in {far.folder}",
                    f"機器 {name}：{far.folder} 可用磁碟 {size(hardware.disk_free)}")
        yield Standing("ok", room) if hardware.disk_free >= _ROOMY_DISK else Standing(
            "warning", room, Text("Free some space there, or set its folder to a larger disk.",
                                  "請在該機器清出空間，或把 folder 設到較大的磁碟。"))
        try:
            far.require_worker()
        except NlpSkillsError as error:
            yield Standing("warning", Text(f"Machine {name}: {error.problem.en}", f"機器 {name}：{error.problem.zh}"),
                           error.fix)
            return
        yield Standing("ok", Text(f"Machine {name}: worker environment {far.worker}: {far.libraries_shown()}",
                                  f"機器 {name}：工作環境 {far.worker}：{far.libraries_shown()}"))
        for warning in hardware.warnings():
            yield Standing("warning", Text(f"Machine {name}: {warning.en}", f"機器 {name}：{warning.zh}"))


def _mend(name: str, error: Any) -> Text:
    if isinstance(error, UnknownHostKey):
        return Text(f"In the client, ask for set_up(what='machine', name={name!r}).",
                    f"請在用戶端要求執行 set_up(what='machine', name={name!r})。")
    return Text(error.fix.en, error.fix.zh)
