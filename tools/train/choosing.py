"""Which base model to begin from: a usual one for this machine, and others of the catalogue that fit it."""

from __future__ import annotations

import os

from ...resources.catalogue import BaseModelEntry, base_models
from ...resources.foundation.language import Text
from ...resources.workspace import Workspace
from ..compute.hardware import describe_machine
from .answers import BaseModelOption
from .base_facts import outline
from .estimate import Rows, memory_by_parts
from .machine_checks import gpu_memory
from .preflight import Preflight

BASE_MODEL_VARIABLE = "NLP_SKILLS_BASE_MODEL"
_LARGE_GPU_BYTES = 15e9
_MOST_ON_PROCESSOR = 2.5e9  # parameters; above this a training without a GPU takes days
_MOST = 4
_USUAL_SETTINGS = {"lora_r": 16, "batch_size": 1}
_USUAL_ROWS = Rows(count=1, tokens=(512, 512), longest=512)


def usual_base_model(workspace: Workspace) -> str:
    """`NLP_SKILLS_BASE_MODEL`, else a Qwen3 that this machine can train."""
    if named := os.environ.get(BASE_MODEL_VARIABLE):
        return named
    memory = gpu_memory(describe_machine(workspace))
    return "Qwen/Qwen3-4B" if memory and memory >= _LARGE_GPU_BYTES else "Qwen/Qwen3-0.6B"


def why_base_model(workspace: Workspace, name: str) -> Text:
    """Why `usual_base_model` named it."""
    if os.environ.get(BASE_MODEL_VARIABLE) == name:
        return Text(f"Set by {BASE_MODEL_VARIABLE}.", f"由 {BASE_MODEL_VARIABLE} 指定。")
    if gpu_memory(describe_machine(workspace)):
        return Text(
            "Good at Chinese and English, Apache-2.0, and it fits this GPU.",
            "中英文表現都好、Apache-2.0 授權，這張 GPU 放得下。",
        )
    return Text(
        "Good at Chinese and English, Apache-2.0, and small enough to train without a large GPU.",
        "中英文表現都好、Apache-2.0 授權，沒有大型 GPU 也訓練得動。",
    )


def base_model_options(workspace: Workspace, chosen: str, seen: Preflight) -> list[BaseModelOption]:
    """The largest model of each other family that LoRA fits on this machine; at most four, the largest first."""
    machine = describe_machine(workspace)
    on_gpu = seen.context.gpu_bytes is not None
    available = seen.context.gpu_bytes or machine.free_memory
    best: dict[str, BaseModelOption] = {}
    for entry in sorted(base_models(), key=lambda entry: -entry.parameters):
        if entry.training == "refused" or entry.id == chosen or entry.family in best:
            continue
        if not on_gpu and entry.parameters * 1e9 > _MOST_ON_PROCESSOR:
            continue
        needed = _needed_bytes(entry, on_gpu)
        if needed <= available:
            best[entry.family] = _option(entry, needed)
    return list(best.values())[:_MOST]


def _needed_bytes(entry: BaseModelEntry, on_gpu: bool) -> int:
    shape = outline(entry.id)
    assert shape is not None
    return sum(memory_by_parts(_USUAL_SETTINGS, shape, _USUAL_ROWS, gpu=on_gpu, recompute=True).values())


def _option(entry: BaseModelEntry, needed: int) -> BaseModelOption:
    licence = entry.licence or str(Text("read its card", "請看模型頁面"))
    return BaseModelOption(
        name=entry.id,
        parameters=entry.parameters,
        licence=licence,
        needed_gb=round(needed / 1e9, 1),
        chinese=str(entry.chinese.text()),
    )
