"""What a training would need and cost on the GPUs people own or rent, before anything is spent.

Time: floating-point operations (see `estimate.py`) over the card's peak times the share of it that fine-tuning reaches,
15 to 35 % (0.2-0.35 was measured for LoRA on a 7B model on an A100; smaller cards and models reach less). Peaks, memory
and rents are those of `gpus.yaml`, each with its source and date.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...resources.catalogue import Figure, Gpu, gpus
from ...resources.foundation.language import CLAUSES, Text
from .answers import GpuOption
from .base_facts import Shape
from .estimate import UTILISATION, Rows, Work, memory_by_parts, work_of

_STEP_SECONDS = (0.02, 0.2)  # what each step costs whatever its size
START_SECONDS = (120.0, 900.0)  # a rented machine: environment, download of the base model, loading
_TIGHT = 0.85  # above this share of the card's memory a longer batch than usual can fail
_SMALLEST = 1e8  # parameters below which any processor will do
_MOST = 6


def gpu_options(settings: Mapping[str, Any], base: Shape, rows: Rows) -> list[GpuOption]:
    """The cards that fit, the cheapest run first, at most six; where none fits, the largest.

    Arguments:
        settings: the method's resolved settings.
    """
    if base.parameters < _SMALLEST:
        return []
    work = work_of(settings, base, rows, recompute=True)
    needed = sum(memory_by_parts(settings, base, rows, gpu=True, recompute=True).values()) / 1e9
    options = [option for card in gpus() if (option := _on(card, needed, work))]
    fitting = [option for option in options if option.fits != "no"]
    if not fitting:
        return sorted(options, key=lambda option: -option.memory_gb)[:1]
    return sorted(fitting, key=lambda option: (option.usd is None, (option.usd or option.hours)[1]))[:_MOST]


def describe_options(options: list[GpuOption]) -> Text | None:
    """The cheapest and the fastest in a sentence; None where there is nothing to say."""
    fitting = [option for option in options if option.fits != "no"]
    if not fitting:
        return (
            Text(
                f"No single card of the catalogue holds it: it needs about {options[0].needed_gb:.0f} GB.",
                f"目錄裡沒有單張顯示卡放得下：大約需要 {options[0].needed_gb:.0f} GB。",
            )
            if options
            else None
        )
    cheapest, fastest = fitting[0], min(fitting, key=lambda option: option.hours[1])
    parts = [_sentence(option) for option in ([cheapest] if cheapest is fastest else [cheapest, fastest])]
    return Text("On one GPU, start-up included: {options}.", "改用單張 GPU（含啟動時間）：{options}。").format(
        options=CLAUSES.join(parts)
    )


def _on(card: Gpu, needed_gb: float, work: Work) -> GpuOption | None:
    """None for a card whose memory or speed nobody could source, or without bf16, which training here wants."""
    peak = card.bf16_tflops
    if card.memory_gb is None or peak is None:
        return None
    share = needed_gb / card.memory_gb
    low, high = UTILISATION
    seconds = (
        work.operations[0] / (peak.range[1] * 1e12 * high) + work.steps * _STEP_SECONDS[0] + START_SECONDS[0],
        work.operations[1] / (peak.range[0] * 1e12 * low) + work.steps * _STEP_SECONDS[1] + START_SECONDS[1],
    )
    hours = (seconds[0] / 3600, seconds[1] / 3600)
    rent, spot = card.usd_per_hour, card.usd_per_hour_spot
    return GpuOption(
        gpu=card.name,
        memory_gb=card.memory_gb,
        needed_gb=round(needed_gb, 1),
        fits="no" if share > 1 else "tight" if share > _TIGHT else "yes",
        hours=(round(hours[0], 2), round(hours[1], 2)),
        usd=_cost(hours, rent),
        usd_spot=_cost(hours, spot),
        priced=rent.date if rent else None,
    )


def _cost(hours: tuple[float, float], rent: Figure | None) -> tuple[float, float] | None:
    return (round(hours[0] * rent.range[0], 2), round(hours[1] * rent.range[1], 2)) if rent else None


def _sentence(option: GpuOption) -> Text:
    low, high = (_format_hours(hours) for hours in option.hours)
    said = Text("{gpu} {low} to {high}", "{gpu} {low}到 {high}").format(gpu=option.gpu, low=low, high=high)
    if option.usd:
        said += Text(
            f", {option.usd[0]:.2f}–{option.usd[1]:.2f} USD on demand ({option.priced})",
            f"、隨選 {option.usd[0]:.2f}–{option.usd[1]:.2f} 美元（{option.priced} 的行情）",
        )
    if option.usd_spot:
        said += Text(
            f", {option.usd_spot[0]:.2f}–{option.usd_spot[1]:.2f} USD as spot",
            f"、spot {option.usd_spot[0]:.2f}–{option.usd_spot[1]:.2f} 美元",
        )
    return said + Text(", tight", "，記憶體很緊") if option.fits == "tight" else said


def _format_hours(hours: float) -> Text:
    if hours < 1.5:
        return Text(f"{hours * 60:.0f} min", f"{hours * 60:.0f} 分鐘")
    return Text(f"{hours:.1f} h", f"{hours:.1f} 小時")
