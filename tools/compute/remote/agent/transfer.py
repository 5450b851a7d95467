"""What is sent here and fetched from here, by content."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import shutil
import zipfile
from pathlib import Path

from .folders import CHUNK, job_folder, link_or_copy, sha256_of, size_of
from .messages import (
    DeliverRequest,
    HaveRequest,
    LaidRun,
    LayRequest,
    Manifest,
    ManifestRequest,
    MissingBlobs,
    Nothing,
    Sealed,
    SealRequest,
)


def have(folder: Path, given: HaveRequest) -> MissingBlobs:
    """Of the blobs `[[sha256, size], …]` those that are not here whole, with the bytes that have arrived."""
    blobs = folder / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    missing = {
        sha: size_of(blobs / f"{sha}.part")
        for sha, size in given["blobs"]
        if not (blobs / sha).is_file() or size_of(blobs / sha) != size
    }
    return {"missing": missing, "disk_free": shutil.disk_usage(folder).free}


def seal(folder: Path, given: SealRequest) -> Sealed:
    """Let an arrived blob count, if it is what its name says; one that is damaged is removed."""
    blob = folder / "blobs" / given["sha256"]
    part = blob.with_name(f"{blob.name}.part")
    if not part.exists():
        return {"sealed": blob.exists()}
    if sha256_of(part) != given["sha256"]:
        part.unlink()
        return {"sealed": False}
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(part, blob)
    return {"sealed": True}


def deliver(folder: Path, given: DeliverRequest) -> Nothing:
    """Small blobs in the request itself: `{sha256: base64}`, each checked."""
    blobs = folder / "blobs"
    for sha, encoded in given["contents"].items():
        content = base64.b64decode(encoded)
        if hashlib.sha256(content).hexdigest() == sha:
            draft = blobs / f".{sha}.{os.getpid()}"
            draft.write_bytes(content)
            os.replace(draft, blobs / sha)
    return {}


def lay(folder: Path, given: LayRequest) -> LaidRun:
    """Put blobs in their places below the run's folder, and the package `[sha256]` where it can be imported."""
    run, job = folder / "runs" / given["run"], job_folder(folder, given["run"])
    job.mkdir(parents=True, exist_ok=True)
    for relative, sha in given["files"].items():
        place = run / relative
        if place.exists():
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name(f".{place.name}.{os.getpid()}")
        shutil.copyfile(folder / "blobs" / sha, draft) if size_of(folder / "blobs" / sha) < CHUNK else link_or_copy(
            folder / "blobs" / sha, draft
        )
        os.replace(draft, place)
    package = folder / "packages" / given["package"][:16]
    if not package.is_dir():
        draft = package.with_name(f".{package.name}.{os.getpid()}")
        with zipfile.ZipFile(folder / "blobs" / given["package"]) as wheel:
            wheel.extractall(draft)
        with contextlib.suppress(OSError):  # another job unpacked it at the same time
            os.rename(draft, package)
        shutil.rmtree(draft, ignore_errors=True)
    return {"run": str(run), "job": str(job), "package": str(package)}


def manifest(folder: Path, given: ManifestRequest) -> Manifest:
    """Size and SHA-256 of the files of the run that match the patterns."""
    run = folder / "runs" / given["run"]
    found = sorted({path for pattern in given["patterns"] for path in run.glob(pattern) if path.is_file()})
    return {
        "files": [(path.relative_to(run).as_posix(), path.stat().st_size, sha256_of(path)) for path in found],
        "run": str(run),
    }
