"""What the person can set about the server, from the environment and the command line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..resources.foundation.account import default_workspace
from ..resources.foundation.errors import NlpSkillsError
from ..resources.foundation.language import Language, Text, as_language
from ..resources.foundation.wording import suggest

TOOLSETS = ("tasks", "data", "train", "evaluate", "deploy", "compute", "coach")
_YES = {"1", "true", "yes", "on"}
_NO = {"0", "false", "no", "off"}


class SettingsError(NlpSkillsError):
    """A setting of the server is wrong."""

    code = "settings"


@dataclass(frozen=True)
class HttpSettings:
    """Where Streamable HTTP is served: loopback unless told otherwise.

    Arguments:
        token: the bearer token every request must carry.
        hosts: further `Host` header values to accept, such as the name a reverse proxy forwards.
        origins: further `Origin` header values to accept, for web pages that may call this server.
    """

    token: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 8765
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """One server's settings.

    Arguments:
        workspace: the folder the tasks stand in.
        language: what to answer in where nothing else says; None leaves it to `NLP_SKILLS_LANGUAGE`, else English.
        toolsets: the verbs whose tools are offered.
        read_only: offer only tools that change nothing.
        forms: put questions to the person as forms where the client shows them; else they are asked in the chat.
    """

    workspace: Path = field(default_factory=default_workspace)
    language: Language | None = None
    toolsets: tuple[str, ...] = TOOLSETS
    read_only: bool = False
    forms: bool = True

    def __post_init__(self) -> None:
        for name in self.toolsets:
            if name not in TOOLSETS:
                raise _unknown("NLP_SKILLS_TOOLSETS", name, TOOLSETS)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """The settings of `NLP_SKILLS_WORKSPACE`, `_LANGUAGE`, `_TOOLSETS` (comma-separated), `_READ_ONLY` and
        `_FORMS`.

        Raises:
            SettingsError: a value is unknown; names the variable and the nearest right value.
        """
        spoken = environment.get("NLP_SKILLS_LANGUAGE")
        language = as_language(spoken)
        if spoken and not language:
            raise _unknown("NLP_SKILLS_LANGUAGE", spoken, ("en", "zh-TW"))
        folder = environment.get("NLP_SKILLS_WORKSPACE")
        return cls(
            workspace=Path(folder).expanduser().resolve() if folder else default_workspace(),
            language=language,
            toolsets=_read_list(environment.get("NLP_SKILLS_TOOLSETS")) or TOOLSETS,
            read_only=_read_switch("NLP_SKILLS_READ_ONLY", environment, default=False),
            forms=_read_switch("NLP_SKILLS_FORMS", environment, default=True),
        )


def _read_switch(variable: str, environment: Mapping[str, str], *, default: bool) -> bool:
    value = environment.get(variable, "").strip().lower()
    if value not in {*_YES, *_NO, ""}:
        raise _unknown(variable, value, ("1", "0"))
    return value in _YES if value else default


def _read_list(value: str | None) -> tuple[str, ...]:
    return tuple(name for part in (value or "").split(",") if (name := part.strip()))


def _unknown(variable: str, value: str, known: tuple[str, ...]) -> SettingsError:
    return SettingsError(
        Text(f"{variable} does not know {value[:40]!r}.", f"{variable} 沒有「{value[:40]}」這個值。"),
        suggest(value, known),
        field=variable,
    )
