"""Upload a version to the Hugging Face Hub: the sixth stage, `scripts/06_upload_hf.py`.

Private unless asked otherwise; refused below the success criteria unless forced; running it again carries on, because
the Hub's client skips what has arrived.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import Any

from ...resources.errors import DeploymentError, MissingRequirement, SecretError
from ...resources.files import write_atomic
from ...resources.language import Text
from ...resources.lineage import track_version
from ...resources.secrets import redact, resolve
from ...resources.task import TaskFolder
from ...resources.version import VersionFolder, version
from ..compute.running import RunningJob, run_job
from ..evaluate.model import version_paths
from .card import model_card
from .gates import criteria_gate
from .merge import merged_model

ENTRY = ["scripts/06_upload_hf.py"]


def main(task: Path, arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="06_upload_hf.py", description=__doc__)
    parser.add_argument("--repo", required=True, help="owner/name on the Hub")
    parser.add_argument("--version", default="latest", help="v1, v2, … (default: latest)")
    parser.add_argument("--content", choices=["adapter", "merged"], default="adapter")
    parser.add_argument("--public", action="store_true", help="anybody may read it (default: private)")
    parser.add_argument("--force", metavar="REASON", default="", help="upload although it is below the success criteria")
    options = parser.parse_args(arguments)
    return run_job("upload", lambda job: _upload(job, options), entry=ENTRY, arguments=arguments, task=task,
                   resumable=True)


def _upload(job: RunningJob, options: argparse.Namespace) -> dict[str, Any]:
    assert job.task is not None
    chosen = version(job.task, options.version)
    track_version(chosen)
    criteria_gate(job.task.load(), chosen, options.force)
    folder = _assemble(job.task, chosen, options.content)
    try:
        job.progress(0, 1, Text(f"Uploading {options.content} to {options.repo}",
                                f"上傳 {options.content} 到 {options.repo}"))
        url = _send(folder, options, chosen)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    job.progress(1, 1, Text(f"Uploaded: {url}", f"上傳完成：{url}"))
    visibility = Text("public", "公開") if options.public else Text("private", "私有")
    message = Text(f"{chosen.name} ({options.content}) is at {url} ({visibility.en}).",
                   f"{chosen.name}（{options.content}）已上傳到 {url}（{visibility.zh}）。")
    say = Text("Check the model card on the Hub before you share it.", "分享前請先到 Hub 檢查模型卡。")
    return {"url": url, "version": chosen.name, "content": options.content, "message": message._asdict(),
            "next_step": {"tool": "coach", "arguments": {"task": job.task.name}, "say": say._asdict()}}


def _assemble(task: TaskFolder, chosen: VersionFolder, content: str) -> Path:
    """A folder with exactly what is uploaded: weights, tokenizer, card, lineage and results."""
    info = chosen.model_info()
    if content == "merged" or info["adapter"] is None:
        source = merged_model(chosen)
    else:
        source = version_paths(chosen).adapter or task.root / info["adapter"]
    folder = task.cache / f"upload-{chosen.name}-{content}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder, copy_function=_link_or_copy)
    for file in (chosen.lineage_file, chosen.results_file, chosen.config_file):
        if file.is_file():
            shutil.copy2(file, folder / file.name)
    (folder / "README.md").unlink(missing_ok=True)  # PEFT writes a template of its own
    write_atomic(folder / "README.md", model_card(task.load(), chosen, content))
    return folder


def _link_or_copy(source: str, destination: str) -> None:
    try:
        os.link(source, destination)
    except OSError:
        shutil.copy2(source, destination)


def _send(folder: Path, options: argparse.Namespace, chosen: VersionFolder) -> str:
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError as error:
        raise MissingRequirement(
            Text("Uploading needs huggingface_hub.", "上傳需要 huggingface_hub。"),
            Text("Run: pip install 'nlp-skills[train]'", "請執行：pip install 'nlp-skills[train]'"),
        ) from error
    api = HfApi(token=resolve("${HF_TOKEN}"))
    try:
        repository = api.create_repo(options.repo, private=not options.public, exist_ok=True)
        api.upload_folder(repo_id=repository.repo_id, folder_path=folder,
                          commit_message=f"nlp-skills {chosen.task.name} {chosen.name}")
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else None
        if status in (401, 403):
            raise SecretError(
                Text(f"The Hub refused the token for {options.repo} (HTTP {status}).",
                     f"Hub 拒絕以這個權杖存取 {options.repo}（HTTP {status}）。"),
                Text("Store a token with write access: nlp-skills secret set HF_TOKEN",
                     "請存入有寫入權限的權杖：nlp-skills secret set HF_TOKEN"),
                field="HF_TOKEN",
            ) from error
        raise _unreachable(options.repo, error) from error
    except Exception as error:  # the client raises its transport's own errors
        raise _unreachable(options.repo, error) from error
    return str(repository)


def _unreachable(repo: str, error: Exception) -> DeploymentError:
    return DeploymentError(
        Text(f"Uploading to {repo} failed: {redact(str(error))[:300]}", f"上傳到 {repo} 失敗：{redact(str(error))[:300]}"),
        Text("Run the same command again: what has arrived is not sent twice.", "請重新執行同一個指令；已送達的部分不會重傳。"),
        field="repo",
    )
