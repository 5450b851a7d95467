"""Real (not padding) tokens per second of our training beside TRL's `SFTTrainer`, and the two losses on the same batches.

The demonstration's task and base model, LoRA of the same rank, one pinned thread, processor seconds (so that a busy
machine does not favour anybody), whole training loops with logging and checkpoints as each does them by default:

    defaults  SFTTrainer with SFTConfig's defaults: bf16, activation checkpointing, batches of 8
    tuned     SFTTrainer in fp32 without activation checkpointing, with our batch size
    ours      what `train` runs

Runs are interleaved. Exit status 1 where ours is not twice as fast as the defaults or a loss differs.
Run in the worker environment: `python benchmarks/training_throughput.py [--repeats 3] [--rows 400] [--json]`.
"""

from __future__ import annotations

import argparse
import csv
import gc
import json
import logging
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from nlp_skills.resources.foundation.files import dump_jsonl
from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.task import Prompt, Task, TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.server.demo import fixtures
from nlp_skills.server.demo.told import Told
from nlp_skills.tools.compute.jobs.running import RunningJob
from nlp_skills.tools.data.prompting import answer_of, chat_messages, default_prompt
from nlp_skills.tools.train.base_facts import read_base_model
from nlp_skills.tools.train.default_settings import resolve_settings
from nlp_skills.tools.train.method import make_method
from nlp_skills.tools.train.training_context import TrainingContext
from nlp_skills.tools.train.training_run import TrainingRun

WANTED_RATIO = 2.0
LOSS_TOLERANCE = 1e-4


class Silent(RunningJob):
    """A job that writes nothing: the stock trainer has no such files either."""

    def event(self, kind: str, **fields: Any) -> None: ...

    def draw(self) -> None: ...


def measure(base: Path, language: str, count: int, repeats: int) -> dict[str, Any]:
    """Median tokens per second of the three ways, their ratios, and the largest difference of losses."""
    rows, labels = demo_rows(language, count)
    speeds: dict[str, list[float]] = {"defaults": [], "tuned": [], "ours": []}
    ways: dict[str, Callable[[Path], Any]] = {
        "defaults": lambda folder: stock(base, rows, folder),
        "tuned": lambda folder: stock(
            base, rows, folder, bf16=False, activation_checkpointing=False, per_device_train_batch_size=16
        ),
        "ours": lambda folder: ours(base, rows, labels, folder),
    }
    difference = 0.0
    for _ in range(repeats):
        for name, build in ways.items():
            with tempfile.TemporaryDirectory() as folder:
                trainer = build(Path(folder))
                tokens = sum(len(ids) for ids in trainer.train_dataset["input_ids"])
                began = time.process_time()
                trainer.train()
                speeds[name].append(tokens / (time.process_time() - began))
                if name == "ours":
                    difference = max(difference, loss_difference(trainer))
                del trainer
                gc.collect()
    medians = {name: statistics.median(found) for name, found in speeds.items()}
    ratio = statistics.median(ours / stock for stock, ours in zip(speeds["defaults"], speeds["ours"], strict=True))
    return {
        "rows": len(rows),
        "tokens": tokens,
        "repeats": repeats,
        "tokens_per_cpu_second": {name: round(speed) for name, speed in medians.items()},
        "ratio_to_defaults": round(ratio, 2),
        "ratio_to_tuned": round(medians["ours"] / medians["tuned"], 2),
        "largest_loss_difference": difference,
    }


def demo_rows(language: str, count: int) -> tuple[list[dict[str, Any]], list[str]]:
    """The demonstration's first rows as chats."""
    source = files("nlp_skills.server.demo") / "data" / f"entity_sentiment.{language}.csv"
    found = list(csv.DictReader(source.read_text(encoding="utf-8").splitlines()))[:count]
    labels = sorted({row["label"] for row in found})
    task = Task(name="demo", type="entity-classification", language="zh-TW" if language == "zh-TW" else "en")
    prompt = default_prompt(task)
    return [
        {
            "id": str(number),
            "prompt": chat_messages(row, prompt, labels),
            "completion": [{"role": "assistant", "content": answer_of(row)}],
        }
        for number, row in enumerate(found)
    ], labels


