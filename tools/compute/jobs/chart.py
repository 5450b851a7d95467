"""What a job's curves show: which measures belong in one panel, on which axes. Drawn by `page.py` and `curve.py`."""

from __future__ import annotations

import math
from typing import NamedTuple

from ....resources.foundation.language import Text

_MOST_POINTS = 400
_SCORES = ("f1", "accuracy", "precision", "recall", "invalid_rate")
_OF_PAIRS = ("rewards_chosen", "rewards_rejected", "rewards_margin")
COLOURS = ("#2f6fde", "#d9720b", "#1f9d63", "#b03a9c", "#c2372e", "#6f7d1a")

MEASURE_NAMES: dict[str, Text] = {
    "loss": Text("training loss", "訓練損失"),
    "train_loss": Text("training loss", "訓練損失"),
    "valid_loss": Text("validation loss", "驗證損失"),
    "eval_loss": Text("validation loss", "驗證損失"),
    "macro_f1": Text("macro-F1", "macro-F1"),
    "valid_macro_f1": Text("validation macro-F1", "驗證 macro-F1"),
    "eval_macro_f1": Text("validation macro-F1", "驗證 macro-F1"),
    "accuracy": Text("accuracy", "準確率"),
    "valid_accuracy": Text("validation accuracy", "驗證準確率"),
    "eval_accuracy": Text("validation accuracy", "驗證準確率"),
    "invalid_rate": Text("unparseable answers", "無效回答"),
    "eval_recall": Text("validation recall", "驗證召回率"),
    "eval_exact": Text("validation rows answered correctly", "驗證資料答對的比例"),
    "valid_invalid_rate": Text("unparseable answers", "無效回答"),
    "reward": Text("mean reward", "平均獎勵"),
    "reward_std": Text("spread of rewards", "獎勵的離散程度"),
    "valid_reward": Text("mean reward on validation rows", "驗證資料的平均獎勵"),
    "valid_ended": Text("validation answers that ended", "有正常結束的驗證回答"),
    "completion_length": Text("tokens per answer", "回答的 token 數"),
    "answers_cut": Text("answers cut off", "被切斷的回答"),
    "groups_alike": Text("questions whose answers earn the same", "整組回答得分都一樣的題目"),
    "kl": Text("distance from the model it began as", "與起點模型的距離"),
    "rewards_chosen": Text("reward of chosen answers", "chosen 的獎勵"),
    "rewards_rejected": Text("reward of rejected answers", "rejected 的獎勵"),
    "rewards_margin": Text("margin of rewards", "獎勵差距"),
    "rewards_accuracy": Text("pairs whose chosen answer is preferred", "偏好 chosen 的配對比例"),
    "tokens_per_second": Text("tokens per second", "每秒 token 數"),
    "learning_rate": Text("learning rate", "學習率"),
    "grad_norm": Text("gradient norm", "梯度範數"),
    "epoch": Text("epoch", "訓練輪數"),
    "rows": Text("rows", "筆數"),
}


class Series(NamedTuple):
    """One line: its measure, its colour and its (step, value) points, ascending."""

    name: str
    colour: str
    points: list[tuple[int, float]]


class Panel(NamedTuple):
    """One pair of axes."""

    title: Text
    series: list[Series]
    x_ticks: list[float]
    y_ticks: list[float]

    def place(self, step: float, value: float) -> tuple[float, float]:
        """Where a point stands, as shares of the width (from the left) and of the height (from the top)."""
        left, right, low, high = self.x_ticks[0], self.x_ticks[-1], self.y_ticks[0], self.y_ticks[-1]
        return (step - left) / (right - left), 1 - (value - low) / (high - low)


def panels(points: dict[str, list[tuple[int, float]]]) -> list[Panel]:
    """The losses, the scores between 0 and 1, and rewards, each on axes of their own; other measures are not drawn."""
    steps = [step for values in points.values() for step, _ in values]
    losses = {name: values for name, values in points.items() if name.endswith("loss")}
    scores = {name: values for name, values in points.items() if name.endswith(_SCORES)}
    rewards = {name: values for name, values in points.items() if name.endswith("reward") or name in _OF_PAIRS}
    return [
        *(
            [panel_of(Text("Loss by step (less is better)", "各步驟的損失（越低越好）"), losses, steps)]
            if losses
            else []
        ),
        *([panel_of(Text("Scores by step", "各步驟的分數"), scores, steps, 0.0, 1.0)] if scores else []),
        *([panel_of(Text("Rewards by step", "各步驟的獎勵"), rewards, steps)] if rewards else []),
    ]


def measure_name(name: str) -> Text:
    return MEASURE_NAMES.get(name) or Text(name.replace("_", " "), name.replace("_", " "))


def tick_label(value: float, ticks: list[float]) -> str:
    """As few digits as tell the ticks apart."""
    step = ticks[1] - ticks[0]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:,.{decimals}f}" if decimals < 6 else f"{value:.0e}"


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers around [low, high], about `count` of them, evenly spaced (steps of 1, 2 or 5 times a power of ten)."""
    if high <= low:
        low, high = (low - abs(low) * 0.1 - 1e-9, high + abs(high) * 0.1 + 1e-9) if low else (0.0, 1.0)
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def panel_of(
    title: Text, measured: dict[str, list[tuple[int, float]]], steps: list[int], low: float = 0.0, high: float = 0.0
) -> Panel:
    """Axes wide enough for all `steps` (so that panels line up), from `low` to `high` and as far as the values go."""
    values = [value for points in measured.values() for _, value in points]
    first, last = min(steps), max(max(steps), min(steps) + 1)
    across = ticks(first, last)
    series = [
        Series(name, COLOURS[at % len(COLOURS)], _thin_points(points))
        for at, (name, points) in enumerate(measured.items())
    ]
    whole = across if across[1] - across[0] >= 1 else [float(step) for step in range(first, last + 1)]
    return Panel(title, series, whole, ticks(min(low, *values), max(high, *values)))


def _thin_points(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Every n-th point, the last among them, where there are more than a picture can show."""
    every = math.ceil(len(points) / _MOST_POINTS)
    return points[(len(points) - 1) % every :: every] if points else []
