"""What all trainers here share, and TRL's `SFTTrainer` with the loss computed only where there is one. Imported by
training jobs alone.

Most of the stock trainer's time on a CPU goes into the language-model head at prompt positions, which carry no loss.
Here the head sees the trained positions only: the same loss, the same gradients, a third of the time. On CUDA and XPU
TRL's own fused kernel already does that, so there its computation is left as it is.
"""

from __future__ import annotations

import errno
import math
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint as recomputed
from transformers import Trainer, TrainerCallback
from trl import SFTTrainer

from ...resources.foundation.errors import TrainingError
from ...resources.foundation.files import describing_disk_errors
from ...resources.foundation.language import Text
from ..compute.jobs.running import RunningJob
from ..compute.jobs.stopwatch import Stopwatch
from .checkpoints import LogEntry, keep_only, seal
from .method import Method

Batch = dict[str, Any]  # tensors, by the names that TRL's collators give them
_MASKED = -100
_DISK_IS_FULL = 2**20
_SECONDS_BETWEEN_REPORTS = 0.5
_LOGITS_AT_ONCE = 2**26  # 256 MiB of fp32 logits; more are computed in pieces and recomputed in the backward pass
_RESCALES_LOGITS = (
    "final_logit_softcapping",
    "logit_scale",
    "output_multiplier",
    "lm_head_multiplier",
    "logits_scaling",
)