def stock(base: Path, rows: list[dict[str, Any]], folder: Path, **changed: Any) -> Any:
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    arguments = SFTConfig(
        output_dir=str(folder),
        num_train_epochs=1,
        learning_rate=2e-3,
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
        **changed,
    )
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(base),
        args=arguments,
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(base),
        peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    return quiet(trainer)


def ours(base: Path, rows: list[dict[str, Any]], labels: list[str], folder: Path) -> Any:
    """The trainer `train` builds, on rows tokenised and audited as it does."""
    from transformers import set_seed

    from nlp_skills.tools.compute.jobs.stopwatch import Stopwatch
    from nlp_skills.tools.train.run_training import build_trainer
    from nlp_skills.tools.train.tokenise import load_tokenizer, tokenise

    facts = read_base_model(base)
    method = make_method("sft", {"base_model": str(base), "epochs": 1, "lora_r": 16, "learning_rate": 2e-3})
    context = TrainingContext(len(rows), 0, parameters=facts.parameters, context_tokens=facts.context)
    resolved, _ = resolve_settings(method, context)
    task = TaskFolder(folder)
    (folder / "rows.jsonl").write_bytes(dump_jsonl(rows))
    run = TrainingRun(
        task=Task(name="demo"),
        version=VersionFolder(task, 1),
        running=Silent(JobFolder(folder / "job"), task, by_hand=False),
        base_path=base,
        rendered=folder,
        labels=labels,
        prompt=Prompt(system="", user=""),
        threads=1,
    )
    tokenizer = load_tokenizer(base)
    set_seed(42)
    shown = tokenise(rows, tokenizer, {tokenizer.eos_token_id})
    return quiet(
        build_trainer(resolved, run, tokenizer, shown, [], [tokenizer.eos_token_id], Stopwatch(folder / "clock.json"))
    )


def quiet(trainer: Any) -> Any:
    from transformers import PrinterCallback, ProgressCallback

    for callback in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(callback)
    return trainer


def loss_difference(trainer: Any, batches: int = 10) -> float:
    """Largest difference between our loss and TRL's own, on the same batches of the trained model."""
    import torch
    from trl import SFTTrainer

    found = 0.0
    with torch.no_grad():
        for _, inputs in zip(range(batches), trainer.get_train_dataloader(), strict=False):
            here = float(trainer.compute_loss(trainer.model, dict(inputs)))
            there = float(SFTTrainer.compute_loss(trainer, trainer.model, dict(inputs)))
            found = max(found, abs(here - there))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, help="base model; the demonstration's if left out")
    parser.add_argument("--language", choices=["en", "zh-TW"], default="zh-TW")
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    base = options.base or fixtures.base_model(Path(sys.executable), Told())
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.environ.update(
        HF_HUB_OFFLINE="1",
        HF_HUB_DISABLE_TELEMETRY="1",
        TOKENIZERS_PARALLELISM="false",
        HF_DATASETS_DISABLE_PROGRESS_BARS="1",
        HF_HUB_DISABLE_PROGRESS_BARS="1",
    )
    import torch
    from datasets import disable_progress_bars

    torch.set_num_threads(1)
    disable_progress_bars()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    found = measure(base, options.language, options.rows, options.repeats)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print(f"{found['rows']} rows, {found['tokens']} tokens, 1 thread, {found['repeats']} runs each")
        for name, speed in found["tokens_per_cpu_second"].items():
            print(f"  {name:<10}{speed:>8,} tokens / CPU second")
        print(
            f"  ours / defaults {found['ratio_to_defaults']:.2f}   ours / tuned {found['ratio_to_tuned']:.2f}   "
            f"largest loss difference {found['largest_loss_difference']:.1e}"
        )
    return 0 if found["ratio_to_defaults"] >= WANTED_RATIO and found["largest_loss_difference"] < LOSS_TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
