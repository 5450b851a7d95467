"""The files of the person's folder on this machine: where a job stands, and how files are written and read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

CHUNK = 256 * 1024


def job_folder(folder: Path, run: str) -> Path:
    return folder / "runs" / run / "jobs" / run


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def read_from(path: Path, offset: int) -> bytes:
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(offset)
        return file.read(CHUNK)
    return b""


def close_torn_line(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError), path.open("r+b") as events:
        content = events.read()
        events.truncate(content.rfind(b"\n") + 1)


def write_file(path: Path, content: Any, plain: bool = False) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(content if plain else json.dumps(content, ensure_ascii=False), encoding="utf-8")
    os.replace(draft, path)
