"""What the jobs of training end with: the result in their `exit.json`."""

from __future__ import annotations

from pydantic import BaseModel

from ...resources.foundation.json_object import JsonObject
from ...resources.lineage_record import VersionCost
from ...resources.model_info import ParameterCount, TrainingFigures


class NextCall(BaseModel):
    """The call that comes next, and what is said of it in both languages."""

    tool: str
    arguments: JsonObject  # of that tool
    say: dict[str, str]


class JobResult(BaseModel):
    """What every result has at its end: what is said, in both languages, and what comes next."""

    message: dict[str, str]
    next_step: NextCall

    def to_dict(self) -> JsonObject:
        """The fields that were given, those of every result last."""
        fields = self.model_dump(mode="json", exclude_unset=True)
        return {**fields, **{name: fields.pop(name) for name in JobResult.model_fields}}


class TrainedVersion(JobResult):
    """A version that was trained: where it stands, its model, and what it cost where it cost something."""

    version: str
    parameters: ParameterCount
    training: TrainingFigures
    folder: str
    model: str
    cost: VersionCost | None = None


class Check(BaseModel):
    """One thing that was compared; of answers also how many there are, how many differ, and a few of their rows' ids."""

    what: str
    same: bool
    recorded: str | None
    replayed: str | None
    rows: int = 0
    different: int = 0
    ids: list[str] = []


class Difference(BaseModel):
    """What the environment of a version says, and what that of this machine does."""

    then: object
    now: object


class Reproduction(JobResult):
    """A version that was trained again: whether the same came out, what was compared, how this machine differs, where the
    second model stands if it is another, and whether one that had been removed is in its place again."""

    version: str
    identical: bool
    checks: list[Check]
    environment: dict[str, Difference]
    folder: str | None
    brought_back: bool
