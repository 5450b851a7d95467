"""TRL's `DPOTrainer` with sealed checkpoints and exact validation figures. Imported by training jobs alone."""

from __future__ import annotations

from typing import Any

import torch
from trl import DPOTrainer

from .trainer import Batch, SealedTrainer


class PairTrainer(SealedTrainer, DPOTrainer):
    """DPOTrainer on pairs that were tokenised and audited before."""

    def _prepare_dataset(self, dataset: Any, *_rest: Any) -> Any:
        """The pairs as they are: TRL would tokenise them again and drop what it finds too long."""
        return dataset

    def compute_loss(
        self, model: Any, inputs: Batch, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        self.tokens_seen += int(inputs["attention_mask"].sum()) if model.training else 0
        return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Loss and rewards on the validation pairs, each pair counted alike whatever batch it stands in."""
        rows = self.eval_dataset
        size = self.args.per_device_eval_batch_size
        was_training, sums = self.model.training, dict[str, float]()
        self.model.eval()
        for start in range(0, len(rows), size):
            pairs = [rows[index] for index in range(start, min(start + size, len(rows)))]
            self._metrics["eval"].clear()
            with torch.no_grad(), self.compute_loss_context_manager():
                loss = self.compute_loss(self.model, self._prepare_inputs(self.data_collator(pairs)))
            batch = {
                "loss": float(loss),
                **{
                    name: values[-1]
                    for name, values in self._metrics["eval"].items()
                    if name.startswith(("rewards/", "logps/"))
                },
            }
            for name, value in batch.items():
                sums[name] = sums.get(name, 0.0) + value * len(pairs)
        self._metrics["eval"].clear()
        metrics = {f"{metric_key_prefix}_{name}": total / len(rows) for name, total in sums.items()}
        self.log(metrics)
        self.model.train(was_training)
        self.control: Any = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics
