"""JSON Schemas of the files that people write. A task and a workspace hold copies, so that an editor finds them offline.

They are made by `python -m nlp_skills.tools.tasks.schemas`; the copies also name the kinds that packages and the
workspace's files add (see `kinds`).
"""

from __future__ import annotations

import os
from pathlib import Path

from .kinds import refresh

SCHEMAS = ("task", "data_source", "plan", "machines")
OF_A_TASK = ("task", "data_source", "plan")
SCHEMA_FOLDER = ".schemas"  # below the task


def shipped_schema(name: str) -> Path:
    """The schema as the package has it."""
    return Path(__file__).with_name(f"{name}.json")


def schema_line(file: Path, schema: Path) -> str:
    """The first line of a YAML file by which editors find its schema, relative to the file; empty where no schema
    stands there. The schema is told what kinds were added meanwhile."""
    if not schema.is_file():
        return ""
    refresh(schema, shipped_schema(schema.stem))
    return f"# yaml-language-server: $schema={Path(os.path.relpath(schema, file.parent)).as_posix()}\n"
