"""llama.cpp's converter: the person's own, or one fetched once through the package index. Never carried along here."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

from ...resources.foundation.errors import MissingRequirement
from ...resources.foundation.files import commit_folder
from ...resources.foundation.language import Text
from ...resources.workspace import cache_folder
from ..compute.environments.package import NotFetched, Package, fetch_package
from ..compute.jobs.running import RunningJob

VARIABLE = "LLAMA_CPP"
CONVERTER = "convert_hf_to_gguf.py"
_PACKAGE = Package(
    "llama-cpp-python", "0.3.36", "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e", source=True
)
_BYTES = 76_589_250
_WANTED = ("convert_hf_to_gguf.py", "LICENSE", "conversion", "gguf-py")  # below vendor/llama.cpp of the source archive


def converter_folder(job: RunningJob) -> Path:
    """The folder that holds `convert_hf_to_gguf.py` with what it imports.

    Looked for in `LLAMA_CPP` (no call can name a folder: what stands there is run), on PATH, and in the cache; else the source archive of llama-cpp-python,
    which carries it, is fetched through the package index and its hash checked.

    Raises:
        MissingRequirement: that folder has none, or it could not be fetched.
    """
    if place := os.environ.get(VARIABLE):
        return _name_place(Path(place).expanduser())
    if found := standing_converter():
        return found
    folder = _fetch_converter()
    megabytes = _BYTES // 1_000_000
    job.progress(
        0,
        None,
        Text(
            f"Fetching llama.cpp's converter ({megabytes} MB, once)",
            f"取得 llama.cpp 的轉換程式（{megabytes} MB，只需一次）",
        ),
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    commit_folder(folder, _fetch)
    return folder


def standing_converter() -> Path | None:
    """The converter's folder where it is on this machine already."""
    named = os.environ.get(VARIABLE)
    if named and (Path(named).expanduser() / CONVERTER).is_file():
        return Path(named).expanduser()
    if found := shutil.which(CONVERTER):
        return Path(found).resolve().parent
    return _fetch_converter() if (_fetch_converter() / CONVERTER).is_file() else None


def _fetch_converter() -> Path:
    return cache_folder() / f"llama.cpp-{_PACKAGE.version}"


def _name_place(place: Path) -> Path:
    folder = place.parent if place.name == CONVERTER else place
    if (folder / CONVERTER).is_file():
        return folder
    raise MissingRequirement(
        Text(f"{place} has no {CONVERTER}.", f"{place} 裡沒有 {CONVERTER}。"),
        Text(
            "Name the folder of a llama.cpp checkout, or leave it out and it is fetched.",
            "請指定 llama.cpp 原始碼的資料夾；不指定就會自動取得。",
        ),
        field=VARIABLE,
    )


def _fetch(destination: Path) -> None:
    """Fill `destination` with the converter out of the source archive."""
    with tempfile.TemporaryDirectory(prefix="nlp-skills-llama-cpp-") as place:
        try:
            archive = fetch_package(_PACKAGE, Path(place))
        except NotFetched as error:
            raise _not_fetched(str(error)) from error
        with tarfile.open(archive) as opened:
            for member in opened:
                parts = PurePosixPath(member.name).parts
                if parts[1:3] != ("vendor", "llama.cpp") or len(parts) < 4 or parts[3] not in _WANTED:
                    continue
                if ".." in parts or not member.isfile() or (content := opened.extractfile(member)) is None:
                    continue
                path = destination.joinpath(*parts[3:])
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())


def _not_fetched(why: str) -> MissingRequirement:
    return MissingRequirement(
        Text(
            f"llama.cpp's converter is not on this machine and could not be fetched: {why}",
            f"這台機器上沒有 llama.cpp 的轉換程式，也無法取得：{why}",
        ),
        Text(
            f"Clone https://github.com/ggml-org/llama.cpp and set {VARIABLE} to its folder, then deploy again.",
            f"請 clone https://github.com/ggml-org/llama.cpp，把 {VARIABLE} 設成該資料夾，再部署一次。",
        ),
        field=VARIABLE,
    )
