"""Every error a person can meet: what happened, what to do, which field.

One type per boundary, flat. Inner code may raise plain Python; the layer that knows what it means
turns it into one of these, and `server/boundary.py` turns these into MCP results.
"""

from __future__ import annotations

import functools
from typing import Any, ClassVar, TypedDict

from .json_object import JsonObject
from .language import Language, Text, spoken_language


class WrittenError(TypedDict):
    """An error in a file that another process reads, in both languages; each kind of error has `details` of its own."""

    code: str
    field: str | None
    problem: dict[str, str]
    fix: dict[str, str]
    details: JsonObject


class NlpSkillsError(Exception):
    """A failure described for the person.

    Arguments:
        problem: what happened and why, in both languages.
        fix: the next step that fixes it, in both languages.
        field: the argument or file field that is wrong, if one is (`sources[0].query`).
        details: figures or rows behind it, JSON-serialisable and free of secrets.

    `language` is that of its text, where it is printed after the call that it ended; the one spoken then where None.
    """

    code: ClassVar[str] = "error"
    language: Language | None = None

    def __init__(
        self, problem: Text, fix: Text, *, field: str | None = None, details: JsonObject | None = None
    ) -> None:
        super().__init__(problem.en)
        self.problem = problem
        self.fix = fix
        self.field = field
        self.details = details or {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors cross from one process to another whole."""
        return functools.partial(type(self), field=self.field, details=self.details), (self.problem, self.fix)

    def __str__(self) -> str:
        where = f" [{self.field}]" if self.field else ""
        language = self.language or spoken_language()
        return f"{self.problem.to(language)}{where}\n→ {self.fix.to(language)}"

    def to_dict(self) -> WrittenError:
        """Both languages, for a file another process reads."""
        return {
            "code": self.code,
            "field": self.field,
            "problem": self.problem._asdict(),
            "fix": self.fix._asdict(),
            "details": self.details,
        }


class WorkspaceError(NlpSkillsError):
    """The workspace folder cannot be read or written."""

    code = "workspace"


class TaskError(NlpSkillsError):
    """A task is missing, badly named, or its file is invalid."""

    code = "task"


class UnknownResource(NlpSkillsError):
    """An address (`nlp-skills://…`) leads nowhere."""

    code = "resource"


class ConflictError(NlpSkillsError):
    """Somebody else changed the same thing first."""

    code = "conflict"


class DataSourceError(NlpSkillsError):
    """A data source is misdescribed or cannot be read."""

    code = "data_source"


class DataError(NlpSkillsError):
    """Rows are wrong: fields, labels, splits, encodings."""

    code = "data"


class SecretError(NlpSkillsError):
    """A secret is missing or cannot be stored."""

    code = "secret"


class KnowledgeError(NlpSkillsError):
    """A data file of the knowledge that a person edited cannot be read."""

    code = "knowledge"


class JobError(NlpSkillsError):
    """A job cannot be started, found, cancelled or resumed."""

    code = "job"


class MissingRequirement(NlpSkillsError):
    """The environment that should do the work lacks something; `fix` names the command that brings it."""

    code = "missing_requirement"


class MachineError(NlpSkillsError):
    """A named machine is misdescribed, cannot be used, or is not the one it was."""

    code = "machine"


class MachineUnreachable(MachineError):
    """A named machine does not answer, or the link to it was cut."""

    code = "machine_unreachable"


class BudgetError(NlpSkillsError):
    """It would cost more than the task's budget leaves, or has done so."""

    code = "budget"


class TrainingError(NlpSkillsError):
    """A plan cannot be trained, or training stopped."""

    code = "training"


class EvaluationError(NlpSkillsError):
    """A version cannot be evaluated or compared."""

    code = "evaluation"


class DeploymentError(NlpSkillsError):
    """A version cannot be deployed, or what is deployed does not answer as it should."""

    code = "deployment"


class PortTaken(DeploymentError):
    """Another program listens where an endpoint was to."""

    code = "port_taken"


class PluginError(NlpSkillsError):
    """A kind that a package adds cannot be used."""

    code = "plugin"


class Cancelled(NlpSkillsError):
    """The person asked for it to stop."""

    code = "cancelled"
