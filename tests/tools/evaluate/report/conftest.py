from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nlp_skills.resources.task import SuccessCriteria, Task, TaskFolder
from tests.chromium import browsing

if TYPE_CHECKING:
    from tests.chromium import Page


@pytest.fixture
def task(tmp_path: Path) -> Callable[..., TaskFolder]:
    """Write a task of three labels, or as the fields say."""

    def make(**fields: Any) -> TaskFolder:
        folder = TaskFolder(tmp_path / "workspace" / "news")
        folder.root.mkdir(parents=True)
        folder.save(
            Task(
                **{
                    "name": "news",
                    "title": "Market news",
                    "goal": "Know good news from bad",
                    "labels": ["positive", "neutral", "negative"],
                    "success_criteria": SuccessCriteria(threshold=0.8),
                    **fields,
                }
            )
        )
        return folder

    return make


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One Chromium for all tests."""
    with browsing(tmp_path_factory.mktemp("chromium")) as page:
        yield page
