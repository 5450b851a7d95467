"""Send what a job needs to the machine it runs on, and fetch what it made; a cut link goes on in the middle of a file."""

from __future__ import annotations

import base64
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ....resources.foundation.files import sha256_file
from ....resources.foundation.language import Text
from ..jobs.words import size
from .link import failed_writing

if TYPE_CHECKING:
    from .agent.messages import Manifest, MissingBlobs, Sealed
    from .remote_job import RemoteJob

_SPARE_BYTES = 200_000_000
_MEGABYTE = 1_000_000
_SMALL_BYTES, _TOGETHER = 32_000, 16  # files that travel in one request


def send_files(remote_job: RemoteJob, files: set[Path]) -> None:
    """Bring the files' content there that is not there yet, going on in the middle of a file."""
    known = {sha256_file(file): file for file in sorted(files)}
    sizes = {sha: file.stat().st_size for sha, file in known.items()}
    asked: MissingBlobs = remote_job.verb("have", blobs=[[sha, sizes[sha]] for sha in known])
    missing = {sha: min(have, sizes[sha]) for sha, have in asked["missing"].items()}
    total = sum(sizes[sha] - have for sha, have in missing.items())
    if total + _SPARE_BYTES > asked["disk_free"] and total:
        raise remote_job.link.full(remote_job.remote.folder)
    done, small = 0, [sha for sha in missing if sizes[sha] <= _SMALL_BYTES]
    for first in range(0, len(small), _TOGETHER):
        remote_job.verb(
            "deliver",
            contents={
                sha: base64.b64encode(known[sha].read_bytes()).decode() for sha in small[first : first + _TOGETHER]
            },
        )
    for sha in missing:
        if sizes[sha] > _SMALL_BYTES:
            sent = False
            while not sent:
                remote_job.retry(partial(send_file, remote_job, known[sha], sha, done, total))
                answered: Sealed = remote_job.verb("seal", sha256=sha)
                sent = answered["sealed"]
        done += sizes[sha] - missing[sha]


def send_file(remote_job: RemoteJob, file: Path, sha: str, before: int, total: int) -> None:
    """What is missing of one file: asked for each time, since a cut leaves it somewhere in the middle."""
    whole = file.stat().st_size
    asked: MissingBlobs = remote_job.remote.verb("have", run=remote_job.run, blobs=[[sha, whole]])
    have = asked["missing"].get(sha)
    if have is None:
        return

    def tell(sent: int) -> None:
        arrived = before + sent - have
        _report(
            remote_job,
            arrived,
            total,
            Text(
                f"sending to {remote_job.name}: {size(arrived)} of {size(total)}",
                f"傳送到 {remote_job.name}：{size(arrived)}，共 {size(total)}",
            ),
        )

    try:
        remote_job.link.put(file, f"{remote_job.remote.folder}/blobs/{sha}.part", have if have <= whole else 0, tell)
    except Exception as error:
        if failed_writing(error):
            raise remote_job.link.full(f"{remote_job.remote.folder}") from error
        raise


def _report(remote_job: RemoteJob, count: int, total: int, message: Text) -> None:
    """Tell how much was carried; once work was done there, the steps stay those of the work."""
    worked = remote_job.progress_told()
    if worked.measures:
        remote_job.job.progress(worked.step, worked.total, message, even=False)
    else:
        remote_job.job.progress(count // _MEGABYTE, max(1, total // _MEGABYTE), message)


def fetch_files(remote_job: RemoteJob, patterns: list[str], into: Path) -> Path:
    """Bring the run's files that match there whole to `into` (kept from an earlier try), each checked by hash."""
    found: Manifest = remote_job.verb("manifest", patterns=patterns)
    total = sum(one[1] for one in found["files"])
    done = 0
    for relative, length, sha in found["files"]:
        target = into / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        while not (target.is_file() and target.stat().st_size == length and sha256_file(target) == sha):
            target.unlink(missing_ok=True)
            remote_job.retry(partial(_fetch_one, remote_job, f"{found['run']}/{relative}", target, length, done, total))
        done += length
    return into


def _fetch_one(remote_job: RemoteJob, source: str, target: Path, length: int, before: int, total: int) -> None:
    part = target.with_name(f"{target.name}.part")
    if part.is_file() and part.stat().st_size > length:
        part.unlink()

    def tell(have: int) -> None:
        _report(
            remote_job,
            before + have,
            total,
            Text(
                f"fetching from {remote_job.name}: {size(before + have)} of {size(total)}",
                f"從 {remote_job.name} 取回：{size(before + have)}，共 {size(total)}",
            ),
        )

    _ = remote_job.remote  # greeted before the first byte
    remote_job.link.get(source, part, length, tell)
    if part.stat().st_size == length:
        part.replace(target)
