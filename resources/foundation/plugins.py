"""Kinds from outside this package: installed packages name theirs as entry points (`nlp_skills.metrics`, …).

Their names are read from the packages' metadata, once, when a kind is first asked for; a kind's own module is loaded only
when the kinds of its group are.
"""

from __future__ import annotations

import importlib.abc
import importlib.metadata
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from .errors import PluginError
from .language import Text

PREFIX = "nlp_skills."
_FAMILY_VARIABLE = "NLP_SKILLS_JOB_FAMILY"  # as `job` sets it in every process of a job
# What no module of a kind may import at its top: the server reads every kind and stays light.
HEAVY = frozenset(
    [
        "torch",
        "transformers",
        "trl",
        "peft",
        "datasets",
        "accelerate",
        "bitsandbytes",
        "pandas",
        "polars",
        "pyarrow",
        "sklearn",
        "scipy",
        "tensorflow",
        "jax",
    ]
)


def job_of_this_process() -> Path | None:
    """The folder of the job that this process works for; None in the server and wherever else no job is."""
    folder = os.environ.get(_FAMILY_VARIABLE)
    return Path(folder) if folder else None


class Plugin(NamedTuple):
    """A kind from outside: its name, where it comes from, and how it is loaded (a class, or the module that holds one)."""

    name: str
    origin: Text
    entry: importlib.metadata.EntryPoint

    @property
    def package(self) -> str:
        """The package's name, as an installer normalises it."""
        return self.entry.dist.name.lower().replace("_", "-") if self.entry.dist else ""

    def load(self) -> Any:
        """What the package names.

        Raises:
            PluginError: it cannot be imported, or asks for a training library at its top.
        """
        try:
            with light_imports():
                return self.entry.load()
        except (Exception, SystemExit) as error:  # whatever a stranger's module raises when it is imported
            raise self.refusal_error(reason_in_words(error)) from error

    def refusal_error(self, why: Text) -> PluginError:
        """The error that says why it cannot be used."""
        return PluginError(
            Text("{name} of {origin} cannot be used: {why}.", "{origin}的 {name} 無法使用：{why}。").format(
                name=self.name, origin=self.origin, why=why
            ),
            Text(
                "Fix or update it, or uninstall it; docs/extending.md shows how each kind is written.",
                "請修正、更新或移除它；各種擴充的寫法見 docs/extending.zh-TW.md。",
            ),
            field=self.entry.value,
        )


@cache
def installed_plugins(group: str) -> list[Plugin]:
    """The kinds that installed packages name in a group (`metrics`), in alphabetical order; nothing of them is loaded."""
    found = importlib.metadata.entry_points(group=f"{PREFIX}{group}")
    plugins = [Plugin(entry.name, _package(entry), entry) for entry in found]
    return sorted(plugins, key=lambda one: (one.name, one.origin.en))


def _package(entry: importlib.metadata.EntryPoint) -> Text:
    package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
    return Text(f"the package {package}", f"套件 {package} ")


def reason_in_words(error: BaseException) -> Text:
    from .masking import redact

    heavy = next((one for one in _causes(error) if isinstance(one, _HeavyImport)), None)
    if heavy:
        return Text(
            f"it imports {heavy.name} at the top of its module; import it inside the function that uses it",
            f"它在模組開頭就匯入 {heavy.name}；請改在用到的函式裡匯入",
        )
    if isinstance(error, SystemExit):
        return Text("it ends the program when it is loaded (sys.exit)", "它在載入時就會結束整個程式（sys.exit）")
    shown = redact(f"{type(error).__name__}: {error}")[:300].rstrip(".")
    return Text(shown, shown)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


class _HeavyImport(ImportError):
    """A training library was asked for while a kind's module was loaded."""


class _Refuser(importlib.abc.MetaPathFinder):
    """Refuses the training libraries to the thread that loads a kind's module."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in HEAVY and threading.get_ident() == self._thread:
            raise _HeavyImport(f"{fullname} is not imported here", name=fullname)
        return None


@contextmanager
def light_imports() -> Iterator[None]:
    refuser = _Refuser()
    sys.meta_path.insert(0, refuser)
    try:
        yield
    finally:
        sys.meta_path.remove(refuser)
