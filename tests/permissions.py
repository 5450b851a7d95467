"""The permissions that tests work under: what stands in the system's temporary folder may be read, servers
of this machine reached, and the secrets that tests use sent there."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from nlp_skills.resources.foundation.access import Need, grant
from nlp_skills.resources.foundation.files import sha256_file

HOSTS = ["127.0.0.1", "localhost"]
SECRETS = [
    "API_KEY",
    "API_TOKEN",
    "AUTHORIZATION",
    "DB",
    "DB_PASSWORD",
    "HOST_DB_PASSWORD",
    "LLM_URL",
    "MY_KEY",
    "MY_TOKEN",
    "NEWS_PASSWORD",
    "PARITY_TEST_KEY",
    "PG",
    "PG_PASSWORD",
    "TOKEN_X",
    "TRIED_KEY",
    "WRITER_KEY",
]
ROOT = Path(__file__).parents[1]


def agree_to_script(script: Path) -> Path:
    """A script that the person has agreed to run as it stands now."""
    grant([Need(kind="script", subject=sha256_file(script))], file=script.name)
    return script


def allow_for_tests(account: Path) -> None:
    """Write the permissions of the account whose settings stand in `account`."""
    account.mkdir(parents=True, exist_ok=True)
    folders = [
        tempfile.gettempdir(),
        str(ROOT / ".cache" / "tests"),
        str(ROOT / "server" / "demo" / "data"),
        str(ROOT / "tests"),
    ]
    grants = {
        "format": 1,
        "folders": [str(Path(folder).resolve()) for folder in folders],
        "hosts": HOSTS,
        "secrets": dict.fromkeys(SECRETS, HOSTS),
    }
    (account / "grants.json").write_text(json.dumps(grants), encoding="utf-8")
