"""Load a model for answering: base and adapter folded together, as deployment ships it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...resources.foundation.errors import EvaluationError
from ...resources.foundation.language import Text
from ...resources.model_info import ModelInfo
from ...resources.removal import require_model
from ...resources.task import TaskFolder
from ...resources.version import VersionFolder, version_numbers, version_status
from ...resources.version import version as find_version
from ...resources.workspace import Workspace
from ..compute.environments.base_model import resolve_base_model
from ..compute.environments.fingerprint import Care, differing, file_hash, model_files, model_hash
from ..data.chat_template import without_clock

# Read wherever they stand in a model's folder, before what would be read without them.
_TAKEN_FIRST = (
    "config.json",
    "generation_config.json",
    "model.safetensors.index.json",
    "chat_template.jinja",
    "chat_template.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "adapter_config.json",
)
_EVALUABLE = ("trained", "evaluated")


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to generate. `end_ids` are the tokens a server stops at, the pad token fills the left."""

    model: Any
    tokenizer: Any
    end_ids: tuple[int, ...]
    pad_id: int


@dataclass(frozen=True)
class ModelPaths:
    """What stands on disk: the base model's folder, and the adapter on it (None: that folder is the whole model)."""

    base: Path
    adapter: Path | None


def trained_version(task: TaskFolder, name: str) -> VersionFolder:
    """The version of that name if it can be evaluated; `latest` is the newest trained one.

    Raises:
        TaskError: there is no such version.
        EvaluationError: its training has not ended, or failed.
    """
    if name == "latest":
        trained = [number for number in version_numbers(task) if version_status(task, number) in _EVALUABLE]
        if trained:
            return VersionFolder(task, trained[-1])
    folder = find_version(task, name)
    if (status := folder.status()) not in _EVALUABLE:
        raise _untrained_error(folder, status)
    return folder


def version_paths(folder: VersionFolder, care: Care = "kept") -> ModelPaths:
    """Where the version's trained model stands, every file of it and of its base model checked against the hash of its
    commit: weights, settings, tokenizer and chat template.

    Arguments:
        care: `afresh` reads every file whole, as evaluation, reproduction and deployment do; else one that did not
            change since it was read is not read again.

    Raises:
        EvaluationError: the model was removed, or a file is missing, is not the committed one, or was put beside them.
        TrainingError, MissingRequirement: the base model is not on this machine.
    """
    require_model(folder)
    info = folder.model_info()
    root, recorded = folder.task.root, info.files
    place = root / info.place
    now = {relative: file_hash(root / relative, care) for relative in recorded if (root / relative).is_file()}
    if recorded:
        now |= {
            (place / name).relative_to(root).as_posix(): digest for name, digest in model_files(place, care).items()
        }
    if changed := differing(recorded, now):
        file = root / changed[0]
        raise EvaluationError(
            Text(
                f"{file} is not the file {folder.name} was committed with.",
                f"{file} 與 {folder.name} 定版時的檔案不同。",
            )
            if changed[0] in recorded
            else Text(
                f"{file} was put beside the files {folder.name} was committed with, and would be loaded with them.",
                f"{file} 不是 {folder.name} 定版時的檔案，卻會一起被載入。",
            ),
            Text(
                "Restore it from a backup, or train the version again from its snapshot with reproduce.",
                "請從備份還原，或用 reproduce 依快照重新訓練這個版本。",
            )
            if changed[0] in recorded
            else Text("Move it out of that folder.", "請把它移出這個資料夾。"),
            field="version",
        )
    if not info.adapter:
        return ModelPaths(place, None)
    return ModelPaths(verified_base(folder, care), place)


def verified_base(folder: VersionFolder, care: Care = "kept") -> Path:
    """The folder of the base model a version was trained on, its files checked against what the version recorded.

    Raises:
        EvaluationError: it is another model by now.
        TrainingError, MissingRequirement: it is not on this machine.
    """
    info = folder.model_info()
    base, recorded = base_path(info), info.base_model
    changed: list[str] = []
    if files := recorded.files:
        now = model_files(base, care)
        changed = [name for name in differing(files, now) if _matters(name, files, now)]
    elif digest := recorded.hash:  # as versions were recorded before each file was
        changed = [] if model_hash(base, care) == digest else ["config.json"]
    if not changed:
        return base
    named = (
        Text(f": changed: {', '.join(changed[:5])}", f"：{'、'.join(changed[:5])} 被改過") if files else Text("", "")
    )
    raise EvaluationError(
        Text(
            "The base model at {base} is no longer the one {version} was trained on{named}.",
            "{base} 的基礎模型已經不是 {version} 訓練時用的那一個{named}。",
        ).format(base=base, version=folder.name, named=named),
        Text(
            f"Bring its files back as they were (copy or download {recorded.name} again), then call again; on another "
            "base the adapter answers differently. Or train a new version on the base as it is now.",
            f"請把檔案還原成原來的樣子（重新複製或下載 {recorded.name}）再試一次；換了基礎模型，轉接器的回答就不同。"
            "也可以用現在的基礎模型訓練新版本。",
        ),
        field="base_model",
        details={"changed": changed[:20]},
    )


