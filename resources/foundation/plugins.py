"""Kinds from outside this package: installed packages name theirs as entry points (`nlp_skills.metrics`, …).

Their names are read from the packages' metadata when a kind is first asked for, and again once something was installed; a
kind's own module is loaded only when the kinds of its group are.
"""

from __future__ import annotations

import importlib.abc
import importlib.metadata
import os
import re
import sys
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from .errors import PluginError
from .language import Text
from .wording import suggest

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
            if isinstance(error, ModuleNotFoundError) and error.name == self.entry.module.partition(".")[0]:
                raise self.refusal_error(_not_found(error.name)) from error
            raise self.refusal_error(reason_in_words(error)) from error

    def refusal_error(self, why: Text) -> PluginError:
        """The error that says why it cannot be used."""
        return PluginError(
            Text("{name} from {origin} cannot be used: {why}.", "{origin}的 {name} 無法使用：{why}。").format(
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
    plugins = [Plugin(entry.name, _package(entry), entry) for entry in _entry_points() if entry.group == PREFIX + group]
    return sorted(plugins, key=lambda one: (one.name, one.origin.en))


def misnamed_plugins(groups: Collection[str]) -> list[Plugin]:
    """What installed packages name in groups that look like ours and are none: `nlp_skills.metric`."""
    known = {PREFIX + group for group in groups}
    return [
        Plugin(entry.name, _package(entry), entry)
        for entry in _entry_points()
        if entry.group not in known and re.sub("[^a-z]", "", entry.group.lower()).startswith("nlpskill")
    ]


def misnamed_error(plugin: Plugin, groups: Collection[str]) -> PluginError:
    """The error that says of what stands in a group that is none which one was meant."""
    group = plugin.entry.group
    meant = suggest(group, [PREFIX + one for one in groups], cutoff=0.5)
    return PluginError(
        Text(
            "{plugin} of {origin} is in the entry-point group {group!r}, which is not read.",
            "{origin}把 {plugin} 寫在進入點群組「{group}」，沒有人會讀這個群組。",
        ).format(plugin=plugin.name, origin=plugin.origin, group=group[:60]),
        Text(
            "{meant} Rename it in the package's pyproject.toml and install the package again.",
            "{meant}請在套件的 pyproject.toml 改名，再重新安裝套件。",
        ).format(meant=meant),
        field=group[:60],
    )


def see_new_packages() -> None:
    """Have the metadata read again where something was installed or removed since: the folders that hold packages tell."""
    if _entry_points.cache_info().currsize and _places != _package_places():
        forget_packages()


def forget_packages() -> None:
    """Have the metadata read again when it is next asked for."""
    installed_plugins.cache_clear()
    _entry_points.cache_clear()
    importlib.invalidate_caches()


_places: list[tuple[str, int]] = []


@cache
def _entry_points() -> list[importlib.metadata.EntryPoint]:
    """Every entry point of every package."""
    _places[:] = _package_places()
    found = importlib.metadata.entry_points()
    return [entry for group in found.groups for entry in found.select(group=group)]


def _package_places() -> list[tuple[str, int]]:
    """The folders in which packages stand, each with when something came or went there."""
    places = []
    for place in sys.path:
        try:
            places.append((place, Path(place).stat().st_mtime_ns))
        except OSError:
            continue
    return places


def _not_found(module: str) -> Text:
    return Text(
        f"its module {module} is not found; if it was installed while this server ran, restart the server",
        f"找不到它的模組 {module}；如果是在伺服器啟動之後才安裝的，請重新啟動伺服器",
    )


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
        return Text("it ends the program (sys.exit)", "它會結束整個程式（sys.exit）")
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
