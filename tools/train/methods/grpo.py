"""Group relative policy optimisation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from ....resources.foundation.errors import TrainingError
from ....resources.foundation.language import Text, number_of, several
from ....resources.model_info import TrainingFigures
from ....resources.task import Task, TaskType
from ...data.control_tokens import plain_messages, tokens_of
from ...data.prompting import chat_messages
from ...data.rows import Row
from ...data.task_kind import Answers
from ..checkpoints import Log, LogEntry
from ..evidence import MethodEvidence, tail_mean, validations_of
from ..method import Method
from ..reward import chosen_rewards, default_rewards
from ..tokenise import TokenisedRow
from ..training_context import ComputeCost, TrainingContext, kept_by
from ..training_run import TrainerParts, TrainingRun

_QUESTIONS_A_STEP = 8
_ROOM = {"label": 32, "spans": 256, "text": 512}
_kept = kept_by(
    "reward",
    Text(
        "After each epoch the validation rows are answered greedily; the epoch with the best mean reward is kept.",
        "每輪結束會讓模型回答驗證資料，保留平均獎勵最高的一輪。",
    ),
)


class Grpo(Method):
    """Let the model answer each question several times, and move it towards the answers that a program finds better than
    the others of their group (Shao and others, 2024).

    The right answers of the rows are never shown, only used to judge. It pays where the model is sometimes right
    already and sometimes wrong; where all answers of a group earn the same, there is nothing to learn. So begin from a
    model trained with sft: `base_model: v1`. Writing answers takes most of the time. Dropout is off.
    """

    accepts: ClassVar[tuple[Answers, ...]] = ("label", "spans", "text")
    wants: ClassVar[Text] = Text("rows whose answers a program can check", "程式可以檢查答案的資料")
    configuration: ClassVar[str] = "GRPOConfig"
    pages: ClassVar[dict[str, str]] = {
        **Method.pages,
        "rewards": "reward-methods",
        "num_generations": "reward-methods",
        "beta": "reward-methods",
        "max_completion_length": "reward-methods",
        "learning_rate": "reward-methods",
        "epochs": "reward-methods",
    }
    eval_metric: ClassVar[str] = "eval_reward"
    measured_before: ClassVar[bool] = True
    trains_on_answers: ClassVar[bool] = False
    logged: ClassVar[dict[str, str]] = {
        "reward": "reward",
        "reward_std": "reward_std",
        "completions/mean_length": "completion_length",
        "completions/clipped_ratio": "answers_cut",
        "frac_reward_zero_std": "groups_alike",
        "kl": "kl",
    }
    validated: ClassVar[dict[str, str]] = {"eval_reward": "valid_reward", "eval_ended": "valid_ended"}

    rewards: list[str] | None = Field(
        None,
        min_length=1,
        description="Names of rewards (llm-coach/kinds lists them); the task's usual ones if left out.",
    )
    reward_weights: list[float] | None = Field(None, description="A weight for each reward, all 1 if left out.")
    num_generations: int | None = Field(None, ge=2, le=64, description="Answers written to each question.")
    max_completion_length: int | None = Field(None, ge=1, le=65_536, description="Longest answer written, in tokens.")
    temperature: float = Field(1.0, gt=0, le=5, description="How freely answers are sampled.")
    beta: float = Field(0.0, ge=0, le=10, description="Pull towards the model it started from; 0 needs no reference.")
    loss_type: Literal["dapo", "grpo", "dr_grpo", "bnpo"] = Field("dapo", description="TRL's name of the loss.")
    scale_rewards: Literal["group", "batch", "none"] = Field(
        "group", description="Rewards are divided by the spread of their group, of the batch, or not."
    )
    num_iterations: int = Field(1, ge=1, le=16, description="Steps taken with the same answers.")
    epsilon: float = Field(0.2, gt=0, lt=1, description="With several iterations: how far one may move.")
    batch_size: int | None = Field(None, ge=1, le=1024, description="Questions at once, each with all its answers.")
    keep_best: Literal["reward", "last"] | None = Field(
        None, description="Which epoch's model is kept: by mean reward on the validation rows, or the last."
    )

    def own_defaults(self, context: TrainingContext) -> dict[str, tuple[Any, Text]]:
        room = _ROOM[context.answers]
        checked_by = Text(
            f"What answers of a {context.type} task can be checked by.", f"{context.type} 任務的回答能用它檢查。"
        )
        some_right = Text(
            "TRL's default: enough to be right in some and wrong in others.", "TRL 的預設值：夠多，才會有對有錯。"
        )
        fits = Text(
            f"Room for the right answers of such a task; one that does not fit in {room} tokens stops the training before "
            "it begins.",
            f"這類任務的答案放得下；有任何正確答案超過 {room} 個 token 就不會開始訓練。",
        )
        return {
            "rewards": (default_rewards(context.type), checked_by),
            "num_generations": (8, some_right),
            "max_completion_length": (room, fits),
            "keep_best": _kept(context.valid_rows),
        }

    def check_settings(self, context: TrainingContext) -> None:
        names = self.rewards or []
        chosen_rewards(names, context.type)
        if self.reward_weights is not None and len(self.reward_weights) != len(names):
            raise TrainingError(
                Text(
                    f"There are {len(self.reward_weights)} weights for {len(names)} rewards ({', '.join(names)}).",
                    f"獎勵有 {len(names)} 個（{'、'.join(names)}），權重卻有 {len(self.reward_weights)} 個。",
                ),
                Text(
                    "Give one weight for each reward, or leave reward_weights out.",
                    "請為每個獎勵各給一個權重，或省略 reward_weights。",
                ),
                field="reward_weights",
            )

    def warnings(self, context: TrainingContext) -> list[Text]:
        found = []
        if self.rewards == ["json_validity"]:
            found.append(
                Text(
                    "json_validity alone is earned by an answer without content: put exact_match beside it.",
                    "只有 json_validity 的話，空洞的回答也能得分：請加上 exact_match。",
                )
            )
        if self.num_iterations == 1 and self.epsilon != 0.2:
            found.append(
                Text("epsilon only counts with num_iterations above 1.", "num_iterations 大於 1 時 epsilon 才有作用。")
            )
        return found

    def compute_cost(self) -> ComputeCost:
        answers, room = self.num_generations or 8, self.max_completion_length or 0
        return ComputeCost(
            answers=answers,
            forward=1 if self.beta else 0,
            copies=1 if self.beta and not self.lora_r else 0,
            written=(answers * min(4.0, room), float(answers * room)),
        )

    def describe_settings(self, rows: int) -> Text:
        times = Text("once" if self.epochs == 1 else f"{self.epochs} times", f"{self.epochs} 輪")
        return Text(
            "rewards (grpo: {rewards}), {what}, {questions} {times}, {answers} answers each, at learning rate {rate:g}",
            "獎勵訓練（grpo：{rewards}）、{what}，{questions} 個問題訓練 {times}、每題 {answers} 個回答，學習率 {rate:g}",
        ).format(
            rewards=", ".join(self.rewards or []),
            what=self.describe_method(),
            questions=number_of(rows, "question"),
            times=times,
            answers=self.num_generations,
            rate=self.learning_rate,
        )

    @classmethod
    def describe_scores(cls, training: TrainingFigures) -> Text:
        reward, before = training.valid_reward, training.valid_reward_before
        if reward is None or before is None:
            return Text("", "")
        figures = Text(
            f"Mean reward on the validation rows: {reward:.2f} (step {training.best_step}), {before:.2f} "
            "before the first step",
            f"驗證資料的平均獎勵：{reward:.2f}（第 {training.best_step} 步），訓練前是 {before:.2f}",
        )
        if reward > before:
            return figures + Text(".", "。")
        return figures + Text(
            ": nothing was gained. Plan again with a learning_rate a fifth as large, or with more epochs.",
            "：沒有進步。請用五分之一的 learning_rate 或更多 epochs 重新規劃。",
        )

    @classmethod
    def default_learning_rate(cls, lora: bool, tiny: bool) -> tuple[float, Text]:
        if tiny:
            return (2e-3 if lora else 5e-4), Text(
                "A base model this small needs large steps (measured).", "這麼小的基礎模型需要較大的步伐（實測）。"
            )
        if lora:
            return 1e-5, Text("Ten times the rate of full fine-tuning with rewards.", "獎勵訓練時全參數學習率的十倍。")
        return 1e-6, Text("TRL's default where every weight moves.", "TRL 在所有權重一起訓練時的預設值。")

    @classmethod
    def default_epochs(cls, rows: int, tiny: bool) -> tuple[int, Text]:
        return (2 if tiny else 1), Text(
            "Each question is answered many times in one epoch already.", "一輪裡每個問題就已經回答很多次了。"
        )

    @classmethod
    def default_batch(cls, context: TrainingContext, tiny: bool) -> tuple[int, int, Text]:
        size = _QUESTIONS_A_STEP if tiny else 1
        return (
            size,
            _QUESTIONS_A_STEP,
            Text(
                f"{several(size, 'question')} at once with all the answers; accumulation makes up the rest of the step.",
                f"一次 {size} 個問題、連同它的所有回答；其餘靠累積補足。",
            ),
        )

    @classmethod
    def default_rank(cls, rows: int) -> tuple[int, Text]:
        return 16, Text(
            "Rewards say little for each answer: small LoRA matrices hold all of it.",
            "每個回答的獎勵資訊很少，小型 LoRA 矩陣就夠。",
        )

    def checkpoint_score(self, entry: LogEntry) -> tuple[float, ...] | None:
        return None if self.keep_best == "last" else (float(entry["eval_reward"]), float(entry["eval_ended"]))

    def steps_per_epoch(self, rows: int) -> int:
        return super().steps_per_epoch(rows) * self.num_iterations

    def saves_at(self, step: int, steps_per_epoch: int) -> bool:
        """In the middle of steps with the same answers there is nothing to go on from: the answers would be others."""
        every = math.ceil((self.save_every or steps_per_epoch) / self.num_iterations) * self.num_iterations
        return step % every == 0

    # ---- the work, in a job -------------------------------------------------------------------------------------

    def check_task(self, kind: TaskType, labels: Sequence[str]) -> None:
        super().check_task(kind, labels)
        if self.rewards:
            chosen_rewards(self.rewards, kind)

    def unfit_error(self, task: Task, answer_tokens: Mapping[str, int], rows: Iterable[Row]) -> TrainingError | None:
        room = self.max_completion_length or 0
        if room and (long := sorted(row for row, tokens in answer_tokens.items() if tokens > room)):
            longest = max(answer_tokens.values())
            return TrainingError(
                Text(
                    f"In {several(len(long), 'row')} the right answer does not fit in max_completion_length {room} (the "
                    f"longest has {longest} tokens), so it could never be rewarded: {', '.join(long[:5])}",
                    f"有 {len(long)} 列的正確答案放不進 max_completion_length {room}（最長 {longest} 個 token），"
                    f"永遠拿不到獎勵：{'、'.join(long[:5])}",
                ),
                Text(
                    f"Plan with max_completion_length {longest} or more.",
                    f"請以 max_completion_length {longest} 以上重新規劃。",
                ),
                field="max_completion_length",
                details={"rows": long[:5]},
            )
        rewards = chosen_rewards(self.rewards or [], task.type)
        for row in rows:
            for reward in rewards:
                if why := reward.unfit(row):
                    return TrainingError(
                        Text(
                            f"The reward {reward.name} cannot judge row {row['id']}: {why.en}.",
                            f"獎勵 {reward.name} 無法評判 {row['id']} 這一列：{why.zh}。",
                        ),
                        Text("Plan with other rewards, or take such rows out.", "請換獎勵，或移除這樣的列。"),
                        field="rewards",
                    )
        return None

    def build_dataset(self, train: list[TokenisedRow]) -> list[TokenisedRow]:
        return train

    def build_trainer(self, run: TrainingRun, parts: TrainerParts) -> Any:
        from trl import GRPOConfig

        from ..reward_trainer import Judge, RewardTrainer

        rows = run.rows_by_id()
        answers, batch = self.num_generations or 8, self.batch_size or 1
        rewards = chosen_rewards(self.rewards or [], run.task.type)
        judge = Judge(rewards, self.reward_weights, rows, run.labels, parts.end_ids)
        return RewardTrainer(
            **parts.trainer,
            judge=judge,
            train_dataset=_dataset(parts.shown, rows, run, parts.trainer["processing_class"]),
            eval_rows=parts.valid,
            args=GRPOConfig(
                **{
                    **parts.configuration,
                    "per_device_train_batch_size": batch * answers,
                    "num_generations": answers,
                    "max_completion_length": self.max_completion_length,
                    "temperature": self.temperature,
                    "beta": self.beta,
                    "loss_type": self.loss_type,
                    "scale_rewards": self.scale_rewards,
                    "num_iterations": self.num_iterations,
                    "epsilon": self.epsilon,
                    "disable_dropout": True,
                    "reward_weights": self.reward_weights or [1.0] * len(judge.rewards),
                }
            ),
        )

    def out_of_memory_error(self) -> TrainingError:
        batch, answers = self.batch_size or 1, self.num_generations or 8
        less = f"batch_size {batch // 2}" if batch > 1 else f"num_generations {max(2, answers // 2)}"
        return TrainingError(
            Text(
                f"Out of memory with {several(batch, 'question')} with {answers} answers each.",
                f"記憶體不足以一次處理 {batch} 個問題、每題 {answers} 個回答。",
            ),
            Text(
                f"Plan again with {less}, a shorter max_completion_length, activation_checkpointing: true, or a smaller "
                "base model.",
                f"請重新規劃：改為 {less}、縮短 max_completion_length、activation_checkpointing: true，"
                "或換小一點的基礎模型。",
            ),
            field="batch_size",
        )

    def final_metrics(self, history: Log, chosen: LogEntry) -> dict[str, float | None]:
        first = next((entry["reward"] for entry in history if "reward" in entry), None)
        before = next((entry for entry in history if self.eval_metric in entry and not entry["step"]), {})
        return {
            "first_reward": first,
            "reward": tail_mean(history, "reward"),
            "valid_reward": chosen.get("eval_reward"),
            "valid_reward_before": before.get("eval_reward"),
            "groups_alike": tail_mean(history, "frac_reward_zero_std"),
            "completion_length": tail_mean(history, "completions/mean_length"),
        }

    def collect_evidence(self, trainer: Any, train: Sequence[TokenisedRow], history: Log, kept: Path) -> MethodEvidence:
        return MethodEvidence(
            validations=validations_of(history, trainer.steps_per_epoch, self.eval_metric, self.validated)
        )

    def count_tokens(self, trainer: Any, shown: list[TokenisedRow], epochs: float) -> int:
        return int(trainer.state.num_input_tokens_seen)


def _dataset(shown: Sequence[TokenisedRow], rows: Mapping[str, Row], run: TrainingRun, tokenizer: Any) -> Any:
    from datasets import Dataset

    tokens = tokens_of(tokenizer)
    return Dataset.from_dict(
        {
            "prompt": [plain_messages(chat_messages(rows[row.id], run.prompt, run.labels), tokens) for row in shown],
            "id": [row.id for row in shown],
        }
    )
