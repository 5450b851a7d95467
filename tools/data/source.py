"""One file for each kind of source: a frozen model whose docstring documents it, discovered by its file's name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from ...resources.data_source import Source
from ...resources.foundation.access import Need
from ...resources.foundation.errors import DataSourceError
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.kinds import Registry
from ...resources.foundation.language import Text
from ...resources.foundation.unknown_fields import Unknown, unknown_fields
from ...resources.foundation.wording import nearest
from .expense import Expense
from .rows import Record as Record
from .task_kind import known_roles
from .watching import Watch

_NEAR = 0.75


class SourceKind(BaseModel, ABC):
    """What every kind has: the columns' mapping, and what the source's label values mean."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str
    name: str | None = Field(None, description="A name for people; the kind and its number, where none is given.")
    mapping: dict[str, str] = Field(
        default_factory=dict, description="Which column holds text, label, entity: {text: 內容, label: 標籤}."
    )
    label_values: dict[str, str] = Field(
        default_factory=dict, description="What the label column's values mean: {'1': positive, '0': negative}."
    )
    unlabelled: bool = Field(
        False, description="Keep rows without a label apart, in data/unlabelled/, instead of leaving them out."
    )

    synthetic: bool = Field(False, description="The rows were written by a model: they only ever train.")

    secret_fields: ClassVar[tuple[str, ...]] = ()
    previewed: ClassVar[int] = 200  # records a first look reads at most
    carried: ClassVar[tuple[str, ...]] = ()  # columns that a row keeps as they are, whatever they hold

    @abstractmethod
    def batches(self, folder: Path, field: str, watch: Watch | None = None) -> Generator[list[Record], None, None]:
        """The records as they come, in batches of bounded size.

        Arguments:
            folder: the task's folder; relative paths start there.
            field: how errors name this source, such as `sources[0]`.
            watch: says when to stop, hears warnings, and keeps what is recorded of the reading.

        Raises:
            DataSourceError, DataError, SecretError: it cannot be read; one clear cause.
        """

    def definition(self) -> JsonObject:
        """The source as it is recorded beside its rows: its fields, secrets as references."""
        return self.model_dump(mode="json", exclude_none=True)

    def expense(self, folder: Path, field: str, *, look: bool = False) -> Expense | None:
        """What fetching still asks of an endpoint that may cost money; None where it asks none.

        Arguments:
            look: only what a first look asks.

        Raises:
            DataSourceError: a field does not fit the task.
        """
        return None

    def origin(self, folder: Path) -> str:
        """What this source reads, for people; never a secret."""
        return self.type

    def needs(self, folder: Path, field: str) -> list[Need]:
        """What the person still has to allow before this source is read: files, hosts, where a secret goes.

        Raises:
            AccessError: it asks for what is never read or reached.
        """
        return []


SOURCES = Registry(
    f"{__package__}.sources", SourceKind, Text("source type", "種資料來源"), DataSourceError, group="sources"
)


def kinds() -> dict[str, type[SourceKind]]:
    """The known kinds by name: each module of this package holds one, and packages may add theirs."""
    return SOURCES.classes()


def source_kind(source: Source, number: int) -> SourceKind:
    """`source` as the kind it says it is, its fields validated.

    Raises:
        DataSourceError: the kind is unknown (the nearest is offered), or a field is wrong.
    """
    field = f"sources[{number}]"
    kind = SOURCES.get(source.type, f"{field}.type")
    given = source.model_dump(exclude_none=True)
    for unknown in unknown_in_source(given, kind, field):
        if unknown.near:
            raise refuse(unknown, source.type, field)
    return SOURCES.make(source.type, given, field)


def check_kind(name: str, field: str) -> None:
    """Raise `DataSourceError` with "did you mean" unless `name` is a known kind."""
    SOURCES.get(name, f"{field}.type")


def unknown_in_source(given: Mapping[str, Any], kind: type[SourceKind], field: str) -> list[Unknown]:
    """The fields of a source that its type does not know; of its mapping those roles that all but spell a known one.

    Its groups refuse what they do not know by themselves.
    """
    found = list(unknown_fields(kind, given, field, leave=tuple(kind.model_fields)))
    mapping = given.get("mapping")
    mapping, roles = mapping if isinstance(mapping, Mapping) else {}, known_roles()
    for role in mapping:
        near = nearest(str(role), (known for known in roles if known not in mapping), cutoff=_NEAR)
        if role not in roles and near:
            found.append(Unknown(f"{field}.mapping.{role}", near[0], tuple(roles)))
    return found


def refuse(unknown: Unknown, where: str, place: str) -> DataSourceError:
    return DataSourceError(unknown.problem(where, place), unknown.fix(), field=unknown.field)
