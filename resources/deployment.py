"""`deployments/<job>.json`: one deployment; `current.json` holds the one that stands."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from .foundation.errors import DeploymentError, NlpSkillsError
from .foundation.json_object import JsonObject
from .record import Number, Record


class Deployment(Record):
    """What was deployed: what answers, where, and how well it agrees with what was evaluated.

    Arguments:
        settings: of its target; secrets stand there as references.
        parity: shares of rows, `{raw, label, count}`; None where nothing answers yet.
        overrides: gates passed for a reason: `gate`, `reason`, `figures`.
        ended: when it was replaced or taken down.
        restores: the deployment a roll-back brought back.
    """

    error_type: ClassVar[type[NlpSkillsError]] = DeploymentError

    id: str = ""
    task: str = ""
    version: str = ""
    target: str = ""
    settings: JsonObject = Field(default_factory=dict)  # each target has its own
    url: str | None = None
    model: str = ""
    job: str | None = None
    api_key: str | None = None
    files: list[str] = Field(default_factory=list)
    digest: str | None = None
    system_is_baked: bool = False
    rows_only: bool = False
    parity: dict[str, Number] | None = None
    overrides: list[dict[str, str]] = Field(default_factory=list)
    created: str = ""
    ended: str | None = None
    restores: str | None = None
