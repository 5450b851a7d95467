"""What the server's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlp_skills.server.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(workspace=tmp_path / "workspace")
