"""A folder as a registry: each file holds one kind, known by the file's name, and is loaded when kinds are asked for."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TypeVar

Kind = TypeVar("Kind")


def names_in(package: str) -> list[str]:
    """The names of the files in a package, without loading any, in alphabetical order."""
    return sorted(module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__))


def kinds_in(package: str, base: type[Kind]) -> dict[str, type[Kind]]:
    """The subclass of `base` in each file of a package, by the file's name, in alphabetical order.

    Files that hold none are no kinds: they are what the others share.
    """
    found: dict[str, type[Kind]] = {}
    for name in names_in(package):
        loaded = importlib.import_module(f"{package}.{name}")
        for value in vars(loaded).values():
            if isinstance(value, type) and issubclass(value, base) and value.__module__ == loaded.__name__:
                found[name] = value
    return found
