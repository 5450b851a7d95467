"""A record: what one file on disk says, as a model. Validated when it is read, unknown fields kept.

`format` counts up when fields change their meaning, and `migrations` then says how a file of each earlier format is read.
That happens in memory alone: a committed file is never written again, so hashes over it hold.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from .foundation.errors import NlpSkillsError, TaskError
from .foundation.files import read_json, read_yaml, write_json, write_yaml
from .foundation.json_object import JsonObject
from .foundation.language import Text

Number = int | float  # as it stands in the file: a whole number stays one


class Part(BaseModel):
    """A group of fields inside a record."""

    # Built at the first use: a server that starts reads no record.
    model_config = ConfigDict(extra="allow", defer_build=True, protected_namespaces=())
    _order: tuple[str, ...] = PrivateAttr(())

    @model_validator(mode="wrap")
    @classmethod
    def _remember_order(cls, content: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        part = validate(content)
        if isinstance(content, Mapping):
            part._order = tuple(content)
        return part

    @model_serializer(mode="wrap")
    def _in_order(self, serialize: SerializerFunctionWrapHandler) -> JsonObject:
        fields = serialize(self)
        return {**{name: fields[name] for name in self._order if name in fields}, **fields}

    def __eq__(self, other: object) -> bool:
        """Whether the fields are the same, in whatever order."""
        return (
            isinstance(other, type(self))
            and self.__dict__ == other.__dict__
            and self.__pydantic_extra__ == other.__pydantic_extra__
        )

    def to_dict(self) -> JsonObject:
        """The fields that the file holds, in its order, as plain values: nothing is added."""
        return self.model_dump(mode="json", exclude_unset=True, fallback=str)


class Record(Part):
    """The content of one file.

    Arguments:
        format: which form the file has; a file that does not say so has form 1.
    """

    newest_format: ClassVar[int] = 1
    migrations: ClassVar[Mapping[int, Callable[[JsonObject], JsonObject]]] = {}
    error_type: ClassVar[type[NlpSkillsError]] = TaskError

    format: int = 1

    @classmethod
    def migrate(cls, content: Mapping[str, Any]) -> JsonObject:
        """The content of a file of any earlier format as the newest one has it; the file stays as it is."""
        migrated = dict(content)
        for earlier in range(int(content.get("format", 1)), cls.newest_format):
            migrated = {**cls.migrations[earlier](migrated), "format": earlier + 1}
        return migrated

    @classmethod
    def parse(cls, content: Any, path: Path) -> Self:
        """Validate what was read from `path`.

        Raises:
            NlpSkillsError: it is of a newer format, or a field is wrong; the field is named.
        """
        from .task import describe_validation, field_of  # task.yaml is read with this file

        if not isinstance(content, Mapping):
            raise cls.error_type(
                Text(f"{path} holds no fields.", f"{path} 沒有任何欄位。"),
                Text("Restore it from a backup.", "請從備份還原這個檔案。"),
                field=path.name,
            )
        found = content.get("format", 1)
        if not isinstance(found, int) or not 1 <= found <= cls.newest_format:
            raise cls.error_type(
                Text(
                    f"{path} has format {found}; this version reads formats up to {cls.newest_format}.",
                    f"{path} 的格式是 {found}，這個版本最多只能讀格式 {cls.newest_format}。",
                ),
                Text("Install a newer nlp-skills.", "請安裝較新的 nlp-skills。"),
                field="format",
            )
        try:
            return cls.model_validate(cls.migrate(content))
        except ValidationError as error:
            raise cls.error_type(*describe_validation(error, path), field=field_of(error)) from error

    @classmethod
    def read(cls, path: Path) -> Self:
        """The record that stands at `path`, JSON or YAML by its name.

        Raises:
            FileNotFoundError: nothing stands there.
            NlpSkillsError: it cannot be read, is of a newer format, or a field is wrong.
        """
        is_yaml = path.suffix in (".yaml", ".yml")
        try:
            content = read_yaml(path) if is_yaml else read_json(path)
        except (UnicodeDecodeError, yaml.YAMLError, json.JSONDecodeError) as error:
            kind = "YAML" if is_yaml else "JSON"
            raise cls.error_type(
                Text(f"{path} cannot be read as {kind}.", f"{path} 不是有效的 {kind}。"),
                Text("Restore it from a backup.", "請從備份還原這個檔案。"),
                field=path.name,
            ) from error
        return cls.parse(content, path)

    def write(self, path: Path) -> None:
        """Write the record as JSON or YAML, by the file's name."""
        write = write_yaml if path.suffix in (".yaml", ".yml") else write_json
        write(path, {"format": self.format, **self.to_dict()})

    @classmethod
    def read_if_there(cls, path: Path) -> Self:
        """The same; without any field where nothing stands there."""
        return cls.read(path) if path.is_file() else cls()
