"""What a running training tells and when it evaluates and saves. Imported by training jobs alone."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from ...resources.foundation.errors import TrainingError
from ...resources.foundation.language import Text
from ..compute.jobs.running import RunningJob
from ..compute.jobs.stopwatch import Stopwatch

if TYPE_CHECKING:
    from .fine_tuning import FineTuning

_SECONDS_BETWEEN_REPORTS = 0.5


class Reporter(TrainerCallback):
    """Writes progress, evaluates at the end of each epoch (before the first too where the method wants it), and saves
    often enough.

    Everything is asked for at the end of a step, evaluation before checkpoint: so a checkpoint of an epoch's last step
    holds that epoch's evaluation, and a run resumed from it chooses the same best step as one that was never stopped.
    """

    def __init__(
        self, method: FineTuning, running: RunningJob, trainer: Any, steps_per_epoch: int, clock: Stopwatch
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

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
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


def _rename_logs(logs: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {ours: round(float(logs[name]), 5) for name, ours in names.items() if logs.get(name) is not None}
