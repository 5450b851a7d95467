"""`evidence.json`: what the jobs saw that a diagnosis needs, ids and figures only."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from .record import Record


class Evidence(Record):
    """What training and evaluation left. What stands in each depends on the method and on the kind of answers: the cause
    that needs a part knows it, and says `NotKnown` where it is not there."""

    training: dict[str, Any] = Field(default_factory=dict)
    evaluation: dict[str, Any] = Field(default_factory=dict)
