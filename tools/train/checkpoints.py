"""Checkpoints that are whole or do not count.

A trainer writes a checkpoint file by file, so one killed half way looks like a checkpoint. Ours is *sealed* last, with
the sizes of its files, after everything has reached the disk; resuming looks at sealed ones only.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...resources.foundation.files import read_json, write_json

LogEntry = Mapping[str, Any]  # of the log that transformers' trainer keeps: the names are its own
Log = Sequence[LogEntry]  # oldest first
SEAL = "sealed.json"
STATE = "trainer_state.json"
_NUMBERED = re.compile(r"checkpoint-([0-9]+)")
_RANDOMNESS = "rng_state"  # one file, or one for each process
# What a checkpoint holds beside the model itself.
_NOT_MODEL = {
    SEAL,
    STATE,
    "optimizer.pt",
    "optimizer.bin",
    "scheduler.pt",
    "scaler.pt",
    "training_args.bin",
    "README.md",
}


def seal(checkpoint: Path) -> None:
    """Mark a fully written checkpoint as whole."""
    files = [file for file in sorted(checkpoint.rglob("*")) if file.is_file() and file.name != SEAL]
    for file in files:
        with file.open("rb+") as opened:
            os.fsync(opened.fileno())
    sizes = {file.relative_to(checkpoint).as_posix(): file.stat().st_size for file in files}
    write_json(checkpoint / SEAL, {"format": 1, "files": sizes})


def is_sealed(checkpoint: Path) -> bool:
    """Whether the checkpoint was sealed and its files still have the sizes they had then."""
    if not (checkpoint / SEAL).is_file():
        return False
    sizes = read_json(checkpoint / SEAL)["files"]
    return all(
        (checkpoint / name).is_file() and (checkpoint / name).stat().st_size == size for name, size in sizes.items()
    )


def sealed_checkpoints(folder: Path) -> dict[int, Path]:
    """The whole checkpoints below `folder` by step, ascending."""
    if not folder.is_dir():
        return {}
    numbered = {int(match[1]): entry for entry in folder.iterdir() if (match := _NUMBERED.fullmatch(entry.name))}
    return {step: numbered[step] for step in sorted(numbered) if is_sealed(numbered[step])}


def discard_unsealed(folder: Path) -> None:
    """Remove what a killed writer left."""
    whole = set(sealed_checkpoints(folder).values())
    for entry in folder.iterdir() if folder.is_dir() else ():
        if _NUMBERED.fullmatch(entry.name) and entry not in whole:
            shutil.rmtree(entry)


def keep_only(folder: Path, steps: set[int]) -> None:
    """Remove every whole checkpoint but those of `steps`. The seal goes first, so that a half-removed one is none."""
    for step, checkpoint in sealed_checkpoints(folder).items():
        if step not in steps:
            (checkpoint / SEAL).unlink()
            shutil.rmtree(checkpoint)


def training_history(checkpoint: Path) -> tuple[int, Log]:
    """The steps taken and everything logged until that checkpoint."""
    state = read_json(checkpoint / STATE)
    return int(state["global_step"]), list(state["log_history"])


def model_files(checkpoint: Path) -> list[Path]:
    """The files that are the model (or adapter) and its tokenizer."""
    return [
        file
        for file in sorted(checkpoint.iterdir())
        if file.is_file() and file.name not in _NOT_MODEL and not file.name.startswith(_RANDOMNESS)
    ]
