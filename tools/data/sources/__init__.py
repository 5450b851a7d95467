"""One file for each kind of source: a frozen model whose docstring documents it, discovered by its file's name."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ....resources.access import Need
from ....resources.data_source import Source
from ....resources.errors import DataSourceError
from ....resources.kinds import kinds_in
from ....resources.language import Text
from ....resources.unknown_fields import Unknown, unknown_fields
from ....resources.wording import place_of, problem_in_words
from ..expense import Expense
from ..types import ROLE_TITLES
from ..watching import Watch

Record = dict[str, Any]

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

    def definition(self) -> dict[str, Any]:
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


@cache
def kinds() -> dict[str, type[SourceKind]]:
    """The installed kinds by name: each module of this package holds one."""
    return kinds_in(__name__, SourceKind)


def source_kind(source: Source, number: int) -> SourceKind:
    """`source` as the kind it says it is, its fields validated.

    Raises:
        DataSourceError: the kind is unknown (the nearest is offered), or a field is wrong.
    """
    field = f"sources[{number}]"
    check_kind(source.type, field)
    kind = kinds()[source.type]
    given = source.model_dump(exclude_none=True)
    for unknown in unknown_in_source(given, kind, field):
        if unknown.near:
            raise refuse(unknown, source.type)
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place, said = ".".join([field, place_of(first["loc"])]), problem_in_words(first)
        within, group = _group(kind, first["loc"])
        raise DataSourceError(
            Text(f"{place}: {said.en}.", f"{place}：{said.zh}。"),
            Text(
                f"{_unknown(given, kind).en}The fields of {within or source.type} are: {_fields(group)}.",
                f"{_unknown(given, kind).zh}{within or source.type} 的欄位有：{_fields(group)}。",
            ),
            field=place,
        ) from None  # the validation error would carry the value, which may be a secret


def check_kind(name: str, field: str) -> None:
    """Raise `DataSourceError` with "did you mean" unless `name` is an installed kind."""
    known = sorted(kinds())
    if name in known:
        return
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    raise DataSourceError(
        Text(f"There is no source type {name[:40]!r}.", f"沒有「{name[:40]}」這種資料來源。"),
        _suggestion(near),
        field=f"{field}.type",
    )


def _suggestion(near: list[str]) -> Text:
    available = sorted(kinds())
    return Text(
        (f"Did you mean {near[0]!r}? " if near else "") + f"Available types: {', '.join(available)}.",
        (f"你是指「{near[0]}」嗎？" if near else "") + f"可用的類型：{'、'.join(available)}。",
    )


def unknown_in_source(given: Mapping[str, Any], kind: type[SourceKind], field: str) -> list[Unknown]:
    """The fields of a source that its type does not know; of its mapping those roles that all but spell a known one.

    Its groups refuse what they do not know by themselves.
    """
    found = list(unknown_fields(kind, given, field, leave=tuple(kind.model_fields)))
    mapping = given.get("mapping")
    mapping = mapping if isinstance(mapping, Mapping) else {}
    for role in mapping:
        near = difflib.get_close_matches(
            str(role), [known for known in ROLE_TITLES if known not in mapping], n=1, cutoff=_NEAR
        )
        if role not in ROLE_TITLES and near:
            found.append(Unknown(f"{field}.mapping.{role}", near[0], tuple(ROLE_TITLES)))
    return found


def refuse(unknown: Unknown, where: str) -> DataSourceError:
    return DataSourceError(unknown.problem(where), unknown.fix(), field=unknown.field)


def _group(kind: type[BaseModel], place: Sequence[int | str]) -> tuple[str, type[BaseModel]]:
    """The innermost group of fields on the way to `place` with its dotted name, empty for the kind itself."""
    names: list[str] = []
    for part in place[:-1]:
        field = kind.model_fields.get(str(part))
        inner = (
            next(
                (
                    one
                    for one in (field.annotation, *get_args(field.annotation))
                    if isinstance(one, type) and issubclass(one, BaseModel)
                ),
                None,
            )
            if field
            else None
        )
        if inner is None:
            break
        names.append(str(part))
        kind = inner
    return ".".join(names), kind


def _unknown(given: dict[str, Any], kind: type[SourceKind]) -> Text:
    """The given fields that the kind does not know: one of them may be the one that is missing, by another name."""
    names = ", ".join(name[:40] for name in given if name not in kind.model_fields)
    return Text(f"It does not know {names}. ", f"它沒有 {names} 這個欄位。") if names else Text("", "")


def _fields(kind: type[BaseModel]) -> str:
    return ", ".join(kind.model_fields)
