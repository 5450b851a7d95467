"""The language of a notebook: what the person asked for, else that of the task, as through a client."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ...resources.foundation.errors import NlpSkillsError
from ...resources.foundation.language import Language, speaking, spoken_language
from ...resources.task import TaskFolder


@contextlib.contextmanager
def speak(asked: Language | None, task: TaskFolder | None = None) -> Iterator[None]:
    """Speak that language inside the block; an error that leaves it stays in it, as it is printed only afterwards."""
    with speaking(asked or (_language_of(task) if task else None)):
        try:
            yield
        except NlpSkillsError as error:
            error.language = spoken_language()
            raise


def _language_of(task: TaskFolder) -> Language | None:
    with contextlib.suppress(NlpSkillsError):
        return task.load().language
    return None
