"""Make a GGUF file trainable, once: `python -m nlp_skills.tools.compute.environments.dequantise --file …`."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from ....resources.foundation.errors import MissingRequirement, TrainingError
from ....resources.foundation.files import commit_folder, lock, write_atomic, write_json
from ....resources.foundation.language import Text
from ....resources.foundation.reasons import reason_of
from ....resources.workspace import cache_folder
from ..jobs.running import RunningJob, run_job
from .fingerprint import file_hash
from .gguf_base import FILE_OF_ORIGIN, USE_ORIGINAL, check_gguf, check_room, check_same_file, converted_folder, unusable
from .gguf_header import GgufHeader
from .libraries import settle_libraries

ENTRY = ["-m", "nlp_skills.tools.compute.environments.dequantise"]
_STEPS = 4
_SAMPLES = ("Sort this message: the parcel came late.\n", "這家公司第三季營收成長 12%。")
_PROMPT_TOKENS = 32
_AGREEMENT = 0.05  # in probability: what bfloat16 may move
_LONGEST_REASON = 200
_OF_SHAPES = re.compile(r"size mismatch|mismatched|shape|view size", re.IGNORECASE)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m nlp_skills.tools.compute.environments.dequantise", description=__doc__
    )
    parser.add_argument("--file", required=True, type=Path, help="the GGUF file")
    options = parser.parse_args(arguments)
    return run_job(
        "base_model", lambda job: _convert(job, options.file), entry=ENTRY, arguments=arguments, resumable=True
    )


def _convert(job: RunningJob, file: Path) -> dict[str, Any]:
    header, sha256 = check_gguf(file), file_hash(file)
    check_room(file, header)
    folder = converted_folder(sha256)
    job.progress(0, _STEPS, Text("waiting for whoever converts it already", "等待另一個正在進行的轉換"))
    with lock(cache_folder() / "locks" / f"gguf-{folder.name}", patience=-1):
        for draft in folder.parent.glob(f".{folder.name}.*"):  # of one that was killed: nobody else is at it
            shutil.rmtree(draft, ignore_errors=True)
        if not folder.is_dir():
            _dequantise(job, file, header, sha256, folder)
    job.progress(_STEPS, _STEPS, Text("done", "完成"))
    return {
        "name": str(file),
        "path": str(folder),
        "bytes": sum(one.stat().st_size for one in folder.iterdir()),
        "message": {
            "en": f"{file.name} can be trained now: its weights were dequantised into {folder}.",
            "zh": f"{file.name} 可以用來訓練了：權重已還原並存到 {folder}。",
        },
        "next_step": {
            "tool": "coach",
            "arguments": {},
            "say": {"en": f"Plan the training with base_model {file}.", "zh": f"接著以 {file} 為基礎模型規劃訓練。"},
        },
    }


def _dequantise(job: RunningJob, file: Path, header: GgufHeader, sha256: str, folder: Path) -> None:
    settle_libraries()
    job.progress(0, _STEPS, Text("loading the libraries", "載入函式庫"))
    try:
        import gguf  # noqa: F401  Transformers reads GGUF files with it
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise MissingRequirement(
            Text(
                f"This interpreter lacks {error.name}, which reads GGUF files.",
                f"這個 Python 環境缺少讀取 GGUF 檔的 {error.name}。",
            ),
            Text(
                "Build the worker environment anew with set_up(what='environment').",
                "請用 set_up(what='environment') 重新建立工作環境。",
            ),
        ) from error
    named: dict[str, Any] = {"gguf_file": file.name}
    job.progress(1, _STEPS, Text("reading the tokenizer", "讀取分詞器"))
    try:
        tokenizer = AutoTokenizer.from_pretrained(file.parent, **named)
        job.progress(2, _STEPS, Text("dequantising the weights", "還原權重"))
        read, loading = AutoModelForCausalLM.from_pretrained(
            file.parent, dtype=torch.float32, output_loading_info=True, **named
        )
    except (ValueError, KeyError, OSError, NotImplementedError, RuntimeError, TypeError, IndexError) as error:
        raise _unreadable(file, header, error) from error
    if missing := sorted(loading["missing_keys"]):  # these would be random
        raise unusable(file, Text(f"it lacks the weights {missing[0]}", f"它缺少 {missing[0]} 這組權重"), USE_ORIGINAL)
    _check_tokenizer(file, tokenizer)
    # What was read is marked as quantised and refuses to be saved; the same weights in a model of its own are not.
    settings = {key: value for key, value in read.config.to_dict().items() if key != "quantization_config"}
    model = type(read)(type(read.config)(**settings))
    model.load_state_dict(read.state_dict())
    model.tie_weights()
    model.to(getattr(torch, header.trainable_type))
    if read.generation_config is not None:
        model.generation_config = read.generation_config
    job.progress(3, _STEPS, Text("writing the model folder", "寫出模型資料夾"))

    def fill(part: Path) -> None:
        check_same_file(file, sha256)  # what was read while somebody wrote it is neither the old file nor the new
        model.save_pretrained(part)
        tokenizer.save_pretrained(part)
        # All that decides what the model is comes from the file's content; its name is for people alone.
        write_json(part / FILE_OF_ORIGIN, {"format": 1, "sha256": sha256})
        write_atomic(part / "README.md", f"Dequantised from {file.name} (sha256 {sha256}) for training.\n")
        _check_weights(file, read, part, tokenizer)

    folder.parent.mkdir(parents=True, exist_ok=True)
    commit_folder(folder, fill)


def _unreadable(file: Path, header: GgufHeader, error: Exception) -> TrainingError:
    """Why Transformers could not build a model of the file, in a person's words where we know them."""
    if _OF_SHAPES.search(str(error)):
        return unusable(
            file,
            Text(
                f"the shapes of the weights in it do not fit what Transformers builds for {header.architecture}",
                f"裡面權重的形狀與 Transformers 為 {header.architecture} 建立的不符",
            ),
            USE_ORIGINAL,
        )
    reason = reason_of(error)
    first = Text(*((said.strip().splitlines() or ["?"])[0][:_LONGEST_REASON] for said in reason))
    return unusable(
        file,
        Text("Transformers cannot read it ({why})", "Transformers 讀不了它（{why}）").format(why=first),
        USE_ORIGINAL,
    )


def _check_tokenizer(file: Path, tokenizer: Any) -> None:
    """A tokenizer that was rebuilt wrongly from a GGUF file loses text silently."""
    for sample in _SAMPLES:
        if tokenizer.decode(tokenizer.encode(sample, add_special_tokens=False)).strip() != sample.strip():
            raise unusable(
                file,
                Text("the tokenizer inside it does not give text back as it was", "裡面的分詞器無法還原原文"),
                USE_ORIGINAL,
            )


def _check_weights(file: Path, read: Any, part: Path, tokenizer: Any) -> None:
    """That what was written answers as what was read."""
    import torch
    from transformers import AutoModelForCausalLM

    written = AutoModelForCausalLM.from_pretrained(part, dtype=torch.float32)
    ids = torch.tensor([tokenizer.encode("".join(_SAMPLES))[:_PROMPT_TOKENS]])
    with torch.inference_mode():
        before, after = (model(ids).logits.softmax(-1) for model in (read, written))
    if not torch.isfinite(before).all() or (before - after).abs().max() > _AGREEMENT:
        raise unusable(
            file, Text("its weights do not survive being written anew", "還原後的權重與原檔不一致"), USE_ORIGINAL
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
