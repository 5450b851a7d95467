"""Rows of pages that were read before a reading broke off, so that the next one need not ask for them again."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....resources.foundation.files import sha256_bytes, write_atomic
from ....resources.foundation.secrets import redact
from ..rows import Row

_SECONDS = 3 * 24 * 3600  # a page may have changed since; a choice of this project


class KeptPages:
    """Pages by the hash of their address, each in a file of its own.

    Arguments:
        folder: where readings of this task are kept; None keeps nothing.
        asked: what the rows of a page depend on beside the page.
    """

    def __init__(self, folder: Path | None, asked: Mapping[str, Any]) -> None:
        self._folder = folder / _name(json.dumps(asked, sort_keys=True)) if folder else None

    def get(self, url: str) -> list[Row] | None:
        """The rows of a page that a reading of the last days left; None where it has to be asked for."""
        file = self._folder / f"{_name(url)}.json" if self._folder else None
        if file is None or not file.is_file() or time.time() - file.stat().st_mtime > _SECONDS:
            return None
        return list(json.loads(file.read_bytes().decode("utf-8", "surrogatepass")))

    def keep(self, url: str, rows: list[Row]) -> None:
        """Keep the rows of a page, unless it repeats a secret: that one is asked for again."""
        content = json.dumps(rows, ensure_ascii=False)
        if self._folder and redact(content) == content:
            write_atomic(self._folder / f"{_name(url)}.json", content.encode("utf-8", "surrogatepass"))

    def clear(self) -> None:
        """The reading came to its end: what is read next is read again."""
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


def _name(text: str) -> str:
    return sha256_bytes(text.encode("utf-8", "replace"))[:16]
