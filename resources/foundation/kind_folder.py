"""A folder whose files hold one kind each: what they are called, and their classes."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import TypeVar

Kind = TypeVar("Kind")


class NameOfFile:
    """A kind's name, as a class attribute: that of the file it stands in. What is added is called as its adder says.

    Arguments:
        hyphens: it is written with hyphens, as those of types of task.
    """

    def __init__(self, hyphens: bool = False) -> None:
        self._hyphens = hyphens

    def __get__(self, kind: object, owner: type) -> str:
        name = owner.__module__.rpartition(".")[2]
        return name.replace("_", "-") if self._hyphens else name


def names_in(package: str) -> list[str]:
    """The names of the files in a package, without loading any, in alphabetical order."""
    return sorted(module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__))


def names_below(folder: Path) -> list[str]:
    """The same of a folder of ours, without importing what stands above its files."""
    return sorted(module.name for module in pkgutil.iter_modules([str(folder)]))


def kinds_in(package: str, base: type[Kind]) -> dict[str, type[Kind]]:
    """The subclass of `base` in each file of a package, by the file's name, in alphabetical order.

    Files that hold none are no kinds: they are what the others share.
    """
    found: dict[str, type[Kind]] = {}
    for name in names_in(package):
        loaded = importlib.import_module(f"{package}.{name}")
        if kind := kind_of_module(loaded, base):
            found[name] = kind
    return found


def kind_of_module(module: ModuleType, base: type[Kind]) -> type[Kind] | None:
    """The last subclass of `base` that a module defines itself; None where it defines none."""
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__
    ]
    return found[-1] if found else None
