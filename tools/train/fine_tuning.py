"""What the methods that train a causal language model have in common: settings, and the way a job goes."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, JsonValue

from ...resources.foundation.errors import TrainingError
from ...resources.foundation.language import Text, several
from ...resources.task import Task
from ..compute.jobs.stopwatch import Stopwatch
from ..data.rows import Row
from .audit import Audit, audit, neutralised_rows, refuse
from .checkpoints import discard_unsealed, sealed_checkpoints, training_history
from .evidence import training_evidence
from .fitting import Fitted, LongRows, fit_rows
from .four_bit import in_four_bits
from .method import Method, TrainingContext, TrainingResult, TrainingRun
from .tokenise import TokenisedRow, end_ids_of, load_tokenizer, read_tokenised, tokenise_rows
from .trl_names import explaining_options

TINY = 50_000_000
LARGE = 1_000_000_000
LONGEST = 1024
Log = Sequence[Mapping[str, Any]]


class Choice:
    """Settings being chosen: the person's own value where there is one, else ours with its reason."""

    def __init__(self, settings: Method) -> None:
        self._settings = settings
        self.values: dict[str, Any] = {}
        self.reasons: dict[str, Text] = {}

    def __call__(self, name: str, value: Any, why: Text) -> Any:
        own = getattr(self._settings, name)
        self.values[name] = value if own is None else own
        self.reasons[name] = why if own is None else Text("As given.", "依你的指定。")
        return self.values[name]


