"""What files hold, by SHA-256, without reading a large model again each time.

A file is read whole once; its hash is kept for as long as its size, times and inode stay what they were. What is kept
stands in the account's own folder, so that nothing a task folder brings along can vouch for itself.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

from ....resources.foundation.account import configuration_folder
from ....resources.foundation.errors import NlpSkillsError
from ....resources.foundation.files import read_json, sha256_bytes, sha256_file, write_json

# How sure one wants to be: `named` takes a hub cache's word for its blobs, which are named by their hash (for estimates);
# `kept` reads a file again where it may have changed; `afresh` reads it in any case.
Care = Literal["named", "kept", "afresh"]
DECISIVE = (
    "*.safetensors",
    "*.bin",
    "*.json",
    "*.jinja",
    "*.model",
    "merges.txt",
    "*.py",
    "vocab.txt",
    "*.tiktoken",
    "*.spm",
)
_IN_MODEL_HASH = DECISIVE[:7]  # of the one hash by which versions of every age name their base model
_BLOB = re.compile(r"[0-9a-f]{64}")
_SMALL = 1 << 16  # bytes below which reading costs less than looking it up
_SETTLED_SECONDS = 0.1  # a file changed this moment ago can change again within the same tick of its times


def file_hash(file: Path, care: Care = "kept") -> str:
    """The SHA-256 of the file's content."""
    target = file.resolve()
    if care == "named" and file.is_symlink() and _BLOB.fullmatch(target.name):
        return target.name
    before = _stamp(target)
    if before[2] < _SMALL:
        return sha256_file(target)
    place = _place(target)
    if care != "afresh" and (known := _cached_hash(place, before)):
        return known
    digest = sha256_file(target)
    if _stamp(target) == before and time.time() - max(before[3:]) / 1e9 > _SETTLED_SECONDS:
        with suppress(OSError, NlpSkillsError):  # an account that cannot keep it reads again
            write_json(place, {"format": 1, "file": str(target), "stamp": before, "sha256": digest})
    return digest


def model_files(folder: Path, care: Care = "kept", patterns: Iterable[str] = DECISIVE) -> dict[str, str]:
    """The hash of every file of a model's folder that decides what it answers: weights, settings, tokenizer, chat
    template, code."""
    found = sorted({file for pattern in patterns for file in folder.glob(pattern) if file.is_file()})
    return {file.name: file_hash(file, care) for file in found}


def model_hash(folder: Path, care: Care = "kept") -> str:
    """One hash for a base model: over those of its files."""
    return sha256_bytes(json.dumps(model_files(folder, care, _IN_MODEL_HASH), sort_keys=True).encode())


def differing(recorded: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The names of files that were changed, are missing, or were put there since."""
    return sorted(name for name in {*recorded, *now} if recorded.get(name) != now.get(name))


def _stamp(file: Path) -> list[int]:
    found = file.stat()
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _place(file: Path) -> Path:
    return configuration_folder() / "hashes" / f"{sha256_bytes(str(file).encode('utf-8', 'surrogateescape'))[:32]}.json"


def _cached_hash(place: Path, stamp: list[int]) -> str | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        content = read_json(place)
        return str(content["sha256"]) if content["stamp"] == stamp else None
    return None
