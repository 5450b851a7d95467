"""Supervised fine-tuning."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from ....resources.errors import TrainingError
from ....resources.language import Text
from ..audit import Audit, audit, refuse
from ..checkpoints import discard_unsealed, sealed_checkpoints, training_history
from ..evidence import training_evidence
from ..tokenise import TokenisedRow, end_ids_of, load_tokenizer, read_tokenised, tokenised
from . import Method, Outcome, Situation, TrainingRun

_TINY = 50_000_000
_LARGE = 1_000_000_000
_EFFECTIVE_BATCH = 16
_LONGEST = 1024


class Sft(Method):
    """Show the model questions with their answers and train it on the answers alone.

    The loss is the negative log-likelihood of the answer's tokens, its end of turn included. With LoRA (the default)
    small matrices beside the frozen weights are trained; `lora_r: 0` trains every weight (full fine-tuning), which
    takes several times the memory. LoRA wants about ten times the learning rate of full fine-tuning ("LoRA Without
    Regret", Thinking Machines 2025). A setting left out is chosen for the data and the base model.
    """

    pages: ClassVar[dict[str, str]] = {
        "base_model": "base-models", "lora_r": "lora", "lora_alpha": "lora", "learning_rate": "hyperparameters",
        "epochs": "hyperparameters", "batch_size": "hyperparameters", "gradient_accumulation": "hyperparameters",
        "max_length": "trouble-truncation", "keep_best": "trouble-overfitting", "balance": "imbalance",
        "activation_checkpointing": "memory-time-cost",
    }

    base_model: str = Field(description="A folder with a causal language model, or a hub id such as Qwen/Qwen3-4B.",
                            min_length=1)
    lora_r: int | None = Field(None, ge=0, le=1024, description="Rank of the LoRA matrices; 0 trains every weight.")
    lora_alpha: int | None = Field(None, ge=1, le=4096, description="Scale of LoRA; twice the rank where left out.")
    lora_dropout: float = Field(0.0, ge=0, lt=1, description="Share of LoRA inputs dropped in training.")
    target_modules: str | list[str] = Field("all-linear", description="Which layers LoRA sits beside.")
    epochs: int | None = Field(None, ge=1, le=100, description="How often every row is seen.")
    learning_rate: float | None = Field(None, gt=0, le=0.1, description="Peak step size of AdamW.")
    batch_size: int | None = Field(None, ge=1, le=1024, description="Rows computed at once.")
    gradient_accumulation: int | None = Field(None, ge=1, le=1024, description="Batches summed up before each step.")
    max_length: int | None = Field(None, ge=16, le=1_048_576, description="Longest row in tokens; a longer one is "
                                                                           "refused, never cut.")
    warmup: float = Field(0.05, ge=0, description="Share of the steps (below 1) or number of steps to warm up.")
    weight_decay: float = Field(0.0, ge=0, le=1, description="AdamW's weight decay.")
    scheduler: Literal["linear", "cosine", "constant_with_warmup"] = Field(
        "linear", description="How the learning rate falls after warm-up.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients longer than this are scaled down.")
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed of initial LoRA weights, dropout and row order.")
    balance: Literal["none", "oversample"] = Field(
        "none", description="oversample repeats rows of rare labels until all labels are as frequent as the largest.")
    keep_best: Literal["recall", "loss", "last"] | None = Field(
        None, description="Which epoch's model is kept: best macro recall or loss on the validation rows, or the last.")
    early_stopping: int = Field(0, ge=0, le=100, description="Stop after so many epochs without a better one; 0 never.")
    save_every: int | None = Field(None, ge=1, description="Steps between checkpoints.")
    group_by_length: bool = Field(True, description="Put rows of like length in one batch.")
    activation_checkpointing: bool | None = Field(None, description="Recompute activations: less memory, slower.")
    num_processes: int | None = Field(None, ge=1, le=64, description="Processes that share each step's rows, a GPU "
                                      "each; all free GPUs of its kind where left out, one where there is none.")
    threads: int | None = Field(None, ge=1, le=256, description="CPU threads; chosen by free cores where left out.")

    def resolved(self, situation: Situation) -> tuple[Self, dict[str, Text]]:
        chosen: dict[str, Any] = {}
        reasons: dict[str, Text] = {}

        def choose(name: str, value: Any, why: Text) -> Any:
            """Take the person's own value where there is one, else `value` and its reason."""
            own = getattr(self, name)
            chosen[name] = value if own is None else own
            reasons[name] = why if own is None else Text("As given.", "依你的指定。")
            return chosen[name]

        rows, parameters = situation.train_rows, situation.parameters
        tiny = parameters is not None and parameters < _TINY
        lora_r = choose("lora_r", 16 if rows < 5000 else 32, _why_rank(rows))
        if lora_r:
            choose("lora_alpha", 2 * lora_r, Text("Twice the rank keeps the update's scale when the rank changes.",
                                                  "取 rank 的兩倍，換 rank 時更新幅度不變。"))
        choose("learning_rate", *_rate(bool(lora_r), tiny))
        choose("epochs", *_epochs(rows, tiny))
        batch = choose("batch_size", *_batch(situation, tiny))
        choose("gradient_accumulation", max(1, _EFFECTIVE_BATCH // batch),
               Text(f"Together {max(1, _EFFECTIVE_BATCH // batch) * batch} rows a step; LoRA learns best below 32.",
                    f"每步合計 {max(1, _EFFECTIVE_BATCH // batch) * batch} 列；LoRA 在 32 以下學得最好。"))
        context = situation.context or _LONGEST
        choose("max_length", min(_LONGEST, context),
               Text(f"Rows may have {min(_LONGEST, context)} tokens; a longer one is refused, never cut silently.",
                    f"每列最多 {min(_LONGEST, context)} 個 token；超過會拒絕訓練，不會偷偷截斷。"))
        choose("keep_best", *_kept(situation.valid_rows))
        choose("activation_checkpointing", *_recompute(situation))
        steps = math.ceil(math.ceil(self.rows_per_epoch(situation) / batch) / chosen["gradient_accumulation"])
        every = max(1, round(steps * chosen["epochs"] / 10))
        choose("save_every", every, Text(f"A checkpoint every {every} steps: at most a tenth of the run is repeated "
                                         "after an interruption.",
                                         f"每 {every} 步存一次檢查點：中斷後最多重做十分之一。"))
        settled = self.model_copy(update=chosen)
        if self.num_processes and settled.shared_by(self.num_processes) is None:
            raise _not_shared(batch, chosen["gradient_accumulation"], self.num_processes)
        if self.balance == "none" and _imbalance(situation) > 3:
            reasons["balance"] = Text(
                "The largest label has more than three times the rows of the smallest; balance: oversample may help "
                "the rare ones.", "最多的標籤超過最少的三倍；balance: oversample 可能對少數標籤有幫助。")
        return settled, reasons

    def shared_by(self, processes: int) -> tuple[int, int] | None:
        batch, accumulation = self.batch_size or 1, self.gradient_accumulation or 1
        if accumulation % processes == 0:
            return batch, accumulation // processes
        return (batch // processes, accumulation) if batch % processes == 0 else None

    def rows_per_epoch(self, situation: Situation) -> int:
        """How many rows one epoch shows, oversampling counted in."""
        counts = situation.label_counts.values()
        return max(counts) * len(counts) if self.balance == "oversample" and counts else situation.train_rows

    def warnings(self, situation: Situation) -> list[Text]:
        found = []
        tiny = situation.parameters is not None and situation.parameters < _TINY
        usual = _rate(bool(self.lora_r), tiny)[0]
        if self.learning_rate and not usual / 8 <= self.learning_rate <= usual * 8:
            low = self.learning_rate < usual
            found.append(Text(
                f"The learning rate {self.learning_rate:g} is far {'below' if low else 'above'} what works here "
                f"(about {usual:g}).",
                f"學習率 {self.learning_rate:g} 遠{'低' if low else '高'}於這裡適用的值（約 {usual:g}）。"))
        if (self.batch_size or 1) * (self.gradient_accumulation or 1) > max(situation.train_rows // 2, 1):
            found.append(Text("A step takes more than half of the training rows: there will be very few steps.",
                              "每一步就用掉一半以上的訓練資料：總步數會太少。"))
        if self.keep_best in ("recall", "loss") and not situation.valid_rows:
            found.append(Text("There are no validation rows, so the last epoch's model is kept.",
                              "沒有驗證資料，因此會保留最後一輪的模型。"))
        return found

    @classmethod
    def follow_up(cls, inherited: dict[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in inherited.items() if name in cls.model_fields}
        again: set[str] = set()
        if changed.get("base_model", kept.get("base_model")) != kept.get("base_model"):
            again |= {"learning_rate", "epochs", "batch_size", "gradient_accumulation", "max_length",
                      "activation_checkpointing", "save_every"}
        if "lora_r" in changed and changed["lora_r"] != kept.get("lora_r"):
            again.add("lora_alpha")
            if not changed["lora_r"] or not kept.get("lora_r"):
                again |= {"learning_rate", "batch_size", "gradient_accumulation"}
        if "batch_size" in changed:
            again |= {"gradient_accumulation", "save_every"}
        if "epochs" in changed:
            again.add("save_every")
        return {**{name: value for name, value in kept.items() if name not in again}, **changed}

    # ---- the work, in a job -------------------------------------------------------------------------------------

    def train(self, run: TrainingRun) -> Outcome:
        import torch
        from transformers import set_seed

        began = time.monotonic()
        torch.set_num_threads(run.threads)
        half = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
        if not torch.cuda.is_available():
            torch.use_deterministic_algorithms(True, warn_only=True)
        with run.first():
            discard_unsealed(run.checkpoints)
        sealed = sealed_checkpoints(run.checkpoints)
        resume = sealed[max(sealed)] if sealed else None
        tokenizer = load_tokenizer(run.base_path)
        end_ids = end_ids_of(run.base_path, tokenizer)
        self._say(run, resume, Text("Auditing the labels of every row", "逐列稽核訓練標籤"))
        with run.first():
            train, valid = (read_tokenised(tokenised(run.rendered / f"{split}.jsonl", run.base_path, run.cache))
                            for split in ("train", "valid"))
        checked = audit({"train": train, "valid": valid}, tokenizer, end_ids, self.max_length or _LONGEST)
        refuse(run.task, checked)
        self._say(run, resume, Text("Reading the base model", "讀取基礎模型"))
        set_seed(self.seed)
        model = _load_model(run.base_path, torch.bfloat16 if half and self.lora_r else torch.float32)
        rows = self.balanced(train)
        trainer = self._trainer(run, model, tokenizer, rows, valid, sorted(end_ids), half)
        if trainer.rows != len(rows):
            raise TrainingError(
                Text(f"The trainer kept {trainer.rows} of {len(rows)} audited rows.",
                     f"訓練器只保留了 {len(rows)} 列中的 {trainer.rows} 列。"),
                Text("Please report this: no row may be dropped silently.", "請回報這個問題：不該有任何列被默默丟掉。"),
            )
        if resume is None or not self._finished(*training_history(resume), trainer):
            self._say(run, resume, Text("Training", "訓練中"))
            try:
                trainer.train(resume_from_checkpoint=str(resume) if resume else None)
            except (torch.OutOfMemoryError, MemoryError) as error:
                raise self._out_of_memory() from error
        return self._outcome(run, trainer, rows, train, checked, began)

    def _out_of_memory(self) -> TrainingError:
        return TrainingError(
            Text(f"The memory did not suffice for batches of {self.batch_size} rows.",
                 f"記憶體不足以一次計算 {self.batch_size} 列。"),
            Text(f"Plan again with batch_size {max(1, (self.batch_size or 1) // 2)} (accumulation makes up for it), "
                 "activation_checkpointing: true, or a smaller base model.",
                 f"請重新規劃：batch_size 改為 {max(1, (self.batch_size or 1) // 2)}（其餘由累積補足）、"
                 "activation_checkpointing: true，或換小一點的基礎模型。"), field="batch_size",
        )

    def balanced(self, rows: list[TokenisedRow]) -> list[TokenisedRow]:
        """The rows of one epoch: as they are, or with those of rare labels repeated in order."""
        if self.balance == "none":
            return rows
        by_label: dict[str, list[TokenisedRow]] = {}
        for row in rows:
            by_label.setdefault(row.answer, []).append(row)
        largest = max(map(len, by_label.values()), default=0)
        return [row for same in by_label.values() for row in itertools.islice(itertools.cycle(same), largest)]

    def best_step(self, history: list[dict[str, Any]]) -> int | None:
        """The step whose model is the best so far, by the evaluations in a log history; None to keep the last."""
        evaluations = [entry for entry in history if "eval_loss" in entry]
        if not evaluations or self.keep_best == "last":
            return None
        if self.keep_best == "loss":
            return int(min(evaluations, key=lambda entry: entry["eval_loss"])["step"])
        return int(max(evaluations, key=lambda entry: (entry["eval_recall"], -entry["eval_loss"]))["step"])

    def stops_early(self, history: list[dict[str, Any]]) -> bool:
        """Whether the last `early_stopping` evaluations brought nothing better."""
        best = self.best_step(history)
        later = [entry for entry in history if "eval_loss" in entry and entry["step"] > (best or 0)]
        return bool(self.early_stopping and best is not None and len(later) >= self.early_stopping)

    def _finished(self, step: int, history: list[dict[str, Any]], trainer: Any) -> bool:
        return step >= self._steps_per_epoch(trainer.rows) * (self.epochs or 1) or \
            self.stops_early(history)

    def _steps_per_epoch(self, rows: int) -> int:
        return math.ceil(math.ceil(rows / (self.batch_size or 1)) / (self.gradient_accumulation or 1))

    def _say(self, run: TrainingRun, resume: Path | None, message: Text) -> None:
        """Which phase this is, without moving the counted steps back."""
        run.running.progress(training_history(resume)[0] if resume else 0, None, message)

    def _trainer(self, run: TrainingRun, model: Any, tokenizer: Any, rows: list[TokenisedRow],
                 valid: list[TokenisedRow], end_ids: list[int], half: bool) -> Any:
        from transformers import PrinterCallback, ProgressCallback

        from ..reporting import Reporter
        from ..trainer import AnswerTrainer

        steps = self._steps_per_epoch(len(rows))
        trainer = AnswerTrainer(
            model=model, args=self._arguments(run, steps * (self.epochs or 1), half), processing_class=tokenizer,
            train_dataset=_dataset(rows, run.processes), eval_dataset=_dataset(valid) if valid else None,
            peft_config=self._lora(), answers=[row.answer for row in valid], end_ids=end_ids,
            keep=lambda history: {step} if (step := self.best_step(history)) else set(),
            group_by_length=self.group_by_length, batch=self.batch_size,
        )
        for callback in (PrinterCallback, ProgressCallback):
            trainer.remove_callback(callback)
        trainer.add_callback(Reporter(self, run.running, trainer, steps))
        return trainer

    def _lora(self) -> Any:
        if not self.lora_r:
            return None
        from peft import LoraConfig

        return LoraConfig(r=self.lora_r, lora_alpha=self.lora_alpha, lora_dropout=self.lora_dropout,
                          target_modules=self.target_modules, task_type="CAUSAL_LM")

    def _arguments(self, run: TrainingRun, steps: int, half: bool) -> Any:
        import torch
        from trl import SFTConfig

        batch, accumulation = self.shared_by(run.processes) or (self.batch_size, self.gradient_accumulation)
        return SFTConfig(
            output_dir=str(run.checkpoints), seed=self.seed, num_train_epochs=self.epochs,
            learning_rate=self.learning_rate, per_device_train_batch_size=batch,
            per_device_eval_batch_size=4 * (self.batch_size or 1),
            gradient_accumulation_steps=accumulation, warmup_steps=self.warmup,
            weight_decay=self.weight_decay, lr_scheduler_type=self.scheduler, max_grad_norm=self.max_grad_norm,
            bf16=half, use_cpu=not torch.cuda.is_available() and not torch.backends.mps.is_available(),
            activation_checkpointing=self.activation_checkpointing,
            # Rows come tokenised and audited; nothing may be cut, dropped or packed after that.
            max_length=None, packing=False, dataset_kwargs={"skip_prepare_dataset": True},
            train_sampling_strategy="group_by_length" if self.group_by_length else "random",
            logging_steps=max(1, steps // 200), logging_nan_inf_filter=False, logging_first_step=True,
            # The reporter asks for evaluations and checkpoints itself, in an order that survives a kill.
            save_strategy="no", eval_strategy="no", report_to="none", disable_tqdm=True,
            dataloader_pin_memory=torch.cuda.is_available(),
        )

    def _outcome(self, run: TrainingRun, trainer: Any, rows: list[TokenisedRow], train: list[TokenisedRow],
                 checked: Audit, began: float) -> Outcome:
        import torch

        sealed = sealed_checkpoints(run.checkpoints)
        last = max(sealed)
        steps, history = training_history(sealed[last])
        best = self.best_step(history) or last
        losses = [entry["loss"] for entry in history if "loss" in entry]
        chosen = next((entry for entry in history if "eval_loss" in entry and entry["step"] == best), {})
        epochs = steps / self._steps_per_epoch(len(rows))
        trained = sum(weight.numel() for weight in trainer.model.parameters() if weight.requires_grad)
        adapter = sum(weight.numel() for name, weight in trainer.model.named_parameters() if "lora_" in name)
        tail = losses[-max(1, len(losses) // 10):]
        total = sum(weight.numel() for weight in trainer.model.parameters()) - adapter
        self._say(run, sealed[last], Text("Asking it rows it was trained on", "用訓練過的資料問它"))
        rates = {"peak": self.learning_rate or 0.0, "usual": _rate(bool(self.lora_r), total < _TINY)[0]}
        seen = training_evidence(trainer, train, _dataset, checked, history, sealed[best],
                                 self._steps_per_epoch(len(rows)), rates)
        return Outcome(
            checkpoint=sealed[best], kind="adapter" if self.lora_r else "model",
            parameters={"trainable": trained, "total": total},
            training={
                "steps": steps, "epochs": round(epochs, 4), "seconds": round(time.monotonic() - began, 1),
                "tokens": round(sum(len(row.input_ids) for row in rows) * epochs),
                "tokens_per_second": trainer_speed(trainer), "train_loss": round(sum(tail) / len(tail), 6),
                "valid_loss": chosen.get("eval_loss"), "valid_recall": chosen.get("eval_recall"), "best_step": best,
            },
            audit=checked.summary(), history=history, evidence=seen,
            environment={
                "device": str(trainer.args.device), "dtype": str(next(trainer.model.parameters()).dtype),
                "torch_threads": torch.get_num_threads(), "trainer_arguments": trainer.args.to_dict(),
            },
        )


def trainer_speed(trainer: Any) -> float | None:
    """Real (not padding) tokens a second of this run's training, evaluations and checkpoints left out."""
    return round(trainer.all_tokens_seen() / trainer.step_seconds, 1) if trainer.step_seconds else None


def _load_model(folder: Path, dtype: Any) -> Any:
    from transformers import AutoModelForCausalLM

    try:
        return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    except (ValueError, OSError) as error:
        raise TrainingError(
            Text(f"{folder} cannot be loaded as a causal language model: {str(error)[:300]}",
                 f"無法把 {folder} 當作因果語言模型載入：{str(error)[:300]}"),
            Text("Choose another base model with plan_training(settings={'base_model': …}).",
                 "請用 plan_training(settings={'base_model': …}) 換一個基礎模型。"), field="base_model",
        ) from error


def _not_shared(batch: int, accumulation: int, processes: int) -> TrainingError:
    fits = ", ".join(str(count) for count in range(1, batch * accumulation + 1)
                     if accumulation % count == 0 or batch % count == 0)
    return TrainingError(
        Text(f"{processes} processes cannot share steps of {accumulation} × {batch} rows evenly.",
             f"{processes} 個程序無法平分每步 {accumulation} × {batch} 列。"),
        Text(f"num_processes may be {fits}; or change batch_size or gradient_accumulation.",
             f"num_processes 可以是 {fits}；或調整 batch_size、gradient_accumulation。"), field="num_processes")


def _dataset(rows: list[TokenisedRow], processes: int = 1) -> Any:
    """The rows as the trainer reads them; for several processes with a last one that teaches nothing, to even out."""
    from datasets import Dataset

    if processes > 1:
        rows = [*rows, replace(rows[0], input_ids=rows[0].input_ids[:2], start=2)]
    return Dataset.from_dict({"input_ids": [row.input_ids for row in rows], "labels": [row.labels for row in rows],
                              "length": [len(row.input_ids) for row in rows]})


def _why_rank(rows: int) -> Text:
    return Text(f"{rows} rows need little capacity: small LoRA matrices beside the frozen weights learn them and fit "
                "in little memory.", f"{rows} 列不需要太大的容量：在凍結的權重旁訓練小型 LoRA 矩陣就夠，也省記憶體。")


def _rate(lora: bool, tiny: bool) -> tuple[float, Text]:
    if tiny:
        return (2e-3 if lora else 4e-4), Text("A base model this small needs large steps (measured).",
                                              "這麼小的基礎模型需要較大的步伐（實測）。")
    if lora:
        return 2e-4, Text("LoRA wants about ten times the rate of full fine-tuning, nearly whatever the rank.",
                          "LoRA 的學習率約為全參數微調的十倍，和 rank 幾乎無關。")
    return 2e-5, Text("The usual rate where every weight moves.", "所有權重一起訓練時的常用值。")


def _epochs(rows: int, tiny: bool) -> tuple[int, Text]:
    if tiny:
        return 8, Text("A base model this small needs to see the rows more often (measured).",
                       "這麼小的基礎模型需要多看幾遍（實測）。")
    count = 4 if rows < 500 else 3 if rows <= 5000 else 2
    return count, Text(f"A rule of thumb for {rows} rows; the kept epoch is chosen on the validation rows.",
                       f"{rows} 列的經驗值；最後保留哪一輪由驗證資料決定。")


def _batch(situation: Situation, tiny: bool) -> tuple[int, Text]:
    parameters = situation.parameters or _LARGE
    if tiny or (situation.gpu_bytes and parameters <= _LARGE):
        return 16, Text("It fits, and small batches learn better than large ones.",
                        "記憶體足夠，而且小批次學得比大批次好。")
    size = 4 if situation.gpu_bytes is None or parameters > 4 * _LARGE else 8
    return size, Text(f"{size} rows at once keep the memory small; accumulation makes up the rest of the step.",
                      f"一次只放 {size} 列比較省記憶體，其餘靠累積補足。")


def _kept(valid_rows: int) -> tuple[str, Text]:
    if valid_rows:
        return "recall", Text("After each epoch the validation rows are scored; the epoch with the best mean recall "
                              "over labels is kept.", "每輪結束會用驗證資料評分，保留各標籤平均召回率最好的一輪。")
    return "last", Text("There are no validation rows to choose by.", "沒有驗證資料可供選擇。")


def _recompute(situation: Situation) -> tuple[bool, Text]:
    large = bool(situation.gpu_bytes) and (situation.parameters or _LARGE) >= _LARGE
    if large:
        return True, Text("Saves most of the activation memory on the GPU.", "可省下 GPU 上大部分的中間值記憶體。")
    return False, Text("Recomputing saves memory and costs time: it is for a large model on a GPU.",
                       "重算是用時間換記憶體，大模型在 GPU 上訓練才需要。")


def _imbalance(situation: Situation) -> float:
    counts = [count for count in situation.label_counts.values() if count]
    return max(counts) / min(counts) if counts else 1.0
