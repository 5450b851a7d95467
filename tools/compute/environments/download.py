"""Download a base model from a hub as a resumable job: `python -m nlp_skills.tools.compute.environments.download --name … `.

What will be fetched is asked of the hub first (`offer`, light enough for the server), so that size, licence and free
disk stand before the person's yes. `HF_ENDPOINT` names another hub, `HF_HUB_CACHE` or `HF_HOME` another cache.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from ....resources.foundation.errors import JobError, MissingRequirement, NlpSkillsError, TrainingError, WorkspaceError
from ....resources.foundation.files import describing_disk_errors, sha256_file
from ....resources.foundation.language import Text
from ....resources.foundation.reasons import reason_of
from ....resources.foundation.secrets import lookup
from ....resources.paths import hub_cache
from ..hardware import free_disk
from ..jobs.redaction import without_secrets
from ..jobs.result import DownloadedModel
from ..jobs.running import RunningJob, run_job
from ..jobs.words import size
from .base_model import HUB_NAME, cached_folder, check_causal_config, check_causal_model

if TYPE_CHECKING:
    import httpx

ENTRY = ["-m", "nlp_skills.tools.compute.environments.download"]
TOKEN_NAME = "HF_TOKEN"
_NEEDED = ("*.json", "*.jinja", "*.model", "*.txt", "*.safetensors", "LICENSE*", "README.md")
_UNNEEDED = ("*/*", "consolidated*", "*.onnx*", "*.gguf")  # other formats and what stands in subfolders
_SPARE_BYTES = 500_000_000
_ASK_SECONDS = 15.0
_READ_SECONDS = 60.0
_PATIENCE = 5  # attempts in a row that bring nothing
_PAUSE_SECONDS = 1.0
_MEGABYTE = 1_000_000


class HubFile(BaseModel):
    """One file of a hub model: bytes, and the sha256 where the hub knows it (large files)."""

    path: str
    size: int
    sha256: str | None = None


class Offer(BaseModel):
    """What a download would bring. `bytes` is the whole, `present` what the cache holds of it already."""

    name: str
    commit: str
    licence: str | None = None
    page: str
    files: list[HubFile] = Field(default_factory=list)
    bytes: int
    present: int
    disk_free: int
    folder: str


def endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def offer(name: str) -> Offer:
    """What downloading `name` would bring, as the hub says now.

    Raises:
        TrainingError: the name is no hub id, the hub has no such model, or it is not a causal language model.
        MissingRequirement: the hub cannot be reached, or asks for a token or for its terms to be accepted.
        WorkspaceError: the disk has no room for it.
    """
    if not HUB_NAME.fullmatch(name) or ".." in name:
        raise TrainingError(
            Text(f"{name[:100]!r} is not the name of a hub model.", f"「{name[:100]}」不是 Hub 上的模型名稱。"),
            Text("Give owner/model, such as Qwen/Qwen3-0.6B.", "請用「擁有者/模型」的形式，例如 Qwen/Qwen3-0.6B。"),
            field="name",
        )
    with _client(_ASK_SECONDS) as client:
        told = _ask(client, f"{endpoint()}/api/models/{name}?blobs=true", name).json()
        commit = str(told["sha"])
        check_causal_config(_ask(client, f"{endpoint()}/{name}/resolve/{commit}/config.json", name).json(), name)
    files = select_files(
        [
            HubFile(path=one["rfilename"], size=one.get("size") or 0, sha256=(one.get("lfs") or {}).get("sha256"))
            for one in told.get("siblings", [])
        ]
    )
    card = told.get("cardData") or {}
    offered = Offer(
        name=name,
        commit=commit,
        licence=card.get("license_name") or card.get("license"),
        page=f"{endpoint()}/{name}",
        files=files,
        bytes=sum(file.size for file in files),
        present=present_bytes(name),
        disk_free=free_disk(hub_cache()),
        folder=str(cached_folder(name)),
    )
    _check_room(offered)
    return offered


def select_files(files: list[HubFile]) -> list[HubFile]:
    """The files a training needs: configuration, tokenizer, and the weights in one format."""
    chosen = [file for file in files if _matches(file.path, _NEEDED) and not _matches(file.path, _UNNEEDED)]
    if any(file.path.endswith(".safetensors") for file in chosen):
        return [file for file in chosen if not file.path.startswith("pytorch_model.bin.index")]
    return chosen + [file for file in files if fnmatch.fnmatch(file.path, "pytorch_model*.bin")]


def present_bytes(name: str) -> int:
    """Bytes of that model in the cache, half-fetched files included."""
    blobs = cached_folder(name) / "blobs"
    return sum(blob.stat().st_size for blob in blobs.iterdir()) if blobs.is_dir() else 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m nlp_skills.tools.compute.environments.download", description=__doc__
    )
    parser.add_argument("--name", required=True, help="hub id, such as Qwen/Qwen3-0.6B")
    parser.add_argument("--commit", default=None, help="the commit the person agreed to; the newest if left out")
    options = parser.parse_args(arguments)
    return run_job(
        "base_model",
        lambda job: _download(job, options.name, options.commit),
        entry=ENTRY,
        arguments=arguments,
        resumable=True,
    )


def download_model(job: RunningJob, name: str) -> Path:
    """Fetch a hub model whole within a job, and return its folder."""
    return _fetch(job, offer(name))


def _download(job: RunningJob, name: str, commit: str | None) -> DownloadedModel:
    offered = offer(name)
    if commit and commit != offered.commit:
        job.warn(
            Text(
                f"{name} has changed on the hub since you agreed; its state {offered.commit[:12]} is fetched.",
                f"{name} 在你同意之後有更新，改為下載新的內容 {offered.commit[:12]}。",
            )
        )
    folder = _fetch(job, offered)
    check_causal_model(folder)
    return {
        "name": name,
        "path": str(folder),
        "commit": offered.commit,
        "bytes": offered.bytes,
        "licence": offered.licence,
        "message": {
            "en": f"The base model {name} ({size(offered.bytes)}) is on this machine.",
            "zh": f"基礎模型 {name}（{size(offered.bytes)}）已在這台機器上。",
        },
        "next_step": {
            "tool": "coach",
            "arguments": {},
            "say": {"en": f"Plan the training with base_model {name}.", "zh": f"接著以 {name} 為基礎模型規劃訓練。"},
        },
    }


def _fetch(job: RunningJob, offered: Offer) -> Path:
    """The weights by ranges, so that a kill costs nothing; then the hub's own client for the rest and for its cache's
    order (it no longer resumes half a file: huggingface_hub 2.4)."""
    import httpx

    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError as error:
        raise MissingRequirement(
            Text("This interpreter lacks huggingface_hub.", "這個 Python 環境缺少 huggingface_hub。"),
            Text(
                "Build the worker environment with set_up(what='environment').",
                "請用 set_up(what='environment') 建立工作環境。",
            ),
        ) from error
    arriving = _Arriving(job, offered)
    with describing_disk_errors(hub_cache()), _client(_READ_SECONDS) as client:
        for file in offered.files:
            if file.sha256:
                _fetch_weights(client, offered, file, arriving)
        arriving.tell(0, "config, tokenizer")
        try:
            return Path(
                snapshot_download(
                    offered.name,
                    revision=offered.commit,
                    allow_patterns=[file.path for file in offered.files],
                    cache_dir=hub_cache(),
                    endpoint=endpoint(),
                    token=lookup(TOKEN_NAME) or None,
                    max_workers=2,
                )
            )
        except (HfHubHTTPError, httpx.HTTPError) as error:
            raise _broken_off(offered.name, error) from error


class _Arriving:
    """How much of the whole has arrived."""

    def __init__(self, job: RunningJob, offered: Offer) -> None:
        self._job = job
        self._bytes = offered.bytes
        self._before = 0

    def tell(self, of_file: int, path: str) -> None:
        here, total = self._before + of_file, max(1, self._bytes // _MEGABYTE)
        self._job.progress(
            min(here // _MEGABYTE, total),
            total,
            Text(f"{path}: {size(here)} of {size(self._bytes)}", f"{path}：{size(here)}，共 {size(self._bytes)}"),
        )

    def file_finished(self, file: HubFile) -> None:
        self._before += file.size
        self.tell(0, file.path)


def _fetch_weights(client: httpx.Client, offered: Offer, file: HubFile, arriving: _Arriving) -> None:
    import httpx

    blob = cached_folder(offered.name) / "blobs" / str(file.sha256)
    blob.parent.mkdir(parents=True, exist_ok=True)
    part = blob.with_name(f"{blob.name}.part")
    if not (blob.is_file() and blob.stat().st_size == file.size):
        patience = _PATIENCE
        while (had := _length(part)) < file.size:
            try:
                _receive(client, offered, file, part, arriving)
            except httpx.HTTPError as error:
                patience = _PATIENCE if _length(part) > had else patience - 1
                if patience == 0:
                    raise _broken_off(offered.name, error) from error
                time.sleep(_PAUSE_SECONDS)
        if part.stat().st_size != file.size or sha256_file(part) != file.sha256:
            part.unlink()
            raise JobError(
                Text(f"{file.path} arrived damaged and was removed.", f"{file.path} 下載後內容不符，已刪除。"),
                Text(
                    "Call manage_job(action='resume') to fetch that file again.",
                    "請呼叫 manage_job(action='resume') 重新下載該檔。",
                ),
            )
        os.replace(part, blob)
    arriving.file_finished(file)


def _receive(client: httpx.Client, offered: Offer, file: HubFile, part: Path, arriving: _Arriving) -> None:
    """Append to `part` what follows what it holds."""
    had = _length(part)
    address = f"{endpoint()}/{offered.name}/resolve/{offered.commit}/{file.path}"
    with client.stream("GET", address, headers={"Range": f"bytes={had}-"} if had else {}) as answer:
        if answer.status_code in (401, 403, 404):
            raise _not_to_be_had(offered.name, answer.status_code)
        answer.raise_for_status()
        with part.open("ab" if answer.status_code == 206 else "wb") as written:
            for piece in answer.iter_bytes(_MEGABYTE):
                written.write(piece)
                arriving.tell(written.tell(), file.path)


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _ask(client: httpx.Client, address: str, name: str) -> httpx.Response:
    import httpx

    try:
        answer = client.get(address)
    except httpx.HTTPError as error:
        raise _unreachable(reason_of(error)) from error
    if answer.status_code in (401, 403, 404):
        raise _not_to_be_had(name, answer.status_code)
    if answer.is_error:
        raise _unreachable(Text(f"HTTP {answer.status_code}", f"HTTP {answer.status_code}"))
    return answer


def _unreachable(why: Text) -> MissingRequirement:
    return MissingRequirement(
        Text("The hub {hub} cannot be reached: {why}.", "無法連上模型庫 {hub}：{why}。").format(
            hub=endpoint(), why=why
        ),
        Text(
            "Check the network or HF_ENDPOINT and try again; a model folder on this machine works without a hub.",
            "請檢查網路或 HF_ENDPOINT 後再試；也可以直接使用這台機器上的模型資料夾。",
        ),
        field="name",
    )


def _not_to_be_had(name: str, status: int) -> NlpSkillsError:
    if status == 404:
        return TrainingError(
            Text(
                f"The hub {endpoint()} has no model {name} with a config.json.",
                f"模型庫 {endpoint()} 沒有 {name}，或它沒有 config.json。",
            ),
            Text("Check the spelling; the name is owner/model.", "請檢查拼字；名稱的形式是「擁有者/模型」。"),
            field="name",
        )
    return MissingRequirement(
        Text(
            f"{name} is gated on the hub (or there is no such model).", f"{name} 需要授權才能下載（或沒有這個模型）。"
        ),
        Text(
            f"Accept its terms at {endpoint()}/{name}, then store a token in a terminal: "
            f"nlp-skills secret set {TOKEN_NAME}",
            f"請先在 {endpoint()}/{name} 同意條款，再於終端機存入權杖：nlp-skills secret set {TOKEN_NAME}",
        ),
        field="name",
    )


def _broken_off(name: str, error: Exception) -> JobError:
    why = without_secrets(f"{type(error).__name__}: {error}")[:300]
    return JobError(
        Text(f"The download of {name} was interrupted: {why}", f"{name} 的下載中斷：{why}"),
        Text(
            "Call manage_job(action='resume'); what has arrived is kept.",
            "請呼叫 manage_job(action='resume')；已下載的部分都還在。",
        ),
    )


def _check_room(offered: Offer) -> None:
    needed = max(0, offered.bytes - offered.present) + _SPARE_BYTES
    if offered.disk_free >= needed:
        return
    raise WorkspaceError(
        Text(
            f"{offered.name} needs {size(needed)} of free disk at {hub_cache()}; there are {size(offered.disk_free)}.",
            f"{offered.name} 需要 {hub_cache()} 有 {size(needed)} 可用空間，目前只有 {size(offered.disk_free)}。",
        ),
        Text(
            "Free some space, set HF_HOME to a larger disk, or choose a smaller model.",
            "請先清出空間、把 HF_HOME 設到較大的磁碟，或改選較小的模型。",
        ),
        field="name",
    )


def _client(seconds: float) -> httpx.Client:
    import httpx  # a tenth of a second: not at the server's start

    token = lookup(TOKEN_NAME)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(timeout=seconds, follow_redirects=True, headers=headers)


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatch(path, pattern) for pattern in patterns)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
