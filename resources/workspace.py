"""The workspace: the folder the tasks stand in."""

from __future__ import annotations

import difflib
import os
import re
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from .foundation.access import read_grants
from .foundation.account import default_workspace
from .foundation.errors import TaskError
from .foundation.language import Text
from .task import TaskFolder

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_LONGEST_COMPARED = 80
_RESERVED = {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))}


def cache_folder() -> Path:
    """What can be fetched or built again: `NLP_SKILLS_CACHE`, else the user's cache folder."""
    if named := os.environ.get("NLP_SKILLS_CACHE"):
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "nlp-skills" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "nlp-skills"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nlp-skills"


class Workspace:
    """The tasks below one folder, and the jobs that belong to no task."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or default_workspace()).expanduser().resolve()

    @property
    def jobs(self) -> Path:
        return self.root / ".nlp-skills" / "jobs"

    @property
    def deployments(self) -> Path:
        return self.root / ".nlp-skills" / "deployments"

    @property
    def rented(self) -> Path:
        """One file for each machine that may cost money now, named after the job it was rented for."""
        return self.root / ".nlp-skills" / "rented"

    def task_names(self) -> list[str]:
        """The names of all tasks, sorted; a folder is a task when it holds a `task.yaml` and is not hidden
        (a half-written task is)."""
        if not self.root.is_dir():
            return []
        with os.scandir(self.root) as entries:
            return sorted(
                e.name
                for e in entries
                if not e.name.startswith(".")
                and e.is_dir()
                and os.path.exists(f"{e.path}/task.yaml")
                and self.holds(Path(e.path))
            )

    def holds(self, folder: Path) -> bool:
        """Whether the folder is really here, or a link to where the person has allowed reading."""
        if not folder.is_symlink():
            return True
        target = folder.resolve()
        return target.is_relative_to(self.root) or read_grants().allows_path(target)

    def tasks(self) -> Iterator[TaskFolder]:
        for name in self.task_names():
            yield TaskFolder(self.root / name)

    def task(self, name: str) -> TaskFolder:
        """The task of that name (its title is accepted too).

        Raises:
            TaskError: there is none; the nearest names are offered.
        """
        if NAME_PATTERN.fullmatch(name) and (self.root / name / "task.yaml").is_file() and self.holds(self.root / name):
            return TaskFolder(self.root / name)
        names = self.task_names()
        if name in names:  # a folder somebody brought along under a name of their own
            return TaskFolder(self.root / name)
        for candidate in self.tasks():
            if name and name.encode() in candidate.file.read_bytes() and candidate.title() == name:
                return candidate
        offered = ", ".join(self._nearest(name) or names[:5])
        raise TaskError(
            Text(
                f"There is no task named {name[:80]!r} in {self.root}.",
                f"{self.root} 裡沒有名為「{name[:80]}」的任務。",
            ),
            Text(
                f"Use one of: {offered}." if offered else "Create one with create_task.",
                f"可用的名稱：{offered}。" if offered else "請先用 create_task 建立任務。",
            ),
            field="task",
        )

    def _nearest(self, name: str) -> list[str]:
        """At most three tasks whose name or title is like `name`, which a person may have said instead of the name."""
        likeness: dict[str, float] = {}
        said = name[:_LONGEST_COMPARED].casefold()
        for task in self.tasks():
            known = (task.name, task.title()[:_LONGEST_COMPARED].casefold())
            likeness[task.name] = max(difflib.SequenceMatcher(None, said, one).ratio() for one in known)
        near = sorted((one for one in likeness if likeness[one] >= 0.5), key=lambda one: -likeness[one])
        return near[:3]


def check_name(name: str) -> str:
    """`name` if it may be a task's folder name.

    Raises:
        TaskError: it is not portable (other characters, a path, a reserved name).
    """
    if NAME_PATTERN.fullmatch(name) and name not in _RESERVED:
        return name
    suggestion = slug(name)
    raise TaskError(
        Text(
            f"{name[:80]!r} cannot be a task's folder name: use lower-case letters, digits and hyphens, at most 63.",
            f"「{name[:80]}」不能當任務的資料夾名稱：只能用小寫英文字母、數字與連字號，最多 63 個字元。",
        ),
        Text(
            f"Call again with name={suggestion!r}; the title may be any text."
            if suggestion
            else "Give a short English name; the title may be any text.",
            f"請改用 name={suggestion!r} 再呼叫一次；標題（title）可以是任何文字。"
            if suggestion
            else "請給一個簡短的英文名稱；標題（title）可以是任何文字。",
        ),
        field="name",
    )


def slug(title: str) -> str:
    """A portable ASCII name out of a title; empty when the title has no ASCII letters or digits."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:63].strip("-")
    return "" if words in _RESERVED else words
