"""What a job came to: `result` of its `exit.json`."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from ....resources.foundation.json_object import JsonObject


class NextCall(TypedDict):
    """The tool to call next; `say` in both languages, `arguments` are that tool's."""

    tool: str
    arguments: JsonObject
    say: dict[str, str]


class JobResult(TypedDict):
    """What every job says to the person, in both languages (`{"en": …, "zh": …}`); a kind of job adds its own."""

    message: dict[str, str]
    next_step: NotRequired[NextCall]


class BuiltEnvironment(JobResult):
    """A worker environment on this machine; `downloading` is the job that fetches the model agreed to with it."""

    python: str
    folder: str
    packages: dict[str, str]
    installer: str
    seconds: float
    bytes: int
    downloading: NotRequired[str]


class DownloadedModel(JobResult):
    name: str
    path: str
    commit: str
    bytes: int
    licence: str | None


class BuiltRemotely(JobResult):
    """A worker environment on another machine."""

    machine: str
    python: str
    installer: str


class PriceFound(JobResult):
    """`offer` is skypilot/offer.py's, without the settings it was made for."""

    machine: str
    offer: JsonObject


class GivenBack(JobResult):
    machine: str
