"""`data_source.yaml`: where a task's rows come from and how they become splits.

The kinds of source live in `tools/data/sources/`; here a source is its fields, so that a file naming a kind
this installation lacks still loads and round-trips.
"""

from __future__ import annotations

from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .foundation.errors import DataSourceError
from .foundation.files import read_yaml, write_yaml
from .foundation.language import Text
from .foundation.unknown_fields import Unknown, unknown_fields
from .schemas import schema_line
from .task import TaskFolder, describe_validation, field_of


class _Open(BaseModel):
    model_config = ConfigDict(extra="allow")


class Source(_Open):
    """One source: its `type` and that type's own fields; `mapping` names the columns (`{text: 內容, label: 標籤}`)."""

    type: str
    name: str | None = None
    mapping: dict[str, str] = Field(default_factory=dict)


class SplitPolicy(_Open):
    """How rows become train, valid and test: shares, seed, and what must stay on one side together.

    `group_by` is a column, or `skeleton`: the text with entities and numbers masked. `time` is a column with dates: the
    oldest rows are learnt from, the newest tested. `own`: a split that the data itself names (a column `split`,
    `train.csv` beside `test.csv`) is kept; None: unless rows stand elsewhere already.
    """

    train: float = Field(default=0.70, gt=0, lt=1)
    valid: float = Field(default=0.15, ge=0, lt=1)
    test: float = Field(default=0.15, ge=0, lt=1)
    seed: int = 42
    stratify: bool = True
    group_by: str | None = None
    time: str | None = None
    own: bool | None = None


class Quality(_Open):
    """Gates of the data: rows shorter or longer (characters) are reported; `max_imbalance` is the largest class
    over the smallest before advice is given. Where more than the share `max_left_out` of the records makes no row, or is
    gone from a source since it was last read, preparing stops and asks. `masked`: files that list
    rows show no text of them."""

    min_characters: int = 2
    max_characters: int = 4000
    max_imbalance: float = 3.0
    max_left_out: float = Field(default=0.5, ge=0, le=1)
    masked: bool = False


class Regeneration(_Open):
    script: str = "scripts/01_regenerate_data.py"
    last_run: str | None = None


class DataSource(_Open):
    """The content of `data_source.yaml`."""

    format: Literal[1] = 1
    sources: list[Source] = Field(default_factory=list)
    deduplicate_on: list[str] = Field(default_factory=lambda: ["text", "entity"])
    split: SplitPolicy = Field(default_factory=SplitPolicy)
    quality: Quality = Field(default_factory=Quality)
    regeneration: Regeneration = Field(default_factory=Regeneration)


def load_data_source(task: TaskFolder) -> DataSource:
    """The validated `data_source.yaml`; an empty one where the file is missing.

    Raises:
        DataSourceError: the file is not YAML or a field is wrong.
    """
    if not task.data_source_file.is_file():
        return DataSource()
    try:
        content: Any = read_yaml(task.data_source_file) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataSourceError(
            Text(
                f"{task.data_source_file} cannot be read as YAML: {error}",
                f"{task.data_source_file} 不是有效的 YAML：{error}",
            ),
            Text("Fix the line it names and try again.", "請修正所指的那一行再試一次。"),
            field="data_source.yaml",
        ) from error
    for unknown in unknown_in(content):
        if unknown.near:
            raise DataSourceError(unknown.problem(task.data_source_file.name), unknown.fix(), field=unknown.field)
    try:
        return DataSource.model_validate(content)
    except ValidationError as error:
        raise DataSourceError(*describe_validation(error, task.data_source_file), field=field_of(error)) from error


def unknown_in(content: Any) -> list[Unknown]:
    """The fields that nothing knows, but for those of a source, which its type knows."""
    return list(unknown_fields(DataSource, content, leave=("sources",)))


def save_data_source(task: TaskFolder, data_source: DataSource) -> None:
    """Write `data_source.yaml` atomically. Secrets must already be references (see `secrets.py`)."""
    content = data_source.model_dump(mode="json", exclude_none=True)
    write_yaml(task.data_source_file, content, schema_line(task.data_source_file, task.schema("data_source")))
