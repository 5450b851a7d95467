"""`reservation.json`: which job a version was reserved by, after which plan; and `failure.json`: why it was not trained."""

from __future__ import annotations

from typing import Any

from .record import Number, Part, Record


class AgreedCost(Part):
    """The price by the hour that was agreed to, and what the training would probably cost by it."""

    per_hour: Number = 0
    low: Number = 0
    high: Number = 0
    currency: str = "USD"


class Reservation(Record):
    """The content of `reservation.json`; `plan_hash` is of the plan's file as it was taken up."""

    job: str = ""
    plan: str = ""
    plan_hash: str = ""
    created: str | None = None
    cost: AgreedCost | None = None


class Failure(Record):
    """The content of `failure.json`; `error` is `NlpSkillsError.to_dict()`."""

    cancelled: bool = False
    ended: str | None = None
    job: str | None = None
    error: dict[str, Any] | None = None
