"""Whether the machine is large enough for a training: its GPUs, memory and disk, and the time it takes."""

from __future__ import annotations

from ...resources.foundation.language import Text
from ..compute.hardware import Machine
from ..compute.jobs.device_queue import best_kind, devices_of
from .answers import Estimate
from .finding import Finding

_LONG_SECONDS = 2 * 3600


def gpu_memory(machine: Machine) -> int | None:
    """Bytes of the largest GPU the worker can use; None where it trains on the processor."""
    return max((gpu.memory for gpu in machine.gpus), default=None) if machine.device == "cuda" else None


def gpu_name(machine: Machine) -> str | None:
    return max(machine.gpus, key=lambda gpu: gpu.memory).name if gpu_memory(machine) else None


def count_devices(machine: Machine, remote: bool) -> int:
    """How many GPUs a training could have; 0 where it trains on the processors."""
    if gpu_memory(machine) is None:
        return 0
    return len(best_kind(machine.gpus) if remote else devices_of(machine))


def too_few_devices(asked: int, devices: int) -> Finding:
    return Finding(
        "blocking",
        "num_processes",
        Text(
            f"The plan asks for {asked} GPUs; the machine has {devices} of its best kind.",
            f"計畫需要 {asked} 張 GPU，這台機器同型的只有 {devices} 張。",
        ),
        Text(
            "Plan again with a smaller num_processes, or leave it out: what is free is taken.",
            "請把 num_processes 改小，或省略它：會使用空著的 GPU。",
        ),
    )


def check_gpu(needed: Estimate, machine: Machine) -> list[Finding]:
    """Whether programs that stand in no line leave too little of the GPU."""
    total, free = needed.memory_bytes["total"], max(gpu.free for gpu in best_kind(machine.gpus))
    if free >= total:
        return []
    return [
        Finding(
            "warning",
            "gpu",
            Text(
                f"It may need about {_size(total)}; {_size(free)} of the GPU's memory are free just now.",
                f"估計約需 {_size(total)}，GPU 目前只剩 {_size(free)}。",
            ),
            Text(
                "Stop what else uses the GPU (nvidia-smi names it; deploy(action='list') what serves a model).",
                "請結束其他使用 GPU 的程式（nvidia-smi 看得到；提供中的模型用 deploy(action='list') 查）。",
            ),
        )
    ]


def check_room(needed: Estimate, available: int, free: int) -> list[Finding]:
    """Whether memory (`available` bytes) and disk (`free` bytes) suffice, and how long it takes."""
    found = []
    if needed.disk_bytes > free:
        found.append(
            Finding(
                "blocking",
                "disk",
                Text(
                    f"Checkpoints need about {_size(needed.disk_bytes)}, {_size(free)} are free.",
                    f"檢查點約需 {_size(needed.disk_bytes)}，磁碟只剩 {_size(free)}。",
                ),
                Text(
                    "Free some space, or move the workspace (NLP_SKILLS_WORKSPACE).",
                    "請清出空間，或把工作區移到別處（NLP_SKILLS_WORKSPACE）。",
                ),
            )
        )
    total = needed.memory_bytes["total"]
    least = needed.memory_bytes["weights"] + needed.memory_bytes["trained"]
    smaller = Text(
        "Use a smaller base model, batch_size 1, activation_checkpointing, or LoRA instead of full; or train "
        "on a larger machine over SSH (set_up what='machine').",
        "請換小一點的基礎模型、batch_size 設 1、開啟 activation_checkpointing，或改用 LoRA；"
        "也可以透過 SSH 到較大的機器上訓練（set_up what='machine'）。",
    )
    if least > available:
        found.append(
            Finding(
                "blocking",
                "memory",
                Text(
                    f"Weights and optimiser alone need {_size(least)}; {_size(available)} are free.",
                    f"光是權重與最佳化器就需要 {_size(least)}，可用的只有 {_size(available)}。",
                ),
                smaller,
            )
        )
    elif total > available:
        found.append(
            Finding(
                "confirm",
                "memory",
                Text(
                    f"It may need about {_size(total)}; {_size(available)} are free.",
                    f"估計約需 {_size(total)}，可用的有 {_size(available)}。",
                ),
                smaller,
            )
        )
    if needed.seconds[0] > _LONG_SECONDS:
        hours = [seconds / 3600 for seconds in needed.seconds]
        found.append(
            Finding(
                "confirm",
                "time",
                Text(
                    f"It will probably take {hours[0]:.1f} to {hours[1]:.1f} hours.",
                    f"大約需要 {hours[0]:.1f} 到 {hours[1]:.1f} 小時。",
                ),
                Text(
                    "Fewer epochs or a smaller base model are faster; it can run in the background and be cancelled.",
                    "減少輪數或換小模型會比較快；也可以讓它在背景執行，隨時能取消。",
                ),
            )
        )
    return found


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"
