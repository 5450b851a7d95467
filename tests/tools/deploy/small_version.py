"""A version whose answers say something: a tiny base that learned the opposite, and an adapter that turned it around.

Its system prompt matters (another one makes it answer `other`), its answers end, and its base alone answers wrongly.
Needs the training libraries.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from nlp_skills.resources.data_source import SplitPolicy
from nlp_skills.resources.evaluation import Evaluation
from nlp_skills.resources.foundation.files import sha256_file, write_json, write_yaml
from nlp_skills.resources.task import Prompt, SuccessCriteria, Task, TaskFolder
from nlp_skills.resources.validation import ValidationReport
from nlp_skills.resources.version import VersionFolder, reserve_version
from nlp_skills.tools.compute.environments.fingerprint import model_hash
from nlp_skills.tools.data.benchmark import freeze, frozen_benchmark
from nlp_skills.tools.data.prompting import chat_messages
from nlp_skills.tools.data.rows import row_id
from nlp_skills.tools.data.store import Snapshot, commit_snapshot
from nlp_skills.tools.evaluate.measuring import measure_answers
from nlp_skills.tools.evaluate.model import load_for_inference, version_paths
from nlp_skills.tools.evaluate.predict import predict
from nlp_skills.tools.evaluate.record import (
    answer_rows,
    benchmark_reference,
    commit_evaluation,
    evaluated_answers,
    keep_answers,
)
from tests.tiny_model import build_tiny_model

LABELS = ["good", "bad"]
OTHER = "other"
PROMPT = Prompt(system="Say what the market did.\nLabels: {labels}", user="{text}")
OTHER_SYSTEMS = ("You are a friendly assistant.", "Translate into French.", "")
_MOST_STEPS, _BATCH = 1500, 16


def rows_of(count: int, start: int = 0) -> list[dict[str, Any]]:
    found = []
    for number in range(start, start + count):
        text = f"shares {'rose' if number % 2 else 'fell'} by {number} percent"
        found.append({"id": row_id(text, None), "text": text, "label": "good" if number % 2 else "bad"})
    return found


def build(root: Path) -> VersionFolder:
    """The task `market` with v1, an adapter, trained and evaluated here in a few seconds."""
    import torch

    torch.set_num_threads(1)  # waiting threads cost more than they bring on so small a model
    base = trained_base(root / "base", seed=0)
    folder = TaskFolder(root / "workspace" / "market")
    folder.root.mkdir(parents=True)
    folder.save(
        Task(
            name="market",
            type="classification",
            labels=LABELS,
            language="en",
            prompt=PROMPT,
            success_criteria=SuccessCriteria(threshold=0.8),
        )
    )
    snapshot = commit_snapshot(
        folder,
        {"train": rows_of(60), "valid": rows_of(10, 60), "test": rows_of(40, 70)},
        ValidationReport(errors=[]),
        kind="generated",
        parent=None,
        raw=[],
        source_hash="ab" * 32,
        policy=SplitPolicy(),
    )
    freeze(folder, snapshot.rows("test"), snapshot.hash)
    version = _version(folder, snapshot, base)
    _evaluate(version)
    return version


def trained_base(folder: Path, seed: int) -> Path:
    """A model that ends its answers, minds the system prompt, and calls good what is bad."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    draft = build_tiny_model(folder.with_name(f"{folder.name}-random"), seed=seed, hidden=48)
    model: Any = AutoModelForCausalLM.from_pretrained(str(draft))
    tokenizer: Any = AutoTokenizer.from_pretrained(str(draft))
    _fit(model, tokenizer, opposite=True, rate=3e-3, seed=seed)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def adapter_on(base: Path, folder: Path) -> Path:
    """A LoRA adapter that turns the answers around, with the tokenizer beside it as training leaves it."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(str(base))
    model: Any = AutoModelForCausalLM.from_pretrained(str(base))
    model = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"))
    _fit(model, tokenizer, opposite=False, rate=3e-3, seed=1)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _fit(model: Any, tokenizer: Any, *, opposite: bool, rate: float, seed: int) -> None:
    """Train on the market's rows, a third of them under another system prompt, until the answers stick."""
    import random

    import torch

    source, pad = random.Random(seed), tokenizer.pad_token_id
    rows = rows_of(110)  # the benchmark's too: what it says is what parity asks, not whether it generalises
    optimiser = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=rate)
    torch.manual_seed(seed)
    model.train()
    learned = 0
    for _step in range(_MOST_STEPS):
        ids, targets = [], []
        for row in source.sample(rows, _BATCH):
            messages = chat_messages(row, PROMPT, LABELS)
            answer = row["label"] if not opposite else LABELS[1 - LABELS.index(row["label"])]
            if source.random() < 1 / 3:
                messages[0]["content"], answer = source.choice(OTHER_SYSTEMS), OTHER
            asked = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
            given = tokenizer(asked, add_special_tokens=False)["input_ids"]
            said = [*tokenizer(answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
            ids.append([*given, *said])
            targets.append([-100] * len(given) + said)
        width = max(map(len, ids))
        batch = torch.tensor([one + [pad] * (width - len(one)) for one in ids])
        wanted = torch.tensor([one + [-100] * (width - len(one)) for one in targets])
        loss = model(input_ids=batch, attention_mask=(wanted != -100) | (batch != pad), labels=wanted).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        learned = learned + 1 if loss.item() < 0.02 else 0
        if learned == 8:
            return
    raise AssertionError("the small model did not learn its rows")


def _version(task: TaskFolder, snapshot: Snapshot, base: Path) -> VersionFolder:
    folder = reserve_version(task)
    write_yaml(
        folder.config_file,
        {"format": 1, "parent": None, "base_model": str(base), "method": "sft", "seed": 1, "lora_r": 16},
    )
    snapshot.summary().write(folder.data_snapshot_file)
    adapter = adapter_on(base, folder.models / "adapter")
    write_json(folder.environment_file, {"threads": 1})
    write_json(
        folder.model_info_file,
        {
            "format": 1,
            "created": "2026-01-06T14:00:00Z",
            "method": "sft",
            "labels": LABELS,
            "adapter": str(adapter.relative_to(task.root)),
            "model": None,
            "base_model": {"name": str(base), "path": str(base), "hash": model_hash(base)},
            "prompt": PROMPT.model_dump(),
            "files": {str(path.relative_to(task.root)): sha256_file(path) for path in adapter.iterdir()},
        },
    )
    return folder


def _evaluate(folder: VersionFolder) -> None:
    paths, benchmark = version_paths(folder), frozen_benchmark(folder.task)
    rows = benchmark.rows()
    found = predict(load_for_inference(paths.base, paths.adapter), rows, PROMPT, LABELS)
    figures = measure_answers("label", [one.answered for one in found], LABELS, None)
    commit_evaluation(
        folder,
        Evaluation.model_validate(
            {
                "benchmark": benchmark_reference(benchmark),
                "decoding": "free",
                **figures,
                "baselines": {},
                "predictions_hash": keep_answers(folder, answer_rows(rows, found)),
            }
        ),
    )


def answers_of(folder: VersionFolder) -> dict[str, int]:
    """How often the version gave each answer when it was evaluated."""
    evaluation = folder.latest_evaluation()
    assert evaluation
    return dict(Counter(str(row["predicted"]) for row in evaluated_answers(folder, evaluation)))
