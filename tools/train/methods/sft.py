"""Supervised fine-tuning."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from ....resources.foundation.errors import TrainingError
from ....resources.foundation.language import Text, several
from ....resources.model_info import TrainingFigures
from ...data.task_kind import Answers, task_kind
from ..checkpoints import Log, LogEntry
from ..evidence import MethodEvidence, answers_given, epochs_of, tail_mean
from ..method import Method
from ..tokenise import TokenisedRow
from ..training_context import LARGE, TrainingContext, kept_by
from ..training_run import TrainerParts, TrainingRun

_EFFECTIVE_BATCH = 16
_KEPT = {
    "label": kept_by(
        "recall",
        Text(
            "After each epoch the validation rows are scored; the epoch with the best mean recall over labels is kept.",
            "每輪結束會用驗證資料評分，保留各標籤平均召回率最好的一輪。",
        ),
    ),
    "spans": kept_by(
        "exact",
        Text(
            "After each epoch the validation rows are scored; the epoch that answers most of them exactly is kept.",
            "每輪結束會用驗證資料評分，保留完全答對最多列的一輪。",
        ),
    ),
    "text": kept_by(
        "loss",
        Text(
            "Free text is seldom repeated word by word, so the epoch with the lowest loss on the validation rows is kept.",
            "自由文字很少一字不差，所以保留驗證資料上損失最低的一輪。",
        ),
    ),
}


class Sft(Method):
    """Show the model questions with their answers and train it on the answers alone.

    The loss is the negative log-likelihood of the answer's tokens, its end of turn included. With LoRA (the default)
    small matrices beside the frozen weights are trained; `lora_r: 0` trains every weight (full fine-tuning), which
    takes several times the memory. LoRA wants about ten times the learning rate of full fine-tuning ("LoRA Without
    Regret", Thinking Machines 2025). A setting left out is chosen for the data and the base model.
    """

    accepts: ClassVar[tuple[Answers, ...]] = ("label", "spans", "text")
    usual_for: ClassVar[tuple[Answers, ...]] = ("label", "spans", "text")
    wants: ClassVar[Text] = Text("rows with one right answer each", "每列有一個正確答案的資料")
    configuration: ClassVar[str] = "SFTConfig"
    pages: ClassVar[dict[str, str]] = {**Method.pages, "balance": "imbalance"}
    eval_metric: ClassVar[str] = "eval_loss"
    validated: ClassVar[dict[str, str]] = {
        "eval_loss": "valid_loss",
        "eval_recall": "valid_recall",
        "eval_exact": "valid_exact",
    }

    lora_dropout: float = Field(0.0, ge=0, lt=1, description="Share of LoRA inputs dropped in training.")
    balance: Literal["none", "oversample"] = Field(
        "none", description="oversample repeats rows of rare labels until all labels are as frequent as the largest."
    )
    keep_best: Literal["recall", "exact", "loss", "last"] | None = Field(
        None,
        description="Which epoch's model is kept: best macro recall (labels alone), exact answers or loss on the "
        "validation rows, or the last.",
    )
    group_by_length: bool = Field(True, description="Put rows of like length in one batch.")
    num_processes: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Processes that share each step's rows, a GPU "
        "each; all free GPUs of its kind if left out, one where there is none.",
    )

    def own_defaults(self, context: TrainingContext) -> dict[str, tuple[Any, Text]]:
        return {"keep_best": _KEPT[context.answers](context.valid_rows)}

    def own_reasons(self, context: TrainingContext) -> dict[str, Text]:
        if context.answers != "label" or self.balance != "none" or _imbalance(context) <= 3:
            return {}
        uneven = Text(
            "The largest label has more than three times the rows of the smallest; balance: oversample may help "
            "the rare ones.",
            "最多的標籤超過最少的三倍；balance: oversample 可能對少數標籤有幫助。",
        )
        return {"balance": uneven}

    def check_settings(self, context: TrainingContext) -> None:
        if context.answers != "label" and (self.keep_best == "recall" or self.balance != "none"):
            field = "balance" if self.balance != "none" else "keep_best"
            raise TrainingError(
                Text(
                    f"{field} {getattr(self, field)!r} counts labels, and a {context.type} task has none.",
                    f"{field} {getattr(self, field)!r} 是依標籤計算，{context.type} 任務沒有標籤。",
                ),
                Text(f"Leave {field} out.", f"請省略 {field}。"),
                field=field,
            )
        if self.num_processes and self.shared_by(self.num_processes) is None:
            raise _not_shared(self.batch_size or 1, self.gradient_accumulation or 1, self.num_processes)

    @property
    def processes_asked(self) -> int | None:
        return self.num_processes

    def shared_by(self, processes: int) -> tuple[int, int] | None:
        batch, accumulation = self.batch_size or 1, self.gradient_accumulation or 1
        if accumulation % processes == 0:
            return batch, accumulation // processes
        return (batch // processes, accumulation) if batch % processes == 0 else None

    def rows_per_epoch(self, context: TrainingContext) -> int:
        """How many rows one epoch shows, oversampling counted in."""
        counts = context.label_counts.values()
        return max(counts) * len(counts) if self.balance == "oversample" and counts else context.train_rows

    def describe_settings(self, rows: int) -> Text:
        return self.describe_method() + Text(
            f", {several(self.epochs or 1, 'epoch')} over {several(rows, 'row')} at learning rate {self.learning_rate:g}",
            f"，{rows} 列訓練 {self.epochs} 輪，學習率 {self.learning_rate:g}",
        )

    @classmethod
    def describe_scores(cls, training: TrainingFigures) -> Text:
        loss, step = training.valid_loss, training.best_step
        if loss is None:
            return Text("", "")
        recall, exact = training.valid_recall, training.valid_exact
        share = (
            Text(f"mean recall {recall:.2f}", f"平均召回率 {recall:.2f}")
            if recall is not None
            else Text(f"{exact or 0:.0%} answered exactly", f"完全答對 {exact or 0:.0%}")
        )
        return Text(
            "On the validation rows: {share}, loss {loss:.3f} (step {step}).",
            "驗證資料：{share}、損失 {loss:.3f}（第 {step} 步）。",
        ).format(share=share, loss=loss, step=step)

    @classmethod
    def default_learning_rate(cls, lora: bool, tiny: bool) -> tuple[float, Text]:
        if tiny:
            return (2e-3 if lora else 4e-4), Text(
                "A base model this small needs large steps (measured).", "這麼小的基礎模型需要較大的步伐（實測）。"
            )
        if lora:
            return 2e-4, Text(
                "LoRA needs about ten times the rate of full fine-tuning, nearly whatever the rank.",
                "LoRA 的學習率約為全參數微調的十倍，和 rank 幾乎無關。",
            )
        return 2e-5, Text("The usual rate where every weight moves.", "所有權重一起訓練時的常用值。")

    @classmethod
    def default_epochs(cls, rows: int, tiny: bool) -> tuple[int, Text]:
        if tiny:
            return 8, Text(
                "A base model this small needs to see the rows more often (measured).",
                "這麼小的基礎模型需要多看幾遍（實測）。",
            )
        count = 4 if rows < 500 else 3 if rows <= 5000 else 2
        return count, Text(
            f"A rule of thumb for {several(rows, 'row')}; the kept epoch is chosen on the validation rows.",
            f"{rows} 列的經驗值；最後保留哪一輪由驗證資料決定。",
        )

    @classmethod
    def default_batch(cls, context: TrainingContext, tiny: bool) -> tuple[int, int, Text]:
        parameters = context.parameters or LARGE
        if tiny or (context.gpu_bytes and parameters <= LARGE):
            return (
                16,
                _EFFECTIVE_BATCH,
                Text(
                    "It fits, and small batches learn better than large ones.", "記憶體足夠，而且小批次學得比大批次好。"
                ),
            )
        size = 4 if context.gpu_bytes is None or parameters > 4 * LARGE else 8
        return (
            size,
            _EFFECTIVE_BATCH,
            Text(
                f"{size} rows at once keep the memory small; accumulation makes up the rest of the step.",
                f"一次只放 {size} 列比較省記憶體，其餘靠累積補足。",
            ),
        )

    def checkpoint_score(self, entry: LogEntry) -> tuple[float, ...] | None:
        if self.keep_best == "last":
            return None
        loss = -float(entry["eval_loss"])
        return (loss,) if self.keep_best == "loss" else (float(entry.get(f"eval_{self.keep_best}", 0.0)), loss)

    # ---- the work, in a job -------------------------------------------------------------------------------------

    def build_dataset(self, train: list[TokenisedRow]) -> list[TokenisedRow]:
        """The rows of one epoch: as they are, or with those of rare labels repeated in order."""
        if self.balance == "none":
            return train
        by_label: dict[str, list[TokenisedRow]] = {}
        for row in train:
            by_label.setdefault(row.answer, []).append(row)
        largest = max(map(len, by_label.values()), default=0)
        return [row for same in by_label.values() for row in itertools.islice(itertools.cycle(same), largest)]

    def build_trainer(self, run: TrainingRun, parts: TrainerParts) -> Any:
        from trl import SFTConfig

        from ..trainer import AnswerTrainer

        batch, accumulation = self.shared_by(run.processes) or (self.batch_size, self.gradient_accumulation)
        labels = task_kind(run.task.type).answers == "label"
        return AnswerTrainer(
            **parts.trainer,
            answers=[row.answer for row in parts.valid] if labels else [],
            end_ids=parts.end_ids,
            group_by_length=self.group_by_length,
            train_dataset=_dataset(parts.shown, run.processes),
            eval_dataset=_dataset(parts.valid) if parts.valid else None,
            args=SFTConfig(
                **{
                    **parts.configuration,
                    "per_device_train_batch_size": batch,
                    "gradient_accumulation_steps": accumulation,
                    # Rows come tokenised and audited; nothing may be cut, dropped or packed after that.
                    "max_length": None,
                    "packing": False,
                    "dataset_kwargs": {"skip_prepare_dataset": True},
                    "train_sampling_strategy": "group_by_length" if self.group_by_length else "random",
                }
            ),
        )

    def final_metrics(self, history: Log, chosen: LogEntry) -> dict[str, float | None]:
        recall = {"valid_recall": chosen["eval_recall"]} if "eval_recall" in chosen else {}
        return {
            "train_loss": tail_mean(history, "loss"),
            "valid_loss": chosen.get("eval_loss"),
            "valid_exact": chosen.get("eval_exact"),
            **recall,
        }

    def collect_evidence(self, trainer: Any, train: Sequence[TokenisedRow], history: Log, kept: Path) -> MethodEvidence:
        return MethodEvidence(
            epochs=epochs_of(history, trainer.steps_per_epoch), answers=answers_given(trainer, train, _dataset, kept)
        )

    def count_tokens(self, trainer: Any, shown: list[TokenisedRow], epochs: float) -> int:
        return round(sum(len(row.input_ids) for row in shown) * epochs)


def _not_shared(batch: int, accumulation: int, processes: int) -> TrainingError:
    fits = ", ".join(
        str(count) for count in range(1, batch * accumulation + 1) if accumulation % count == 0 or batch % count == 0
    )
    return TrainingError(
        Text(
            f"{processes} processes cannot share steps of {accumulation} × {batch} rows evenly.",
            f"{processes} 個程序無法平分每步 {accumulation} × {batch} 列。",
        ),
        Text(
            f"num_processes may be {fits}; or change batch_size or gradient_accumulation.",
            f"num_processes 可以是 {fits}；或調整 batch_size、gradient_accumulation。",
        ),
        field="num_processes",
    )


def _dataset(rows: Sequence[TokenisedRow], processes: int = 1) -> Any:
    """The rows as the trainer reads them; for several processes with a last one that teaches nothing, to even out."""
    from datasets import Dataset

    if processes > 1:
        rows = [*rows, replace(rows[0], input_ids=rows[0].input_ids[:2], start=2)]
    return Dataset.from_dict(
        {
            "input_ids": [row.input_ids for row in rows],
            "labels": [row.labels for row in rows],
            "length": [len(row.input_ids) for row in rows],
        }
    )


def _imbalance(context: TrainingContext) -> float:
    counts = [count for count in context.label_counts.values() if count]
    return max(counts) / min(counts) if counts else 1.0
