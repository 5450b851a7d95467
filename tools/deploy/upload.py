"""Upload a version to the Hugging Face Hub: the sixth stage, `scripts/06_upload_hf.py`, and the target `huggingface`.

Private unless asked otherwise; refused below the success criteria unless forced; running it again carries on, because
the Hub's client skips what has arrived.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from ...resources.foundation.access import refusal, require
from ...resources.foundation.errors import DeploymentError, MissingRequirement, NlpSkillsError, SecretError
from ...resources.foundation.files import write_atomic
from ...resources.foundation.language import Text
from ...resources.foundation.secrets import host_of, redact, resolve
from ...resources.foundation.wording import misfit_of, written_as
from ...resources.lineage import track_version
from ...resources.task import Task
from ...resources.version import VersionFolder, version
from ..compute.environments.download import endpoint
from ..compute.jobs.result import JobResult
from ..compute.jobs.running import RunningJob, run_job
from ..data.reach import needs_to_leave
from ..data.store import load_snapshot
from ..evaluate.merge import merged_model
from ..evaluate.model import version_paths
from .card import dataset_card, model_card
from .gates import criteria_gate
from .gguf import Quantization, gguf_file
from .overrides import CRITERIA, Override

ENTRY = ["scripts/06_upload_hf.py"]
Content = Literal["adapter", "merged", "gguf", "dataset"]
_CONTENTS: tuple[Content, ...] = ("adapter", "merged", "gguf", "dataset")
# The Hub's client then notes each piece as soon as it has arrived, so that after a cut none is sent twice.
_NOTE_EACH_PIECE = ("HF_XET_DATA_SESSION_XORB_METADATA_FLUSH_MAX_COUNT", "1")


class Upload(BaseModel):
    """What is uploaded and where to."""

    repo: Annotated[str, written_as(r"[\w.-]+/[\w.-]+", Text("owner/name", "owner/name"))] = Field(
        description="owner/name on the Hub"
    )
    content: Content = Field("adapter", description="adapter, merged, gguf, or the dataset it was trained on")
    public: bool = Field(False, description="anybody may read it")
    quantization: Quantization = Field("f16", description="of a GGUF file: f16 or q8_0")
    pre_tokenizer: str | None = Field(None, description="for a tokenizer llama.cpp does not know: qwen2, gpt-2, …")


def main(task: Path, arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="06_upload_hf.py",
        description="Upload a version to the Hugging Face Hub, private unless asked otherwise; running it again carries on. "
        "上傳版本到 Hugging Face Hub，預設不公開；中斷後再執行一次會接續。",
    )
    parser.add_argument("--repo", required=True, help="owner/name on the Hub Hub 上的 owner/name")
    parser.add_argument("--version", default="latest", help="v1, v2, … (default: latest) 版本（預設最新）")
    parser.add_argument("--content", choices=_CONTENTS, default="adapter", help="what is uploaded 要上傳的內容")
    parser.add_argument(
        "--quantization", choices=["f16", "q8_0"], default="f16", help="of a GGUF file GGUF 檔的量化方式"
    )
    parser.add_argument(
        "--pre-tokenizer",
        default=None,
        help="for a tokenizer llama.cpp does not know: qwen2, gpt-2, … llama.cpp 不認得分詞器時指定",
    )
    parser.add_argument("--public", action="store_true", help="anybody may read it (default: private) 公開（預設私有）")
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help="although the task's data stays on-premise 任務資料不得外流時，仍然允許上傳",
    )
    parser.add_argument(
        "--force",
        metavar="REASON",
        default="",
        help="upload although it is below the success criteria 低於成功標準仍要上傳，請寫理由",
    )
    options = parser.parse_args(arguments)
    return run_job(
        "upload", lambda job: _upload(job, options), entry=ENTRY, arguments=arguments, task=task, resumable=True
    )


def _read_options(options: argparse.Namespace) -> Upload:
    try:
        return Upload(
            repo=options.repo,
            content=options.content,
            public=options.public,
            quantization=options.quantization,
            pre_tokenizer=options.pre_tokenizer,
        )
    except ValidationError as error:
        field, said, *_ = misfit_of(error)
        raise DeploymentError(
            Text("--{field}: {said}.", "--{field}：{said}。").format(field=field, said=said),
            Text(
                "Correct it and run the script again; nothing was uploaded.", "請更正後再執行一次；沒有上傳任何東西。"
            ),
            field=field,
        ) from None


class Uploaded(JobResult):
    """Where which form of which version stands."""

    url: str
    version: str
    content: str


def _upload(job: RunningJob, options: argparse.Namespace) -> Uploaded:
    assert job.task is not None
    chosen = version(job.task, options.version)
    track_version(chosen)
    wanted = _read_options(options)
    check_upload(job.task.load(), leaves=options.allow_remote)
    criteria_gate(job.task.load(), chosen, Override(chosen, "huggingface", options.force, CRITERIA))
    url = upload_version(job, chosen, wanted)
    visibility = Text("public", "公開") if wanted.public else Text("private", "私有")
    message = Text(
        "{version} ({content}) is at {url} ({visibility}).", "{version}（{content}）已上傳到 {url}（{visibility}）。"
    ).format(version=chosen.name, content=wanted.content, url=url, visibility=visibility)
    say = Text("Check the card on the Hub before you share it.", "分享前請先到 Hub 檢查說明卡。")
    return {
        "url": url,
        "version": chosen.name,
        "content": wanted.content,
        "message": message._asdict(),
        "next_step": {"tool": "coach", "arguments": {"task": job.task.name}, "say": say._asdict()},
    }


def check_upload(task: Task, *, leaves: bool = False) -> None:
    """What an upload needs, before anything is built.

    Arguments:
        leaves: the person who typed the command says that what belongs to an on-premise task may leave.

    Raises:
        AccessError: the task is on-premise, and nobody has allowed sending what belongs to it there.
        SecretError: no token is stored.
        MissingRequirement: the Hub's client is not installed.
    """
    leaving = [] if leaves else needs_to_leave(task, endpoint())
    if leaving:
        require(refusal(leaving, "repo"))
    resolve("${HF_TOKEN}", host=host_of(endpoint()))
    _client()


def upload_version(job: RunningJob, chosen: VersionFolder, wanted: Upload) -> str:
    """Upload the version and return the repository's address; run again after a cut, it sends what is missing.

    Raises:
        SecretError: the token is unknown, refused, or may only read.
        DeploymentError: the Hub cannot be reached, or the upload was cut.
    """
    folder = _assemble(job, chosen, wanted)
    try:
        job.progress(
            0, 1, Text(f"Uploading {wanted.content} to {wanted.repo}", f"上傳 {wanted.content} 到 {wanted.repo}")
        )
        url = _send(folder, wanted, chosen)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    job.progress(1, 1, Text(f"Uploaded: {url}", f"上傳完成：{url}"))
    return url


def _assemble(job: RunningJob, chosen: VersionFolder, wanted: Upload) -> Path:
    """A folder with exactly what is uploaded: weights or rows, tokenizer, card, lineage and results."""
    task = chosen.task
    folder = task.cache / f"upload-{chosen.name}-{wanted.content}"
    shutil.rmtree(folder, ignore_errors=True)
    if wanted.content == "dataset":
        _rows(chosen, folder)
        card = dataset_card(task.load(), chosen)
    else:
        _weights(job, chosen, wanted, folder)
        card = model_card(task.load(), chosen, wanted.content)
    for file in (chosen.lineage_file, chosen.results_file, chosen.config_file):
        if file.is_file() and wanted.content != "dataset":
            shutil.copy2(file, folder / file.name)
    (folder / "README.md").unlink(missing_ok=True)  # PEFT writes a template of its own
    write_atomic(folder / "README.md", card)
    return folder


def _weights(job: RunningJob, chosen: VersionFolder, wanted: Upload, folder: Path) -> None:
    if wanted.content == "gguf":
        file = gguf_file(chosen, wanted.quantization, job, pre_tokenizer=wanted.pre_tokenizer)
        folder.mkdir(parents=True)
        _link_or_copy(str(file), str(folder / file.name))
        return
    info = chosen.model_info()
    if wanted.content == "merged" or info.adapter is None:
        source = merged_model(chosen, "afresh")
    else:
        source = version_paths(chosen, "afresh").adapter or chosen.task.root / info.adapter
    shutil.copytree(source, folder, copy_function=_link_or_copy)


def _rows(chosen: VersionFolder, folder: Path) -> None:
    """The splits the version was trained on, with the manifest that says where they came from."""
    snapshot = load_snapshot(chosen.task, chosen.data_snapshot().hash)
    folder.mkdir(parents=True)
    for path in snapshot.root.iterdir():
        if path.suffix == ".jsonl" or path.name in ("manifest.json", "validation.json"):
            shutil.copy2(path, folder / path.name)


def _link_or_copy(source: str, destination: str) -> None:
    try:
        os.link(source, destination)
    except OSError:
        shutil.copy2(source, destination)


def _client() -> Any:
    os.environ.setdefault(*_NOTE_EACH_PIECE)
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise MissingRequirement(
            Text("Uploading needs huggingface_hub.", "上傳需要 huggingface_hub。"),
            Text("Run: pip install 'nlp-skills[train]'", "請執行：pip install 'nlp-skills[train]'"),
        ) from error
    return HfApi


def _send(folder: Path, wanted: Upload, chosen: VersionFolder) -> str:
    api = _client()(token=resolve("${HF_TOKEN}", host=host_of(endpoint())))
    from huggingface_hub.errors import HfHubHTTPError

    kind = "dataset" if wanted.content == "dataset" else "model"
    try:
        repository = api.create_repo(wanted.repo, private=not wanted.public, exist_ok=True, repo_type=kind)
        if not wanted.public and api.repo_info(repository.repo_id, repo_type=kind).private is False:
            raise _is_public(wanted.repo)
        api.upload_folder(
            repo_id=repository.repo_id,
            folder_path=folder,
            repo_type=kind,
            commit_message=f"nlp-skills {chosen.task.name} {chosen.name}",
        )
    except NlpSkillsError:
        raise
    except HfHubHTTPError as error:
        raise _told_by_the_hub(wanted.repo, error) from error
    except Exception as error:  # the client raises its transport's own errors
        raise _unreachable(wanted.repo, error) from error
    return str(repository)


def _is_public(repo: str) -> DeploymentError:
    return DeploymentError(
        Text(
            f"{repo} exists already and is public: anybody could read what is uploaded.",
            f"{repo} 已經存在而且是公開的：上傳的內容任何人都能讀到。",
        ),
        Text(
            "Name another repo, make that one private on the Hub, or set public to true (--public) if that is meant. "
            "Nothing was uploaded.",
            "請換一個 repo、到 Hub 把它改成私有，或確定要公開再設 public 為 true（--public）。沒有上傳任何內容。",
        ),
        field="public",
    )


def _told_by_the_hub(repo: str, error: Any) -> NlpSkillsError:
    status = error.response.status_code if error.response is not None else None
    if status == 403:
        return SecretError(
            Text(f"The Hub's token may not write to {repo} (HTTP 403).", f"這個 Hub 權杖不能寫入 {repo}（HTTP 403）。"),
            Text(
                "It may be read-only or another owner's: make one with write access on the Hub, then nlp-skills secret "
                "set HF_TOKEN. Nothing was changed there.",
                "它可能只有讀取權限，或屬於別的帳號：請到 Hub 建立有寫入權限的權杖，再執行 nlp-skills secret set HF_TOKEN。"
                "Hub 上的內容沒有變動。",
            ),
            field="HF_TOKEN",
        )
    if status == 401:
        return SecretError(
            Text(f"The Hub refused the token for {repo} (HTTP 401).", f"Hub 拒絕以這個權杖存取 {repo}（HTTP 401）。"),
            Text(
                "Store a token with write access: nlp-skills secret set HF_TOKEN",
                "請存入有寫入權限的權杖：nlp-skills secret set HF_TOKEN",
            ),
            field="HF_TOKEN",
        )
    return _unreachable(repo, error)


def _unreachable(repo: str, error: Exception) -> DeploymentError:
    return DeploymentError(
        Text(
            f"Uploading to {repo} failed: {redact(str(error))[:300]}", f"上傳到 {repo} 失敗：{redact(str(error))[:300]}"
        ),
        Text(
            "Run the same command again: what has arrived is not sent twice.",
            "請重新執行同一個指令；已送達的部分不會重傳。",
        ),
        field="repo",
    )
