"""What all tests share: they touch neither the person's workspace nor their keychain, whatever is set outside."""

from __future__ import annotations

import importlib.util
import os
import re
import tempfile
from pathlib import Path

import pytest

_WORKER_ONLY = re.compile(r"^pytestmark = .*pytest\.mark\.worker", re.MULTILINE)
_HAS_TRAINING_LIBRARIES = importlib.util.find_spec("torch") is not None

_away = tempfile.TemporaryDirectory(prefix="nlp-skills-tests-")
os.environ["NLP_SKILLS_WORKSPACE"] = str(Path(_away.name) / "workspace")
os.environ["NLP_SKILLS_SECRETS_DIR"] = str(Path(_away.name) / "secrets")
os.environ.pop("NLP_SKILLS_LANGUAGE", None)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out files of the worker environment where the libraries they import are missing."""
    if _HAS_TRAINING_LIBRARIES or collection_path.suffix != ".py":
        return None
    return bool(_WORKER_ONLY.search(collection_path.read_text(encoding="utf-8"))) or None


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
