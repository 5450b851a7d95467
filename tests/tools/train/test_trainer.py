"""The fast path beside the stock trainer, in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlp_skills.tools.train.tokenise import tokenise

pytestmark = [pytest.mark.worker, pytest.mark.filterwarnings("ignore")]
ROWS = [
    {
        "prompt": [{"role": "user", "content": f"第{number}則：" + "營收成長" * (number % 7)}],
        "completion": [{"role": "assistant", "content": ("正面", "負面", "neutral")[number % 3]}],
    }
    for number in range(24)
]


@pytest.fixture
def base(tiny_model: Path) -> Path:
    return tiny_model


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def trainer(cls: Any, base: Path, output: Path, rows: Any, rate: float = 1e-2, epochs: int = 2, **rest: Any) -> Any:
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig

    arguments = SFTConfig(
        output_dir=str(output),
        per_device_train_batch_size=6,
        gradient_accumulation_steps=2,
        report_to="none",
        use_cpu=True,
        bf16=False,
        activation_checkpointing=False,
        num_train_epochs=epochs,
        learning_rate=rate,
        logging_steps=1,
        save_strategy="no",
        disable_tqdm=True,
        train_sampling_strategy="sequential",
    )
    return cls(
        model=AutoModelForCausalLM.from_pretrained(base),
        args=arguments,
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(base),
        **rest,
    )


def test_our_token_ids_and_labels_are_those_trl_makes_up_to_the_end_of_turn(base: Path, tmp_path: Path) -> None:
    from trl import SFTTrainer

    stock = trainer(SFTTrainer, base, tmp_path, ROWS)
    rows = [{"id": str(n), **row} for n, row in enumerate(ROWS)]
    whole = tokenise(rows, stock.processing_class, set())
    assert list(stock.train_dataset["input_ids"]) == [row.input_ids for row in whole]
    assert list(stock.train_dataset["labels"]) == [row.labels for row in whole]
    ours = tokenise(rows, stock.processing_class, {2})
    assert all(
        row.input_ids + stock.processing_class.encode("\n") == all_of_it.input_ids and row.trained[-1] == 2
        for row, all_of_it in zip(ours, whole, strict=True)
    )


@pytest.mark.parametrize("logits_at_once", [2**26, 3 * 512])
def test_losses_and_weights_are_those_of_the_stock_trainer(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logits_at_once: int
) -> None:
    import torch
    from trl import SFTTrainer

    from nlp_skills.tools.train import trainer as ours

    monkeypatch.setattr(ours, "_LOGITS_AT_ONCE", logits_at_once)
    monkeypatch.setattr(ours.AnswerTrainer, "_get_train_sampler", SFTTrainer._get_train_sampler)
    both = [trainer(cls, base, tmp_path, ROWS) for cls in (SFTTrainer, ours.AnswerTrainer)]
    assert both[1].only_trained_positions
    for one in both:
        one.train()
    losses = [[entry["loss"] for entry in one.state.log_history if "loss" in entry] for one in both]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5) and len(losses[0]) == 4 and losses[0][0] != losses[0][-1]
    for expected, found in zip(both[0].model.parameters(), both[1].model.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=2e-4)


def test_validation_counts_a_row_right_exactly_when_greedy_generation_says_its_answer(
    base: Path, tmp_path: Path
) -> None:
    import torch
    from datasets import Dataset

    from nlp_skills.tools.train.trainer import AnswerTrainer

    answers = ["negative" if n % 4 == 0 else "neutral" for n in range(len(ROWS))]
    rows = [
        {"id": str(n), "prompt": row["prompt"], "completion": [{"role": "assistant", "content": answer}]}
        for n, (row, answer) in enumerate(zip(ROWS, answers, strict=True))
    ]
    one = trainer(AnswerTrainer, base, tmp_path, rows, rate=3e-2, epochs=12, end_ids=[2], answers=answers)
    tokenised = tokenise(rows, one.processing_class, {2})
    one.train_dataset = Dataset.from_list(
        [{"input_ids": r.input_ids, "labels": r.labels, "length": 1} for r in tokenised]
    )
    one.group_by_length = False
    one.train()
    one.eval_dataset = one.train_dataset
    measured = one.evaluate()
    right = 0
    for row in tokenised:
        prompt = torch.tensor([row.input_ids[: row.start]])
        said = one.model.generate(prompt, max_new_tokens=12, do_sample=False, eos_token_id=2)[0, row.start :].tolist()
        right += said == row.trained[: row.trained.index(2) + 1]
    assert measured["eval_exact"] == pytest.approx(right / len(rows))
    assert 0 < right < len(rows)
    one.only_trained_positions = False  # as on CUDA, where TRL's own fused head computes the loss
    fused = one.evaluate()
    assert fused["eval_exact"] == measured["eval_exact"]
    assert fused["eval_loss"] == pytest.approx(measured["eval_loss"], rel=1e-5)


def test_row_order_depends_on_seed_and_epoch_alone_and_batches_hold_like_lengths() -> None:
    from nlp_skills.tools.train.trainer import LikeLengths

    lengths = [(7 * n) % 50 + 1 for n in range(101)]
    first, again, next_epoch = (list(LikeLengths(lengths, 8, 1, lambda epoch=epoch: epoch)) for epoch in (0, 0, 1))
    assert first == again != next_epoch
    assert sorted(first) == list(range(101))
    batches = [[lengths[row] for row in first[at : at + 8]] for at in range(0, 96, 8)]
    assert max(batches[0]) == 50
    assert sum(max(batch) - min(batch) for batch in batches) / len(batches) < 25
