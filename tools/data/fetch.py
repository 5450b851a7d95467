"""A source's records into an immutable raw snapshot, `data/raw/<hash12>/`: `rows.jsonl` and `source.json`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ...resources.foundation.clock import now
from ...resources.foundation.errors import DataError
from ...resources.foundation.external import as_data
from ...resources.foundation.files import (
    describing_disk_errors,
    dump_jsonl,
    read_json,
    read_jsonl,
    sha256_bytes,
    write_atomic,
    write_json,
)
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text, several
from ...resources.foundation.masking import collect_secrets
from ...resources.task import TaskFolder
from .cells import plain_value
from .places import PlacesOf, Run
from .reading import LONGEST_ROW
from .source import Record, SourceKind
from .watching import Watch

_PLACES = "places.jsonl"
_ENCODER = json.JSONEncoder(ensure_ascii=False)


@dataclass(frozen=True)
class RawSnapshot:
    """What one source gave at one time. `hash` covers its rows and how they were asked for."""

    hash: str
    root: Path
    count: int
    columns: tuple[str, ...]
    texts: tuple[str, ...]  # those that hold nothing but text, where they hold anything
    source: JsonObject

    def records(self) -> Iterator[Record]:
        return read_jsonl(self.root / "rows.jsonl")

    def provenance(self) -> JsonObject:
        """How it was asked for and what was met, as the source noted it."""
        return dict(read_json(self.root / "source.json").get("provenance") or {})

    def places(self) -> PlacesOf:
        """Where each of the records stood."""
        path = self.root / _PLACES
        return PlacesOf([cast(Run, run) for run in read_jsonl(path)] if path.is_file() else ())


def fetch(
    task: TaskFolder,
    source: SourceKind,
    number: int,
    each_batch: Callable[[int], None] = lambda rows: None,
    watch: Watch | None = None,
) -> RawSnapshot:
    """Stream the source's records to disk and commit them whole.

    Arguments:
        number: the source's place in `data_source.yaml`, for errors.
        each_batch: called with the number of records so far; may raise to stop.
        watch: handed to the source; what it notes is recorded as `provenance`.

    Raises:
        DataSourceError, DataError, SecretError: the source cannot be read or has no rows; nothing is left behind.
        WorkspaceError: the disk is full.
    """
    watch = watch or Watch()
    temporary = task.raw / f".{uuid.uuid4().hex[:12]}.tmp"
    with describing_disk_errors(task.raw):
        temporary.mkdir(parents=True)
        try:
            digest, count, columns, texts = _stream(task, source, number, temporary / "rows.jsonl", each_batch, watch)
            if not count:
                raise no_rows(task, source, number)
            definition = source.definition()
            whole = sha256_bytes(json.dumps({"rows": digest, "source": definition}, sort_keys=True).encode())
            write_json(
                temporary / "source.json",
                {
                    "format": 1,
                    "hash": whole,
                    "rows_sha256": digest,
                    "count": count,
                    "columns": columns,
                    "texts": texts,
                    "source": definition,
                    "origin": source.origin(task.root),
                    "fetched": now(),
                    "provenance": watch.provenance,
                },
            )
            write_atomic(temporary / _PLACES, dump_jsonl(map(dict, watch.places.runs(count))))
            final = task.raw / whole[:12]
            if not final.exists():
                os.rename(temporary, final)
            else:
                _told_anew(temporary, final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return load_raw(final)


def _told_anew(given: Path, kept: Path) -> None:
    """The same rows came again: where they stand now, and how they were asked for, is what counts."""
    before, after = (read_json(folder / "source.json") for folder in (kept, given))
    if before["provenance"] != after["provenance"]:
        write_json(kept / "source.json", {**before, "provenance": after["provenance"]})
    if not (kept / _PLACES).is_file() or (kept / _PLACES).read_bytes() != (given / _PLACES).read_bytes():
        os.replace(given / _PLACES, kept / _PLACES)


def load_raw(root: Path) -> RawSnapshot:
    content = read_json(root / "source.json")
    return RawSnapshot(
        content["hash"],
        root,
        content["count"],
        tuple(content["columns"]),
        tuple(content.get("texts", ())),
        content["source"],
    )


def latest_raw(task: TaskFolder, source: SourceKind, preferred: Sequence[str] = ()) -> RawSnapshot | None:
    """What this very source gave last; None where it was never fetched.

    Arguments:
        preferred: hashes of raw snapshots to take before newer ones.
    """
    definition = source.definition()
    found = [
        (raw.hash in preferred, content["fetched"], raw)
        for folder in sorted(task.raw.glob("[!.]*"))
        if (folder / "source.json").is_file()
        and (content := read_json(folder / "source.json"))["source"] == definition
        and (raw := load_raw(folder))
    ]
    return max(found, key=lambda each: each[:2])[2] if found else None


def spent_on(kinds: Sequence[SourceKind], raws: Sequence[RawSnapshot | None]) -> dict[str, Any]:
    """What the rows of sources that cost something took in all, as counted while they were written."""
    names = ("requests", "answers_kept", "input_tokens", "output_tokens", "cost", "rejected", "rejected_by_label")
    found = []
    for kind, raw in zip(kinds, raws, strict=True):
        provenance = raw.provenance() if raw else {}
        if "input_tokens" in provenance:
            found.append(
                {"source": kind.name or kind.type, **{name: provenance[name] for name in names if name in provenance}}
            )
    return {"spent": found} if found else {}


def sweep(folder: Path) -> None:
    """Remove what killed writers left half done in `folder`; only where no other writer can be at work."""
    if folder.is_dir():
        for leftover in folder.glob(".*.tmp"):
            shutil.rmtree(leftover, ignore_errors=True)


def _stream(
    task: TaskFolder, source: SourceKind, number: int, path: Path, each_batch: Callable[[int], None], watch: Watch
) -> tuple[str, int, list[str], list[str]]:
    """Write the records; return the file's SHA-256, their number, their columns in order of appearance, and which of
    these hold nothing but text."""
    digest, count, columns, other, hidden = hashlib.sha256(), 0, dict[str, None](), set[str](), 0
    with (
        path.open("wb") as file,
        collect_secrets() as hiding,
        closing(source.batches(task.root, f"sources[{number}]", watch)) as batches,
    ):
        for batch in batches:
            lines: list[bytes] = []
            for record in batch:
                columns.update(dict.fromkeys(record))
                plain = plain_value(record)
                text = _ENCODER.encode(plain) + "\n"
                clean = hiding(text)
                hidden += clean is not text
                lines.append(_line(clean, count + len(lines) + 1, number))
                other.update(name for name, value in plain.items() if not _is_text(value))
            content = b"".join(lines)
            file.write(content)
            digest.update(content)
            count += len(lines)
            each_batch(count)
        file.flush()
        os.fsync(file.fileno())
    if hidden:
        watch.provenance["rows_with_secret"] = hidden
        watch.warn(repeated_secret(hidden))
    return digest.hexdigest(), count, list(columns), [name for name in columns if name not in other]


def _is_text(value: Any) -> bool:
    """Whether a cell is text that UTF-8 can write, or null."""
    if not isinstance(value, str):
        return value is None
    try:
        return value.isascii() or bool(value.encode("utf-8"))
    except UnicodeEncodeError:  # a lone surrogate
        return False


def repeated_secret(rows: int) -> Text:
    """What to say of rows that held the password or key they were asked for with."""
    return Text(
        f"{several(rows, 'row')} repeated the password or key this source is asked with; it is shown as ***. Ask "
        f"whoever runs the source to fix that.",
        f"有 {rows} 列把存取這個來源的密碼或金鑰也回傳了，已換成 ***。請通知來源的管理者修正。",
    )


def _line(text: str, row: int, number: int) -> bytes:
    if len(text) > LONGEST_ROW:
        raise DataError(
            Text(
                f"Row {row} of the source is longer than {LONGEST_ROW >> 20} million characters.",
                f"來源的第 {row} 列超過 {LONGEST_ROW >> 20} 百萬個字元。",
            ),
            Text(
                "Leave out the large columns (name the columns in the query) or that row.",
                "請排除過大的欄位（在查詢裡列出需要的欄位）或該列。",
            ),
            field=f"sources[{number}]",
        )
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate, as JSON can carry: keep it as the escape it came as
        return (json.dumps(json.loads(text)) + "\n").encode("ascii")


def no_rows(task: TaskFolder, source: SourceKind, number: int) -> DataError:
    origin = as_data(source.origin(task.root), 300)
    return DataError(
        Text("{origin} has no rows.", "{origin}沒有任何資料列。").format(origin=origin),
        Text("Check the file or the query; the earlier data is untouched.", "請檢查檔案或查詢；先前的資料沒有變動。"),
        field=f"sources[{number}]",
    )
