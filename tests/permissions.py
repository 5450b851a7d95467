"""The permissions that tests work under: what stands in the system's temporary folder may be read."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def allow_for_tests(account: Path) -> None:
    """Write the permissions of the account whose settings stand in `account`."""
    account.mkdir(parents=True, exist_ok=True)
    folders = [tempfile.gettempdir(), str(ROOT / ".cache" / "tests"), str(ROOT / "server" / "demo" / "data"),
               str(ROOT / "tests")]
    grants = {"format": 1, "folders": [str(Path(folder).resolve()) for folder in folders]}
    (account / "grants.json").write_text(json.dumps(grants), encoding="utf-8")
