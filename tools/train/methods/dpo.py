"""Direct preference optimisation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from ....resources.foundation.language import Text
from ....resources.model_info import TrainingFigures
from ...data.task_kind import Answers
from ..checkpoints import Log, LogEntry
from ..evidence import MethodEvidence, tail_mean, validations_of
from ..method import Method
from ..tokenise import TokenisedRow
from ..training_context import LARGE, ComputeCost, TrainingContext, kept_by
from ..training_run import TrainerParts, TrainingRun

Pair = tuple[TokenisedRow, TokenisedRow]
_EFFECTIVE_BATCH = 16
_kept = kept_by(
    "accuracy",
    Text(
        "After each epoch the validation pairs are scored; the epoch is kept that prefers the chosen answer, against "
        "the model it started from, in most of them.",
        "每輪結束會用驗證資料評分，保留和訓練前相比最常偏好 chosen 回答的一輪。",
    ),
)


class Dpo(Method):
    """Train on pairs of answers, so that the chosen one becomes likelier and the rejected one less, measured against the
    model it started from (Rafailov and others, 2023).

    That model is the reference: with LoRA the base without its adapter, with `lora_r: 0` its log-probabilities are
    computed once before the first step, so that no second copy has to stay in memory. Begin from a model that writes
    such answers already: `base_model: v1` goes on from a version trained with sft, of this task or another (TASK/v1).
    Dropout is off, as model and reference are compared.
    """

    accepts: ClassVar[tuple[Answers, ...]] = ("pair",)
    usual_for: ClassVar[tuple[Answers, ...]] = ("pair",)
    wants: ClassVar[Text] = Text("preference pairs (text, chosen, rejected)", "偏好配對（text、chosen、rejected）")
    configuration: ClassVar[str] = "DPOConfig"
    pages: ClassVar[dict[str, str]] = {
        **Method.pages,
        "beta": "preference-methods",
        "loss_type": "preference-methods",
        "learning_rate": "preference-methods",
        "epochs": "preference-methods",
    }
    eval_metric: ClassVar[str] = "eval_loss"
    logged: ClassVar[dict[str, str]] = {
        "rewards/chosen": "rewards_chosen",
        "rewards/rejected": "rewards_rejected",
        "rewards/margins": "rewards_margin",
        "rewards/accuracies": "rewards_accuracy",
    }
    validated: ClassVar[dict[str, str]] = {
        "eval_loss": "valid_loss",
        "eval_rewards/accuracies": "valid_accuracy",
        "eval_rewards/chosen": "valid_rewards_chosen",
    }

    beta: float = Field(0.1, gt=0, le=10, description="How strongly it is kept close to the model it started from.")
    loss_type: Literal["sigmoid", "hinge", "ipo", "robust", "sigmoid_norm", "apo_zero", "apo_down"] = Field(
        "sigmoid",
        description="TRL's name of the loss: sigmoid is DPO's own; ipo for few, nearly certain preferences; "
        "robust for pairs of which some are the wrong way round.",
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=0.5, description="With robust: the share of pairs thought to be wrong."
    )
    sft_weight: float = Field(
        0.0,
        ge=0,
        le=10,
        description="Weight of sft's loss on the chosen answer, added to keep it from becoming less likely too.",
    )
    keep_best: Literal["accuracy", "loss", "last"] | None = Field(
        None, description="Which epoch's model is kept: by accuracy or loss on the validation pairs, or the last."
    )

    def own_defaults(self, context: TrainingContext) -> dict[str, tuple[Any, Text]]:
        return {"keep_best": _kept(context.valid_rows)}

    def own_reasons(self, context: TrainingContext) -> dict[str, Text]:
        if self.beta != 0.1:
            return {"beta": Text("As given.", "依你的指定。")}
        usual = Text(
            "TRL's and the paper's usual value; raise it where the chosen answers become less likely too.",
            "TRL 與論文的常用值；如果 chosen 的機率也跟著下降，就調高。",
        )
        return {"beta": usual}

    def compute_cost(self) -> ComputeCost:
        # With LoRA the reference is asked beside every step; else once before the first.
        return ComputeCost(answers=2, forward=1)

    def describe_settings(self, rows: int) -> Text:
        times = Text("once" if self.epochs == 1 else f"{self.epochs} times", f"{self.epochs} 輪")
        return Text(
            "preferences (dpo, beta {beta:g}), {what}, {rows} pairs {times} at learning rate {rate:g}",
            "偏好訓練（dpo，beta {beta:g}）、{what}，{rows} 組配對訓練 {times}，學習率 {rate:g}",
        ).format(beta=self.beta, what=self.describe_method(), rows=rows, times=times, rate=self.learning_rate)

    @classmethod
    def describe_scores(cls, training: TrainingFigures) -> Text:
        accuracy = training.valid_accuracy
        if accuracy is None:
            return Text("", "")
        return Text(
            f"Measured against the model it started from, it prefers the chosen answer in {accuracy:.0%} of the "
            f"validation pairs (step {training.best_step}); evaluation says whether it prefers it outright.",
            f"和訓練前相比，驗證配對中有 {accuracy:.0%} 變得更偏好 chosen 的回答（第 {training.best_step} 步）；"
            "是否真的偏好，要看評估結果。",
        )

    @classmethod
    def default_learning_rate(cls, lora: bool, tiny: bool) -> tuple[float, Text]:
        if tiny:
            return (1e-3 if lora else 2e-4), Text(
                "A base model this small needs large steps (measured).", "這麼小的基礎模型需要較大的步伐（實測）。"
            )
        if lora:
            return 1e-5, Text(
                "Ten times the rate of full fine-tuning with preferences; larger steps unlearn more than they teach.",
                "偏好訓練時全參數學習率的十倍；步伐再大，忘掉的會比學到的多。",
            )
        return 1e-6, Text("TRL's default where every weight moves.", "TRL 在所有權重一起訓練時的預設值。")

    @classmethod
    def default_epochs(cls, rows: int, tiny: bool) -> tuple[int, Text]:
        if tiny:
            return 3, Text(
                "A base model this small needs to see the pairs more often (measured).",
                "這麼小的基礎模型需要多看幾遍（實測）。",
            )
        return 1, Text("Preferences are memorised fast: one epoch, rarely two.", "偏好很快就會背起來：一輪，很少兩輪。")

    @classmethod
    def default_batch(cls, context: TrainingContext, tiny: bool) -> tuple[int, int, Text]:
        size = 8 if tiny else 4 if context.gpu_bytes and (context.parameters or LARGE) <= LARGE else 2
        return (
            size,
            _EFFECTIVE_BATCH,
            Text(
                f"{size} pairs at once are {2 * size} answers, each asked of the model and the reference; accumulation makes "
                "up the rest of the step.",
                f"一次 {size} 組就是 {2 * size} 個回答，模型與參考模型都要算；其餘靠累積補足。",
            ),
        )

    def checkpoint_score(self, entry: LogEntry) -> tuple[float, ...] | None:
        if self.keep_best == "last":
            return None
        loss = -float(entry["eval_loss"])
        return (loss,) if self.keep_best == "loss" else (float(entry["eval_rewards/accuracies"]), loss)

    # ---- the work, in a job -------------------------------------------------------------------------------------

    def build_dataset(self, train: list[TokenisedRow]) -> list[Pair]:
        return list(zip(train[::2], train[1::2], strict=True))

    def build_trainer(self, run: TrainingRun, parts: TrainerParts) -> Any:
        from trl import DPOConfig

        from ..pair_trainer import PairTrainer

        losses, weights = [str(self.loss_type)], [1.0]
        if self.sft_weight:
            losses, weights = [*losses, "sft"], [*weights, self.sft_weight]
        return PairTrainer(
            **parts.trainer,
            train_dataset=_dataset(parts.shown),
            eval_dataset=_dataset(self.build_dataset(parts.valid)) if parts.valid else None,
            args=DPOConfig(
                **{
                    **parts.configuration,
                    "beta": self.beta,
                    "loss_type": losses,
                    "loss_weights": weights,
                    "label_smoothing": self.label_smoothing,
                    "per_device_eval_batch_size": 2 * (self.batch_size or 1),
                    # Pairs come tokenised and audited; nothing may be cut or dropped after that.
                    "max_length": None,
                    "precompute_ref_log_probs": not self.lora_r,
                }
            ),
        )

    def final_metrics(self, history: Log, chosen: LogEntry) -> dict[str, float | None]:
        return {
            "preference_loss": tail_mean(history, "loss"),
            "valid_preference_loss": chosen.get("eval_loss"),
            "valid_accuracy": chosen.get("eval_rewards/accuracies"),
            "rewards_chosen": tail_mean(history, "rewards/chosen"),
            "rewards_rejected": tail_mean(history, "rewards/rejected"),
        }

    def collect_evidence(self, trainer: Any, train: Sequence[TokenisedRow], history: Log, kept: Path) -> MethodEvidence:
        return MethodEvidence(
            validations=validations_of(history, trainer.steps_per_epoch, self.eval_metric, self.validated)
        )

    def count_tokens(self, trainer: Any, shown: list[Pair], epochs: float) -> int:
        return round(sum(len(row.input_ids) for pair in shown for row in pair) * epochs)


def _dataset(pairs: Sequence[Pair]) -> Any:
    from datasets import Dataset

    return Dataset.from_dict(
        {
            "prompt_ids": [chosen.input_ids[: chosen.start] for chosen, _ in pairs],
            "chosen_ids": [chosen.trained for chosen, _ in pairs],
            "rejected_ids": [rejected.trained for _, rejected in pairs],
            "length": [max(len(chosen.input_ids), len(rejected.input_ids)) for chosen, rejected in pairs],
        }
    )
