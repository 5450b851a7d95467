"""Files below a folder, or that a pattern such as `data/**/*.csv` names, in one walk whatever the pattern is."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from ...resources.foundation.errors import DataSourceError
from ...resources.foundation.language import Text

WILD = "*?["
_ANY_DEPTH = "**"
_DEEPEST = 64  # levels that a pattern may name below its fixed part
_MOST = 200_000  # files and folders that are looked at


def files_below(folder: Path, field: str) -> list[Path]:
    """Every file in the folder and its folders but for hidden ones; links to folders are not followed.

    Raises:
        DataSourceError: it holds more than can be looked at.
    """
    return _walk_pattern(folder, [_ANY_DEPTH, "*"], field)


def files_like(pattern: Path, field: str) -> list[Path]:
    """The files whose paths fit the pattern: `*`, `?` and `[…]` within a name, `**` for any number of folders; hidden ones
    only where it names them.

    Arguments:
        pattern: an absolute path.

    Raises:
        DataSourceError: it names more levels than any folder has, or its folder holds more than can be looked at.
    """
    parts = pattern.relative_to(pattern.anchor).parts
    fixed = next((place for place, part in enumerate(parts) if any(sign in part for sign in WILD)), len(parts))
    below = [
        part
        for place, part in enumerate(parts[fixed:], start=fixed)
        if part != _ANY_DEPTH or parts[place - 1 : place] != (_ANY_DEPTH,)
    ]
    if below[-1:] == [_ANY_DEPTH]:
        below.append("*")
    if len(below) > _DEEPEST:
        raise DataSourceError(
            Text(
                f"The pattern names {len(below)} levels of folders; at most {_DEEPEST} are searched.",
                f"這個樣式有 {len(below)} 層資料夾，最多看 {_DEEPEST} 層。",
            ),
            Text("Write ** for any number of folders: data/**/*.csv.", "任意多層請寫成 **：data/**/*.csv。"),
            field=f"{field}.path",
        )
    return _walk_pattern(Path(pattern.anchor, *parts[:fixed]), below, field)


def _walk_pattern(top: Path, parts: Sequence[str], field: str) -> list[Path]:
    """Each folder is looked at once, with all places of the pattern that its path may have come to."""
    names = [None if part == _ANY_DEPTH else re.compile(fnmatch.translate(os.path.normcase(part))) for part in parts]

    def reachable_places(places: Iterable[int]) -> frozenset[int]:
        found = set(places)
        return frozenset(found | {place + 1 for place in found if place < len(names) and names[place] is None})

    found, seen = list[Path](), 0
    waiting = [(str(top), reachable_places([0]))]
    while waiting:
        folder, places = waiting.pop()
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                seen += 1
                if seen > _MOST:
                    raise _too_many(top, field)
                name, hidden = os.path.normcase(entry.name), entry.name.startswith(".")
                passed = {
                    place + 1
                    for place in places
                    if place < len(names)
                    and (pattern := names[place]) is not None
                    and pattern.match(name)
                    and (not hidden or parts[place].startswith("."))
                }
                if len(names) in passed and entry.is_file():
                    found.append(Path(entry.path))
                staying = {place for place in places if place < len(names) and names[place] is None and not hidden}
                if entry.is_dir() and (
                    further := reachable_places((passed if entry.is_symlink() else passed | staying) - {len(names)})
                ):
                    waiting.append((entry.path, further))
    return found


def _too_many(top: Path, field: str) -> DataSourceError:
    return DataSourceError(
        Text(f"{top} holds more than {_MOST:,} files and folders.", f"{top} 裡的檔案和資料夾超過 {_MOST:,} 個。"),
        Text("Name the folder that holds the data, or a narrower pattern.", "請指定放資料的那個資料夾，或把樣式縮小。"),
        field=f"{field}.path",
    )
