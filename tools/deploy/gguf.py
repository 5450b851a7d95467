"""A version as one GGUF file, written by llama.cpp's own converter from the merged model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Literal

from ...resources.foundation.errors import DeploymentError, MissingRequirement, WorkspaceError
from ...resources.foundation.files import read_json, sha256_file, write_json
from ...resources.foundation.language import Text
from ...resources.version import VersionFolder
from ..compute.jobs.redaction import without_secrets
from ..compute.jobs.running import RunningJob
from ..evaluate.merge import check_room, merged_model
from . import converter
from .llama_cpp import converter_folder

Quantization = Literal["f16", "q8_0"]
_POLL_SECONDS = 0.5
_KEPT_LINES = 8
# How llama.cpp names the ways a byte-level tokenizer splits text, by the pattern that does it.
_SPLITS = {
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+": "qwen2",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+": "llama-bpe",
}


def gguf_file(
    version: VersionFolder, quantization: Quantization, job: RunningJob, *, pre_tokenizer: str | None = None
) -> Path:
    """`models/vN/gguf/TASK-vN-TYPE.gguf`, built on first need; whole or not there at all, its hash beside it.

    Arguments:
        pre_tokenizer: llama.cpp's name for how the tokenizer splits text, for one it does not know by its hash; by
            default found from the pattern in `tokenizer.json`.

    Raises:
        MissingRequirement: the converter, or a library it imports, is missing.
        DeploymentError: llama.cpp does not know the architecture or the tokenizer.
        WorkspaceError: the disk has no room.
    """
    folder = version.models / "gguf"
    file = folder / f"{version.task.name}-{version.name}-{quantization}.gguf"
    record = file.with_suffix(".json")
    if file.is_file() and record.is_file() and read_json(record)["sha256"] == sha256_file(file):
        return file
    root = converter_folder(job)
    job.progress(0, None, Text("Merging the adapter into the base model", "將轉接器合併進基礎模型"))
    merged = merged_model(version, "afresh")
    folder.mkdir(parents=True, exist_ok=True)
    check_room(sum(path.stat().st_size for path in merged.iterdir()), file, Text("The GGUF file", "GGUF 檔"))
    job.progress(0, None, Text(f"Converting to GGUF ({quantization})", f"轉換成 GGUF（{quantization}）"))
    draft = file.with_name(f".{file.name}.{job.folder.id}.tmp")
    pre = pre_tokenizer or split_of(merged)
    try:
        _convert(root, merged, draft, quantization, pre, job)
        digest = sha256_file(draft)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    write_json(
        record,
        {
            "format": 1,
            "sha256": digest,
            "bytes": file.stat().st_size,
            "quantization": quantization,
            "pre_tokenizer": pre,
            "version": version.name,
        },
    )
    return file


def split_of(model: Path) -> str | None:
    """llama.cpp's name for the way that folder's `tokenizer.json` splits text; None where it is none of those known."""
    path = model / "tokenizer.json"
    found = read_json(path).get("pre_tokenizer") if path.is_file() else None
    steps = found.get("pretokenizers", [found]) if isinstance(found, dict) else []
    for step in steps:
        if step.get("type") == "Split":
            return _SPLITS.get(str((step.get("pattern") or {}).get("Regex")))
    if any(step.get("type") == "ByteLevel" and step.get("use_regex", True) for step in steps):
        return "gpt-2"
    return None


def _convert(root: Path, model: Path, out: Path, quantization: str, pre: str | None, job: RunningJob) -> None:
    command = [
        sys.executable,
        "-m",
        converter.__name__,
        str(root),
        pre or "-",
        str(model),
        "--outfile",
        str(out),
        "--outtype",
        quantization,
    ]
    log = job.folder.root / "convert.log"
    with log.open("wb") as written:
        process = subprocess.Popen(command, stdout=written, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            while True:
                try:
                    process.wait(_POLL_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    job.check_cancelled()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if process.returncode == 0 and out.is_file():
        return
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    raise _conversion_error(process.returncode, without_secrets("\n".join(lines[-_KEPT_LINES:])), model, log)


def _conversion_error(
    status: int, said: str, model: Path, log: Path
) -> DeploymentError | MissingRequirement | WorkspaceError:
    last = said.splitlines()[-1][:300] if said else f"exit status {status}"
    if "ModuleNotFoundError" in said:
        return MissingRequirement(
            Text(f"llama.cpp's converter lacks a library: {last}", f"llama.cpp 的轉換程式缺少套件：{last}"),
            Text(
                "Run in the worker environment: pip install 'nlp-skills[gguf]'",
                "請在工作環境執行：pip install 'nlp-skills[gguf]'",
            ),
        )
    if "No space left" in said or "ENOSPC" in said:
        return WorkspaceError(
            Text(f"The disk became full while the GGUF file was written: {last}", f"寫入 GGUF 時磁碟已滿：{last}"),
            Text("Free some space and deploy again; nothing was lost.", "請清出空間再部署一次；先前的內容都還在。"),
        )
    if status == converter.UNKNOWN_PRE_TOKENIZER:
        return DeploymentError(
            Text(
                "llama.cpp does not know this model's tokenizer, and its splitting pattern is not known here either.",
                "llama.cpp 不認得這個模型的分詞器，這裡也認不出它的切分方式。",
            ),
            Text(
                "Name the pre-tokenizer of its family in settings.pre_tokenizer (qwen2, llama-bpe, gpt-2, …); parity "
                "then proves whether it was right. Or deploy to local.",
                "請在 settings.pre_tokenizer 寫明所屬家族（qwen2、llama-bpe、gpt-2……），之後的一致性比對會證明對不對；"
                "或改部署到 local。",
            ),
            field="settings.pre_tokenizer",
        )
    if status == converter.UNKNOWN_ARCHITECTURE or "not supported" in said:
        architectures = ", ".join(read_json(model / "config.json").get("architectures") or ["?"])
        return DeploymentError(
            Text(
                f"llama.cpp has no GGUF form for {architectures}: {last}",
                f"llama.cpp 沒有 {architectures} 的 GGUF 格式：{last}",
            ),
            Text(
                "Deploy to local, merged or vllm, or use a newer llama.cpp (set LLAMA_CPP to its folder).",
                "請改部署到 local、merged 或 vllm，或使用較新的 llama.cpp（把 LLAMA_CPP 設成它的資料夾）。",
            ),
            field="target",
        )
    return DeploymentError(
        Text(f"The conversion to GGUF failed: {last}", f"轉換成 GGUF 失敗：{last}"),
        Text(
            f"Read {log}; a newer llama.cpp may know this model (set LLAMA_CPP).",
            f"請看 {log}；較新的 llama.cpp 也許認得這個模型（設定 LLAMA_CPP）。",
        ),
    )
