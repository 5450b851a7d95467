"""TRL's `GRPOTrainer` with sealed checkpoints, an order of questions that survives a kill, and greedy validation.
Imported by training jobs alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from transformers import GenerationConfig
from trl import GRPOTrainer

from .reward import REWARDS, Reward
from .tokenise import TokenisedRow
from .trainer import Batch, SealedTrainer

_ROWS_AT_ONCE = 32


class Judge:
    """Rewards of answers to rows; one that was cut off would have gone on, and earns nothing.

    Arguments:
        weights: of the rewards, all 1 for None.
        rows: canonical rows by id.
        end_ids: the tokens at which an answer ends.
    """

    def __init__(
        self,
        rewards: Sequence[Reward],
        weights: Sequence[float] | None,
        rows: Mapping[str, Mapping[str, Any]],
        labels: Sequence[str],
        end_ids: Sequence[int],
    ) -> None:
        self.rewards, self.weights = list(rewards), list(weights or [1.0] * len(rewards))
        self.rows, self.labels, self.end_ids = rows, labels, set(end_ids)

    def functions(self) -> list[Any]:
        """For each reward the function that TRL calls with the answers to a batch."""
        return [self._function(reward) for reward in self.rewards]

    def _function(self, reward: Reward) -> Any:
        def score_completions(
            completions: list[list[dict[str, str]]], completion_ids: list[list[int]], id: list[str], **_rest: Any
        ) -> list[float]:
            return [
                self.score(reward, row, said[-1]["content"], tokens)
                for row, said, tokens in zip(id, completions, completion_ids, strict=True)
            ]

        score_completions.__name__ = reward.name
        return score_completions

    def score(self, reward: Reward, row: str, said: str, tokens: Sequence[int]) -> float:
        ended = bool(tokens) and tokens[-1] in self.end_ids
        if not ended:
            return 0.0
        try:
            value = float(reward.score(self.rows[row], said, self.labels))
            if not math.isfinite(value):
                raise ValueError(f"score gave {value}")
        except Exception as error:  # whatever a stranger's reward raises
            if refused := REWARDS.failed(type(reward), error):
                raise refused from error
            raise
        return value

    def total(self, row: str, said: str, tokens: Sequence[int]) -> float:
        return sum(
            weight * self.score(reward, row, said, tokens)
            for weight, reward in zip(self.weights, self.rewards, strict=True)
        )


class RewardTrainer(SealedTrainer, GRPOTrainer):
    """GRPOTrainer on questions whose answers a `judge` scores.

    Arguments:
        eval_rows: the validation questions; they are answered greedily, as a deployment answers.
    """

    def __init__(self, *args: Any, judge: Judge, eval_rows: Sequence[TokenisedRow], **kwargs: Any) -> None:
        super().__init__(*args, reward_funcs=judge.functions(), group_by_length=False, **kwargs)
        self.judge = judge
        self.eval_dataset: Any = list(eval_rows) or None
        self.eos_token_ids = sorted(judge.end_ids)  # where a deployment stops, and nowhere else
        self.generation_config.eos_token_id = self.generation_kwargs["eos_token_id"] = self.eos_token_ids

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        step = self.args.generation_batch_size // self.num_generations
        return Questions(
            self.rows,
            step,
            self.num_generations,
            self.num_iterations * self.args.steps_per_generation,
            self.args.seed,
            self._epoch,
        )

    def compute_loss(
        self, model: Any, inputs: Batch, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        self.tokens_seen += int(inputs["prompt_mask"].sum() + inputs["completion_mask"].sum())
        return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Mean reward of the greedy answers to the validation rows, and the share that the model ended by itself."""
        rows = sorted(self.eval_dataset, key=lambda row: (-row.context, row.id))
        pad = self.processing_class.pad_token_id
        greedy = GenerationConfig(
            max_new_tokens=self.max_completion_length,
            do_sample=False,
            pad_token_id=pad,
            eos_token_id=self.eos_token_ids,
        )
        was_training, earned, ended = self.model.training, 0.0, 0
        self.model.eval()
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            batch = rows[start : start + _ROWS_AT_ONCE]
            prompts = [row.input_ids[: row.start] for row in batch]
            width = max(map(len, prompts))
            ids = torch.tensor([[pad] * (width - len(one)) + one for one in prompts], device=self.args.device)
            mask = torch.tensor([[0] * (width - len(one)) + [1] * len(one) for one in prompts], device=self.args.device)
            with torch.no_grad(), self.compute_loss_context_manager():
                produced = self.model.generate(input_ids=ids, attention_mask=mask, generation_config=greedy)
            for row, tokens in zip(batch, produced[:, width:].tolist(), strict=True):
                end = next((at for at, token in enumerate(tokens) if token in self.judge.end_ids), None)
                kept = tokens if end is None else tokens[: end + 1]
                said = self.processing_class.decode(kept, skip_special_tokens=True)
                earned += self.judge.total(row.id, said, kept)
                ended += end is not None
        metrics = {f"{metric_key_prefix}_reward": earned / len(rows), f"{metric_key_prefix}_ended": ended / len(rows)}
        self._metrics["eval"].clear()
        self.log(metrics)
        self.model.train(was_training)
        self.control: Any = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


class Questions(torch.utils.data.Sampler[int]):
    """Row numbers as GRPOTrainer reads them: each question `answers` times in a row, and the questions of a step
    `repeats` times over. Their order is a function of seed and epoch alone, and the last step of an epoch is made up
    with the epoch's first questions, so that none is left out.
    """

    def __init__(self, rows: int, step: int, answers: int, repeats: int, seed: int, epoch: Any) -> None:
        self.rows, self.step, self.answers, self.repeats = rows, step, answers, repeats
        self.seed, self.epoch = seed, epoch

    def __len__(self) -> int:
        return -(-self.rows // self.step) * self.step * self.answers * self.repeats

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed + 1_000_003 * self.epoch())
        order = torch.randperm(self.rows, generator=generator).tolist()
        for start in range(0, self.rows, self.step):
            questions = [order[at % self.rows] for at in range(start, start + self.step)]
            for _ in range(self.repeats):
                for question in questions:
                    yield from [question] * self.answers
