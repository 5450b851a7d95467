"""Reading and writing files so that a reader never sees half of one."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from .errors import ConflictError, WorkspaceError
from .full_disk import FULL, full_disk
from .json_object import JsonObject
from .language import Text
from .reasons import reason_of

LOCK_TIMEOUT_SECONDS = 10.0
_PLAIN_CHARACTERS, _MOST_NODES, _MOST_LEVELS = 20_000, 50_000, 60
_LONGEST_NUMBER = 40
_DECODER = json.JSONDecoder()
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)  # made once: `dumps` makes one for each row


def write_atomic(path: Path, content: bytes | str, *, mode: int | None = None) -> None:
    """Write `content` to `path` through a temporary sibling and a rename, flushed to disk.

    Arguments:
        mode: the permission bits of the file, set before anything is in it; None leaves them to the system.

    Raises:
        WorkspaceError: the disk is full or the folder cannot be written; the old file is untouched.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    with describing_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
        try:
            with temporary.open("wb") as file:
                if mode is not None:
                    temporary.chmod(mode)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def describing_disk_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` of the disk (full, read-only, forbidden) into a `WorkspaceError` that names `path`."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL and (full := full_disk(error, path)):
            raise full from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise WorkspaceError(
                Text("{path} cannot be written: {reason}.", "無法寫入 {path}：{reason}。").format(
                    path=path, reason=reason_of(error)
                ),
                Text(
                    "Check the folder's permissions, or set NLP_SKILLS_WORKSPACE to a folder you own.",
                    "請檢查資料夾權限，或把 NLP_SKILLS_WORKSPACE 設成你有權限的資料夾。",
                ),
            ) from error
        raise


def commit_folder(final: Path, fill: Callable[[Path], None]) -> None:
    """Make folder `final` appear whole: `fill` writes a temporary sibling, which is then renamed.

    A folder that already exists is left as it is: committed content is addressed by hash and immutable.
    """
    if final.exists():
        return
    temporary = final.with_name(f".{final.name}.{uuid.uuid4().hex[:8]}.tmp")
    with describing_disk_errors(final):
        temporary.mkdir(parents=True)
        try:
            fill(temporary)
            try:
                os.rename(temporary, final)
            except OSError:
                if not final.exists():
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def lock(path: Path, patience: float = LOCK_TIMEOUT_SECONDS) -> Iterator[None]:
    """Hold the lock of `path` (a file or folder) against other processes.

    Arguments:
        patience: seconds to wait for it; below 0: as long as it takes.

    Raises:
        ConflictError: somebody else held it for that long.
    """
    held = FileLock(str(path.with_name(f".{path.name}.lock")), timeout=patience)
    try:
        with describing_disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            held.acquire()
    except Timeout as error:
        raise ConflictError(
            Text(f"Another client is changing {path} right now.", f"另一個用戶端正在修改 {path}。"),
            Text("Wait a few seconds and call the same tool again.", "請等幾秒後再呼叫同一個工具。"),
        ) from error
    try:
        yield
    finally:
        held.release()


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    write_atomic(path, json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False, default=str) + "\n")


def read_yaml(path: Path) -> Any:
    return parse_yaml(path.read_text(encoding="utf-8"))


def parse_yaml(text: str) -> Any:
    """The content of a YAML file.

    Raises:
        yaml.YAMLError: it is no YAML, or is made to swell: aliases that multiply, more nodes or levels than any file of ours.
    """
    _check_measure(text)
    try:
        return yaml.load(text, Loader=_Loader)
    except (RecursionError, ValueError) as error:
        raise yaml.YAMLError("it is nested too deep, or a number in it has too many digits") from error


def _check_measure(text: str) -> None:
    """Count nodes and levels, aliases as often as they stand for something, before anything is built of them."""
    if (
        len(text) < _PLAIN_CHARACTERS
        and "&" not in text
        and text.count("[") + text.count("{") + text.count("- ") < _MOST_LEVELS
    ):
        return
    sizes: dict[str, int] = {}
    open_nodes: list[list[Any]] = [["", 0]]
    total = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise yaml.YAMLError(f"the alias *{event.anchor} is inside the node it refers to")
            size = sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            size = 1
            if event.anchor:
                sizes[event.anchor] = size
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append([event.anchor, 1])
            if len(open_nodes) > _MOST_LEVELS:
                raise yaml.YAMLError(f"it is nested deeper than {_MOST_LEVELS} levels")
            continue
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = open_nodes.pop()
            if anchor:
                sizes[anchor] = size
        else:
            continue
        open_nodes[-1][1] += size
        total = sum(node[1] for node in open_nodes) if size > 1 else total + 1
        if total > _MOST_NODES:
            raise yaml.YAMLError(f"it holds more than {_MOST_NODES:,} values; rows belong in a data file")


def write_yaml(path: Path, value: Any, head: str = "") -> None:
    """Write YAML atomically.

    Arguments:
        head: comment lines above it.
    """
    write_atomic(path, head + dump_yaml(value))


def dump_yaml(value: Any) -> str:
    return yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100)


def read_jsonl(path: Path) -> Iterator[JsonObject]:
    """The rows of a JSON-lines file; a torn last line (a writer was killed in it) is left out."""
    with path.open("rb") as file:
        for line in file:
            try:
                text = line.decode("utf-8")
                value, end = _DECODER.raw_decode(text)
                if text[end:] in ("\n", "\r\n", ""):  # nearly always; `loads` takes four times as long
                    yield value
                    continue
            except ValueError:
                pass
            if not line.strip():
                continue
            try:
                yield json.loads(line)
            except ValueError:
                if line.endswith(b"\n"):
                    raise
                return


def dump_jsonl(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Canonical JSON lines: the same rows always give the same bytes."""
    return "".join(_ENCODER.encode(row) + "\n" for row in rows).encode("utf-8")


def append_jsonl(path: Path, row: JsonObject) -> None:
    """Append one line in a single write, so that lines of two writers never mix.

    Raises:
        WorkspaceError: the disk is full or the file cannot be written; no half line is left.
    """
    line = (json.dumps(row, ensure_ascii=False, allow_nan=False, default=str) + "\n").encode("utf-8")
    with describing_disk_errors(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            if (written := os.write(descriptor, line)) < len(line):  # a disk that becomes full takes a part
                os.ftruncate(descriptor, os.lseek(descriptor, 0, os.SEEK_END) - written)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        finally:
            os.close(descriptor)


def sha256_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_Fastest = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader  # libyaml's is seven times as fast


class _Loader(_Fastest):  # type: ignore[valid-type, misc]
    """YAML whose timestamps stay the text the person wrote, so that a file round-trips."""


def _as_number(loader: Any, node: yaml.ScalarNode) -> Any:
    """A number; what YAML 1.1 takes for one in base 60 (1:30) stays text, and so do endless digits."""
    if ":" in node.value or len(node.value) > _LONGEST_NUMBER:
        return node.value
    construct = (
        yaml.SafeLoader.construct_yaml_int if node.tag.endswith(":int") else yaml.SafeLoader.construct_yaml_float
    )
    return construct(loader, node)


for _tag in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _as_number)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Dumper(yaml.SafeDumper):
    """YAML with long text as blocks and without aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)
