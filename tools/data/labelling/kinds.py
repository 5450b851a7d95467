"""What labelling gives to the data, read like any other source: rows whose label people accepted, and rows that the
model in the chat wrote. Nobody names them in `data_source.yaml`; they are there where something was accepted or written."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from ....resources.task import TaskFolder
from ..source import Record, SourceKind
from ..watching import Watch
from .decisions import accepted_records, any_accepted
from .examples import example_records, examples_file

_BATCH = 1000


class LabelledRows(SourceKind):
    """Rows without a label of their own that people have accepted one for; `labelled` says how it came about."""

    type: str = "labelled"
    name: str | None = "labelled"

    carried: ClassVar[tuple[str, ...]] = ("labelled",)

    def batches(self, folder: Path, field: str, watch: Watch | None = None) -> Generator[list[Record], None, None]:
        records = accepted_records(TaskFolder(folder))
        for begin in range(0, len(records), _BATCH):
            yield records[begin : begin + _BATCH]


class ExampleRows(SourceKind):
    """Rows that the model in the chat wrote, for training only; `written` says which and when."""

    type: str = "examples"
    name: str | None = "examples"
    synthetic: bool = Field(True, description="Always: rows a model wrote only ever train.")

    carried: ClassVar[tuple[str, ...]] = ("written",)

    def batches(self, folder: Path, field: str, watch: Watch | None = None) -> Generator[list[Record], None, None]:
        records = example_records(TaskFolder(folder))
        for begin in range(0, len(records), _BATCH):
            yield records[begin : begin + _BATCH]


def labelling_kinds(task: TaskFolder) -> list[SourceKind]:
    """The sources that labelling adds to those the person named."""
    accepted: list[SourceKind] = [LabelledRows()] if any_accepted(task) else []
    return [*accepted, *([ExampleRows()] if examples_file(task).is_file() and example_records(task) else [])]
