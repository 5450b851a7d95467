"""One file for each client that can start this server: where its configuration stands and what it looks like.

Where a file stands is computed from a `Place` alone, so that the paths of all three systems are tested on any of them.
"""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePath
from typing import Any, ClassVar, Literal

from ..resources.foundation.errors import NlpSkillsError
from ..resources.foundation.kinds import Registry
from ..resources.foundation.language import Text
from ..resources.foundation.wording import suggest

System = Literal["linux", "darwin", "windows"]
SERVER_NAME = "nlp-skills"


class ClientError(NlpSkillsError):
    """A client's configuration cannot be read or changed; it is as it was."""

    code = "client"


@dataclass(frozen=True)
class Place:
    """A person's machine, as far as configuration paths depend on it.

    Arguments:
        home: the person's home folder, in the system's own path flavour.
        environment: the variables that move folders (`APPDATA`, `LOCALAPPDATA`, `XDG_CONFIG_HOME`, …).
        packages: on Windows, the folder names below `%LOCALAPPDATA%\\Packages` (apps installed as MSIX).
    """

    system: System
    home: PurePath
    environment: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()

    @classmethod
    def here(cls) -> Place:
        """The machine this runs on."""
        system: System = "windows" if sys.platform == "win32" else "darwin" if sys.platform == "darwin" else "linux"
        bare = cls(system, Path.home(), dict(os.environ))
        packages = Path(bare.local_data() / "Packages")
        found = sorted(entry.name for entry in packages.iterdir()) if packages.is_dir() else []
        return cls(system, bare.home, bare.environment, tuple(found))

    def application_data(self) -> PurePath:
        """Where applications keep what a person sets."""
        if self.system == "windows":
            return self._folder("APPDATA", self.home / "AppData" / "Roaming")
        if self.system == "darwin":
            return self.home / "Library" / "Application Support"
        return self._folder("XDG_CONFIG_HOME", self.home / ".config")

    def local_data(self) -> PurePath:
        """Windows: the data that stays on this machine."""
        return self._folder("LOCALAPPDATA", self.home / "AppData" / "Local")

    def _folder(self, variable: str, default: PurePath) -> PurePath:
        """The folder a variable names; a relative one is ignored, as the XDG specification asks."""
        named = type(self.home)(self.environment.get(variable) or ".")
        return named if named.is_absolute() else default


class Client(ABC):
    """What every client has; its `name` is its file's, with hyphens."""

    title: ClassVar[str]
    section: ClassVar[str] = "mcpServers"
    typed: ClassVar[bool] = False  # whether an entry says {"type": "stdio"}
    comments: ClassVar[bool] = False  # whether the client reads comments and trailing commas
    program: ClassVar[str | None] = None
    afterwards: ClassVar[Text]

    @property
    def name(self) -> str:
        return type(self).__module__.rpartition(".")[2].replace("_", "-")

    @abstractmethod
    def file(self, place: Place, project: PurePath | None = None) -> PurePath:
        """Its configuration: the person's own, or that of the folder `project`.

        Raises:
            ClientError: it has no configuration for one project.
        """

    @abstractmethod
    def signs(self, place: Place) -> Sequence[PurePath]:
        """Files and folders that stand where the client is installed."""

    def plugin_settings(self, place: Place) -> PurePath | None:
        """The file that says whether our plugin is switched on, for a client that has plugins."""
        return None

    def own_commands(self, program: str | None, entry: Mapping[str, Any] | None, replaces: bool) -> list[list[str]]:
        """The commands by which the client itself changes the person's configuration; none: the file is edited.

        Arguments:
            program: the client's own program, where it is found.
            entry: what to configure; None takes it out.
            replaces: whether an entry of ours stands there already.
        """
        return []


CLIENTS = Registry(f"{__package__}.clients", Client, Text("client", "個用戶端"), ClientError)


@cache
def clients() -> dict[str, Client]:
    """The known clients by name: each module of this package holds one."""
    return {client.name: client for client in CLIENTS.instances().values()}


def client_named(name: str) -> Client:
    """The client of that name.

    Raises:
        ClientError: there is none; the nearest names are offered.
    """
    known = clients()
    if name in known:
        return known[name]
    meant = suggest(name, known, most=2)
    raise ClientError(
        Text(f"There is no client {name[:40]!r}.", f"沒有「{name[:40]}」這個用戶端。"),
        Text(
            "{meant} Any other client takes the JSON of: nlp-skills install --client cursor --print",
            "{meant}其他用戶端可以貼上這個指令印出的 JSON：nlp-skills install --client cursor --print",
        ).format(meant=meant),
        field="client",
    )
