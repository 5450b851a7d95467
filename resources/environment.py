"""`environment.json`: what a version was trained with."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from .foundation.json_object import JsonObject
from .record import Number, Part, Record


class Hardware(Part):
    """The machine: the processor's model, its cores, bytes of memory, and the names of its GPUs."""

    system: str | None = None
    processor: str | None = None
    cpu: str | None = None
    cores: int | None = None
    memory_bytes: Number | None = None
    gpus: list[Any] = Field(default_factory=list)  # names; in older files groups that hold one
    device: str | None = None


class Environment(Record):
    """The content of `environment.json`.

    Arguments:
        machine: the other machine it ran on; None: this one.
        packages: the version of each training library, None where it is not installed.
        threads, processes: what the training computed with.
        trainer_arguments: every argument of the library's trainer, by that library's names.
    """

    machine: str | None = None
    nlp_skills: str | None = None
    python: str | None = None
    platform: str | None = None
    packages: dict[str, str | None] = Field(default_factory=dict)
    hardware: Hardware | None = None
    threads: int | None = None
    base_model_hash: str | None = None
    processes: int | None = None
    device: str | None = None
    dtype: str | None = None
    torch_threads: int | None = None
    trainer_arguments: JsonObject | None = None  # another library's, whose names are its own