class SealedTrainer(Trainer):
    """A trainer of TRL's whose checkpoints are sealed and whose rows come in an order that survives a kill.

    Arguments:
        keep: says which checkpoint steps to keep beside the newest, from the log history.
        batch, steps: of the plan, whatever share of them falls to this process: rows computed at once, and steps to an
            epoch. For several processes the training rows end with one more that teaches nothing.
    """

    def __init__(
        self,
        *args: Any,
        keep: Any = lambda history: set(),
        group_by_length: bool = True,
        batch: int | None = None,
        steps: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.group_by_length = group_by_length
        super().__init__(*args, **kwargs)
        self.keep = keep
        self.batch = batch or self.args.train_batch_size
        self.rows = len(self.train_dataset) - (self.accelerator.num_processes > 1)
        batches = -(-self.rows // (self.args.train_batch_size * self.accelerator.num_processes))
        self.steps_per_epoch = steps or max(1, -(-batches // self.args.gradient_accumulation_steps))
        self.tokens_seen = 0
        self.step_seconds = 0.0

    def all_tokens_seen(self) -> int:
        """The tokens that all processes have read together; each of them has to ask."""
        if self.accelerator.num_processes == 1:
            return self.tokens_seen
        return int(self.accelerator.reduce(torch.tensor(self.tokens_seen, device=self.args.device), "sum"))

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        # `self.train_dataset` has its length column, which `train_dataset` has lost by now.
        lengths = list(self.train_dataset["length"])[: self.rows] if self.group_by_length else [0] * self.rows
        order = LikeLengths(lengths, self.batch, self.args.seed, self._epoch)
        count = self.accelerator.num_processes
        return order if count == 1 else Shared(order, self.args.train_batch_size, count)

    def _epoch(self) -> int:
        """The epoch about to be read, also after a resume in the middle of one."""
        return int(self.state.global_step // self.steps_per_epoch)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """A version carries its own card; one in every checkpoint tells nobody anything."""

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        folder = Path(self.args.output_dir)
        with describing_disk_errors(folder):
            try:
                super()._save_checkpoint(model, trial)
            except Exception as error:
                if shutil.disk_usage(folder).free < _DISK_IS_FULL:  # the writers say so in words of their own
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
                raise
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            seal(folder / f"checkpoint-{self.state.global_step}")
            keep_only(folder, {self.state.global_step, *self.keep(self.state.log_history)})
        self.accelerator.wait_for_everyone()


class AnswerTrainer(SealedTrainer, SFTTrainer):
    """SFTTrainer with the loss at trained positions, batches of like length and sealed checkpoints.

    Arguments:
        answers: the label of each validation row, in the order of `eval_dataset`; none where answers are no labels.
        end_ids: the token ids generation stops at.
    """

    def __init__(self, *args: Any, answers: Sequence[str] = (), end_ids: Sequence[int] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.answers = list(answers)
        self.end_ids = torch.tensor(sorted(end_ids))
        self.only_trained_positions = self._can_skip_prompts()

    def _can_skip_prompts(self) -> bool:
        """Where the plain head gives the model's logits and no kernel of TRL's is faster."""
        config = self.model.config.get_text_config()
        rescaled = any(getattr(config, name, None) not in (None, 1.0) for name in _RESCALES_LOGITS)
        plain = self.args.loss_type == "nll" and self.compute_loss_func is None and self.label_smoother is None
        return (
            self.args.device.type in ("cpu", "mps")
            and plain
            and not rescaled
            and not self.aux_loss_enabled
            and not self.padding_free
        )

    def compute_loss(
        self, model: Any, inputs: Batch, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean negative log-likelihood of the trained tokens of the whole (accumulated) batch."""
        self.tokens_seen += int(inputs["attention_mask"].sum()) if model.training else 0
        if return_outputs or not self.only_trained_positions or self.accelerator.num_processes > 1:
            # Several processes sum their gradients where the wrapped model is called, and only there.
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        losses, right, wanted = self._score(inputs)
        count = wanted.sum() if num_items_in_batch is None else torch.as_tensor(num_items_in_batch)
        mode = "train" if self.model.training else "eval"
        self._metrics[mode]["mean_token_accuracy"].append(right.float().mean().item() if len(right) else 0.0)
        return losses.sum() / count.clamp(min=1)

    def _score(self, inputs: Batch) -> tuple[Any, Any, Any]:
        """The loss and the correctness of each trained token, and the mask (batch, length - 1) of where they stand.

        Padding stands on the right of causal attention, so no mask is needed to keep it out.
        """
        base = self.model.get_base_model() if hasattr(self.model, "peft_config") else self.model
        hidden = base.base_model(input_ids=inputs["input_ids"], use_cache=False).last_hidden_state
        labels = inputs["labels"][:, 1:]
        wanted = labels != _MASKED
        head = base.get_output_embeddings()

        def score(hidden: Any, answers: Any) -> tuple[Any, Any]:
            logits = head(hidden).float()
            return cross_entropy(logits, answers, reduction="none"), logits.argmax(-1) == answers

        trained, answers = hidden[:, :-1][wanted], labels[wanted]
        at_once = max(1, _LOGITS_AT_ONCE // head.weight.shape[0])
        if len(answers) <= at_once:
            return (*score(trained, answers), wanted)
        pieces = [
            recomputed(score, *piece, use_reentrant=False)
            for piece in zip(trained.split(at_once), answers.split(at_once), strict=True)
        ]
        losses, right = (torch.cat(parts) for parts in zip(*pieces, strict=True))
        return losses, right, wanted

    def _score_rows(self, inputs: Batch) -> tuple[float, int, Any]:
        """Summed loss, number of trained tokens, and for each row whether greedy decoding gives its answer.

        Greedy decoding gives exactly the answer when every token of it, its end of turn included, is the likeliest one
        after the true ones before it; so one forward pass tells what generation would.
        """
        labels = inputs["labels"][:, 1:]
        if self.only_trained_positions:
            losses, right, wanted = self._score(inputs)
            total = losses.sum()
            correct = torch.zeros_like(wanted).masked_scatter(wanted, right)
        else:
            outputs = self.model(**{**inputs, "use_cache": False}, fused_lm_head=True)
            wanted, correct, total = outputs.label_mask, outputs.is_top1.bool(), -outputs.log_probs.sum()
        ends = torch.isin(labels, self.end_ids.to(labels.device)) & wanted
        after_end = ends.cumsum(1) - ends.long() > 0
        return float(total), int(wanted.sum()), (correct | ~wanted | after_end).all(1)

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Loss on the validation rows, the share answered right, and for labels its mean over them (macro recall)."""
        rows = self.eval_dataset if eval_dataset is None else eval_dataset
        loss, hits = self.score_answers(rows)
        metrics = {f"{metric_key_prefix}_loss": loss, f"{metric_key_prefix}_exact": sum(hits) / max(len(hits), 1)}
        if counts := Counter(self.answers):
            right = Counter(answer for answer, hit in zip(self.answers, hits, strict=True) if hit)
            metrics[f"{metric_key_prefix}_recall"] = sum(right[label] / counts[label] for label in counts) / len(counts)
        self.log(metrics)
        self.control: Any = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def score_answers(self, rows: Any) -> tuple[float, list[bool]]:
        """The mean loss of the rows' answer tokens, and for each row whether greedy decoding gives its answer."""
        order = sorted(range(len(rows)), key=lambda index: -len(rows[index]["input_ids"]))
        size, count = self.args.per_device_eval_batch_size, self.accelerator.num_processes
        total, tokens = 0.0, 0
        hits = [False] * len(rows)
        self.model.eval()
        for start in range(0, len(order), size)[self.accelerator.process_index :: count]:
            indices = order[start : start + size]
            inputs = self._prepare_inputs(self.data_collator([rows[index] for index in indices]))
            with torch.no_grad(), self.compute_loss_context_manager():
                loss, trained, exact = self._score_rows(inputs)
            total, tokens = total + loss, tokens + trained
            for index, hit in zip(indices, exact.tolist(), strict=True):
                hits[index] = hit
        if count > 1:
            mine = torch.tensor([total, tokens, *hits], dtype=torch.float64, device=self.args.device)
            total, tokens, *summed = self.accelerator.reduce(mine, "sum").tolist()
            hits = [hit > 0 for hit in summed]
        return total / max(tokens, 1), hits


class LikeLengths(torch.utils.data.Sampler[int]):
    """Rows in batches of like length, the batches in random order; a function of seed and epoch alone.

    The stock sampler draws from the global generator, whose state at the beginning of an epoch is gone when a run
    resumes in its middle, and it walks from long rows to short ones. The longest row comes first, so that a lack of
    memory shows at once.
    """

    def __init__(self, lengths: list[int], batch_size: int, seed: int, epoch: Any) -> None:
        self.lengths, self.batch_size, self.seed, self.epoch = lengths, batch_size, seed, epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed + 1_000_003 * self.epoch())
        order = torch.randperm(len(self.lengths), generator=generator).tolist()
        window = self.batch_size * max(1, min(len(order) // (self.batch_size * 4), 50))
        batches: list[list[int]] = []
        for start in range(0, len(order), window):
            alike = sorted(order[start : start + window], key=lambda row: -self.lengths[row])
            batches += [alike[at : at + self.batch_size] for at in range(0, len(alike), self.batch_size)]
        whole, rest = batches[: len(order) // self.batch_size], batches[len(order) // self.batch_size :]
        shuffled = [whole[at] for at in torch.randperm(len(whole), generator=generator).tolist()]
        if shuffled:
            longest = max(range(len(shuffled)), key=lambda at: self.lengths[shuffled[at][0]])
            shuffled[0], shuffled[longest] = shuffled[longest], shuffled[0]
        yield from (row for batch in [*shuffled, *rest] for row in batch)


class Shared(torch.utils.data.Sampler[int]):
    """The same rows in the same order for several processes that take `batch` of them in turn. What is left over at the
    end is dealt out evenly and made up with the row that teaches nothing, so that each step holds what it would have
    held for one process."""

    def __init__(self, order: LikeLengths, batch: int, processes: int) -> None:
        self.order, self.batch, self.processes = order, batch, processes

    def __len__(self) -> int:
        together = self.batch * self.processes
        return -(-len(self.order) // together) * together

    def __iter__(self) -> Iterator[int]:
        rows, nothing = list(self.order), len(self.order)
        whole = len(rows) - len(rows) % (self.batch * self.processes)
        yield from rows[:whole]
        rest = rows[whole:]
        for process in range(self.processes if rest else 0):
            dealt = rest[process :: self.processes]
            yield from [*dealt, *[nothing] * (self.batch - len(dealt))]


class Reporter(TrainerCallback):
    """Writes progress, evaluates at the end of each epoch (before the first too where the method wants it), and saves
    often enough.

    Everything is asked for at the end of a step, evaluation before checkpoint: so a checkpoint of an epoch's last step
    holds that epoch's evaluation, and a run resumed from it chooses the same best step as one that was never stopped.
    """

    def __init__(
        self, method: Method, running: RunningJob, trainer: Any, steps_per_epoch: int, clock: Stopwatch
    ) -> None:
        self.method, self.running, self.trainer = method, running, trainer
        self.steps_per_epoch, self.clock = steps_per_epoch, clock
        self._reported = 0.0
        self._step_began = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.method.measured_before and self.trainer.eval_dataset is not None and not state.global_step:
            self.trainer.evaluate()

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.running.check_cancelled()
        self._step_began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.trainer.step_seconds += time.perf_counter() - self._step_began
        tokens = self.trainer.accelerator.num_processes * self.trainer.tokens_seen  # each reads about as many
        self.clock.count(tokens=tokens, step_seconds=self.trainer.step_seconds)
        last = state.global_step >= state.max_steps
        ends_epoch = state.global_step % self.steps_per_epoch == 0
        control.should_evaluate = ends_epoch and self.trainer.eval_dataset is not None
        control.should_save = last or self.method.saves_at(state.global_step, self.steps_per_epoch)
        control.should_log = control.should_log or last or ends_epoch

    def on_log(self, args: Any, state: Any, control: Any, logs: LogEntry | None = None, **kwargs: Any) -> None:
        if not logs or "loss" not in logs:
            return
        if not math.isfinite(logs["loss"]):
            raise TrainingError(
                Text(
                    f"The loss is {logs['loss']} at step {state.global_step}: the training has broken down.",
                    f"第 {state.global_step} 步的損失是 {logs['loss']}：訓練已經失控。",
                ),
                Text("Plan again with a learning rate a fifth as large.", "請用五分之一的學習率重新規劃。"),
                field="learning_rate",
            )
        done = state.global_step >= state.max_steps
        if not done and time.monotonic() - self._reported < _SECONDS_BETWEEN_REPORTS:
            return
        self._reported = time.monotonic()
        self.running.progress(
            state.global_step,
            state.max_steps,
            loss=round(logs["loss"], 5),
            learning_rate=logs.get("learning_rate"),
            tokens_per_second=round(self.clock.total("tokens") / max(self.clock.total("step_seconds"), 1e-9), 1),
            epoch=round(state.epoch, 3),
            **_rename_logs(logs, self.method.logged),
        )

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, float], **kwargs: Any) -> None:
        history = state.log_history
        if self.method.best_step(history) == state.global_step:
            control.should_save = True
        if self.method.stops_early(history):
            control.should_save = control.should_training_stop = True
        self.running.progress(state.global_step, state.max_steps, **_rename_logs(metrics, self.method.validated))


def _rename_logs(logs: LogEntry, names: Mapping[str, str]) -> dict[str, Any]:
    return {ours: round(float(logs[name]), 5) for name, ours in names.items() if logs.get(name) is not None}


def trainer_speed(trainer: Any, clock: Stopwatch) -> float | None:
    """Real (not padding) tokens per second of the training in all its runs, evaluations and checkpoints left out."""
    clock.count(tokens=trainer.all_tokens_seen(), step_seconds=trainer.step_seconds)
    seconds = clock.total("step_seconds")
    return round(clock.total("tokens") / seconds, 1) if seconds else None
