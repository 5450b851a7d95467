"""`config.yaml`: every argument that shaped a version's run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from .foundation.json_object import JsonObject
from .record import Number, Part, Record
from .task import Prompt

# What says whence a version comes, not what shapes its run.
_NOT_SETTINGS = {"format", "name", "parent", "changes", "created", "reasons", "estimate", "version", "expects"}


class Expectation(Part):
    """What a diagnosis expects of a version: `metric` between `low` and `high`, and why, by language."""

    metric: str = ""
    low: Number = 0
    high: Number = 0
    because: dict[str, str] | str | None = None


class VersionConfig(Record):
    """The content of `config.yaml`: whence the version comes, and beside it the settings of its method by their names.

    Arguments:
        parent: the version it was made from.
        changes: a person's own words for what is new.
        expects: what a diagnosis expects of it.
        base_model_sha256: of the GGUF file that the base model was made of; None for another base model.
    """

    name: str | None = None
    method: str = "sft"
    parent: str | None = None
    changes: list[Any] | None = None
    created: str | None = None
    expects: Expectation | None = None
    base_model: str = ""
    base_model_sha256: str | None = None
    labels: list[Any] = Field(default_factory=list)
    prompt: Prompt | None = None
    seed: int | None = None
    epochs: Number | None = None
    learning_rate: Number | None = None
    lora_r: int | None = None
    balance: str | None = None
    keep_best: str | None = None
    max_length: int | None = None
    long_rows: str | None = None
    threads: int | None = None
    num_processes: int | None = None

    def settings(self) -> JsonObject:
        """What of it shapes the run, in plain values."""
        return settings_of(self.to_dict())


def settings_of(content: Mapping[str, Any]) -> JsonObject:
    """What of a `config.yaml` or a plan shapes the run: without names, parents, reasons and dates."""
    return {name: value for name, value in content.items() if name not in _NOT_SETTINGS}
