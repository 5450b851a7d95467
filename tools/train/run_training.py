"""One training in a job's process: from the rendered rows to the checkpoint that is kept. Every method goes this way.

Imported by training jobs alone: it reads PyTorch and the like.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from transformers import AutoModelForCausalLM, PrinterCallback, ProgressCallback, set_seed

from ...resources.foundation.errors import TrainingError
from ...resources.foundation.language import Text
from ...resources.model_info import ParameterCount, TrainingFigures
from ..compute.jobs.stopwatch import Stopwatch
from .audit import Audit, audit, neutralised_rows, refuse
from .checkpoints import discard_unsealed, sealed_checkpoints, training_history
from .evidence import LearningRates, training_evidence
from .fitting import Fitted, Splits, fit_rows
from .four_bit import in_four_bits
from .method import Method
from .tokenise import TokenisedRow, end_ids_of, load_tokenizer, read_tokenised, tokenise_rows
from .trainer import Reporter, trainer_speed
from .training_context import LONGEST, TINY
from .training_run import RunEnvironment, TrainerParts, TrainingResult, TrainingRun, TrlArguments
from .trl_names import explaining_options


@dataclass(frozen=True)
class _Rows:
    """The tokenised rows of a training as they passed the audit, and the tokenizer they were made with."""

    train: list[TokenisedRow]
    valid: list[TokenisedRow]
    fitted: Fitted
    audit: Audit
    tokenizer: Any
    end_ids: list[int]


def run_training(method: Method, run: TrainingRun) -> TrainingResult:
    """Train, resuming from the newest whole checkpoint if one stands.

    Arguments:
        method: with its settings resolved.

    Raises:
        TrainingError: the rows must not be trained as they are, or the training broke down.
    """
    method.check_task(run.task.type, run.labels)
    clock = Stopwatch(run.checkpoints / "clock.json", keeps=run.running.speaks)
    torch.set_num_threads(run.threads)
    if not torch.cuda.is_available():
        torch.use_deterministic_algorithms(True, warn_only=True)
    with run.first():
        discard_unsealed(run.checkpoints)
    sealed = sealed_checkpoints(run.checkpoints)
    resume = sealed[max(sealed)] if sealed else None
    _say(run, resume, Text("Auditing the labels of every row", "逐列稽核訓練標籤"))
    rows = _prepare_rows(method, run)
    run = replace(run, shortened=rows.fitted.shortened)
    _say(run, resume, Text("Reading the base model", "讀取基礎模型"))
    set_seed(method.seed)
    shown = method.build_dataset(rows.train)
    trainer = build_trainer(method, run, rows.tokenizer, shown, rows.valid, rows.end_ids, clock)
    if trainer.rows != len(shown):
        raise TrainingError(
            Text(
                f"The trainer kept {trainer.rows} of {len(shown)} audited rows.",
                f"訓練器只保留了 {len(shown)} 列中的 {trainer.rows} 列。",
            ),
            Text("Please report this: no row may be dropped silently.", "請回報這個問題：不該有任何列被默默丟掉。"),
        )
    if resume is None or not _is_finished(method, resume, trainer):
        _say(run, resume, Text("Training", "訓練中"))
        try:
            with clock.running():
                trainer.train(resume_from_checkpoint=str(resume) if resume else None)
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise method.out_of_memory_error() from error
    return _training_result(method, run, trainer, shown, rows, clock)


def _say(run: TrainingRun, resume: Path | None, message: Text) -> None:
    """Which phase this is, without moving the counted steps back."""
    run.running.progress(training_history(resume)[0] if resume else 0, None, message)


def _is_finished(method: Method, resume: Path, trainer: Any) -> bool:
    step, history = training_history(resume)
    return step >= method.steps_per_epoch(trainer.rows) * (method.epochs or 1) or method.stops_early(history)


# ---- rows -------------------------------------------------------------------------------------------------------


def _prepare_rows(method: Method, run: TrainingRun) -> _Rows:
    """The rows as token ids, those that are too long left out or cut as the plan says, and audited.

    Raises:
        TrainingError: a row must not be trained as it is, or none is left.
    """
    tokenizer = load_tokenizer(run.base_path)
    end_ids = end_ids_of(run.base_path, tokenizer)
    with run.first():
        train, valid = (
            read_tokenised(tokenise_rows(run.rendered / f"{split}.jsonl", run.base_path, run.cache))
            for split in ("train", "valid")
        )
    fitted = _fit_rows(method, run, {"train": train, "valid": valid}, tokenizer, end_ids)
    checked = _audit_rows(method, run, fitted, tokenizer, end_ids)
    return _Rows(fitted.splits["train"], fitted.splits["valid"], fitted, checked, tokenizer, sorted(end_ids))


def _fit_rows(method: Method, run: TrainingRun, splits: Splits, tokenizer: Any, end_ids: set[int]) -> Fitted:
    """The rows as `long_rows` wants those that are longer than `max_length`.

    Raises:
        TrainingError: no training row is left.
    """
    canonical = run.rows_by_id() if method.long_rows else {}
    longest = method.max_length or LONGEST
    found = fit_rows(splits, canonical, run.prompt, run.labels, tokenizer, end_ids, method.long_rows, longest)
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


def _audit_rows(method: Method, run: TrainingRun, fitted: Fitted, tokenizer: Any, end_ids: set[int]) -> Audit:
    """The label audit of every row.

    Raises:
        TrainingError: a row must not be trained as it is.
    """
    splits = fitted.splits
    if not method.trains_on_answers:  # the model is asked as it will be, so the prompt is as at inference
        splits = {split: [replace(row, context=row.start) for row in rows] for split, rows in splits.items()}
    checked = audit(splits, tokenizer, end_ids, method.max_length or LONGEST)
    refuse(run.task, checked)
    if neutralised := checked.neutralised:
        run.running.warn(neutralised_rows(neutralised))
    answer_tokens = {row.id: len(row.trained) for rows in splits.values() for row in rows}
    asked = replace(run, shortened=fitted.shortened)
    if error := method.unfit_error(run.task, answer_tokens, asked.canonical_rows()):
        raise error
    return checked


# ---- the trainer ------------------------------------------------------------------------------------------------


def build_trainer(
    method: Method,
    run: TrainingRun,
    tokenizer: Any,
    shown: list[Any],
    valid: list[TokenisedRow],
    end_ids: list[int],
    clock: Stopwatch,
) -> Any:
    """The method's trainer on the base model, which reports what it does.

    Arguments:
        shown: what one epoch shows, as the method's `build_dataset` made it.
        end_ids: the token ids at which an answer ends.
    """
    half = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    steps = method.steps_per_epoch(len(shown))
    parts = TrainerParts(
        shown=shown,
        valid=valid,
        end_ids=end_ids,
        trainer={
            "model": _load_model(method, run.base_path, torch.bfloat16 if half and method.lora_r else torch.float32),
            "processing_class": tokenizer,
            "peft_config": _lora_config(method),
            "steps": steps,
            "batch": method.batch_size or 1,
            "keep": lambda history: {step} if (step := method.best_step(history)) else set(),
        },
        configuration=trainer_configuration(method, run, steps * (method.epochs or 1), half),
    )
    with explaining_options(method.trl):
        trainer = method.build_trainer(run, parts)
    for callback in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(callback)
    trainer.add_callback(Reporter(method, run.running, trainer, steps, clock))
    return trainer


def _lora_config(method: Method) -> LoraConfig | None:
    if not method.lora_r:
        return None
    return LoraConfig(
        r=method.lora_r,
        lora_alpha=method.lora_alpha,
        lora_dropout=getattr(method, "lora_dropout", 0.0),
        target_modules=method.target_modules,
        task_type="CAUSAL_LM",
    )


def trainer_configuration(method: Method, run: TrainingRun, steps: int, half: bool) -> TrlArguments:
    """What every configuration of TRL's is called with, by TRL's names.

    Arguments:
        steps: of the whole training.
        half: whether to compute in bfloat16.
    """
    return {
        "output_dir": str(run.checkpoints),
        "seed": method.seed,
        "num_train_epochs": method.epochs,
        "learning_rate": method.learning_rate,
        "per_device_train_batch_size": method.batch_size,
        "per_device_eval_batch_size": 4 * (method.batch_size or 1),
        "gradient_accumulation_steps": method.gradient_accumulation,
        "warmup_steps": method.warmup,
        "weight_decay": method.weight_decay,
        "lr_scheduler_type": method.scheduler,
        "max_grad_norm": method.max_grad_norm,
        "bf16": half,
        "use_cpu": not torch.cuda.is_available() and not torch.backends.mps.is_available(),
        "activation_checkpointing": method.activation_checkpointing,
        "logging_steps": max(1, steps // 200),
        "logging_nan_inf_filter": False,
        "logging_first_step": True,
        # The reporter asks for evaluations and checkpoints itself, in an order that survives a kill.
        "save_strategy": "no",
        "eval_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": torch.cuda.is_available(),
        **(method.trl or {}),
    }


def _load_model(method: Method, folder: Path, dtype: torch.dtype) -> Any:
    options = in_four_bits(dtype) if method.load_in_4bit else {}
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


# ---- what came of it --------------------------------------------------------------------------------------------


def _training_result(
    method: Method, run: TrainingRun, trainer: Any, shown: list[Any], rows: _Rows, clock: Stopwatch
) -> TrainingResult:
    sealed = sealed_checkpoints(run.checkpoints)
    last = max(sealed)
    steps, history = training_history(sealed[last])
    best = method.best_step(history) or last
    chosen = next((entry for entry in history if method.eval_metric in entry and entry["step"] == best), {})
    epochs = steps / method.steps_per_epoch(len(shown))
    trained = sum(weight.numel() for weight in trainer.model.parameters() if weight.requires_grad)
    adapter = sum(weight.numel() for name, weight in trainer.model.named_parameters() if "lora_" in name)
    total = trainer.model.num_parameters() - adapter
    _say(run, sealed[last], Text("Collecting diagnostics", "收集診斷資料"))
    usual = method.default_learning_rate(bool(method.lora_r), total < TINY)[0]
    return TrainingResult(
        checkpoint=sealed[best],
        kind="adapter" if method.lora_r else "model",
        parameters=ParameterCount(trainable=trained, total=total),
        training=TrainingFigures(
            steps=steps,
            epochs=round(epochs, 4),
            seconds=round(clock.seconds, 1),
            tokens=method.count_tokens(trainer, shown, epochs),
            tokens_per_second=trainer_speed(trainer, clock),
            **method.final_metrics(history, chosen),
            best_step=best,
        ),
        audit=rows.audit.summary(rows.fitted.summary(method.long_rows, method.max_length or LONGEST)),
        history=history,
        evidence=training_evidence(
            [row for row in rows.train if row.id not in rows.fitted.shortened],
            rows.audit,
            history,
            method.max_grad_norm,
            LearningRates(peak=method.learning_rate or 0.0, usual=usual),
            method.collect_evidence(trainer, rows.train, history, sealed[best]),
        ),
        environment=RunEnvironment(
            device=str(trainer.args.device),
            dtype=str(next(trainer.model.parameters()).dtype),
            torch_threads=torch.get_num_threads(),
            trainer_arguments=trainer.args.to_dict(),
        ),
    )
