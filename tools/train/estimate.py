"""What a training will need: memory by parts, and time as a range that says where it comes from.

Memory and compute formulas: 4·N floating-point operations per token for LoRA and 6·N for full fine-tuning, 2·N more
where activations are recomputed (Kaplan et al. 2020; Hu et al. 2021); 16 bytes per trained weight for fp32 weight,
gradient and Adam's two moments; about 34·L·B·S·h activation numbers' bytes at 2 bytes each without recomputation
(Korthikanti et al. 2022), of which 2·L·B·S·h remain with it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...resources.catalogue import gpu_of
from ...resources.foundation.language import Text
from ...resources.version import VersionFolder
from .answers import Estimate
from .base_facts import Shape
from .training_context import ComputeCost

_FOUR_BIT_BYTES = 0.55  # of a weight in NF4, its share of the scales counted in (Dettmers and others 2023)
_FOUR_BIT_MORE = 1.1  # what unpacking a layer at a time takes beside it: estimates without it were short
_RUNTIME_BYTES = 700e6  # Python with PyTorch, Transformers and TRL loaded (measured)
_CPU_FLOPS_PER_CORE = (8e9, 40e9)  # sustained in fp32, from small matrices to large ones (measured)
# Share of a card's peak that fine-tuning reaches: 0.2-0.35 was measured for LoRA on a 7B model on an A100; smaller
# models and cards reach less.
UTILISATION = (0.15, 0.35)
_GPU_FLOPS = (15e12, 250e12)  # an unknown GPU at 25 % of its peak: T4 … H100
_START_SECONDS = (6.0, 40.0)  # imports, loading, tokenising
_STEP_SECONDS = (0.008, 0.05)  # what each step costs whatever its size
_WRITING = 10.0  # writing a token at a time waits for memory, not arithmetic: up to so many times an operation's time
_SHARED = 0.6  # the least of several GPUs' gain that is left when they wait for each other
_WHOLE_HEAD = 3.5  # measured on processors, where one process skips the prompt's positions and several do not
_CHARACTERS_PER_TOKEN = (0.8, 4.5)  # Chinese … English


@dataclass(frozen=True)
class Rows:
    """The rows a training reads: how many an epoch shows, and their tokens, exact or as a range; `demand` is what the
    method does with each."""

    count: int
    tokens: tuple[float, float]
    longest: float
    demand: ComputeCost = field(default_factory=ComputeCost)


def rows_from_text(texts: Sequence[str], count: int, prompt_characters: int, limit: float = math.inf) -> Rows:
    """Tokens as a range from characters, where nothing is tokenised yet.

    Arguments:
        texts: the rows' own text; `count` rows an epoch (oversampling counted in).
        prompt_characters: what the prompt adds to each row.
        limit: tokens that no row has more of in the training.
    """
    lengths = [len(text) + prompt_characters for text in texts] or [prompt_characters]
    han = sum(ord(character) > 0x2E80 for text in texts for character in text) / max(1, sum(map(len, texts)))
    usual = _CHARACTERS_PER_TOKEN[1] * (1 - han) + _CHARACTERS_PER_TOKEN[0] * 1.5 * han
    low, high = (
        sum(min(length / usual * factor, limit) for length in lengths) / len(lengths) for factor in (1 / 1.4, 2.0)
    )
    return Rows(count, (count * low, count * high), min(max(lengths) / usual * 2.0, limit))


@dataclass(frozen=True)
class Work:
    """Optimiser steps, tokens and floating-point operations of a training, the latter two as (low, high)."""

    steps: int
    tokens: tuple[float, float]
    operations: tuple[float, float]


def work_of(settings: Mapping[str, Any], base: Shape, rows: Rows, recompute: bool) -> Work:
    """How much there is to compute.

    Arguments:
        settings: the method's resolved settings.
        recompute: whether activations are computed twice to save memory.
    """
    batch, accumulation = int(settings["batch_size"]), int(settings["gradient_accumulation"])
    epochs = int(settings["epochs"])
    steps = math.ceil(math.ceil(rows.count / batch) / accumulation) * epochs
    demand, again = rows.demand, int(settings.get("num_iterations") or 1)
    low, high = (tokens * epochs for tokens in rows.tokens)
    written = (demand.written[0] * rows.count * epochs, demand.written[1] * rows.count * epochs)
    if demand.written[1]:  # the question is read with each of its answers
        low, high = low * demand.answers + written[0], high * demand.answers + written[1]
    active = base.active_parameters
    each = ((4 if settings["lora_r"] else 6) + (2 if recompute else 0) + 2 * demand.forward) * active * again
    return Work(
        steps * again,
        (low, high),
        (each * low + 2 * active * written[0], each * high + 2 * active * written[1] * _WRITING),
    )


def memory_by_parts(settings: Mapping[str, Any], base: Shape, rows: Rows, gpu: bool, recompute: bool) -> dict[str, int]:
    """Bytes of the base model's weights, of what is trained (with gradients and optimiser), of activations, and of the
    libraries themselves."""
    rank, batch = int(settings["lora_r"]), int(settings["batch_size"]) * rows.demand.answers
    trained = base.lora_parameters(rank) if rank else base.parameters
    width = 2 if gpu else 4
    weights = base.parameters * (width if rank else 4) * (1 + rows.demand.copies)
    if settings.get(
        "load_in_4bit"
    ):  # all but the embeddings, and an output head of its own, which keep their precision
        kept = min(base.vocabulary * base.hidden * (1 if base.tied else 2), base.parameters)
        weights = round((base.parameters - kept) * _FOUR_BIT_BYTES + kept * width)
    activations = (2 if recompute else 34) * base.layers * batch * rows.longest * base.hidden * width / 2
    vocabulary_logits = 3 * 4 * 8 * batch * base.vocabulary
    parts = {
        "weights": weights,
        "trained": trained * (16 if rank else 12),
        "activations": round(activations + vocabulary_logits),
        "runtime": round(_RUNTIME_BYTES * (2 if gpu else 1)),
    }
    more = _FOUR_BIT_MORE if settings.get("load_in_4bit") else 1.0
    return {part: round(count * more) for part, count in parts.items()}


def estimate(
    settings: Mapping[str, Any], base: Shape, rows: Rows, cores: int, gpu: str | None, measured: VersionFolder | None
) -> Estimate:
    """Time and memory of a training on this machine.

    Arguments:
        settings: the method's resolved settings.
        gpu: the name of the GPU it will run on; None trains on the processor.
        measured: an earlier version of this task on the same base model, whose tokens per second are taken.
    """
    recompute = bool(settings.get("activation_checkpointing"))
    work = work_of(settings, base, rows, recompute)
    seconds, source = _seconds(work, cores, gpu, measured)
    memory = memory_by_parts(settings, base, rows, gpu is not None, recompute)
    rank = int(settings["lora_r"])
    checkpoint = (base.lora_parameters(rank) if rank else base.parameters) * 12
    return Estimate(
        steps=work.steps,
        tokens=(round(work.tokens[0]), round(work.tokens[1])),
        seconds=(round(seconds[0]), round(seconds[1])),
        memory_bytes={**memory, "total": sum(memory.values())},
        disk_bytes=3 * checkpoint + 50_000_000,
        source=str(source),
    )


def share_estimate(needed: Estimate, processes: int, gpu: bool, measured: VersionFolder | None) -> Estimate:
    """The same training done by several processes. GPUs share the time, less what they wait for each other; processes
    on the processors share nothing, hold the model each, and compute the head at every position.

    Arguments:
        measured: the version whose speed was taken, with the processes that it had.
    """
    before = (measured.environment().processes if measured else None) or 1
    if processes == before == 1:
        return needed
    low, high = needed.seconds
    if gpu:
        gain = processes / before
        return needed.model_copy(update={"seconds": (round(low / gain), round(high / max(gain * _SHARED, 1)))})
    memory = {part: count * processes for part, count in needed.memory_bytes.items()}
    return needed.model_copy(update={"seconds": (low, round(high * _WHOLE_HEAD)), "memory_bytes": memory})


def _seconds(
    work: Work, cores: int, gpu: str | None, measured: VersionFolder | None
) -> tuple[tuple[float, float], Text]:
    speed = measured.model_info().training.tokens_per_second if measured else None
    if measured and speed:
        low, high = (work.tokens[0] / speed * 0.7 + _START_SECONDS[0], work.tokens[1] / speed * 1.8 + _START_SECONDS[1])
        return (low, high), Text(
            f"from {measured.name}'s measured {speed:,.0f} tokens per second",
            f"依 {measured.name} 實測的每秒 {speed:,.0f} 個 token",
        )
    slow, fast = (
        _gpu_flops(gpu) if gpu is not None else (_CPU_FLOPS_PER_CORE[0], _CPU_FLOPS_PER_CORE[1] * min(cores, 16))
    )
    low = work.operations[0] / fast + work.steps * _STEP_SECONDS[0] + _START_SECONDS[0]
    high = work.operations[1] / slow + work.steps * _STEP_SECONDS[1] + _START_SECONDS[1]
    return (low, high), Text(
        "from the number of operations; no earlier version measured this base model here, so the range is wide",
        "依運算量估計；這個基礎模型在這裡還沒有實測過，所以範圍很寬",
    )


def _gpu_flops(name: str) -> tuple[float, float]:
    """Operations a second that card reaches in training; a wide range for one the catalogue does not know."""
    known = gpu_of(name, 0.0)  # cards that share a name share their peak
    peak = known.bf16_tflops if known else None
    if peak is None:
        return _GPU_FLOPS
    return peak.range[0] * 1e12 * UTILISATION[0], peak.range[1] * 1e12 * UTILISATION[1]
