"""The person's reason to pass a gate: it opens one gate, the one whose figure they have seen, and no other.

    deployments/gates/vN.json   {"format": 1, "refused": {target: {gate, figures, seen, date}},
                                 "reasons": {"success_criteria" | "parity TARGET": {reason, figures, seen, date}}}

How a version stands to its own criteria is told by every evaluation, so a first reason is about that. How well its
endpoint agrees with it is not known before it was measured: only after a deployment was refused for that is a reason
about it. One that was given before keeps standing for the same figures, once another is given for the next gate.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict, cast

from ...resources.foundation.clock import now
from ...resources.foundation.files import lock, read_json, write_json
from ...resources.version import VersionFolder

CRITERIA, PARITY = "success_criteria", "parity"


class _Refusal(TypedDict):
    """The gate that refused, and the figures the person was told."""

    gate: str
    figures: str
    seen: dict[str, float]
    date: str


class _Reason(TypedDict):
    """The person's reason, for those figures."""

    reason: str
    figures: str
    seen: dict[str, float]
    date: str


class _Gates(TypedDict):
    """The file: refusals by target, reasons by gate."""

    format: int
    refused: dict[str, _Refusal]
    reasons: dict[str, _Reason]


class Override:
    """A reason and the gate that it opens.

    Arguments:
        reason: in the person's words; empty where none was given.
        opens: the gate, see `opened_gate`.
    """

    def __init__(self, version: VersionFolder, target: str, reason: str, opens: str) -> None:
        self.version, self.target, self.reason, self.gate = version, target, reason, opens

    def opens(self, gate: str, figures: str, seen: dict[str, float]) -> dict[str, str] | None:
        """What is recorded of the gate that a reason opens; None where none does.

        Arguments:
            seen: the figures, higher ones better: worse ones than those the person knows are new to them.
        """
        if not self.reason:
            return None
        known = _read(self.version)
        if gate == self.gate:
            refused = known["refused"].get(self.target)
            if gate == CRITERIA or (refused and _no_worse(seen, refused.get("seen") or {})):
                self._keep(gate, figures, seen)
                return {"gate": gate, "reason": self.reason, "figures": figures}
            return None
        standing = known["reasons"].get(_name(gate, self.target))
        if standing and _no_worse(seen, standing.get("seen") or {}):
            return {"gate": gate, "reason": str(standing["reason"]), "figures": figures}
        return None

    def record_refusal(self, gate: str, figures: str, seen: dict[str, float]) -> None:
        """The person is told these figures now: the next reason is about them."""
        with _changing(self.version) as (file, content):
            content["refused"][self.target] = {"gate": gate, "figures": figures, "seen": seen, "date": now()}
            write_json(file, content)

    def record_deployment(self) -> None:
        """It was deployed: what was refused before is settled."""
        if _read(self.version)["refused"].get(self.target):
            with _changing(self.version) as (file, content):
                content["refused"].pop(self.target, None)
                write_json(file, content)

    def _keep(self, gate: str, figures: str, seen: dict[str, float]) -> None:
        with _changing(self.version) as (file, content):
            content["reasons"][_name(gate, self.target)] = {
                "reason": self.reason,
                "figures": figures,
                "seen": seen,
                "date": now(),
            }
            write_json(file, content)


def opened_gate(version: VersionFolder, target: str) -> str:
    """The gate that a reason given now is about: the one that refused last, else the person's own criteria."""
    refused = _read(version)["refused"].get(target)
    return (refused and refused.get("gate")) or CRITERIA


def _name(gate: str, target: str) -> str:
    return f"{gate} {target}" if gate == PARITY else gate


def _no_worse(now_seen: dict[str, float], before: dict[str, float]) -> bool:
    return bool(before) and all(name in before and value >= before[name] - 1e-9 for name, value in now_seen.items())


def _file(version: VersionFolder) -> Path:
    return version.task.deployments / "gates" / f"{version.name}.json"


def _read(version: VersionFolder) -> _Gates:
    file = _file(version)
    content = dict(read_json(file)) if file.is_file() else {}
    known = {
        "format": 1,
        **content,
        "refused": dict(content.get("refused") or {}),
        "reasons": dict(content.get("reasons") or {}),
    }
    return cast(_Gates, known)


class _changing:
    """The file and its content, locked."""

    def __init__(self, version: VersionFolder) -> None:
        self._version, self._lock = version, lock(_file(version))

    def __enter__(self) -> tuple[Path, _Gates]:
        self._lock.__enter__()
        return _file(self._version), _read(self._version)

    def __exit__(self, *error: Any) -> None:
        self._lock.__exit__(*error)
