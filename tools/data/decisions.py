"""Errors of validation that a person may override: with a reason, kept in the report and in what is trained on it.

A decision stands for as many rows as it was made for: where the data changes and more are found, it blocks again.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import NamedTuple

from ...resources.foundation.clock import now
from ...resources.foundation.errors import DataError
from ...resources.foundation.language import Text
from ...resources.snapshot import Accepted
from ...resources.validation import Finding, Overridden, ValidationReport

KEEP_BENCHMARK, NEW_BENCHMARK = "benchmark_changed", "new_benchmark"  # the two ways out where the data left it behind
ACCEPTABLE = (
    "rows_left_out",
    "source_shrank",
    "conflicting_labels",
    "near_benchmark",
    "personal_id_number",
    "personal_card",
    "secret_token",
    "secret_private_key",
    "benchmark_one_label",
    KEEP_BENCHMARK,
    NEW_BENCHMARK,
)
_LONGEST_REASON = 500


class Decision(NamedTuple):
    """Why, who and when; `rows`: for how many, None where it is for as many as are found now."""

    reason: str
    by: str
    at: str
    rows: int | None = None


def decisions_of(accept: Mapping[str, str]) -> dict[str, Decision]:
    """What the person accepts now: finding code → reason.

    Raises:
        DataError: a code is none that can be accepted, or a reason is missing.
    """
    for code, reason in accept.items():
        if code not in ACCEPTABLE:
            raise DataError(
                Text(f"{code[:60]!r} is not a finding that can be accepted.", f"「{code[:60]}」不是可以接受的項目。"),
                Text(
                    f"Use one of: {', '.join(ACCEPTABLE)}. Everything else has to be fixed in the data.",
                    f"可以接受的有：{'、'.join(ACCEPTABLE)}。其他問題必須修正資料。",
                ),
                field="accept",
            )
        if not reason.strip():
            raise DataError(
                Text(f"Accepting {code} needs a reason.", f"要接受 {code}，必須寫明理由。"),
                Text(
                    "Ask the person why the data is right as it is, and pass their words.",
                    "請問對方為什麼資料這樣是對的，並帶入他的說法。",
                ),
                field="accept",
            )
    person, moment = who(), now()
    return {code: Decision(reason.strip()[:_LONGEST_REASON], person, moment) for code, reason in accept.items()}


def standing(report: ValidationReport | None) -> dict[str, Decision]:
    """The decisions that an earlier report holds."""
    return {
        found.code: Decision(found.decision.reason, found.decision.by, found.decision.at, found.count)
        for found in (report.accepted if report else ())
        if found.decision
    }


def apply_decisions(report: ValidationReport, decisions: Mapping[str, Decision]) -> ValidationReport:
    """`report` with what was decided on among `accepted`: errors, and warnings that leave a choice."""
    taken: list[Finding] = []

    def is_open(found: Finding) -> bool:
        decision = decisions.get(found.code)
        if decision is None or (decision.rows is not None and found.count > decision.rows):
            return True
        overridden = Overridden(reason=decision.reason, by=decision.by, at=decision.at)
        taken.append(found.model_copy(update={"decision": overridden}))
        return False

    errors, warnings = [list(filter(is_open, found)) for found in (report.errors, report.warnings)]
    return report.model_copy(update={"errors": errors, "warnings": warnings, "accepted": taken})


def summary(report: ValidationReport) -> list[Accepted]:
    """What a version records of them."""
    return [
        Accepted.model_validate({"finding": found.code, "count": found.count, **found.decision.to_dict()})
        for found in report.accepted
        if found.decision
    ]


def who() -> str:
    """The name of the account that decides."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"
