"""What a job measures: each measure's name, and which belong in one panel. Drawn by `page.py` and `curve.py`."""

from __future__ import annotations

from ....resources.foundation.language import Text
from ....resources.pages.axes import Panel, Points, panel_of

_SCORES = ("f1", "accuracy", "precision", "recall", "invalid_rate")
_OF_PAIRS = ("rewards_chosen", "rewards_rejected", "rewards_margin")

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
    "kl": Text("distance from the model it started from", "與起點模型的距離"),
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


def panels(points: dict[str, Points]) -> list[Panel]:
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
