"""How a job ended, written so that a full disk does not swallow it: the place for it is kept before the job starts."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from ....resources.foundation.errors import NlpSkillsError
from ....resources.foundation.files import describing_disk_errors, write_json
from ....resources.foundation.masking import redact, throughout
from ....resources.job import JobExit, JobFolder

_RESERVED_BYTES = 16_384


def reserve_exit(folder: JobFolder) -> None:
    """Keep a place for `exit.json`.

    Raises:
        WorkspaceError: the disk has none.
    """
    reserve = folder.root / ".exit.reserve"
    with describing_disk_errors(folder.exit_file):
        try:
            reserve.write_bytes(b" " * _RESERVED_BYTES)
        except OSError:
            reserve.unlink(missing_ok=True)
            raise


def leave_exit(folder: JobFolder, ended: JobExit) -> None:
    """Write `exit.json`, on a full disk into the place kept for it.

    Raises:
        WorkspaceError: the disk is full, and no place was kept.
    """
    reserve = folder.root / ".exit.reserve"
    content = throughout(finite(ended.model_dump(mode="json")), redact)
    try:
        write_json(folder.exit_file, content)
        reserve.unlink(missing_ok=True)
    except NlpSkillsError:
        if not reserve.is_file():
            raise
        with contextlib.suppress(OSError):
            folder.page_file.unlink(missing_ok=True)
        written = json.dumps(content, default=str).encode("utf-8")
        if len(written) > _RESERVED_BYTES:
            written = json.dumps({**content, "result": {}}, default=str).encode("utf-8")
        with describing_disk_errors(folder.exit_file), reserve.open("r+b") as file:
            file.write(written.ljust(_RESERVED_BYTES))
        reserve.replace(folder.exit_file)


def finite(value: Any) -> Any:
    """`value` with null for what JSON cannot say: NaN and infinities."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    return [finite(item) for item in value] if isinstance(value, list | tuple) else value