class FineTuning(Method):
    """Settings and course of a training with LoRA beside the frozen weights, or of every weight."""

    pages: ClassVar[dict[str, str]] = {
        "base_model": "base-models",
        "lora_r": "lora",
        "lora_alpha": "lora",
        "learning_rate": "hyperparameters",
        "epochs": "hyperparameters",
        "batch_size": "hyperparameters",
        "gradient_accumulation": "hyperparameters",
        "max_length": "trouble-truncation",
        "keep_best": "trouble-overfitting",
        "load_in_4bit": "quantization",
        "activation_checkpointing": "memory-time-cost",
    }
    eval_metric: ClassVar[str]  # what an evaluation's entry in the trainer's log holds, and no other entry
    measured_before: ClassVar[bool] = False  # the validation rows are asked before the first step too
    trains_on_answers: ClassVar[bool] = (
        True  # the rows' own, so that they must come after the very prompt that is asked
    )
    # The trainer's name of each figure that is told while it trains, and ours.
    logged: ClassVar[dict[str, str]] = {}
    validated: ClassVar[dict[str, str]] = {}

    base_model: str = Field(
        description="A folder with a causal language model, a hub id such as Qwen/Qwen3-4B, or a "
        "version to go on from: v1, or v1 of another task as TASK/v1.",
        min_length=1,
    )
    lora_r: int | None = Field(None, ge=0, le=1024, description="Rank of the LoRA matrices; 0 trains every weight.")
    lora_alpha: int | None = Field(None, ge=1, le=4096, description="Scale of LoRA; twice the rank where left out.")
    target_modules: str | list[str] = Field("all-linear", description="Which layers LoRA sits beside.")
    load_in_4bit: bool = Field(
        False, description="QLoRA: the frozen weights in 4 bits (NF4), a quarter of the memory; needs bitsandbytes."
    )
    epochs: int | None = Field(None, ge=1, le=100, description="How often every row is seen.")
    learning_rate: float | None = Field(None, gt=0, le=0.1, description="Peak step size of AdamW.")
    batch_size: int | None = Field(None, ge=1, le=1024, description="Rows computed at once.")
    gradient_accumulation: int | None = Field(None, ge=1, le=1024, description="Batches summed up before each step.")
    max_length: int | None = Field(
        None, ge=16, le=1_048_576, description="Longest row in tokens; what becomes of a longer one, long_rows says."
    )
    long_rows: LongRows | None = Field(
        None,
        description="Rows longer than max_length: drop leaves them out, cut shortens "
        "their input from the middle; without it they stop the plan.",
    )
    warmup: float = Field(0.05, ge=0, description="Share of the steps (below 1) or number of steps to warm up.")
    weight_decay: float = Field(0.0, ge=0, le=1, description="AdamW's weight decay.")
    scheduler: Literal[
        "linear", "cosine", "cosine_with_restarts", "polynomial", "inverse_sqrt", "constant", "constant_with_warmup"
    ] = Field("linear", description="How the learning rate falls after warm-up.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients longer than this are scaled down.")
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed of initial LoRA weights, dropout and row order.")
    early_stopping: int = Field(0, ge=0, le=100, description="Stop after so many epochs without a better one; 0 never.")
    save_every: int | None = Field(None, ge=1, description="Steps between checkpoints.")
    activation_checkpointing: bool | None = Field(None, description="Recompute activations: less memory, slower.")
    threads: int | None = Field(None, ge=1, le=256, description="CPU threads; chosen by free cores where left out.")
    trl: dict[str, JsonValue] | None = Field(
        None,
        description="Further options of TRL's configuration, such as neftune_noise_alpha or optim, as TRL names them.",
    )

    # ---- what a method chooses ----------------------------------------------------------------------------------

    @classmethod
    @abstractmethod
    def default_learning_rate(cls, lora: bool, tiny: bool) -> tuple[float, Text]:
        """The learning rate that works, and why."""

    @classmethod
    @abstractmethod
    def default_epochs(cls, rows: int, tiny: bool) -> tuple[int, Text]:
        """How often to show so many rows, and why."""

    @classmethod
    @abstractmethod
    def default_batch(cls, context: TrainingContext, tiny: bool) -> tuple[int, int, Text]:
        """Rows at once, rows to a step, and why."""

    def choose(self, choice: Choice, context: TrainingContext) -> None:
        """The settings that only this method has."""

    def unfit_error(self, task: Task, answer_tokens: Mapping[str, int], rows: Iterable[Row]) -> TrainingError | None:
        """Why this method cannot train on a row; None where it can on all.

        Arguments:
            answer_tokens: of each row's answer, by id.
        """
        return None

    @abstractmethod
    def checkpoint_score(self, entry: Mapping[str, Any]) -> tuple[float, ...] | None:
        """How good the model of an evaluation is, to be compared; None where the last one is kept whatever they say."""

    def resolve(self, context: TrainingContext) -> tuple[Self, dict[str, Text]]:
        self.check_task(context.type, list(context.label_counts))
        choice = Choice(self)
        rows, tiny = context.train_rows, context.parameters is not None and context.parameters < TINY
        lora_r = choice("lora_r", *self.default_rank(rows))
        if self.load_in_4bit and not lora_r:
            raise TrainingError(
                Text(
                    "Weights in 4 bits cannot be trained themselves: load_in_4bit needs LoRA.",
                    "4 位元的權重本身不能訓練：load_in_4bit 必須搭配 LoRA。",
                ),
                Text(
                    "Leave lora_r out (or set it above 0), or leave out load_in_4bit.",
                    "請省略 lora_r（或設為大於 0），或是拿掉 load_in_4bit。",
                ),
                field="load_in_4bit",
            )
        if lora_r:
            choice(
                "lora_alpha",
                2 * lora_r,
                Text(
                    "Twice the rank keeps the update's scale when the rank changes.",
                    "取 rank 的兩倍，換 rank 時更新幅度不變。",
                ),
            )
        choice("learning_rate", *self.default_learning_rate(bool(lora_r), tiny))
        choice("epochs", *self.default_epochs(rows, tiny))
        at_once, a_step, why = self.default_batch(context, tiny)
        batch = choice("batch_size", at_once, why)
        together = max(1, a_step // batch) * batch
        choice(
            "gradient_accumulation",
            max(1, a_step // batch),
            Text(
                f"Together {several(together, 'row')} a step; LoRA learns best below 32.",
                f"每步合計 {together} 列；LoRA 在 32 以下學得最好。",
            ),
        )
        context_tokens = context.context_tokens or LONGEST
        choice(
            "max_length",
            min(LONGEST, context_tokens),
            Text(
                f"Rows may have {min(LONGEST, context_tokens)} tokens; a longer one is never cut silently: long_rows says what "
                "becomes of it.",
                f"每列最多 {min(LONGEST, context_tokens)} 個 token；超過的不會偷偷截斷，要怎麼處理由 long_rows 決定。",
            ),
        )
        self.choose(choice, context)
        choice("activation_checkpointing", *_recompute(context))
        settled = self.model_copy(update=choice.values)
        steps = settled.steps_per_epoch(self.rows_per_epoch(context)) * choice.values["epochs"]
        every = max(1, round(steps / 10))
        choice(
            "save_every",
            every,
            Text(
                f"A checkpoint every {several(every, 'step')}: at most a tenth of the run is "
                "repeated after an interruption.",
                f"每 {every} 步存一次檢查點：中斷後最多重做十分之一。",
            ),
        )
        return self.model_copy(update=choice.values), choice.reasons

    @classmethod
    def default_rank(cls, rows: int) -> tuple[int, Text]:
        return 16 if rows < 5000 else 32, Text(
            f"{several(rows, 'row needs', 'rows need')} little capacity: small LoRA matrices beside the frozen weights do, "
            "and fit in little memory.",
            f"{rows} 列不需要太大的容量：在凍結的權重旁訓練小型 LoRA 矩陣就夠，也省記憶體。",
        )

    def rows_per_epoch(self, context: TrainingContext) -> int:
        return context.train_rows

    def warnings(self, context: TrainingContext) -> list[Text]:
        found = []
        tiny = context.parameters is not None and context.parameters < TINY
        usual = self.default_learning_rate(bool(self.lora_r), tiny)[0]
        if self.learning_rate and not usual / 8 <= self.learning_rate <= usual * 8:
            low = self.learning_rate < usual
            found.append(
                Text(
                    f"The learning rate {self.learning_rate:g} is far {'below' if low else 'above'} what works here "
                    f"(about {usual:g}).",
                    f"學習率 {self.learning_rate:g} 遠{'低' if low else '高'}於這裡適用的值（約 {usual:g}）。",
                )
            )
        if (self.batch_size or 1) * (self.gradient_accumulation or 1) > max(context.train_rows // 2, 1):
            found.append(
                Text(
                    "A step takes more than half of the training rows: there will be very few steps.",
                    "每一步就用掉一半以上的訓練資料：總步數會太少。",
                )
            )
        if getattr(self, "keep_best", "last") != "last" and not context.valid_rows:
            found.append(
                Text(
                    "There are no validation rows, so the last epoch's model is kept.",
                    "沒有驗證資料，因此會保留最後一輪的模型。",
                )
            )
        return found

    @classmethod
    def follow_up(cls, inherited: dict[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in inherited.items() if name in cls.model_fields}
        again: set[str] = set()
        if changed.get("base_model", kept.get("base_model")) != kept.get("base_model"):
            again |= {
                "learning_rate",
                "epochs",
                "batch_size",
                "gradient_accumulation",
                "max_length",
                "activation_checkpointing",
                "save_every",
            }
        if "lora_r" in changed and changed["lora_r"] != kept.get("lora_r"):
            again.add("lora_alpha")
            if not changed["lora_r"] or not kept.get("lora_r"):
                again |= {"learning_rate", "batch_size", "gradient_accumulation"}
        if "batch_size" in changed:
            again |= {"gradient_accumulation", "save_every"}
        if "epochs" in changed:
            again.add("save_every")
        return {**{name: value for name, value in kept.items() if name not in again}, **changed}

    def describe_method(self) -> Text:
        """What is trained, in a few words."""
        if not self.lora_r:
            return Text("every weight", "全參數")
        kind = "QLoRA" if self.load_in_4bit else "LoRA"
        return Text(f"{kind} rank {self.lora_r}", f"{kind} rank {self.lora_r}")

    # ---- the work, in a job -------------------------------------------------------------------------------------

    @abstractmethod
    def build_dataset(self, train: list[TokenisedRow]) -> list[Any]:
        """What one epoch shows, made of the audited training rows."""

    @abstractmethod
    def build_trainer(
        self,
        run: TrainingRun,
        shown: list[Any],
        valid: list[TokenisedRow],
        end_ids: list[int],
        common: dict[str, Any],
        arguments: dict[str, Any],
    ) -> Any:
        """TRL's trainer.

        Arguments:
            common: what it is called with whatever the method (model, tokenizer, LoRA, what to keep).
            arguments: of its configuration.
        """

    @abstractmethod
    def final_metrics(self, history: Log, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """What came of it for `model_info.json`: from the log, and from the evaluation of the kept step."""

    @abstractmethod
    def collect_evidence(self, trainer: Any, train: Sequence[TokenisedRow], history: Log, kept: Path) -> dict[str, Any]:
        """What only this method leaves for a diagnosis."""

    @abstractmethod
    def count_tokens(self, trainer: Any, shown: list[Any], epochs: float) -> int:
        """How many tokens it read."""

    def fit_rows(
        self, run: TrainingRun, splits: dict[str, list[TokenisedRow]], tokenizer: Any, end_ids: set[int]
    ) -> Fitted:
        """The rows as `long_rows` wants those that are longer than `max_length`.

        Raises:
            TrainingError: no training row is left.
        """
        canonical = (
            {str(row["id"]): row for split in splits for row in run.snapshot.rows(split)} if self.long_rows else {}
        )
        found = fit_rows(
            splits, canonical, run.prompt, run.labels, tokenizer, end_ids, self.long_rows, self.max_length or LONGEST
        )
        if not found.splits["train"]:
            raise TrainingError(
                Text("Every training row is longer than max_length.", "所有訓練資料都超過 max_length。"),
                Text(
                    "Plan again with a larger max_length, or with long_rows: cut.",
                    "請提高 max_length，或用 long_rows: cut 重新規劃。",
                ),
                field="max_length",
            )
        return found

    def audit_rows(
        self, run: TrainingRun, splits: dict[str, list[TokenisedRow]], tokenizer: Any, end_ids: set[int]
    ) -> Audit:
        """The label audit of every row.

        Raises:
            TrainingError: a row must not be trained as it is.
        """
        checked = audit(splits, tokenizer, end_ids, self.max_length or LONGEST)
        refuse(run.task, checked)
        if rows := checked.neutralised:
            run.running.warn(neutralised_rows(rows))
        return checked

    def train(self, run: TrainingRun) -> TrainingResult:
        import torch
        from transformers import set_seed

        self.check_task(run.task.type, run.labels)
        clock = Stopwatch(run.checkpoints / "clock.json", keeps=run.running.speaks)
        torch.set_num_threads(run.threads)
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
            train, valid = (
                read_tokenised(tokenise_rows(run.rendered / f"{split}.jsonl", run.base_path, run.cache))
                for split in ("train", "valid")
            )
        fitted = self.fit_rows(run, {"train": train, "valid": valid}, tokenizer, end_ids)
        run, train, valid = replace(run, shortened=fitted.shortened), fitted.splits["train"], fitted.splits["valid"]
        checked = self.audit_rows(run, fitted.splits, tokenizer, end_ids)
        self._say(run, resume, Text("Reading the base model", "讀取基礎模型"))
        set_seed(self.seed)
        shown = self.build_dataset(train)
        trainer = self._build_trainer(run, tokenizer, shown, valid, sorted(end_ids), clock)
        if trainer.rows != len(shown):
            raise TrainingError(
                Text(
                    f"The trainer kept {trainer.rows} of {len(shown)} audited rows.",
                    f"訓練器只保留了 {len(shown)} 列中的 {trainer.rows} 列。",
                ),
                Text("Please report this: no row may be dropped silently.", "請回報這個問題：不該有任何列被默默丟掉。"),
            )
        if resume is None or not self._is_finished(*training_history(resume), trainer):
            self._say(run, resume, Text("Training", "訓練中"))
            try:
                with clock.running():
                    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
            except (torch.OutOfMemoryError, MemoryError) as error:
                raise self.out_of_memory_error() from error
        return self._training_result(run, trainer, shown, train, checked, clock, fitted)

    def out_of_memory_error(self) -> TrainingError:
        return TrainingError(
            Text(
                f"Out of memory with batches of {several(self.batch_size or 1, 'row')}.",
                f"記憶體不足以一次計算 {self.batch_size} 列。",
            ),
            Text(
                f"Plan again with batch_size {max(1, (self.batch_size or 1) // 2)} (accumulation makes up for it), "
                "activation_checkpointing: true, or a smaller base model.",
                f"請重新規劃：batch_size 改為 {max(1, (self.batch_size or 1) // 2)}（其餘由累積補足）、"
                "activation_checkpointing: true，或換小一點的基礎模型。",
            ),
            field="batch_size",
        )

    def best_step(self, history: Log) -> int | None:
        """The step whose model is the best so far, by the evaluations in a log history; None to keep the last."""
        judged = [
            (good, entry)
            for entry in history
            if self.eval_metric in entry and entry["step"] and (good := self.checkpoint_score(entry)) is not None
        ]
        return int(max(judged, key=lambda pair: pair[0])[1]["step"]) if judged else None

    def stops_early(self, history: Log) -> bool:
        """Whether the last `early_stopping` evaluations brought nothing better."""
        best = self.best_step(history)
        later = [entry for entry in history if self.eval_metric in entry and entry["step"] > (best or 0)]
        return bool(self.early_stopping and best is not None and len(later) >= self.early_stopping)

    def saves_at(self, step: int, steps_per_epoch: int) -> bool:
        """Whether a checkpoint is due after that step."""
        return step % (self.save_every or steps_per_epoch) == 0

    def _is_finished(self, step: int, history: Log, trainer: Any) -> bool:
        return step >= self.steps_per_epoch(trainer.rows) * (self.epochs or 1) or self.stops_early(history)

    def steps_per_epoch(self, rows: int) -> int:
        return math.ceil(math.ceil(rows / (self.batch_size or 1)) / (self.gradient_accumulation or 1))

    def _say(self, run: TrainingRun, resume: Path | None, message: Text) -> None:
        """Which phase this is, without moving the counted steps back."""
        run.running.progress(training_history(resume)[0] if resume else 0, None, message)

    def _build_trainer(
        self,
        run: TrainingRun,
        tokenizer: Any,
        shown: list[Any],
        valid: list[TokenisedRow],
        end_ids: list[int],
        clock: Stopwatch,
    ) -> Any:
        import torch
        from transformers import PrinterCallback, ProgressCallback

        from .reporting import Reporter

        half = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
        model = self._load_model(run.base_path, torch.bfloat16 if half and self.lora_r else torch.float32)
        steps = self.steps_per_epoch(len(shown))
        common = {
            "model": model,
            "processing_class": tokenizer,
            "peft_config": self._lora_config(),
            "steps": steps,
            "batch": self.batch_size or 1,
            "keep": lambda history: {step} if (step := self.best_step(history)) else set(),
        }
        arguments = self._trainer_arguments(run, steps * (self.epochs or 1), half)
        with explaining_options(self.trl):
            trainer = self.build_trainer(run, shown, valid, end_ids, common, arguments)
        for callback in (PrinterCallback, ProgressCallback):
            trainer.remove_callback(callback)
        trainer.add_callback(Reporter(self, run.running, trainer, steps, clock))
        return trainer

    def _lora_config(self) -> Any:
        if not self.lora_r:
            return None
        from peft import LoraConfig

        return LoraConfig(
            r=self.lora_r,
            lora_alpha=self.lora_alpha,
            lora_dropout=getattr(self, "lora_dropout", 0.0),
            target_modules=self.target_modules,
            task_type="CAUSAL_LM",
        )

    def _trainer_arguments(self, run: TrainingRun, steps: int, half: bool) -> dict[str, Any]:
        import torch

        return {
            "output_dir": str(run.checkpoints),
            "seed": self.seed,
            "num_train_epochs": self.epochs,
            "learning_rate": self.learning_rate,
            "per_device_train_batch_size": self.batch_size,
            "per_device_eval_batch_size": 4 * (self.batch_size or 1),
            "gradient_accumulation_steps": self.gradient_accumulation,
            "warmup_steps": self.warmup,
            "weight_decay": self.weight_decay,
            "lr_scheduler_type": self.scheduler,
            "max_grad_norm": self.max_grad_norm,
            "bf16": half,
            "use_cpu": not torch.cuda.is_available() and not torch.backends.mps.is_available(),
            "activation_checkpointing": self.activation_checkpointing,
            "logging_steps": max(1, steps // 200),
            "logging_nan_inf_filter": False,
            "logging_first_step": True,
            # The reporter asks for evaluations and checkpoints itself, in an order that survives a kill.
            "save_strategy": "no",
            "eval_strategy": "no",
            "report_to": "none",
            "disable_tqdm": True,
            "dataloader_pin_memory": torch.cuda.is_available(),
            **(self.trl or {}),
        }

    def _load_model(self, folder: Path, dtype: Any) -> Any:
        from transformers import AutoModelForCausalLM

        options = in_four_bits(dtype) if self.load_in_4bit else {}
        try:
            return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, **options)
        except (ValueError, OSError) as error:
            raise TrainingError(
                Text(
                    f"{folder} cannot be loaded as a causal language model: {str(error)[:300]}",
                    f"無法把 {folder} 當作因果語言模型載入：{str(error)[:300]}",
                ),
                Text(
                    "Choose another base model with plan_training(settings={'base_model': …}).",
                    "請用 plan_training(settings={'base_model': …}) 換一個基礎模型。",
                ),
                field="base_model",
            ) from error

    def _training_result(
        self,
        run: TrainingRun,
        trainer: Any,
        shown: list[Any],
        train: list[TokenisedRow],
        checked: Audit,
        clock: Stopwatch,
        fitted: Fitted,
    ) -> TrainingResult:
        import torch

        sealed = sealed_checkpoints(run.checkpoints)
        last = max(sealed)
        steps, history = training_history(sealed[last])
        best = self.best_step(history) or last
        chosen = next((entry for entry in history if self.eval_metric in entry and entry["step"] == best), {})
        epochs = steps / self.steps_per_epoch(len(shown))
        trained = sum(weight.numel() for weight in trainer.model.parameters() if weight.requires_grad)
        adapter = sum(weight.numel() for name, weight in trainer.model.named_parameters() if "lora_" in name)
        total = trainer.model.num_parameters() - adapter
        self._say(run, sealed[last], Text("Collecting diagnostics", "記錄訓練中看到的情形"))
        rates = {
            "peak": self.learning_rate or 0.0,
            "usual": self.default_learning_rate(bool(self.lora_r), total < TINY)[0],
        }
        evidence = training_evidence(
            [row for row in train if row.id not in fitted.shortened], checked, history, self.max_grad_norm, rates
        )
        return TrainingResult(
            checkpoint=sealed[best],
            kind="adapter" if self.lora_r else "model",
            parameters={"trainable": trained, "total": total},
            training={
                "steps": steps,
                "epochs": round(epochs, 4),
                "seconds": round(clock.seconds, 1),
                "tokens": self.count_tokens(trainer, shown, epochs),
                "tokens_per_second": trainer_speed(trainer, clock),
                **self.final_metrics(history, chosen),
                "best_step": best,
            },
            audit={**checked.summary(), **fitted.summary(self.long_rows, self.max_length or LONGEST)},
            history=list(map(dict, history)),
            evidence={**evidence, **self.collect_evidence(trainer, train, history, sealed[best])},
            environment={
                "device": str(trainer.args.device),
                "dtype": str(next(trainer.model.parameters()).dtype),
                "torch_threads": torch.get_num_threads(),
                "trainer_arguments": trainer.args.to_dict(),
            },
        )


def trainer_speed(trainer: Any, clock: Stopwatch) -> float | None:
    """Real (not padding) tokens per second of the training in all its runs, evaluations and checkpoints left out."""
    clock.count(tokens=trainer.all_tokens_seen(), step_seconds=trainer.step_seconds)
    seconds = clock.total("step_seconds")
    return round(clock.total("tokens") / seconds, 1) if seconds else None


def tail_mean(history: Log, name: str) -> float | None:
    """The mean of the last tenth of what was logged under that name."""
    values = [float(entry[name]) for entry in history if entry.get(name) is not None]
    last = values[-max(1, len(values) // 10) :]
    return round(sum(last) / len(last), 6) if last else None


def kept_by(name: str, why: Text) -> Callable[[int], tuple[str, Text]]:
    """A choice of what is kept: by that measure where there are validation rows, else the last."""

    def choose(valid_rows: int) -> tuple[str, Text]:
        return (
            (name, why)
            if valid_rows
            else ("last", Text("There are no validation rows to choose by.", "沒有驗證資料可供選擇。"))
        )

    return choose


def _recompute(context: TrainingContext) -> tuple[bool, Text]:
    large = bool(context.gpu_bytes) and (context.parameters or LARGE) >= LARGE
    if large:
        return True, Text("Saves most of the activation memory on the GPU.", "可省下 GPU 上大部分的中間值記憶體。")
    return False, Text(
        "Recomputing saves memory and costs time: it is for a large model on a GPU.",
        "重算是用時間換記憶體，大模型在 GPU 上訓練才需要。",
    )
