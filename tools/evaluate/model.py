"""Load a model for answering: base and adapter folded together, as deployment ships it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...resources.errors import EvaluationError
from ...resources.files import sha256_file
from ...resources.language import Text
from ...resources.removal import require_model
from ...resources.task import TaskFolder
from ...resources.version import VersionFolder, version_numbers, version_status
from ...resources.version import version as find_version
from ...resources.workspace import Workspace
from ..compute.base_model import resolve_base_model

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
        raise _untrained(folder, status)
    return folder


def version_paths(folder: VersionFolder) -> ModelPaths:
    """Where the version's trained model stands, every file checked against the hash of its commit.

    Raises:
        EvaluationError: the model was removed, or a file is missing or is not the committed one.
    """
    require_model(folder)
    info = folder.model_info()
    for relative, expected in info.get("files", {}).items():
        path = folder.task.root / relative
        if not path.is_file() or sha256_file(path) != expected:
            raise EvaluationError(
                Text(f"{path} is not the file {folder.name} was committed with.",
                     f"{path} 與 {folder.name} 定版時的檔案不同。"),
                Text("Restore it from a copy, or train the version again from its snapshot with reproduce.",
                     "請從備份還原，或用 reproduce 依快照重新訓練這個版本。"),
                field="version",
            )
    if info.get("adapter"):
        return ModelPaths(base_path(info), folder.task.root / info["adapter"])
    return ModelPaths(folder.task.root / info["model"], None)


def base_path(info: dict[str, Any]) -> Path:
    """The folder of the base model a version was trained on.

    Raises:
        TrainingError, MissingRequirement: it is not on this machine.
    """
    recorded = Path(info["base_model"]["path"])
    if recorded.is_dir():
        return recorded
    if origin := info["base_model"].get("version"):
        task, name = origin["task"], origin["version"]
        raise EvaluationError(
            Text(f"The merged model of {task}/{name}, which this version was trained on, is not at {recorded}.",
                 f"這個版本是以 {task}/{name} 的合併模型為基礎訓練的，但 {recorded} 沒有這個模型。"),
            Text(f"deploy(task={task!r}, version={name!r}, target='merged') makes it again.",
                 f"請呼叫 deploy(task={task!r}, version={name!r}, target='merged') 重新產生。"), field="version")
    return resolve_base_model(Workspace(), info["base_model"]["name"])


def load_for_inference(
    base: Path, adapter: Path | None = None, threads: int | None = None, to_gpu: bool = True
) -> LoadedModel:
    """Load a causal LM, its adapter merged into its weights, in fp32 on a CPU and in its own dtype on a GPU.

    The tokenizer saved with the training is preferred: it carries the chat template the model was trained with.

    Arguments:
        threads: CPU threads to compute with; the library's own choice where left out.
        to_gpu: move it to the GPU where there is one; else the same weights stay in this machine's own memory.
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
    model.eval()
    if on_gpu and to_gpu:
        model.to("cuda")
    ends = model.generation_config.eos_token_id
    if ends is None:
        ends = tokenizer.eos_token_id
    end_ids = tuple(ends) if isinstance(ends, list | tuple) else (int(ends),)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else end_ids[0]
    return LoadedModel(model, tokenizer, end_ids, int(pad))


def _untrained(folder: VersionFolder, status: str) -> EvaluationError:
    if status == "reserved":
        return EvaluationError(
            Text(f"{folder.name} is still being trained, or its training was interrupted.",
                 f"{folder.name} 還在訓練，或訓練已中斷。"),
            Text("See job_status for it; an interrupted training goes on with manage_job(action='resume').",
                 "請用 job_status 查看；中斷的訓練可用 manage_job(action='resume') 接續。"),
            field="version",
        )
    return EvaluationError(
        Text(f"The training of {folder.name} did not finish ({status}), so there is nothing to evaluate.",
             f"{folder.name} 的訓練沒有完成（{'已取消' if status == 'cancelled' else '失敗'}），沒有模型可以評估。"),
        Text("Use another version, or train a new one with plan_training.",
             "請改用其他版本，或用 plan_training 訓練新的版本。"),
        field="version",
    )