def _matters(name: str, recorded: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether a file of a base model that differs makes another model: a copy of the hub's may hold more files than
    another one, which nobody loads."""
    if name.endswith(".bin") and any(one.endswith(".safetensors") for one in {*recorded} & {*now}):
        return False
    return name in recorded or name in _TAKEN_FIRST or name.endswith(".safetensors")


def describe_unverified(folder: VersionFolder) -> Text | None:
    """What of the version cannot be checked, because it was trained before such hashes were recorded; None: nothing."""
    info = folder.model_info()
    lacking = [
        text
        for text, known in (
            (Text("its own model files", "自己的模型檔"), info.files),
            (Text("its base model", "基礎模型"), info.base_model.hash),
        )
        if not known
    ]
    if not lacking:
        return None
    return Text(
        "{version} was recorded without the hashes of {lacking}, so whether they are still the same could not be "
        "verified.",
        "{version} 當時沒有記錄{lacking}的雜湊值，無法驗證是否仍相同。",
    ).format(version=folder.name, lacking=Text(" and ", "與").join(lacking))


def base_path(info: ModelInfo) -> Path:
    """The folder of the base model a version was trained on.

    Raises:
        TrainingError, MissingRequirement: it is not on this machine.
    """
    recorded = Path(info.base_model.path)
    if recorded.is_dir():
        return recorded
    if origin := info.base_model.version:
        task, name = origin.task, origin.version
        raise EvaluationError(
            Text(
                f"The merged model of {task}/{name}, which this version was trained on, is not at {recorded}.",
                f"這個版本是以 {task}/{name} 的合併模型為基礎訓練的，但 {recorded} 沒有這個模型。",
            ),
            Text(
                f"deploy(task={task!r}, version={name!r}, target='merged') makes it again.",
                f"請呼叫 deploy(task={task!r}, version={name!r}, target='merged') 重新產生。",
            ),
            field="version",
        )
    return resolve_base_model(Workspace(), info.base_model.name, info.base_model.file_hash)


def load_for_inference(
    base: Path, adapter: Path | None = None, threads: int | None = None, to_gpu: bool = True
) -> LoadedModel:
    """Load a causal LM, its adapter merged into its weights, in fp32 on a CPU and in its own dtype on a GPU.

    The tokenizer saved with the training is preferred: it carries the chat template the model was trained with. One
    that writes the time is stopped at the day that training uses.

    Arguments:
        threads: CPU threads to compute with; the library's own choice if left out.
        to_gpu: move it to the GPU where there is one; else the same weights stay in this machine's own memory.

    Raises:
        EvaluationError: nothing says which token ends an answer.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if threads:
        torch.set_num_threads(threads)
    on_gpu = torch.cuda.is_available()
    model: Any = AutoModelForCausalLM.from_pretrained(str(base), dtype="auto" if on_gpu else torch.float32)
    if adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    own_tokenizer = adapter is not None and (adapter / "tokenizer_config.json").is_file()
    tokenizer: Any = AutoTokenizer.from_pretrained(str(adapter if own_tokenizer else base))
    if isinstance(tokenizer.chat_template, str):
        tokenizer.chat_template = without_clock(tokenizer.chat_template)
    model.eval()
    if on_gpu and to_gpu:
        model.to("cuda")
    ends = model.generation_config.eos_token_id
    if ends is None:
        ends = tokenizer.eos_token_id
    if ends is None:
        raise EvaluationError(
            Text(
                f"The model in {base} does not say which token ends an answer, so its answers would not end.",
                f"{base} 的模型沒有說明哪個 token 代表回答結束，回答會停不下來。",
            ),
            Text(
                "Set eos_token in its tokenizer_config.json (see the model's page on the hub), or choose another base "
                "model.",
                "請在它的 tokenizer_config.json 設定 eos_token（照模型頁面的說明），或改選其他基礎模型。",
            ),
            field="model",
        )
    end_ids = tuple(ends) if isinstance(ends, list | tuple) else (int(ends),)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else end_ids[0]
    return LoadedModel(model, tokenizer, end_ids, int(pad))


def _untrained_error(folder: VersionFolder, status: str) -> EvaluationError:
    if status == "reserved":
        return EvaluationError(
            Text(
                f"{folder.name} is still being trained, or its training was interrupted.",
                f"{folder.name} 還在訓練，或訓練已中斷。",
            ),
            Text(
                "See job_status for it; an interrupted training goes on with manage_job(action='resume').",
                "請用 job_status 查看；中斷的訓練可用 manage_job(action='resume') 接續。",
            ),
            field="version",
        )
    return EvaluationError(
        Text(
            f"The training of {folder.name} did not finish ({status}), so there is nothing to evaluate.",
            f"{folder.name} 的訓練沒有完成（{'已取消' if status == 'cancelled' else '失敗'}），沒有模型可以評估。",
        ),
        Text(
            "Use another version, or train a new one with plan_training.",
            "請改用其他版本，或用 plan_training 訓練新的版本。",
        ),
        field="version",
    )
