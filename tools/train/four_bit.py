"""QLoRA: the frozen base model in 4 bits (NF4, double quantisation; Dettmers and others, 2023), where it really runs.

Whether it does depends on the processor or GPU and on how bitsandbytes was built, so a small layer is tried first.
"""

from __future__ import annotations

import importlib.util
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...resources.foundation.errors import MissingRequirement, TrainingError
from ...resources.foundation.language import Text

REQUIREMENT = "bitsandbytes>=0.50,<1"
_ASK_SECONDS = 15
_BLOCK = 64  # weights that share a scale; a narrower layer cannot be quantised


def in_four_bits(dtype: Any) -> dict[str, Any]:
    """What `from_pretrained` is called with, once a small layer has been through a step here.

    Arguments:
        dtype: to compute in.

    Raises:
        MissingRequirement: bitsandbytes is not installed.
        TrainingError: it is, and does not run here.
    """
    import torch
    from transformers import BitsAndBytesConfig

    if importlib.util.find_spec("bitsandbytes") is None:
        raise missing()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        import bitsandbytes

        layer = bitsandbytes.nn.Linear4bit(_BLOCK, _BLOCK, bias=False, compute_dtype=dtype, quant_type="nf4").to(device)
        given = torch.ones(2, _BLOCK, dtype=dtype, device=device, requires_grad=True)
        layer(given).sum().backward()
        if given.grad is None or not torch.isfinite(given.grad).all():
            raise RuntimeError("the gradient of a 4-bit layer is not finite")
    except (RuntimeError, ImportError, AttributeError, NotImplementedError, AssertionError) as error:
        raise TrainingError(
            Text(
                f"bitsandbytes does not run on this machine's {device}: {str(error)[:200]}",
                f"bitsandbytes 在這台機器的 {device} 上無法執行：{str(error)[:200]}",
            ),
            Text(
                "Plan without load_in_4bit, with a smaller base model, or train on a machine with an NVIDIA GPU.",
                "請不要用 load_in_4bit、換較小的基礎模型，或改在有 NVIDIA GPU 的機器上訓練。",
            ),
            field="load_in_4bit",
        ) from error
    return {
        "quantization_config": BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
        ),
        "device_map": {"": device},
    }


def missing(python: str = "python") -> MissingRequirement:
    """The error of a worker environment without it.

    Arguments:
        python: the worker's interpreter.
    """
    return MissingRequirement(
        Text(
            "load_in_4bit (QLoRA) needs bitsandbytes, which the worker environment does not have.",
            "load_in_4bit（QLoRA）需要 bitsandbytes，工作環境裡還沒有。",
        ),
        Text(
            f"Run: {python} -m pip install '{REQUIREMENT}' (or: uv pip install --python {python} '{REQUIREMENT}'); "
            "or plan without load_in_4bit.",
            f"請執行：{python} -m pip install '{REQUIREMENT}'（或 uv pip install --python {python} '{REQUIREMENT}'）；"
            "也可以不用 load_in_4bit。",
        ),
        field="load_in_4bit",
    )


def stands_in(python: Path) -> bool:
    """Whether that interpreter has bitsandbytes; asked once for each state of its environment. Light."""
    packages = next(iter(python.parent.parent.glob("lib/python3*/site-packages")), python)
    return _ask(str(python), packages.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _ask(python: str, _state: int) -> bool:
    probe = "import importlib.util, sys; sys.exit(importlib.util.find_spec('bitsandbytes') is None)"
    return (
        subprocess.run(
            [python, "-P", "-c", probe], stdin=subprocess.DEVNULL, timeout=_ASK_SECONDS, check=False
        ).returncode
        == 0
    )
