"""What a preflight finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from ...resources.foundation.errors import NlpSkillsError, TrainingError
from ...resources.foundation.language import Text

_T = TypeVar("_T")
Level = Literal["blocking", "confirm", "warning"]


@dataclass(frozen=True)
class Finding:
    """One thing found: `blocking` stops, `confirm` asks first, `warning` is said."""

    level: Level
    code: str
    problem: Text
    fix: Text
    error: NlpSkillsError | None = None

    def to_answer(self) -> dict[str, str]:
        return {"level": self.level, "code": self.code, "problem": str(self.problem), "fix": str(self.fix)}

    @classmethod
    def of_error(cls, code: str, error: NlpSkillsError) -> Finding:
        """An error that stops the training."""
        return cls("blocking", code, error.problem, error.fix, error)


def first_blocking(findings: list[Finding]) -> NlpSkillsError | None:
    """The first blocking finding as the error it is."""
    for finding in findings:
        if finding.level == "blocking":
            return finding.error or TrainingError(finding.problem, finding.fix, field=finding.code)
    return None


def try_finding(findings: list[Finding], code: str, look: Callable[[], _T]) -> _T | None:
    """What `look` finds, or None with its error among the findings."""
    try:
        return look()
    except NlpSkillsError as error:
        findings.append(Finding.of_error(code, error))
        return None
